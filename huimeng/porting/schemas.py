"""Payloads of imports, with the examples that the API reference shows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar.openapi.spec import Example
from msgspec import Meta

from huimeng.porting.rules.words import ToldStatus
from huimeng.porting.service.importing import UnknownMemberPolicy
from huimeng.porting.store.tasks import ImportFailure, State, Task

ImportKind = Literal["orders", "members"]
DateOrder = Literal["mdy", "dmy"]


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked for beside the file, as parameters of the address or fields of the form.

    kind: of a file that is held it may be left to the header. hold: it waits until it is said how to read it. mapping:
    a JSON object of column -> field; statuses: one of word -> what it means; with_import: the import whose file is the
    other report of these orders.
    """

    kind: ImportKind | None = None
    dry_run: bool = False
    hold: bool = False
    earn: bool = True
    create_stores: bool = False
    unknown_member: UnknownMemberPolicy = "error"
    source: Annotated[str, Meta(min_length=1, max_length=32)] = "import"
    source_timezone: Annotated[str, Meta(max_length=60)] | None = None
    sheet: Annotated[str, Meta(max_length=100)] | None = None
    store: Annotated[str, Meta(max_length=64)] | None = None
    date_order: DateOrder | Literal[""] = ""
    mapping: Annotated[str, Meta(max_length=4000)] | None = None
    statuses: Annotated[str, Meta(max_length=4000)] | None = None
    with_import: Annotated[str, Meta(max_length=36)] | None = None
    file_name: Annotated[str, Meta(max_length=400)] | None = None


class ImportCheck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the file is to be read from here on; what is not given is as when nothing is said.

    statuses: word of the status column -> what it means.
    """

    kind: ImportKind
    earn: bool = True
    create_stores: bool = False
    unknown_member: UnknownMemberPolicy = "error"
    source: Annotated[str, Meta(min_length=1, max_length=32)] = "import"
    source_timezone: Annotated[str, Meta(max_length=60)] | None = None
    sheet: Annotated[str, Meta(max_length=100)] | None = None
    store: Annotated[str, Meta(max_length=64)] | None = None
    date_order: DateOrder | Literal[""] = ""
    mapping: dict[str, str] = {}
    statuses: dict[str, ToldStatus] = {}
    with_import: Annotated[str, Meta(max_length=36)] | None = None


class ImportSettings(msgspec.Struct, frozen=True, kw_only=True):
    """As they were asked for; source: of a platform's export its own when nothing was said, once the import is over."""

    earn: bool
    create_stores: bool
    unknown_member: UnknownMemberPolicy
    source: str
    source_timezone: str | None
    sheet: str | None
    store: str | None
    date_order: str
    mapping: dict[str, str]
    statuses: dict[str, ToldStatus]
    with_import: str | None


class ImportOut(msgspec.Struct, frozen=True, kw_only=True):
    """phase read: done and total in bytes; write and check: in lines. rows and bad_rows are known when it is over.

    counts: created, linked, unchanged, conflict, refused and others by kind. cancelling: it stops within seconds.
    """

    import_id: str
    kind: ImportKind
    dry_run: bool
    state: State
    cancelling: bool
    phase: str | None
    done: int
    total: int
    rows: int | None
    bad_rows: int | None
    counts: dict[str, int]
    unknown_columns: list[str]
    has_errors: bool
    resumed: bool
    error: ImportFailure | None
    file_name: str
    file_size: int
    settings: ImportSettings
    created_at: datetime
    created_by: str
    started_at: datetime | None
    finished_at: datetime | None
    files_deleted_at: datetime | None


class ImportPage(msgspec.Struct, frozen=True):
    """Newest first."""

    items: list[ImportOut]
    next_cursor: str | None


def import_out(task: Task) -> ImportOut:
    told = task.progress
    # Imports of older releases were asked for without.
    settings = {"statuses": {}} | task.options | ({"source": told.source} if told.source else {})
    return ImportOut(
        import_id=str(task.import_id),
        kind=task.kind,
        dry_run=task.dry_run,
        state=task.state,
        cancelling=task.cancel,
        phase=told.phase,
        done=told.done,
        total=told.total,
        rows=told.rows,
        bad_rows=told.bad_rows,
        counts=told.counts,
        unknown_columns=list(told.unknown_columns),
        has_errors=told.has_errors,
        resumed=told.resumed,
        error=task.error,
        file_name=task.file_name,
        file_size=task.file_size,
        settings=msgspec.convert(settings, ImportSettings),
        created_at=task.created_at,
        created_by=task.created_by,
        started_at=task.started_at,
        finished_at=task.finished_at,
        files_deleted_at=task.files_deleted_at,
    )


IMPORT_EXAMPLE = Example(
    summary="核对完 / a finished dry run",
    value={
        "import_id": "0199d0c4-7a51-7c3e-9f5e-3d2a5c1b7e10",
        "kind": "orders",
        "dry_run": True,
        "state": "done",
        "cancelling": False,
        "phase": "check",
        "done": 155848,
        "total": 155848,
        "rows": 155848,
        "bad_rows": 2,
        "counts": {"created": 155846, "unchanged": 0, "conflict": 0, "refused": 0},
        "unknown_columns": ["备注"],
        "has_errors": True,
        "resumed": False,
        "error": None,
        "file_name": "订单2026.csv",
        "file_size": 18273645,
        "settings": {
            "earn": False,
            "create_stores": False,
            "unknown_member": "error",
            "source": "import",
            "source_timezone": None,
            "sheet": None,
            "store": None,
            "date_order": "",
            "mapping": {},
            "statuses": {},
            "with_import": None,
        },
        "created_at": "2026-03-01T02:00:00Z",
        "created_by": "key:1",
        "started_at": "2026-03-01T02:00:01Z",
        "finished_at": "2026-03-01T02:00:31Z",
        "files_deleted_at": None,
    },
)
