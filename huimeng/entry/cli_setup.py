"""What the first run needs: merchants, stores, API keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast, get_args

import typer
from rich.console import Console
from rich.table import Table

from huimeng.entry import cli_staff
from huimeng.entry.context import Context, open_context
from huimeng.entry.first_owner import first_owner
from huimeng.entry.terminal import folded
from huimeng.infra.database import Connection
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.times import utc_now
from huimeng.ledger.rules import Expiry, Unit
from huimeng.merchant import service
from huimeng.merchant.errors import RegionNotFound
from huimeng.merchant.rules import Industry, LegalForm, Scope, place_code
from huimeng.merchant.service.profile import get_region
from huimeng.merchant.values import ApiKeyInput, MerchantInput, StoreInput
from huimeng.points import service as earning
from huimeng.points.rules import Definition
from huimeng.points.service import RuleInput

merchants = typer.Typer(no_args_is_help=True)
stores = typer.Typer(no_args_is_help=True)
api_keys = typer.Typer(no_args_is_help=True)
rules = typer.Typer(no_args_is_help=True)
console = Console()

Code = Annotated[str, typer.Option("--code", help="代码，商户内唯一 / code")]
Name = Annotated[str, typer.Option("--name", help="名称 / name")]
Merchant = Annotated[str, typer.Option("--merchant", "-m", help="商户代码 / merchant code")]


def mount(app: typer.Typer) -> None:
    app.add_typer(merchants, name="merchant", help="商户 / merchants")
    app.add_typer(stores, name="store", help="门店 / stores")
    app.add_typer(cli_staff.app, name="staff", help="员工 / staff")
    app.add_typer(rules, name="rule", help="积分规则 / earning rules")
    app.add_typer(api_keys, name="api-key", help="API 密钥 / API keys")


@merchants.command("create")
def create_merchant(
    code: Code,
    name: Name,
    industry: Annotated[str, typer.Option(help=" | ".join(get_args(Industry)))] = "retail",
    legal_form: Annotated[str, typer.Option(help=" | ".join(get_args(LegalForm)))] = "individual",
    timezone: Annotated[str, typer.Option(help="IANA 时区 / time zone")] = "Asia/Shanghai",
    currency: Annotated[str, typer.Option(help="ISO 4217")] = "CNY",
    day_cut: Annotated[int, typer.Option(help="营业日切点，零点后分钟数 / minutes after midnight")] = 0,
) -> None:
    """新建商户 / a new merchant."""
    _one_of("industry", industry, get_args(Industry))
    _one_of("legal_form", legal_form, get_args(LegalForm))
    wanted = MerchantInput(
        code=code,
        name=name,
        industry=cast(Industry, industry),
        legal_form=cast(LegalForm, legal_form),
        timezone=timezone,
        currency=currency,
        day_cut_minutes=day_cut,
    )

    async def create(context: Context) -> None:
        merchant = await service.create_merchant(context.db, context.vault, wanted)
        console.print(f"商户已建 / created: {merchant.code} (id {merchant.merchant_id})")
        await first_owner(context.db, context.vault, merchant, console)

    _run(create)


@merchants.command("list")
def list_merchants() -> None:
    """所有商户 / all merchants."""

    async def show(context: Context) -> None:
        table = Table("id", "code", "name", "industry", "legal form", "timezone", "currency")
        async for m in service.every_merchant(context.db):
            table.add_row(str(m.merchant_id), m.code, m.name, m.industry, m.legal_form, m.timezone, m.currency)
        console.print(folded(table))

    _run(show)


@stores.command("create")
def create_store(
    merchant: Merchant,
    code: Code,
    name: Name,
    region: Annotated[str | None, typer.Option(help="区域代码，没有则新建 / region code, made when new")] = None,
    legal_entity: Annotated[str | None, typer.Option(help="法人主体 / legal entity")] = None,
    timezone: Annotated[str | None, typer.Option(help="不填随商户 / the merchant's when empty")] = None,
    day_cut: Annotated[int | None, typer.Option(help="如 240：凌晨四点前算前一天 / 240: the day ends at 04:00")] = None,
) -> None:
    """新建门店 / a new store."""
    wanted = StoreInput(
        code=code, name=name, region=region, legal_entity=legal_entity, timezone=timezone, day_cut_minutes=day_cut
    )

    async def create(context: Context) -> None:
        merchant_id = await service.find_merchant_id(context.db, merchant)
        async with context.db.tenant(merchant_id) as conn:
            if region is not None:
                await _have_region(conn, merchant_id, region)
            store = await service.create_store(conn, merchant_id, wanted)
        console.print(f"门店已建 / created: {store.code} {store.name} (id {store.store_id})")

    _run(create)


async def _have_region(conn: Connection, merchant_id: int, code: str) -> None:
    try:
        await get_region(conn, merchant_id, place_code("region", code))
    except RegionNotFound:
        await service.create_region(conn, merchant_id, code, code)


@rules.command("create")
def create_rule(
    merchant: Merchant,
    name: Name,
    points_per_yuan: Annotated[
        str,
        typer.Option(
            help="每元（商户币种的一个单位）得的积分，最多 4 位小数 / for one of the currency, up to 4 decimals"
        ),
    ] = "1",
    unit: Annotated[str, typer.Option(help="points 积分 | growth 成长值")] = "points",
    months: Annotated[int | None, typer.Option(help="有效月数，到月底；不填不过期 / valid months")] = None,
    since: Annotated[str | None, typer.Option(help="起始日 YYYY-MM-DD，不填为现在；导入历史用 / for history")] = None,
) -> None:
    """新建积分规则；条件与上限用接口设置 / a new earning rule; conditions and caps by the API."""
    units = {"points": Unit.POINTS, "growth": Unit.GROWTH}
    _one_of("unit", unit, tuple(units))
    rate = _rate(points_per_yuan)
    expiry = Expiry() if months is None else Expiry(kind="after", count=months, span="month", round_to="month")
    wanted = Definition(unit=units[unit], rate_e4=rate, expiry=expiry)

    async def create(context: Context) -> None:
        merchant_id = await service.find_merchant_id(context.db, merchant)
        begin = None if since is None else datetime.fromisoformat(since).replace(tzinfo=UTC)
        rule = RuleInput(name=name, definition=wanted, effective_from=begin)
        async with context.db.tenant(merchant_id) as conn:
            made = await earning.create_rule(conn, merchant_id, rule, actor="cli", now=utc_now())
        console.print(f"规则已建 / created: {name} (id {made.current.rule.rule_id})")

    _run(create)


def _rate(text: str) -> int:
    """Points for one of the currency x 10^4."""
    whole, _, part = text.partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 6 and len(part) <= 4 and (part or "0").isdigit()):
        raise InvalidInput("points_per_yuan", "a decimal with up to 4 places", "须是最多 4 位小数的数")
    return int(whole) * 10_000 + int(part.ljust(4, "0"))


@api_keys.command("create")
def create_api_key(
    merchant: Merchant,
    name: Annotated[str, typer.Option("--name", help="用途 / what it is for")] = "cli",
    scope: Annotated[list[str] | None, typer.Option("--scope", help="权限，可多次，不填为全部 / empty: all")] = None,
    days: Annotated[int | None, typer.Option("--days", help="有效天数 / valid for so many days")] = None,
    rate_limit: Annotated[
        int | None,
        typer.Option("--rate-limit", min=0, max=100_000, help="每秒请求数，0 为不限 / requests a second, 0: any"),
    ] = None,
) -> None:
    """新建 API 密钥，只显示这一次 / a new API key, shown this once."""
    scopes = scope or ["*"]
    for each in scopes:
        _one_of("scope", each, get_args(Scope))

    async def create(context: Context) -> None:
        merchant_id = await service.find_merchant_id(context.db, merchant)
        expires_at = None if days is None else utc_now() + timedelta(days=days)
        wanted = ApiKeyInput(name=name, scopes=cast(list[Scope], scopes), expires_at=expires_at, rate_limit=rate_limit)
        async with context.db.tenant(merchant_id) as conn:
            _, token = await service.create_api_key(conn, merchant_id, wanted)
        # Plain, so that KEY=$(huimeng api-key create -m demo) works.
        typer.echo(token)

    _run(create)


@api_keys.command("revoke")
def revoke_api_key(merchant: Merchant, key_id: int) -> None:
    """撤销 API 密钥 / revoke an API key."""

    async def revoke(context: Context) -> None:
        merchant_id = await service.find_merchant_id(context.db, merchant)
        async with context.db.tenant(merchant_id) as conn:
            await service.revoke_api_key(conn, merchant_id, key_id)
        console.print(f"已撤销 / revoked: {key_id}")

    _run(revoke)


@api_keys.command("list")
def list_api_keys(merchant: Merchant) -> None:
    """API 密钥（不含密文） / API keys, without their secrets."""

    async def show(context: Context) -> None:
        merchant_id = await service.find_merchant_id(context.db, merchant)
        table = Table("id", "name", "scopes", "created", "expires", "revoked", "last used")
        async with context.db.tenant(merchant_id) as conn:
            for key in await service.list_api_keys(conn, merchant_id, limit=service.EVERYTHING):
                moments = (key.created_at, key.expires_at, key.revoked_at, key.last_used_day)
                told = ["-" if each is None else str(each)[:16] for each in moments]
                table.add_row(str(key.key_id), key.name, " ".join(key.scopes), *told)
        console.print(folded(table))

    _run(show)


def _one_of(field: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidInput(field, f"one of {', '.join(known)}", f"可选：{'、'.join(known)}")


def _run(work: Callable[[Context], Coroutine[Any, Any, None]]) -> None:
    async def opened() -> None:
        async with open_context() as context:
            await work(context)

    asyncio.run(opened())
