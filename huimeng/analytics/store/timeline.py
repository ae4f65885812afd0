"""SQL of one member's past: what happened, merged from orders, refunds, transfers and the audit log."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from huimeng.infra.database import Connection
from huimeng.ledger.rules import Kind, Unit, account_id
from huimeng.order.rules import KEPT

# The place among what happened at the same moment: later things last.
JOINED, ORDER, CHANGED, POINTS, REFUND = range(5)
# What orders and refunds do to points is told with them.
_OWN_MOVEMENTS = (Kind.DEBT_REPAID, Kind.EXPIRE, Kind.SPEND, Kind.ADJUST, Kind.OPENING)


class Row(msgspec.Struct, frozen=True):
    """(at, place, ref_id) is the order of the timeline; detail depends on the place."""

    at: datetime
    place: int
    ref_id: int
    detail: dict[str, Any]


_SOURCES = {
    JOINED: """
        select m.registered_at as at, %(joined)s as place, m.member_id as ref_id, jsonb_build_object(
            'store_id', m.store_id, 'channel', m.channel) as detail
        from member m where m.cell_id = %(cell)s and m.member_id = %(member)s""",
    ORDER: """
        select o.ordered_at, %(order)s, o.order_id, jsonb_build_object(
            'order_no', o.order_no, 'store_id', o.store_id, 'amount_fen', o.paid_fen, 'status', o.status,
            'points', (select coalesce(sum(e.amount), 0) from order_earning e where e.cell_id = o.cell_id
                       and e.order_id = o.order_id and e.unit = %(points_unit)s))
        from orders o where o.cell_id = %(cell)s and o.member_id = %(member)s
        and (%(stores)s::bigint[] is null or o.store_id = any(%(stores)s))""",
    REFUND: """
        select r.refunded_at, %(refund)s, r.refund_id, jsonb_build_object(
            'order_id', o.order_id::text, 'order_no', o.order_no, 'store_id', o.store_id, 'amount_fen', r.amount_fen,
            'reason', r.reason, 'void', r.void,
            'points', -(select coalesce(sum((l ->> 'points_taken')::bigint), 0) from jsonb_array_elements(r.lines) l),
            'debt', (select coalesce(sum(t.amount), 0) from transfer t where t.cell_id = o.cell_id
                     and greatest(t.debit_account, t.credit_account) = %(debt_account)s
                     and t.kind = %(debt)s and t.ref_id = r.refund_id))
        from orders o join refund r on r.cell_id = o.cell_id and r.order_id = o.order_id
        where o.cell_id = %(cell)s and r.cell_id = %(cell)s and o.member_id = %(member)s
        and (%(stores)s::bigint[] is null or o.store_id = any(%(stores)s))""",
    POINTS: """
        select max(t.occurred_at), %(points)s, max(t.seq), jsonb_build_object(
            'unit', t.unit, 'movement', t.kind,
            'amount', sum(case when t.credit_account = any(%(accounts)s) then t.amount else -t.amount end),
            'balance', (array_agg(t.balance_after order by t.seq desc))[1],
            'reason', (select a.reason from adjustment a where a.cell_id = %(cell)s and a.adjustment_id = t.ref_id))
        from transfer t where t.cell_id = %(cell)s
        and greatest(t.debit_account, t.credit_account) = any(%(accounts)s) and t.kind = any(%(movements)s)
        group by t.unit, t.kind, t.ref_id""",
    CHANGED: """
        select a.at, %(changed)s, a.seq, jsonb_build_object(
            'action', a.action, 'by', a.actor_name, 'before', a.before, 'after', a.after)
        from audit_entry a where a.cell_id = %(cell)s and a.object_kind = 'member'
        and a.object_id = %(member)s::text and a.action in ('member.changed', 'member.revealed')""",
}


async def timeline(
    conn: Connection,
    cell_id: int,
    member_id: int,
    places: Collection[int],
    stores: Sequence[int] | None,
    before: tuple[datetime, int, int] | None,
    limit: int,
) -> list[Row]:
    """Newest first, before that place in it; orders and refunds of these stores only (None: of all)."""
    united = " union all ".join(
        f"(select * from ({_SOURCES[place]}) s(at, place, ref_id, detail) "
        "where %(at)s::timestamptz is null or (at, place, ref_id) < (%(at)s, %(place)s, %(ref)s) "
        "order by at desc, place desc, ref_id desc limit %(limit)s)"
        for place in sorted(places)
    )
    at, place, ref = before or (None, 0, 0)
    accounts = [account_id(member_id, unit) for unit in (Unit.POINTS, Unit.GROWTH)]
    cursor = await conn.execute(
        f"select at, place, ref_id, detail from ({united}) u order by at desc, place desc, ref_id desc limit %(limit)s",
        {
            "cell": cell_id,
            "member": member_id,
            "stores": None if stores is None else list(stores),
            "joined": JOINED,
            "order": ORDER,
            "changed": CHANGED,
            "points": POINTS,
            "refund": REFUND,
            "points_unit": Unit.POINTS,
            "debt": Kind.DEBT,
            "debt_account": account_id(member_id, Unit.POINTS_DEBT),
            "accounts": accounts,
            "movements": list(_OWN_MOVEMENTS),
            "at": at,
            "place": place,
            "ref": ref,
            "limit": limit,
        },
    )
    return [Row(*row) for row in await cursor.fetchall()]


class Bought(msgspec.Struct, frozen=True):
    orders: int
    net_fen: int
    days: int
    first_day: date | None
    last_day: date | None
    last_store: int | None
    usual_store: int | None


async def bought(conn: Connection, cell_id: int, member_id: int, stores: Sequence[int] | None) -> Bought:
    """Of the orders that are kept; net_fen: less what returns gave back."""
    kept = "filter (where status = any(%(kept)s))"
    cursor = await conn.execute(
        f"select count(*) {kept}, coalesce(sum(paid_fen - refunded_fen), 0)::bigint, "
        f"count(distinct business_day) {kept}, min(business_day) {kept}, max(business_day) {kept}, "
        f"(array_agg(store_id order by business_day desc, order_id desc) {kept})[1], "
        f"mode() within group (order by store_id) {kept} from orders where cell_id = %(cell)s "
        "and member_id = %(member)s and (%(stores)s::bigint[] is null or store_id = any(%(stores)s))",
        {
            "cell": cell_id,
            "member": member_id,
            "kept": list(KEPT),
            "stores": None if stores is None else list(stores),
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return Bought(*row)


async def usual_categories(
    conn: Connection, cell_id: int, member_id: int, stores: Sequence[int] | None, limit: int
) -> list[tuple[str, int, int]]:
    """(category, orders, net_fen), those with the biggest net sales first; lines without one are left out."""
    cursor = await conn.execute(
        "select l.category, count(distinct o.order_id) filter (where o.status = any(%(kept)s)), "
        "sum(l.paid_fen - l.refunded_fen)::bigint as net "
        "from orders o join order_line l on l.cell_id = o.cell_id and l.order_id = o.order_id "
        "where o.cell_id = %(cell)s and l.cell_id = %(cell)s and o.member_id = %(member)s and l.category <> '' "
        "and (%(stores)s::bigint[] is null or o.store_id = any(%(stores)s)) group by 1 "
        "having count(*) filter (where o.status = any(%(kept)s)) > 0 order by net desc, 1 limit %(limit)s",
        {
            "cell": cell_id,
            "member": member_id,
            "kept": list(KEPT),
            "stores": None if stores is None else list(stores),
            "limit": limit,
        },
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]
