"""What every figure is read from: what a member bought on the days of a period, cut by stores and category."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from huimeng.analytics.rules import Period


class Cut(msgspec.Struct, frozen=True):
    """None: all. category '' are the lines without one."""

    stores: Collection[int] | None = None
    category: str | None = None


class Source(msgspec.Struct, frozen=True):
    """A query with columns day, store_id, member_id (0: anonymous), orders, net_fen, first_day and last_day (of days
    with an order that is kept, else null); and what it needs."""

    sql: str
    params: dict[str, Any]


_PLAIN = """
    select business_day as day, store_id, member_id, orders, net_fen,
           case when orders > 0 then business_day end as first_day,
           case when orders > 0 then business_day end as last_day
    from member_day where cell_id = %(cell)s{days}{stores}"""

_OF_CATEGORY = """
    select day, store_id, member_id, orders, net_fen,
           case when orders > 0 then day end as first_day, case when orders > 0 then day end as last_day
    from (
        select o.business_day as day, o.store_id, coalesce(o.member_id, 0) as member_id,
               count(distinct o.order_id) filter (
                   where o.status in (1, 2)
                     and (l.refunded_fen <> l.paid_fen or l.refunded_quantity <> l.quantity)) as orders,
               sum(l.paid_fen - l.refunded_fen)::bigint as net_fen
        from orders o join order_line l on l.cell_id = o.cell_id and l.order_id = o.order_id
        where o.cell_id = %(cell)s{days}{stores} and l.category = %(category)s group by 1, 2, 3) bill"""


def rows(cell_id: int, cut: Cut, period: Period | None) -> Source:
    """Of the period, or of all time."""
    params: dict[str, Any] = {"cell": cell_id}
    days = stores = ""
    if period is not None:
        days = " and business_day >= %(first)s and business_day <= %(last)s"
        params |= {"first": period.first, "last": period.last}
    if cut.stores is not None:
        stores = " and store_id = any(%(stores)s)"
        params["stores"] = sorted(cut.stores)
    if cut.category is not None:
        params["category"] = cut.category
    shape = _PLAIN if cut.category is None else _OF_CATEGORY
    return Source(shape.format(days=days, stores=stores), params)


def bought(source: Source) -> str:
    """Members that are active in these rows, with what they did in them."""
    return f"""
    select member_id, sum(orders)::int as orders, sum(net_fen)::bigint as net_fen,
           min(first_day) as first_day, max(last_day) as last_day
    from ({source.sql}) rows where member_id <> 0 group by 1 having sum(orders) > 0"""


def start_of(grain: str | None, day: str = "day") -> str:
    if grain is None:
        return "%(first)s::date"
    return day if grain == "day" else f"date_trunc('{grain}', {day}::timestamp)::date"
