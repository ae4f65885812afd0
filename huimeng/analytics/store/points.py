"""All SQL of the figures of points: a step along the transfers, making them anew, and reading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from huimeng.analytics.rules import Period
from huimeng.infra.database import Connection
from huimeng.ledger.rules import Kind, Unit

# The month of expiry of what never expires; debts stand there too.
NEVER = date(9999, 12, 1)

_OF_DEBTS = (Kind.DEBT, Kind.DEBT_CLEARED)
_OF_ORDERS = (Kind.EARN, Kind.DEBT_REPAID, Kind.DEBT_CLEARED, Kind.SPEND)
_OF_REFUNDS = (Kind.EARN_REVERSED, Kind.REFUND_TAKEN, Kind.EXPIRY_REVERSED, Kind.DEBT)
# What a store's orders gave, and what refunds of them took back or left owed; the rest belongs to the member.
OF_STORES = (Kind.EARN, Kind.EARN_REVERSED, Kind.REFUND_TAKEN, Kind.DEBT)

# The last moment of a lot is the one before it stops being valid, so December's points expire in December.
_LAST_DAY = "(({at} - interval '1 microsecond') at time zone %(timezone)s)::date"

_MOVED = f"""
    select t.cell_id, t.kind,
           case when t.kind = {Kind.EXPIRE} then {_LAST_DAY.format(at="t.occurred_at")}
                else coalesce(o.business_day,
                              ((t.occurred_at at time zone %(timezone)s) - make_interval(mins => %(cut)s))::date)
           end as day,
           coalesce(date_trunc('month', {_LAST_DAY.format(at="l.expires_at")}::timestamp)::date,
                    date '{NEVER}') as expires,
           case when t.kind = {Kind.EARN} then o.store_id else refunded.store_id end as store_id,
           case when t.credit_account >= 65536 then t.amount else 0 end as added,
           case when t.credit_account >= 65536 then 0 else t.amount end as removed
    from transfer t
    left join orders o on o.cell_id = t.cell_id and o.order_id = t.ref_id and t.kind in {_OF_ORDERS}
    left join refund r on r.cell_id = t.cell_id and r.refund_id = t.ref_id and t.kind in {_OF_REFUNDS}
    left join orders refunded on refunded.cell_id = r.cell_id and refunded.order_id = r.order_id
    left join lot l on l.cell_id = t.cell_id and l.lot_id = t.lot_id
                   and l.account_id = greatest(t.debit_account, t.credit_account)
    where t.cell_id = %(cell)s and t.seq > %(after)s and t.seq <= %(upto)s
      and t.unit in ({Unit.POINTS}, {Unit.POINTS_DEBT})"""


def _add(table: str, key: str, where: str) -> str:
    """Sorted, so that rows of a day stand together and indexes grow at their end."""
    return f"""
        insert into {table} (cell_id, {key}, added, removed)
        select cell_id, {key}, sum(added)::bigint, sum(removed)::bigint from moved {where}
        group by cell_id, {key} order by cell_id, {key}
        on conflict (cell_id, {key}) do update
        set added = {table}.added + excluded.added, removed = {table}.removed + excluded.removed"""


_STEP = f"""
    with moved as materialized ({_MOVED}),
         by_store as ({_add("points_store_day", "store_id, day, kind", f"where kind in {OF_STORES}")})
    {_add("points_day", "day, expires, kind", "")}"""


async def lock_cursor(conn: Connection, cell_id: int) -> int:
    """The transfer up to which points are counted; locked until the transaction ends."""
    await conn.execute("insert into points_cursor (cell_id, seq) values (%s, 0) on conflict do nothing", (cell_id,))
    cursor = await conn.execute("select seq from points_cursor where cell_id = %s for update", (cell_id,))
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def last_transfer(conn: Connection, cell_id: int) -> int:
    """Transfers up to this one can all be read: their numbers are given out under the lock of the head."""
    cursor = await conn.execute("select transfer_seq from cell_head where cell_id = %s", (cell_id,))
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def apply_transfers(
    conn: Connection, cell_id: int, after: int, upto: int, timezone: str, day_cut_minutes: int
) -> None:
    """Adds the transfers in (after, upto] to the figures; the cursor is locked and stands at `after`."""
    span = {"cell": cell_id, "after": after, "upto": upto, "timezone": timezone, "cut": day_cut_minutes}
    await conn.execute(_STEP, span)
    await conn.execute("update points_cursor set seq = %s where cell_id = %s", (upto, cell_id))


async def clear(conn: Connection, cell_id: int) -> None:
    for table in ("points_day", "points_store_day"):
        await conn.execute(f"delete from {table} where cell_id = %s", (cell_id,))


async def lacking(conn: Connection, cell_id: int) -> int:
    """Transfers that the figures do not hold yet."""
    cursor = await conn.execute(
        "select greatest(h.transfer_seq - coalesce(p.seq, 0), 0) from cell_head h "
        "left join points_cursor p on p.cell_id = h.cell_id where h.cell_id = %s",
        (cell_id,),
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


class Moved(msgspec.Struct, frozen=True):
    """Of one kind in one month (its first day), within the period asked for."""

    month: date
    kind: int
    added: int
    removed: int


_BY_MONTH = "select date_trunc('month', day::timestamp)::date, kind, sum(added)::bigint, sum(removed)::bigint"
_WITHIN = "where cell_id = %(cell)s and day >= %(first)s and day <= %(last)s"


async def moved(conn: Connection, cell_id: int, period: Period, store_ids: Sequence[int] | None) -> list[Moved]:
    """With stores only the kinds of OF_STORES."""
    table, at = ("points_day", "") if store_ids is None else ("points_store_day", " and store_id = any(%(stores)s)")
    cursor = await conn.execute(
        f"{_BY_MONTH} from {table} {_WITHIN}{at} group by 1, 2",
        {"cell": cell_id, "first": period.first, "last": period.last, "stores": store_ids},
    )
    return [Moved(*row) for row in await cursor.fetchall()]


class Standing(msgspec.Struct, frozen=True):
    """points: of members, by month of expiry (NEVER among them); debt: what they owe."""

    points: dict[date, int]
    debt: int


async def standing(conn: Connection, cell_id: int, until: date) -> Standing:
    """At the end of a day; months of expiry with nothing left are not there."""
    cursor = await conn.execute(
        f"select case when kind in {_OF_DEBTS} then null else expires end, sum(added - removed)::bigint "
        "from points_day where cell_id = %s and day <= %s group by 1 order by 1",
        (cell_id, until),
    )
    rows = await cursor.fetchall()
    points = {expires: amount for expires, amount in rows if expires is not None and amount}
    return Standing(points, sum(amount for expires, amount in rows if expires is None))


class Ended(msgspec.Struct, frozen=True):
    """Lots of one month of expiry, all that ever happened to them: given is what stayed given after refunds."""

    month: date
    given: int
    expired: int
    remaining: int


_GIVEN = (Kind.EARN, Kind.OPENING, Kind.ADJUST)
_UNGIVEN = (Kind.EARN_REVERSED, Kind.REFUND_TAKEN, Kind.DEBT_REPAID)
_ENDED = f"""
    select expires,
           (coalesce(sum(added) filter (where kind in {_GIVEN}), 0)
             - coalesce(sum(removed) filter (where kind in {_UNGIVEN}), 0))::bigint,
           coalesce(sum(removed - added) filter (where kind in {(Kind.EXPIRE, Kind.EXPIRY_REVERSED)}), 0)::bigint,
           sum(added - removed)::bigint
    from points_day
    where cell_id = %s and expires >= %s and expires <= %s and kind not in {_OF_DEBTS}
    group by 1 order by 1"""


async def ended(conn: Connection, cell_id: int, first: date, last: date) -> list[Ended]:
    """Lots of the months of expiry from first to last, both first days of months."""
    cursor = await conn.execute(_ENDED, (cell_id, first, last))
    return [Ended(*row) for row in await cursor.fetchall()]
