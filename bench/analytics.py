"""Every figure over HTTP, any range and cut; how far they are behind an order; and making them anew."""

from __future__ import annotations

import asyncio
import http.client
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
import urllib.parse
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Table

from bench import overview
from bench.importing import import_alone, shorten
from bench.measure import Figure, NotRight, Options, quantile
from bench.place import database, opened
from bench.serve import server
from huimeng.analytics import tables
from huimeng.analytics.service import points, rebuild
from huimeng.entry.context import Context
from huimeng.entry.demo import MERCHANT_CODE
from huimeng.kernel.ids import cell_of
from huimeng.merchant.service import create_api_key, create_region, find_merchant_id, load_stores, update_store
from huimeng.merchant.values import ApiKeyInput, StorePatch

ENDPOINTS = (
    "overview",
    "trend?grain=day",
    "trend?grain=month",
    "breakdown?by=store",
    "breakdown?by=region",
    "breakdown?by=category",
    "repurchase",
    "cohorts",
    "rfm?method=rank",
    "rfm?method=quantile",
    "concentration",
    "top?of=category",
    "top?of=product",
    "audience",
    "points",
)
REGIONS = ("north", "south")
ROUNDS = 3
ORDERS = 20
LAG_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.05

Asked = tuple[str, str, str, str]


async def measured(folder: Path, options: Options) -> list[Figure]:
    """On the imported demo year."""
    own = folder / "figures"
    own.mkdir()
    if (folder / "alone" / "demo").exists():
        shutil.copytree(folder / "alone" / "demo", own / "demo")
    with database(own) as place:
        if options.quick:
            await shorten(own)
        await import_alone(place)
        async with opened(place) as context:
            merchant_id = await find_merchant_id(context.db, MERCHANT_CODE)
            return [
                *await overview.measured(context, merchant_id, options),
                *await _every_figure(context, merchant_id, options),
            ]


async def _every_figure(context: Context, merchant_id: int, options: Options) -> list[Figure]:
    """The year is projected; afterwards its stores have regions, and there are some orders of today."""
    await points.project(context.db, merchant_id)
    seconds, rows = await _rebuilt(context, merchant_id)
    asked = list(await _questions(context, merchant_id, 1 if options.quick else ROUNDS))
    async with context.db.tenant(merchant_id) as conn:
        _, token = await create_api_key(conn, merchant_id, ApiKeyInput(name="bench", scopes=["*"], rate_limit=0))
    folder = context.settings.data_dir
    with server("ours", folder) as port, _worker(folder):
        told = await asyncio.to_thread(_ask, port, token, asked)
        lags = await asyncio.to_thread(_lags, port, token, options.count(ORDERS, 2))
    every = sorted(seconds for _, seconds in told)
    return [
        Figure(
            "figures_p95_ms",
            quantile(every, 0.95) * 1000,
            "ms",
            sense="<=",
            target=200,
            note=f"{len(told)} requests over HTTP; {_slowest(told)}",
        ),
        Figure("figures_p50_ms", quantile(every, 0.5) * 1000, "ms"),
        Figure("figures_worst_ms", every[-1] * 1000, "ms"),
        *_by_endpoint(told),
        Figure(
            "figures_lag_seconds",
            max(lags),
            "s",
            min(lags),
            max(lags),
            "<=",
            5,
            f"the longest of {len(lags)} orders by HTTP until shown; median {statistics.median(lags):.2f}",
        ),
        Figure("figures_rebuild_seconds", seconds, "s", sense="<=", target=60, note=f"{rows:,} rows, equal to before"),
    ]


async def _rebuilt(context: Context, merchant_id: int) -> tuple[float, int]:
    """Seconds and rows; NotRight when the rows differ from those that were kept up."""
    before = await _rows(context, merchant_id)
    begun = time.perf_counter()
    await rebuild(context.db, merchant_id)
    await points.rebuild(context.db, merchant_id)
    seconds = time.perf_counter() - begun
    after = await _rows(context, merchant_id)
    if after != before:
        raise NotRight(f"figures made anew differ: {[name for name in after if after[name] != before.get(name)]}")
    return seconds, sum(count for count, _ in after.values())


async def _rows(context: Context, merchant_id: int) -> dict[str, tuple[int, str]]:
    """Number and digest of the rows of every table of the figures but the cursors."""
    found = {}
    own = [each.name for each in vars(tables).values() if isinstance(each, Table) and "cursor" not in each.name]
    async with context.db.reader(merchant_id) as conn:
        for name in own:
            cursor = await conn.execute(
                f"select count(*), coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint)::text, '') "
                f"from {name} t where cell_id = %s",
                (cell_of(merchant_id),),
            )
            row = await cursor.fetchone()
            assert row is not None
            found[name] = (int(row[0]), str(row[1]))
    return found


async def _questions(context: Context, merchant_id: int, rounds: int) -> Iterator[Asked]:
    """Every endpoint with every kind of range and of cut, so often, each time other days, stores and categories."""
    cell_id, draw = cell_of(merchant_id), random.Random(23)
    async with context.db.tenant(merchant_id) as conn:
        stores = list((await load_stores(conn, merchant_id)).by_id.values())
        for code in REGIONS:
            await create_region(conn, merchant_id, code, code)
        for number, store in enumerate(stores):
            patch = StorePatch(region=REGIONS[number % len(REGIONS)])
            await update_store(conn, merchant_id, store.store_id, patch)
    async with context.db.reader(merchant_id) as conn:
        cursor = await conn.execute(
            "select min(business_day), max(business_day) from orders where cell_id = %s", (cell_id,)
        )
        row = await cursor.fetchone()
        assert row is not None
        cursor = await conn.execute(
            "select category from order_line where cell_id = %s group by 1 order by count(*) desc limit 30", (cell_id,)
        )
        categories = [name for (name,) in await cursor.fetchall()]
    first, last = row

    def cuts() -> dict[str, str]:
        return {
            "none": "",
            "store": f"store={urllib.parse.quote(draw.choice(stores).code)}",
            "region": f"region={draw.choice(REGIONS)}",
            "category": f"category={urllib.parse.quote(draw.choice(categories))}",
        }

    asked = [
        (endpoint, span, name, "&".join(filter(None, (f"from={days[0]}&to={days[1]}", cut))))
        for _ in range(rounds)
        for endpoint in ENDPOINTS
        for span, days in _ranges(first, last, draw).items()
        for name, cut in cuts().items()
    ]
    draw.shuffle(asked)
    return iter(asked)


def _ranges(first: date, last: date, draw: random.Random) -> dict[str, tuple[date, date]]:
    def of(length: int) -> tuple[date, date]:
        begin = first + timedelta(days=draw.randrange(max(1, (last - first).days - length + 2)))
        return begin, min(last, begin + timedelta(days=length - 1))

    # A year that begins anywhere, and all that there is and more: nine years.
    return {
        "day": of(1),
        "month": of(30),
        "quarter": of(91),
        "year": (first, last),
        "all": (first - timedelta(days=1460), last + timedelta(days=1460)),
    }


def _ask(port: int, token: str, asked: list[Asked]) -> list[tuple[Asked, float]]:
    """One after the other on one connection; the first ones warm up and don't count."""
    found = []
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for number, each in enumerate([*asked[:30], *asked]):
        endpoint, span, _, query = each
        # Of nine years a day's bars would be more than there may be.
        if endpoint == "trend?grain=day" and span == "all":
            endpoint = "trend?grain=week"
        path = f"/v1/analytics/{endpoint}{'&' if '?' in endpoint else '?'}{query}"
        begun = time.perf_counter()
        conn.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = conn.getresponse()
        body = answer.read()
        seconds = time.perf_counter() - begun
        if answer.status != 200:
            raise NotRight(f"{path}: {answer.status}: {body[:300]!r}")
        if number >= 30:
            found.append((each, seconds))
    conn.close()
    return found


def _slowest(told: list[tuple[Asked, float]]) -> str:
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for (endpoint, span, cut, _), seconds in told:
        found[endpoint, span, cut].append(seconds)
    (endpoint, span, cut), times = max(found.items(), key=lambda each: statistics.median(each[1]))
    return f"slowest: {endpoint} of a {span}, cut: {cut}, {statistics.median(times) * 1000:.0f} ms"


def _by_endpoint(told: list[tuple[Asked, float]]) -> list[Figure]:
    found: dict[str, list[float]] = defaultdict(list)
    for (endpoint, _, _, _), seconds in told:
        found[endpoint].append(seconds)
    return [
        Figure(f"figures_{_name(endpoint)}_p95_ms", quantile(sorted(times), 0.95) * 1000, "ms")
        for endpoint, times in found.items()
    ]


def _name(endpoint: str) -> str:
    return endpoint.replace("?", "_").partition("=")[0].replace("_method", "").replace("_grain", "") + (
        f"_{endpoint.partition('=')[2]}" if "=" in endpoint else ""
    )


@contextmanager
def _worker(folder: Path) -> Iterator[None]:
    """The background process as `huimeng run` starts it."""
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "huimeng.entry.worker"],
            env={**os.environ, "HUIMENG_DATA": str(folder), "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics-ours")},
            stderr=log,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def _lags(port: int, token: str, orders: int) -> list[float]:
    """Seconds from the answer to an order until the overview of its day holds it."""
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def call(method: str, path: str, body: Any = None, key: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        sent = None if body is None else msgspec.json.encode(body)
        conn.request(method, path, sent, headers | ({"Idempotency-Key": key} if key else {}))
        answer = conn.getresponse()
        told = answer.read()
        if answer.status >= 300:
            raise NotRight(f"{path}: {answer.status}: {told[:300]!r}")
        return msgspec.json.decode(told)

    store = call("GET", "/v1/stores?limit=1")["items"][0]["code"]
    found = []
    for number in range(orders):
        order = {
            "store": store,
            "order_no": f"lag-{number}",
            "lines": [{"sku": "milk", "quantity": "1", "paid_fen": 1290}],
            "tenders": [{"kind": "cash", "amount_fen": 1290}],
        }
        day = call("POST", "/v1/orders", order, f"lag-{number}")["business_day"]
        begun = time.perf_counter()
        path = f"/v1/analytics/overview?from={day}&to={day}&store={urllib.parse.quote(store)}"
        while call("GET", path)["figures"]["orders"] < number + 1:
            if time.perf_counter() - begun > LAG_WAIT_SECONDS:
                raise NotRight("an order never came into the figures")
            time.sleep(_POLL_SECONDS)
        found.append(time.perf_counter() - begun)
        # Not in step with the rounds of the worker.
        time.sleep(0.11 * (number % 7))
    conn.close()
    return found
