"""The head row of a cell: the one lock that all writers of the cell share, and its gap-free sequences."""

from __future__ import annotations

from datetime import date

import msgspec

from huimeng.infra.database import Connection
from huimeng.kernel.errors import NotFound
from huimeng.kernel.ids import entity_id


class Head(msgspec.Struct):
    """Last numbers given out; config_version changes with every configuration write."""

    cell_id: int
    transfer_seq: int
    outbox_seq: int
    entity_seq: int
    config_version: int
    open_day: date | None
    audit_seq: int = 0


LOCK_HEADS = (
    "select cell_id, transfer_seq, outbox_seq, entity_seq, config_version, open_day, audit_seq from cell_head "
    "where cell_id = any(%s) order by cell_id for update"
)


async def create_head(conn: Connection, cell_id: int) -> None:
    await conn.execute("insert into cell_head (cell_id) values (%s)", (cell_id,))


async def lock_head(conn: Connection, cell_id: int) -> Head:
    """Every writer takes this first, in cell order; NotFound when the cell doesn't exist."""
    cursor = await conn.execute(LOCK_HEADS, ([cell_id],))
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("merchant")
    return Head(*row)


async def take_entity_ids(conn: Connection, cell_id: int, count: int = 1) -> list[int]:
    """The next ids of the cell; the head must be locked."""
    cursor = await conn.execute(
        "update cell_head set entity_seq = entity_seq + %s where cell_id = %s returning entity_seq", (count, cell_id)
    )
    row = await cursor.fetchone()
    assert row is not None
    last: int = row[0]
    return [entity_id(seq, cell_id) for seq in range(last - count + 1, last + 1)]


async def bump_config(conn: Connection, cell_id: int) -> None:
    """Tells every Teller that its snapshot of this merchant's configuration is stale."""
    await conn.execute("update cell_head set config_version = config_version + 1 where cell_id = %s", (cell_id,))
