"""`huimeng import members|orders FILE`: a merchant's own files, with progress; bad rows go to a file of their own."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from huimeng.entry.context import Context, open_context
from huimeng.entry.progress import Bars
from huimeng.entry.terminal import folded
from huimeng.infra import metrics
from huimeng.infra.tracing import start_tracing
from huimeng.kernel.errors import BusinessError
from huimeng.kernel.times import utc_now
from huimeng.merchant.service import find_merchant_id
from huimeng.points.service import list_rules
from huimeng.porting.rules.words import TOLD_STATUSES
from huimeng.porting.service import ImportOptions, ImportResult, import_members, import_orders
from huimeng.porting.store.faults_file import read_faults

app = typer.Typer(
    help="导入会员与订单（CSV、Excel） / Import members and orders from CSV and Excel files.",
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
    "returns": "其中退货单，不算订单 of them returns, no orders",
    "refunds_created": "退款 refunds",
    "refunds_unchanged": "退款不变 refunds unchanged",
    "refunds_refused": "退款未导入 refunds refused",
    "left_out": "未完成的订单，未导入 orders not completed, left out",
    "birthdays_left_out": "没有年份的生日，未带入 birthdays without a year, left out",
    "masked_numbers": "号码打了星号，按没有号码 masked numbers, taken as none",
    "no_rows": "合计等非数据行 totals and the like, left out",
}
# What helps against a reason, by its code; WORD is one of the file's.
_OPTIONS = {
    "unknown_store": "--create-stores",
    "unknown_member": "--unknown-member create | anonymous",
    "ambiguous_date": "--date-order mdy | dmy",
    "unknown_status": "--status WORD=completed",
    "refund_amount_missing": "--status 部分退款=completed",
}
_PLATFORMS = {"taobao": "淘宝 Taobao", "douyin": "抖音 Douyin"}


class UnknownMember(StrEnum):
    """What becomes of an order whose member is not known."""

    error = "error"
    create = "create"
    anonymous = "anonymous"


class DateOrder(StrEnum):
    """Which of 01/02/2024 is the month."""

    mdy = "mdy"
    dmy = "dmy"


_File = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV 或 xlsx 文件 / the CSV or .xlsx file")
]
_Merchant = Annotated[str, typer.Option("--merchant", "-m", help="商户代码 / merchant code")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="只核对，不写入 / check only, write nothing")]
_Timezone = Annotated[
    str | None,
    typer.Option(
        "--source-timezone",
        help="没有时区的时间属于哪个时区，默认为商户或门店的 / zone of times that have none, such as UTC",
    ),
]
_Errors = Annotated[
    Path | None, typer.Option("--errors", help="错误行写入此文件 / where bad rows go; beside the input by default")
]
_Sheet = Annotated[
    str | None,
    typer.Option("--sheet", help="Excel 的工作表名，默认第一个合适的 / the sheet, the first fitting by default"),
]
_Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help="列名=字段，可多次；按来源记住，字段 - 表示不用 / COLUMN=FIELD, kept for the source; - leaves it out",
    ),
]
_Status = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        help=f"状态的说法=含义，可多次；按来源记住 / WORD=MEANING of a status, kept for the source; "
        f"{', '.join(TOLD_STATUSES)}",
    ),
]
_Source = Annotated[
    str, typer.Option("--source", help="来源系统；订单号在同一来源内唯一 / the system that the file comes from")
]
_Dates = Annotated[
    DateOrder | None,
    typer.Option("--date-order", help="01/02/2024 是月/日还是日/月 / how dates such as 01/02/2024 are meant"),
]
_Json = Annotated[bool, typer.Option("--json", help="结果以 JSON 输出 / print the result as JSON")]


@app.command()
def members(
    file: _File,
    merchant: _Merchant,
    dry_run: _DryRun = False,
    source: _Source = "import",
    sheet: _Sheet = None,
    columns: _Map = None,
    date_order: _Dates = None,
    source_timezone: _Timezone = None,
    errors: _Errors = None,
    as_json: _Json = False,
) -> None:
    """会员及期初余额 / Members with the balances they bring along; importing again changes nothing."""
    options = ImportOptions(
        dry_run=dry_run,
        source=source,
        sheet=sheet,
        mapping=_mapping(columns),
        date_order=date_order.value if date_order else "",
        source_timezone=source_timezone,
        error_file=errors,
    )
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
    source: _Source = "import",
    with_file: Annotated[
        Path | None,
        typer.Option(
            "--with",
            exists=True,
            dir_okay=False,
            readable=True,
            help="同一批订单的另一份报表（淘宝：宝贝报表）/ the other report of the same orders (Taobao's detail)",
        ),
    ] = None,
    store: Annotated[
        str | None, typer.Option("--store", help="所有订单属于此门店编码 / the code of the store of all rows")
    ] = None,
    sheet: _Sheet = None,
    columns: _Map = None,
    statuses: _Status = None,
    date_order: _Dates = None,
    source_timezone: _Timezone = None,
    errors: _Errors = None,
    as_json: _Json = False,
) -> None:
    """订单，一行一件商品 / Orders, a row for each line; after a break the same command goes on where it was."""
    options = ImportOptions(
        dry_run=dry_run,
        earn=earn,
        create_stores=create_stores,
        unknown_member=unknown_member.value,
        source=source,
        with_file=with_file,
        store=store,
        sheet=sheet,
        mapping=_mapping(columns),
        statuses=_pairs(statuses, "--status", "说法=含义 / WORD=MEANING"),
        date_order=date_order.value if date_order else "",
        source_timezone=source_timezone,
        error_file=errors,
    )
    _finish(_run("orders", file, merchant, options), as_json)


def _mapping(told: list[str] | None) -> dict[str, str]:
    return _pairs(told, "--map", "列名=字段 / COLUMN=FIELD")


def _pairs(told: list[str] | None, option: str, form: str) -> dict[str, str]:
    """The last = parts each, because a column's name may have one."""
    found: dict[str, str] = {}
    for each in told or ():
        left, sign, right = each.rpartition("=")
        if not sign or not left.strip():
            raise typer.BadParameter(f"{each}: {form}", param_hint=option)
        found[left.strip()] = right.strip()
    return found


async def show_demo(context: Context, console: Console) -> None:
    """Brings in the demo merchant and tells about it; after a break it goes on where it was."""
    from huimeng.entry.demo import MERCHANT_NAME, load_demo

    console.print(f"正在准备示例数据 / preparing the demo: {MERCHANT_NAME}", highlight=False)
    with Bars(console) as bars:
        members_result, orders_result = await load_demo(context, bars.watch("会员 members"), bars.watch("订单 orders"))
    console.print(summary(members_result), summary(orders_result))


def _run(kind: str, file: Path, merchant: str, options: ImportOptions) -> ImportResult:
    console = Console(stderr=True)
    end_tracing = start_tracing("import")
    try:
        return asyncio.run(_import(kind, file, merchant, options, console))
    except BusinessError as error:
        console.print(f"[red]{error.text('zh')}[/]\n{error.text('en')}", highlight=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        console.print("已中断；再次运行同一命令即从断点继续 / interrupted; the same command goes on from here")
        raise typer.Exit(130) from None
    finally:
        end_tracing()


_NO_RULES = (
    "[yellow]还没有积分规则，导入的订单不产生积分 / there is no earning rule, so imported orders earn nothing[/]\n"
    "  huimeng rule create --merchant … --name … --points-per-yuan 1 --since 2017-01-01"
)


async def _import(kind: str, file: Path, merchant: str, options: ImportOptions, console: Console) -> ImportResult:
    work = import_members if kind == "members" else import_orders
    async with open_context(importing=True) as context:
        merchant_id = await find_merchant_id(context.db, merchant)
        here = msgspec.structs.replace(options, work_dir=context.settings.data_dir / "import")
        try:
            with Bars(console) as bars:
                result = await work(context, merchant_id, file, here, bars.watch(file.name))
        finally:
            metrics.carry(context.settings.data_dir / "metrics")
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
    if result.platform is not None:
        table.add_row("平台 platform", _PLATFORMS.get(result.platform, result.platform))
    table.add_row("行 rows", f"{result.rows:,}")
    table.add_row("错误行 bad rows", f"{result.bad_rows:,}")
    for name, count in result.counts.items():
        if count or name in ("created", "unchanged", "conflict"):
            table.add_row(_COUNTS.get(name, name), f"{count:,}")
    if result.unknown_columns:
        table.add_row("未用的列 columns not used", ", ".join(result.unknown_columns))
    if result.error_file is not None:
        bad = read_faults(result.error_file, 0)
        strange = ", ".join(f"{each.word} ({each.rows:,})" for each in bad.unknown_statuses)
        options = [
            f"{each.code} ({each.rows:,}): {_OPTIONS[each.code]}" for each in bad.by_code if each.code in _OPTIONS
        ]
        if strange:
            table.add_row("不认识的状态 unknown statuses", escape(strange))
        if options:
            table.add_row("可用的选项 options that help", "\n".join(options))
        table.add_row("错误文件 error file", str(result.error_file))
    table.add_row("用时 seconds", f"{result.seconds:.1f}")
    return folded(table)
