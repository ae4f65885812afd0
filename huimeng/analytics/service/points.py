"""Figures of points: kept up along the transfers of the ledger, and answered from."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection
from datetime import date, timedelta

import msgspec

from huimeng.analytics import rules
from huimeng.analytics.rules import Period
from huimeng.analytics.rules import points as points_rules
from huimeng.analytics.rules.points import Cut
from huimeng.analytics.service.asking import Asked, scoped
from huimeng.analytics.service.projecting import locked
from huimeng.analytics.store import points as store
from huimeng.analytics.store.points import NEVER, Ended, Moved, Standing
from huimeng.analytics.values.points import (
    Breakage,
    ExpiryMonth,
    Outstanding,
    PointsFigures,
    PointsFlow,
    PointsMonth,
)
from huimeng.infra.database import Connection, Database
from huimeng.kernel.ids import cell_of
from huimeng.merchant.service import get_merchant

STEP = 10_000


async def project(db: Database, merchant_id: int, *, step: int = STEP, stop: asyncio.Event | None = None) -> int:
    """Brings the figures of points up to the ledger, a transaction a step; the answer is the transfers passed."""
    passed = 0
    while True:
        async with db.tenant(merchant_id) as conn:
            done = await _step(conn, merchant_id, step)
        passed += done
        if done < step or (stop is not None and stop.is_set()):
            return passed


async def rebuild(db: Database, merchant_id: int) -> int:
    """Makes the figures of points anew from the transfers, in one transaction; answers the transfers counted."""
    cell_id = cell_of(merchant_id)
    async with db.tenant(merchant_id) as conn:
        # As long as there are transfers: see service.projecting.
        await conn.execute("set local statement_timeout = 0")
        await locked(store.lock_cursor(conn, cell_id))
        await store.clear(conn, cell_id)
        upto = await store.last_transfer(conn, cell_id)
        await _apply(conn, merchant_id, 0, upto)
    return upto


async def _step(conn: Connection, merchant_id: int, step: int) -> int:
    cell_id = cell_of(merchant_id)
    after = await locked(store.lock_cursor(conn, cell_id))
    upto = min(after + step, await store.last_transfer(conn, cell_id))
    if upto > after:
        await _apply(conn, merchant_id, after, upto)
    return upto - after


async def _apply(conn: Connection, merchant_id: int, after: int, upto: int) -> None:
    """What no order dates counts on the merchant's business day, as its time zone stands now."""
    merchant = await get_merchant(conn, merchant_id)
    await store.apply_transfers(conn, cell_of(merchant_id), after, upto, merchant.timezone, merchant.day_cut_minutes)


async def points_figures(
    db: Database,
    merchant_id: int,
    first: date | None = None,
    last: date | None = None,
    store_code: str | None = None,
    region: str | None = None,
    category: str | None = None,
    only: Collection[int] | None = None,
) -> PointsFigures:
    """InvalidInput, StoreNotFound, RegionNotFound; without days see PeriodOut."""
    asked = Asked(first=first, last=last, store=store_code, region=region, category=category, only=only)
    async with scoped(db, merchant_id, asked) as scope:
        conn, cell_id, period = scope.conn, scope.cell_id, scope.period
        everywhere = store_code is None and region is None and only is None
        stores = None if everywhere else [each.store_id for each in scope.stores]
        cut: Cut = "category" if category is not None else "none" if stores is None else "store"
        moved = await store.moved(conn, cell_id, period, stores)
        held = _Held(None, None, [])
        if cut == "none":
            before = await store.standing(conn, cell_id, period.first - timedelta(days=1))
            held = _Held(before, await store.standing(conn, cell_id, period.last), await _ended(conn, cell_id, period))
        told = await scope.told(await store.lacking(conn, cell_id))
    return PointsFigures(
        **told,
        flow=_flow_out(points_rules.flow(_by_kind(moved), cut)),
        opening=None if held.before is None else sum(held.before.points.values()),
        outstanding=_outstanding(held.after, period.last),
        breakage=_breakage(held.ended, period, scope.today),
        months=_months(moved, held, period, cut, scope.today),
        not_cut=points_rules.not_cut(cut),
    )


class _Held(msgspec.Struct, frozen=True):
    """What belongs to members and not to a store: None and nothing when stores were asked for."""

    before: Standing | None
    after: Standing | None
    ended: list[Ended]


async def _ended(conn: Connection, cell_id: int, period: Period) -> list[Ended]:
    return await store.ended(conn, cell_id, period.first.replace(day=1), period.last)


def _by_kind(moved: list[Moved]) -> dict[int, tuple[int, int]]:
    sums: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in moved:
        added, removed = sums[row.kind]
        sums[row.kind] = (added + row.added, removed + row.removed)
    return sums


def _flow_out(found: points_rules.Flow) -> PointsFlow:
    return PointsFlow(**msgspec.structs.asdict(found))


def _outstanding(held: Standing | None, at: date) -> Outstanding | None:
    if held is None:
        return None
    rows = [
        ExpiryMonth(None if month == NEVER else rules.label(month, "month"), amount)
        for month, amount in sorted(held.points.items())
    ]
    return Outstanding(at=at, points=sum(held.points.values()), debt=held.debt, by_expiry=rows)


def _breakage(ended: list[Ended], period: Period, today: date) -> Breakage | None:
    """Of the months of expiry that ended in the period; None when none did, or nothing was to expire in them."""
    over = points_rules.months_over(period, today)
    if over is None:
        return None
    rows = [row for row in ended if over[0] <= row.month <= over[1]]
    if not rows:
        return None
    # What is over and not written off yet can't be used any more either.
    expired = sum(row.expired + row.remaining for row in rows)
    given = sum(row.given for row in rows)
    return Breakage(given=given, expired=expired, breakage_bps=points_rules.share_bps(expired, given))


def _months(moved: list[Moved], held: _Held, period: Period, cut: Cut, today: date) -> list[PointsMonth]:
    by_month: dict[date, list[Moved]] = defaultdict(list)
    for row in moved:
        by_month[row.month].append(row)
    points = None if held.before is None else sum(held.before.points.values())
    debt = None if held.before is None else held.before.debt
    found = []
    for bucket in rules.buckets(period, "month", "from"):
        of_kinds = _by_kind(by_month[bucket.starts])
        flow = points_rules.flow(of_kinds, cut)
        if points is not None and debt is not None:
            points += flow.net
            debt += (flow.debt_added or 0) - (flow.debt_repaid or 0)
        found.append(
            PointsMonth(
                label=bucket.label,
                first=bucket.first,
                last=bucket.last,
                flow=_flow_out(flow),
                outstanding=points,
                debt=debt,
                breakage=_breakage(held.ended, Period(bucket.first, bucket.last), today),
            )
        )
    return found
