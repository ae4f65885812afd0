"""The outermost ASGI application: an id for each request, one log line, its metrics, its span."""

from __future__ import annotations

import itertools
import re
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import Any

import msgspec

from huimeng.infra import logs, marks, metrics, tracing
from huimeng.infra.marks import Mark, process_name
from huimeng.kernel.errors import Unavailable

Message = dict[str, Any]
Send = Callable[[Any], Awaitable[None]]

_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROBLEM = b"application/problem+json"
# Nobody was answered: the caller had gone.
_GONE = 499
_REFUSALS = (429, 503)


class _Problem(msgspec.Struct):
    code: str = "other"


_problem = msgspec.json.Decoder(_Problem)


class Watch:
    """Around everything else, so that what is refused early is seen too; scope["request_id"] is for those inside."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._name = process_name()
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        request_id = _given_id(scope["headers"]) or f"{self._name}-{next(self._numbers):x}"
        scope["request_id"] = request_id
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        mark = Mark(request_id, scope)
        answer = _Answer(request_id, send)
        token = marks.current.set(mark)
        traced = None
        if tracing.switch.on:
            traced = tracing.begin_request(scope["headers"], method, request_id)
            mark.span = traced[0]
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            answer.status = answer.status or 500
            raise
        finally:
            seconds = perf_counter() - started
            route = scope.get("path_template") or "-"
            status = answer.status or _GONE
            if traced is not None:
                tracing.end_request(*traced, method, route, status, mark)
            _count(method, route, status, seconds, answer.code)
            line = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 2)}
            line["bytes"] = answer.bytes
            if answer.code is not None:
                line["code"] = answer.code
            logs.access(line | mark.fields())
            marks.current.reset(token)


class _Answer:
    """Passes an answer on with the request's id in its head and, when it is a problem, in its body."""

    __slots__ = ("_held", "_request_id", "_send", "bytes", "code", "status")

    def __init__(self, request_id: str, send: Send) -> None:
        self._request_id = request_id
        self._send = send
        self._held: Message | None = None
        self.status = 0
        self.bytes = 0
        self.code: str | None = None

    async def send(self, message: Any) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            headers = [*message["headers"], (b"x-request-id", self._request_id.encode())]
            # A message may be somebody's constant.
            message = {**message, "headers": headers}
            if self.status >= 400 and _is_problem(headers):
                self._held = message
                return
        elif kind == "http.response.body":
            body = message.get("body", b"")
            if self._held is not None:
                head, self._held = self._held, None
                if not message.get("more_body") and body.startswith(b'{"'):
                    body = self._named(body)
                    message = {**message, "body": body}
                    _set_length(head, len(body))
                await self._send(head)
            self.bytes += len(body)
        await self._send(message)

    def _named(self, body: bytes) -> bytes:
        self.code = _problem.decode(body).code
        return b'{"request_id":"' + self._request_id.encode() + b'",' + body[1:]


def _is_problem(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    for name, value in headers:
        if name == b"content-type":
            return value.startswith(_PROBLEM)
    return False


def _set_length(head: Message, length: int) -> None:
    head["headers"] = [
        (name, str(length).encode() if name == b"content-length" else value) for name, value in head["headers"]
    ]


def _given_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The caller's own id, when it sent exactly one that is fit to be logged and sent back."""
    given = [value for name, value in headers if name == b"x-request-id"]
    if len(given) != 1 or _GIVEN_ID.fullmatch(given[0]) is None:
        return None
    return given[0].decode()


_seconds: dict[tuple[str, str], Any] = {}
_requests: dict[tuple[str, str, int], Any] = {}
# An alarm asks for this one: from the start, as with those of the doorway.
_refused: dict[str | None, Any] = {Unavailable.code: metrics.REFUSED.labels(Unavailable.code)}


def _count(method: str, route: str, status: int, seconds: float, code: str | None) -> None:
    """Looking a child up by its labels costs as much as counting, so they are kept; routes are those of the code."""
    timed = _seconds.get((method, route))
    if timed is None:
        timed = _seconds[method, route] = metrics.HTTP_SECONDS.labels(method, route)
        # A rate doesn't see the first fault of a counter that was not there before.
        metrics.HTTP_REQUESTS.labels(method, route, "5xx")
    timed.observe(seconds)
    counted = _requests.get((method, route, status // 100))
    if counted is None:
        labels = (method, route, f"{status // 100}xx")
        counted = _requests[method, route, status // 100] = metrics.HTTP_REQUESTS.labels(*labels)
    counted.inc()
    if status in _REFUSALS:
        refused = _refused.get(code)
        if refused is None:
            refused = _refused[code] = metrics.REFUSED.labels(code or "other")
        refused.inc()
