"""Orders, sales and members: of a period, bucket by bucket, by place, by category and by product."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from huimeng.analytics.rules import Grain, Period, TopOf, split
from huimeng.analytics.store.goods import KEPT
from huimeng.analytics.store.rows import Cut, rows, start_of
from huimeng.infra.database import Connection
from huimeng.order.store import PRODUCT


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
    source = rows(cell_id, cut, period, by_day=grain in ("day", "week"))
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
    """Of a category (product ''), or of a product of it; orders are those with some of it."""

    category: str
    product: str
    orders: int
    net_fen: int


_ROWS = {"category": 1, "product": 2}
_FROM_MONTHS = """
    select category, product, orders, net_fen from sold_month where cell_id = %(cell)s and what = %(what)s
      and store_id = any(%(places)s) and month >= %(months_from)s and month < %(months_to)s{category}"""
_FROM_DAYS = """
    select category, product, orders, net_fen from sold_day where cell_id = %(cell)s and what = %(what)s
      and business_day >= %(begin{n})s and business_day <= %(end{n})s{category}"""
# What stores sold on single days: there are few of them, at both ends of a period.
_FROM_ORDERS = f"""
    select l.category, {{product}} as product, bool_or({KEPT})::int as orders,
           sum(l.paid_fen - l.refunded_fen)::bigint as net_fen
    from orders o join order_line l on l.cell_id = o.cell_id and l.order_id = o.order_id
    where o.cell_id = %(cell)s and o.store_id = any(%(places)s)
      and o.business_day >= %(begin{{n}})s and o.business_day <= %(end{{n}})s{{category}} group by o.order_id, 1, 2"""


async def sold(
    conn: Connection, cell_id: int, period: Period, cut: Cut, of: TopOf, limit: int | None = None
) -> list[Sold]:
    """Biggest net sales first."""
    places = [0] if cut.stores is None else sorted(cut.stores)
    params: dict[str, Any] = {"cell": cell_id, "what": _ROWS[of], "places": places, "limit": limit}
    category = "" if cut.category is None else " and category = %(category)s"
    params["category"] = cut.category
    pieces = split(period)
    parts = []
    if pieces.months_from < pieces.months_to:
        parts.append(_FROM_MONTHS.format(category=category))
        params |= {"months_from": pieces.months_from, "months_to": pieces.months_to}
    for n, days in enumerate(pieces.days):
        params |= {f"begin{n}": days.first, f"end{n}": days.last}
        if cut.stores is None:
            parts.append(_FROM_DAYS.format(n=n, category=category))
        else:
            product = "''" if of == "category" else PRODUCT
            parts.append(_FROM_ORDERS.format(n=n, category=category, product=product))
    cursor = await conn.execute(
        "select category, product, sum(orders)::bigint, sum(net_fen)::bigint "
        f"from ({' union all '.join(parts)}) sold group by 1, 2 "
        "having sum(orders) <> 0 or sum(net_fen) <> 0 order by 4 desc, 1, 2 limit %(limit)s",
        params,
    )
    return [Sold(*row) for row in await cursor.fetchall()]
