"""Orders that were refunded in part: by the amount that the file gives, else told; nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from huimeng.porting.rules import platforms, words
from huimeng.porting.rules.faults import mark_in
from huimeng.porting.service import ImportOptions, import_orders
from tests.conftest import Shop
from tests.porting.conftest import Bench, error_rows
from tests.porting.test_platforms import DOUYIN, ONE, OPTIONS, TWO, table
from tests.porting.test_refunds import DAY, LATER, orders, refunds, write

PARTLY = "部分退款"


def sold(*amounts: str, number: str = "A1", status: str = PARTLY) -> list[list[str]]:
    """Milk for 20.00 and an egg for 5.00, with what was refunded of each."""
    rows = [[number, DAY, "milk", "2", "20.00", status, "", ""], [number, DAY, "egg", "1", "5.00", status, "", ""]]
    for row, amount in zip(rows, amounts, strict=False):
        row[7] = amount
    return rows


def back(number: str, amount: str = "-4.00", status: str = "", original: str = "A1", at: str = LATER) -> list[str]:
    return [number, at, "milk", "-1", amount, status, original, ""]


@pytest.mark.parametrize("word", [PARTLY, "部分退货", "Partially_Refunded", "已部分退款"])
def test_words(word: str) -> None:
    assert words.status(word) == "partly_refunded"


@pytest.mark.parametrize(
    ("rows", "after"),
    [
        (sold("4.00"), (2, 2500, 400, 1)),
        (sold("-4.00"), (2, 2500, 400, 1)),
        (sold("", "5.00"), (2, 2500, 500, 1)),  # a whole line
        (sold("4.00", "1.00"), (2, 2500, 500, 1)),
        (sold("20.00", "5.00"), (3, 2500, 2500, 1)),  # all of it after all
        ([*sold(), back("R1")], (2, 2500, 400, 1)),  # a refund row of the same file
        ([*sold(), back("A1", status=PARTLY, original="")], (2, 2500, 400, 1)),  # a row of its own with the status
        ([*sold(), back("A1", status=PARTLY, original="", at=DAY)], (1, 2100, 0, 0)),  # a negative line of the order
        ([sold("4.00")[0], sold(status="已完成")[1]], (2, 2500, 400, 1)),  # one line's status
        ([sold("4.00")[0], sold(status="已退款")[1]], (2, 2500, 900, 2)),  # and the other's
    ],
)
async def test_the_amount_is_refunded(
    bench: Bench, shop: Shop, tmp_path: Path, rows: list[list[str]], after: tuple[int, ...]
) -> None:
    path = write(tmp_path / "a.csv", rows)
    checked = await import_orders(bench, shop.merchant_id, path, ImportOptions(dry_run=True))
    result = await import_orders(bench, shop.merchant_id, path)
    assert error_rows(checked.error_file) == error_rows(result.error_file) == []
    assert refunds(result) == refunds(checked) == (after[3], 0, 0)
    assert await orders(bench.db, shop) == {"A1": after}
    again = await import_orders(bench, shop.merchant_id, path)
    assert (again.counts["unchanged"], refunds(again)[0], refunds(again)[2]) == (1, 0, 0)
    assert await orders(bench.db, shop) == {"A1": after}


async def test_an_order_that_was_completed_before(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", sold(status="已完成")))
    result = await import_orders(bench, shop.merchant_id, write(tmp_path / "b.csv", sold("", "2.00")))
    assert (result.counts["unchanged"], refunds(result)) == (1, (1, 0, 0))
    more = await import_orders(bench, shop.merchant_id, write(tmp_path / "c.csv", sold("1.00", "2.00")))
    assert refunds(more) == (1, 0, 0)
    assert await orders(bench.db, shop) == {"A1": (2, 2500, 300, 2)}


@pytest.mark.parametrize(
    "rows",
    [
        sold(),
        sold("0", "0.00"),
        [sold()[0], sold(status="已完成")[1]],
        # Of the same number on another day nothing follows.
        [*sold(), *([*row[:1], LATER, *row[2:]] for row in sold("4.00", status="已完成"))],
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
async def test_without_an_amount_it_is_told(
    bench: Bench, shop: Shop, tmp_path: Path, rows: list[list[str]], dry_run: bool
) -> None:
    path = write(tmp_path / "a.csv", [*rows, *sold(number="A2", status="已完成")])
    result = await import_orders(bench, shop.merchant_id, path, ImportOptions(dry_run=dry_run))
    (fault,) = error_rows(result.error_file)
    assert (fault["line"], fault["code"], fault["order_no"]) == ("2", "refund_amount_missing", "A1")
    assert "退款金额" in fault["reason_zh"] and "退款明细" in fault["reason_zh"]
    assert result.counts["refused"] == 1
    if not dry_run:
        assert (await orders(bench.db, shop))["A2"] == (1, 2500, 0, 0)


async def test_what_the_reason_advises(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    """Taken as completed, with the refund as a row of its own afterwards."""
    path = write(tmp_path / "a.csv", sold())
    told = ImportOptions(source="pos", statuses={PARTLY: "completed"})
    assert (await import_orders(bench, shop.merchant_id, path, told)).counts["created"] == 1
    refund = write(tmp_path / "b.csv", [back("R1")])
    assert refunds(await import_orders(bench, shop.merchant_id, refund, ImportOptions(source="pos"))) == (1, 0, 0)
    assert await orders(bench.db, shop) == {"A1": (2, 2500, 400, 1)}


async def test_a_refund_of_a_part_with_a_bad_row_is_not_taken(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    await import_orders(bench, shop.merchant_id, write(tmp_path / "a.csv", sold(status="")))
    rows = [back("A1", status=PARTLY, original=""), back("A1", "ten", status=PARTLY, original="")]
    result = await import_orders(bench, shop.merchant_id, write(tmp_path / "b.csv", rows))
    assert {f["code"] for f in error_rows(result.error_file)} >= {"bad_amount", "order_incomplete"}
    assert await orders(bench.db, shop) == {"A1": (1, 2500, 0, 0)}


async def test_one_amount_in_every_row_may_be_of_the_whole_order(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", sold("3.00", "3.00"))
    result = await import_orders(bench, shop.merchant_id, path)
    assert [(f["line"], f["code"], f["order_no"]) for f in error_rows(result.error_file)] == [
        ("2", "refund_amount_repeated", "A1")
    ]
    assert refunds(result) == (0, 0, 1)
    assert await orders(bench.db, shop) == {"A1": (1, 2500, 0, 0)}
    await import_orders(bench, shop.merchant_id, write(tmp_path / "b.csv", sold("3.00")))
    assert await orders(bench.db, shop) == {"A1": (2, 2500, 300, 1)}
    header = "订单号,子订单号,下单时间,实付金额,状态,退款金额\n"
    rows = "".join(f"A2,{n},{DAY},5.00,{PARTLY},3.00\n" for n in (1, 2))
    (tmp_path / "c.csv").write_text(header + rows, encoding="utf-8")
    assert refunds(await import_orders(bench, shop.merchant_id, tmp_path / "c.csv")) == (1, 0, 0)
    assert (await orders(bench.db, shop))["A2"] == (2, 1000, 600, 1)


# Platforms.


def douyin(order: str, line: str, state: str, status: str = "已完成") -> dict[str, str]:
    return {
        "主订单编号": order,
        "子订单编号": line,
        "选购商品": "茶",
        "商品数量": "1",
        "商品单价": "10.00",
        "订单应付金额": "10.00",
        "订单提交时间": DAY,
        "订单状态": status,
        "售后状态": state,
    }


async def test_douyin_says_in_part_but_not_how_much(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [
        *(douyin(ONE, "1", "部分退款成功"), douyin(ONE, "2", "退款成功")),
        *(douyin(TWO, "3", "退款成功"), douyin(TWO, "4", "部分退款中")),
        douyin("9", "5", "部分退款", "已关闭"),
    ]
    path.write_text(table(DOUYIN, rows), encoding="utf-8")
    result = await import_orders(bench, shop.merchant_id, path, OPTIONS)
    faults = [(f["line"], f["code"], f["order_no"], f["value"]) for f in error_rows(result.error_file)]
    assert faults[0] == ("2", "refund_amount_missing", ONE, "部分退款成功")
    assert {fault[1:3] for fault in faults} == {("refund_amount_missing", ONE), ("order_incomplete", ONE)}
    assert await orders(bench.db, shop) == {TWO: (2, 2000, 1000, 1)}


@pytest.mark.parametrize(
    ("cells", "refunded"),
    [
        ({"退款状态": "退款成功", "退款金额": "5.00"}, "5.00"),
        ({"退款状态": PARTLY, "退款金额": "5.00"}, "5.00"),
        ({"退款状态": "没有申请退款", "退款金额": "5.00"}, ""),
        ({"退款状态": "退款成功"}, None),
        ({"退款状态": "退款成功", "订单状态": "交易关闭"}, ""),
    ],
)
def test_taobao_says_how_much(cells: dict[str, str], refunded: str | None) -> None:
    cell = platforms.translate("taobao_detail", {"订单状态": "交易成功", **cells})[-1]
    fault = mark_in(cell)
    assert (None if fault else cell) == refunded
    assert fault is None or fault.code == "refund_amount_missing"
