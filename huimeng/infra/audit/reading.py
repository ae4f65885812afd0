"""All reading of the log, and the rows of its seals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any

import msgspec

from huimeng.infra.audit.entries import Entry
from huimeng.infra.database import Connection

# A moment that Python has no value for was put there by somebody else: it is read as another, and the MAC tells.
_AT = "greatest(least(at, '9999-12-30'), '0001-01-02')"
_COLUMNS = (
    f"cell_id, seq, {_AT}, actor, actor_name, ip, agent, request_id, action, object_kind, object_id, before, after"
)
_CHUNK = 2000
NEWEST = 2**63 - 1


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What is not given matches everything; since is in, until is out."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    action: str | None = None
    object_kind: str | None = None
    object_id: str | None = None


class DayRow(msgspec.Struct, frozen=True):
    """The seal of a booking day (UTC) and the entries that it stands for."""

    day: date
    first_seq: int
    last_seq: int
    seal: bytes


async def entries(conn: Connection, cell_id: int, wanted: Filter, before: int, limit: int) -> list[Entry]:
    """Newest first, those with a number below `before`."""
    conditions = ["cell_id = %s", "seq < %s"]
    params: list[Any] = [cell_id, before]
    for name, value in msgspec.structs.asdict(wanted).items():
        if value is not None:
            conditions.append(_CONDITIONS[name])
            params.append(value)
    cursor = await conn.execute(
        f"select {_COLUMNS} from audit_entry where {' and '.join(conditions)} order by seq desc limit %s",
        (*params, limit),
    )
    return [Entry(*row) for row in await cursor.fetchall()]


_CONDITIONS = {
    "since": "at >= %s",
    "until": "at < %s",
    "actor": "actor = %s",
    "action": "action = %s",
    "object_kind": "object_kind = %s",
    "object_id": "object_id = %s",
}


async def all_entries(conn: Connection, cell_id: int) -> AsyncIterator[tuple[Entry, bytes]]:
    """In the order of their numbers, each with the MAC that is stored with it."""
    after = -NEWEST
    while True:
        cursor = await conn.execute(
            f"select {_COLUMNS}, mac from audit_entry where cell_id = %s and seq > %s order by seq limit {_CHUNK}",
            (cell_id, after),
        )
        found = await cursor.fetchall()
        for row in found:
            yield Entry(*row[:-1]), bytes(row[-1])
        if len(found) < _CHUNK:
            return
        after = found[-1][1]


async def macs(conn: Connection, cell_id: int, first_seq: int, last_seq: int) -> AsyncIterator[bytes]:
    while first_seq <= last_seq:
        cursor = await conn.execute(
            "select seq, mac from audit_entry where cell_id = %s and seq between %s and %s "
            f"order by seq limit {_CHUNK}",
            (cell_id, first_seq, last_seq),
        )
        found = await cursor.fetchall()
        for row in found:
            yield bytes(row[1])
        if not found:
            return
        first_seq = found[-1][0] + 1


async def last_number(conn: Connection, cell_id: int) -> int:
    """What the head says."""
    cursor = await conn.execute("select audit_seq from cell_head where cell_id = %s", (cell_id,))
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def days(conn: Connection, cell_id: int, *, newest: bool = False) -> list[DayRow]:
    """All of them in their order, or only the newest."""
    order = "order by day desc limit 1" if newest else "order by day"
    cursor = await conn.execute(
        f"select day, first_seq, last_seq, seal from audit_day where cell_id = %s {order}", (cell_id,)
    )
    return [DayRow(row[0], row[1], row[2], bytes(row[3])) for row in await cursor.fetchall()]


async def day_row(conn: Connection, cell_id: int, day: date) -> DayRow | None:
    cursor = await conn.execute(
        "select day, first_seq, last_seq, seal from audit_day where cell_id = %s and day = %s", (cell_id, day)
    )
    row = await cursor.fetchone()
    return None if row is None else DayRow(row[0], row[1], row[2], bytes(row[3]))


async def oldest_unsealed(conn: Connection, cell_id: int, after_seq: int, before: datetime) -> datetime | None:
    cursor = await conn.execute(
        f"select min({_AT}) from audit_entry where cell_id = %s and seq > %s and at < %s", (cell_id, after_seq, before)
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def last_until(conn: Connection, cell_id: int, after_seq: int, before: datetime) -> int:
    """The last number that an entry of before this moment has."""
    cursor = await conn.execute(
        "select max(seq) from audit_entry where cell_id = %s and seq > %s and at < %s", (cell_id, after_seq, before)
    )
    row = await cursor.fetchone()
    assert row is not None
    number: int = row[0]
    return number


async def keep_day(conn: Connection, cell_id: int, row: DayRow) -> None:
    """Nothing happens when somebody else has sealed this day meanwhile."""
    await conn.execute(
        "insert into audit_day (cell_id, day, first_seq, last_seq, seal, sealed_at) values (%s, %s, %s, %s, %s, now()) "
        "on conflict do nothing",
        (cell_id, row.day, row.first_seq, row.last_seq, row.seal),
    )
