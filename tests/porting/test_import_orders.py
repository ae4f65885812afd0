"""Orders from a file into the database: once, whole, resumable."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database
from huimeng.merchant.service import load_stores
from huimeng.porting.errors import BadImportOption, ImportRunning, MissingColumns
from huimeng.porting.rules.faults import FAULT_HEADER
from huimeng.porting.service import (
    ImportOptions,
    ImportResult,
    import_members,
    import_orders,
    importing,
    reading,
    taking,
)
from huimeng.porting.store.faults_file import FaultFile
from huimeng.porting.store.folders import work_folder
from tests.conftest import Shop, make_shop
from tests.porting.conftest import Bench, as_csv, error_rows

FULL = ("order_no", "ordered_at", "store", "member", "sku", "product", "quantity", "paid_amount", "tender", "status")


def order_rows(days: int = 3, orders: int = 4) -> list[list[str]]:
    """Each order has two lines; receipt numbers restart every day; every second order has a member."""
    return [
        [
            *(f"{n:04d}", f"2025-03-{day:02d} 1{n % 8}:00:00", "s1", f"m{n % 3}" if n % 2 else ""),
            *(sku, "商品", "1", amount, "微信", "已完成"),
        ]
        for day in range(1, days + 1)
        for n in range(orders)
        for sku, amount in (("x", "10.00"), ("y", f"{n}.50"))
    ]


@pytest.fixture
async def members(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    path.write_text(as_csv([["m0"], ["m1"], ["m2"]], ["会员编号"]), encoding="utf-8")
    assert (await import_members(bench, shop.merchant_id, path)).counts["created"] == 3


def write(path: Path, rows: list[list[str]], encoding: str = "utf-8") -> Path:
    path.write_text(as_csv(rows, FULL), encoding=encoding)
    return path


async def stored(db: Database, shop: Shop) -> list[tuple[Any, ...]]:
    """Everything that an import may have written of orders, without ids and times of writing."""
    async with db.tenant(shop.merchant_id) as conn:
        cursor = await conn.execute(
            "select o.store_id, o.business_day, o.order_no, o.member_id, o.ordered_at, o.paid_fen, o.status, "
            "l.line_no, l.sku, l.product, l.quantity, l.paid_fen, t.kind, t.amount_fen from orders o "
            "join order_line l using (cell_id, order_id) join order_tender t using (cell_id, order_id) "
            "where o.cell_id = %s order by 1, 2, 3, 8",
            (shop.cell_id,),
        )
        rows: list[tuple[Any, ...]] = await cursor.fetchall()
    return rows


def outcomes(result: ImportResult) -> dict[str, int]:
    return {name: result.counts[name] for name in ("created", "unchanged", "conflict", "refused")}


@pytest.mark.usefixtures("members")
async def test_import_again_and_re_sorted_changes_nothing(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows = order_rows()
    path = write(tmp_path / "orders.csv", rows)

    first = await import_orders(bench, shop.merchant_id, path)
    assert outcomes(first) == {"created": 12, "unchanged": 0, "conflict": 0, "refused": 0}
    assert (first.rows, first.bad_rows, first.error_file, first.resumed) == (24, 0, None, False)
    before = await stored(bench.db, shop)
    assert len(before) == 24
    assert before[0][:3] == (shop.store.store_id, date(2025, 3, 1), "0000")
    assert {row[3] is None for row in before} == {True, False}

    again = await import_orders(bench, shop.merchant_id, path)
    assert outcomes(again) == {"created": 0, "unchanged": 12, "conflict": 0, "refused": 0}
    random.Random(1).shuffle(rows)
    re_sorted = await import_orders(bench, shop.merchant_id, write(tmp_path / "b.csv", rows, "gb18030"))
    assert outcomes(re_sorted) == {"created": 0, "unchanged": 12, "conflict": 0, "refused": 0}
    assert await stored(bench.db, shop) == before


@pytest.mark.usefixtures("members")
async def test_a_changed_row_is_a_conflict_and_changes_nothing(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows = order_rows(days=1)
    await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", rows))
    before = await stored(bench.db, shop)
    rows[3][7] = "9.99"

    result = await import_orders(bench, shop.merchant_id, write(tmp_path / "b.csv", rows))

    assert outcomes(result) == {"created": 0, "unchanged": 3, "conflict": 1, "refused": 0}
    (fault,) = error_rows(result.error_file)
    assert (fault["line"], fault["code"], fault["business_day"], fault["order_no"]) == (
        "4",
        "conflict",
        "2025-03-01",
        "0001",
    )
    assert "paid 11.50 -> 19.99" in fault["reason_en"]
    assert await stored(bench.db, shop) == before


@pytest.mark.usefixtures("members")
async def test_bad_rows_are_reported_and_good_orders_come_in(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows = order_rows(days=1)
    rows[1][7] = "free"
    rows[2][3] = rows[3][3] = "nobody"
    path = write(tmp_path / "orders.csv", rows)

    result = await import_orders(bench, shop.merchant_id, path)

    assert outcomes(result) == {"created": 2, "unchanged": 0, "conflict": 0, "refused": 2}
    assert result.error_file == tmp_path / "orders.csv.errors.csv"
    assert [(f["line"], f["column"], f["value"], f["code"]) for f in error_rows(result.error_file)] == [
        ("3", "paid_amount", "free", "bad_amount"),
        ("2", "", "", "order_incomplete"),
        ("4", "", "nobody", "unknown_member"),
    ]
    assert {row[2] for row in await stored(bench.db, shop)} == {"0002", "0003"}
    rows[1][7] = "1.00"
    fixed = await import_orders(bench, shop.merchant_id, write(tmp_path / "fixed.csv", rows))
    assert outcomes(fixed) == {"created": 1, "unchanged": 2, "conflict": 0, "refused": 1}


async def test_amounts_are_whole_where_the_currency_has_no_decimals(bench: Bench, vault: Vault, tmp_path: Path) -> None:
    shop = await make_shop(bench.db, vault, currency="JPY")
    rows = order_rows(days=1)
    for row in rows:
        row[3] = ""
        row[7] = "1,000円" if row[0] == "0001" else row[7]

    result = await import_orders(bench, shop.merchant_id, write(tmp_path / "orders.csv", rows))

    assert outcomes(result) == {"created": 1, "unchanged": 0, "conflict": 0, "refused": 3}
    odd = [fault["value"] for fault in error_rows(result.error_file) if fault["code"] == "not_whole"]
    assert odd == ["0.50", "2.50", "3.50"]
    assert [row[-1] for row in await stored(bench.db, shop)] == [200_000, 200_000]


@pytest.mark.parametrize(("policy", "created"), [("anonymous", 0), ("create", 2)])
async def test_unknown_members(bench: Bench, shop: Shop, tmp_path: Path, policy: str, created: int) -> None:
    rows = order_rows(days=1)
    path = write(tmp_path / "orders.csv", rows)
    options = msgspec.convert({"unknown_member": policy}, ImportOptions)

    checked = await import_orders(bench, shop.merchant_id, path, msgspec.structs.replace(options, dry_run=True))
    result = await import_orders(bench, shop.merchant_id, path, options)

    assert result.counts["members_created"] == checked.counts["members_created"] == created
    assert outcomes(result) == outcomes(checked) == {"created": 4, "unchanged": 0, "conflict": 0, "refused": 0}
    assert len({row[3] for row in await stored(bench.db, shop)} - {None}) == created
    again = await import_orders(bench, shop.merchant_id, path, options)
    assert outcomes(again) == {"created": 0, "unchanged": 4, "conflict": 0, "refused": 0}


async def test_stores_are_created_when_asked(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows = [
        ["1", f"2025-03-01 1{number % 2}:00:00", code, "", "", "", "", "1", "", ""]
        for number, code in enumerate(("s1", "新店", "s1", "新店"))
    ]
    path = write(tmp_path / "orders.csv", rows)

    refused = await import_orders(bench, shop.merchant_id, path)
    assert outcomes(refused)["created"] == 1
    assert [f["code"] for f in error_rows(refused.error_file)] == ["unknown_store", "unknown_store"]
    result = await import_orders(bench, shop.merchant_id, path, ImportOptions(create_stores=True))
    assert outcomes(result) == {"created": 1, "unchanged": 1, "conflict": 0, "refused": 0}
    assert result.counts["stores_created"] == 1
    async with bench.db.tenant(shop.merchant_id) as conn:
        assert set((await load_stores(conn, shop.merchant_id)).by_code) == {"s1", "新店"}


async def test_a_shop_with_one_store_need_not_name_it(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("订单号,下单时间,实付金额\n1,2025-03-01 10:00:00,5.00\n", encoding="utf-8")
    assert outcomes(await import_orders(bench, shop.merchant_id, path))["created"] == 1
    assert (await stored(bench.db, shop))[0][0] == shop.store.store_id


@pytest.mark.usefixtures("members")
async def test_a_dry_run_writes_nothing(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows = order_rows()
    await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", rows[:16]))
    before = await stored(bench.db, shop)
    rows[0][7] = "77"
    rows[-1][7] = "x"

    result = await import_orders(bench, shop.merchant_id, write(tmp_path / "b.csv", rows), ImportOptions(dry_run=True))

    assert outcomes(result) == {"created": 3, "unchanged": 7, "conflict": 1, "refused": 1}
    assert sorted(f["code"] for f in error_rows(result.error_file)) == ["bad_amount", "conflict", "order_incomplete"]
    assert await stored(bench.db, shop) == before
    async with bench.db.tenant(shop.merchant_id) as conn:
        cursor = await conn.execute("select count(*) from import_job where merchant_id = %s", (shop.merchant_id,))
        assert await cursor.fetchone() == (2,)  # the members' and the first orders'


class Killed(Exception):
    pass


@pytest.mark.usefixtures("members")
@pytest.mark.parametrize("kills", [[1], [9], [25], [60], [100], [9, 20], [30, 5, 12]])
async def test_a_killed_import_goes_on(
    bench: Bench, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: list[int]
) -> None:
    """Also one that is killed again before it has come to where it was."""
    monkeypatch.setattr(taking, "_JOB_SAVED_SECONDS", 0.0)
    monkeypatch.setattr(taking, "_WINDOW_WEIGHT", 40)
    rows = order_rows(days=28, orders=4)
    await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", rows[10:12]))
    rows[11][7] = "1.23"
    path = write(tmp_path / "orders.csv", rows)
    land = taking.OrderTaker._land

    for at in kills:
        landed = itertools.count(1)

        async def killed(self: taking.OrderTaker, at: int = at, landed: Iterator[int] = landed) -> None:
            await land(self)
            if next(landed) == at:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(taking.OrderTaker, "_land", killed)
            with pytest.raises(Killed):
                await import_orders(bench, shop.merchant_id, path)

    result = await import_orders(bench, shop.merchant_id, path)

    assert result.resumed
    assert outcomes(result) == {"created": 111, "unchanged": 0, "conflict": 1, "refused": 0}
    assert [f["code"] for f in error_rows(result.error_file)] == ["conflict"]
    kept = await stored(bench.db, shop)
    assert len(kept) == 224
    assert len({row[1:3] for row in kept}) == 112
    again = await import_orders(bench, shop.merchant_id, path)
    assert not again.resumed
    assert outcomes(again) == {"created": 0, "unchanged": 111, "conflict": 1, "refused": 0}


async def test_a_cancelled_import_leaves_whole_orders(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = write(tmp_path / "orders.csv", order_rows(days=28, orders=30))
    begun = asyncio.Event()

    def progress(phase: str, done: int, total: int, counts: Mapping[str, int]) -> None:
        if phase == "write" and done:
            begun.set()

    options = ImportOptions(unknown_member="anonymous")
    task = asyncio.create_task(import_orders(bench, shop.merchant_id, path, options, progress))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with bench.db.tenant(shop.merchant_id) as conn:
        cursor = await conn.execute(
            "select count(*) from orders o where cell_id = %s and paid_fen <> "
            "(select sum(paid_fen) from order_line l where l.cell_id = o.cell_id and l.order_id = o.order_id)",
            (shop.cell_id,),
        )
        assert await cursor.fetchone() == (0,)

    result = await import_orders(bench, shop.merchant_id, path, options)
    assert result.resumed
    assert outcomes(result) == {"created": 840, "unchanged": 0, "conflict": 0, "refused": 0}


@pytest.mark.parametrize("name", ["x", "na\nme"])
async def test_two_processes_read_a_big_file_as_one_would(
    bench: Bench, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Also when every other line begins inside of a quoted cell."""
    rows = order_rows(days=9, orders=9)
    for row in rows:
        row[5] = name
    rows[100][7] = "free"
    path = write(tmp_path / "orders.csv", rows)
    dry = ImportOptions(dry_run=True, unknown_member="anonymous")
    one = await import_orders(bench, shop.merchant_id, path, dry)
    faults = error_rows(one.error_file)
    monkeypatch.setattr(reading, "_TWO_PARTS_BYTES", 100)

    two = await import_orders(bench, shop.merchant_id, path, dry)

    assert (two.rows, two.bad_rows, two.counts) == (one.rows, one.bad_rows, one.counts) == (162, 1, one.counts)
    assert error_rows(two.error_file) == faults
    assert [f["code"] for f in faults] == ["bad_amount", "order_incomplete"]


async def test_an_endless_line_is_one_bad_row_for_two_processes_too(
    bench: Bench, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_TWO_PARTS_BYTES", 100)
    path = tmp_path / "orders.csv"
    good = "A{},2025-03-01 10:00:00,s1,1,\n"
    text = "order_no,ordered_at,store,paid_amount,note\n" + good.format(1) + "A2,x,s1,1," + "x" * 12_000_000
    path.write_text(f"{text}\n{good.format(3)}", encoding="utf-8")
    result = await import_orders(bench, shop.merchant_id, path)
    assert (result.rows, result.counts["created"]) == (3, 2)
    assert [(f["line"], f["code"]) for f in error_rows(result.error_file)] == [("3", "cell_too_long")]


async def test_nothing_is_written_when_a_column_is_missing(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("order_no,store\n1,s1\n", encoding="utf-8")
    with pytest.raises(MissingColumns):
        await import_orders(bench, shop.merchant_id, path)
    assert await stored(bench.db, shop) == []
    assert not list(tmp_path.glob("*.errors.csv"))  # noqa: ASYNC240


async def test_an_import_that_is_running_is_not_begun_twice(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = write(tmp_path / "orders.csv", order_rows(days=1))
    with FaultFile(tmp_path / "orders.csv.errors.csv"), pytest.raises(ImportRunning):
        await import_orders(bench, shop.merchant_id, path)


@pytest.mark.parametrize("options", [ImportOptions(source_timezone="Mars"), ImportOptions(source="")])
async def test_options_are_checked(bench: Bench, shop: Shop, tmp_path: Path, options: ImportOptions) -> None:
    path = write(tmp_path / "orders.csv", order_rows(days=1))
    with pytest.raises(BadImportOption):
        await import_orders(bench, shop.merchant_id, path, options)


async def test_refunded_and_voided_orders_keep_their_status(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows = [
        [str(n), "2025-03-01 10:00:00", "s1", "", "", "", "", "5", "", status]
        for n, status in enumerate(("已完成", "已退款", "已取消"))
    ]
    path = write(tmp_path / "orders.csv", rows)
    assert outcomes(await import_orders(bench, shop.merchant_id, path))["created"] == 3
    assert [(row[2], row[6]) for row in await stored(bench.db, shop)] == [("0", 1), ("1", 3), ("2", 4)]
    assert outcomes(await import_orders(bench, shop.merchant_id, path))["unchanged"] == 3


def test_what_a_killed_import_left_goes_with_the_next(tmp_path: Path) -> None:
    left = tmp_path / "huimeng-import-left"
    left.mkdir()
    (left / "lock").touch()
    (left / "spill0").write_bytes(b"what members bought")
    with work_folder(tmp_path) as folder, work_folder(tmp_path) as other:
        assert sorted(tmp_path.iterdir()) == sorted([folder, other])
    assert list(tmp_path.iterdir()) == []


# Three orders of one line; each is told of when it is taken, and a day when it is checked.
@pytest.mark.parametrize(("dry_run", "phase", "told"), [(False, "write", [0, 2, 4, 6, 6]), (True, "check", [0, 6])])
async def test_the_progress_leaves_reading_when_reading_is_over(
    bench: Bench,
    shop: Shop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dry_run: bool,
    phase: str,
    told: list[int],
) -> None:
    monkeypatch.setattr(importing, "_TOLD_SECONDS", 0)
    heard: list[tuple[str, int, int]] = []

    def progress(phase: str, done: int, total: int, counts: Mapping[str, int]) -> None:
        heard.append((phase, done, total))

    rows = [f"R{n},2026-03-01 10:00:00,s1,1.00" for n in range(3)]
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(["order_no,ordered_at,store,paid_amount", *rows, ""]))
    await import_orders(bench, shop.merchant_id, path, ImportOptions(dry_run=dry_run), progress)
    assert heard[-len(told) - 1][0] == "read"
    assert heard[-len(told) :] == [(phase, done, told[-1]) for done in told]


def test_the_error_file_names_its_columns() -> None:
    assert FAULT_HEADER[:4] == ("line", "column", "value", "code")
