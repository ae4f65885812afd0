"""A step of the projection, and making the figures anew from the orders."""

from __future__ import annotations

from huimeng.analytics.store import goods
from huimeng.infra.database import Connection

# A cursor that stands here says that the figures are to be made anew.
ANEW = -1

# Events of a step, summed: one row for each business day (or month), store and member they touch.
_BILL = """
    select cell_id, {day} as {name},
           (payload ->> 'store_id')::bigint as store_id,
           coalesce((payload ->> 'member_id')::bigint, 0) as member_id,
           sum((payload ->> 'orders')::int)::int as orders,
           sum((payload ->> 'net_fen')::bigint)::bigint as net_fen{more}
    from outbox
    where cell_id = %(cell)s and seq > %(after)s and seq <= %(upto)s
      and kind in ('order.completed', 'order.refunded', 'order.voided')
    group by 1, 2, 3, 4"""

_DAY = "(payload ->> 'business_day')::date"
_CAME = "filter (where (payload ->> 'orders')::int > 0)"
_DAYS = _BILL.format(day=_DAY, name="business_day", more="")
_MONTHS = _BILL.format(
    day=f"date_trunc('month', {_DAY}::timestamp)::date",
    name="month",
    more=f", min({_DAY}) {_CAME} as first_day, max({_DAY}) {_CAME} as last_day",
)

# Members of whom an order went in this step, and where: their first and last days may have moved.
_SHRUNK = f"""
    select distinct coalesce((payload ->> 'member_id')::bigint, 0) as member_id,
           (payload ->> 'store_id')::bigint as store_id,
           date_trunc('month', {_DAY}::timestamp)::date as month
    from outbox
    where cell_id = %(cell)s and seq > %(after)s and seq <= %(upto)s
      and kind in ('order.refunded', 'order.voided')
      and (payload ->> 'orders')::int < 0"""

# Sorted, so that rows of a day stand together and indexes grow at their end.
_ADD_DAYS = f"""
    insert into member_day (cell_id, business_day, store_id, member_id, orders, net_fen)
    select * from ({_DAYS}) bill where orders <> 0 or net_fen <> 0 order by 1, 2, 3, 4
    on conflict (cell_id, business_day, store_id, member_id) do update
    set orders = member_day.orders + excluded.orders, net_fen = member_day.net_fen + excluded.net_fen"""

_ADD_MONTHS = f"""
    insert into member_month (cell_id, month, store_id, member_id, orders, net_fen, first_day, last_day)
    select * from ({_MONTHS}) bill where orders <> 0 or net_fen <> 0 or first_day is not null order by 1, 2, 3, 4
    on conflict (cell_id, month, store_id, member_id) do update
    set orders = member_month.orders + excluded.orders, net_fen = member_month.net_fen + excluded.net_fen,
        first_day = least(member_month.first_day, excluded.first_day),
        last_day = greatest(member_month.last_day, excluded.last_day)"""


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
    from (select distinct member_id from ({_SHRUNK}) gone where member_id <> 0) shrunk cross join lateral (
        select d.business_day from member_day d
        where d.cell_id = %(cell)s and d.member_id = shrunk.member_id and d.orders > 0
        order by d.business_day limit 1) first
    where f.cell_id = %(cell)s and f.member_id = shrunk.member_id and f.first_day <> first.business_day"""

_MOVE_MONTHS = f"""
    update member_month m
    set first_day = days.first_day, last_day = days.last_day
    from ({_SHRUNK}) shrunk cross join lateral (
        select min(d.business_day) as first_day, max(d.business_day) as last_day from member_day d
        where d.cell_id = %(cell)s and d.member_id = shrunk.member_id and d.store_id = shrunk.store_id
          and d.business_day >= shrunk.month and d.business_day < shrunk.month + interval '1 month'
          and d.orders > 0) days
    where m.cell_id = %(cell)s and m.month = shrunk.month and m.store_id = shrunk.store_id
      and m.member_id = shrunk.member_id"""

_CLEAR_FIRSTS = f"""
    delete from member_first f using (select distinct member_id from ({_SHRUNK}) gone) shrunk
    where f.cell_id = %(cell)s and f.member_id = shrunk.member_id and f.orders = 0"""

_STEP = (_ADD_DAYS, _ADD_MONTHS, _ADD_FIRSTS, goods.ADD)
_CORRECTION = (
    _clear("member_day", "business_day", _DAYS),
    _clear("member_month", "month", _MONTHS),
    _MOVE_MONTHS,
    _MOVE_FIRSTS,
    _CLEAR_FIRSTS,
    *goods.CLEAR,
)


async def lock_cursor(conn: Connection, cell_id: int) -> int:
    """The seq that the figures hold, or ANEW; locked until the transaction ends: steps go one after the other."""
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


async def can_be_added(conn: Connection, cell_id: int, after: int, upto: int) -> bool:
    """False when a refund in (after, upto] does not say of which goods: earlier releases wrote such events."""
    cursor = await conn.execute(
        "select not exists (select from outbox where cell_id = %s and seq > %s and seq <= %s "
        "and kind in ('order.refunded', 'order.voided') and not payload ? 'goods')",
        (cell_id, after, upto),
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


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


_FROM_ORDERS = """
    insert into member_day (cell_id, business_day, store_id, member_id, orders, net_fen)
    select * from (
        select cell_id, business_day, store_id, coalesce(member_id, 0),
               count(*) filter (where status in (1, 2))::int as orders,
               sum(paid_fen - refunded_fen)::bigint as net_fen
        from orders where cell_id = %(cell)s group by 1, 2, 3, 4) bill
    where orders <> 0 or net_fen <> 0 order by 1, 2, 3, 4"""

_FROM_DAYS = """
    insert into member_month (cell_id, month, store_id, member_id, orders, net_fen, first_day, last_day)
    select * from (
        select cell_id, date_trunc('month', business_day::timestamp)::date, store_id, member_id,
               sum(orders)::int as orders, sum(net_fen)::bigint as net_fen,
               min(business_day) filter (where orders > 0), max(business_day) filter (where orders > 0)
        from member_day where cell_id = %(cell)s group by 1, 2, 3, 4) bill
    where orders <> 0 or net_fen <> 0 order by 1, 2, 3, 4"""

_FIRSTS_FROM_DAYS = """
    insert into member_first (cell_id, member_id, first_day, orders)
    select cell_id, member_id, min(business_day), sum(orders)::int from member_day
    where cell_id = %(cell)s and member_id <> 0 and orders > 0 group by 1, 2 order by 1, 2"""


async def replace_from_orders(conn: Connection, cell_id: int) -> int:
    """Makes the figures anew and answers the rows made; of statuses 3 and 4 (refunded, void) nothing is
    kept, and 5 (a return) is no order."""
    for table in ("member_day", "member_month", "member_first", *goods.TABLES):
        await conn.execute(f"delete from {table} where cell_id = %s", (cell_id,))
    made = 0
    for statement in (_FROM_ORDERS, _FROM_DAYS, _FIRSTS_FROM_DAYS, *goods.FROM_ORDERS):
        made += (await conn.execute(statement, {"cell": cell_id})).rowcount
    return made
