"""Who is let in: a process that works on as much as it can at once refuses the rest before it has cost anything."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

import msgspec

from huimeng.infra.refused import Refused
from huimeng.kernel.currency import Lang
from huimeng.kernel.errors import (
    BusinessError,
    HeadTooLarge,
    NotHttp,
    RequestTooSlow,
    TooBusy,
    TransferCodingUnknown,
)

# Requests in the framework's hands, of one process. Fewer leave its batches small when there is most to do; more only
# wait there.
INSIDE_MAX = 256
# Of one process: each takes a file and some kB, also when nothing is said on it.
CONNECTIONS_MAX = 4096
# Of a request, from its first byte to its last: who takes longer holds a connection until then, never a place inside.
ARRIVAL_SECONDS = 10.0
# Who takes nothing of an answer for so long is left; a download that somebody holds up may take a while.
READING_SECONDS = 60.0

Headers = Iterable[tuple[bytes, bytes]]


class Refusal:
    """Put together once a second, in both languages: refusing is what a process does most when it can do least."""

    def __init__(self, error: BusinessError, always: Headers) -> None:
        self.code = error.code
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
        self,
        always: Headers = (),
        inside_max: int = INSIDE_MAX,
        connections_max: int = CONNECTIONS_MAX,
        arrival_seconds: float = ARRIVAL_SECONDS,
        reading_seconds: float = READING_SECONDS,
    ) -> None:
        always = list(always)
        self.busy = Refusal(TooBusy(), always)
        self.slow = Refusal(RequestTooSlow(), always)
        self.malformed = Refusal(NotHttp(), always)
        self.large = Refusal(HeadTooLarge(), always)
        self.coded = Refusal(TransferCodingUnknown(), always)
        self.connections_max = connections_max
        self.arrival_seconds = arrival_seconds
        self.reading_seconds = reading_seconds
        self.held_bytes = 0
        self.refused = Refused(each.code for each in (self.busy, self.slow, self.malformed, self.large, self.coded))
        self.inside = 0
        self._inside_max = inside_max

    @property
    def full(self) -> bool:
        return self.inside >= self._inside_max


class Place:
    """Taken when it is made; to leave one that was left, or to take one that is held, changes nothing."""

    __slots__ = ("_admission", "_taken")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._taken = False
        self.take()

    def take(self) -> None:
        """Also beyond the last: whoever takes it again is at work already."""
        self._admission.inside += not self._taken
        self._taken = True

    def leave(self) -> None:
        self._admission.inside -= self._taken
        self._taken = False


def language_of(headers: Headers) -> Lang:
    for name, value in headers:
        if name == b"accept-language":
            return "en" if value[:2].lower() == b"en" else "zh"
    return "zh"
