"""The cashier's day: a sale by keyboard alone, a refund, one store only, and a network that goes away."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.stage import PHONE, rows
from tests.browser.world import PASSWORD, Cafe


def test_a_sale_by_keyboard_alone(cafe: Cafe, window: Open) -> None:
    had = cafe.points("王小明")
    seat = window()
    page = seat.open("/login?merchant=nuandeng")
    page.keyboard.type("ding")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="收银台", level=1)).to_be_visible()
    expect(page.get_by_role("main").get_by_text("人民路店")).to_be_visible()
    seat.shoot("till")
    expect(page.get_by_label("金额", exact=True)).to_be_focused()
    page.keyboard.type("40+5.6")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="查找会员")).to_be_focused()
    page.keyboard.type("0001")
    expect(page.get_by_role("option")).to_have_count(1)
    seat.shoot("member-found")
    page.keyboard.press("Enter")
    finish = page.get_by_role("button", name="完成 ¥45.60")
    expect(finish).to_be_focused()
    # 1 point for each whole yuan, and says so.
    expect(page.get_by_text("45 积分", exact=True)).to_be_visible()
    expect(page.get_by_text("消费积分")).to_be_visible()
    expect(page.get_by_text(re.compile("计分金额 45.60 元"))).to_be_visible()
    seat.shoot("quote")
    seat.check_access()
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"现在共有 {had + 45} 积分")).to_be_visible()
    seat.shoot("done")
    seat.check_access()
    assert cafe.points("王小明") == had + 45
    page.keyboard.press("Enter")
    expect(page.get_by_label("金额", exact=True)).to_be_focused()

    page.get_by_role("link", name="本店订单").click()
    expect(rows(page, "本店订单").filter(has_text="¥45.60")).to_have_count(1)
    # Giving money back is the owner's.
    expect(page.get_by_text("你的账号不能退款")).to_be_visible()
    expect(page.get_by_role("link", name="退款")).to_have_count(0)
    seat.shoot("orders")
    seat.check_access()


def test_the_owner_refunds_at_the_till(cafe: Cafe, window: Open) -> None:
    cafe.sell("R0001", 0, "s1", "张伟", ("cake", "bread"))
    had = cafe.points("张伟")
    seat = window(cafe, "owner")
    page = seat.open("/cashier/orders")
    seat.shoot("which-store")
    page.get_by_role("button", name="人民路店").click()
    row = rows(page, "本店订单").filter(has_text="R0001")
    row.get_by_role("link", name="退款").click()
    expect(page.get_by_role("button", name="退款 ¥54.00")).to_be_enabled()
    expect(page.get_by_text("收回积分")).to_be_visible()
    seat.shoot("refund")
    seat.check_access()
    page.get_by_role("button", name="退款 ¥54.00").click()
    asked = page.get_by_role("dialog", name="确定退款 ¥54.00？")
    expect(asked).to_be_visible()
    seat.picture("refund-asked")
    asked.get_by_role("button", name="退款 ¥54.00").click()
    expect(page.get_by_role("heading", name="已记下退款 ¥54.00")).to_be_visible()
    expect(page.get_by_text(f"收回 54 积分，会员现在有 {had - 54} 积分")).to_be_visible()
    seat.shoot("refunded")
    assert cafe.points("张伟") == had - 54


def test_goods_one_of_which_comes_back(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "ding")
    page = seat.open("/cashier")
    page.get_by_role("button", name="按商品").click()
    page.get_by_role("textbox", name="商品").first.fill("手冲咖啡")
    page.get_by_role("textbox", name="单价").first.fill("30")
    page.get_by_role("textbox", name="数量").first.fill("2")
    choose(page, "0004")
    expect(page.get_by_text("60 积分", exact=True)).to_be_visible()
    seat.shoot("goods")
    seat.check_access()
    page.get_by_role("button", name="完成 ¥60.00").click()
    expect(page.get_by_role("heading", name="完成 ¥60.00")).to_be_visible()
    (order,) = [each for each in cafe.orders_of("陈静") if each["paid_fen"] == 6000]
    seat = window(cafe, "owner")
    page = seat.open(f"/cashier/refund/{order['order_id']}")
    page.get_by_text("退一部分").click()
    # It is the only thing, so it is chosen.
    expect(page.get_by_role("checkbox", name=re.compile("手冲咖啡"))).to_be_checked()
    expect(page.get_by_role("combobox", name="这一行怎么退 手冲咖啡")).to_have_value("quantity")
    page.get_by_role("textbox", name="按件数 手冲咖啡").fill("1")
    expect(page.get_by_role("button", name="退款 ¥30.00")).to_be_enabled()
    seat.shoot("one-of-two")
    page.get_by_role("button", name="退款 ¥30.00").click()
    page.get_by_role("dialog").get_by_role("button", name="退款 ¥30.00").click()
    expect(page.get_by_role("heading", name="已记下退款 ¥30.00")).to_be_visible()
    assert cafe.get(f"/v1/orders/{order['order_id']}")["status"] == "partly_refunded"


def test_a_double_click_books_once(cafe: Cafe, window: Open) -> None:
    before = len(cafe.orders_of("赵强"))
    seat = window(cafe, "ding")
    page = seat.open("/cashier")
    page.get_by_label("金额", exact=True).fill("11")
    choose(page, "0005")
    expect(page.get_by_text("11 积分", exact=True)).to_be_visible()
    page.get_by_role("button", name="完成 ¥11.00").dblclick()
    expect(page.get_by_role("heading", name="完成 ¥11.00")).to_be_visible()
    assert len(cafe.orders_of("赵强")) == before + 1


def test_an_answer_that_gets_lost_is_asked_for_again_and_booked_once(cafe: Cafe, window: Open) -> None:
    before = len(cafe.orders_of("李芳"))
    seat = window(cafe, "ding")
    page = seat.open("/cashier")
    page.get_by_label("金额", exact=True).fill("23")
    choose(page, "0002")
    expect(page.get_by_text("23 积分", exact=True)).to_be_visible()
    seat.loses_the_answer("/v1/orders")
    page.get_by_role("button", name="完成 ¥23.00").click()
    again = page.get_by_role("button", name="再试一次")
    expect(again).to_be_visible()
    # It is in the books, and nobody at the till knows.
    assert len(cafe.orders_of("李芳")) == before + 1
    seat.shoot("no-answer")
    seat.check_access()
    again.click()
    expect(page.get_by_role("heading", name="完成 ¥23.00")).to_be_visible()
    assert len(cafe.orders_of("李芳")) == before + 1


def test_without_network_what_was_typed_stays_and_goes_out_once(cafe: Cafe, window: Open) -> None:
    before = len(cafe.orders_of("李芳"))
    seat = window(cafe, "ding")
    page = seat.open("/cashier")
    page.get_by_label("金额", exact=True).fill("19")
    choose(page, "0002")
    expect(page.get_by_text("19 积分", exact=True)).to_be_visible()
    with seat.without_network():
        expect(page.get_by_text("网络断开了")).to_be_visible()
        expect(page.get_by_label("金额", exact=True)).to_have_value("19")
        page.get_by_role("button", name="完成 ¥19.00").click()
        expect(page.get_by_role("heading", name="还没有收到答复")).to_be_visible()
        expect(page.get_by_text("¥19.00")).to_be_visible()
        seat.shoot("away")
        assert len(cafe.orders_of("李芳")) == before
    # It goes on by itself.
    expect(page.get_by_role("heading", name="完成 ¥19.00")).to_be_visible()
    assert len(cafe.orders_of("李芳")) == before + 1


def test_own_store_only(cafe: Cafe, window: Open) -> None:
    """Orders of the other store are not listed, not found by address, and no page of the owner opens."""
    theirs = cafe.orders[2]
    seat = window(cafe, "ding")
    page = seat.open("/cashier/orders")
    page.get_by_role("textbox", name="营业日").fill(cafe.get(f"/v1/orders/{theirs}")["business_day"])
    expect(page.get_by_text("这一天还没有订单")).to_be_visible()
    seat.means(404, "/v1/orders/.*")
    page.goto(f"{seat.url}/orders/{theirs}")
    expect(page.get_by_role("alert").filter(has_text="找不到订单")).to_be_visible()
    expect(page.get_by_text("¥32.00")).to_have_count(0)
    seat.shoot("not-theirs")
    menu = page.get_by_role("navigation", name="主菜单")
    for name in ("首页", "经营分析", "员工", "操作日志"):
        expect(menu.get_by_role("link", name=name)).to_have_count(0)
    for path in ("/dashboard", "/figures", f"/cashier/refund/{theirs}", "/stores/new"):
        seat.open(path)
        expect(page.get_by_text("没有权限")).to_be_visible()
    seat.shoot("no-permission")
    seat.check_access()


def test_a_sale_by_thumb(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "xu", viewport=PHONE, has_touch=True, is_mobile=True)
    page = seat.open("/cashier")
    for key in "12.5":
        page.get_by_role("button", name=key, exact=True).tap()
    expect(page.get_by_label("金额", exact=True)).to_have_value("12.5")
    # While a quote is on its way the one before is dimmed.
    seat.settle()
    seat.picture("keypad")
    seat.check_width()
    seat.check_access()
    page.get_by_role("button", name="完成 ¥12.50").tap()
    expect(page.get_by_role("heading", name="完成 ¥12.50")).to_be_visible()
    expect(page.get_by_text("散客，没有积分")).to_be_visible()
    page.get_by_role("button", name="下一单").tap()
    expect(page.get_by_label("金额", exact=True)).to_have_value("")


def choose(page: Page, last_four: str) -> None:
    page.get_by_role("combobox", name="查找会员").fill(last_four)
    expect(page.get_by_role("option")).to_have_count(1)
    page.get_by_role("option").click()
    expect(page.get_by_role("button", name="换一位")).to_be_visible()
