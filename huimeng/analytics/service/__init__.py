"""Keeping the figures up, and answering from them."""

from __future__ import annotations

import asyncio
from datetime import date, datetime

import msgspec
import psycopg

from huimeng.analytics import rules, store
from huimeng.analytics.rules import Grain, Period
from huimeng.analytics.store import Standing, Sums
from huimeng.analytics.values import BucketOut, Chosen, Figures, Overview, PeriodOut, Trend
from huimeng.infra.database import Connection, Database
from huimeng.kernel.ids import cell_of, merchant_of
from huimeng.kernel.times import business_day, utc_now
from huimeng.merchant.errors import StoreNotFound
from huimeng.merchant.rules import place_code
from huimeng.merchant.service import get_merchant, list_merchants, load_stores
from huimeng.merchant.values import Merchant

STEP = 20_000
_REBUILD_TRIES = 5
# Merchants asked about in one transaction.
_PAGE = 500


class _Scope(msgspec.Struct, frozen=True):
    """Whose figures: a merchant's, or one store's; today is the business day there."""

    merchant: Merchant
    store_id: int | None
    today: date


async def project(db: Database, merchant_id: int, *, step: int = STEP, stop: asyncio.Event | None = None) -> int:
    """Brings the figures up to the outbox, a transaction a step; the answer is the events passed."""
    cell_id, passed = cell_of(merchant_id), 0
    while True:
        async with db.tenant(merchant_id) as conn:
            done = await _step(conn, cell_id, step)
        passed += done
        if done < step or (stop is not None and stop.is_set()):
            return passed


async def _step(conn: Connection, cell_id: int, step: int) -> int:
    after = await store.lock_cursor(conn, cell_id)
    upto = min(after + step, await store.last_event(conn, cell_id))
    if upto <= after:
        return 0
    await store.apply_events(conn, cell_id, after, upto)
    return upto - after


async def merchants_behind(db: Database) -> list[int]:
    """Merchants whose figures lack events."""
    found: list[int] = []
    after = 0
    while known := [merchant.merchant_id for merchant in await list_merchants(db, after=after, limit=_PAGE)]:
        async with db.tenants(known) as conn:
            found += map(merchant_of, await store.behind(conn, [cell_of(merchant_id) for merchant_id in known]))
        after = known[-1]
    return found


class Lag(msgspec.Struct, frozen=True):
    """How far the figures are behind the outbox, over all merchants; seconds is the age of the oldest event."""

    events: int
    seconds: float


async def lag(db: Database) -> Lag:
    events, oldest, after = 0, None, 0
    while known := [merchant.merchant_id for merchant in await list_merchants(db, after=after, limit=_PAGE)]:
        async with db.tenants(known) as conn:
            more, at = await store.backlog(conn, [cell_of(merchant_id) for merchant_id in known])
        events += more
        if at is not None and (oldest is None or at < oldest):
            oldest = at
        after = known[-1]
    return Lag(events, 0.0 if oldest is None else max(0.0, (utc_now() - oldest).total_seconds()))


async def rebuild(db: Database, merchant_id: int) -> int:
    """Makes the figures anew from the orders, in one snapshot while orders go on; answers the rows made."""
    cell_id = cell_of(merchant_id)
    for attempt in range(_REBUILD_TRIES):
        try:
            async with db.tenant(merchant_id) as conn:
                # Orders and the number of the last event must be seen at one moment.
                await conn.execute("set transaction isolation level repeatable read")
                await store.lock_cursor(conn, cell_id)
                rows = await store.replace_from_orders(conn, cell_id)
                await store.move_cursor(conn, cell_id, await store.last_event(conn, cell_id))
            return rows
        except psycopg.errors.SerializationFailure:
            # A step of the projection moved the cursor between our snapshot and our lock.
            if attempt == _REBUILD_TRIES - 1:
                raise
            await asyncio.sleep(0.05 * (attempt + 1))
    raise AssertionError("unreachable")


async def overview(
    db: Database, merchant_id: int, first: date | None = None, last: date | None = None, store_code: str | None = None
) -> Overview:
    """InvalidInput, StoreNotFound; without days see PeriodOut."""
    cell_id = cell_of(merchant_id)
    async with db.reader(merchant_id) as conn:
        scope = await _scope(conn, merchant_id, store_code)
        period, found = await _period(conn, cell_id, scope, first, last)
        fresh = await store.standing(conn, cell_id)
    return Overview(
        currency=scope.merchant.currency,
        store=store_code,
        lag_events=fresh.lag_events,
        as_of=_as_of(fresh),
        period=period,
        figures=_figures(found),
    )


async def trend(
    db: Database,
    merchant_id: int,
    first: date | None = None,
    last: date | None = None,
    grain: Grain = "day",
    store_code: str | None = None,
) -> Trend:
    """Every bucket of the period, empty ones too; InvalidInput, StoreNotFound."""
    cell_id = cell_of(merchant_id)
    async with db.reader(merchant_id) as conn:
        scope = await _scope(conn, merchant_id, store_code)
        if first is None and last is None:
            period, _ = await _period(conn, cell_id, scope, None, None)
        else:
            asked = rules.asked_period(first, last, scope.today)
            period = PeriodOut(asked.first, asked.last, "asked")
        wanted = rules.buckets(Period(period.first, period.last), grain)
        found = await store.sums(conn, cell_id, Period(period.first, period.last), scope.store_id, grain)
        fresh = await store.standing(conn, cell_id)
    by_start = {row.starts: row for row in found}
    return Trend(
        currency=scope.merchant.currency,
        store=store_code,
        lag_events=fresh.lag_events,
        as_of=_as_of(fresh),
        period=period,
        grain=grain,
        buckets=[
            BucketOut(label=b.label, first=b.first, last=b.last, figures=_figures(by_start.get(b.starts)))
            for b in wanted
        ],
    )


async def store_id(db: Database, merchant_id: int, code: str) -> int:
    """StoreNotFound, InvalidInput."""
    async with db.reader(merchant_id) as conn:
        found = (await _scope(conn, merchant_id, code)).store_id
    assert found is not None
    return found


async def orders_by_year(db: Database, merchant_id: int) -> dict[int, int]:
    """Years with orders, oldest first."""
    async with db.reader(merchant_id) as conn:
        return await store.orders_by_year(conn, cell_of(merchant_id))


async def _scope(conn: Connection, merchant_id: int, store_code: str | None) -> _Scope:
    merchant = await get_merchant(conn, merchant_id)
    if store_code is None:
        return _Scope(merchant, None, business_day(utc_now(), merchant.timezone, merchant.day_cut_minutes))
    found = (await load_stores(conn, merchant_id)).by_code.get(place_code("store", store_code))
    if found is None:
        raise StoreNotFound(store_code[:64])
    return _Scope(merchant, found.store_id, business_day(utc_now(), found.timezone, found.day_cut_minutes))


async def _period(
    conn: Connection, cell_id: int, scope: _Scope, first: date | None, last: date | None
) -> tuple[PeriodOut, Sums | None]:
    """The period to show, and its sums."""
    period = rules.asked_period(first, last, scope.today)
    chosen: Chosen = "asked" if first is not None or last is not None else "last_30_days"
    found = await store.sums(conn, cell_id, period, scope.store_id)
    if chosen == "last_30_days" and not (found and found[0].orders):
        newest = await store.last_day(conn, cell_id, scope.store_id)
        if newest is not None:
            period, chosen = rules.thirty_days_to(newest), "last_with_data"
            found = await store.sums(conn, cell_id, period, scope.store_id)
    return PeriodOut(period.first, period.last, chosen), found[0] if found else None


def _figures(sums: Sums | None) -> Figures:
    if sums is None:
        return Figures(orders=0, net_fen=0, aov_fen=None, active_members=0, new_members=0, returning_members=0)
    return Figures(
        orders=sums.orders,
        net_fen=sums.net_fen,
        aov_fen=rules.aov_fen(sums.net_fen, sums.orders),
        active_members=sums.active,
        new_members=sums.new,
        returning_members=sums.active - sums.new,
    )


def _as_of(fresh: Standing) -> datetime | None:
    """With nothing outstanding the figures are those of this moment."""
    return fresh.at if fresh.lag_events else utc_now()
