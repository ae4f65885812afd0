"""A session that ends in the middle of something: what was typed stays, and goes out once after the log-in."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Locator, Page, Request, expect

from huimeng.merchant.authentication import TTL_SECONDS
from tests.browser.conftest import Open
from tests.browser.stage import DESKTOP, PHONE, Window
from tests.browser.world import PASSWORD, Cafe


def end_sessions(shop: Cafe, seat: Window, login: str) -> None:
    shop.make(f"/v1/staff/{shop.staff_id(login)}/sessions/revoke", {})
    # Every process notices within this.
    time.sleep(TTL_SECONDS)
    seat.means(401, "/v1/.*")


def asked(page: Page) -> Locator:
    dialog = page.get_by_role("dialog", name="登录已过期")
    expect(dialog).to_be_visible()
    return dialog


def log_in(page: Page, password: str = PASSWORD) -> None:
    dialog = asked(page)
    dialog.get_by_label("密码", exact=True).fill(password)
    dialog.get_by_role("button", name="登录", exact=True).click()


def sent(page: Page, path: str) -> list[Request]:
    """Those that go out from now on."""
    found: list[Request] = []

    def hear(request: Request) -> None:
        if request.method != "GET" and request.url.endswith(path):
            found.append(request)

    page.on("request", hear)
    return found


def fill_in(page: Page, phone: str, name: str) -> None:
    page.get_by_label("手机号", exact=True).fill(phone)
    page.get_by_label("姓名").fill(name)
    page.get_by_role("checkbox", name=re.compile("同意")).check()
    page.get_by_label("章程版本").fill("2026-01")


def look_at(seat: Window, name: str) -> None:
    for label, size in (("1440", DESKTOP), ("390", PHONE)):
        seat.resize(size)
        for look in ("light", "dark"):
            seat.page.emulate_media(color_scheme=look)
            seat.picture(f"{name}-{label}-{look}")
            seat.check_access()
        seat.check_width()
    seat.page.emulate_media(color_scheme="light")
    seat.resize(DESKTOP)


def test_a_form_outlasts_its_session_and_is_sent_once(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    page = seat.open("/members/new")
    fill_in(page, "13900001111", "钱多多")
    posts = sent(page, "/v1/members")
    end_sessions(cafe, seat, "owner")
    page.get_by_role("button", name="入会", exact=True).click()
    dialog = asked(page)
    # Who was here has only the password to type.
    expect(dialog.get_by_label("商户代码")).to_have_value("nuandeng")
    expect(dialog.get_by_label("登录名或手机号")).to_have_value("owner")
    expect(dialog.get_by_label("密码", exact=True)).to_be_focused()
    look_at(seat, "asked")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    log_in(page, "not-the-password")
    expect(dialog.get_by_role("alert")).to_be_visible()
    look_at(seat, "wrong")
    expect(page.get_by_label("姓名")).to_have_value("钱多多")
    log_in(page)
    expect(page.get_by_role("heading", name=re.compile("^钱"), level=1)).to_be_visible()
    first, second = posts
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.post_data == second.post_data
    assert first.headers["x-csrf-token"] != second.headers["x-csrf-token"]
    found = cafe.ask("POST", "/v1/members/search", json={"phone": "13900001111"})
    assert len(found["items"]) == 1


def test_a_dialog_of_the_page_outlasts_its_session(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    page = seat.open(f"/members/{cafe.members['赵强']}")
    page.get_by_role("button", name="修改资料").click()
    tags = page.get_by_role("textbox", name="标签")
    tags.fill("爱喝美式")
    end_sessions(cafe, seat, "owner")
    page.get_by_role("button", name="保存").click()
    asked(page)
    # Escape closes neither of them.
    page.keyboard.press("Escape")
    seat.picture("over-a-dialog")
    log_in(page)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("爱喝美式", exact=True)).to_be_visible()


def test_for_somebody_else_the_console_starts_anew(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    page = seat.open("/members/new")
    fill_in(page, "13900002222", "不该登记")
    posts = sent(page, "/v1/members")
    end_sessions(cafe, seat, "owner")
    page.get_by_role("button", name="入会", exact=True).click()
    asked(page).get_by_label("登录名或手机号").fill("ding")
    log_in(page)
    expect(page.get_by_role("button", name="账号: 丁宁")).to_be_visible()
    expect(page).to_have_url(f"{seat.url}/cashier")
    expect(page.get_by_text("不该登记")).to_have_count(0)
    assert len(posts) == 1
    assert cafe.ask("POST", "/v1/members/search", json={"phone": "13900002222"})["items"] == []


def test_who_leaves_comes_to_the_log_in(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    page = seat.open("/members/new")
    fill_in(page, "13900003333", "算了")
    end_sessions(cafe, seat, "owner")
    page.get_by_role("button", name="入会", exact=True).click()
    asked(page).get_by_role("button", name="不登录，离开这一页").click()
    expect(page.get_by_role("heading", name="登录", level=1)).to_be_visible()
    expect(page).to_have_url(re.compile(r"/login\?next=/members/new&expired=1"))
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_with_a_one_time_password_one_of_ones_own_is_chosen_first(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "xu")
    page = seat.open("/members/new")
    fill_in(page, "13900004444", "孙小美")
    posts = sent(page, "/v1/members")
    # It ends the sessions too.
    given = cafe.make(f"/v1/staff/{cafe.staff_id('xu')}/reset-password", {})["one_time_password"]
    time.sleep(TTL_SECONDS)
    seat.means(401, "/v1/.*")
    page.get_by_role("button", name="入会", exact=True).click()
    log_in(page, given)
    dialog = page.get_by_role("dialog", name="修改密码")
    expect(dialog.get_by_label("一次性密码")).to_be_focused()
    assert len(posts) == 1
    look_at(seat, "password")
    dialog.get_by_label("一次性密码").fill(given)
    dialog.get_by_label("新密码", exact=True).fill(PASSWORD)
    dialog.get_by_label("再输一遍新密码").fill(PASSWORD)
    dialog.get_by_role("button", name="保存").click()
    expect(page.get_by_role("heading", name=re.compile("^孙"), level=1)).to_be_visible()
    assert len(posts) == 2


def test_a_bill_at_the_till_is_booked_once(cafe: Cafe, window: Open) -> None:
    before = len(cafe.orders_of("陈静"))
    seat = window(cafe, "ding")
    page = seat.open("/cashier")
    page.get_by_label("金额", exact=True).fill("17")
    page.get_by_role("combobox", name="查找会员").fill("0004")
    page.get_by_role("option").click()
    expect(page.get_by_text("17 积分", exact=True)).to_be_visible()
    end_sessions(cafe, seat, "ding")
    page.get_by_role("button", name="完成 ¥17.00").click()
    asked(page)
    seat.picture("at-the-till")
    log_in(page)
    expect(page.get_by_role("heading", name="完成 ¥17.00")).to_be_visible()
    assert len(cafe.orders_of("陈静")) == before + 1


def test_another_window_logs_in_for_both(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    page = seat.open("/members/new")
    fill_in(page, "13900005555", "周到")
    beside = seat.context.new_page()
    beside.goto(f"{seat.url}/stores")
    expect(beside.get_by_role("link", name="人民路店")).to_be_visible()
    end_sessions(cafe, seat, "owner")
    page.get_by_role("button", name="入会", exact=True).click()
    asked(page)
    beside.get_by_role("link", name="区域").click()
    log_in(beside)
    expect(beside.get_by_text("城东")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("^周"), level=1)).to_be_visible()
