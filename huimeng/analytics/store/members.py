"""Figures about members: after the first purchase, cohorts, RFM, concentration; and the members behind a figure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Literal

import msgspec

from huimeng.analytics.rules import LAST_DAY, Period, RfmMethod
from huimeng.analytics.store.rows import Cut, bought, rows, start_of
from huimeng.infra.database import Connection
from huimeng.ledger.rules import UNITS, Unit

# The first purchase in the cut, of members who made it in the period, and what came within so many days after it.
_FIRSTS = """
    firsts as materialized (
        select member_id, min(first_day) as day from ({all_rows}) rows where member_id <> 0
        group by 1 having min(first_day) >= %(first)s and min(first_day) <= %(last)s),
    days as materialized ({days}),
    after_first as materialized (
        select f.member_id, f.day, min(r.day) filter (where r.day > f.day and r.orders > 0) as later,
               sum(r.orders) filter (where r.day = f.day) as orders
        from firsts f join days r on r.member_id = f.member_id and r.day <= f.day + %(most)s group by 1, 2)"""


class _Firsts(msgspec.Struct, frozen=True):
    """firsts, days (that matter) and after_first as parts of a query."""

    sql: str
    params: dict[str, Any]


def _after_first(cell_id: int, period: Period, cut: Cut, most: int) -> _Firsts:
    all_rows = rows(cell_id, cut, None)
    until = Period(period.first, min(LAST_DAY, period.last + timedelta(days=most)))
    days = rows(cell_id, cut, until, by_day=True)
    params = {**all_rows.params, **days.params, "first": period.first, "last": period.last, "most": most}
    return _Firsts(_FIRSTS.format(all_rows=all_rows.sql, days=days.sql), params)


async def _join_at_once(conn: Connection) -> None:
    """The planner takes the members with a first purchase for a handful, and would look for each one's days alone."""
    await conn.execute("set local enable_nestloop = off")


class Repurchased(msgspec.Struct, frozen=True):
    within: int
    members: int
    later_day: int
    later_order: int


async def repurchase(
    conn: Connection, cell_id: int, period: Period, cut: Cut, within: Sequence[int], whole_to: date
) -> tuple[int, list[Repurchased]]:
    """First purchases of the period, and of those whose so many days are over who came again."""
    firsts = _after_first(cell_id, period, cut, max(within))
    await _join_at_once(conn)
    cursor = await conn.execute(
        f"with {firsts.sql} "
        "select n, count(*), count(*) filter (where day + n <= %(to)s), "
        "count(*) filter (where day + n <= %(to)s and later <= day + n), "
        "count(*) filter (where day + n <= %(to)s and (orders >= 2 or later <= day + n)) "
        "from after_first cross join unnest(%(within)s::int[]) n group by 1 order by 1",
        {**firsts.params, "within": list(within), "to": whole_to},
    )
    found = await cursor.fetchall()
    return (found[0][1] if found else 0), [Repurchased(row[0], *row[2:]) for row in found]


_MONTHS = """
    months as (
        select member_id, {month} as month, sum(orders)::int as orders, sum(net_fen)::bigint as net_fen,
               min(first_day) as first_day, max(last_day) as last_day,
               min({month}) over (partition by member_id) as first_month
        from ({all_rows}) rows where member_id <> 0 group by 1, 2 having sum(orders) > 0)"""


class Came(msgspec.Struct, frozen=True):
    """Members with the first purchase in first_month who bought in month."""

    first_month: date
    month: date
    members: int
    net_fen: int


async def cohorts(conn: Connection, cell_id: int, months: Period, cut: Cut) -> list[Came]:
    """months: whole ones, for the first purchase."""
    source = rows(cell_id, cut, None)
    cursor = await conn.execute(
        f"with {_MONTHS.format(all_rows=source.sql, month=start_of('month'))} "
        "select first_month, month, count(*), sum(net_fen)::bigint from months "
        "where first_month >= %(first)s and first_month <= %(last)s group by 1, 2 order by 1, 2",
        {**source.params, "first": months.first, "last": months.last},
    )
    return [Came(*row) for row in await cursor.fetchall()]


# By rank: members in order, worst first and equal ones by number, cut into five parts as equal as can be.
_BY_RANK = """
    ranked as (
        select b.*, count(*) over () as n,
               row_number() over (order by last_day, member_id) as by_r,
               row_number() over (order by orders, member_id) as by_f,
               row_number() over (order by net_fen, member_id) as by_m from bought b),
    scored as (
        select ranked.*, (5 * (by_r - 1) / n + 1)::int as r, (5 * (by_f - 1) / n + 1)::int as f,
               (5 * (by_m - 1) / n + 1)::int as m from ranked)"""

# By value: equal values have equal scores.
_BY_QUANTILE = """
    cuts as (
        select percentile_disc(array[0.2, 0.4, 0.6, 0.8]) within group (order by last_day) as r,
               percentile_disc(array[0.2, 0.4, 0.6, 0.8]) within group (order by orders) as f,
               percentile_disc(array[0.2, 0.4, 0.6, 0.8]) within group (order by net_fen) as m from bought),
    scored as (
        select b.*, 1 + (last_day > c.r[1])::int + (last_day > c.r[2])::int + (last_day > c.r[3])::int
                      + (last_day > c.r[4])::int as r,
               1 + (orders > c.f[1])::int + (orders > c.f[2])::int + (orders > c.f[3])::int
                 + (orders > c.f[4])::int as f,
               1 + (net_fen > c.m[1])::int + (net_fen > c.m[2])::int + (net_fen > c.m[3])::int
                 + (net_fen > c.m[4])::int as m
        from bought b cross join cuts c)"""
_SCORED = {"rank": _BY_RANK, "quantile": _BY_QUANTILE}


class Scored(msgspec.Struct, frozen=True):
    """A cell (r, f, m): members, orders and net; or a scale's score: of, score, members, least and most."""

    r: int
    f: int
    m: int
    members: int
    orders: int
    net_fen: int


class Step(msgspec.Struct, frozen=True):
    of: int
    score: int
    members: int
    least: int
    most: int


async def rfm(
    conn: Connection, cell_id: int, period: Period, cut: Cut, method: RfmMethod
) -> tuple[list[Scored], list[Step]]:
    """Cells that have members; scores of recency (0, in days to the day after the period), orders (1) and net (2)."""
    source = rows(cell_id, cut, period)
    cursor = await conn.execute(
        f"with bought as ({bought(source)}), {_SCORED[method]}, kept as materialized (select * from scored) "
        "select 3, r, f, m, count(*), sum(orders)::bigint, sum(net_fen)::bigint from kept group by r, f, m union all "
        "select 0, r, 0, 0, count(*), min(%(last)s::date + 1 - last_day), max(%(last)s::date + 1 - last_day) "
        "from kept group by r union all "
        "select 1, f, 0, 0, count(*), min(orders), max(orders) from kept group by f union all "
        "select 2, m, 0, 0, count(*), min(net_fen), max(net_fen) from kept group by m order by 1, 2, 3, 4",
        {**source.params, "last": period.last},
    )
    found = await cursor.fetchall()
    cells = [Scored(*row[1:]) for row in found if row[0] == 3]
    return cells, [Step(row[0], row[1], *row[4:]) for row in found if row[0] != 3]


async def concentration(
    conn: Connection, cell_id: int, period: Period, cut: Cut, percents: Sequence[int]
) -> list[tuple[int, int, int]]:
    """(percent, members, net_fen) of the members who bought most, their number rounded up; none without members."""
    source = rows(cell_id, cut, period)
    cursor = await conn.execute(
        f"with bought as ({bought(source)}), ranked as ("
        "select count(*) over () as n, row_number() over w as place, sum(net_fen) over w as total from bought "
        "window w as (order by net_fen desc, member_id rows unbounded preceding)) "
        "select p, place, total::bigint from unnest(%(percents)s::int[]) p join ranked on place = (p * n + 99) / 100 "
        "order by 1",
        {**source.params, "percents": list(percents)},
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]


class Behind(msgspec.Struct, frozen=True):
    member_id: int
    orders: int
    net_fen: int
    first_day: date | None
    last_day: date | None
    points: int | None


class Wanted(msgspec.Struct, frozen=True):
    """A query for the members behind a figure, with what it needs.

    by: the column that says who comes first; joins: it joins many rows to many.
    """

    sql: str
    params: dict[str, Any]
    joins: bool = False
    by: Literal["net_fen", "points"] = "net_fen"


def active(cell_id: int, period: Period, cut: Cut, condition: str = "true") -> Wanted:
    """condition over b (bought) and f (member_first); the period's days are %(first)s and %(last)s."""
    source = rows(cell_id, cut, period)
    sql = (
        f"select b.* from ({bought(source)}) b left join member_first f on f.cell_id = %(cell)s "
        f"and f.member_id = b.member_id where {condition}"
    )
    return Wanted(sql, {**source.params, "first": period.first, "last": period.last})


ACTIVE = {
    "active": "true",
    "new": "f.first_day >= %(first)s",
    "returning": "f.first_day < %(first)s",
    "repeat": "b.orders >= 2",
    "repeat_day": "b.last_day > b.first_day",
}


def of_rfm(
    cell_id: int, period: Period, cut: Cut, method: RfmMethod, cell: tuple[int, int, int] | None, high: Sequence[bool]
) -> Wanted:
    """The members of one cell; without one of the group whose recency, frequency, money are high or not."""
    source = rows(cell_id, cut, period)
    where = "r = %(r)s and f = %(f)s and m = %(m)s" if cell else "array[r >= 4, f >= 4, m >= 4] = %(high)s"
    sql = (
        f"with bought as ({bought(source)}), {_SCORED[method]} "
        f"select member_id, orders, net_fen, first_day, last_day from scored where {where}"
    )
    r, f, m = cell or (0, 0, 0)
    return Wanted(sql, {**source.params, "r": r, "f": f, "m": m, "high": list(high)})


def of_top(cell_id: int, period: Period, cut: Cut, percent: int) -> Wanted:
    source = rows(cell_id, cut, period)
    sql = (
        "select member_id, orders, net_fen, first_day, last_day from (select b.*, count(*) over () as n, "
        f"row_number() over (order by net_fen desc, member_id) as place from ({bought(source)}) b) ranked "
        "where place <= (%(percent)s * n + 99) / 100"
    )
    return Wanted(sql, {**source.params, "percent": percent})


def of_cohort(cell_id: int, cut: Cut, first_month: date, month: date) -> Wanted:
    source = rows(cell_id, cut, None)
    sql = (
        f"with {_MONTHS.format(all_rows=source.sql, month=start_of('month'))} "
        "select member_id, orders, net_fen, first_day, last_day from months "
        "where first_month = %(first_month)s and month = %(month)s"
    )
    return Wanted(sql, {**source.params, "first_month": first_month, "month": month})


def of_first_purchase(cell_id: int, period: Period, cut: Cut) -> Wanted:
    source, all_rows = rows(cell_id, cut, period), rows(cell_id, cut, None)
    sql = (
        f"select b.* from ({bought(source)}) b join (select member_id from ({all_rows.sql}) rows where member_id <> 0 "
        "group by 1 having min(first_day) >= %(first)s and min(first_day) <= %(last)s) firsts using (member_id)"
    )
    params = {**all_rows.params, **source.params, "first": period.first, "last": period.last}
    return Wanted(sql, params, joins=True)


def of_points(cell_id: int, period: Period, month: Period, timezone: str) -> Wanted:
    """Those who hold points now whose last day lies in the month, with what they bought in the period."""
    source = rows(cell_id, Cut(), period)
    sql = (
        "select h.member_id, coalesce(b.orders, 0) as orders, coalesce(b.net_fen, 0) as net_fen, b.first_day, "
        f"b.last_day, h.points from (select account_id / {UNITS} as member_id, sum(remaining)::bigint as points "
        f"from lot where cell_id = %(cell)s and account_id %% {UNITS} = {Unit.POINTS} and not closed and remaining > 0 "
        "and expires_at > %(month)s::timestamp at time zone %(timezone)s "
        "and expires_at <= %(month_after)s::timestamp at time zone %(timezone)s group by 1) h "
        f"left join ({bought(source)}) b on b.member_id = h.member_id"
    )
    days = {"month": month.first, "month_after": month.last + timedelta(days=1), "timezone": timezone}
    return Wanted(sql, {**source.params, **days}, joins=True, by="points")


def of_repurchase(cell_id: int, period: Period, cut: Cut, within: int, whole_to: date, condition: str) -> Wanted:
    """condition over a (after_first); what a member did within these days of the first purchase."""
    firsts = _after_first(cell_id, period, cut, within)
    sql = (
        f"with {firsts.sql} "
        "select a.member_id, sum(r.orders)::int as orders, sum(r.net_fen)::bigint as net_fen, "
        "min(r.first_day) as first_day, max(r.last_day) as last_day "
        "from after_first a join days r on r.member_id = a.member_id and r.day >= a.day "
        "and r.day <= a.day + %(most)s "
        f"where a.day + %(most)s <= %(to)s and {condition} group by 1"
    )
    return Wanted(sql, {**firsts.params, "to": whole_to}, joins=True)


REPURCHASED = {
    "later_day": "a.later <= a.day + %(most)s",
    "later_order": "(a.orders >= 2 or a.later <= a.day + %(most)s)",
    "not_repurchased": "not coalesce(a.orders >= 2 or a.later <= a.day + %(most)s, false)",
}


async def behind_figure(
    conn: Connection, wanted: Wanted, after: tuple[int, int] | None, limit: int
) -> tuple[int, list[Behind]]:
    """How many there are, and a page of them: biggest first, equal ones by number; after (what counts, member)."""
    value, member_id = after or (None, None)
    points = "points" if wanted.by == "points" else "null::bigint"
    if wanted.joins:
        await _join_at_once(conn)
    cursor = await conn.execute(
        f"with wanted as materialized ({wanted.sql}) "
        f"select (select count(*) from wanted), member_id, orders, net_fen, first_day, last_day, {points} "
        "from (select 1) one left join lateral (select * from wanted "
        f"where %(after)s::bigint is null or {wanted.by} < %(after)s "
        f"or ({wanted.by} = %(after)s and member_id > %(member)s) "
        f"order by {wanted.by} desc, member_id limit %(limit)s) page on true order by {wanted.by} desc, member_id",
        {**wanted.params, "after": value, "member": member_id, "limit": limit},
    )
    found = await cursor.fetchall()
    return found[0][0], [Behind(*row[1:]) for row in found if row[1] is not None]
