"""`huimeng import members|orders FILE`: a merchant's own files, with progress; bad rows go to a file of their own."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from huimeng.entry.context import Context, open_context
from huimeng.entry.progress import Bars
from huimeng.kernel.errors import BusinessError
from huimeng.kernel.times import utc_now
from huimeng.merchant.service import find_merchant_id
from huimeng.points.service import list_rules
from huimeng.porting.service import ImportOptions, ImportResult, import_members, import_orders

app = typer.Typer(
    help="导入会员与订单(CSV) / Import members and orders from CSV files.",
    no_args_is_help=True,
)

# Rows were left out: neither a success nor a failure of the import.
ROWS_LEFT_OUT = 3

_COUNTS = {
    "created": "新增 created",
    "linked": "补全 linked to known members",
    "unchanged": "不变 unchanged",
    "conflict": "冲突 conflicts",
    "refused": "未导入 refused",
    "openings_created": "期初余额 opening balances",
    "members_created": "新建会员 members created",
    "stores_created": "新建门店 stores created",
}


class UnknownMember(StrEnum):
    """What becomes of an order whose member is not known."""

    error = "error"
    create = "create"
    anonymous = "anonymous"


_File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV 文件 / the CSV file")]
_Merchant = Annotated[str, typer.Option("--merchant", "-m", help="商户代码 / merchant code")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="只核对,不写入 / check only, write nothing")]
_Timezone = Annotated[
    str | None,
    typer.Option(
        "--source-timezone",
        help="没有时区的时间属于哪个时区,默认为商户或门店的 / zone of times that have none, such as UTC",
    ),
]
_Errors = Annotated[
    Path | None, typer.Option("--errors", help="错误行写入此文件 / where bad rows go; beside the input by default")
]
_Json = Annotated[bool, typer.Option("--json", help="结果以 JSON 输出 / print the result as JSON")]


@app.command()
def members(
    file: _File,
    merchant: _Merchant,
    dry_run: _DryRun = False,
    source_timezone: _Timezone = None,
    errors: _Errors = None,
    as_json: _Json = False,
) -> None:
    """会员及期初余额 / Members with the balances they bring along; importing again changes nothing."""
    options = ImportOptions(dry_run=dry_run, source_timezone=source_timezone, error_file=errors)
    _finish(_run("members", file, merchant, options), as_json)


@app.command()
def orders(
    file: _File,
    merchant: _Merchant,
    dry_run: _DryRun = False,
    earn: Annotated[
        bool, typer.Option("--earn/--no-earn", help="历史订单是否累积积分 / whether the orders earn points and growth")
    ] = True,
    create_stores: Annotated[
        bool, typer.Option("--create-stores", help="自动建立缺少的门店 / create stores that are not known")
    ] = False,
    unknown_member: Annotated[
        UnknownMember, typer.Option("--unknown-member", help="会员不存在时 / when the member is not known")
    ] = UnknownMember.error,
    source: Annotated[
        str, typer.Option("--source", help="来源系统;订单号在同一来源内唯一 / the system the order numbers come from")
    ] = "import",
    source_timezone: _Timezone = None,
    errors: _Errors = None,
    as_json: _Json = False,
) -> None:
    """订单,一行一件商品 / Orders, a row for each line; after a break the same command goes on where it was."""
    options = ImportOptions(
        dry_run=dry_run,
        earn=earn,
        create_stores=create_stores,
        unknown_member=unknown_member.value,
        source=source,
        source_timezone=source_timezone,
        error_file=errors,
    )
    _finish(_run("orders", file, merchant, options), as_json)


async def show_demo(context: Context, console: Console) -> None:
    """Brings in the demo merchant and tells about it; after a break it goes on where it was."""
    from huimeng.entry.demo import MERCHANT_NAME, load_demo

    console.print(f"正在准备示例数据 / preparing the demo: {MERCHANT_NAME}", highlight=False)
    with Bars(console) as bars:
        members_result, orders_result = await load_demo(context, bars.watch("会员 members"), bars.watch("订单 orders"))
    console.print(summary(members_result), summary(orders_result))


def _run(kind: str, file: Path, merchant: str, options: ImportOptions) -> ImportResult:
    console = Console(stderr=True)
    try:
        return asyncio.run(_import(kind, file, merchant, options, console))
    except BusinessError as error:
        console.print(f"[red]{error.text('zh')}[/]\n{error.text('en')}", highlight=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        console.print("已中断;再次运行同一命令即从断点继续 / interrupted; the same command goes on from here")
        raise typer.Exit(130) from None


_NO_RULES = (
    "[yellow]还没有积分规则,导入的订单不产生积分 / there is no earning rule, so the orders earned nothing[/]\n"
    "  huimeng rule create --merchant … --name … --points-per-yuan 1 --since 2017-01-01"
)


async def _import(kind: str, file: Path, merchant: str, options: ImportOptions, console: Console) -> ImportResult:
    work = import_members if kind == "members" else import_orders
    async with open_context(importing=True) as context:
        merchant_id = await find_merchant_id(context.db, merchant)
        here = msgspec.structs.replace(options, work_dir=context.settings.data_dir / "import")
        with Bars(console) as bars:
            result = await work(context, merchant_id, file, here, bars.watch(file.name))
        if kind == "orders" and options.earn:
            async with context.db.reader(merchant_id) as conn:
                if not await list_rules(conn, merchant_id, now=utc_now(), limit=1):
                    console.print(_NO_RULES)
        return result


def _finish(result: ImportResult, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(result, enc_hook=str).decode())
    else:
        Console().print(summary(result))
    if result.error_file is not None:
        raise typer.Exit(ROWS_LEFT_OUT)


def summary(result: ImportResult) -> Table:
    """What a shopkeeper reads at the end of an import."""
    title = "核对结果 dry run, nothing written" if result.dry_run else "导入结果 import"
    table = Table(title=title + (" (续 resumed)" if result.resumed else ""), show_header=False)
    table.add_row("行 rows", f"{result.rows:,}")
    table.add_row("错误行 bad rows", f"{result.bad_rows:,}")
    for name, count in result.counts.items():
        if count or name in ("created", "unchanged", "conflict"):
            table.add_row(_COUNTS.get(name, name), f"{count:,}")
    if result.unknown_columns:
        table.add_row("未用的列 columns not used", ", ".join(result.unknown_columns))
    if result.error_file is not None:
        table.add_row("错误文件 error file", str(result.error_file))
    table.add_row("用时 seconds", f"{result.seconds:.1f}")
    return table
