"""Words of an order's status that a merchant tells once for a source, beside those that are known."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from huimeng.infra.database import Database
from huimeng.porting.errors import BadImportOption, BadStatusWord
from huimeng.porting.rules import platforms, words
from huimeng.porting.rules.faults import CellFault
from huimeng.porting.service import ImportOptions, import_orders
from huimeng.porting.store import glance as glancing
from huimeng.porting.store.faults_file import UnknownStatus, read_faults
from huimeng.porting.store.glance import glance
from tests.conftest import Shop
from tests.porting.conftest import SETTINGS, Bench, Reader, as_csv, error_rows
from tests.porting.test_platforms import DETAIL, ONE, TAOBAO, TWO, table, taobao_line, taobao_order

HEADER = ("订单号", "下单时间", "门店", "实付金额", "订单状态")
DAY = "2025-03-01 10:00:00"


def sales(*statuses: str) -> str:
    return as_csv([[f"A{n}", DAY, "s1", "5.00", status] for n, status in enumerate(statuses, 1)], HEADER)


async def kept(db: Database, shop: Shop) -> dict[str, int]:
    """Status by number."""
    async with db.tenant(shop.merchant_id) as conn:
        cursor = await conn.execute("select order_no, status from orders where cell_id = %s", (shop.cell_id,))
        return {row[0]: row[1] for row in await cursor.fetchall()}


# Rules.


def test_a_told_word_goes_before_what_is_known() -> None:
    told = words.told_words({" 挂 账": "completed", "已发货": "open", "Paid-Out": "voided"})
    assert [words.status(cell, told) for cell in ("挂账", '="挂账"', "已发货", "PAID OUT", "已完成", "")] == [
        *("completed", "completed", "open", "voided", "completed", "completed")
    ]
    assert words.status("已发货") == "completed"
    with pytest.raises(CellFault):
        words.status("挂账")


@pytest.mark.parametrize(
    "statuses",
    [
        {"挂账": "paid"},
        {"挂账": ""},
        {"挂账": "closed"},
        {" ": "open"},
        {"-": "open"},
        {"挂账": "open", "挂 账": "completed"},
        {"a\0b": "open"},
        {"长" * 61: "open"},
    ],
)
def test_a_word_needs_a_meaning(statuses: dict[str, str]) -> None:
    with pytest.raises(BadStatusWord):
        words.told_words(statuses)


def test_what_is_told_now_stands_beside_what_was_told() -> None:
    assert words.together({"挂账": "open", "赊销": "open"}, {"挂 账": "completed"}) == {
        "赊销": "open",
        "挂 账": "completed",
    }


def test_rows_are_read_by_what_was_told(read: Reader) -> None:
    settings = msgspec.structs.replace(SETTINGS, statuses=words.told_words({"挂账": "completed", "退了": "refunded"}))
    found = read(sales("挂账", "退了", "赊销", "赊销"), settings)
    assert [draft.status for drafts in found.orders.values() for draft in drafts] == ["completed", "refunded"]
    assert found.codes() == [("4", "unknown_status"), ("5", "unknown_status")]


def test_a_platforms_word_can_be_told_too() -> None:
    sent = "卖家已发货，等待买家确认"
    told = words.told_words({sent: "completed"})
    assert platforms.status_of("taobao_orders", sent, {}) == "open"
    assert platforms.status_of("taobao_orders", sent, told) == "completed"
    assert platforms.status_of("taobao_orders", "交易关闭", told) == "closed"
    with pytest.raises(CellFault):
        platforms.status_of("douyin", "挂账", told)


# Imports.


async def test_told_once_for_a_source(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(sales("挂账", "弃单", "已完成"), encoding="utf-8")
    told = {"挂账": "completed", "弃单": "voided"}

    async def take(**options: Any) -> tuple[list[str], int]:
        result = await import_orders(bench, shop.merchant_id, path, ImportOptions(**options))
        return [row["code"] for row in error_rows(result.error_file)], result.counts["created"]

    assert await take(source="pos", statuses=told, dry_run=True) == ([], 3)
    # A dry run remembers nothing.
    assert await take(source="pos", dry_run=True) == (["unknown_status"] * 2, 1)
    assert await take(source="pos", statuses=told) == ([], 3)
    assert await kept(bench.db, shop) == {"A1": 1, "A2": 4, "A3": 1}
    path.write_text(sales("挂账", "弃单", "挂账", "挂账"), encoding="utf-8")
    assert await take(source="pos", dry_run=True) == ([], 1)
    assert await take(source="erp", dry_run=True) == (["unknown_status"] * 4, 0)
    # What is told of columns leaves what was told of words, and the other way.
    assert await take(source="pos", mapping={"备注": "-"}, statuses={"弃单": "open"}) == ([], 1)
    assert await take(source="pos", dry_run=True) == ([], 0)


async def test_told_of_a_platforms_files_whether_the_source_is_named_or_not(
    bench: Bench, shop: Shop, tmp_path: Path
) -> None:
    """Of two reports too: what is told to be completed has to have its lines, and to be their sum."""
    sent = "卖家已发货，等待买家确认"
    orders, detail = tmp_path / "orders.csv", tmp_path / "detail.csv"
    rows = [taobao_order(ONE, "20.00", sent), taobao_order(TWO, "30.00", sent)]
    orders.write_text(table(TAOBAO, rows), encoding="utf-8")
    detail.write_text(table(DETAIL, [taobao_line("11", ONE, "20.00", "1", "20.00")]), encoding="utf-8")
    pair = ImportOptions(store="s1", unknown_member="anonymous", with_file=detail)
    checked = await import_orders(bench, shop.merchant_id, orders, msgspec.structs.replace(pair, dry_run=True))
    assert (checked.counts["created"], checked.counts["left_out"], checked.error_file) == (0, 1, None)
    told = msgspec.structs.replace(pair, statuses={sent: "completed"})
    result = await import_orders(bench, shop.merchant_id, orders, told)
    assert (result.counts["created"], result.source) == (1, "taobao")
    assert [(row["code"], row["order_no"]) for row in error_rows(result.error_file)] == [("detail_missing", TWO)]
    # Remembered of Taobao, and of nothing else.
    rest = tmp_path / "rest.csv"
    rest.write_text(table(TAOBAO, [taobao_order(TWO, "30.00", sent)]), encoding="utf-8")
    named = ImportOptions(source="taobao", store="s1", unknown_member="anonymous", dry_run=True)
    assert (await import_orders(bench, shop.merchant_id, rest, named)).counts["created"] == 1
    path = tmp_path / "own.csv"
    path.write_text(sales(sent), encoding="utf-8")
    own = await import_orders(bench, shop.merchant_id, path, ImportOptions(dry_run=True))
    assert (own.counts["created"], own.counts["left_out"]) == (0, 1)


async def test_words_are_checked_before_anything(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(sales("挂账"), encoding="utf-8")
    with pytest.raises(BadStatusWord):
        await import_orders(bench, shop.merchant_id, path, ImportOptions(statuses={"挂账": "paid"}))
    with pytest.raises(BadImportOption):
        many = {f"w{n}": "open" for n in range(201)}
        await import_orders(bench, shop.merchant_id, path, ImportOptions(statuses=many))
    assert await kept(bench.db, shop) == {}


# What is to be told.


async def test_unknown_words_are_counted(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(sales("赊销", "挂账", "=挂账", "挂账", "已完成"), encoding="utf-8")
    result = await import_orders(bench, shop.merchant_id, path, ImportOptions(dry_run=True))
    assert result.error_file is not None
    assert read_faults(result.error_file, 0).unknown_statuses == [
        UnknownStatus("订单状态", "挂账", 2),
        UnknownStatus("订单状态", "赊销", 1),
        UnknownStatus("订单状态", "=挂账", 1),
    ]


def test_a_glance_counts_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text(sales("赊销", "挂 账", "挂账", "", "订单状态", "长" * 61), encoding="utf-8")
    seen = glance(path, tmp_path, None, {})
    assert (seen.status_column, seen.words, seen.whole) == ("订单状态", [("挂 账", 2), ("赊销", 1)], True)
    assert glance(path, tmp_path, None, {"门店": "status"}).words == [("s1", 6)]
    assert glance(path, tmp_path, None, {}, "订单号").words[0] == ("A1", 1)
    assert glance(path, tmp_path, None, {}, "哪儿也没有").status_column is None
    monkeypatch.setattr(glancing, "_STATUS_ROWS", 2)
    seen = glance(path, tmp_path, None, {})
    assert (seen.words, seen.whole) == ([("赊销", 1), ("挂 账", 1)], False)


def test_a_glance_counts_words_of_a_platform(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [taobao_order(ONE, "5.00", "交易成功"), taobao_order(TWO, "5.00", "交易成功")]
    path.write_text(table(TAOBAO, rows), encoding="utf-8")
    assert glance(path, tmp_path, None, {}).words == [("交易成功", 2)]


async def test_the_command_tells_and_takes_words(server: object, data_dir: Path, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(sales("挂账", "挂账", "[赊]"), encoding="utf-8")

    async def run(*options: str) -> tuple[int | None, str]:
        clean = {n: value for n, value in os.environ.items() if not n.startswith(("DATABASE_URL", "HUIMENG_"))}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "huimeng.entry.cli", "import", "orders", str(path), "-m", shop.code, "--dry-run", *options),
            env={**clean, "HUIMENG_DATA": str(data_dir), "COLUMNS": "200"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await process.communicate())[0].decode()
        return process.returncode, said

    code, said = await run()
    assert code == 3 and "挂账 (2), [赊] (1)" in said and "unknown_status (3): --status WORD=completed" in said
    code, said = await run("--status", "挂账=completed", "--status", "[赊]=open")
    assert code == 0 and "unknown statuses" not in said
    code, said = await run("--status", "挂账=paid")
    assert code == 1 and "completed, refunded, partly_refunded" in said
    assert (await run("--status", "挂账"))[0] == 2
