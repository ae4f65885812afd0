"""Orders, sales and members: of a period, bucket by bucket, by place, by category and by product."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from huimeng.analytics.rules import Grain, Period, TopOf
from huimeng.analytics.store.rows import Cut, rows, start_of
from huimeng.infra.database import Connection


class Sums(msgspec.Struct, frozen=True):
    """net of members and of returning members; repeat: two orders or more, on two days or more."""

    orders: int = 0
    net_fen: int = 0
    active: int = 0
    new: int = 0
    member_orders: int = 0
    member_net_fen: int = 0
    returning_net_fen: int = 0
    repeat: int = 0
    repeat_days: int = 0


# g has one row for each group and member; a member is new where the first order ever lies.
_COUNTS = """
    select g.part, sum(g.orders)::bigint, sum(g.net_fen)::bigint,
           count(*) filter (where g.active), count(*) filter (where g.active and {new}),
           coalesce(sum(g.orders) filter (where g.member_id <> 0), 0)::bigint,
           coalesce(sum(g.net_fen) filter (where g.member_id <> 0), 0)::bigint,
           coalesce(sum(g.net_fen) filter (where g.active and not {new}), 0)::bigint,
           count(*) filter (where g.active and g.orders >= 2),
           count(*) filter (where g.active and g.last_day > g.first_day)
    from (
        select {part} as part, member_id, sum(orders) as orders, sum(net_fen) as net_fen,
               member_id <> 0 and sum(orders) > 0 as active, min(first_day) as first_day, max(last_day) as last_day
        from ({rows}) rows {places} group by 1, 2) g
    left join member_first f on f.cell_id = %(cell)s and f.member_id = g.member_id
    group by 1"""


async def sums(
    conn: Connection, cell_id: int, period: Period, cut: Cut, grain: Grain | None = None
) -> dict[date, Sums]:
    """By the first day of the bucket, those that have something; without a grain the period is one bucket."""
    source = rows(cell_id, cut, period)
    sql = _COUNTS.format(
        part=start_of(grain),
        new="f.first_day >= greatest(g.part, %(first)s::date)",
        rows=source.sql,
        places="",
    )
    cursor = await conn.execute(sql, {**source.params, "first": period.first})
    return {row[0]: Sums(*row[1:]) for row in await cursor.fetchall()}


async def by_place(
    conn: Connection, cell_id: int, period: Period, cut: Cut, places: Mapping[int, str]
) -> dict[str, Sums]:
    """By store or region: places says which one each store belongs to."""
    source = rows(cell_id, cut, period)
    sql = _COUNTS.format(
        part="place.key",
        new="f.first_day >= %(first)s::date",
        rows=source.sql,
        places="join unnest(%(ids)s::bigint[], %(keys)s::text[]) as place(store, key) on place.store = rows.store_id",
    )
    given = {"first": period.first, "ids": list(places), "keys": list(places.values())}
    cursor = await conn.execute(sql, {**source.params, **given})
    return {row[0]: Sums(*row[1:]) for row in await cursor.fetchall()}


class Sold(msgspec.Struct, frozen=True):
    """Of a category or a product (whose category is that with most sales); orders are those with some of it."""

    key: str
    category: str
    orders: int
    net_fen: int
    active: int


_SOLD = """
    select {key} as key, max(l.category) as category,
           count(distinct o.order_id) filter (where {kept}) as orders,
           sum(l.paid_fen - l.refunded_fen)::bigint as net_fen,
           count(distinct o.member_id) filter (where {kept}) as active
    from orders o join order_line l on l.cell_id = o.cell_id and l.order_id = o.order_id
    where o.cell_id = %(cell)s and o.business_day >= %(first)s and o.business_day <= %(last)s
      and (%(stores)s::bigint[] is null or o.store_id = any(%(stores)s::bigint[]))
      and (%(category)s::text is null or l.category = %(category)s)
    group by 1 order by 4 desc, 1 limit %(limit)s"""
_KEPT = "o.status in (1, 2) and (l.refunded_fen <> l.paid_fen or l.refunded_quantity <> l.quantity)"
_KEYS = {"category": "l.category", "product": "coalesce(nullif(l.product, ''), l.sku)"}


async def sold(
    conn: Connection, cell_id: int, period: Period, cut: Cut, of: TopOf, limit: int | None = None
) -> list[Sold]:
    """Biggest net sales first."""
    cursor = await conn.execute(
        _SOLD.format(key=_KEYS[of], kept=_KEPT),
        {
            "cell": cell_id,
            "first": period.first,
            "last": period.last,
            "stores": None if cut.stores is None else sorted(cut.stores),
            "category": cut.category,
            "limit": limit,
        },
    )
    return [Sold(*row) for row in await cursor.fetchall()]
