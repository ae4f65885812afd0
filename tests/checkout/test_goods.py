"""What a refund's event says of categories and products."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from huimeng.checkout.rules import Goods, goods_change, goods_given_up
from huimeng.order.rules import Line, LineInput


def line(number: int, category: str, product: str, paid: int, quantity: int = 1) -> Line:
    return Line(number, "", f"k{number}", product, category, Decimal(quantity), paid, paid, Decimal(0), 0, 0, 0, 0, 0)


def given_back(each: Line, fen: int | None = None) -> Line:
    """Wholly, or so much money of it."""
    if fen is not None:
        return msgspec.structs.replace(each, refunded_fen=fen)
    return msgspec.structs.replace(each, refunded_fen=each.paid_fen, refunded_quantity=each.quantity)


TEA, CAKE, NOTHING = line(1, "茶", "乌龙", 500), line(2, "点心", "", 300), line(3, "茶", "杯", 0, 0)


def test_part_of_a_line_takes_money_and_no_order() -> None:
    assert goods_change([TEA, CAKE], [given_back(TEA, 200), CAKE], kept=True) == [
        Goods("茶", None, 0, -200),
        Goods("茶", "乌龙", 0, -200),
    ]


def test_a_whole_line_takes_the_order_from_its_category() -> None:
    """Without a name a product is known by its SKU."""
    assert goods_change([TEA, CAKE], [TEA, given_back(CAKE)], kept=True) == [
        Goods("点心", None, -1, -300),
        Goods("点心", "k2", -1, -300),
    ]


def test_a_line_of_nothing_goes_with_its_order_only() -> None:
    before = [TEA, CAKE, NOTHING]
    assert goods_change(before, [given_back(TEA), CAKE, NOTHING], kept=True) == [
        Goods("茶", None, 0, -500),
        Goods("茶", "乌龙", -1, -500),
    ]
    assert goods_change(before, [given_back(TEA), given_back(CAKE), NOTHING], kept=False) == [
        Goods("点心", None, -1, -300),
        Goods("点心", "k2", -1, -300),
        Goods("茶", None, -1, -500),
        Goods("茶", "乌龙", -1, -500),
        Goods("茶", "杯", -1, 0),
    ]


def test_what_is_left_goes_with_a_void() -> None:
    before = [given_back(TEA), CAKE]
    assert goods_change(before, [given_back(TEA), given_back(CAKE)], kept=False) == [
        Goods("点心", None, -1, -300),
        Goods("点心", "k2", -1, -300),
    ]


def test_an_import_that_was_refunded_takes_all_at_once() -> None:
    lines = [LineInput(category="茶", product="乌龙", paid_fen=500), LineInput(category="茶", sku="k", paid_fen=100)]
    assert goods_given_up(lines) == [
        Goods("茶", None, -1, -600),
        Goods("茶", "k", -1, -100),
        Goods("茶", "乌龙", -1, -500),
    ]
