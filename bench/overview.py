"""The figures page on the imported year: any range, all stores or one, through the service and over HTTP."""

from __future__ import annotations

import asyncio
import http.client
import random
import time
from collections.abc import Iterator
from datetime import date, timedelta

from bench.measure import Figure, NotRight, Options, quantile
from bench.serve import server
from huimeng.analytics.service import Asked as Cut
from huimeng.analytics.service import overview, project
from huimeng.entry.context import Context
from huimeng.kernel.ids import cell_of
from huimeng.merchant.service import create_api_key
from huimeng.merchant.values import ApiKeyInput

CALLS = 300
ONE_STORE_SHARE = 0.4

Asked = tuple[date, date, str | None]


async def measured(context: Context, merchant_id: int, options: Options) -> list[Figure]:
    begun = time.perf_counter()
    passed = await project(context.db, merchant_id)
    projected = time.perf_counter() - begun
    asked = list(await _questions(context, merchant_id, options.count(CALLS, 20)))
    by_service = []
    for first, last, store in asked:
        begun = time.perf_counter()
        found = await overview(context.db, merchant_id, Cut(first=first, last=last, store=store))
        by_service.append(time.perf_counter() - begun)
        if found.lag_events:
            raise NotRight(f"the figures lack {found.lag_events} events")
    async with context.db.tenant(merchant_id) as conn:
        _, token = await create_api_key(conn, merchant_id, ApiKeyInput(name="figures", scopes=["*"]))
    with server("ours", context.settings.data_dir) as port:
        over_http = await asyncio.to_thread(_ask, port, token, asked)
    note = f"over HTTP, {len(asked)} ranges, of them {ONE_STORE_SHARE:.0%} of one store"
    return [
        Figure("overview_p95_ms", _ms(over_http, 0.95), "ms", sense="<=", target=200, note=note),
        Figure("overview_p50_ms", _ms(over_http, 0.5), "ms"),
        Figure("overview_service_p95_ms", _ms(by_service, 0.95), "ms"),
        Figure("figures_projection_seconds", projected, "s", note=f"{passed:,} events of the import"),
    ]


def _ms(seconds: list[float], share: float) -> float:
    return quantile(sorted(seconds), share) * 1000


async def _questions(context: Context, merchant_id: int, count: int) -> Iterator[Asked]:
    """Ranges of any length within the days that have orders."""
    cell_id = cell_of(merchant_id)
    async with context.db.reader(merchant_id) as conn:
        cursor = await conn.execute(
            "select min(business_day), max(business_day) from orders where cell_id = %s", (cell_id,)
        )
        row = await cursor.fetchone()
        cursor = await conn.execute("select code from store where merchant_id = %s", (merchant_id,))
        stores = [code for (code,) in await cursor.fetchall()]
    assert row is not None
    first, days = row[0], (row[1] - row[0]).days
    draw = random.Random(11)

    def asked() -> Asked:
        begin, end = sorted((draw.randint(0, days), draw.randint(0, days)))
        store = draw.choice(stores) if draw.random() < ONE_STORE_SHARE else None
        return first + timedelta(days=begin), first + timedelta(days=end), store

    return (asked() for _ in range(count))


def _ask(port: int, token: str, asked: list[Asked]) -> list[float]:
    """One after the other on one connection."""
    found = []
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for first, last, store in asked:
        path = f"/v1/analytics/overview?from={first}&to={last}" + (f"&store={store}" if store else "")
        begun = time.perf_counter()
        conn.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = conn.getresponse()
        body = answer.read()
        found.append(time.perf_counter() - begun)
        if answer.status != 200:
            raise NotRight(f"{answer.status}: {body[:300]!r}")
    conn.close()
    return found
