"""Outermost: what a declared proxy says about the browser, and the headers that every answer carries."""

from __future__ import annotations

import ipaddress
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from huimeng.infra.settings import Settings

# Pages bring their own policy with the hash of their style sheet.
ANSWER_HEADERS: dict[bytes, bytes] = {
    b"content-security-policy": b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
    b"cache-control": b"no-store",
}
_PLAIN = list(ANSWER_HEADERS.items())
_SECURE = [*_PLAIN, (b"strict-transport-security", b"max-age=31536000")]


def answer_headers(secure: bool) -> list[tuple[bytes, bytes]]:
    """What every answer carries, also one that is given before anything looks at the request."""
    return _SECURE if secure else _PLAIN


class Front:
    """state.settings says whether browsers talk TLS, and whether a proxy is to be believed."""

    def __init__(self, app: ASGIApp, state: Any) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        settings: Settings = self._state.settings
        if settings.behind_proxy:
            _believe(scope)
        always = answer_headers(settings.secure)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                given = {name.lower() for name, _ in headers}
                message["headers"] = headers + [each for each in always if each[0] not in given]
            await send(message)

        await self._app(scope, receive, sent)


def _believe(scope: Any) -> None:
    """The last address is what our proxy saw; what stands before it anybody may have written."""
    addresses, scheme = "", ""
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            addresses = value.decode("latin-1")
        elif name == b"x-forwarded-proto":
            scheme = value.decode("latin-1").rpartition(",")[2].strip().lower()
    try:
        address = str(ipaddress.ip_address(addresses.rpartition(",")[2].strip()))
    except ValueError:
        address = ""
    if address:
        scope["client"] = (address, 0)
    if scheme in ("http", "https"):
        scope["scheme"] = scheme
