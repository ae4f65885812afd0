"""How far the figures are, and which days hold orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from huimeng.analytics.store.rows import Cut, rows
from huimeng.infra.database import Connection


class Standing(msgspec.Struct, frozen=True):
    """Events that the figures lack and when the oldest of them happened; when the last one they hold happened."""

    lag_events: int
    oldest: datetime | None
    at: datetime | None


async def standing(conn: Connection, cell_id: int) -> Standing:
    cursor = await conn.execute(
        "select greatest(h.outbox_seq - greatest(f.seq, 0), 0), greatest(f.seq, 0), f.at from cell_head h "
        "left join figure_cursor f on f.cell_id = h.cell_id where h.cell_id = %s",
        (cell_id,),
    )
    lag, seq, at = await cursor.fetchone() or (0, 0, None)
    if not lag:
        return Standing(0, None, at)
    # Asked for by its number: in a join the whole outbox would be read.
    cursor = await conn.execute("select at from outbox where cell_id = %s and seq = %s", (cell_id, seq + 1))
    oldest = await cursor.fetchone()
    return Standing(lag, None if oldest is None else oldest[0], at)


async def behind(conn: Connection, cell_ids: Sequence[int]) -> list[int]:
    """Those of these cells whose outbox is ahead of the figures."""
    cursor = await conn.execute(
        "select h.cell_id from cell_head h left join figure_cursor f on f.cell_id = h.cell_id "
        "left join points_cursor p on p.cell_id = h.cell_id where h.cell_id = any(%s) "
        "and (h.outbox_seq > coalesce(f.seq, 0) or h.transfer_seq > coalesce(p.seq, 0)) order by h.cell_id",
        (list(cell_ids),),
    )
    return [row[0] for row in await cursor.fetchall()]


async def backlog(conn: Connection, cell_ids: Sequence[int]) -> tuple[int, datetime | None]:
    """Events of these cells that the figures lack, and when the oldest of them happened."""
    cursor = await conn.execute(
        "select coalesce(sum(h.outbox_seq - greatest(f.seq, 0)), 0)::bigint, min(o.at) from cell_head h "
        "left join figure_cursor f on f.cell_id = h.cell_id "
        "left join outbox o on o.cell_id = h.cell_id and o.seq = greatest(f.seq, 0) + 1 "
        "where h.cell_id = any(%s) and h.outbox_seq > greatest(f.seq, 0)",
        (list(cell_ids),),
    )
    row = await cursor.fetchone()
    return (0, None) if row is None else (row[0], row[1])


async def last_day(conn: Connection, cell_id: int, cut: Cut, upto: date | None = None) -> date | None:
    """The newest business day with an order, not after `upto`."""
    source = rows(cell_id, cut, None, by_day=True)
    before = "" if upto is None else " and day <= %(upto)s"
    cursor = await conn.execute(
        f"select day from ({source.sql}) rows where orders > 0{before} order by day desc limit 1",
        {**source.params, "upto": upto},
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def orders_by_month(conn: Connection, cell_id: int) -> dict[date, int]:
    """Orders of each month that has some, by its first day, over all stores, oldest first."""
    cursor = await conn.execute(
        "select month, sum(orders)::bigint from member_month where cell_id = %s "
        "group by 1 having sum(orders) > 0 order by 1",
        (cell_id,),
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}
