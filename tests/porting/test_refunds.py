"""Refunds in a file become refunds of the orders they name, once."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from huimeng.infra.database import Database
from huimeng.porting.service import ImportOptions, ImportResult, import_orders, importing, refunding, taking
from tests.conftest import Shop
from tests.porting.conftest import Bench, as_csv, error_rows

HEADER = ("订单号", "下单时间", "商品编码", "数量", "实付金额", "状态", "原订单号", "退款金额")
STORE_HEADER = (*HEADER, "门店编码")
DAY, LATER = "2025-03-01 10:00:00", "2025-03-05 11:00:00"


def sold(number: str = "A1") -> list[list[str]]:
    return [[number, DAY, "milk", "2", "20.00", "", "", ""], [number, DAY, "egg", "1", "5.00", "", "", ""]]


def write(path: Path, rows: list[list[str]]) -> Path:
    path.write_text(as_csv(rows, HEADER), encoding="utf-8")
    return path


async def orders(db: Database, shop: Shop) -> dict[str, tuple[Any, ...]]:
    """By number: status, paid, refunded, and how many refunds."""
    async with db.tenant(shop.merchant_id) as conn:
        cursor = await conn.execute(
            "select o.order_no, o.status, o.paid_fen, o.refunded_fen, (select count(*) from refund r "
            "where r.cell_id = o.cell_id and r.order_id = o.order_id) from orders o where o.cell_id = %s",
            (shop.cell_id,),
        )
        return {row[0]: tuple(row[1:]) for row in await cursor.fetchall()}


def refunds(result: ImportResult) -> tuple[int, ...]:
    return tuple(result.counts.get(f"refunds_{name}", 0) for name in ("created", "unchanged", "refused"))


@pytest.mark.parametrize(
    ("rows", "after"),
    [
        ([["R1", LATER, "milk", "-1", "-10.00", "", "A1", ""]], (2, 2500, 1000, 1)),  # part of a line
        ([["R1", LATER, "egg", "-1", "-5.00", "", "A1", ""]], (2, 2500, 500, 1)),  # a line
        (
            [["R1", LATER, "egg", "-1", "-5.00", "", "A1", ""], ["R1", LATER, "milk", "-2", "-20.00", "", "A1", ""]],
            (3, 2500, 2500, 1),
        ),  # all
        ([["R1", LATER, "", "", "-25.00", "", "A1", ""]], (3, 2500, 2500, 1)),  # an amount that names no goods
        ([["R1", LATER, "", "", "-7.00", "", "A1", ""]], (2, 2500, 700, 1)),
        ([["R1", LATER, "milk", "-1", "10.00", "", "A1", ""]], (2, 2500, 1000, 1)),  # only the quantity has a sign
        (
            [["A1", LATER, "milk", "-1", "-10.00", "退款成功", "", ""]],
            (2, 2500, 1000, 1),
        ),  # a status names its own order
        (
            [["R1", LATER, "milk", "-1", "-10.00", "", "A1", ""], ["R2", LATER, "milk", "-1", "-10.00", "", "A1", ""]],
            (2, 2500, 2000, 2),
        ),
    ],
)
@pytest.mark.parametrize("together", [True, False])
async def test_refund_rows(
    bench: Bench, shop: Shop, tmp_path: Path, rows: list[list[str]], after: tuple[int, ...], together: bool
) -> None:
    path = write(tmp_path / "all.csv", rows + sold())
    if not together:
        await import_orders(bench, shop.merchant_id, write(tmp_path / "sold.csv", sold()))
        path = write(tmp_path / "refunds.csv", rows)
    count = after[3]

    checked = await import_orders(bench, shop.merchant_id, path, ImportOptions(dry_run=True))
    result = await import_orders(bench, shop.merchant_id, path)

    assert refunds(result) == refunds(checked) == (count, 0, 0)
    assert error_rows(result.error_file) == []
    assert await orders(bench.db, shop) == {"A1": after}
    again = await import_orders(bench, shop.merchant_id, path)
    assert refunds(again) == (0, count, 0)
    assert await orders(bench.db, shop) == {"A1": after}


async def test_what_can_not_be_refunded_is_reported(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows = [
        *sold(),
        ["R1", LATER, "milk", "-1", "-10.00", "", "B7", ""],
        ["R2", LATER, "tea", "-1", "-1.00", "", "A1", ""],
        ["R3", LATER, "egg", "-1", "-5.01", "", "A1", ""],
        ["R4", "2025-02-01 10:00:00", "egg", "-1", "-5.00", "", "A1", ""],  # before it was sold
    ]
    result = await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", rows))
    assert refunds(result) == (0, 0, 4)
    assert sorted((f["line"], f["code"]) for f in error_rows(result.error_file)) == [
        ("4", "refund_without_order"),
        ("5", "refund_line_unknown"),
        ("6", "refund_too_large"),
        ("7", "refund_without_order"),
    ]
    assert (await orders(bench.db, shop))["A1"] == (1, 2500, 0, 0)


async def test_a_number_of_several_days_is_not_guessed(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    other = [[row[0], "2025-03-02 10:00:00", *row[2:]] for row in sold()]
    rows = [*sold(), *other, ["R1", LATER, "egg", "-1", "-5.00", "", "A1", ""]]
    result = await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", rows))
    assert [f["code"] for f in error_rows(result.error_file)] == ["refund_ambiguous"]


async def test_a_refund_with_a_bad_row_is_not_taken_in_part(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    bad = [["R1", LATER, "egg", "-1", "-5.00", "", "A1", ""], ["R1", LATER, "milk", "-1", "ten", "", "A1", ""]]
    result = await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", [*sold(), *bad]))
    assert refunds(result) == (0, 0, 1)
    assert (await orders(bench.db, shop))["A1"] == (1, 2500, 0, 0)
    bad[1][4] = "-10.00"
    await import_orders(bench, shop.merchant_id, write(tmp_path / "b.csv", [*sold(), *bad]))
    assert (await orders(bench.db, shop))["A1"] == (2, 2500, 1500, 1)


async def test_a_negative_line_without_a_mark_stays_a_line(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    """As tills write a bottle that comes back, or a return as a receipt of its own."""
    rows = [
        *sold(),
        ["A1", DAY, "bottle", "-1", "-0.50", "", "", ""],
        ["A2", DAY, "milk", "-1", "-10.00", "", "", ""],
        ["A3", DAY, "gift", "1", "0.00", "", "", ""],
    ]
    path = write(tmp_path / "a.csv", rows)
    for dry_run in (True, False):
        result = await import_orders(bench, shop.merchant_id, path, ImportOptions(dry_run=dry_run))
        assert (refunds(result), result.counts["created"], result.counts["returns"]) == ((0, 0, 0), 3, 1)
    assert await orders(bench.db, shop) == {"A1": (1, 2450, 0, 0), "A2": (5, -1000, 0, 0), "A3": (1, 0, 0, 0)}
    again = await import_orders(bench, shop.merchant_id, path)
    assert (again.counts["unchanged"], again.counts.get("returns")) == (3, None)
    rows[-2][4] = "-9.00"
    other = await import_orders(bench, shop.merchant_id, write(tmp_path / "b.csv", rows))
    assert [f["reason_zh"].partition("\uff1a")[2][:22] for f in error_rows(other.error_file)] == [
        "实付 -10.00 -> -9.00; 原价"
    ]


async def test_a_negative_order_with_a_number_that_is_sold(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", sold()))
    path = write(tmp_path / "b.csv", [["A1", DAY, "milk", "-1", "-10.00", "", "", ""]])
    for expected in ((1, 0, 0), (0, 1, 0)):
        result = await import_orders(bench, shop.merchant_id, path)
        assert refunds(result) == expected
        assert result.counts["conflict"] == 0
        assert (await orders(bench.db, shop))["A1"] == (2, 2500, 1000, 1)


@pytest.mark.parametrize(("word", "status"), [("已退款", 3), ("已取消", 4)])
async def test_an_order_that_is_refunded_later(
    bench: Bench, shop: Shop, tmp_path: Path, word: str, status: int
) -> None:
    await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", sold()))
    path = write(tmp_path / "b.csv", [[*row[:5], word, *row[6:]] for row in sold()])
    checked = await import_orders(bench, shop.merchant_id, path, ImportOptions(dry_run=True))
    assert refunds(checked) == (1, 0, 0)
    for expected in ((1, 0, 0), (0, 1, 0)):
        result = await import_orders(bench, shop.merchant_id, path)
        assert (refunds(result), result.counts["unchanged"], result.counts["conflict"]) == (expected, 1, 0)
        assert await orders(bench.db, shop) == {"A1": (status, 2500, 2500, 1)}


async def test_a_refunded_order_with_other_content_is_a_conflict(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", sold()))
    path = write(tmp_path / "b.csv", [[*sold()[0][:4], "19.00", "已退款", "", ""]])
    result = await import_orders(bench, shop.merchant_id, path)
    assert (refunds(result), result.counts["conflict"]) == ((0, 0, 0), 1)
    (fault,) = error_rows(result.error_file)
    assert "实付 25.00 -> 19.00" in fault["reason_zh"] and "paid 25.00 -> 19.00" in fault["reason_en"]


async def test_one_line_of_an_order_is_refunded_by_its_status(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows = sold()
    await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", rows))
    rows[1][5] = "退款成功"
    for expected in ((1, 0, 0), (0, 1, 0)):
        result = await import_orders(bench, shop.merchant_id, write(tmp_path / "b.csv", rows))
        assert (refunds(result), result.counts["unchanged"]) == (expected, 1)
        assert await orders(bench.db, shop) == {"A1": (2, 2500, 500, 1)}


async def test_a_column_that_says_how_much_was_refunded(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    """It is a state, not an event: a later file may say more."""
    rows = sold()
    for told, refunded, expected in (("", 0, 0), ("3.00", 300, 1), ("3.00", 300, 0), ("20.00", 2000, 1)):
        rows[0][7] = told
        result = await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", rows))
        assert result.counts.get("refunds_created", 0) == expected
        assert (await orders(bench.db, shop))["A1"][2] == refunded
    rows[0][7] = "20.01"
    result = await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", rows))
    assert [f["code"] for f in error_rows(result.error_file)] == ["refund_too_large"]


async def test_orders_that_are_not_completed_are_left_out(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows = [
        ["A1", DAY, "milk", "1", "10.00", "交易成功", "", ""],
        ["A2", DAY, "milk", "", "", "待付款", "", ""],
        ["A3", DAY, "milk", "1", "10.00", "已完成", "", ""],
        ["A3", DAY, "egg", "1", "5.00", "待发货", "", ""],
    ]
    path = write(tmp_path / "a.csv", rows)
    for dry in (True, False):
        result = await import_orders(bench, shop.merchant_id, path, ImportOptions(dry_run=dry))
        assert (result.counts["created"], result.counts["left_out"], result.error_file) == (1, 2, None)
    rows[3][5] = "已完成"
    assert (await import_orders(bench, shop.merchant_id, write(path, rows))).counts["created"] == 1
    assert set(await orders(bench.db, shop)) == {"A1", "A3"}


class Killed(Exception):
    pass


async def test_refunds_of_a_killed_import_are_not_taken_twice(
    bench: Bench, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [*sold(), *([f"R{n}", LATER, "milk", "-1", "-1.00", "", "A1", ""] for n in range(2))]
    path = write(tmp_path / "a.csv", rows)
    sent = importing.send
    count = 0

    async def killed(*args: Any) -> Any:
        nonlocal count
        count += 1
        if count == 2:
            raise Killed
        return await sent(*args)

    with monkeypatch.context() as patch:
        patch.setattr(refunding, "send", killed)
        with pytest.raises(Killed):
            await import_orders(bench, shop.merchant_id, path)
    assert (await orders(bench.db, shop))["A1"] == (2, 2500, 100, 1)

    result = await import_orders(bench, shop.merchant_id, path)

    assert (result.resumed, refunds(result)) == (True, (2, 0, 0))
    assert (await orders(bench.db, shop))["A1"] == (2, 2500, 200, 2)


async def test_a_killed_import_tells_all_of_its_refunds(
    bench: Bench, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the days that were done those that were refused, of the day that was not those that it had made."""
    monkeypatch.setattr(taking, "_JOB_SAVED_SECONDS", 0.0)
    monkeypatch.setattr(taking, "_WINDOW_WEIGHT", 1)
    later = [[row[0], "2025-03-03 10:00:00", *row[2:]] for row in sold("A3")]
    before = [*sold(), *sold("A2"), *later]
    await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", before))
    later[0][5] = "退款成功"
    rows = [
        ["A1", DAY, "milk", "-9", "-90.00", "", "", ""],
        ["B1", "2025-03-02 10:00:00", "milk", "1", "1.00", "", "", ""],
        *later,
        *([f"B{day}", f"2025-03-{day:02} 10:00:00", "milk", "1", "1.00", "", "", ""] for day in range(4, 8)),
    ]
    path = write(tmp_path / "b.csv", rows)
    kept, days = importing.keep_job, itertools.count(1)

    async def killed(*args: Any) -> None:
        if next(days) == 3:
            raise Killed
        await kept(*args)

    with monkeypatch.context() as patch:
        patch.setattr(taking, "keep_job", killed)
        with pytest.raises(Killed):
            await import_orders(bench, shop.merchant_id, path)
    assert (await orders(bench.db, shop))["A3"] == (2, 2500, 2000, 1)

    result = await import_orders(bench, shop.merchant_id, path)

    assert (result.resumed, refunds(result), result.bad_rows) == (True, (1, 0, 1), 1)
    faults = [(f["line"], f["code"], f["business_day"]) for f in error_rows(result.error_file)]
    assert faults == [("2", "refund_too_large", "2025-03-01")]
    assert (await orders(bench.db, shop))["A3"] == (2, 2500, 2000, 1)


R1 = ["R1", LATER, "milk", "-1", "-10.00", "", "A1", ""]


@pytest.mark.parametrize("stores", [False, True])
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("statuses", "amount", "more"),
    [
        (("", ""), "", [R1, ["R2", LATER, "milk", "-2", "-20.00", "", "A1", ""]]),  # too large together
        (("", ""), "", [["R1", LATER, "milk", "-3", "-30.00", "", "A1", ""]]),
        (("", ""), "", [R1, ["R1", "2025-03-06 11:00:00", "milk", "-1", "-10.00", "", "A1", ""]]),  # the same twice
        (("", ""), "", [["R1", LATER, "", "", "-25.00", "", "A1", ""], R1]),  # nothing is left
        (("", ""), "", [["R1", "2025-02-01 10:00:00", "milk", "-1", "-10.00", "", "A1", ""]]),  # before it was sold
        (("退款成功", "已完成"), "", [R1]),  # told by a status and by a row
        (("退款成功", "已完成"), "20.00", []),  # told by a status and by an amount
        (("", ""), "10.00", [R1]),
        (("", ""), "20.01", []),
        (("已退款", "已退款"), "", [R1]),
        (("已取消", "已取消"), "", [R1]),
    ],
)
async def test_a_check_tells_what_the_import_comes_to(
    bench: Bench,
    shop: Shop,
    tmp_path: Path,
    statuses: tuple[str, str],
    amount: str,
    more: list[list[str]],
    known: bool,
    stores: bool,
) -> None:
    """Also of orders that are in the same file, in stores that it creates."""
    rows = sold()
    if known:
        await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", rows))
    for row, status in zip(rows, statuses, strict=True):
        row[5] = status
    rows[0][7] = amount
    path = tmp_path / "b.csv"
    text = [[*row, "s-new" if stores and not known else "s1"] for row in [*more, *rows]]
    path.write_text(as_csv(text, STORE_HEADER), encoding="utf-8")
    checked = await import_orders(bench, shop.merchant_id, path, ImportOptions(create_stores=True, dry_run=True))
    assert known or await orders(bench.db, shop) == {}
    result = await import_orders(bench, shop.merchant_id, path, ImportOptions(create_stores=True))
    assert (refunds(checked), checked.bad_rows) == (refunds(result), result.bad_rows)
    assert sum(refunds(result)) > 0
    assert error_rows(checked.error_file) == error_rows(result.error_file)


@pytest.mark.parametrize("known", [True, False])
async def test_a_refund_is_known_by_what_is_kept_with_it(
    bench: Bench, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """The control, which keeps nothing, refunds twice."""
    if not known:
        fresh = itertools.count()
        monkeypatch.setattr(refunding, "marks", lambda source, refund: (f"{next(fresh)}", ""))
    path = write(tmp_path / "a.csv", [*sold(), ["R1", LATER, "milk", "-1", "-10.00", "", "A1", ""]])
    for _ in range(2):
        await import_orders(bench, shop.merchant_id, path)
    assert (await orders(bench.db, shop))["A1"][2] == (1000 if known else 2000)


async def test_a_refund_that_says_something_else_now_is_a_conflict(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    refund = ["R1", LATER, "milk", "-1", "-10.00", "", "A1", ""]
    await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", [*sold(), refund]))
    refund[4] = "-9.00"
    result = await import_orders(bench, shop.merchant_id, write(tmp_path / "b.csv", [*sold(), refund]))
    assert [f["code"] for f in error_rows(result.error_file)] == ["conflict"]
    assert (await orders(bench.db, shop))["A1"][2] == 1000


@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.parametrize("own_number", [True, False])
async def test_refunds_of_a_store_that_the_file_creates(
    bench: Bench, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted: bool, own_number: bool
) -> None:
    """The store is a code the first time and has an id when the file comes again or goes on."""
    told = [sold(number) for number in ("A1", "A2")]
    back = [
        [f"R{n}" if own_number else f"A{n}", LATER, "milk", "-1", "-10.00", "", f"A{n}", ""]
        if own_number
        else [f"A{n}", LATER, "milk", "-1", "-10.00", "退款成功", "", ""]
        for n in (1, 2)
    ]
    path = tmp_path / "a.csv"
    path.write_text(as_csv([[*row, "s-new"] for row in [*told[0], *told[1], *back]], STORE_HEADER), encoding="utf-8")
    options = ImportOptions(create_stores=True)
    sent, count = importing.send, 0

    async def killed(*args: Any) -> Any:
        nonlocal count
        count += 1
        if count == 2:
            raise Killed
        return await sent(*args)

    if interrupted:
        with monkeypatch.context() as patch:
            patch.setattr(refunding, "send", killed)
            with pytest.raises(Killed):
                await import_orders(bench, shop.merchant_id, path, options)
    else:
        await import_orders(bench, shop.merchant_id, path, options)

    result = await import_orders(bench, shop.merchant_id, path, options)

    assert refunds(result) == ((2, 0, 0) if interrupted else (0, 2, 0))
    assert await orders(bench.db, shop) == {"A1": (2, 2500, 1000, 1), "A2": (2, 2500, 1000, 1)}


async def test_a_refund_without_a_number_is_known_by_its_day(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    refund = ["A1", LATER, "milk", "-1", "-10.00", "退款成功", "", ""]
    await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", [*sold(), refund]))
    refund[1] = LATER[:10]
    again = await import_orders(bench, shop.merchant_id, write(tmp_path / "b.csv", [*sold(), refund]))
    assert refunds(again) == (0, 1, 0)
    refund[4] = "-9.00"
    other = await import_orders(bench, shop.merchant_id, write(tmp_path / "c.csv", [*sold(), refund]))
    assert [f["code"] for f in error_rows(other.error_file)] == ["conflict"]
    assert (await orders(bench.db, shop))["A1"] == (2, 2500, 1000, 1)


async def test_a_refund_told_by_amount_and_then_by_a_row_is_not_guessed(
    bench: Bench, shop: Shop, tmp_path: Path
) -> None:
    first = sold()
    first[0][7] = "10.00"
    await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", first))
    rows = [*sold(), ["R1", LATER, "milk", "-1", "-10.00", "", "A1", ""]]
    result = await import_orders(bench, shop.merchant_id, write(tmp_path / "b.csv", rows))
    assert [f["code"] for f in error_rows(result.error_file)] == ["refund_told_otherwise"]
    assert result.bad_rows == 1
    assert (await orders(bench.db, shop))["A1"] == (2, 2500, 1000, 1)


async def test_a_return_whose_signs_differ_is_no_sale(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows = [*sold(), ["A2", LATER, "milk", "-1", "10.00", "", "", ""], ["A3", LATER, "fee", "0", "0.77", "", "", ""]]
    result = await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", rows))
    fault = error_rows(result.error_file)[0]
    assert (fault["line"], fault["code"], fault["order_no"]) == ("4", "signs_differ", "A2")
    assert set(await orders(bench.db, shop)) == {"A1", "A3"}


async def test_refused_refunds_are_known_by_their_number(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows = [
        *sold(),
        ["R1", LATER, "milk", "-1", "-10.00", "", "A9", ""],
        ["", LATER, "milk", "-1", "-10.00", "", "A8", ""],
        ["R3", LATER, "wine", "-1", "-10.00", "", "A1", ""],
        ["R4", LATER, "milk", "-1", "-10.00", "", "A1", ""],
        ["R4", LATER, "milk", "-1", "ten", "", "A1", ""],
    ]
    for dry_run in (True, False):
        path = write(tmp_path / "a.csv", rows)
        result = await import_orders(bench, shop.merchant_id, path, ImportOptions(dry_run=dry_run))
        told = {(f["code"], f["order_no"]) for f in error_rows(result.error_file)}
        assert told >= {
            ("refund_without_order", "R1"),
            ("refund_without_order", "A8"),
            ("bad_amount", "R4"),
            ("order_incomplete", "R4"),
        }
        assert dry_run or ("refund_line_unknown", "R3") in told
