"""What is asked: whose figures, cut how, of which days; and how fresh they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any, Literal

import msgspec

from huimeng.analytics import rules
from huimeng.analytics.rules import Chosen, Period
from huimeng.analytics.store import standing as standings
from huimeng.analytics.store.rows import Cut
from huimeng.analytics.values import PeriodOut
from huimeng.infra.database import Connection, Database
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import business_day, utc_now
from huimeng.merchant.errors import StoreNotAllowed, StoreNotFound
from huimeng.merchant.rules import place_code
from huimeng.merchant.service import get_merchant, load_stores
from huimeng.merchant.service.profile import get_region
from huimeng.merchant.values import Merchant, Store

Span = Literal["30 days", "12 months"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """None: not asked for. region '' is the stores in none, category '' the lines without one.

    only: ids of the stores that the caller may see; None: all.
    """

    first: date | None = None
    last: date | None = None
    store: str | None = None
    region: str | None = None
    category: str | None = None
    only: Collection[int] | None = None


class Scope(msgspec.Struct, frozen=True):
    """One question on one snapshot: the merchant's stores in the cut, and the days to show."""

    conn: Connection
    merchant: Merchant
    asked: Asked
    stores: list[Store]
    cut: Cut
    period: Period
    chosen: Chosen
    today: date

    @property
    def cell_id(self) -> int:
        return cell_of(self.merchant.merchant_id)

    async def data_to(self) -> date | None:
        """The last business day of which there are orders, in any store that the caller may see."""
        only = self.asked.only
        return await standings.last_day(self.conn, self.cell_id, Cut(None if only is None else tuple(only)))

    async def whole_to(self) -> date | None:
        """The last business day that can be judged: there are orders up to it, and it is over."""
        found = await self.data_to()
        return None if found is None else min(found, self.today - timedelta(days=1))

    async def told(self, transfers: int | None = None) -> dict[str, Any]:
        """What every answer begins with; transfers: how many are lacking, of figures that follow those.

        They are written with events and followed in the same round, so the age is that of the events.
        """
        fresh = await standings.standing(self.conn, self.cell_id)
        lacking = fresh.lag_events if transfers is None else transfers
        now = utc_now()
        lag = 0.0 if fresh.oldest is None or not lacking else max(0.0, (now - fresh.oldest).total_seconds())
        asked = self.asked
        return {
            "currency": self.merchant.currency,
            "store": asked.store,
            "region": asked.region,
            "category": asked.category,
            "stores_only": None if asked.only is None else [store.code for store in self.stores],
            "lag_events": lacking,
            "lag_seconds": round(lag, 3),
            # With nothing outstanding the figures are those of this moment.
            "as_of": fresh.at if lacking else now,
            "period": PeriodOut(self.period.first, self.period.last, self.chosen),
        }


@asynccontextmanager
async def scoped(db: Database, merchant_id: int, asked: Asked, span: Span = "30 days") -> AsyncIterator[Scope]:
    """InvalidInput, StoreNotFound, RegionNotFound, StoreNotAllowed; span: the days when none are asked for."""
    async with db.reader(merchant_id) as conn:
        merchant = await get_merchant(conn, merchant_id)
        book = await load_stores(conn, merchant_id)
        if asked.region:
            await get_region(conn, merchant_id, place_code("region", asked.region))
        stores = _stores(asked, book.by_code)
        where = merchant if asked.store is None else _store(asked.store, book.by_code)
        today = business_day(utc_now(), where.timezone, where.day_cut_minutes)
        # All stores one by one are the whole shop, which has tables of its own.
        whole = len(stores) == len(book.by_id) and asked.only is None
        cut = Cut(None if whole else tuple(store.store_id for store in stores), asked.category)
        period, chosen = await _period(conn, cell_of(merchant_id), asked, cut, today, span)
        yield Scope(conn, merchant, asked, stores, cut, period, chosen, today)


def _store(code: str, by_code: dict[str, Store]) -> Store:
    found = by_code.get(place_code("store", code))
    if found is None:
        raise StoreNotFound(code[:64])
    return found


def _stores(asked: Asked, by_code: dict[str, Store]) -> list[Store]:
    """The stores of the cut, in the order of their codes; StoreNotFound, StoreNotAllowed."""
    found = [by_code[code] for code in sorted(by_code)]
    if asked.store is not None:
        found = [_store(asked.store, by_code)]
        if asked.only is not None and found[0].store_id not in asked.only:
            raise StoreNotAllowed()
    if asked.only is not None:
        found = [store for store in found if store.store_id in asked.only]
    if asked.region is not None:
        region = asked.region and place_code("region", asked.region)
        found = [store for store in found if (store.region or "") == region]
    return found


async def _period(
    conn: Connection, cell_id: int, asked: Asked, cut: Cut, today: date, span: Span
) -> tuple[Period, Chosen]:
    """Days that hold no order are left for the last ones that do, unless they were asked for."""
    if asked.first is not None or asked.last is not None:
        return rules.asked_period(asked.first, asked.last, today), "asked"
    upto = rules.thirty_days_to if span == "30 days" else rules.twelve_months_to
    period = upto(today)
    chosen: Chosen = "last_30_days" if span == "30 days" else "last_12_months"
    newest = await standings.last_day(conn, cell_id, cut, today)
    if newest is None or newest < period.first:
        newest = await standings.last_day(conn, cell_id, cut)
        if newest is not None:
            return upto(newest), "last_with_data"
    return period, chosen
