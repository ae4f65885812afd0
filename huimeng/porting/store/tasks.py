"""All SQL of imports that were handed in over HTTP: what is to be done, by whom until when, and how far it is."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from huimeng.infra.database import Connection

Kind = Literal["orders", "members"]
# held: nobody works on it before somebody says how it is to be read.
State = Literal["held", "queued", "running", "done", "failed", "cancelled"]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """phase read: done and total in bytes; write and check: in lines. rows and below: known when it is over."""

    phase: str | None = None
    done: int = 0
    total: int = 0
    counts: dict[str, int] = {}
    rows: int | None = None
    bad_rows: int | None = None
    unknown_columns: tuple[str, ...] = ()
    resumed: bool = False
    has_errors: bool = False
    source: str | None = None


class ImportFailure(msgspec.Struct, frozen=True):
    """Why an import did not begin or broke off: a named error's code and status, and its words."""

    code: str
    status: int
    detail_zh: str
    detail_en: str


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A row of import_task; cancel: the worker was asked to stop and has not done so yet."""

    merchant_id: int
    import_id: uuid.UUID
    kind: Kind
    file_name: str
    file_size: int
    options: dict[str, Any]
    dry_run: bool
    state: State
    cancel: bool
    attempts: int
    progress: Progress
    error: ImportFailure | None
    created_at: datetime
    created_by: str
    started_at: datetime | None
    finished_at: datetime | None
    files_deleted_at: datetime | None


_TASK = (
    "merchant_id, import_id, kind, file_name, file_size, options, dry_run, state, cancel, attempts, progress, error, "
    "created_at, created_by, started_at, finished_at, files_deleted_at"
)
_AS_NEW = (
    "state = 'queued', cancel = false, attempts = 0, progress = '{}', error = null, worker = null, "
    "leased_until = null, started_at = null, finished_at = null"
)
_LEASE = "now() + make_interval(secs => %s)"


def _task(row: Sequence[Any]) -> Task:
    return msgspec.convert(dict(zip(_TASK.split(", "), row, strict=True)), Task)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def insert(conn: Connection, task: Task) -> None:
    await conn.execute(
        "insert into import_task (merchant_id, import_id, kind, file_name, file_size, options, dry_run, state, cancel, "
        "attempts, progress, created_at, created_by) values (%s,%s,%s,%s,%s,%s,%s,%s,false,0,%s,%s,%s)",
        (
            task.merchant_id,
            task.import_id,
            task.kind,
            task.file_name,
            task.file_size,
            _json(task.options),
            task.dry_run,
            task.state,
            _json(task.progress),
            task.created_at,
            task.created_by,
        ),
    )


async def find(conn: Connection, merchant_id: int, import_id: uuid.UUID) -> Task | None:
    cursor = await conn.execute(
        f"select {_TASK} from import_task where merchant_id = %s and import_id = %s", (merchant_id, import_id)
    )
    row = await cursor.fetchone()
    return None if row is None else _task(row)


async def page(conn: Connection, merchant_id: int, before: uuid.UUID | None, limit: int) -> list[Task]:
    """Newest first."""
    cursor = await conn.execute(
        f"select {_TASK} from import_task where merchant_id = %s and (%s::uuid is null or import_id < %s) "
        "order by import_id desc limit %s",
        (merchant_id, before, before, limit),
    )
    return [_task(row) for row in await cursor.fetchall()]


async def held(conn: Connection, merchant_id: int) -> tuple[int, int]:
    """(imports that are not over, bytes of files that are kept)"""
    cursor = await conn.execute(
        "select count(*) filter (where state in ('queued', 'running')), "
        "coalesce(sum(file_size) filter (where files_deleted_at is null), 0)::bigint "
        "from import_task where merchant_id = %s",
        (merchant_id,),
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]


async def queue(conn: Connection, merchant_id: int, import_id: uuid.UUID) -> Task | None:
    """For real from here on, as if it had just been handed in; None unless a check is done or an import isn't."""
    return await _change(
        conn,
        merchant_id,
        import_id,
        f"dry_run = false, {_AS_NEW}",
        "state not in ('queued', 'running') and (state = 'done') = dry_run",
    )


async def check(
    conn: Connection, merchant_id: int, import_id: uuid.UUID, kind: Kind, options: dict[str, Any]
) -> Task | None:
    """A dry run with these options; None when it is under way, or was an import for real."""
    cursor = await conn.execute(
        f"update import_task set kind = %s, options = %s, {_AS_NEW} where merchant_id = %s and import_id = %s "
        f"and state not in ('queued', 'running') and dry_run returning {_TASK}",
        (kind, _json(options), merchant_id, import_id),
    )
    row = await cursor.fetchone()
    return None if row is None else _task(row)


async def ask_to_stop(conn: Connection, merchant_id: int, import_id: uuid.UUID) -> Task | None:
    """At once when nobody has begun, else the worker is asked; None when it is over."""
    return await _change(
        conn,
        merchant_id,
        import_id,
        "cancel = (state = 'running'), finished_at = case when state = 'running' then finished_at else now() end, "
        "state = case when state = 'running' then state else 'cancelled' end",
        "state in ('held', 'queued', 'running')",
    )


async def discard(conn: Connection, merchant_id: int, import_id: uuid.UUID) -> bool:
    """False when it is under way, or was an import for real."""
    cursor = await conn.execute(
        "delete from import_task where merchant_id = %s and import_id = %s "
        "and dry_run and state not in ('queued', 'running')",
        (merchant_id, import_id),
    )
    return cursor.rowcount == 1


async def partners_in_use(conn: Connection, merchant_id: int) -> list[str]:
    """Imports whose files belong to others that wait or run."""
    cursor = await conn.execute(
        "select options ->> 'with_import' from import_task where merchant_id = %s and state in ('queued', 'running') "
        "and options ->> 'with_import' is not null",
        (merchant_id,),
    )
    return [row[0] for row in await cursor.fetchall()]


async def _change(conn: Connection, merchant_id: int, import_id: uuid.UUID, changes: str, only: str) -> Task | None:
    cursor = await conn.execute(
        f"update import_task set {changes} where merchant_id = %s and import_id = %s and {only} returning {_TASK}",
        (merchant_id, import_id),
    )
    row = await cursor.fetchone()
    return None if row is None else _task(row)


# The worker's side.


async def claim(
    conn: Connection,
    merchant_ids: Sequence[int],
    worker: uuid.UUID,
    lease_seconds: float,
    without: Sequence[uuid.UUID] = (),
) -> Task | None:
    """The oldest that waits or whose worker has not been heard of; two workers never get the same one."""
    cursor = await conn.execute(
        f"update import_task set state = 'running', worker = %s, leased_until = {_LEASE}, attempts = attempts + 1, "
        "started_at = coalesce(started_at, now()) where (merchant_id, import_id) = (select merchant_id, import_id "
        "from import_task where merchant_id = any(%s) and state in ('queued', 'running') "
        "and (state = 'queued' or leased_until < now()) and import_id <> all(%s::uuid[]) "
        "order by created_at limit 1 for update skip locked) "
        f"returning {_TASK}",
        (worker, lease_seconds, list(merchant_ids), list(without)),
    )
    row = await cursor.fetchone()
    return None if row is None else _task(row)


async def beat(conn: Connection, task: Task, worker: uuid.UUID, progress: Progress, lease_seconds: float) -> str:
    """Prolongs the lease: "go on", "stop" when that was asked for, "lost" when another worker has it."""
    cursor = await conn.execute(
        f"update import_task set leased_until = {_LEASE}, progress = %s where merchant_id = %s and import_id = %s "
        "and state = 'running' and worker = %s returning cancel",
        (lease_seconds, _json(progress), task.merchant_id, task.import_id, worker),
    )
    row = await cursor.fetchone()
    if row is None:
        return "lost"
    return "stop" if row[0] else "go on"


async def finish(
    conn: Connection, task: Task, worker: uuid.UUID, state: State, progress: Progress, error: ImportFailure | None
) -> bool:
    """False when another worker has it meanwhile."""
    cursor = await conn.execute(
        "update import_task set state = %s, progress = %s, error = %s, cancel = false, worker = null, "
        "leased_until = null, finished_at = now() "
        "where merchant_id = %s and import_id = %s and state = 'running' and worker = %s",
        (
            state,
            _json(progress),
            None if error is None else _json(error),
            task.merchant_id,
            task.import_id,
            worker,
        ),
    )
    return cursor.rowcount == 1


async def give_back(conn: Connection, task: Task, worker: uuid.UUID, *, counted: bool) -> None:
    """The worker ends before the import does; counted: the attempt counts, it was the import that failed."""
    await conn.execute(
        "update import_task set state = 'queued', worker = null, leased_until = null, "
        "attempts = attempts - case when %s then 0 else 1 end "
        "where merchant_id = %s and import_id = %s and state = 'running' and worker = %s",
        (counted, task.merchant_id, task.import_id, worker),
    )


async def outdated(conn: Connection, merchant_id: int, kept: timedelta) -> list[uuid.UUID]:
    cursor = await conn.execute(
        "select import_id from import_task where merchant_id = %s and files_deleted_at is null "
        "and state not in ('queued', 'running') and coalesce(finished_at, created_at) < now() - %s",
        (merchant_id, kept),
    )
    return [row[0] for row in await cursor.fetchall()]


async def files_deleted(conn: Connection, merchant_id: int, import_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Those that nobody started meanwhile."""
    cursor = await conn.execute(
        "update import_task set files_deleted_at = now() where merchant_id = %s and import_id = any(%s) "
        "and state not in ('queued', 'running') returning import_id",
        (merchant_id, list(import_ids)),
    )
    return [row[0] for row in await cursor.fetchall()]


async def known(conn: Connection, merchant_id: int, import_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    cursor = await conn.execute(
        "select import_id from import_task where merchant_id = %s and import_id = any(%s)",
        (merchant_id, list(import_ids)),
    )
    return {row[0] for row in await cursor.fetchall()}
