"""Where bytes become a request: what there is no place for is refused here, before anything else looks at it.

An application that only says no would cost three times as much, and the orders inside would pay for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from itertools import islice
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from huimeng.infra.admission import Admission, Headers, Place, Refusal, language_of

# More than a route takes: then the framework is left to say so.
BODY_MAX = 4 * 1024 * 1024
HEAD_MAX = 64 * 1024
# Of bodies that are not whole yet, in one process: what arrives in one piece is taken all the same.
_HELD_MAX = 64 * 1024 * 1024
# Of one connection, sent before the answers to those before them.
_WAITING_MAX = 16
# Connections, for one that may go.
_LOOKED_AT = 64
# Who looks after the process must get through also then.
_ALWAYS = frozenset({b"/healthz", b"/readyz", b"/metrics"})
# Its route takes the body piece by piece, with a patience of its own.
_TAKES_ITS_TIME = frozenset({b"/v1/imports"})
_VERSIONS = frozenset({"1.0", "1.1"})

# What of a request has arrived, or what is done with the rest of it.
_NOTHING, _HEAD, _HELD, _PASSED, _REFUSED, _OFFER = range(6)


class _Flow(FlowControl):
    """Nothing more is read while a request waits for its turn."""

    def __init__(self, transport: asyncio.Transport, waiting: Collection[Any]) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:
            super().resume_reading()


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
        self._head: list[tuple[bytes, bytes]] = []
        # Of the piece that is being looked at, and what came since the last that was worth something.
        self._piece_bytes = self._idle_bytes = 0
        self._held = bytearray()
        self._patience: asyncio.TimerHandle | None = None
        self._reader: asyncio.TimerHandle | None = None
        self._running: RequestResponseCycle | None = None
        # A refusal, with head and method of what it answers: the parser may have gone on.
        self._last_word: tuple[Refusal, Headers, bytes] | None = None
        self._idle_since: float | None = None
        self._waiting_bytes = 0
        self._place: Place | None = None

    # Narrower than asyncio has it, as uvicorn's own: what listens by TCP or TLS gives no less.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        self._expect_next()
        if len(self.connections) > self._admission.connections_max:
            self._make_room()

    def _make_room(self) -> None:
        """Of some connections one goes that has sent half a request, else the one that has been idle for longest.

        When all are at work, it is this one.
        """
        some = (each for each in islice(self.connections, _LOOKED_AT) if isinstance(each, Doorway) and each is not self)
        spare = [each for each in some if each._is_spare]
        gone = min(spare, key=lambda each: each._idle_since or 0.0, default=self)
        if gone._stage == _NOTHING:
            gone._close()
        else:
            gone._refuse(self._admission.busy, close=True)

    @property
    def _is_spare(self) -> bool:
        return not self._answering and self._stage != _PASSED and not self.transport.is_closing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_patience()
        self._end_watch()
        self._take_held()
        self.pipeline.clear()
        self._count_waiting()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._last_word is not None:
            return
        self._piece_bytes = len(data)
        try:
            self._feed(data)
        except HttpParserError:
            self._refuse(self._admission.malformed, close=True)
        self._idle_bytes += len(data)
        if self.transport.is_closing() or self._last_word is not None:
            return
        if self._stage != _NOTHING and self._idle_bytes > HEAD_MAX:
            self._refuse(self._admission.large, close=True)
        elif self._stage in (_NOTHING, _PASSED):
            if not self._answering and self._idle_since is None:
                self._expect_next()
        else:
            if self._stage == _HELD and self._admission.held_bytes > _HELD_MAX:
                self._take_held()
                self._stage = _REFUSED
            self._arrive_in_time()

    def _feed(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                self.parser.feed_data(rest)
                return
            except HttpParserUpgrade as offer:
                rest = rest[offer.args[0] :]
                if self._stage != _OFFER:
                    # Refused, or already closing.
                    return
                self._take_without_offer()

    def _take_without_offer(self) -> None:
        """The parser has left the body aside, as belonging to what was offered: the head again, without the offer."""
        version = self.parser.get_http_version().encode()
        head = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        head += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(b"\r\n".join((*head, b"", b"")))

    def on_message_begin(self) -> None:
        # Only what refusing needs; the rest is uvicorn's when it is passed on.
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._unset_keepalive_if_required()
        self._end_patience()
        self._stage = _HEAD
        self._idle_bytes = -self._piece_bytes

    def on_headers_complete(self) -> None:
        path = self.url.partition(b"?")[0]
        version = self.parser.get_http_version()
        names = [name for name, _ in self.headers]
        if version not in _VERSIONS or self.parser.get_method() == b"CONNECT":
            # The parser takes a line without a version for HTTP/0.9.
            self._refuse(self._admission.malformed, close=True)
        elif version == "1.1" and names.count(b"host") != 1:
            # Whoever stands before us might have taken another than we (RFC 9112, 3.2).
            self._refuse(self._admission.malformed, close=True)
        elif b"transfer-encoding" in names and (wrong := self._wrong_coding(version)) is not None:
            self._refuse(wrong, close=True)
        elif self._is_large():
            self._refuse(self._admission.large, close=True)
        elif len(self.pipeline) >= _WAITING_MAX:
            self._refuse(self._admission.busy, close=True)
        if self.transport.is_closing() or self._last_word is not None:
            self._stage = _REFUSED
        elif self.parser.should_upgrade():
            self._stage = _OFFER
        elif path in _ALWAYS:
            self._keep_head()
            self._pass_on()
        elif self._admission.full and not self._answering:
            self._stage = _REFUSED
            if self.expect_100_continue:
                # It waits for this word, and sends the body now or never: what comes next may be either.
                self._refuse(self._admission.busy, close=True)
        elif path in _TAKES_ITS_TIME:
            self._keep_head()
            self._pass_on()
        else:
            self._keep_head()
            self._stage = _HELD
            self._ask_for_body()

    def _wrong_coding(self, version: str) -> Refusal | None:
        """None: chunked and nothing else. What is coded before that would be taken for the body as it is, what is not
        chunked in the end has none, and HTTP/1.0 knows no codings (RFC 9112, 6.1 and 6.3).
        """
        given = b",".join(value for name, value in self.headers if name == b"transfer-encoding").lower()
        codings = [coding.strip() for coding in given.split(b",")]
        if version == "1.0" or codings[-1] != b"chunked":
            return self._admission.malformed
        return None if len(codings) == 1 else self._admission.coded

    def _keep_head(self) -> None:
        """What follows a body would be taken for what a proxy has written at the head: it goes to a list of its own."""
        self._head, self.headers = self.headers, self.headers.copy()

    def _is_large(self) -> bool:
        """The head that has just ended; most need no counting."""
        begun_here = self._idle_bytes == -self._piece_bytes
        if begun_here and self._piece_bytes <= HEAD_MAX:
            return False
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD_MAX

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = -self._piece_bytes
        if self._stage == _PASSED:
            super().on_body(body)
        elif self._stage == _HELD:
            self._held += body
            self._admission.held_bytes += len(body)
            if len(self._held) > BODY_MAX:
                self._pass_on()

    def on_message_complete(self) -> None:
        if self._stage == _OFFER:
            return
        stage, self._stage = self._stage, _NOTHING
        self._end_patience()
        if stage == _HELD and self._admission.full and not self._answering:
            self._take_held()
            stage = _REFUSED
        if stage == _REFUSED:
            stays = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
            self._refuse(self._admission.busy, close=not stays)
        elif stage == _HELD:
            self._pass_on()
            self._stage = _NOTHING
            super().on_message_complete()
        elif stage == _PASSED:
            super().on_message_complete()

    @property
    def _answering(self) -> bool:
        """An earlier request of this connection has not been answered; nothing may be said before."""
        return self.cycle is not None and not self.cycle.response_complete

    def _ask_for_body(self) -> None:
        if self.expect_100_continue and not self._answering:
            self.expect_100_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _pass_on(self) -> None:
        """To the framework, with what there is of the body."""
        self._end_patience()
        waits = self._answering
        body = self._take_held()
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expects
        self.scope["headers"] = self._head
        super().on_headers_complete()
        if waits:
            self._waiting_bytes += len(body)
            self._admission.held_bytes += len(body)
        self._stage = _PASSED
        if body:
            self.cycle.body = body
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        if self.transport.is_closing():
            self._watch_reader()
        self.server_state.total_requests += 1
        if self.pipeline:
            # The place of the one that was answered is for the next, as soon as its application has ended.
            self.loop.call_soon(self._next_in_turn)
            return
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        self._expect_next()
        if self._last_word is not None:
            self._say(*self._last_word, close=True)
        elif self._stage == _PASSED:
            # Answered before the body was whole: nobody wants the rest.
            self._arrive_in_time()
        elif self._stage == _HELD:
            self._ask_for_body()

    def _next_in_turn(self) -> None:
        if self.pipeline and not self.transport.is_closing():
            self._start_asgi_task(*self.pipeline.pop())
            self._count_waiting()
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        scope = cycle.scope
        if scope["raw_path"] not in _ALWAYS:
            if self._admission.full:
                # Its turn has come when there is no place. What follows it on this connection may be sent again.
                cycle.response_complete = True
                self._say(self._admission.busy, scope["headers"], scope["method"].encode(), close=True)
                return
            app = self._placed(app)
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _placed(self, app: Any) -> Any:
        place = self._place = Place(self._admission)
        if self.flow.write_paused:
            place.leave()

        async def inside(scope: Any, receive: Any, send: Any) -> None:
            try:
                await app(scope, receive, send)
            finally:
                place.leave()
                if self._place is place:
                    self._place = None
                self.loop.call_soon(self._after_application)

        return inside

    def _after_application(self) -> None:
        """One that broke off in the middle of its answer has its connection closed, which waits for the reader."""
        if self.transport.is_closing():
            self._watch_reader()

    def shutdown(self) -> None:
        """Who has not sent the whole of a request is told so, and may send it again."""
        if self._stage in (_HEAD, _HELD, _REFUSED) and not self._answering:
            self._refuse(self._admission.busy, close=True)
        else:
            super().shutdown()

    def _count_waiting(self) -> None:
        """Bodies of requests that wait for their turn are held until none waits."""
        if not self.pipeline:
            self._admission.held_bytes -= self._waiting_bytes
            self._waiting_bytes = 0

    def _take_held(self) -> bytearray:
        held, self._held = self._held, bytearray()
        self._admission.held_bytes -= len(held)
        return held

    def _refuse(self, refusal: Refusal, *, close: bool) -> None:
        """What the parser is at; when it is not its turn yet, that will be the last word here."""
        own = self._stage == _PASSED and not self.pipeline
        if self.transport.is_closing() or self._last_word is not None:
            return
        if own and self.cycle.response_started:
            self._close()
        elif self._answering and not own:
            self._last_word = refusal, self.headers or (), self.parser.get_method()
            self._end_patience()
            self._take_held()
        else:
            self._say(refusal, self.headers or (), self.parser.get_method(), close=close)

    def _say(self, refusal: Refusal, headers: Headers, method: bytes, *, close: bool) -> None:
        if self.transport.is_closing():
            return
        self._admission.refused.add(refusal.code)
        # Who asks on and on without reading the answers is not to fill the memory with them.
        close = close or self.flow.write_paused
        head, body = refusal.answer(language_of(headers), self.server_state.default_headers, close=close)
        self.transport.write(head if method == b"HEAD" else head + body)
        if close:
            self._close()

    def _close(self) -> None:
        self._end_patience()
        self._take_held()
        self.transport.close()
        self._watch_reader()

    def _expect_next(self) -> None:
        """A connection on which nothing comes is closed in the end.

        Its timer is not begun anew for each request: it looks when it is over, and goes on for what is left.
        """
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_in(self.timeout_keep_alive)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _look_again_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_again_in(left)
        else:
            self._close()

    def _arrive_in_time(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(self._admission.arrival_seconds, self._lose_patience)

    def _lose_patience(self) -> None:
        self._patience = None
        if self.flow.read_paused:
            # It is we who don't listen.
            self._arrive_in_time()
        elif self._stage == _PASSED:
            self._close()
        else:
            # Who was not let in need not be quick; it is told why now.
            refused = self._stage == _REFUSED
            self._refuse(self._admission.busy if refused else self._admission.slow, close=True)

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()
        if self._place is not None:
            # It has its answer, as far as it takes it: who doesn't read keeps nobody out.
            self._place.leave()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._place is not None:
            self._place.take()
        if not self.transport.is_closing():
            self._end_watch()

    def _watch_reader(self, before: int = 0) -> None:
        """An answer that nobody takes would keep its place inside, and its memory, for ever.

        before: what of it lay there when this was looked at last.
        """
        self._end_watch()
        left = self.transport.get_write_buffer_size()
        if 0 < before <= left:
            self.transport.abort()
        elif left:
            self._reader = self.loop.call_later(self._admission.reading_seconds, self._watch_reader, left)

    def _end_watch(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
