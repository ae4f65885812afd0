"""The console's page and assets as a browser gets them, and that nothing else is got that way."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from huimeng.entry import api
from huimeng.entry.console import Bundle, load_bundle
from huimeng.entry.context import Context
from tests.served import application

SCRIPT = b"console.log('hello')" * 100
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As the build leaves it; the bytes that stand for brotli only have to come back as they are."""
    assets = tmp_path / "dist" / "assets"
    assets.mkdir(parents=True)
    (assets.parent / "index.html").write_text("<!doctype html><title>会盟</title>")
    (assets.parent / "index.html.gz").write_bytes(gzip.compress(b"<!doctype html><title>packed</title>"))
    (assets / "app-1a2b.js").write_bytes(SCRIPT)
    (assets / "app-1a2b.js.br").write_bytes(b"as brotli")
    (assets / "app-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT))
    (assets / "app-1a2b.css").write_text("body{}")
    (assets / "notes.txt").write_text("of no kind that is served")
    (tmp_path / "secret.js").write_text("not in the bundle")
    return assets.parent


@asynccontextmanager
async def serving(context: Context, bundle: Bundle | None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    monkeypatch.setattr(api, "load_bundle", lambda: bundle)
    async with application(context) as app:
        # Without a header of its own: each test says what its browser takes.
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://huimeng.test") as client:
            client.headers.pop("Accept-Encoding")
            yield client


@pytest.fixture
async def browser(context: Context, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(context, load_bundle(folder), monkeypatch) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/login", "/members/162119680", "/stores/new", "/v2", "/会员"])
async def test_every_address_of_the_console_is_the_one_page(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path, headers=HTML)
    assert (answer.status_code, answer.text) == (200, "<!doctype html><title>会盟</title>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers.get_list("content-security-policy") == [
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ]


async def test_the_page_is_sent_again_only_when_it_changed(browser: httpx.AsyncClient, folder: Path) -> None:
    first = await browser.get("/", headers=HTML)
    tag = first.headers["etag"]
    for sent in (tag, f'"other", W/{tag}'):
        again = await browser.get("/login", headers={**HTML, "If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await browser.get("/", headers={"If-None-Match": '"other"'})).status_code == 200
    (folder / "index.html").write_text("<!doctype html><title>new</title>")
    changed = load_bundle(folder)
    assert changed is not None and changed.tag.decode() != tag


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("br, gzip", "br"),
        ("gzip, deflate, br;q=0.5", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=1.0", "gzip"),
        ("br;q=0.0,gzip; q=0", None),
        ("identity", None),
        ("", None),
    ],
)
async def test_an_asset_in_the_coding_that_the_browser_takes(
    browser: httpx.AsyncClient, accepted: str, coding: str | None
) -> None:
    async with browser.stream("GET", "/assets/app-1a2b.js", headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.status_code == 200
    assert answer.headers.get("content-encoding") == coding
    assert (gzip.decompress(raw) if coding == "gzip" else raw) == (b"as brotli" if coding == "br" else SCRIPT)
    assert answer.headers["content-length"] == str(len(raw))
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_what_was_not_compressed_comes_as_it_is(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/assets/app-1a2b.css", headers={"Accept-Encoding": "br, gzip"})
    assert (answer.text, answer.headers["content-type"]) == ("body{}", "text/css; charset=utf-8")
    assert "content-encoding" not in answer.headers


async def test_head_tells_without_a_body(browser: httpx.AsyncClient) -> None:
    for path in ("/", "/assets/app-1a2b.js"):
        whole = await browser.get(path)
        head = await browser.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.content))


@pytest.mark.parametrize(
    "path",
    [
        "/assets/missing-1.js",
        "/assets/",
        "/assets",
        "/assets/notes.txt",
        "/assets/app-1a2b.js.br",
        "/assets/../index.html",
        "/assets/../../secret.js",
        "/assets/%2e%2e/%2e%2e/secret.js",
        "/assets/..%2f..%2fsecret.js",
        "/assets/%2e%2e%5c%2e%2e%5csecret.js",
        "/assets//app-1a2b.js",
        "/index.html",
        "/secret.js",
    ],
)
async def test_nothing_but_the_bundle_is_a_file(browser: httpx.AsyncClient, path: str) -> None:
    # As it stands, without a client's own tidying.
    request = browser.build_request("GET", "/", headers=HTML)
    request.url = request.url.copy_with(raw_path=path.encode())
    answer = await browser.send(request)
    assert answer.status_code == 404
    assert "not in the bundle" not in answer.text and "cache-control" in answer.headers
    assert "immutable" not in answer.headers["cache-control"]


async def test_the_api_stays_the_api(browser: httpx.AsyncClient) -> None:
    """Also for who asks for a page there, and an address without a page is a problem to programs."""
    for path, headers, status in (
        ("/v1/nothing", HTML, 401),
        ("/v1", HTML, 404),
        ("/docs/nothing", HTML, 404),
        ("/nothing", {"Accept": "application/json"}, 404),
        ("/nothing", {"Accept": "*/*"}, 404),
    ):
        answer = await browser.get(path, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), path
    assert (await browser.get("/healthz", headers=HTML)).json()["status"] == "ok"
    assert "接口文档" in (await browser.get("/docs", headers=HTML)).text
    assert (await browser.post("/login", headers=HTML)).status_code == 404
    assert (await browser.post("/assets/app-1a2b.js")).status_code == 404


async def test_without_a_bundle_it_says_how_to_build_one(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_bundle(tmp_path) is None
    async with serving(context, None, monkeypatch) as client:
        answer = await client.get("/login", headers=HTML)
        assert (answer.status_code, answer.headers["cache-control"]) == (503, "no-store")
        for text in ("管理后台还没有构建", "The console is not built yet", "make console"):
            assert text in answer.text
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert (await client.get("/assets/app-1a2b.js")).status_code == 404
        assert (await client.get("/healthz")).status_code == 200


def test_a_bundle_that_was_read_stays_whole(folder: Path) -> None:
    """A build that goes on beside it changes files; who has the old page still needs the old assets."""
    bundle = load_bundle(folder)
    assert bundle is not None
    (folder / "assets" / "app-1a2b.js").unlink()
    assert bundle.assets["/assets/app-1a2b.js"].plain == SCRIPT
    assert set(bundle.assets) == {"/assets/app-1a2b.js", "/assets/app-1a2b.css"}
