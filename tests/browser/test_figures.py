"""Figures on the screen are the ones that can be counted by hand, cuts add up, and a click leads to who is behind."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.stage import PHONE, rows
from tests.browser.world import ZONE, Cafe

# What PAST comes to in the 29 days before today: 10 orders, ¥380.00, of 5 members of whom 3 had bought before.
ACTIVE, RETURNING, REPEAT, NET, AOV = "5", "60.0%", "60.0%", "¥380.00", "¥38.00"


def days() -> str:
    """The days of PAST that are near, without today, on which other tests sell."""
    today = datetime.now(ZONE).date()
    return f"from={today - timedelta(days=29)}&to={today - timedelta(days=1)}"


def cards(page: Page) -> list[str]:
    found = page.get_by_role("region", name="关键指标")
    expect(found).to_be_visible()
    return [line for line in found.inner_text().splitlines() if line]


def test_the_dashboard_says_what_can_be_counted_by_hand(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    page = seat.open(f"/dashboard?{days()}")
    shown = cards(page)
    for label, value in (
        ("活跃会员", ACTIVE),
        ("老会员占比", RETURNING),
        ("复购率", REPEAT),
        ("净销售额", NET),
        ("客单价", AOV),
    ):
        assert shown[shown.index(label) + 1] == value, shown
    # What is kept comes first.
    assert [each for each in shown if each in ("活跃会员", "老会员占比", "净销售额")] == [
        "活跃会员",
        "老会员占比",
        "净销售额",
    ]
    expect(page.get_by_text("数据截至")).to_be_visible()
    seat.shoot("dashboard")
    page.get_by_role("region", name="关键指标").get_by_role("link", name=ACTIVE, exact=True).click()
    seat.settle()
    expect(page.get_by_text("共 5 人")).to_be_visible()
    seat.shoot("members-behind")


@pytest.mark.parametrize(
    ("by", "wanted"),
    [
        ("store", {"人民路店": "¥276.00", "滨江店": "¥104.00", "合计": NET}),
        ("region", {"城东": "¥276.00", "城西": "¥104.00", "合计": NET}),
        ("category", {"咖啡": "¥236.00", "甜点": "¥72.00", "烘焙": "¥72.00", "合计": NET}),
    ],
)
def test_cuts_add_up(cafe: Cafe, window: Open, by: str, wanted: dict[str, str]) -> None:
    seat = window(cafe, "owner")
    page = seat.open(f"/figures/breakdown?by={by}&{days()}")
    table = rows(page, "对比")
    expect(table).to_have_count(len(wanted))
    for name, money in wanted.items():
        expect(table.filter(has_text=name)).to_contain_text(money)
    seat.shoot(f"by-{by}")
    first = next(iter(wanted))
    table.filter(has_text=first).get_by_role("link").first.click()
    seat.settle()
    expect(page.get_by_role("main").get_by_text(wanted[first]).first).to_be_visible()


def test_an_order_is_on_the_dashboard_within_5_seconds(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    page = seat.open("/dashboard?period=today")
    cafe.sell("LIVE-1", 0, "s2", "张伟", ("latte",))
    begin = datetime.now(ZONE)
    told = cafe.get("/v1/analytics/overview", **{"from": str(begin.date()), "to": str(begin.date())})
    while told["lag_events"]:
        assert datetime.now(ZONE) - begin < timedelta(seconds=5)
        told = cafe.get("/v1/analytics/overview", **{"from": str(begin.date()), "to": str(begin.date())})
    money = f"¥{told['figures']['net_fen'] / 100:.2f}"
    left = 5_000 - (datetime.now(ZONE) - begin) / timedelta(milliseconds=1)
    expect(page.get_by_role("region", name="关键指标").get_by_text(money).first).to_be_visible(timeout=left)
    seat.shoot("live")


def test_the_tab_of_the_page_that_is_open_is_in_sight_on_a_phone(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    seat.resize(PHONE)
    page = seat.open("/figures/points")
    here = page.get_by_role("navigation", name="经营分析").locator("[aria-current=page]")
    expect(here).to_be_in_viewport()
    page.get_by_role("navigation", name="经营分析").get_by_role("link").first.click()
    expect(here).to_be_in_viewport()
