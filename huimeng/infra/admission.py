"""Who is let in: a process that works on as much as it can at once refuses the rest before it has cost anything.

That is where bytes become a request, in the web server's protocol: an application that only says no would cost three
times as much, and the orders inside would pay for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from huimeng.infra import metrics
from huimeng.kernel.currency import Lang
from huimeng.kernel.errors import BusinessError, HeadTooLarge, NotHttp, RequestTooSlow, TooBusy

# Requests in the framework's hands, of one process. Fewer leave its batches small when there is most to do; more only
# wait there.
INSIDE_MAX = 128
# Of a request, from its first byte to its last: who takes longer holds a connection until then, never a place inside.
ARRIVAL_SECONDS = 10.0
# More than a route takes: then the framework is left to say so.
BODY_MAX = 4 * 1024 * 1024
HEAD_MAX = 64 * 1024
# Of bodies that are not whole yet, in one process.
_HELD_MAX = 64 * 1024 * 1024
# Who looks after the process must get through also then.
_ALWAYS = frozenset({"/healthz", "/readyz", "/metrics"})
# Its route takes the body piece by piece, with a patience of its own.
_TAKES_ITS_TIME = frozenset({"/v1/imports"})
_VERSIONS = frozenset({"1.0", "1.1"})

Headers = Iterable[tuple[bytes, bytes]]
App = Callable[[Any, Any, Any], Awaitable[None]]
_refused = metrics.REFUSED.labels("too_busy")


class Refusal:
    """Put together once a second, in both languages: refusing is what a process does most when it can do least."""

    def __init__(self, error: BusinessError, always: Headers) -> None:
        self._line = b"HTTP/1.1 %d %s\r\n" % (error.status, HTTPStatus(error.status).phrase.encode())
        self._rest = {lang: _rest(error, lang, always) for lang in ("zh", "en")}
        self._stamp: list[tuple[bytes, bytes]] | None = None
        self._ready: dict[tuple[Lang, bool], tuple[bytes, bytes]] = {}

    def answer(self, lang: Lang, stamp: list[tuple[bytes, bytes]], *, close: bool) -> tuple[bytes, bytes]:
        """Head and body. stamp: the server's own headers, a new list whenever the time in it is another."""
        if stamp is not self._stamp:
            self._stamp, self._ready = stamp, {}
        ready = self._ready.get((lang, close))
        if ready is None:
            head, body = self._rest[lang]
            more = [*stamp, (b"connection", b"close")] if close else stamp
            ready = self._ready[lang, close] = (b"".join((self._line, *map(_header_line, more), head)), body)
        return ready


def _rest(error: BusinessError, lang: Lang, always: Headers) -> tuple[bytes, bytes]:
    body = msgspec.json.encode(error.problem(lang))
    headers = [
        *always,
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if error.status == TooBusy.status:
        headers.append((b"retry-after", b"1"))
    return b"".join((*map(_header_line, headers), b"\r\n")), body


def _header_line(header: tuple[bytes, bytes]) -> bytes:
    return b"%s: %s\r\n" % header


class Admission:
    """The places inside of one process; `always` are headers that every answer carries."""

    def __init__(
        self, always: Headers = (), inside_max: int = INSIDE_MAX, arrival_seconds: float = ARRIVAL_SECONDS
    ) -> None:
        always = list(always)
        self.busy = Refusal(TooBusy(), always)
        self.slow = Refusal(RequestTooSlow(), always)
        self.malformed = Refusal(NotHttp(), always)
        self.large = Refusal(HeadTooLarge(), always)
        self.arrival_seconds = arrival_seconds
        self.held_bytes = 0
        self.inside = 0
        self._inside_max = inside_max

    @property
    def full(self) -> bool:
        return self.inside >= self._inside_max or self.held_bytes > _HELD_MAX

    def entered(self, app: App) -> App:
        """The application for one request; its place is taken now and free again when it has ended, however it does."""
        self.inside += 1

        async def inside(scope: Any, receive: Any, send: Any) -> None:
            try:
                await app(scope, receive, send)
            finally:
                self.inside -= 1

        return inside


# What of a request has arrived, or what is done with the rest of it.
_NOTHING, _HEAD, _HELD, _PASSED, _REFUSED = range(5)


class Doorway(HttpToolsProtocol):
    """A connection, in uvicorn's HTTP/1.1: the framework gets a request when the whole of it has arrived and there is
    a place for it. One that follows another before that one's answer waits its turn there, as uvicorn does it.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        admission: Admission,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._admission = admission
        self._stage = _NOTHING
        self._head_bytes = 0
        self._held = bytearray()
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_patience()
        self._take_held()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._stage in (_NOTHING, _PASSED):
            self._end_patience()
            return
        if self._stage == _HEAD:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_MAX:
                self._refuse(self._admission.large, close=True)
                return
        if self._patience is None:
            self._patience = self.loop.call_later(self._admission.arrival_seconds, self._lose_patience)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._end_patience()
        self._stage, self._head_bytes = _HEAD, 0

    def on_headers_complete(self) -> None:
        path = self.url.partition(b"?")[0].decode("latin-1")
        if self.parser.get_http_version() not in _VERSIONS:
            # The parser takes a line without a version for HTTP/0.9.
            self._refuse(self._admission.malformed, close=True)
        if self.transport.is_closing():
            self._stage = _REFUSED
        elif path in _ALWAYS:
            self._pass_on()
        elif self._admission.full and not self._answering:
            self._stage = _REFUSED
            if self.expect_100_continue:
                # It waits for this word, and sends the body now or never: what comes next may be either.
                self._refuse(self._admission.busy, close=True)
        elif path in _TAKES_ITS_TIME:
            self._pass_on()
        else:
            self._stage = _HELD
            if self.expect_100_continue and not self._answering:
                self.expect_100_continue = False
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if self._stage == _PASSED:
            super().on_body(body)
        elif self._stage == _HELD:
            self._held += body
            self._admission.held_bytes += len(body)
            if len(self._held) > BODY_MAX:
                self._pass_on()

    def on_message_complete(self) -> None:
        stage, self._stage = self._stage, _NOTHING
        if stage == _HELD and self._admission.full and not self._answering:
            self._take_held()
            stage = _REFUSED
        if stage == _REFUSED:
            self._refuse(self._admission.busy, close=not self.parser.should_keep_alive())
            return
        if stage == _HELD:
            self._pass_on()
            self._stage = _NOTHING
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._admission.malformed, close=True)

    @property
    def _answering(self) -> bool:
        """An earlier request of this connection has not been answered; nothing may be said before."""
        return self.cycle is not None and not self.cycle.response_complete

    def _pass_on(self) -> None:
        """To the framework, with what there is of the body."""
        self._stage = _PASSED
        body = self._take_held()
        super().on_headers_complete()
        if body:
            self.cycle.body = body
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        if self.pipeline:
            # The place of the one that was answered is for the next, as soon as its application has ended.
            self.loop.call_soon(super().on_response_complete)
        else:
            super().on_response_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if cycle.scope["path"] not in _ALWAYS:
            if self._admission.full:
                # Its turn has come when there is no place. What follows it on this connection may be sent again.
                cycle.response_complete = True
                self._refuse(self._admission.busy, close=True)
                return
            app = self._admission.entered(app)
        super()._start_asgi_task(cycle, app)

    def _take_held(self) -> bytearray:
        held, self._held = self._held, bytearray()
        self._admission.held_bytes -= len(held)
        return held

    def _refuse(self, refusal: Refusal, *, close: bool) -> None:
        if self.transport.is_closing():
            return
        if refusal is self._admission.busy:
            _refused.inc()
        head, body = refusal.answer(_language(self.headers or ()), self.server_state.default_headers, close=close)
        self.transport.write(head if self.parser.get_method() == b"HEAD" else head + body)
        if close:
            self._end_patience()
            self.transport.close()
        else:
            self._expect_next()

    def _expect_next(self) -> None:
        """A connection on which nothing comes is closed in the end."""
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _lose_patience(self) -> None:
        self._refuse(self._admission.slow, close=True)

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def _language(headers: Headers) -> Lang:
    for name, value in headers:
        if name == b"accept-language":
            return "en" if value[:2].lower() == b"en" else "zh"
    return "zh"
