"""How many requests a caller may send: GCRA, counted for all web processes together in a shared piece of memory."""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
import struct
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from huimeng.infra.files import open_with_room

log = logging.getLogger("huimeng.rate")

# A second, and how many may come at once before that counts.
RATE = 50
BURST_SECONDS = 4

_SLOTS = 1 << 16
_SLOT = struct.Struct("=Qd")
# Where a caller may stand, beginning with the place that its name leads to.
_PLACES = 8


class Verdict(msgspec.Struct, frozen=True):
    """remaining: how many may follow at once; retry_after and reset in whole seconds, until one more and until all."""

    allowed: bool
    limit: int
    remaining: int
    retry_after: int
    reset: int


class Rate:
    """A slot holds who it is and the time up to which that caller has used up its share.

    Two processes that write the same slot in the same microsecond lose one request of the count, no more. path None,
    or no room on the disk: this process alone.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slots = _shared(path)

    def take(self, name: str, rate: int | None) -> Verdict | None:
        """One request of this caller; rate None is the usual one, 0 is none: then nothing is counted."""
        if rate == 0:
            return None
        rate = RATE if rate is None else rate
        each, now = 1 / rate, self._clock()
        whole = BURST_SECONDS * 1.0
        who = _number(name)
        place, used_until = self._find(who, now)
        # What lies further ahead than a full share is of before the machine was started anew.
        used_until = max(used_until, now) if used_until <= now + whole + 1 else now
        after = used_until + each
        allowed = after - now <= whole + 1e-9
        if allowed:
            # At once: packed in place, others would see zeros for a moment, and a caller who has used nothing.
            self._slots[place : place + _SLOT.size] = _SLOT.pack(who, after)
            used_until = after
        left = whole - (used_until - now)
        return Verdict(
            allowed,
            rate * BURST_SECONDS,
            max(0, int(left / each + 1e-9)),
            0 if allowed else max(1, _up(after - now - whole)),
            _up(used_until - now),
        )

    def _find(self, who: int, now: float) -> tuple[int, float]:
        """The caller's slot, or one that nobody needs any more, or else the one that is free soonest."""
        soonest, soonest_at = 0, float("inf")
        for step in range(_PLACES):
            place = ((who + step) % _SLOTS) * _SLOT.size
            holder, used_until = _SLOT.unpack_from(self._slots, place)
            if holder == who:
                return place, used_until
            if used_until < soonest_at:
                soonest, soonest_at = place, used_until
        return soonest, now


def share_headers(limit: int, remaining: int, reset: int) -> list[tuple[bytes, bytes]]:
    told = ((b"ratelimit-limit", limit), (b"ratelimit-remaining", remaining), (b"ratelimit-reset", reset))
    return [(name, str(number).encode()) for name, number in told]


def with_share(send: Any, verdict: Verdict) -> Any:
    """An ASGI send that adds what is left of the caller's share."""
    headers = share_headers(verdict.limit, verdict.remaining, verdict.reset)

    async def told(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return told


@lru_cache(maxsize=4096)
def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) | 1


def _up(seconds: float) -> int:
    return max(0, -int(-seconds // 1))


def _shared(path: Path | None) -> mmap.mmap:
    size = _SLOTS * _SLOT.size
    if path is None:
        return mmap.mmap(-1, size)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = open_with_room(path, size)
    except OSError as error:
        log.warning("this process counts alone: %s", error)
        return mmap.mmap(-1, size)
    try:
        return mmap.mmap(handle, size)
    finally:
        os.close(handle)
