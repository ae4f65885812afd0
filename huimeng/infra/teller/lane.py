"""The lane: a bounded queue, one connection, and the rule that a batch is what arrived while the last one flushed."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Self

from psycopg import AsyncConnection, errors

from huimeng.infra import marks, metrics
from huimeng.infra.database import CONNECTION_ERRORS, Connection, DatabaseUrls
from huimeng.infra.teller.batch import Batch, Outcome
from huimeng.infra.teller.command import Command, Reply
from huimeng.infra.teller.memory import Memory
from huimeng.infra.teller.shelf import Shelf
from huimeng.infra.teller.watching import BatchWatch, wire_of
from huimeng.infra.teller.wire import Wire
from huimeng.kernel.errors import IdempotencyKeyReused, TooBusy, Unavailable
from huimeng.kernel.times import utc_now

# The Teller always knows its keys: a plan made while a table was small must not turn into a scan of a big one.
_OPTIONS = (
    "-c timezone=UTC -c jit=off -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off "
    "-c plan_cache_mode=force_generic_plan -c lock_timeout=3s -c statement_timeout=30s "
    "-c idle_in_transaction_session_timeout=30s"
)
_AGAIN = (errors.SerializationFailure, errors.DeadlockDetected)
_ATTEMPTS = 3
_IMPORT_PAUSE_SECONDS = 0.002
# Of a batch, as the sum of its commands' weights. Nobody waits for a big one while nobody else writes there.
_WEIGHT = 2048
_WEIGHT_ALONE = 16384


class _Waiting:
    __slots__ = ("command", "future", "mark", "since")

    def __init__(self, command: Command, future: asyncio.Future[Reply]) -> None:
        self.command = command
        self.future = future
        self.mark = marks.current.get()
        self.since = time.perf_counter()


class Teller:
    """submit() answers after the commit returned; one lane a process, all merchants mixed.

    durable False doesn't wait for the disk at each commit: for an import, which acknowledges nothing before a later,
    durable commit (its job's position) has brought everything before it to the disk, and which can be run again.
    """

    def __init__(
        self,
        urls: DatabaseUrls,
        shelves: Iterable[Shelf],
        *,
        max_weight: int = _WEIGHT,
        max_queue: int = 2048,
        durable: bool = True,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._urls = urls
        self._shelves = {shelf.name: shelf for shelf in shelves}
        self._max_weight = max_weight
        self._max_queue = max_queue
        self._durable = durable
        self._options = _OPTIONS if durable else f"{_OPTIONS} -c synchronous_commit=off"
        self._clock = clock
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._conn: Connection | None = None
        self._wire: Wire | None = None
        self._memory = Memory(keeps=not durable)
        self._watch = BatchWatch()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._serve(), name="teller")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Commands that were accepted are finished first."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        await self._disconnect()

    @property
    def full(self) -> bool:
        return len(self._queue) >= self._max_queue

    async def submit(self, command: Command) -> Reply:
        """The answer of one command; raises its BusinessError, TooBusy when the queue is full, Unavailable (503)
        when the database is away: then the same key may be sent again."""
        return await self.enqueue(command)

    def enqueue(self, command: Command) -> asyncio.Future[Reply]:
        """As submit, for callers that send many and await them later; TooBusy is raised at once."""
        if self._closing:
            raise Unavailable()
        if len(self._queue) >= self._max_queue:
            metrics.TELLER_REFUSED.inc()
            raise TooBusy()
        waiting = _Waiting(command, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._arrived.set()
        return waiting.future

    async def _serve(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                batch = self._take()
                await self._run(batch)
                if not self._durable:
                    # At once, it would take the head again before those who wait for it wake up.
                    await asyncio.sleep(_IMPORT_PAUSE_SECONDS)
            if self._closing:
                return

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        weight = 0
        queue = self._queue
        most = _WEIGHT_ALONE if self._memory.alone else self._max_weight
        while queue and (not batch or weight + queue[0].command.weight <= most):
            waiting = queue.popleft()
            if waiting.future.cancelled():
                continue
            weight += waiting.command.weight
            batch.append(waiting)
        return batch

    async def _run(self, batch: Sequence[_Waiting]) -> None:
        if not batch:
            return
        started = time.perf_counter()
        metrics.TELLER_BATCH.observe(len(batch))
        metrics.TELLER_WAIT.observe(started - batch[0].since)
        commands = [w.command for w in batch]
        try:
            with self._watch.batch([w.mark for w in batch], commands):
                outcomes = await self._attempt(commands)
        except Exception as error:
            away = isinstance(error, CONNECTION_ERRORS)
            parts = _parts(batch, error) if len(batch) > 1 else []
            if len(parts) > 1:
                for part in parts:
                    await self._run(part)
                return
            outcomes = [_away(error) if away else error] * len(batch)
        metrics.TELLER_FLUSH.observe(time.perf_counter() - started)
        _count_replays(outcomes)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if waiting.future.done():
                continue
            if isinstance(outcome, Exception):
                waiting.future.set_exception(outcome)
            else:
                waiting.future.set_result(outcome)

    async def _attempt(self, commands: Sequence[Command]) -> list[Outcome]:
        for attempt in range(1, _ATTEMPTS + 1):
            fresh = self._wire is None
            wire = await self._connect()
            try:
                return await Batch(wire, self._shelves, self._memory, self._clock()).run(commands)
            except BaseException as error:
                # Closing the connection rolls back. Whether a commit got through may be unknown: keys and natural
                # identities make a second run harmless.
                await self._disconnect()
                again = isinstance(error, _AGAIN) or (isinstance(error, CONNECTION_ERRORS) and not fresh)
                if isinstance(error, errors.LockNotAvailable) or not again or attempt == _ATTEMPTS:
                    raise
                metrics.TELLER_RETRIES.inc()
        raise AssertionError("unreachable")

    async def _connect(self) -> Wire:
        if self._wire is None:
            conn = await AsyncConnection.connect(
                self._urls.runtime, autocommit=True, options=self._options, connect_timeout=3
            )
            if self._urls.runtime_role is not None:
                await conn.execute(f'set role "{self._urls.runtime_role}"')
            self._conn, self._wire = conn, wire_of(conn)
        return self._wire

    async def _disconnect(self) -> None:
        self._memory.forget()
        conn, self._conn, self._wire = self._conn, None, None
        if conn is not None:
            await conn.close()


def _parts(batch: Sequence[_Waiting], error: Exception) -> list[Sequence[_Waiting]]:
    """What to try again apart, so that one bad command or one cell that somebody else holds fails alone."""
    if isinstance(error, errors.LockNotAvailable):
        cells: dict[int, list[_Waiting]] = {}
        for waiting in batch:
            cells.setdefault(waiting.command.cell_id, []).append(waiting)
        return list(cells.values())
    if isinstance(error, CONNECTION_ERRORS):
        return [batch]
    middle = len(batch) // 2
    return [batch[:middle], batch[middle:]]


def _count_replays(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, Reply):
            if outcome.replayed:
                metrics.REPLAYED.labels("replayed").inc()
        elif isinstance(outcome, IdempotencyKeyReused):
            metrics.REPLAYED.labels("reused").inc()


def _away(error: Exception) -> Unavailable:
    refusal = Unavailable()
    refusal.__cause__ = error
    return refusal
