"""Forms: what was refused is in sight, nothing typed is lost unasked, and neither is what others have changed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Open
from tests.browser.stage import PHONE
from tests.browser.world import Cafe

LAPTOP = {"width": 1280, "height": 800}
HEADER = 56


def in_sight(what: Locator) -> None:
    """Within the window and not behind the bar at the top."""
    expect(what).to_be_visible()
    box = what.bounding_box()
    window = what.page.evaluate("() => innerHeight")
    assert box is not None and box["y"] >= HEADER and box["y"] + box["height"] <= window, (box, window)


@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
@pytest.mark.parametrize(
    ("path", "deed", "first"), [("/staff/new", "创建员工", "姓名"), ("/stores/new", "创建门店", "门店名称")]
)
def test_what_was_refused_is_in_sight(
    cafe: Cafe, window: Open, size: dict[str, int], path: str, deed: str, first: str
) -> None:
    seat = window(cafe, "owner", viewport=size)
    page = seat.open(path)
    page.get_by_role("button", name=deed).click()
    field = page.get_by_label(first, exact=True)
    expect(field).to_be_focused()
    in_sight(field)
    in_sight(page.get_by_text("请填写").first)
    page.get_by_label(first, exact=True).fill("林小雨")
    page.get_by_label(re.compile("^(登录名|门店代码)")).fill("lin")
    with seat.without_network():
        page.get_by_role("button", name=deed).click()
        note = page.get_by_role("alert").filter(has_text="连不上服务器")
        expect(note).to_be_focused()
        in_sight(note)
        seat.picture(f"refused-{path.split('/')[1]}")


def test_a_page_that_can_not_be_had_is_told_and_gone_to(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    page = seat.open("/orders")
    with seat.without_network():
        page.get_by_role("navigation").get_by_role("link", name="门店", exact=True).click()
        note = page.get_by_role("alert").filter(has_text="连不上服务器")
        in_sight(note)
        expect(page).to_have_url(re.compile("/orders$"))
        seat.picture("away")
        note.get_by_role("button", name="重试").click()
        expect(note).to_be_visible()
    note.get_by_role("button", name="重试").click()
    expect(page).to_have_url(re.compile("/stores$"))
    seat.settle()
    expect(page.get_by_role("heading", level=1)).to_have_text("门店")


def test_what_was_typed_is_not_lost_unasked(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    page = seat.open("/orders")
    menu = page.get_by_role("navigation")
    for path in ("/staff/new", "/stores/new", "/keys/new", "/members/new", "/rules/new", "/merchant"):
        seat.open(path)
        menu.get_by_role("link", name="订单", exact=True).click()
        expect(page).to_have_url(re.compile("/orders$"))
    seat.open("/rules/new")
    page.get_by_label("名称", exact=True).fill("周五双倍")
    menu.get_by_role("link", name="订单", exact=True).click()
    question = page.get_by_role("dialog", name="离开这一页？")
    expect(question).to_be_visible()
    seat.picture("asked")
    question.get_by_role("button", name="取消").click()
    expect(page.get_by_label("名称", exact=True)).to_have_value("周五双倍")
    menu.get_by_role("link", name="订单", exact=True).click()
    question.get_by_role("button", name="离开", exact=True).click()
    expect(page).to_have_url(re.compile("/orders$"))


def test_nobodys_change_of_a_rule_is_undone_unseen(cafe: Cafe, window: Open) -> None:
    rule = {"name": "常客积分", "points_per_yuan": "1", "categories": ["茶"]}
    made = cafe.make("/v1/earning-rules", rule)["rule_id"]
    seat = window(cafe, "owner")
    page = seat.open(f"/rules/{made}/change")
    cafe.ask("PUT", f"/v1/earning-rules/{made}", json={**rule, "points_per_yuan": "5"})
    page.get_by_label("名称", exact=True).fill("老客积分")
    seat.means(409, "/v1/earning-rules/drafts")
    page.get_by_role("button", name="发布…").click()
    note = page.get_by_role("alert").filter(has_text="刚被别人改过")
    in_sight(note)
    seat.shoot("overtaken")
    note.get_by_role("button", name="对照现在的规则").click()
    expect(page.get_by_text("每消费 1 元得 5 积分 → 每消费 1 元得 1 积分")).to_be_visible()
    expect(page.get_by_label("名称", exact=True)).to_have_value("老客积分")
    seat.shoot("compared")
    assert cafe.get(f"/v1/earning-rules/{made}")["current"]["points_per_yuan"] == "5"
    cafe.make(f"/v1/earning-rules/{made}/disable", {})
    page.get_by_role("button", name="放弃草稿").click()
    page.get_by_role("dialog").get_by_role("button", name="放弃草稿").click()
    expect(page).to_have_url(re.compile("/rules$"))


def test_the_till_quotes_again_when_the_network_is_back(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "ding")
    page = seat.open("/cashier")
    with seat.without_network():
        page.get_by_label("金额", exact=True).fill("25.80")
        expect(page.get_by_text("连不上服务器")).to_be_visible()
    expect(page.get_by_text("连不上服务器")).to_have_count(0)
    expect(page.get_by_text("没有会员，不计积分").first).to_be_visible()


@pytest.mark.parametrize(("lang", "alone"), [("zh-CN", True), ("en-US", False)])
def test_how_many_and_of_what_stay_in_one_line(cafe: Cafe, window: Open, lang: str, alone: bool) -> None:
    """In Chinese the whole sentence does."""
    seat = window(cafe, "owner", viewport=PHONE, locale=lang)
    page = seat.open("/rules/new")
    told = page.locator(".sentence").first
    boxes = [each.bounding_box() for each in [*told.locator(".blank").all(), told.locator("select")]]
    every, much, unit = (round(box["y"]) for box in boxes if box is not None)
    assert (much == unit, every == unit) == (True, alone)
    seat.check_width()
