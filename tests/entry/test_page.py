"""The plain page: the way in, what it shows to whom, and that nothing gets into it unescaped."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import httpx
import msgspec
import pytest

from huimeng.analytics import service as analytics
from huimeng.checkout.commands import ImportOrder
from huimeng.entry.context import Context
from huimeng.entry.page.html import html, tag
from huimeng.entry.page.words import Words
from huimeng.kernel.times import business_day
from huimeng.ledger.rules import Unit
from huimeng.member.service import join_member
from huimeng.member.values import IdentityInput, MemberInput
from huimeng.merchant.service import create_store, merchant_keys
from huimeng.merchant.values import StoreInput
from huimeng.order.rules import LineInput, OrderInput, TenderInput
from huimeng.points.rules import Definition
from huimeng.points.service import RuleInput, create_rule
from tests.conftest import Shop, make_shop
from tests.entry.house import OWN, House

PHONE = "13812345678"
EVIL = "<script>alert(1)</script>"


@pytest.fixture
async def browser(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Of the shop's owner."""
    async with house.browser() as client:
        await house.welcome(client)
        yield client


async def look_for(browser: httpx.AsyncClient, asked: str, **headers: str) -> httpx.Response:
    """By the form of the page, which brings its token along."""
    return await browser.post("/find", data={"q": asked, "csrf": await token_of(browser)}, headers=headers)


async def token_of(browser: httpx.AsyncClient, path: str = "/") -> str:
    page = (await browser.get(path)).text
    return str(next(attrs["value"] for name, attrs in tags_of(page) if attrs.get("name") == "csrf"))


@pytest.fixture
async def trading(context: Context, shop: Shop) -> str:
    """A member with one order, counted; the answer is the member's id."""
    return await trade(context, shop, [("m-1", "张三丰", PHONE)])


async def trade(context: Context, shop: Shop, people: list[tuple[str, str, str]]) -> str:
    one_a_yuan = RuleInput(
        name="一元一分",
        definition=Definition(unit=Unit.POINTS, kind="rate", rate_e4=10_000),
        effective_from=datetime(2020, 1, 1, tzinfo=UTC),
    )
    async with context.db.tenant(shop.merchant_id) as conn:
        keys = await merchant_keys(conn, context.vault, shop.merchant_id)
        await create_rule(conn, shop.merchant_id, one_a_yuan, actor="test", now=datetime.now(UTC))
    member_id = ""
    ordered_at = datetime(2026, 3, 5, 4, tzinfo=UTC)
    for number, name, phone in people:
        identities = [IdentityInput("external_id", number), IdentityInput("phone", phone)]
        given = MemberInput(identities=identities, name=name)
        joined: Any = await context.teller.submit(
            join_member(shop.cell_id, keys, given, now=datetime.now(UTC), key=f"join:{number}")
        )
        member_id = joined.value.member_id
        order = OrderInput(
            source="till",
            store_id=shop.store.store_id,
            order_no=f"{number}{EVIL}",
            business_day=business_day(ordered_at, shop.store.timezone),
            ordered_at=ordered_at,
            member_id=int(member_id),
            lines=(LineInput(sku="x", list_fen=123456, paid_fen=123456),),
            tenders=(TenderInput("cash", 123456),),
        )
        await context.teller.submit(ImportOrder(shop.cell_id, order, earn=True))
    await analytics.project(context.db, shop.merchant_id)
    return str(member_id)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def tags_of(text: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Tags()
    parser.feed(text)
    return parser.seen


def check_harmless(answer: httpx.Response) -> None:
    """No script, no style but our own, nothing from elsewhere; and the headers say so to the browser."""
    for name, attributes in tags_of(answer.text):
        assert name not in ("script", "iframe", "object", "base", "img")
        assert not any(key.startswith("on") or key == "style" for key in attributes)
        for key in ("href", "src", "action"):
            assert (attributes.get(key) or "/").startswith(("/", "#", "data:image/svg+xml,"))
    assert EVIL not in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_year(browser: httpx.AsyncClient, shop: Shop, trading: str) -> None:
    answer = await browser.get("/")
    assert answer.status_code == 200
    check_harmless(answer)
    for text in ("2026 年经营数据", "¥1,234.56", "测试小店", "查找会员", "3月", 'lang="zh-CN"', "退出"):
        assert text in answer.text
    english = await browser.get("/", params={"lang": "en"})
    for text in ("Figures of 2026", "¥1,234.56", "Find a member", 'lang="en"', "Log out"):
        assert text in english.text


async def test_a_merchant_without_orders_is_told_what_to_do(browser: httpx.AsyncClient, shop: Shop) -> None:
    answer = await browser.get("/")
    check_harmless(answer)
    assert f"huimeng import orders orders.csv --merchant {shop.code}" in answer.text


@pytest.mark.parametrize("asked", ["m-1", PHONE, "+86 138-1234-5678", "5678", "三丰", "张三丰"])
async def test_one_match_goes_to_the_member(browser: httpx.AsyncClient, trading: str, asked: str) -> None:
    answer = await look_for(browser, asked)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/member/{trading}"
    shown = await browser.get(answer.headers["location"])
    assert shown.status_code == 200
    check_harmless(shown)
    for text in ("138****5678", "1,234", "消费得积分", "m-1&lt;script&gt;", "¥1,234.56", "一号店"):
        assert text in shown.text
    for secret in (PHONE, "张三丰"):
        assert secret not in shown.text


async def test_several_matches_are_listed(browser: httpx.AsyncClient, context: Context, shop: Shop) -> None:
    await trade(context, shop, [("m-1", "王小明", PHONE), ("m-2", "王小红", "13900005678")])
    answer = await look_for(browser, "王小")
    assert answer.status_code == 200
    check_harmless(answer)
    assert "找到 2 位会员" in answer.text
    assert len(re.findall(r'href="/member/\d+"', answer.text)) == 2


@pytest.mark.parametrize("asked", ["nobody", EVIL, "", "\x00", "'; drop table member; --", "9" * 500, "%_%"])
async def test_no_match(browser: httpx.AsyncClient, trading: str, asked: str) -> None:
    answer = await look_for(browser, asked)
    assert answer.status_code == 200
    check_harmless(answer)
    assert "没有找到这位会员" in answer.text


@pytest.mark.parametrize("member_id", ["1", "abc", "999999999999999999999", "-5"])
async def test_no_such_member(browser: httpx.AsyncClient, member_id: str) -> None:
    answer = await browser.get(f"/member/{member_id}")
    assert answer.status_code in (400, 404)
    check_harmless(answer)


async def test_members_of_another_merchant_are_not_found(
    browser: httpx.AsyncClient, context: Context, shop: Shop
) -> None:
    other = await make_shop(context.db, context.vault)
    theirs = await trade(context, other, [("m-1", "张三丰", PHONE)])
    assert (await browser.get(f"/member/{theirs}")).status_code == 404
    assert "没有找到这位会员" in (await look_for(browser, "m-1")).text


async def test_strangers_are_sent_to_the_login(house: House, trading: str) -> None:
    async with house.browser() as stranger:
        for method, path in (("GET", "/"), ("GET", f"/member/{trading}"), ("POST", "/find"), ("POST", "/logout")):
            answer = await stranger.request(method, path, data={"q": "m-1"} if method == "POST" else None)
            assert (answer.status_code, answer.headers["location"]) == (303, "/login")
            assert "测试小店" not in answer.text
        named = await stranger.get("/", params={"merchant": house.shop.code, "lang": "en"})
        assert named.headers["location"] == f"/login?lang=en&merchant={house.shop.code}"
        assert (await stranger.get("/", params={"merchant": EVIL})).headers["location"] == "/login"
        form = await stranger.get(named.headers["location"])
        check_harmless(form)
        assert f'value="{house.shop.code}"' in form.text


async def test_the_whole_way_in_and_out(house: House) -> None:
    """One-time password, forced change, page, log-out: by forms, without a script."""
    password = await house.hire()
    async with house.browser() as browser:
        wanted = {"merchant": house.shop.code, "login": "owner"}
        wrong = await browser.post("/login", data={**wanted, "password": EVIL})
        assert wrong.status_code == 401
        check_harmless(wrong)
        assert 'role="alert"' in wrong.text
        entered = await browser.post("/login", data={**wanted, "password": password})
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        assert (await browser.get("/")).headers["location"] == "/password"
        form = await browser.get("/password")
        check_harmless(form)
        assert "一次性密码" in form.text
        for new, again, status in (("another phrase", "other", 422), ("12345678", "12345678", 422), (OWN, OWN, 303)):
            change = {"current": password, "new": new, "again": again, "csrf": await token_of(browser, "/password")}
            answer = await browser.post("/password", data=change)
            assert answer.status_code == status
            check_harmless(answer)
        assert (await browser.get("/")).status_code == 200
        token = await token_of(browser)
        assert (await browser.post("/logout", data={"csrf": token})).status_code == 303
        assert (await browser.get("/")).headers["location"] == "/login"


@pytest.mark.parametrize("path", ["/find", "/logout", "/password"])
async def test_forged_forms_are_refused(browser: httpx.AsyncClient, trading: str, path: str) -> None:
    token = await token_of(browser)
    for data, headers in (
        ({"q": "m-1"}, {}),
        ({"q": "m-1", "csrf": "A" * 43}, {}),
        ({"q": "m-1", "csrf": token}, {"Origin": "https://evil.example"}),
        ({"q": "m-1", "csrf": token}, {"Origin": "null"}),
    ):
        answer = await browser.post(path, data=data, headers=headers)
        assert answer.status_code == 403
        check_harmless(answer)
    assert (await browser.get("/")).status_code == 200


async def test_another_site_can_not_send_the_login_form(house: House) -> None:
    wanted = {"merchant": house.shop.code, "login": "owner", "password": await house.hire()}
    async with house.browser() as browser:
        answer = await browser.post("/login", data=wanted, headers={"Sec-Fetch-Site": "cross-site"})
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_a_cashier_finds_members_and_sees_no_figures(
    house: House, browser: httpx.AsyncClient, trading: str
) -> None:
    async with house.browser() as cashier:
        await house.welcome(cashier, "xiaoli", role="cashier")
        home = await cashier.get("/")
        check_harmless(home)
        assert "查找会员" in home.text and "¥1,234.56" not in home.text
        assert "¥1,234.56" in (await browser.get("/")).text
        assert "m-1&lt;script&gt;" in (await cashier.get(f"/member/{trading}")).text


async def test_orders_of_other_stores_are_left_out(house: House, context: Context, trading: str) -> None:
    merchant_id = house.shop.merchant_id
    async with context.db.tenant(merchant_id) as conn:
        second = await create_store(conn, merchant_id, StoreInput(code="s2", name="二号店"))
    async with house.browser() as cashier:
        await house.welcome(cashier, "xiaoli", role="cashier", stores=[second.store_id])
        shown = await cashier.get(f"/member/{trading}")
        assert shown.status_code == 200
        assert "¥1,234.56" not in shown.text


def test_everything_is_escaped() -> None:
    assert html(EVIL, [None, 5, [tag("b", "&")]]) == "&lt;script&gt;alert(1)&lt;/script&gt;5<b>&amp;</b>"
    assert (
        tag("a", "x", href='"><script>', hidden=True, title=None) == '<a href="&quot;&gt;&lt;script&gt;" hidden>x</a>'
    )


def test_money_in_words() -> None:
    words = Words("zh", "CNY")
    assert [words.money(-123456), words.money(None), words.short_money(35123400), words.short_money(99900)] == [
        "-¥1,234.56",
        "—",
        "35万",
        "999",
    ]
    assert Words("en", "USD").short_money(123456700) == "1.2M"


async def test_the_api_document(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/docs")
    assert answer.status_code == 200
    check_harmless(answer)
    for text in ("/v1/analytics/overview", "net_fen", "85850", "curl -X GET", "接口文档"):
        assert text in answer.text
    references = set(re.findall(r'href="#([^"]+)"', answer.text))
    assert references <= set(re.findall(r' id="([^"]+)"', answer.text))
    assert "API reference" in (await browser.get("/docs?lang=en")).text
    schema = msgspec.json.decode((await browser.get("/openapi.json")).content)
    assert schema["openapi"].startswith("3.1")


async def test_the_api_document_is_for_everybody(house: House) -> None:
    """Nothing personal is in it, so who can reach the API may read it."""
    async with house.browser() as stranger:
        assert (await stranger.get("/docs")).status_code == 200
