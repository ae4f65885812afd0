"""What was read a moment ago, kept for 2 seconds unless it is said otherwise."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

TTL_SECONDS = 2.0
# What is not there is remembered too, so the room is bounded: the oldest entry goes.
MAX_KEPT = 10_000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """load(key) is asked once for all who ask at a time."""

    def __init__(
        self, load: Callable[[K], Awaitable[V]], monotonic: Callable[[], float], keep_seconds: float = TTL_SECONDS
    ) -> None:
        self._load = load
        self._monotonic = monotonic
        self._keep_seconds = keep_seconds
        self.kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._loading: dict[K, tuple[float, asyncio.Task[V]]] = {}

    async def get(self, key: K) -> V:
        now = self._monotonic()
        kept = self.kept.get(key)
        if kept is not None and now - kept[0] < self._keep_seconds:
            return kept[1]
        # When an entry ends under load, one look-up serves everybody who waits for it; but for one that takes so long
        # that what it brings is too old.
        loading = self._loading.get(key)
        if loading is None or now - loading[0] >= self._keep_seconds:
            loading = self._loading[key] = (now, asyncio.create_task(self.refresh(key)))
            loading[1].add_done_callback(lambda task: self._loaded(key, task))
        return await asyncio.shield(loading[1])

    def _loaded(self, key: K, task: asyncio.Task[V]) -> None:
        if not task.cancelled():
            # Whoever waited may have given up: then nobody else asks how it ended.
            task.exception()
        loading = self._loading.get(key)
        if loading is not None and loading[1] is task:
            del self._loading[key]

    def replace(self, key: K, old: V, new: V) -> None:
        """Where old is still kept; its age stays."""
        kept = self.kept.get(key)
        if kept is not None and kept[1] is old:
            self.kept[key] = (kept[0], new)

    def forget(self, key: K) -> None:
        self.kept.pop(key, None)

    async def refresh(self, key: K) -> V:
        """A look-up of one's own, for who knows that there is something newer."""
        # Taken before the look-up: what was read can't be newer than this.
        read_at = self._monotonic()
        value = await self._load(key)
        kept = self.kept.get(key)
        if kept is not None and kept[0] > read_at:
            return value
        self.kept[key] = (read_at, value)
        self.kept.move_to_end(key)
        while len(self.kept) > MAX_KEPT:
            self.kept.popitem(last=False)
        return value
