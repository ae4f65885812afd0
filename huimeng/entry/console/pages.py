"""The console's page and its assets, in front of the framework: nothing here asks the database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from litestar.types import ASGIApp, Receive, Send

from huimeng.entry.console.bundle import Bundle, File
from huimeng.entry.docs.html import document, security_headers, tag
from huimeng.entry.docs.style import STYLE

# Scripts, styles, fonts and pictures are files of ours; what is written into a page as text runs nowhere.
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ASSETS = "/assets/"
# Addresses of the API and of operations; a page may have any other.
_NOT_PAGES = frozenset({"v1", "docs", "openapi", "openapi.json", "healthz", "readyz", "metrics", "assets"})
# A file's name has in it what is in the file, so what was fetched stays good.
_ASSET_HEADERS = [(b"cache-control", b"public, max-age=31536000, immutable"), (b"vary", b"accept-encoding")]
Headers = Iterable[tuple[bytes, bytes]]


class Pages:
    """Answers what belongs to the console and hands everything else on; bundle None: it was not built."""

    def __init__(self, app: ASGIApp, bundle: Bundle | None) -> None:
        self._app = app
        self._bundle = bundle

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            path: str = scope["path"]
            if path.startswith(_ASSETS):
                found = self._bundle.assets.get(path) if self._bundle is not None else None
                if found is not None:
                    scope["path_template"] = "/assets/{name}"
                    await _answer(scope, send, found, _ASSET_HEADERS)
                    return
            elif path == "/" or _is_page(path, scope["headers"]):
                scope["path_template"] = "/"
                await self._page(scope, send)
                return
        await self._app(scope, receive, send)

    async def _page(self, scope: Any, send: Send) -> None:
        if self._bundle is None:
            await _send(scope, send, 503, _NOT_BUILT, _NOT_BUILT_HEADERS)
            return
        headers = [
            (b"etag", self._bundle.tag),
            (b"cache-control", b"no-cache"),
            (b"vary", b"accept-encoding"),
            (b"content-security-policy", POLICY),
        ]
        known = _header(scope["headers"], b"if-none-match").replace(b"W/", b"").split(b",")
        if self._bundle.tag in (each.strip() for each in known):
            await _send(scope, send, 304, b"", headers)
            return
        await _answer(scope, send, self._bundle.index, headers)


def _is_page(path: str, headers: Headers) -> bool:
    """A browser that goes to an address of the console: no file, nothing of the API, and it wants to read a page."""
    first, _, _ = path[1:].partition("/")
    if first in _NOT_PAGES or "." in path.rpartition("/")[2]:
        return False
    return b"text/html" in _header(headers, b"accept")


def _header(headers: Headers, wanted: bytes) -> bytes:
    return b",".join(value for name, value in headers if name == wanted)


def _accepted(header: bytes) -> frozenset[bytes]:
    """Content codings that the browser names and doesn't rule out with q=0."""
    accepted = set()
    for each in header.lower().split(b","):
        coding, _, weight = each.partition(b";")
        if weight.replace(b" ", b"").rstrip(b"0.") != b"q=":
            accepted.add(coding.strip())
    return frozenset(accepted)


async def _answer(scope: Any, send: Send, file: File, headers: list[tuple[bytes, bytes]]) -> None:
    accepted = _accepted(_header(scope["headers"], b"accept-encoding"))
    body, told = file.plain, [(b"content-type", file.kind), *headers]
    for coding, packed in file.encoded.items():
        if coding in accepted:
            body = packed
            told.append((b"content-encoding", coding))
            break
    await _send(scope, send, 200, body, told)


async def _send(scope: Any, send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    if status != 304:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    shown = b"" if scope["method"] == "HEAD" else body
    await send({"type": "http.response.body", "body": shown, "more_body": False})


def _not_built() -> bytes:
    said = (
        ("zh-CN", "管理后台还没有构建", "请在项目目录里运行下面的命令，然后重新启动。接口不受影响。"),
        (
            "en",
            "The console is not built yet",
            "Run this in the project's folder and start again. The API is not affected.",
        ),
    )
    cards = [
        tag(
            "section",
            tag("h1", title),
            tag("p", text),
            tag("pre", tag("code", "make console")),
            class_="card",
            lang=lang,
        )
        for lang, title, text in said
    ]
    link = tag("p", tag("a", "接口文档 / API reference", href="/docs"))
    return document("会盟", STYLE, "zh", tag("main", cards, link)).encode()


_NOT_BUILT = _not_built()
_NOT_BUILT_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    *((name.lower().encode(), value.encode()) for name, value in security_headers(STYLE).items()),
]
