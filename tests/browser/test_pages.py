"""Every page, as each role sees it: nothing for axe to find in both looks on desk and phone, 320 px wide, no error."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Open
from tests.browser.stage import DESKTOP, NARROWEST, PHONE, ROOT, Window
from tests.browser.world import Cafe

# By the address as the rooms name it. {words} stand for something of the café's.
OWNER = {
    "/dashboard": "/dashboard",
    "/figures": "/figures",
    "/figures/breakdown": "/figures/breakdown",
    "/figures/repurchase": "/figures/repurchase",
    "/figures/cohorts": "/figures/cohorts",
    "/figures/rfm": "/figures/rfm",
    "/figures/concentration": "/figures/concentration",
    "/figures/top": "/figures/top",
    "/figures/audience": "/figures/audience",
    "/figures/points": "/figures/points",
    "/figures/members": "/figures/members?figure=active",
    "/cashier": "/cashier",
    "/cashier/orders": "/cashier/orders",
    "/cashier/refund/:orderId(\\d+)": "/cashier/refund/{order}",
    "/rules": "/rules",
    "/rules/new": "/rules/new",
    "/rules/drafts/:draftId(\\d+)": "/rules/drafts/{draft}",
    "/rules/:ruleId(\\d+)": "/rules/{rule}",
    "/rules/:ruleId(\\d+)/change": "/rules/{rule}/change",
    "/members": "/members",
    "/members/new": "/members/new",
    "/members/:memberId(\\d+)/:tab(points|growth|lots|orders)?": "/members/{member}",
    "/orders": "/orders",
    "/orders/:orderId(\\d+)": "/orders/{order}",
    "/orders/:orderId(\\d+)/refund": "/orders/{order}/refund",
    "/imports": "/imports",
    "/imports/new": "/imports/new",
    "/imports/:importId([0-9a-f-]{36})": "/imports/{import}",
    "/merchant": "/merchant",
    "/staff": "/staff",
    "/staff/new": "/staff/new",
    "/staff/:staffId(\\d+)": "/staff/{staff}",
    "/keys": "/keys",
    "/keys/new": "/keys/new",
    "/keys/:keyId(\\d+)": "/keys/{key}",
    "/audit": "/audit",
    "/stores": "/stores",
    "/stores/regions": "/stores/regions",
    "/stores/new": "/stores/new",
    "/stores/:storeId(\\d+)": "/stores/{store}",
}


def test_no_page_is_forgotten() -> None:
    named = set()
    for room in (ROOT / "web" / "console" / "src" / "rooms").glob("*/room.ts"):
        named |= set(re.findall(r"path: '([^']+)'", room.read_text(encoding="utf-8")))
    assert {path.replace("\\\\", "\\") for path in named} == set(OWNER)


CASHIER = ("/cashier", "/cashier/orders", "/members", "/members/{member}", "/orders", "/orders/{order}", "/rules")


@pytest.mark.parametrize("path", OWNER.values())
def test_a_page_of_the_owner(cafe: Cafe, window: Open, path: str) -> None:
    look_at(window(cafe, "owner"), path.format(**cafe.places))


@pytest.mark.parametrize("path", CASHIER)
def test_a_page_of_the_cashier(cafe: Cafe, window: Open, path: str) -> None:
    look_at(window(cafe, "ding"), path.format(**cafe.places))


def look_at(seat: Window, path: str) -> None:
    page = seat.open(path)
    for label, size in (("1440", DESKTOP), ("390", PHONE)):
        seat.resize(size)
        for look in ("light", "dark"):
            page.emulate_media(color_scheme=look)
            seat.picture(f"{label}-{look}")
            seat.check_access()
        seat.check_width()
    page.emulate_media(color_scheme="light")
    seat.resize(NARROWEST)
    seat.picture("320")
    seat.check_width()
