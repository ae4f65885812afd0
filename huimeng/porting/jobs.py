"""Imports in the background: taken from the database under a lease, so that a killed worker's work goes on."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import msgspec

from huimeng.infra.audit import act_as
from huimeng.infra.database import Database
from huimeng.kernel.errors import BusinessError, Unavailable
from huimeng.kernel.ids import uuid7
from huimeng.merchant.service import every_merchant
from huimeng.porting.errors import ImportBrokeOff, ImportRunning
from huimeng.porting.service import Context, ImportOptions, ImportResult, expect_imports, import_members, import_orders
from huimeng.porting.service import tasks as use_cases
from huimeng.porting.store import tasks
from huimeng.porting.store.tasks import ImportFailure, Progress, State, Task
from huimeng.porting.store.uploads import Uploads

log = logging.getLogger("huimeng.imports")

LEASE_SECONDS = 15.0
BEAT_SECONDS = 1.0
_LOOK_SECONDS = 2.0
ATTEMPTS_MAX = 5
KEPT_DAYS = 7
_ORPHANS_SECONDS = 86_400.0
_MERCHANTS_AT_ONCE = 500
_INTERNAL = ImportFailure("internal_error", 500, "系统出错，已记录", "Something went wrong on our side; it is logged")

# Opens what an import needs; it has a Teller of its own, which need not wait for the disk.
Opened = Callable[[], AbstractAsyncContextManager[Context]]


class Importer:
    """One worker's imports, one after the other."""

    def __init__(
        self,
        db: Database,
        uploads: Uploads,
        opened: Opened,
        *,
        lease_seconds: float = LEASE_SECONDS,
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        self._db = db
        self._uploads = uploads
        self._opened = opened
        self._lease = lease_seconds
        self._beat = beat_seconds
        self._me = uuid7()
        # Imports whose files a paused worker still holds.
        self._held: set[uuid.UUID] = set()

    async def work(self, stop: asyncio.Event) -> None:
        """Until it is told to stop; an import under way is then given back and goes on after the next start."""
        expect_imports()
        while not stop.is_set():
            try:
                await self.run_waiting(stop)
            except Unavailable as error:
                log.warning("imports wait: %s", error)
            except Exception:
                log.exception("an import could not be run, will be tried again")
            await _either(stop, _LOOK_SECONDS)

    async def run_waiting(self, stop: asyncio.Event | None = None) -> int:
        """Runs what waits now; how many that were."""
        stop = stop or asyncio.Event()
        self._held.clear()
        task, count = await self.claim(), 0
        if task is None:
            return 0
        async with self._opened() as context:
            while task is not None:
                await self._run(context, task, stop)
                count += 1
                task = None if stop.is_set() else await self.claim()
        return count

    async def claim(self) -> Task | None:
        merchants = [merchant.merchant_id async for merchant in every_merchant(self._db)]
        for start in range(0, len(merchants), _MERCHANTS_AT_ONCE):
            some = merchants[start : start + _MERCHANTS_AT_ONCE]
            async with self._db.tenants(some) as conn:
                task = await tasks.claim(conn, some, self._me, self._lease, tuple(self._held))
            if task is not None:
                return task
        return None

    async def _run(self, context: Context, task: Task, stop: asyncio.Event) -> None:
        if task.attempts > ATTEMPTS_MAX:
            await self._finish(task, "failed", task.progress, _failure(ImportBrokeOff()), stop)
            return
        watched = _Watched(task.progress)
        work = asyncio.create_task(self._import(context, task, watched))
        try:
            verdict = await self._look_after(task, work, watched, stop)
        finally:
            work.cancel()
        if verdict == "lost":
            return
        if verdict == "ended":
            async with self._db.tenant(task.merchant_id) as conn:
                await tasks.give_back(conn, task, self._me, counted=False)
            return
        state, error = _outcome(work, task)
        if state == "queued":
            held = isinstance(work.exception(), ImportRunning)
            await asyncio.sleep(self._beat)
            async with self._db.tenant(task.merchant_id) as conn:
                await tasks.give_back(conn, task, self._me, counted=not held)
            if held:
                self._held.add(task.import_id)
            return
        has_errors = self._uploads.errors(task.merchant_id, task.import_id, task.dry_run).exists()
        await self._finish(task, state, msgspec.structs.replace(watched.progress, has_errors=has_errors), error, stop)

    async def _look_after(self, task: Task, work: asyncio.Task[None], watched: _Watched, stop: asyncio.Event) -> str:
        """Prolongs the lease until the import is over; "lost" and "ended" (the worker ends) say why it isn't."""
        verdict = ""
        while not work.done():
            await asyncio.wait({work}, timeout=self._beat)
            if work.done():
                break
            if stop.is_set():
                verdict = "ended"
            else:
                try:
                    async with self._db.tenant(task.merchant_id) as conn:
                        told = await tasks.beat(conn, task, self._me, watched.progress, self._lease)
                except BusinessError:
                    # The import itself waits for a database that went away, and gives up when it stays away.
                    continue
                if told == "go on":
                    continue
                verdict = told
            work.cancel()
            await asyncio.wait({work})
        return verdict if work.cancelled() else ""

    async def _import(self, context: Context, task: Task, watched: _Watched) -> None:
        async with self._db.tenant(task.merchant_id) as conn:
            act_as(await use_cases.started_by(conn, task))
        place = (task.merchant_id, task.import_id)
        other = task.options.get("with_import")
        with_file = None
        if other is not None:
            async with self._db.tenant(task.merchant_id) as conn:
                pair = await use_cases.get_with_file(conn, task.merchant_id, other)
            with_file = self._uploads.file(task.merchant_id, pair.import_id, pair.file_name)
        options = msgspec.structs.replace(
            msgspec.convert(task.options, ImportOptions),
            with_file=with_file,
            dry_run=task.dry_run,
            error_file=self._uploads.errors(*place, task.dry_run),
            work_dir=self._uploads.work_dir,
            file_name=task.file_name,
            import_id=str(task.import_id),
        )
        run = import_members if task.kind == "members" else import_orders
        path = self._uploads.file(*place, task.file_name)
        watched.finished(await run(context, task.merchant_id, path, options, watched))

    async def _finish(
        self, task: Task, state: State, progress: Progress, error: ImportFailure | None, stop: asyncio.Event
    ) -> None:
        while True:
            try:
                async with self._db.tenant(task.merchant_id) as conn:
                    await tasks.finish(conn, task, self._me, state, progress, error)
                return
            except Unavailable:
                # When it is told to end meanwhile, the lease runs out and the import finds everything done.
                if stop.is_set():
                    return
                await _either(stop, self._beat)
            except Exception:
                if error is _INTERNAL:
                    raise
                # Over is over: what can't be kept must not leave it running until the lease is out.
                log.exception("how import %s ended could not be kept", task.import_id)
                state, error = "failed", _INTERNAL
                progress = Progress(phase=progress.phase, counts=progress.counts, has_errors=progress.has_errors)

    async def delete_old(self) -> None:
        """Files that have been kept long enough, and what no import knows of."""
        async for merchant in every_merchant(self._db):
            await self._delete_old(merchant.merchant_id)

    async def _delete_old(self, merchant_id: int) -> None:
        self._uploads.forget_incoming(merchant_id, _ORPHANS_SECONDS)
        there = self._uploads.folders(merchant_id, _ORPHANS_SECONDS)
        async with self._db.tenant(merchant_id) as conn:
            old = await tasks.outdated(conn, merchant_id, timedelta(days=KEPT_DAYS))
            # Marked first: nobody starts an import whose file is about to go.
            old = await tasks.files_deleted(conn, merchant_id, old)
            known = await tasks.known(conn, merchant_id, there)
        for import_id in [*old, *(each for each in there if each not in known)]:
            self._uploads.delete(merchant_id, import_id)


class _Watched:
    """The import's progress as the heartbeat writes it down."""

    def __init__(self, progress: Progress) -> None:
        self.progress = msgspec.structs.replace(progress, done=0, total=0)

    def __call__(self, phase: str, done: int, total: int, counts: Mapping[str, int]) -> None:
        self.progress = Progress(phase=phase, done=done, total=total, counts=_counts(counts))

    def finished(self, result: ImportResult) -> None:
        self.progress = msgspec.structs.replace(
            self.progress,
            counts=_counts(result.counts),
            rows=result.rows,
            bad_rows=result.bad_rows,
            unknown_columns=tuple(name[:200] for name in result.unknown_columns[:100]),
            resumed=result.resumed,
            source=result.source,
        )


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    # "line" is where the import of members would go on.
    return {name: count for name, count in counts.items() if name != "line"}


def _outcome(work: asyncio.Task[None], task: Task) -> tuple[State, ImportFailure | None]:
    if work.cancelled():
        return "cancelled", None
    error = work.exception()
    if error is None:
        return "done", None
    if isinstance(error, Unavailable | ImportRunning):
        return "queued", None
    if isinstance(error, BusinessError):
        return "failed", _failure(error)
    log.error("import %s of merchant %s failed", task.import_id, task.merchant_id, exc_info=error)
    return "failed", _INTERNAL


def _failure(error: BusinessError) -> ImportFailure:
    return ImportFailure(error.code, error.status, error.text("zh"), error.text("en"))


async def _either(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
