"""Routes of the audit log."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from litestar.response import Stream

from huimeng.infra.audit import reading
from huimeng.infra.audit.entries import Entry
from huimeng.infra.audit.reading import NEWEST, Filter
from huimeng.infra.audit.recording import record
from huimeng.infra.database import Database
from huimeng.infra.http import Req, caller, cursor_id, database
from huimeng.kernel.cells import defused
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.times import utc_now

_CHUNK = 1000
_BOM = "\ufeff"

Limit = Annotated[int, QueryParameter(ge=1, le=200, description="每页条数 / items in a page")]
Cursor = Annotated[str | None, QueryParameter(max_length=19, description="上一页的 next_cursor / of the page before")]
From = Annotated[
    datetime | None, QueryParameter(name="from", description="自此时刻起，带时区 / not before, with an offset")
]
To = Annotated[datetime | None, QueryParameter(name="to", description="到此时刻止（不含） / before this moment")]
Actor = Annotated[str | None, QueryParameter(max_length=200, description="谁，如 staff:7、key:3、cli / who")]
ActionCode = Annotated[
    str | None, QueryParameter(name="action", max_length=40, description="做了什么，如 rule.changed / what")
]
ObjectName = Annotated[
    str | None,
    QueryParameter(name="object", max_length=240, description="对象，如 member:2048；只写 member 为该类全部 / to what"),
]


class AuditEntry(msgspec.Struct, frozen=True):
    """before and after: what changed; personal data is masked."""

    seq: str
    at: datetime
    actor: str
    actor_name: str
    ip: str
    agent: str
    request_id: str
    action: str
    object_kind: str
    object_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(msgspec.Struct, frozen=True):
    items: list[AuditEntry]
    next_cursor: str | None


@get(
    "/v1/audit",
    tags=["audit"],
    summary="审计日志 / the audit log",
    description="谁在何时何地做了什么，最新的在前。Who did what, when and from where; newest first. "
    "docs/audit.md lists the actions. Scope: audit:read. Errors: invalid_input.",
)
async def read_audit(
    request: Req,
    since: From = None,
    until: To = None,
    actor: Actor = None,
    action: ActionCode = None,
    object_name: ObjectName = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AuditPage:
    principal = caller(request, "audit:read")
    wanted = _filter(since, until, actor, action, object_name)
    before = cursor_id(cursor) or NEWEST
    async with database(request).reader(principal.merchant_id) as conn:
        found = await reading.entries(conn, principal.cell_id, wanted, before, limit + 1)
    items = [_shown(entry) for entry in found[:limit]]
    return AuditPage(items, items[-1].seq if len(found) > limit else None)


@get(
    "/v1/audit/export",
    tags=["audit"],
    summary="导出审计日志 / export the audit log",
    description="CSV（UTF-8 带 BOM），最新的在前；导出本身也记入日志。"
    "CSV in UTF-8 with a byte order mark, newest first; "
    "cells that a spreadsheet would take for a formula begin with an apostrophe. The export is in the log itself. "
    "Scope: audit:read. Errors: invalid_input.",
    responses={200: ResponseSpec(str, description="CSV", media_type="text/csv", generate_examples=False)},
)
async def export_audit(
    request: Req,
    since: From = None,
    until: To = None,
    actor: Actor = None,
    action: ActionCode = None,
    object_name: ObjectName = None,
) -> Stream:
    principal = caller(request, "audit:read")
    wanted = _filter(since, until, actor, action, object_name)
    db, cell_id = database(request), principal.cell_id
    asked = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
    async with db.tenant(principal.merchant_id) as conn:
        own = await record(conn, cell_id, "export.audit", ("merchant", principal.merchant_id), after=asked)
    name = f"audit-{utc_now():%Y%m%d-%H%M%S}.csv"
    return Stream(
        _csv(db, principal.merchant_id, cell_id, wanted, own),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


async def _csv(db: Database, merchant_id: int, cell_id: int, wanted: Filter, before: int) -> AsyncIterator[str]:
    """A transaction a chunk: a slow reader holds no connection, and what is append-only doesn't change meanwhile."""
    yield _BOM + _line(AuditEntry.__struct_fields__)
    while True:
        async with db.reader(merchant_id) as conn:
            found = await reading.entries(conn, cell_id, wanted, before, _CHUNK)
        if found:
            yield "".join(_line([_cell(value) for value in msgspec.structs.astuple(_shown(e))]) for e in found)
        if len(found) < _CHUNK:
            return
        before = found[-1].seq


def _line(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return defused(msgspec.json.encode(value).decode())
    return defused(value.isoformat() if isinstance(value, datetime) else value)


def _shown(entry: Entry) -> AuditEntry:
    fields = {name: getattr(entry, name) for name in AuditEntry.__struct_fields__}
    return AuditEntry(**{**fields, "seq": str(entry.seq)})


def _filter(
    since: datetime | None, until: datetime | None, actor: str | None, action: str | None, object_name: str | None
) -> Filter:
    for field, at in (("from", since), ("to", until)):
        if at is not None and at.tzinfo is None:
            raise InvalidInput(field, "needs an offset such as +08:00", "须带时区，如 +08:00")
    for field, text in (("actor", actor), ("action", action), ("object", object_name)):
        if text is not None and not text.isprintable():
            raise InvalidInput(field, "control characters are not allowed", "含有不允许的控制字符")
    kind, _, number = (object_name or "").partition(":")
    return Filter(
        since=since,
        until=until,
        actor=actor,
        action=action,
        object_kind=kind or None,
        object_id=number or None,
    )


routes: list[Any] = [read_audit, export_audit]
