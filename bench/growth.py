"""One merchant with a thousand members and one with a million: what an order takes at each, in turn."""

from __future__ import annotations

import itertools
import random

from bench.load import Client, Plan
from bench.measure import Figure, NotRight, Options, Run, Variant, interleaved, latency_figures, ratio
from bench.orders import load
from bench.place import Place, Shop, make_shops, opened
from bench.serve import server

MEMBERS = 1000
# A million members: each of the thousand once more, so many times.
TIMES = 1000
ASKED = 2000
CONNECTIONS = 4
SECONDS = 2.0
# How far apart the numbers of a member and its twin are; ids are numbers x 1024.
_STEP = 10_000 * 1024
_first = itertools.count(90_000_000, 1_000_000)

# What grows with members: who they are, what they hold, one order of each with one line.
_TWINS = {
    "member": "cell_id, member_id + {n}, status, wrapped_key, name, birthday, store_id, staff, channel, campaign, "
    "registered_at, joined_at, consent_version, consent_at, tags",
    "member_identity": "cell_id, kind, sha256(blind_index || int4send(k)), member_id + {n}, sealed, tail_index",
    "account": "cell_id, account_id + {n} * 64, balance, debt, next_lot",
    "lot": "cell_id, account_id + {n} * 64, lot_id, expires_at, earned, remaining, expired, closed",
    "orders": "cell_id, order_id + {n}, source, store_id, business_day, order_no || '-' || k, member_id + {n}, "
    "ordered_at, list_fen, paid_fen, refunded_fen, status, content_hash, created_at",
    "order_line": "cell_id, order_id + {n}, line_no, points_earned, list_fen, paid_fen, refunded_fen, growth_earned, "
    "points_reversed, growth_reversed, quantity, refunded_quantity, sku, product, category, line_key",
}


async def measured(place: Place, options: Options) -> list[Figure]:
    times = options.count(TIMES, 3)
    async with opened(place) as context:
        small, big = await make_shops(context, "growth", 2, options.count(MEMBERS, 20))
        with server("ours", place.folder) as port:
            for shop in (small, big):
                await _one_order_each(port, shop)
            _grow(place, big, times)
            place.admin("vacuum analyze")
            place.admin("checkpoint")
            runs = await _rounds(port, small, big, times, options)
    note = f"{len(small.members):,} against {len(big.members) * times:,} members, {CONNECTIONS} connections"
    return [
        ratio("complete_p50_growth", _p50(runs["big"]), _p50(runs["small"]), 1.5, "<=", note),
        *latency_figures("complete_small", runs["small"]),
        *latency_figures("complete_big", runs["big"]),
    ]


def _p50(runs: list[Run]) -> list[float]:
    return [run.at(0.5) for run in runs]


async def _one_order_each(port: int, shop: Shop) -> None:
    """Everybody has bought once, so that there are accounts, lots and orders to multiply."""
    share = -(-len(shop.members) // 50)
    clients = [Client(shop.token, shop.members[at : at + share]) for at in range(0, len(shop.members), share)]
    result = await load(Plan(port, clients, 2.0 if share > 1 else 0.2, next(_first)))
    if result.failures:
        raise NotRight(f"an order was refused: {result.failures[0]}")


def _grow(place: Place, shop: Shop, times: int) -> None:
    """Rows of the thousand, multiplied in the database: not by the front door, which a million members would take
    some minutes to come through."""
    for table, columns in _TWINS.items():
        only = " and line_no = 1" if table == "order_line" else ""
        place.admin(
            f"insert into {table} select {columns.format(n=f'k::bigint * {_STEP}')} "
            f"from {table}, generate_series(1, {times - 1}) k where cell_id = {shop.cell_id}{only}"
        )
    place.admin(f"update cell_head set entity_seq = {_STEP // 1024 * (times + 1)} where cell_id = {shop.cell_id}")


async def _rounds(port: int, small: Shop, big: Shop, times: int, options: Options) -> dict[str, list[Run]]:
    chosen = random.Random(7)
    asked = [chosen.choice(big.members) + chosen.randrange(times) * _STEP for _ in range(options.count(ASKED, 20))]

    def variant(token: str, members: list[int]) -> Variant:
        clients = [Client(token, members[at::CONNECTIONS]) for at in range(CONNECTIONS)]

        async def run() -> Run:
            plan = Plan(port, clients, options.seconds(SECONDS), next(_first), warm_up=options.seconds(0.5))
            result = await load(plan)
            if result.failures:
                raise NotRight(f"an order was refused: {result.failures[0]}")
            return Run(result.answers / result.seconds, result.latencies)

        return run

    async def nothing() -> None:
        """The million came by another way than the book, so there is nothing to verify."""

    variants = {"small": variant(small.token, small.members), "big": variant(big.token, asked)}
    return await interleaved(variants, options.rounds, nothing)
