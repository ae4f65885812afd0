"""Coming in, staying in, being sent away: log-in, session, language, look, addresses."""

from __future__ import annotations

import re
import time

from playwright.sync_api import expect

from huimeng.merchant.authentication import TTL_SECONDS
from tests.browser.conftest import Open
from tests.browser.stage import PHONE
from tests.browser.world import PASSWORD, Cafe


def test_log_in_by_keyboard_alone(cafe: Cafe, window: Open) -> None:
    seat = window()
    page = seat.open("/login?merchant=nuandeng")
    # The merchant is in the address, so the first thing to type is the name.
    expect(page.get_by_label("登录名或手机号")).to_be_focused()
    page.keyboard.type("owner")
    page.keyboard.press("Tab")
    expect(page.get_by_label("密码", exact=True)).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="账号: 店主")).to_be_visible()
    # The first stop in a page is the way past the menu.
    page.keyboard.press("Tab")
    page.reload()
    seat.settle()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="跳到正文")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_a_wrong_password_is_told_and_what_was_typed_stays(cafe: Cafe, window: Open) -> None:
    seat = window()
    page = seat.open("/login")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_text("请填写")).to_have_count(3)
    expect(page.get_by_label("商户代码")).to_be_focused()
    page.get_by_label("商户代码").fill("nuandeng")
    page.get_by_label("登录名或手机号").fill("owner")
    page.get_by_label("密码", exact=True).fill("not-the-password")
    seat.means(401, "/v1/session")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("登录名或手机号")).to_have_value("owner")
    seat.shoot("wrong-password")
    seat.check_access()


def test_a_deep_link_waits_behind_the_log_in_and_stays_after_a_reload(cafe: Cafe, window: Open) -> None:
    seat = window()
    page = seat.open("/stores/regions?from=letter")
    expect(page).to_have_url(re.compile(r"/login\?next="))
    page.get_by_label("商户代码").fill("nuandeng")
    page.get_by_label("登录名或手机号").fill("owner")
    page.get_by_label("密码", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("heading", name="区域", level=1)).to_be_visible()
    expect(page).to_have_url(f"{seat.url}/stores/regions?from=letter")
    page.reload()
    expect(page.get_by_role("heading", name="区域", level=1)).to_be_visible()


def test_an_ended_session_leads_to_the_log_in_and_back(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    page = seat.open("/stores/new")
    owner = cafe.staff_id("owner")
    cafe.make(f"/v1/staff/{owner}/sessions/revoke", {})
    # Every process notices within this.
    time.sleep(TTL_SECONDS)
    seat.means(401, "/v1/.*")
    page.get_by_role("link", name="门店").first.click()
    page.get_by_role("dialog", name="登录已过期").get_by_role("button", name="不登录，离开这一页").click()
    expect(page.get_by_role("heading", name="登录", level=1)).to_be_visible()
    expect(page.get_by_text("登录已过期")).to_be_visible()
    seat.shoot("expired")
    page.get_by_label("商户代码").fill("nuandeng")
    page.get_by_label("登录名或手机号").fill("owner")
    page.get_by_label("密码", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page).to_have_url(f"{seat.url}/stores")
    expect(page.get_by_role("link", name="人民路店")).to_be_visible()


def test_the_language_is_switched_and_remembered(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    page = seat.open("/stores")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Stores", level=1)).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.reload()
    expect(page.get_by_role("heading", name="Stores", level=1)).to_be_visible()
    seat.shoot("english")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", name="门店", level=1)).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_the_look_is_switched_and_remembered(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    page = seat.open("/stores")
    page.get_by_role("button", name="账号: 店主").click()
    page.get_by_role("button", name="深色").click()
    expect(page.get_by_role("button", name="深色")).to_have_attribute("aria-pressed", "true")
    page.reload()
    seat.settle()
    dark: bool = page.evaluate("() => getComputedStyle(document.documentElement).colorScheme.includes('dark')")
    assert dark
    seat.shoot("dark")


def test_the_menu_on_a_phone(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner", viewport=PHONE, has_touch=True)
    page = seat.open("/stores")
    page.get_by_role("button", name="打开菜单").tap()
    menu = page.get_by_role("dialog", name="主菜单")
    expect(menu).to_be_visible()
    seat.picture("menu")
    seat.check_access()
    menu.get_by_role("link", name="门店").tap()
    expect(menu).to_be_hidden()


def test_an_address_that_is_none_says_so(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    page = seat.open("/no/such/page")
    expect(page.get_by_role("heading", name="没有这个页面")).to_be_visible()
    seat.shoot("nowhere")
    seat.check_access()
