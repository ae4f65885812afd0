"""The plain page: who may see it, what it shows, and that nothing gets into it unescaped."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.openapi import OpenAPIConfig

import huimeng.analytics.http
from huimeng.analytics import service as analytics
from huimeng.checkout.commands import ImportOrder
from huimeng.entry import docs_page, page
from huimeng.entry.context import Context
from huimeng.entry.page.guard import is_local_host, is_local_url, is_loopback
from huimeng.entry.page.html import html, tag
from huimeng.entry.page.words import Words
from huimeng.kernel.times import business_day
from huimeng.ledger.rules import Unit
from huimeng.member.service import join_member
from huimeng.member.values import IdentityInput, MemberInput
from huimeng.merchant.service import merchant_keys
from huimeng.order.rules import LineInput, OrderInput, TenderInput
from huimeng.points.rules import Definition
from huimeng.points.service import RuleInput, create_rule
from tests.conftest import Shop, make_shop

PHONE = "13812345678"
EVIL = "<script>alert(1)</script>"


def client_of(app: Any, address: str = "127.0.0.1", host: str = "localhost:8000") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, client=(address, 50000))
    return httpx.AsyncClient(transport=transport, base_url=f"http://{host}")


@pytest.fixture
def app(context: Context) -> Litestar:
    made = Litestar(
        [*page.routes, *docs_page.routes, *huimeng.analytics.http.routes],
        openapi_config=OpenAPIConfig(title="会盟 Huimeng API", version="v1"),
        logging_config=None,
    )
    made.state.db, made.state.vault = context.db, context.vault
    return made


@pytest.fixture
async def browser(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


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
    answer = await browser.get("/", params={"merchant": shop.code})
    assert answer.status_code == 200
    check_harmless(answer)
    for text in ("2026 年经营数据", "¥1,234.56", "测试小店", "查找会员", "3月", 'lang="zh-CN"'):
        assert text in answer.text
    english = await browser.get("/", params={"merchant": shop.code, "lang": "en"})
    for text in ("Figures of 2026", "¥1,234.56", "Find a member", 'lang="en"'):
        assert text in english.text


async def test_a_merchant_without_orders_is_told_what_to_do(browser: httpx.AsyncClient, shop: Shop) -> None:
    answer = await browser.get("/", params={"merchant": shop.code})
    check_harmless(answer)
    assert f"huimeng import orders orders.csv --merchant {shop.code}" in answer.text


async def test_an_unknown_merchant(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/", params={"merchant": EVIL})
    assert answer.status_code == 404
    check_harmless(answer)


@pytest.mark.parametrize("asked", ["m-1", PHONE, "+86 138-1234-5678", "5678", "三丰", "张三丰"])
async def test_one_match_goes_to_the_member(browser: httpx.AsyncClient, shop: Shop, trading: str, asked: str) -> None:
    answer = await browser.post("/find", params={"merchant": shop.code}, data={"q": asked})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/member/{trading}?merchant={shop.code}"
    shown = await browser.get(answer.headers["location"])
    assert shown.status_code == 200
    check_harmless(shown)
    for text in ("138****5678", "1,234", "消费得积分", "m-1&lt;script&gt;", "¥1,234.56", "一号店"):
        assert text in shown.text
    for secret in (PHONE, "张三丰"):
        assert secret not in shown.text


async def test_several_matches_are_listed(browser: httpx.AsyncClient, context: Context, shop: Shop) -> None:
    await trade(context, shop, [("m-1", "王小明", PHONE), ("m-2", "王小红", "13900005678")])
    answer = await browser.post("/find", params={"merchant": shop.code}, data={"q": "王小"})
    assert answer.status_code == 200
    check_harmless(answer)
    assert "找到 2 位会员" in answer.text
    assert len(re.findall(r'href="/member/\d+\?merchant=', answer.text)) == 2


@pytest.mark.parametrize("asked", ["nobody", EVIL, "", "\x00", "'; drop table member; --", "9" * 500, "%_%"])
async def test_no_match(browser: httpx.AsyncClient, shop: Shop, trading: str, asked: str) -> None:
    answer = await browser.post("/find", params={"merchant": shop.code}, data={"q": asked})
    assert answer.status_code == 200
    check_harmless(answer)
    assert "没有找到这位会员" in answer.text


@pytest.mark.parametrize("member_id", ["1", "abc", "999999999999999999999", "-5"])
async def test_no_such_member(browser: httpx.AsyncClient, shop: Shop, member_id: str) -> None:
    answer = await browser.get(f"/member/{member_id}", params={"merchant": shop.code})
    assert answer.status_code in (400, 404)
    check_harmless(answer)


async def test_members_of_another_merchant_are_not_found(
    browser: httpx.AsyncClient, context: Context, shop: Shop, trading: str
) -> None:
    other = await make_shop(context.db, context.vault)
    assert (await browser.get(f"/member/{trading}", params={"merchant": other.code})).status_code == 404
    answer = await browser.post("/find", params={"merchant": other.code}, data={"q": "m-1"})
    assert "没有找到这位会员" in answer.text


@pytest.mark.parametrize(
    ("address", "host", "headers"),
    [
        ("192.168.1.20", "localhost:8000", {}),
        ("127.0.0.1", "shop.example", {}),
        ("127.0.0.1", "localhost.evil.example:8000", {}),
        ("127.0.0.1", "localhost:8000", {"X-Forwarded-For": "203.0.113.5"}),
        ("127.0.0.1", "localhost:8000", {"Origin": "https://evil.example"}),
        ("127.0.0.1", "localhost:8000", {"Origin": "null"}),
        ("127.0.0.1", "localhost:8000", {"Referer": "https://shop.example/member/1"}),
    ],
)
async def test_others_are_refused(
    app: Litestar, shop: Shop, trading: str, address: str, host: str, headers: dict[str, str]
) -> None:
    async with client_of(app, address, host) as client:
        for method, path in (("GET", "/"), ("GET", f"/member/{trading}"), ("POST", "/find")):
            answer = await client.request(
                method,
                path,
                params={"merchant": shop.code},
                headers=headers,
                data={"q": "m-1"} if method == "POST" else None,
            )
            assert answer.status_code == 403
            assert "测试小店" not in answer.text
            check_harmless(answer)


def test_what_counts_as_this_machine() -> None:
    assert all(is_loopback(address) for address in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"))
    assert not any(is_loopback(address) for address in ("10.0.0.1", "::", "fe80::1%eth0", "", "localhost"))
    assert all(is_local_host(host) for host in ("localhost", "LOCALHOST:80", "127.0.0.1:8000", "[::1]:8000", "[::1]"))
    assert not any(
        is_local_host(host)
        for host in ("", "evil.example", "localhost.", "127.0.0.1.nip.example:80", "localhost:", "a@localhost")
    )
    assert is_local_url("http://localhost:8000/member/1")
    assert not any(
        is_local_url(url) for url in ("null", "http://evil.example", "http://localhost@evil.example/", "http://[")
    )


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


async def test_the_api_document_is_for_everybody(app: Litestar) -> None:
    """Nothing personal is in it, so who can reach the API may read it."""
    async with client_of(app, "192.168.1.20", "api.example") as client:
        assert (await client.get("/docs")).status_code == 200
