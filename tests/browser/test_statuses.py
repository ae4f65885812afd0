"""An order file with words of its own for the status: each is chosen from a list."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.world import Cafe

SALES = "订单号,下单时间,门店,实付金额,状态\n" + "".join(
    f"W{n},2026-03-01 10:{n:02d}:00,s1,12.00,{('已完成', '挂账', '挂账', '弃单')[n % 4]}\n" for n in range(20)
)
SAID = {
    "zh-CN": (
        "还有 2 种说法不知道是什么意思",
        "意思是",
        "这些说法都知道是什么意思",
        "试导",
        "试导结果",
        "没有发现问题",
    ),
    "en-US": ("not known: 2", "Means", "each is known", "Trial run", "Trial run", "No problems found"),
}


@pytest.mark.parametrize("locale", SAID)
def test_words_of_the_status_are_chosen(cafe: Cafe, window: Open, tmp_path: Path, locale: str) -> None:
    still, means, known, check, result, fine = SAID[locale]
    file = tmp_path / "挂账.csv"
    file.write_text(SALES, encoding="utf-8")
    seat = window(cafe, "owner", locale=locale)
    page = seat.open("/imports/new")
    page.locator("input[type=file]").set_input_files(file)
    main = page.get_by_role("main")
    expect(main).to_contain_text(still)
    seat.shoot("unknown")
    seat.check_access()
    page.get_by_role("button", name=check).click()
    expect(page.get_by_role("heading", name=result, exact=True)).to_be_visible()
    seat.shoot("left-out")
    page.get_by_role("button", name=re.compile("修改设置|Change settings")).click()
    page.get_by_label(f"挂账 {means}").select_option("completed")
    page.get_by_label(f"弃单 {means}").select_option("voided")
    expect(main).to_contain_text(known)
    seat.shoot("chosen")
    seat.check_access()
    page.get_by_role("button", name=re.compile("按新设置再试导|Check again")).click()
    expect(main).to_contain_text(fine)
    seat.shoot("fine")
