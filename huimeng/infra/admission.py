"""Who is let in: a process that works on as much as it can at once refuses the rest before it has cost anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from huimeng.infra import metrics
from huimeng.kernel.errors import Lang, TooBusy

# Requests in the framework's hands, of one process. Twice as many as keep it busy: more would only wait there, and the
# loop that has them all in its hands would answer a refusal no sooner.
INSIDE_MAX = 64
# Who looks after the process must get through also then.
_ALWAYS = frozenset({"/healthz", "/readyz", "/metrics"})

Headers = Iterable[tuple[bytes, bytes]]
_refused = metrics.REFUSED.labels("too_busy")


def _refusal(lang: Lang, always: Headers) -> tuple[dict[str, Any], dict[str, Any]]:
    body = msgspec.json.encode(TooBusy().problem(lang))
    headers = [
        *always,
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", b"1"),
    ]
    start = {"type": "http.response.start", "status": TooBusy.status, "headers": headers}
    return start, {"type": "http.response.body", "body": body, "more_body": False}


class Admission:
    """The outermost ASGI application; `always` are headers that every answer carries."""

    def __init__(self, app: Any, always: Headers = (), inside_max: int = INSIDE_MAX) -> None:
        self._app = app
        # Put together once: refusing is what a process does most when it can do least.
        self._refusals = {"zh": _refusal("zh", always), "en": _refusal("en", always)}
        self._inside_max = inside_max
        self._inside = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        if self._inside >= self._inside_max:
            _refused.inc()
            start, body = self._refusals[_language(scope)]
            await send(start)
            await send(body)
            return
        self._inside += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside -= 1


def _language(scope: Any) -> Lang:
    for name, value in scope["headers"]:
        if name == b"accept-language":
            return "en" if value[:2].lower() == b"en" else "zh"
    return "zh"
