"""Staff at the terminal: for the first days, and for an owner who can't get in any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, cast, get_args

import typer
from rich.console import Console
from rich.table import Table

from huimeng.entry.context import Context, open_context
from huimeng.entry.first_owner import hire, show_password
from huimeng.entry.terminal import folded
from huimeng.infra.audit import act_as, at_terminal
from huimeng.infra.database import Connection
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.times import utc_now
from huimeng.merchant.errors import StoreNotFound
from huimeng.merchant.rules import Role
from huimeng.merchant.service import EVERYTHING, find_merchant_id, load_stores
from huimeng.merchant.service import staff as service
from huimeng.merchant.service.passwords import PASSWORDS, one_time_password
from huimeng.merchant.values import StaffInput

app = typer.Typer(no_args_is_help=True)
console = Console()

Merchant = Annotated[str, typer.Option("--merchant", "-m", help="商户代码 / merchant code")]
Login = Annotated[str, typer.Option("--login", help="登录名 / login name")]


@app.command("create")
def create(
    merchant: Merchant,
    login: Login,
    name: Annotated[str, typer.Option("--name", help="姓名 / name")],
    role: Annotated[str, typer.Option("--role", help=" | ".join(get_args(Role)))] = "cashier",
    store: Annotated[
        list[str] | None, typer.Option("--store", help="门店代码，可多次，不填为全部 / empty: all")
    ] = None,
    phone: Annotated[str | None, typer.Option("--phone", help="手机号，也可用来登录 / logs in too")] = None,
) -> None:
    """新建员工，一次性密码只显示这一次 / a new member of staff; the one-time password is shown this once."""
    if role not in get_args(Role):
        raise InvalidInput("role", f"one of {', '.join(get_args(Role))}", f"可选：{'、'.join(get_args(Role))}")

    async def made(context: Context) -> None:
        merchant_id = await find_merchant_id(context.db, merchant)
        stores = None
        if store:
            async with context.db.tenant(merchant_id) as conn:
                stores = await _stores(conn, merchant_id, store)
        wanted = StaffInput(login=login, name=name, role=cast(Role, role), stores=stores, phone=phone)
        password = await hire(context.db, context.vault, merchant_id, wanted)
        show_password(console, merchant, login, password)

    _run(made)


async def _stores(conn: Connection, merchant_id: int, codes: list[str]) -> list[int]:
    known = (await load_stores(conn, merchant_id)).by_code
    for code in codes:
        if code not in known:
            raise StoreNotFound(code)
    return [known[code].store_id for code in codes]


@app.command("reset-password")
def reset_password(merchant: Merchant, login: Login) -> None:
    """给出新的一次性密码并结束其所有会话 / a new one-time password; every session of this person ends."""

    async def reset(context: Context) -> None:
        merchant_id = await find_merchant_id(context.db, merchant)
        password = one_time_password()
        hashed = await PASSWORDS.hash(password)
        async with context.db.tenant(merchant_id) as conn:
            found = await service.find_staff(conn, merchant_id, login)
            await service.reset_password(
                conn, merchant_id, found.staff_id, power=service.EVERYTHING, password_hash=hashed, now=utc_now()
            )
        show_password(console, merchant, found.login, password)

    _run(reset)


@app.command("unlock")
def unlock(merchant: Merchant, login: Login) -> None:
    """解除锁定，可立即再试 / lift a lock, so that the next try is admitted."""

    async def lift(context: Context) -> None:
        merchant_id = await find_merchant_id(context.db, merchant)
        async with context.db.tenant(merchant_id) as conn:
            found = await service.find_staff(conn, merchant_id, login)
            await service.unlock_staff(conn, merchant_id, found.staff_id, power=service.EVERYTHING)
        console.print(f"已解锁 / unlocked: {found.login}")

    _run(lift)


@app.command("list")
def list_staff(merchant: Merchant) -> None:
    """员工列表 / who works here."""

    async def show(context: Context) -> None:
        merchant_id = await find_merchant_id(context.db, merchant)
        table = Table("id", "login", "name", "role", "stores", "active", "locked until", "last log-in")
        async with context.db.tenant(merchant_id) as conn:
            for each in await service.list_staff(conn, merchant_id, limit=EVERYTHING):
                stores = "*" if each.stores is None else " ".join(map(str, each.stores))
                moments = ["-" if at is None else str(at)[:16] for at in (each.locked_until, each.last_login_at)]
                active = "yes" if each.active else "no"
                table.add_row(str(each.staff_id), each.login, each.name, each.role, stores, active, *moments)
        console.print(folded(table))

    _run(show)


def _run(work: Callable[[Context], Coroutine[Any, Any, None]]) -> None:
    async def opened() -> None:
        act_as(at_terminal())
        async with open_context() as context:
            await work(context)

    asyncio.run(opened())
