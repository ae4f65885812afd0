"""The ledger alone: the Teller against a plain transaction and against one SQL function a request."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import msgspec
import psycopg

from bench.earning import CREATE_FUNCTION, EarnPoints, Wanted, connect, earn_function, earn_naive
from bench.measure import (
    Figure,
    NotRight,
    Options,
    Run,
    Variant,
    interleaved,
    latency_figures,
    rate_figure,
    rates,
    ratio,
)
from bench.place import Place, Shop, make_shops, opened
from bench.same_rows import compare, verified
from huimeng.entry.context import Context
from huimeng.infra.database import Connection
from huimeng.kernel.ids import entity_id

IN_FLIGHT = 64
SHOPS = 64
# Holders of accounts need no member row; their numbers are far from those that are given out.
FIRST_HOLDER = 1_000_000
HOLDERS = 160
HOT_SHARE = 0.8
TABLES = ("account", "lot", "transfer", "outbox", "idempotency", "cell_head")

Earn = Callable[[Wanted], Awaitable[bytes]]
Pick = Callable[[int], tuple[int, int]]
_numbers = itertools.count(1)


class Ground(msgspec.Struct, frozen=True):
    """Merchants whose accounts exist already, so that every way updates the same number of rows."""

    place: Place
    context: Context
    shops: list[Shop]
    holders: int

    def uniform(self, task: int) -> tuple[int, int]:
        """Each task keeps to a merchant: so the plain ways never wait for each other's locks."""
        cell_id = self.shops[task % len(self.shops)].cell_id
        return cell_id, holder(random.randrange(self.holders), cell_id)

    def hot(self, task: int) -> tuple[int, int]:
        if random.random() < HOT_SHARE:
            cell_id = self.shops[0].cell_id
            return cell_id, holder(0, cell_id)
        return self.uniform(random.randrange(len(self.shops)))


def holder(number: int, cell_id: int) -> int:
    return entity_id(FIRST_HOLDER + number, cell_id)


@asynccontextmanager
async def ground(place: Place, options: Options, prefix: str) -> AsyncIterator[Ground]:
    with psycopg.connect(place.urls.owner, autocommit=True) as conn:
        conn.execute(CREATE_FUNCTION)
    async with opened(place) as context:
        shops = await make_shops(context, prefix, options.count(SHOPS, 4), 0)
        prepared = Ground(place, context, shops, options.count(HOLDERS, 8))
        for shop in shops:
            names = [holder(number, shop.cell_id) for number in range(prepared.holders)]
            await asyncio.gather(*(context.teller.submit(EarnPoints(_wanted(shop.cell_id, name, 1))) for name in names))
        place.admin("vacuum analyze")
        yield prepared


def _wanted(cell_id: int, name: int, amount: int) -> Wanted:
    return Wanted(cell_id, name, amount, f"bench:{next(_numbers):016d}")


# The three ways, each made ready for some requests in flight.

Way = Callable[[Ground, int], AbstractAsyncContextManager[list[Earn]]]


@asynccontextmanager
async def ours(found: Ground, tasks: int) -> AsyncIterator[list[Earn]]:
    teller = found.context.teller

    async def earn(wanted: Wanted) -> bytes:
        return (await teller.submit(EarnPoints(wanted))).body

    yield [earn] * tasks


def naive(found: Ground, tasks: int) -> AbstractAsyncContextManager[list[Earn]]:
    return _connected(found, tasks, earn_naive)


def function(found: Ground, tasks: int) -> AbstractAsyncContextManager[list[Earn]]:
    return _connected(found, tasks, earn_function)


@asynccontextmanager
async def _connected(
    found: Ground, tasks: int, earn: Callable[[Connection, Wanted], Awaitable[bytes]]
) -> AsyncIterator[list[Earn]]:
    """A connection for each request in flight: no time goes into a pool."""
    conns = [await connect(found.place.urls) for _ in range(tasks)]
    try:
        yield [_bound(earn, conn) for conn in conns]
    finally:
        for conn in conns:
            await conn.close()


def _bound(earn: Callable[[Connection, Wanted], Awaitable[bytes]], conn: Connection) -> Earn:
    def call(wanted: Wanted) -> Awaitable[bytes]:
        return earn(conn, wanted)

    return call


# Measuring.


async def closed_loop(calls: Sequence[Earn], pick: Pick, seconds: float) -> Run:
    """Every task sends its next request when the last one was answered."""
    latencies: list[float] = []
    begun = time.perf_counter()
    end = begun + seconds

    async def task(number: int, call: Earn) -> None:
        before = time.perf_counter()
        while before < end:
            cell_id, name = pick(number)
            await call(_wanted(cell_id, name, 1 + number))
            after = time.perf_counter()
            latencies.append(after - before)
            before = after

    await asyncio.gather(*(task(number, call) for number, call in enumerate(calls)))
    elapsed = time.perf_counter() - begun
    return Run(len(latencies) / elapsed, sorted(latencies))


async def _compared(
    found: Ground, ways: Mapping[str, Way], tasks: int, pick: Pick, seconds: float, rounds: int
) -> dict[str, list[Run]]:
    merchants = [shop.merchant_id for shop in found.shops]
    async with AsyncExitStack() as stack:
        variants: dict[str, Variant] = {}
        for name, way in ways.items():
            calls = await stack.enter_async_context(way(found, tasks))
            # Once for each connection before the clock starts: statements are prepared then.
            await asyncio.gather(*(call(_wanted(*pick(number), 1)) for number, call in enumerate(calls)))
            variants[name] = _variant(calls, pick, seconds)

        async def after_round() -> None:
            await verified(found.context.db, merchants)
            found.place.admin("checkpoint")

        return await interleaved(variants, rounds, after_round)


def _variant(calls: Sequence[Earn], pick: Pick, seconds: float) -> Variant:
    async def run() -> Run:
        return await closed_loop(calls, pick, seconds)

    return run


WAYS: Mapping[str, Way] = {"ours": ours, "naive": naive, "function": function}


async def same_rows(found: Ground, options: Options) -> Figure:
    """The same earnings in all three ways, each on a merchant of its own, must leave the same rows and answers."""
    twins = await make_shops(found.context, "twin", len(WAYS), 0)
    draw = random.Random(7)
    script = [(draw.randrange(9), draw.randrange(1, 500)) for _ in range(options.count(60, 20))]
    script += script[-1:]
    answers: dict[str, list[bytes]] = {}
    for shop, (name, way) in zip(twins, WAYS.items(), strict=True):
        async with way(found, 1) as (call,):
            answers[name] = [
                await call(Wanted(shop.cell_id, holder(who, shop.cell_id), amount, f"same:{number % 50}:{amount}"))
                for number, (who, amount) in enumerate(script)
            ]
    if len({tuple(found) for found in answers.values()}) != 1:
        raise NotRight("the three ways answered differently")
    merchants = {name: shop.merchant_id for name, shop in zip(WAYS, twins, strict=True)}
    mine = merchants.pop("ours")
    rows = await compare(found.context.db, mine, merchants, least=len(script))
    await verified(found.context.db, [mine, *merchants.values()])
    return Figure("ledger_rows_compared", rows, "rows", note="equal in all three ways")


async def uniform(found: Ground, options: Options) -> list[Figure]:
    runs = await _compared(
        found, WAYS, options.count(IN_FLIGHT, 8), found.uniform, options.seconds(1.5), options.rounds
    )
    return [
        ratio("ledger_uniform_vs_naive", rates(runs["ours"]), rates(runs["naive"]), 5),
        ratio("ledger_uniform_vs_function", rates(runs["ours"]), rates(runs["function"]), 2),
        *(rate_figure(f"ledger_uniform_{name}", runs[name]) for name in WAYS),
        *latency_figures("ledger_uniform_ours", runs["ours"]),
        *latency_figures("ledger_uniform_naive", runs["naive"]),
    ]


async def single(found: Ground, options: Options) -> list[Figure]:
    ways = {"ours": ours, "naive": naive, "function": function}
    runs = await _compared(found, ways, 1, found.uniform, options.seconds(0.8), options.rounds)
    p50 = {name: [run.at(0.5) for run in found_runs] for name, found_runs in runs.items()}
    return [
        ratio("ledger_single_p50_vs_naive", p50["ours"], p50["naive"], 2, "<="),
        *(figure for name in ways for figure in latency_figures(f"ledger_single_{name}", runs[name])[:1]),
    ]


async def hot(found: Ground, options: Options) -> list[Figure]:
    """On a server whose flushes take 1 ms longer."""
    runs = await _compared(found, WAYS, options.count(IN_FLIGHT, 8), found.hot, options.seconds(1.5), options.rounds)
    return [
        ratio("ledger_hot_1ms_vs_naive", rates(runs["ours"]), rates(runs["naive"]), 10),
        *(rate_figure(f"ledger_hot_1ms_{name}", runs[name]) for name in WAYS),
        *latency_figures("ledger_hot_1ms_ours", runs["ours"]),
    ]


async def efficiency(found: Ground, options: Options) -> list[Figure]:
    """What the server does for one transfer, when nobody else writes."""
    figures = []
    for name, way in WAYS.items():
        before = _effort(found.place)
        async with way(found, options.count(IN_FLIGHT, 8)) as calls:
            run = await closed_loop(calls, found.uniform, options.seconds(1.5))
        transfers = len(run.latencies)
        await asyncio.sleep(0 if options.quick else 1.5)
        flushes, wal, size = (b - a for a, b in zip(before, _effort(found.place), strict=True))
        figures += [
            Figure(f"ledger_{name}_flushes_per_transfer", flushes / transfers, ""),
            Figure(f"ledger_{name}_wal_bytes_per_transfer", wal / transfers, "B"),
            Figure(f"ledger_{name}_bytes_per_transfer", size / transfers, "B", note="tables and indexes"),
        ]
    return figures


def _effort(place: Place) -> tuple[float, ...]:
    """(flushes, bytes of WAL, bytes of tables and indexes) so far."""
    sizes = " + ".join(f"pg_total_relation_size('{table}')" for table in TABLES)
    (row,) = place.admin(
        "select (select sum(fsyncs) from pg_stat_io where object = 'wal'), "
        f"pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'), {sizes}"
    )
    return tuple(float(str(value)) for value in row)
