"""The command line: what an owner, a provider or a developer does at a terminal."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import date, datetime
from types import FrameType
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from huimeng import __version__
from huimeng.analytics.service.rebuilding import rebuild_figures
from huimeng.checkout.service import verify_earnings
from huimeng.entry import cli_import, cli_report, cli_setup, cli_status
from huimeng.entry.context import Context, open_context
from huimeng.entry.terminal import folded
from huimeng.infra.audit import act_as, at_terminal
from huimeng.infra.audit.sealing import seal_days
from huimeng.infra.audit.verifying import Finding, gone, seal_of
from huimeng.infra.audit.verifying import verify as verify_audit
from huimeng.infra.audit.witness import Witnesses, agrees, bear_witness
from huimeng.infra.logs import configure_logging
from huimeng.infra.settings import Settings
from huimeng.infra.verified import Verified, keep_verified
from huimeng.kernel.errors import BusinessError
from huimeng.kernel.times import utc_now
from huimeng.ledger.service import Difference, close_days, expire, verify
from huimeng.merchant.service import every_merchant, find_merchant_id

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="会盟 Huimeng: 会员联盟管理系统 / member alliance management",
)
cli_setup.mount(app)
app.add_typer(cli_import.app, name="import", help="导入会员与订单 / import members and orders")
app.command("status")(cli_status.status)
app.command("report")(cli_report.report)
console = Console()
T = TypeVar("T")

MerchantCode = Annotated[str, typer.Option("--merchant", "-m", help="商户代码 / merchant code; 不填为全部 empty: all")]


@app.command()
def run(
    demo: Annotated[bool, typer.Option("--demo", help="首次运行先导入公开示例数据 / import public demo data")] = False,
) -> None:
    """启动服务 / serve until Ctrl-C."""
    from huimeng.entry.run import run as serve

    serve(Settings.from_env(), console, demo=demo)


@app.command()
def version() -> None:
    """版本 / version."""
    console.print(f"会盟 Huimeng {__version__}")


@app.command("verify")
def verify_command(
    merchant: MerchantCode = "",
    day: Annotated[str, typer.Option("--day", help="只查一个记账日（UTC） / one booking day, YYYY-MM-DD")] = "",
    audit: Annotated[bool, typer.Option("--audit", help="只查审计日志 / the audit log only")] = False,
    print_seal: Annotated[
        bool,
        typer.Option(
            "--print-seal", help="印出最新日封（或 --day 那天的），请另行保存 / the newest seal, to be kept elsewhere"
        ),
    ] = False,
) -> None:
    """从流水重算每个余额、批次与合计，并核对审计日志 / recompute everything from the transfers, and the audit log."""
    booked_on = _day(day)

    async def check(context: Context) -> int:
        wrong = 0
        started = time.monotonic()
        witnesses = Witnesses(context.settings.data_dir)
        seen = witnesses.merchants()
        merchants = await _merchants(context, merchant)
        with _bar() as bar:
            for merchant_id, code in merchants:
                found: list[Difference] = []
                if not audit:
                    found += await _verify_book(context, merchant_id, code, booked_on, bar)
                if audit or booked_on is None:
                    found += await _verify_log(context, merchant_id, code, bar)
                wrong += _report(code, found)
        if not merchant and (audit or booked_on is None):
            wrong += _report("-", _told(gone(witnesses, seen, dict(merchants))))
        # Whatever is found counts at once; only a look at everything says that all is well again.
        if wrong or not (merchant or booked_on or audit):
            seconds = round(time.monotonic() - started, 1)
            keep_verified(context.settings.data_dir, Verified(utc_now(), seconds, len(merchants), wrong))
        if print_seal:
            await _print_seals(context, merchant, booked_on)
        return wrong

    if _run(check):
        raise typer.Exit(1)
    console.print(f"[bold green]OK[/] {_RIGHT_LOG if audit else _RIGHT}")


_RIGHT = "账目全部正确 / everything adds up"
_RIGHT_LOG = "审计日志完整无改动 / the audit log is whole and unchanged"


async def _verify_book(
    context: Context, merchant_id: int, code: str, booked_on: date | None, bar: Progress
) -> list[Difference]:
    task = bar.add_task(code, total=None)

    def told(step: str, done: int, total: int) -> None:
        bar.update(task, description=f"{code} {step}", completed=done, total=total)

    found = await verify(context.db, merchant_id, booked_on, told)
    if booked_on is None:
        lost = await verify_earnings(context.db, merchant_id)
        found += [Difference("order_earning", each, None, None) for each in lost]
    return found


async def _verify_log(context: Context, merchant_id: int, code: str, bar: Progress) -> list[Difference]:
    task = bar.add_task(f"{code} audit", total=None)
    witnesses = Witnesses(context.settings.data_dir)
    if await agrees(context.db, witnesses, merchant_id):
        # Days are sealed by `huimeng run`. Where it did not run for days they are late, and nothing was taken away.
        await seal_days(context.db, merchant_id)
    found = await verify_audit(
        context.db,
        merchant_id,
        lambda done, total: bar.update(task, completed=done, total=max(total, 1)),
        witness=witnesses.find(merchant_id),
    )
    if not found:
        await bear_witness(context.db, witnesses, merchant_id)
    return _told(found)


def _told(found: list[Finding]) -> list[Difference]:
    return [Difference(each.check, each.where, each.stored, each.computed) for each in found]


async def _print_seals(context: Context, merchant: str, day: date | None) -> None:
    for merchant_id, code in await _merchants(context, merchant):
        sealed = await seal_of(context.db, merchant_id, day)
        # One plain line each, to be printed or mailed; a table would break the seal in two.
        told = "-" if sealed is None else f"{sealed.day} {sealed.last_seq} {sealed.seal}"
        typer.echo(f"{code} {told}")


def _report(code: str, found: list[Difference]) -> int:
    if found:
        table = Table("check", "where", "stored", "computed", title=f"{code}: {len(found)} 处不符 differences")
        for each in found[:50]:
            table.add_row(each.check, str(each.where), str(each.stored), str(each.computed))
        console.print(folded(table))
        for check in dict.fromkeys(each.check for each in found):
            if check in _HINTS:
                zh, en = _HINTS[check]
                console.print(f"{check}: {zh}\n{en}")
    return len(found)


_HINTS = {
    "audit_seal": (
        "某天的封存缺失或不符。如果 huimeng run 停了几天，请启动它，两分钟后再核对：迟了的日子会补封。",
        "A day's seal is missing or not right. Had `huimeng run` not run for days, start it and verify again after two "
        "minutes: it seals what is late.",
    ),
    "audit_witness": (
        "日志缺少数据目录上次记下的内容，或与之不同。"
        "恢复了较早的备份后会这样：见 docs/operations.md 的 Backup and restore。",
        "The log lacks, or has otherwise, what was there when the data folder was last told. After an older backup was "
        "restored that is so: see docs/operations.md, Backup and restore.",
    ),
}


@app.command("expire")
def expire_command(merchant: MerchantCode = "") -> None:
    """处理到期积分，可随时重复执行 / write off what is no longer valid; run it as often as you like."""

    async def write_off(context: Context) -> None:
        for merchant_id, code in await _merchants(context, merchant):
            amount = await expire(context.db, context.teller, merchant_id)
            console.print(f"{code}: {amount}")

    _run(write_off)


@app.command("rebuild-figures")
def rebuild_command(merchant: MerchantCode = "") -> None:
    """按订单重算经营数据 / make the figures anew from the orders."""

    async def anew(context: Context) -> None:
        for merchant_id, code in await _merchants(context, merchant):
            rows, transfers = await rebuild_figures(context.db, merchant_id)
            console.print(f"{code}: {rows:,} + {transfers:,}")

    _run(anew)


@app.command("close-days")
def close_days_command(merchant: MerchantCode = "") -> None:
    """日结：汇总已结束的记账日 / sum up the booking days that are over."""

    async def close(context: Context) -> None:
        for merchant_id, code in await _merchants(context, merchant):
            days = await close_days(context.db, merchant_id)
            console.print(f"{code}: {', '.join(str(day) for day in days) or '-'}")

    _run(close)


async def _merchants(context: Context, code: str) -> list[tuple[int, str]]:
    if code:
        return [(await find_merchant_id(context.db, code), code)]
    return [(merchant.merchant_id, merchant.code) async for merchant in every_merchant(context.db)]


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  (a calendar day has no zone)
    except ValueError as error:
        raise typer.BadParameter("YYYY-MM-DD") from error


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


def _run(work: Callable[[Context], Coroutine[Any, Any, T]]) -> T:
    async def opened() -> T:
        async with open_context() as context:
            return await work(context)

    return asyncio.run(opened())


def main() -> None:
    """The entry point: a refusal is told in words, without a traceback."""
    signal.signal(signal.SIGTERM, _end)
    act_as(at_terminal())
    configure_logging(logging.WARNING, faults=False)
    try:
        app()
    except BusinessError as error:
        Console(stderr=True).print(f"[bold red]{error.text('zh')}[/]\n{error.text('en')}  ({error.code})")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _end(number: int, frame: FrameType | None) -> None:
    # A normal exit, so that the embedded database is left in order.
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
