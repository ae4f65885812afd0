"""The first person of a merchant: an owner with a one-time password, shown once."""

from __future__ import annotations

from rich.box import DOUBLE
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from huimeng.infra.audit import act_as, at_terminal
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database
from huimeng.kernel.times import utc_now
from huimeng.merchant import service
from huimeng.merchant.rules.people import ONE_TIME_PASSWORD_FOR
from huimeng.merchant.service.passwords import PASSWORDS, one_time_password
from huimeng.merchant.service.staff import EVERYTHING, create_staff, has_staff
from huimeng.merchant.values import Merchant, StaffInput

LOGIN = "owner"


async def hire(db: Database, vault: Vault, merchant_id: int, wanted: StaffInput) -> str:
    """A new member of staff's one-time password; what create_staff raises."""
    password = one_time_password()
    hashed = await PASSWORDS.hash(password)
    act_as(at_terminal())
    async with db.tenant(merchant_id) as conn:
        keys = await service.merchant_keys(conn, vault, merchant_id)
        await create_staff(conn, keys, wanted, power=EVERYTHING, password_hash=hashed, now=utc_now())
    return password


async def owners_of_the_new(db: Database, vault: Vault, console: Console) -> None:
    """Every merchant without staff gets its owner, whose password is told now and never again."""
    async for merchant in service.every_merchant(db):
        async with db.tenant(merchant.merchant_id) as conn:
            known = await has_staff(conn, merchant.merchant_id)
        if not known:
            await first_owner(db, vault, merchant, console)


async def first_owner(db: Database, vault: Vault, merchant: Merchant, console: Console) -> None:
    wanted = StaffInput(login=LOGIN, name=owner_called(merchant.name), role="owner")
    password = await hire(db, vault, merchant.merchant_id, wanted)
    show_password(console, merchant.code, LOGIN, password)


def owner_called(merchant: str) -> str:
    """Until they say who they are: in the language that the merchant has its name in."""
    return "店主" if any("\u4e00" <= sign <= "\u9fff" for sign in merchant) else "Owner"


def show_password(console: Console, merchant: str, login: str, password: str) -> None:
    text = Text()
    rows = (("商户 merchant", merchant), ("登录名 login", login), ("一次性密码 one-time password", password))
    for name, value in rows:
        text.append(f"{name}: ")
        text.append(f"{value}\n", style="bold")
    days = ONE_TIME_PASSWORD_FOR.days
    text.append(f"\n只显示这一次，{days} 天内有效，首次登录须修改。\n")
    text.append(f"Shown this once, good for {days} days, to be changed at the first log-in.")
    console.print(Panel(text, title="登录 / log in", box=DOUBLE, border_style="yellow", expand=False, padding=(1, 2)))
