"""Every page, as each role sees it: nothing for axe to find in both looks on desk and phone, 320 px wide, no error."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Open
from tests.browser.stage import DESKTOP, NARROWEST, PHONE, ROOT
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


@pytest.mark.parametrize("path", OWNER.values())
def test_a_page_of_the_owner(cafe: Cafe, window: Open, path: str) -> None:
    seat = window(cafe, "owner")
    page = seat.open(path.format(**cafe.places))
    name = re.sub(r"\W+", "-", path).strip("-")
    for label, size in (("1440", DESKTOP), ("390", PHONE)):
        seat.resize(size)
        for look in ("light", "dark"):
            page.emulate_media(color_scheme=look)
            seat.picture(f"{name}-{label}-{look}")
            seat.check_access()
        seat.check_width()
    page.emulate_media(color_scheme="light")
    seat.resize(NARROWEST)
    seat.picture(f"{name}-320")
    seat.check_width()
