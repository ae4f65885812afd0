"""The reference shows calls that work where it is read, is for everybody, and nothing gets into it unescaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec
import pytest
from litestar.openapi.spec import OpenAPI

from huimeng.entry.context import Context
from huimeng.entry.docs.html import html, tag
from tests.served import application, caller

EVIL = "<script>alert(1)</script>"

HOSTILE = ["a'; rm -rf ~ #", "<script>", 'x" onload="y', "huimeng.test/../..", "", "a" * 300, "$(id)", "a b", "[::1"]


async def page(context: Context, host: str) -> str:
    """Empty when such a host is refused altogether."""
    async with application(context) as app, caller(app, "none") as client:
        answer = await client.get("/docs", headers={"Host": host})
    assert answer.status_code in (200, 400)
    return answer.text if answer.status_code == 200 else ""


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "shop.example.com", "[::1]:8000", "huimeng"])
async def test_calls_lead_to_where_the_reader_is(context: Context, host: str) -> None:
    text = await page(context, host)
    assert f"http://{host}/v1/orders" in text
    assert "localhost:8000" not in text and "address-of-huimeng" not in text


@pytest.mark.parametrize("host", HOSTILE)
async def test_what_is_no_address_is_not_shown(context: Context, host: str) -> None:
    text = await page(context, host)
    assert not text or "http://127.0.0.1:8000/v1/orders" in text
    if host:
        assert f"http://{host}" not in text


async def test_an_upload_is_shown_as_a_form(context: Context) -> None:
    assert "-F file=@orders.csv" in await page(context, "h")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


async def test_the_api_document_is_put_together_once(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes so long that whoever asks for it again and again would stop the tills."""
    async with application(context) as app, caller(app, "none") as client:
        first = await client.get("/openapi.json")
        monkeypatch.setattr(OpenAPI, "to_schema", lambda _: pytest.fail("put together again"))
        again = await client.get("/openapi.json")
    assert (first.status_code, again.status_code, again.content == first.content) == (200, 200, True)


async def test_a_refusal_tells_its_length(context: Context) -> None:
    """In chunks it would be nothing to a client of HTTP/1.0."""
    async with application(context) as app, caller(app, "none") as client:
        answer = await client.get("/v1/orders")
    assert (answer.status_code, answer.headers["content-length"]) == (401, str(len(answer.content)))


async def test_the_api_document(context: Context) -> None:
    """For who has no key: nothing personal is in it. No script, no style but its own, nothing from elsewhere."""
    async with application(context) as app, caller(app, "none") as client:
        answer = await client.get("/docs")
        english = await client.get("/docs?lang=en")
        schema = msgspec.json.decode((await client.get("/openapi.json")).content)
    assert answer.status_code == 200
    for text in ("/v1/analytics/overview", "net_fen", "85850", "curl -X GET", "接口文档"):
        assert text in answer.text
    references = set(re.findall(r'href="#([^"]+)"', answer.text))
    assert references <= set(re.findall(r' id="([^"]+)"', answer.text))
    assert "API reference" in english.text
    assert schema["openapi"].startswith("3.1")
    parser = _Tags()
    parser.feed(answer.text)
    for name, attributes in parser.seen:
        assert name not in ("script", "iframe", "object", "base", "img")
        assert not any(key.startswith("on") or key == "style" for key in attributes)
        for key in ("href", "src", "action"):
            assert (attributes.get(key) or "/").startswith(("/", "#", "data:image/svg+xml,"))
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy


def test_everything_is_escaped() -> None:
    assert html(EVIL, [None, 5, [tag("b", "&")]]) == "&lt;script&gt;alert(1)&lt;/script&gt;5<b>&amp;</b>"
    assert (
        tag("a", "x", href='"><script>', hidden=True, title=None) == '<a href="&quot;&gt;&lt;script&gt;" hidden>x</a>'
    )
