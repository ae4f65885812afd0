"""More orders than the server can take: how many it still takes, how fast it refuses the rest, how soon it is well."""

from __future__ import annotations

import itertools
import os

from bench.family import busy_seconds, family
from bench.load import Client, Plan, Result
from bench.measure import Figure, NotRight, Options, Sense, quantile
from bench.orders import load
from bench.place import Place, Shop, make_shops, opened
from bench.same_rows import verified
from bench.serve import server

CONNECTIONS = 64
# Of impatient customers: enough for every refusal on its way.
CROWD = 1024
MEMBERS = 40
SECONDS = 4.0
TIMES = (2, 5)
WELL_MS = 100.0
_first = itertools.count(50_000_000, 1_000_000)


async def measured(place: Place, options: Options) -> list[Figure]:
    async with opened(place) as context:
        shops = await make_shops(context, "overload", options.count(CONNECTIONS, 4), options.count(MEMBERS, 4))
        with server("ours", place.folder) as port:
            round_ = _Round(port, shops, options)
            await round_.closed(SECONDS)
            place.admin("vacuum analyze")
            rounds = []
            for _ in range(options.rounds):
                rounds.append(await round_.run())
                await verified(context.db, [shop.merchant_id for shop in shops])
                place.admin("checkpoint")
        floor = await _cheapest_refusal(place, shops, options)
    return [*_figures(rounds), Figure("limit_refusal", floor * 1e6, "us")]


async def _cheapest_refusal(place: Place, shops: list[Shop], options: Options) -> float:
    """Processor seconds of a server that does nothing but refuse, and that as fast as it can, for each refusal."""
    with server("refusing", place.folder) as port:
        clients = [Client(shop.token, shop.members) for shop in shops] * (options.count(CROWD, 16) // len(shops))
        before = sum(map(busy_seconds, family(os.getpid())))
        result = await load(Plan(port, clients, options.seconds(SECONDS), next(_first), impatient=True))
        used = sum(map(busy_seconds, family(os.getpid()))) - before
    return used / max(1, len(result.refused))


class _Round:
    def __init__(self, port: int, shops: list[Shop], options: Options) -> None:
        self._port = port
        self._clients = [Client(shop.token, shop.members) for shop in shops]
        self._options = options

    async def closed(self, seconds: float) -> Result:
        """What all connections together get through."""
        return await self._load(Plan(self._port, self._clients, self._options.seconds(seconds), next(_first)))

    async def run(self) -> dict[str, float]:
        found: dict[str, float] = {}
        full = await self.closed(SECONDS)
        capacity = found["capacity"] = full.answers / full.seconds
        steady = await self.open(capacity * 0.7, SECONDS)
        found["p99_at_70"] = quantile(steady.latencies, 0.99) * 1000
        crowd = self._options.count(CROWD, 16) // len(self._clients)
        for times in TIMES:
            result = await self.open(capacity * times, SECONDS, crowd)
            if times == TIMES[-1]:
                found["recovery"] = await self._recovery(capacity * 0.5)
            # A shared machine is not as fast as it was some seconds ago: before and after, and the middle of both.
            full = await self.closed(SECONDS / 2)
            before, capacity = capacity, full.answers / full.seconds
            found[f"goodput_{times}"] = result.answers / result.seconds * 2 / (before + capacity)
            found[f"refusal_p99_{times}"] = quantile(result.refused, 0.99) * 1000
            found[f"taken_p99_{times}"] = quantile(result.latencies, 0.99) * 1000
            found[f"away_{times}"] = result.away / (result.sent + result.away)
        return found

    async def _recovery(self, rate: float) -> float:
        """Seconds until a second of ordinary trade is like any other: nobody refused, nobody kept waiting."""
        for second in range(10):
            result = await self.open(rate, 1.0, 1)
            if not result.refused and not result.away and quantile(result.latencies, 0.99) * 1000 <= WELL_MS:
                return float(second)
        return float("inf")

    async def open(self, rate: float, seconds: float, crowd: int = 0) -> Result:
        plan = Plan(
            self._port,
            self._clients * max(1, crowd),
            self._options.seconds(seconds),
            next(_first),
            rate=rate,
            impatient=crowd > 0,
        )
        return await self._load(plan)

    async def _load(self, plan: Plan) -> Result:
        result = await load(plan)
        if result.failures:
            raise NotRight(f"an order was neither taken nor refused: {result.failures[0]}")
        return result


def _figures(rounds: list[dict[str, float]]) -> list[Figure]:
    def middle(
        name: str, values: list[float], unit: str, sense: Sense | None = None, target: float | None = None
    ) -> Figure:
        ordered = sorted(values)
        return Figure(
            name,
            ordered[len(ordered) // 2],
            unit,
            ordered[0],
            ordered[-1],
            sense,
            target,
        )

    worst = [min(found[f"goodput_{times}"] for times in TIMES) for found in rounds]
    slowest = [max(found[f"refusal_p99_{times}"] for times in TIMES) for found in rounds]
    figures = [
        middle("overload_goodput", worst, "of capacity", ">=", 0.8),
        middle("overload_429_p99_ms", slowest, "ms", "<=", 50),
        middle("overload_recovery_seconds", [found["recovery"] for found in rounds], "s", "<=", 5),
        middle("http_p99_ms_at_70", [found["p99_at_70"] for found in rounds], "ms", "<=", 100),
        middle("overload_capacity", [found["capacity"] for found in rounds], "/s"),
    ]
    for times in TIMES:
        figures += [
            middle(f"overload_goodput_{times}x", [found[f"goodput_{times}"] for found in rounds], "of capacity"),
            middle(f"overload_429_p99_ms_{times}x", [found[f"refusal_p99_{times}"] for found in rounds], "ms"),
            middle(f"overload_taken_p99_ms_{times}x", [found[f"taken_p99_{times}"] for found in rounds], "ms"),
            middle(f"overload_away_{times}x", [found[f"away_{times}"] for found in rounds], "of arrivals"),
        ]
    return figures
