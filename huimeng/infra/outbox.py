"""What happened, written in the transaction in which it happened; readers follow the gap-free sequence of a cell."""

from __future__ import annotations

from typing import Any

import msgspec

from huimeng.infra.database import Connection


async def append(conn: Connection, cell_id: int, kind: str, ref_id: int, payload: dict[str, Any]) -> None:
    """For plain service functions; the head must be locked. Commands use `rows.emit`."""
    await conn.execute(
        "with head as (update cell_head set outbox_seq = outbox_seq + 1 where cell_id = %s returning outbox_seq) "
        "insert into outbox (cell_id, seq, kind, ref_id, at, payload) "
        "select %s, outbox_seq, %s, %s, now(), %s::jsonb from head",
        (cell_id, cell_id, kind, ref_id, msgspec.json.encode(payload).decode()),
    )
