"""Keeping the figures up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import msgspec
import psycopg

from huimeng.analytics.errors import FiguresBeingMade
from huimeng.analytics.store import projection, standing
from huimeng.infra.database import Connection, Database
from huimeng.kernel.ids import cell_of, merchant_of
from huimeng.kernel.times import utc_now
from huimeng.merchant.service import list_merchants

# Events of one transaction: with a hundred goods each it stays well within the bound of one statement.
STEP = 5_000
_REBUILD_TRIES = 5
# Merchants asked about in one transaction.
_PAGE = 500


async def locked(cursor: Awaitable[int]) -> int:
    """FiguresBeingMade: they are made anew, and that takes longer than one waits for a lock."""
    try:
        return await cursor
    except psycopg.errors.LockNotAvailable as error:
        raise FiguresBeingMade() from error


async def project(db: Database, merchant_id: int, *, step: int = STEP, stop: asyncio.Event | None = None) -> int:
    """Brings the figures up to the outbox, a transaction a step; the answer is the events passed. FiguresBeingMade."""
    cell_id, passed = cell_of(merchant_id), 0
    while True:
        async with db.tenant(merchant_id) as conn:
            done = await _step(conn, cell_id, step)
        if done is None:
            await rebuild(db, merchant_id)
            continue
        passed += done
        if done < step or (stop is not None and stop.is_set()):
            return passed


async def _step(conn: Connection, cell_id: int, step: int) -> int | None:
    """The events passed; None when the figures can't be kept up by events and are to be made anew."""
    after = await locked(projection.lock_cursor(conn, cell_id))
    if after == projection.ANEW:
        return None
    upto = min(after + step, await projection.last_event(conn, cell_id))
    if upto <= after:
        return 0
    if not await projection.can_be_added(conn, cell_id, after, upto):
        return None
    await projection.apply_events(conn, cell_id, after, upto)
    return upto - after


async def merchants_behind(db: Database) -> list[int]:
    """Merchants whose figures lack events."""
    found: list[int] = []
    after = 0
    while known := [merchant.merchant_id for merchant in await list_merchants(db, after=after, limit=_PAGE)]:
        async with db.tenants(known) as conn:
            found += map(merchant_of, await standing.behind(conn, [cell_of(merchant_id) for merchant_id in known]))
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
            more, at = await standing.backlog(conn, [cell_of(merchant_id) for merchant_id in known])
        events += more
        if at is not None and (oldest is None or at < oldest):
            oldest = at
        after = known[-1]
    return Lag(events, 0.0 if oldest is None else max(0.0, (utc_now() - oldest).total_seconds()))


async def rebuild(db: Database, merchant_id: int) -> int:
    """Makes the figures anew from the orders, in one snapshot while orders go on; answers the rows made.

    FiguresBeingMade.
    """
    cell_id = cell_of(merchant_id)
    for attempt in range(_REBUILD_TRIES):
        try:
            async with db.tenant(merchant_id) as conn:
                # Orders and the number of the last event must be seen at one moment.
                await conn.execute("set transaction isolation level repeatable read")
                # It takes as long as there are orders. One that is cut off begins again, and ends never.
                await conn.execute("set local statement_timeout = 0")
                await locked(projection.lock_cursor(conn, cell_id))
                rows = await projection.replace_from_orders(conn, cell_id)
                await projection.move_cursor(conn, cell_id, await projection.last_event(conn, cell_id))
            return rows
        except psycopg.errors.SerializationFailure:
            # A step of the projection moved the cursor between our snapshot and our lock.
            if attempt == _REBUILD_TRIES - 1:
                raise
            await asyncio.sleep(0.05 * (attempt + 1))
    raise AssertionError("unreachable")
