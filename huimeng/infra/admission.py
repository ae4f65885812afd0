"""Who is let in: a process that works on as much as it can at once refuses the rest before it has cost anything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec

from huimeng.infra import metrics
from huimeng.kernel.errors import BodyTooSlow, BusinessError, Lang, TooBusy

# Requests in the framework's hands, of one process. Twice as many as keep it busy: more would only wait there, and the
# loop that has them all in its hands would answer a refusal no sooner.
INSIDE_MAX = 64
# Who looks after the process must get through also then.
_ALWAYS = frozenset({"/healthz", "/readyz", "/metrics"})

# Its route takes the body piece by piece, with a patience of its own.
_TAKES_ITS_TIME = frozenset({"/v1/imports"})
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
# A body that takes longer holds a connection, never a place inside.
BODY_SECONDS = 10.0
# More than a route takes: then the framework is left to say so.
_BODY_MAX = 4 * 1024 * 1024

Headers = Iterable[tuple[bytes, bytes]]
Refusal = tuple[dict[str, Any], dict[str, Any]]
_refused = metrics.REFUSED.labels("too_busy")


class Refusals:
    """Put together once, in both languages: refusing is what a process does most when it can do least."""

    def __init__(self, error: BusinessError, always: Headers) -> None:
        self._zh, self._en = _refusal(error, "zh", always), _refusal(error, "en", always)

    async def answer(self, scope: Any, send: Any) -> None:
        start, body = self._en if _language(scope) == "en" else self._zh
        # The server keeps what it is given.
        await send({**start, "headers": [*start["headers"]]})
        await send(body)


def _refusal(error: BusinessError, lang: Lang, always: Headers) -> Refusal:
    body = msgspec.json.encode(error.problem(lang))
    headers = [
        *always,
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if error.status == TooBusy.status:
        headers.append((b"retry-after", b"1"))
    start = {"type": "http.response.start", "status": error.status, "headers": headers}
    return start, {"type": "http.response.body", "body": body, "more_body": False}


class Admission:
    """The outermost ASGI application; `always` are headers that every answer carries.

    A place inside is taken when the whole body is there: who sends it drop by drop keeps nobody out.
    """

    def __init__(
        self, app: Any, always: Headers = (), inside_max: int = INSIDE_MAX, body_seconds: float = BODY_SECONDS
    ) -> None:
        self._app = app
        self._busy, self._slow = Refusals(TooBusy(), always), Refusals(BodyTooSlow(), always)
        self._inside_max = inside_max
        self._body_seconds = body_seconds
        self._inside = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        whole = scope["method"] in _WITHOUT_BODY or scope["path"] in _TAKES_ITS_TIME
        if not whole and self._inside < self._inside_max:
            try:
                async with asyncio.timeout(self._body_seconds):
                    receive = await _received(receive)
            except TimeoutError:
                await self._slow.answer(scope, send)
                return
            if receive is None:
                return
        if self._inside >= self._inside_max:
            _refused.inc()
            await self._busy.answer(scope, send)
            return
        self._inside += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside -= 1


async def _received(receive: Any) -> Any:
    """A receive() that gives the whole body, which has arrived, at once; None: the caller has gone half-way."""
    pieces: list[bytes] = []
    size, more = 0, True
    while more and size <= _BODY_MAX:
        message = await receive()
        if message["type"] != "http.request":
            return None
        piece = message.get("body", b"")
        pieces.append(piece)
        size += len(piece)
        more = message.get("more_body", False)
    waiting = [{"type": "http.request", "body": b"".join(pieces), "more_body": more}]

    async def again() -> Any:
        return waiting.pop() if waiting else await receive()

    return again


def _language(scope: Any) -> Lang:
    for name, value in scope["headers"]:
        if name == b"accept-language":
            return "en" if value[:2].lower() == b"en" else "zh"
    return "zh"
