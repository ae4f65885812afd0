"""A new shop's first day, by its owner: from the one-time password to figures, people and what the log says of it."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.stage import Window, rows
from tests.browser.world import PASSWORD, Cafe, Shop, write_files


def test_a_new_shops_first_day(new_shop: Shop, window: Open, tmp_path: Path) -> None:
    seat = window()
    page = enter_and_choose_a_password(seat, new_shop)
    add_a_store(seat)
    members, orders = write_files(tmp_path)
    import_members(seat, members)
    import_orders(seat, orders)
    assert len(new_shop.get("/v1/members", limit="100")["items"]) == 20
    # 30 orders of 1.50 to 30.50, by ten members with three each.
    seat.open("/dashboard")
    figures = page.get_by_role("region", name="关键指标")
    expect(figures.get_by_text("¥480.00")).to_be_visible()
    expect(figures.get_by_role("link", name="10", exact=True)).to_be_visible()
    seat.shoot("figures")
    add_a_cashier(seat, new_shop)
    make_a_key(seat, new_shop)
    read_the_log(seat)


def enter_and_choose_a_password(seat: Window, shop: Shop) -> Page:
    page = seat.open(f"/?merchant={shop.code}")
    page.get_by_label("登录名或手机号").fill("owner")
    page.get_by_label("密码", exact=True).fill(shop.one_time)
    seat.shoot("log-in")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("heading", name="修改密码")).to_be_visible()
    # No page opens before that.
    page.goto(f"{seat.url}/stores")
    expect(page.get_by_role("heading", name="修改密码")).to_be_visible()
    page.get_by_label("一次性密码").fill(shop.one_time)
    page.get_by_label("新密码", exact=True).fill(PASSWORD)
    page.get_by_label("再输一遍新密码").fill(PASSWORD + "x")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_text("两次输入的新密码不一样")).to_be_visible()
    seat.shoot("own-password")
    seat.check_access()
    page.get_by_label("再输一遍新密码").fill(PASSWORD)
    page.get_by_role("button", name="保存").click()
    expect(page).to_have_url(f"{seat.url}/stores")
    seat.open("/")
    expect(page.get_by_role("heading", name="开始使用")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("创建门店"))).to_be_visible()
    seat.shoot("next-steps")
    seat.check_access()
    return page


def add_a_store(seat: Window) -> None:
    page = seat.page
    page.get_by_role("link", name=re.compile("创建门店")).click()
    expect(page.get_by_role("heading", name="新增门店", level=1)).to_be_visible()
    page.get_by_label("门店名称").fill("老街店")
    page.get_by_label("门店代码").fill("s1")
    page.get_by_role("button", name="创建门店").click()
    expect(page.get_by_role("link", name="老街店")).to_be_visible()


def import_members(seat: Window, file: Path) -> None:
    page = seat.open("/imports/new")
    page.get_by_label("或者选择文件").set_input_files(file)
    expect(page.get_by_text("需要的列都有了。")).to_be_visible()
    seat.shoot("members-columns")
    seat.check_access()
    page.get_by_role("button", name="试导").click()
    expect(page.get_by_role("heading", name="试导结果")).to_be_visible()
    expect(page.get_by_text("还没有写入任何内容。")).to_be_visible()
    expect(page.get_by_role("definition").filter(has_text=re.compile("^20$"))).to_be_visible()
    expect(rows(page, "有问题的行")).to_have_count(1)
    seat.shoot("members-tried")
    seat.check_access()
    start(page)
    expect(page.get_by_role("heading", name="导入结果")).to_be_visible()
    seat.shoot("members-imported")


def import_orders(seat: Window, file: Path) -> None:
    """The columns have names of the shop's own, so they are named here."""
    page = seat.open("/imports/new")
    page.get_by_label("或者选择文件").set_input_files(file)
    page.get_by_role("radio", name=re.compile("^订单")).check()
    for column, field in (
        ("流水", "order_no"),
        ("开单", "ordered_at"),
        ("铺子", "store"),
        ("VIP", "member"),
        ("货品", "product"),
        ("实付", "paid_amount"),
    ):
        page.get_by_label(f"{column} 当作").select_option(field)
    expect(page.get_by_text("需要的列都有了。")).to_be_visible()
    seat.shoot("orders-columns")
    page.get_by_role("button", name="试导").click()
    expect(page.get_by_role("heading", name="试导结果")).to_be_visible()
    seat.shoot("orders-tried")
    start(page)
    expect(page.get_by_role("heading", name="导入结果")).to_be_visible()
    expect(page.get_by_role("definition").filter(has_text=re.compile("^30$"))).to_be_visible()
    seat.shoot("orders-imported")


def start(page: Page) -> None:
    page.get_by_role("button", name="正式导入").click()
    page.get_by_role("dialog").get_by_role("button", name="正式导入").click()


def add_a_cashier(seat: Window, shop: Shop) -> None:
    page = seat.open("/staff/new")
    page.get_by_label("姓名").fill("小满")
    page.get_by_label("登录名").fill("xiaoman")
    page.get_by_role("radio", name="收银员").check()
    seat.shoot("new-cashier")
    page.get_by_role("button", name="创建员工").click()
    expect(page.get_by_role("heading", name="把账号交给“小满”")).to_be_visible()
    one_time = page.get_by_label("一次性密码").input_value()
    seat.shoot("cashier-made")
    seat.check_access()
    # It opens the door.
    shop.settle("xiaoman", one_time)


def make_a_key(seat: Window, shop: Shop) -> None:
    page = seat.open("/keys/new")
    page.get_by_label("名称").fill("一号收银机")
    page.get_by_role("radio", name=re.compile("^只读报表")).check()
    page.get_by_role("button", name="创建密钥").click()
    token = page.get_by_label("密钥", exact=True).input_value()
    assert shop.scopes_of(token) == (200, 403)
    seat.shoot("key-made")
    seat.check_access()


def read_the_log(seat: Window) -> None:
    page = seat.open("/audit")
    main = page.get_by_role("main")
    for said in ("新增了员工 小满", "新建了密钥“一号收银机”", "提交了订单文件“orders.csv”正式导入", "老街店"):
        expect(main).to_contain_text(said)
    seat.shoot("log")


def test_a_member_is_found_and_points_are_adjusted(cafe: Cafe, window: Open) -> None:
    had = cafe.points("陈静")
    seat = window(cafe, "owner")
    page = seat.open("/members")
    expect(rows(page, "会员").first).to_be_visible()
    page.get_by_label("查找会员").fill("0004")
    expect(rows(page, "会员")).to_have_count(1)
    seat.shoot("found")
    rows(page, "会员").get_by_role("link").first.click()
    seat.settle()
    seat.shoot("member")
    page.get_by_role("button", name="调整积分").click()
    asked = page.get_by_role("dialog", name="调整积分")
    asked.get_by_label("数量").fill("50")
    asked.get_by_role("button", name="确认调整").click()
    # A reason is needed, and what was typed stays.
    expect(asked.get_by_text("请填写", exact=True)).to_be_visible()
    expect(asked.get_by_label("数量")).to_have_value("50")
    asked.get_by_label("原因").fill("补登上周漏记的积分")
    seat.shoot("adjust")
    seat.check_access()
    asked.get_by_role("button", name="确认调整").click()
    page.get_by_role("dialog", name=re.compile("增加 50")).get_by_role("button", name="确认调整").click()
    expect(page.get_by_text(f"已调整，现有 {had + 50} 积分")).to_be_visible()
    expect(page.get_by_text("补登上周漏记的积分").first).to_be_visible()
    assert cafe.points("陈静") == had + 50
    for tab in ("积分明细", "成长值明细", "积分批次", "订单"):
        page.get_by_role("navigation", name="会员的记录").get_by_role("link", name=tab).click()
        seat.settle()
        seat.shoot(f"tab-{tab}")
        seat.check_access()


def test_a_rule_is_drafted_tried_and_published(cafe: Cafe, window: Open) -> None:
    seat = window(cafe, "owner")
    page = seat.open("/rules")
    seat.shoot("rules")
    seat.open("/rules/new")
    page.get_by_label("名称").fill("甜点三倍")
    page.get_by_role("radio", name="翻倍").check()
    page.get_by_label("几倍").fill("3")
    page.get_by_label(re.compile("^只算这些品类")).fill("甜点")
    expect(page.get_by_role("heading", name="这条规则是")).to_be_visible()
    page.get_by_role("button", name="存草稿").click()
    expect(page.get_by_text("草稿已保存")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/rules/drafts/\d+"))
    page.get_by_label("第 1 行 品类").fill("甜点")
    page.get_by_label("第 1 行 金额").fill("36")
    page.get_by_role("button", name="试算").click()
    tried = page.get_by_role("status").filter(has_text="36.00")
    expect(tried.get_by_role("definition").nth(0)).to_have_text("36")
    expect(tried.get_by_role("definition").nth(1)).to_have_text("108")
    seat.shoot("tried")
    seat.check_access()
    # Nothing counts before it is published.
    assert quoted(cafe) == 36
    page.get_by_role("button", name="发布…").click()
    expect(page.get_by_role("heading", name="发布“甜点三倍”")).to_be_visible()
    seat.shoot("publish")
    page.get_by_role("button", name="发布", exact=True).click()
    expect(page.get_by_text("“甜点三倍”已发布")).to_be_visible()
    seat.shoot("published")
    assert quoted(cafe) == 108
    # Other tests count on 1 point for a yuan.
    (rule,) = [each for each in cafe.get("/v1/earning-rules")["items"] if each["current"]["name"] == "甜点三倍"]
    cafe.make(f"/v1/earning-rules/{rule['rule_id']}/disable", {})
    seat.open("/audit")
    expect(page.get_by_role("main").get_by_text("甜点三倍").first).to_be_visible()


def quoted(cafe: Cafe) -> int:
    lines = [{"sku": "cake", "category": "甜点", "paid_fen": 3600}]
    told = cafe.make("/v1/orders/quote", {"store": "s1", "member_id": cafe.members["赵强"], "lines": lines})
    points: int = told["points"]
    return points
