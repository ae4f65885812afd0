"""What every figure is read from: what a member bought on the days of a period, cut by stores and category."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from huimeng.analytics.rules import Period, split


class Cut(msgspec.Struct, frozen=True):
    """None: all. category '' are the lines without one."""

    stores: Collection[int] | None = None
    category: str | None = None


class Source(msgspec.Struct, frozen=True):
    """A query with columns day, store_id, member_id (0: anonymous), orders, net_fen, first_day and last_day (of days
    with an order that is kept, else null); and what it needs."""

    sql: str
    params: dict[str, Any]


_DAYS = """
    select business_day as day, store_id, member_id, orders, net_fen,
           case when orders > 0 then business_day end as first_day,
           case when orders > 0 then business_day end as last_day
    from {table} where cell_id = %(cell)s{where}"""

_MONTHS = """
    select month as day, store_id, member_id, orders, net_fen, first_day, last_day
    from member_month where cell_id = %(cell)s{where}"""


def rows(cell_id: int, cut: Cut, period: Period | None, *, by_day: bool = False) -> Source:
    """Of the period, or of all time; whole months are one row each unless by_day, or of a category."""
    params: dict[str, Any] = {"cell": cell_id}
    where = ""
    if cut.stores is not None:
        where = " and store_id = any(%(stores)s)"
        params["stores"] = sorted(cut.stores)
    if cut.category is not None:
        where += " and category = %(category)s"
        params["category"] = cut.category
    if cut.category is None and not by_day:
        return _by_month(where, params, period)
    if period is not None:
        where += " and business_day >= %(begin)s and business_day <= %(end)s"
        params |= {"begin": period.first, "end": period.last}
    table = "member_day" if cut.category is None else "category_day"
    return Source(_DAYS.format(table=table, where=where), params)


def _by_month(where: str, params: dict[str, Any], period: Period | None) -> Source:
    """A year of whole months is read from a third of the rows."""
    if period is None:
        return Source(_MONTHS.format(where=where), params)
    parts = []
    pieces = split(period)
    if pieces.months_from < pieces.months_to:
        parts.append(_MONTHS.format(where=f"{where} and month >= %(months_from)s and month < %(months_to)s"))
        params |= {"months_from": pieces.months_from, "months_to": pieces.months_to}
    for number, part in enumerate(pieces.days):
        days = f" and business_day >= %(begin{number})s and business_day <= %(end{number})s"
        parts.append(_DAYS.format(table="member_day", where=where + days))
        params |= {f"begin{number}": part.first, f"end{number}": part.last}
    return Source(" union all ".join(parts), params)


def bought(source: Source) -> str:
    """Members that are active in these rows, with what they did in them."""
    return f"""
    select member_id, sum(orders)::int as orders, sum(net_fen)::bigint as net_fen,
           min(first_day) as first_day, max(last_day) as last_day
    from ({source.sql}) rows where member_id <> 0 group by 1 having sum(orders) > 0"""


def start_of(grain: str | None) -> str:
    """SQL for the first day of the bucket in which `day` lies; without a grain the period is one bucket."""
    if grain is None:
        return "%(first)s::date"
    return "day" if grain == "day" else f"date_trunc('{grain}', day::timestamp)::date"
