"""What keeps the figures up while the system runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import psycopg

from huimeng.analytics import service
from huimeng.analytics.errors import FiguresBeingMade
from huimeng.analytics.service import points
from huimeng.infra import metrics
from huimeng.infra.database import Database
from huimeng.infra.rounds import FIGURES, counted_round, expect_round
from huimeng.infra.tracing import job
from huimeng.kernel.errors import Unavailable

log = logging.getLogger("huimeng.analytics")
# While the database is away there is no point in asking twice a second.
_AWAY_INTERVAL = 2.0


async def follow(db: Database, stop: asyncio.Event, interval: float = 0.5) -> None:
    """Projects every merchant that is behind, until `stop` is set; survives the database going away."""
    expect_round(FIGURES)
    away = False
    troubled: set[int] = set()
    while not stop.is_set():
        try:
            with counted_round(FIGURES):
                await _round(db, stop, troubled)
            if away:
                away = False
                log.info("the database is back; figures are kept up again")
        except (Unavailable, psycopg.OperationalError, psycopg.InterfaceError):
            if not away:
                away = True
                log.warning("the database is away; figures stand still until it is back")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(interval, _AWAY_INTERVAL) if away else interval)


async def tell_lag(db: Database) -> None:
    """How far the figures are behind, over all merchants, for whoever watches."""
    behind = await service.lag(db)
    metrics.LAG_EVENTS.labels(FIGURES).set(behind.events)
    metrics.LAG_SECONDS.labels(FIGURES).set(behind.seconds)


def _database_is_away(error: Exception) -> bool:
    """A statement that took too long, or waited too long for a lock, is its merchant's trouble alone."""
    if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
        return False
    return isinstance(error, Unavailable | psycopg.OperationalError | psycopg.InterfaceError)


async def _round(db: Database, stop: asyncio.Event, troubled: set[int]) -> None:
    for merchant_id in await service.merchants_behind(db):
        if stop.is_set():
            return
        try:
            with job(FIGURES, merchant_id):
                await service.project(db, merchant_id, stop=stop)
                await points.project(db, merchant_id, stop=stop)
        except FiguresBeingMade:
            # They hold all events when that is done.
            log.debug("figures of merchant %d are made anew", merchant_id)
        except Exception as error:
            if _database_is_away(error):
                raise
            # One merchant's trouble must not stop the others; said once, or the log fills twice a second.
            if merchant_id not in troubled:
                log.exception("figures of merchant %d can't be kept up", merchant_id)
            troubled.add(merchant_id)
        else:
            troubled.discard(merchant_id)
