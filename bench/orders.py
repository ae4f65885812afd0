"""`POST /v1/orders` over HTTP: ours against a plain psycopg handler and an ORM handler."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack

import msgspec

from bench.load import Client, Plan, Result, order_body
from bench.measure import (
    Figure,
    NotRight,
    Options,
    Run,
    Variant,
    extra_figure,
    interleaved,
    latency_figures,
    rate_figure,
    rates,
    ratio,
)
from bench.place import Place, Shop, make_shops, opened
from bench.same_rows import compare, verified
from bench.serve import server
from huimeng.entry.context import Context

WAYS = ("ours", "plain", "orm")
CONNECTIONS = 64
MEMBERS = 40
_first = itertools.count(1, 1_000_000)


async def measured(place: Place, options: Options) -> list[Figure]:
    async with opened(place) as context:
        count = options.count(CONNECTIONS, 4)
        shops = await make_shops(context, "http", count, options.count(MEMBERS, 4))
        with ExitStack() as stack:
            ports = {name: stack.enter_context(server(name, place.folder)) for name in WAYS}
            rows = await same_rows(context, ports, options)
            await _warm_up(place, shops, ports, options)
            runs = await _rounds(place, context, shops, ports, options)
    return [
        ratio("http_orders_vs_plain", rates(runs["ours"]), rates(runs["plain"]), 4),
        ratio("http_orders_vs_orm", rates(runs["ours"]), rates(runs["orm"]), 8),
        *(rate_figure(f"http_orders_{name}", runs[name]) for name in WAYS),
        *(figure for name in WAYS for figure in latency_figures(f"http_orders_{name}", runs[name])),
        extra_figure("http_generator_cpu", runs["ours"], "cpu_us", "us"),
        rows,
    ]


async def _warm_up(place: Place, shops: list[Shop], ports: Mapping[str, int], options: Options) -> None:
    """Tables that the planner knows, then every connection of every server with its statements prepared."""
    for name in ("ours", *ports):
        plan = Plan(ports[name], _clients(shops), options.seconds(1.5), next(_first))
        await load(plan)
        place.admin("vacuum analyze")


def _clients(shops: list[Shop]) -> list[Client]:
    return [Client(shop.token, shop.members) for shop in shops]


async def _rounds(
    place: Place, context: Context, shops: list[Shop], ports: Mapping[str, int], options: Options
) -> dict[str, list[Run]]:
    clients = _clients(shops)

    def variant(port: int) -> Variant:
        async def run() -> Run:
            plan = Plan(port, clients, options.seconds(2.0), next(_first), warm_up=options.seconds(0.5))
            result = await load(plan)
            if result.failures:
                raise NotRight(f"an order was refused: {result.failures[0]}")
            return Run(result.answers / result.seconds, result.latencies, {"cpu_us": result.cpu_us})

        return run

    async def after_round() -> None:
        await verified(context.db, [shop.merchant_id for shop in shops])
        place.admin("checkpoint")

    return await interleaved({name: variant(port) for name, port in ports.items()}, options.rounds, after_round)


async def load(plan: Plan) -> Result:
    """Runs the generator in a process of its own; it is ended when we are."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        output, _ = await process.communicate(msgspec.json.encode(plan))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise RuntimeError("the load generator failed")
    return msgspec.json.decode(output, type=Result)


async def same_rows(context: Context, ports: Mapping[str, int], options: Options) -> Figure:
    """The same orders to each server, each for a merchant of its own: equal answers, equal rows."""
    twins = await make_shops(context, "http-twin", len(ports), 3)
    answers = []
    for shop, port in zip(twins, ports.values(), strict=True):
        # The last one is sent twice: the kept answer comes back.
        numbers = (*range(options.count(11, 5)), options.count(10, 4))
        answers.append([await asyncio.to_thread(_post, port, shop, number) for number in numbers])
    if any(found != answers[0] for found in answers[1:]):
        raise NotRight("the handlers answered differently")
    mine, *others = (shop.merchant_id for shop in twins)
    names = list(ports)[1:]
    rows = await compare(context.db, mine, dict(zip(names, others, strict=True)), least=50)
    await verified(context.db, [mine, *others])
    return Figure("http_rows_compared", rows, "rows", note="equal in all three ways, answers too")


def _post(port: int, shop: Shop, number: int) -> bytes:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/orders",
        order_body(shop.members[number % len(shop.members)], f"{number:012d}"),
        {
            "Authorization": f"Bearer {shop.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"same-{number}",
        },
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        body: bytes = answer.read()
        return body
