"""A step of the projection, and making the figures anew from the orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from huimeng.infra.database import Connection

# Events of a step, summed: one row for each business day (or month), store and member they touch.
_BILL = """
    select cell_id, {day} as {name},
           (payload ->> 'store_id')::bigint as store_id,
           coalesce((payload ->> 'member_id')::bigint, 0) as member_id,
           sum((payload ->> 'orders')::int)::int as orders,
           sum((payload ->> 'net_fen')::bigint)::bigint as net_fen
    from outbox
    where cell_id = %(cell)s and seq > %(after)s and seq <= %(upto)s
      and kind in ('order.completed', 'order.refunded', 'order.voided')
    group by 1, 2, 3, 4"""

_DAY = "(payload ->> 'business_day')::date"
_DAYS = _BILL.format(day=_DAY, name="business_day")
_MONTHS = _BILL.format(day=f"date_trunc('month', {_DAY}::timestamp)::date", name="month")

# Members of whom an order went in this step: their first day may have moved forward.
_SHRUNK = """
    select distinct (payload ->> 'member_id')::bigint as member_id
    from outbox
    where cell_id = %(cell)s and seq > %(after)s and seq <= %(upto)s
      and kind in ('order.refunded', 'order.voided')
      and (payload ->> 'orders')::int < 0 and payload ->> 'member_id' is not null"""


def _add(table: str, name: str, bill: str) -> str:
    """Sorted, so that rows of a day stand together and indexes grow at their end."""
    return f"""
    insert into {table} (cell_id, {name}, store_id, member_id, orders, net_fen)
    select * from ({bill}) bill where orders <> 0 or net_fen <> 0 order by 1, 2, 3, 4
    on conflict (cell_id, {name}, store_id, member_id) do update
    set orders = {table}.orders + excluded.orders, net_fen = {table}.net_fen + excluded.net_fen"""


def _clear(table: str, name: str, bill: str) -> str:
    return f"""
    delete from {table} d using ({bill}) bill
    where d.cell_id = %(cell)s and d.{name} = bill.{name} and d.store_id = bill.store_id
      and d.member_id = bill.member_id and d.orders = 0 and d.net_fen = 0"""


_ADD_FIRSTS = f"""
    insert into member_first (cell_id, member_id, first_day, orders)
    select cell_id, member_id, coalesce(min(business_day) filter (where orders > 0), 'infinity'),
           sum(orders)::int
    from ({_DAYS}) bill where member_id <> 0 and orders <> 0 group by 1, 2 order by 1, 2
    on conflict (cell_id, member_id) do update
    set first_day = least(member_first.first_day, excluded.first_day),
        orders = member_first.orders + excluded.orders"""

_MOVE_FIRSTS = f"""
    update member_first f
    set first_day = first.business_day
    from ({_SHRUNK}) shrunk cross join lateral (
        select d.business_day from member_day d
        where d.cell_id = %(cell)s and d.member_id = shrunk.member_id and d.orders > 0
        order by d.business_day limit 1) first
    where f.cell_id = %(cell)s and f.member_id = shrunk.member_id and f.first_day <> first.business_day"""

_CLEAR_FIRSTS = f"""
    delete from member_first f using ({_SHRUNK}) shrunk
    where f.cell_id = %(cell)s and f.member_id = shrunk.member_id and f.orders = 0"""

_BY_DAY = ("member_day", "business_day", _DAYS)
_BY_MONTH = ("member_month", "month", _MONTHS)
_STEP = (_add(*_BY_DAY), _add(*_BY_MONTH), _ADD_FIRSTS)
_CORRECTION = (_clear(*_BY_DAY), _clear(*_BY_MONTH), _MOVE_FIRSTS, _CLEAR_FIRSTS)


async def lock_cursor(conn: Connection, cell_id: int) -> int:
    """The seq that the figures hold; locked until the transaction ends: steps go one after the other."""
    sql = "select seq from figure_cursor where cell_id = %s for update"
    row = await (await conn.execute(sql, (cell_id,))).fetchone()
    if row is None:
        first = "insert into figure_cursor (cell_id, seq) values (%s, 0) on conflict do nothing"
        await conn.execute(first, (cell_id,))
        row = await (await conn.execute(sql, (cell_id,))).fetchone()
    assert row is not None
    seq: int = row[0]
    return seq


async def last_event(conn: Connection, cell_id: int) -> int:
    """Events up to this one can all be read: their numbers are given out under the lock of the head."""
    cursor = await conn.execute("select outbox_seq from cell_head where cell_id = %s", (cell_id,))
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def apply_events(conn: Connection, cell_id: int, after: int, upto: int) -> None:
    """Adds the events in (after, upto] to the figures; the cursor is locked and stands at `after`."""
    span = {"cell": cell_id, "after": after, "upto": upto}
    for statement in _STEP:
        await conn.execute(statement, span)
    shrinking = await conn.execute(
        "select exists (select from outbox where cell_id = %(cell)s and seq > %(after)s and seq <= %(upto)s "
        "and kind in ('order.refunded', 'order.voided'))",
        span,
    )
    if (await shrinking.fetchone() or (False,))[0]:
        for statement in _CORRECTION:
            await conn.execute(statement, span)
    await move_cursor(conn, cell_id, upto)


async def move_cursor(conn: Connection, cell_id: int, upto: int) -> None:
    await conn.execute(
        "update figure_cursor set seq = %(upto)s, "
        "at = (select o.at from outbox o where o.cell_id = %(cell)s and o.seq = %(upto)s) "
        "where cell_id = %(cell)s",
        {"cell": cell_id, "upto": upto},
    )


async def replace_from_orders(conn: Connection, cell_id: int) -> int:
    """Makes the figures anew and answers the rows made; of statuses 3 and 4 (refunded, void) nothing is kept."""
    for table in ("member_day", "member_month", "member_first"):
        await conn.execute(f"delete from {table} where cell_id = %s", (cell_id,))
    made = 0
    for table, name, day in (
        ("member_day", "business_day", "business_day"),
        ("member_month", "month", "date_trunc('month', business_day::timestamp)::date"),
    ):
        cursor = await conn.execute(
            f"insert into {table} (cell_id, {name}, store_id, member_id, orders, net_fen) "
            f"select * from (select cell_id, {day}, store_id, coalesce(member_id, 0), "
            "count(*) filter (where status in (1, 2))::int as orders, "
            "sum(paid_fen - refunded_fen)::bigint as net_fen from orders where cell_id = %s group by 1, 2, 3, 4) bill "
            "where orders <> 0 or net_fen <> 0 order by 1, 2, 3, 4",
            (cell_id,),
        )
        made += cursor.rowcount
    await conn.execute(
        "insert into member_first (cell_id, member_id, first_day, orders) "
        "select cell_id, member_id, min(business_day), sum(orders)::int from member_day "
        "where cell_id = %s and member_id <> 0 and orders > 0 group by 1, 2 order by 1, 2",
        (cell_id,),
    )
    return made


async def behind(conn: Connection, cell_ids: Sequence[int]) -> list[int]:
    """Those of these cells whose outbox is ahead of the figures."""
    cursor = await conn.execute(
        "select h.cell_id from cell_head h left join figure_cursor f on f.cell_id = h.cell_id "
        "where h.cell_id = any(%s) and h.outbox_seq > coalesce(f.seq, 0) order by h.cell_id",
        (list(cell_ids),),
    )
    return [row[0] for row in await cursor.fetchall()]


async def backlog(conn: Connection, cell_ids: Sequence[int]) -> tuple[int, datetime | None]:
    """Events of these cells that the figures lack, and when the oldest of them happened."""
    cursor = await conn.execute(
        "select coalesce(sum(h.outbox_seq - coalesce(f.seq, 0)), 0)::bigint, min(o.at) from cell_head h "
        "left join figure_cursor f on f.cell_id = h.cell_id "
        "left join outbox o on o.cell_id = h.cell_id and o.seq = coalesce(f.seq, 0) + 1 "
        "where h.cell_id = any(%s) and h.outbox_seq > coalesce(f.seq, 0)",
        (list(cell_ids),),
    )
    row = await cursor.fetchone()
    return (0, None) if row is None else (row[0], row[1])
