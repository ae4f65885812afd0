"""A shop that trades in yen, which have no decimals: at the till, in a refund, in a rule."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.world import Shop
from tests.faults.house import House

WHOLE = "请填写整数金额，例如 1000（这个币种没有小数）"


@pytest.fixture(scope="module")
def tea_house(house: House) -> Shop:
    shop = Shop(house, "kyoto", "京都茶屋", "JPY")
    shop.settle("owner", shop.one_time)
    shop.make("/v1/stores", {"code": "s1", "name": "一号店"})
    return shop


def orders_of(shop: Shop) -> list[Any]:
    found: list[Any] = shop.get("/v1/orders", limit="100")["items"]
    return found


def test_the_till_takes_whole_yen(tea_house: Shop, window: Open) -> None:
    seat = window(tea_house, "owner")
    page = seat.open("/cashier")
    amount = page.get_by_label("金额", exact=True)
    amount.fill("10.5")
    expect(page.get_by_role("alert").filter(has_text=WHOLE)).to_be_visible()
    expect(page.get_by_role("button", name="完成", exact=True)).to_be_visible()
    seat.shoot("no-decimals")
    seat.check_access()
    amount.fill("1200+300")
    expect(page.get_by_text(WHOLE)).to_have_count(0)
    page.get_by_role("button", name="完成 ¥1,500", exact=True).click()
    expect(page.get_by_role("heading", name="完成 ¥1,500", exact=True)).to_be_visible()
    assert [order["paid_fen"] for order in orders_of(tea_house)] == [150_000]


def test_goods_come_to_whole_yen(tea_house: Shop, window: Open) -> None:
    seat = window(tea_house, "owner")
    page = seat.open("/cashier")
    page.get_by_role("button", name="按商品").click()
    page.get_by_role("textbox", name="商品").first.fill("抹茶")
    page.get_by_role("textbox", name="数量").first.fill("0.335")
    price = page.get_by_role("textbox", name="单价").first
    price.fill("998.5")
    expect(page.get_by_text(WHOLE)).to_be_visible()
    price.fill("998")
    # 334.33 by the scales.
    page.get_by_role("button", name="完成 ¥334", exact=True).click()
    expect(page.get_by_role("heading", name="完成 ¥334", exact=True)).to_be_visible()
    assert orders_of(tea_house)[0]["paid_fen"] == 33_400


def test_a_refund_is_of_whole_yen(tea_house: Shop, window: Open) -> None:
    line = {"product": "煎茶", "quantity": "3", "paid_fen": 100_000}
    order = tea_house.make("/v1/orders", {"store": "s1", "order_no": "R1", "lines": [line]})
    seat = window(tea_house, "owner")
    page = seat.open(f"/cashier/refund/{order['order_id']}")
    page.get_by_text("退一部分").click()
    page.get_by_role("textbox", name="按件数 煎茶").fill("1")
    expect(page.get_by_role("button", name="退款 ¥333", exact=True)).to_be_enabled()
    page.get_by_role("combobox", name="这一行怎么退 煎茶").select_option("amount")
    amount = page.get_by_role("textbox", name="按金额 煎茶")
    expect(amount).to_have_value("1000")
    amount.fill("10.5")
    expect(page.get_by_role("alert").filter(has_text="请填写 ¥1,000 以内的整数金额")).to_be_visible()
    expect(page.get_by_role("button", name="退款", exact=True)).to_be_disabled()
    seat.shoot("no-decimals")
    seat.check_access()
    amount.fill("500")
    page.get_by_role("button", name="退款 ¥500", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="退款 ¥500", exact=True).click()
    expect(page.get_by_role("heading", name="已记下退款 ¥500", exact=True)).to_be_visible()
    assert tea_house.get(f"/v1/orders/{order['order_id']}")["refunded_fen"] == 50_000


def test_a_rule_is_of_whole_yen(tea_house: Shop, window: Open) -> None:
    seat = window(tea_house, "owner")
    page = seat.open("/rules/new")
    page.get_by_label("名称").fill("消费积分")
    per, minimum = page.get_by_label("每多少日元"), page.get_by_label(re.compile("^满多少日元起算"))
    per.fill("2.5")
    minimum.fill("10.5")
    expect(page.get_by_text(WHOLE)).to_have_count(2)
    seat.shoot("no-decimals")
    seat.check_access()
    per.fill("100")
    minimum.fill("1000")
    expect(page.get_by_text(WHOLE)).to_have_count(0)
    page.get_by_role("button", name="存草稿").click()
    expect(page.get_by_text("草稿已保存")).to_be_visible()
    (draft,) = tea_house.get("/v1/earning-rules/drafts")["items"]
    assert (draft["points_per_yuan"], draft["minimum_fen"]) == ("0.01", 100_000)
    page.reload()
    seat.settle()
    expect(per).to_have_value("100")
    expect(minimum).to_have_value("1000")
