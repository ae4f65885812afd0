"""Imports that were handed in over HTTP: taking them on, looking at them, starting and cancelling them."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import msgspec

from huimeng.infra.audit import Action, By, reading, record
from huimeng.infra.database import Connection
from huimeng.infra.heads import lock_head
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.ids import cell_of, uuid7
from huimeng.kernel.times import utc_now
from huimeng.porting.errors import (
    ImportFileInUse,
    ImportFilesDeleted,
    ImportIsOver,
    ImportNotCheckable,
    ImportNotDiscardable,
    ImportNotFound,
    ImportNotOver,
    ImportNotStartable,
    TooManyImports,
)
from huimeng.porting.rules.names import shown_name
from huimeng.porting.store import tasks as store
from huimeng.porting.store.tasks import Kind, Progress, Task
from huimeng.porting.store.uploads import Upload, Uploads

# Of one merchant.
WAITING_MAX = 20
KEPT_BYTES_MAX = 10 * 1024 * 1024 * 1024


async def add(
    conn: Connection,
    uploads: Uploads,
    upload: Upload,
    *,
    merchant_id: int,
    kind: Kind,
    file_name: str,
    options: dict[str, Any],
    dry_run: bool,
    actor: str,
    hold: bool = False,
) -> Task:
    """The file is the import's from here on; TooManyImports. The head must be locked."""
    waiting, kept = await store.held(conn, merchant_id)
    if waiting >= WAITING_MAX or kept + upload.size > KEPT_BYTES_MAX:
        raise TooManyImports(limit=f"{WAITING_MAX} / {KEPT_BYTES_MAX >> 30} GB")
    task = Task(
        merchant_id=merchant_id,
        import_id=uuid7(),
        kind=kind,
        file_name=shown_name(file_name, kind),
        file_size=upload.size,
        options=options,
        # What is held is checked first, whatever else was asked for.
        dry_run=dry_run or hold,
        state="held" if hold else "queued",
        cancel=False,
        attempts=0,
        progress=Progress(),
        error=None,
        created_at=utc_now(),
        created_by=actor,
        started_at=None,
        finished_at=None,
        files_deleted_at=None,
    )
    await store.insert(conn, task)
    held = {"held": True} if hold else {}
    await _record(conn, task, "import.queued", dry_run=task.dry_run, **held, file_size=task.file_size, options=options)
    uploads.keep(upload, merchant_id, task.import_id, task.file_name)
    return task


async def get(conn: Connection, merchant_id: int, import_id: str) -> Task:
    """ImportNotFound, also for what is no id at all."""
    try:
        number = uuid.UUID(import_id)
    except ValueError:
        number = None
    task = None if number is None else await store.find(conn, merchant_id, number)
    if task is None:
        raise ImportNotFound(import_id[:40])
    return task


async def get_with_file(conn: Connection, merchant_id: int, import_id: str) -> Task:
    """One whose file is still there; ImportNotFound, ImportFilesDeleted."""
    task = await get(conn, merchant_id, import_id)
    if task.files_deleted_at is not None:
        raise ImportFilesDeleted()
    return task


async def page(conn: Connection, merchant_id: int, cursor: str | None, limit: int) -> list[Task]:
    """Newest first; InvalidInput when the cursor is none of ours."""
    try:
        before = None if cursor is None else uuid.UUID(cursor)
    except ValueError:
        raise InvalidInput("cursor", "the next_cursor of a page", "应为上一页的 next_cursor") from None
    return await store.page(conn, merchant_id, before, limit)


async def start(conn: Connection, merchant_id: int, import_id: str) -> Task:
    """For real, with the same file and options; ImportNotFound, ImportNotStartable, ImportFilesDeleted."""
    await lock_head(conn, cell_of(merchant_id))
    task = await get(conn, merchant_id, import_id)
    if (task.state == "done") != task.dry_run:
        # A check that broke off has shown nothing.
        raise ImportNotStartable(state=task.state)
    if task.files_deleted_at is not None:
        raise ImportFilesDeleted()
    queued = await store.queue(conn, merchant_id, task.import_id)
    if queued is None:
        raise ImportNotStartable(state=task.state)
    await _record(conn, queued, "import.queued", dry_run=queued.dry_run)
    return queued


async def check(conn: Connection, merchant_id: int, import_id: str, kind: Kind, options: dict[str, Any]) -> Task:
    """A dry run with these options, of a file whose import has not begun; ImportNotFound, ImportNotStartable,
    ImportFilesDeleted."""
    await lock_head(conn, cell_of(merchant_id))
    task = await get_with_file(conn, merchant_id, import_id)
    if options["with_import"] is not None:
        await get_with_file(conn, merchant_id, options["with_import"])
    queued = await store.check(conn, merchant_id, task.import_id, kind, options)
    if queued is None:
        raise ImportNotCheckable(state=task.state)
    await _record(conn, queued, "import.queued", dry_run=True, options=options)
    return queued


async def cancel(conn: Connection, merchant_id: int, import_id: str) -> Task:
    """What was written stays; ImportNotFound, ImportIsOver."""
    await lock_head(conn, cell_of(merchant_id))
    task = await get(conn, merchant_id, import_id)
    asked = await store.ask_to_stop(conn, merchant_id, task.import_id)
    if asked is None:
        raise ImportIsOver(state=task.state)
    await _record(conn, asked, "import.cancelled")
    return asked


async def discard(conn: Connection, merchant_id: int, import_id: str) -> Task:
    """Not in the list any more, and its files are to be deleted; ImportNotFound, ImportNotDiscardable, ImportFileInUse.

    For what has written nothing: held, or checked and never started for real.
    """
    await lock_head(conn, cell_of(merchant_id))
    task = await get(conn, merchant_id, import_id)
    if task.import_id in map(uuid.UUID, await store.partners_in_use(conn, merchant_id)):
        raise ImportFileInUse()
    if not await store.discard(conn, merchant_id, task.import_id):
        raise ImportNotDiscardable(state=task.state)
    await _record(conn, task, "import.discarded")
    return msgspec.structs.replace(task, files_deleted_at=task.files_deleted_at or utc_now())


async def started_by(conn: Connection, task: Task) -> By:
    """Who had it started last, with name, address, program and request as the log has them."""
    wanted = reading.Filter(action="import.queued", object_kind="import", object_id=str(task.import_id))
    for entry in await reading.entries(conn, cell_of(task.merchant_id), wanted, reading.NEWEST, 1):
        return By(entry.actor, entry.actor_name, entry.ip, entry.agent, entry.request_id)
    return By(task.created_by)


async def record_download(conn: Connection, task: Task) -> None:
    """A bad row may show a cell as it was given, and the cell may say something of a person."""
    await _record(conn, task, "export.import_result")


async def _record(conn: Connection, task: Task, action: Action, **told: Any) -> None:
    after = {"kind": task.kind, "file_name": task.file_name, **told}
    await record(conn, cell_of(task.merchant_id), action, ("import", str(task.import_id)), after=after)


def error_file(uploads: Uploads, task: Task) -> Path | None:
    """None: there was nothing to report. ImportNotOver, ImportFilesDeleted."""
    if task.state in ("held", "queued", "running"):
        raise ImportNotOver(state=task.state)
    if task.files_deleted_at is not None:
        raise ImportFilesDeleted()
    path = uploads.errors(task.merchant_id, task.import_id, task.dry_run)
    return path if path.exists() else None
