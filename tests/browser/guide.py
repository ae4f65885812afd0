"""usage: python -m tests.browser.guide. Makes the pictures of README and docs/guide from the demo, at fixed days.

The demo is imported once into ci-output/guide, or HUIMENG_DATA names a folder that has it. Two people are added to it.
"""

from __future__ import annotations

import base64
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.stage import CONTEXT, FLAGS, PHONE, ROOT, Window, find_chromium
from tests.browser.world import Shop, one_time_of
from tests.faults.house import House

PICTURES = ROOT / "docs" / "guide" / "images"
LARGEST_KB = 150
LARGEST_TOTAL_KB = 2_500
DESK = {"width": 1280, "height": 800}
# The last months of the demo, and the member who is first in it.
QUARTER = "from=2017-10-01&to=2017-12-31"
MONTH = "from=2017-12-01&to=2017-12-31"
YEAR = "from=2017-01-01&to=2017-12-31"
MEMBER = "3072"
STORE = "367"
# The first import reads a year.
READY_SECONDS = 1_800


class Demo(Shop):
    """The merchant of the demo, with an owner and a cashier of the guide's own."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.code = "demo"
        for login, role, name, options in (
            ("guide", "owner", "林老板", ()),
            ("guide-till", "cashier", "小周", ("--store", STORE)),
        ):
            known = [each["login"] for each in self.get("/v1/staff", limit="200")["items"]]
            order = ("reset-password",) if login in known else ("create", "--name", name, "--role", role, *options)
            told = house.huimeng("staff", order[0], "-m", self.code, "--login", login, *order[1:])
            self.settle(login, one_time_of(told))
        self.wait_for_figures()

    def wait_for_figures(self) -> None:
        """After the first import they are minutes behind, and a picture would show none."""
        end = time.monotonic() + READY_SECONDS
        while self.get("/v1/analytics/overview", **{"from": "2017-12-01", "to": "2017-12-31"})["lag_events"]:
            assert time.monotonic() < end, "the figures don't follow"
            time.sleep(1)


class Camera:
    """Takes scenes, all in one language after all in the other; said: the word of the one at hand."""

    def __init__(self, browser: Browser, shop: Shop) -> None:
        self.browser = browser
        self.shop = shop
        self.lang = "zh"

    def said(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    @contextmanager
    def seat(self, login: str, size: Any = DESK, look: str = "light") -> Iterator[Window]:
        zone = self.shop.get("/v1/merchant")["timezone"]
        given = {**CONTEXT, "viewport": size, "color_scheme": look, "device_scale_factor": 1.5, "timezone_id": zone}
        if size == PHONE:
            given |= {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}
        context = self.browser.new_context(**{**given, "locale": self.said("zh-CN", "en-US")})
        context.add_cookies(self.shop.cookies(login))  # type: ignore[arg-type]
        yield Window(context, self.shop.house.url, PICTURES)
        context.close()

    def take(self, page: Page, name: str) -> None:
        """The window as it stands, as WebP."""
        page.mouse.move(0, 0)
        page.wait_for_timeout(400)
        session = page.context.new_cdp_session(page)
        answer = session.send("Page.captureScreenshot", {"format": "webp", "quality": 78})
        path = PICTURES / f"{name}.{self.lang}.webp"
        path.write_bytes(base64.b64decode(answer["data"]))
        size = path.stat().st_size // 1024
        print(f"{path.relative_to(ROOT)}  {size} kB")
        assert size <= LARGEST_KB, f"{path.name} has {size} kB, more than {LARGEST_KB}"


def dashboard(camera: Camera) -> None:
    for look in ("light", "dark"):
        with camera.seat("guide", look=look) as seat:
            page = seat.open(f"/dashboard?{MONTH}")
            camera.take(page, "dashboard" if look == "light" else "dashboard-dark")
    with camera.seat("guide", PHONE) as seat:
        camera.take(seat.open(f"/dashboard?{MONTH}"), "dashboard-phone")


def figures(camera: Camera) -> None:
    with camera.seat("guide") as seat:
        camera.take(seat.open(f"/figures/cohorts?{YEAR}"), "retention")
        camera.take(seat.open(f"/figures/rfm?{QUARTER}"), "groups")


def sale(camera: Camera) -> None:
    with camera.seat("guide-till") as seat:
        page = seat.open("/cashier")
        page.get_by_label(camera.said("金额", "Amount"), exact=True).fill("57.90")
        page.get_by_role("combobox", name=camera.said("查找会员", "Find a member")).fill(MEMBER)
        expect(page.get_by_role("option")).to_have_count(1)
        page.get_by_role("option").click()
        expect(page.get_by_text(camera.said("怎么算的", "How it is calculated"))).to_be_visible()
        seat.settle()
        camera.take(page, "till")
    with camera.seat("guide-till", PHONE) as seat:
        page = seat.open("/cashier")
        page.get_by_label(camera.said("金额", "Amount"), exact=True).fill("12.5+3")
        camera.take(page, "till-phone")


def member(camera: Camera) -> None:
    with camera.seat("guide") as seat:
        camera.take(seat.open(f"/members/{MEMBER}"), "member")


def rule(camera: Camera) -> None:
    """A rule as it is written, tried on a bill."""
    with camera.seat("guide") as seat:
        page = seat.open("/rules/new")
        page.get_by_label(camera.said("名称", "Name")).fill(camera.said("生鲜双倍", "Double on produce"))
        page.get_by_role("radio", name=camera.said("翻倍", "Times")).check()
        page.get_by_label(camera.said("几倍", "How many times")).fill("2")
        page.get_by_label(re.compile(camera.said("^只算这些品类", "^Only these categories"))).fill("PRODUCE")
        page.get_by_label(camera.said("第 1 行 品类", "Line 1 Category")).fill("PRODUCE")
        page.get_by_label(camera.said("第 1 行 金额", "Line 1 Amount")).fill("36")
        page.get_by_role("button", name=camera.said("试算", "Try"), exact=True).click()
        expect(page.get_by_role("status").filter(has_text="36.00")).to_be_visible()
        # What stands beside the form scrolls by itself: the bill and what came of it, and no half of a card above.
        tried = page.get_by_role("heading", name=camera.said("在一张单上试一试", "Try it on a bill"))
        tried.evaluate("(heading) => { heading.closest('section').scrollIntoView(); scrollTo(0, 0) }")
        camera.take(page, "rule")
    # Trying keeps a draft.
    for draft in camera.shop.get("/v1/earning-rules/drafts")["items"]:
        if draft["state"] == "draft" and draft["name"] in ("生鲜双倍", "Double on produce"):
            camera.shop.make(f"/v1/earning-rules/drafts/{draft['draft_id']}/discard", {})


def refund(camera: Camera) -> None:
    with camera.seat("guide") as seat:
        orders = camera.shop.get("/v1/orders", member_id=MEMBER, to="2017-12-31", limit="50")["items"]
        order = max(orders, key=lambda each: each["paid_fen"])
        page = seat.open(f"/cashier/refund/{order['order_id']}")
        expect(page.get_by_role("button", name=re.compile(camera.said(r"^退款 \$", r"^Refund \$")))).to_be_enabled()
        camera.take(page, "refund")


SCENES: tuple[Callable[[Camera], None], ...] = (dashboard, figures, member, rule, sale, refund)


def main() -> None:
    wanted = sys.argv[1:]
    own = os.environ.get("HUIMENG_DATA")
    folder = ROOT / "ci-output" / "guide"
    folder.mkdir(parents=True, exist_ok=True)
    PICTURES.mkdir(parents=True, exist_ok=True)
    house = House(folder)
    if own:
        house.data = Path(own)
        house.environment["HUIMENG_DATA"] = own
    print("正在启动示例系统,首次导入要几分钟 / starting the demo; the first import takes minutes")
    try:
        house.start_again("--demo", seconds=READY_SECONDS)
        shop = Demo(house)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
            for lang in ("zh", "en"):
                camera = Camera(browser, shop)
                camera.lang = lang
                for scene in SCENES:
                    if not wanted or scene.__name__ in wanted:
                        scene(camera)
            browser.close()
    finally:
        house.stop()
    total = sum(path.stat().st_size for path in PICTURES.iterdir()) // 1024
    assert total <= LARGEST_TOTAL_KB, f"{total} kB of pictures"


if __name__ == "__main__":
    main()
