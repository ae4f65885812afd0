"""Files that are not what they seem: each way leads on, and nothing that was chosen is lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.stage import rows
from tests.browser.world import Cafe

SALES = "小票,时间,金额\n" + "".join(f"X{n},2026-03-01 10:{n:02d}:00,12.00\n" for n in range(20))
MEMBERS = "编号,手机号,姓名,余下的分\n" + "".join(f"N{n},1391234{n:04d},客人{n},{n}\n" for n in range(20))
SAID = {
    "zh-CN": ("导入", "没有收下", "更多设置", "所有订单都算到", "还缺：门店"),
    "en-US": ("Import", "was not taken", "More settings", "All orders belong to", "Still missing: the store"),
}


@pytest.mark.parametrize("locale", SAID)
def test_files_that_are_not_what_they_seem(cafe: Cafe, window: Open, tmp_path: Path, locale: str) -> None:
    imports, not_taken, more, of_all, no_store = SAID[locale]
    files = {"sales.csv": SALES.encode(), "members.csv": MEMBERS.encode(), "photo.xlsx": b"\xff\xd8\xff" + bytes(900)}
    sales, members, photo = [tmp_path / f"{locale}-{name}" for name in files]
    for path, content in zip((sales, members, photo), files.values(), strict=True):
        path.write_bytes(content)
    seat = window(cafe, "owner", locale=locale)
    seat.means(400, r"/v1/imports\?.*photo.*")
    page = seat.open("/imports/new")
    main = page.get_by_role("main")
    page.locator("input[type=file]").set_input_files(photo)
    expect(main).to_contain_text(f"“{photo.name}”{'' if locale == 'zh-CN' else ' '}{not_taken}")
    seat.shoot("no-table")
    seat.check_access()
    page.locator("input[type=file]").set_input_files([sales, members])
    expect(page).to_have_url(re.compile("/imports$"))
    listed = rows(page, imports)
    expect(listed.filter(has_text=photo.name)).to_have_count(0)
    expect(listed.filter(has_text=sales.name)).to_have_count(1)
    listed.get_by_role("link", name=members.name).click()
    points = page.get_by_label(re.compile("^余下的分 "))
    points.select_option("points")
    page.get_by_text(more).click()
    page.locator("details select").first.select_option("mdy")
    seat.settle()
    expect(points).to_have_value("points")
    seat.open("/imports")
    listed.get_by_role("link", name=sales.name).click()
    expect(main).to_contain_text(no_store)
    seat.shoot("no-store")
    seat.check_access()
    for column, field in (("小票", "order_no"), ("时间", "ordered_at"), ("金额", "paid_amount")):
        page.get_by_label(re.compile(f"^{column} ")).select_option(field)
    page.get_by_label(of_all).select_option("s2")
    expect(main).not_to_contain_text(no_store)
    expect(page.locator("button[type=submit]")).to_be_enabled()
