"""Answers that get lost after the commit, and a database that is away for a while.

HUIMENG_OUTAGE=30 makes it stay away for so many seconds.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from huimeng.checkout.commands import CompleteOrder, RefundOrder
from huimeng.entry.context import shelves
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.teller import Reply, Teller
from huimeng.kernel.errors import Unavailable
from huimeng.merchant.service import merchant_keys
from tests.conftest import Shop
from tests.desk import Clock, Desk, line, part
from tests.faults.proxy import Proxy, before_database

OUTAGE_SECONDS = float(os.environ.get("HUIMENG_OUTAGE", "4"))
# The Teller says so at once; a pool lets a request wait for a connection, and tries anew with growing pauses.
TELLER_SECONDS, POOL_SECONDS = 1.0, 2.0
BACK_SECONDS = 2.0
# The machine may have other work at a moment, but not at each.
TRIES = 3


@pytest.fixture
async def line_to(urls: DatabaseUrls) -> AsyncIterator[tuple[Proxy, DatabaseUrls]]:
    with tempfile.TemporaryDirectory(prefix="hm") as folder:
        async with before_database(urls, Path(folder)) as found:
            yield found


@pytest.fixture
async def desk(db: Database, vault: Vault, shop: Shop, line_to: tuple[Proxy, DatabaseUrls]) -> AsyncIterator[Desk]:
    """A till whose Teller speaks through the proxy; what is looked up goes straight to the database."""
    async with db.tenant(shop.merchant_id) as conn:
        keys = await merchant_keys(conn, vault, shop.merchant_id)
    clock = Clock()
    async with Teller(line_to[1], shelves(), clock=clock) as teller:
        yield Desk(db, teller, shop, keys, clock)


async def test_the_answer_of_a_commit_is_lost(desk: Desk, line_to: tuple[Proxy, DatabaseUrls]) -> None:
    """The Teller can't know whether it was committed, runs the batch again, and finds the kept answers."""
    proxy, _ = line_to
    await desk.rule()
    member_id = await desk.join()
    orders = [desk.order(member_id, line(1000), no=f"L{n}") for n in range(5)]
    commands = [
        CompleteOrder(desk.shop.cell_id, order, key=f"lost-{n}", fingerprint=b"") for n, order in enumerate(orders)
    ]
    await desk.buy(None, 100)
    proxy.lose(b"COMMIT\0")
    replies: list[Reply] = await asyncio.gather(*(desk.teller.submit(command) for command in commands))
    assert proxy.lost == 1
    assert any(reply.replayed for reply in replies)
    again = await asyncio.gather(*(desk.teller.submit(command) for command in commands))
    assert [reply.body for reply in again] == [reply.body for reply in replies]
    assert await desk.held(member_id) == (50, 0)
    assert await desk.rows("select count(*) from orders where cell_id = %s and member_id is not null") == [(5,)]
    assert await desk.wrong() == []


async def test_the_answer_of_a_refunds_commit_is_lost(desk: Desk, line_to: tuple[Proxy, DatabaseUrls]) -> None:
    proxy, _ = line_to
    await desk.rule()
    member_id = await desk.join()
    order = await desk.complete(desk.order(member_id, line(3000, "3")))
    command = RefundOrder(desk.shop.cell_id, int(order.order_id), [part(1, "1")], key="half", fingerprint=b"")
    proxy.lose(b"COMMIT\0")
    reply = await desk.teller.submit(command)
    assert (proxy.lost, reply.replayed, reply.status) == (1, True, 201)
    assert await desk.held(member_id) == (20, 0)
    assert await desk.rows("select count(*) from refund where cell_id = %s") == [(1,)]


@pytest.mark.parametrize("moment", [{"request": 1}, {"answer": 1}, {"request": 2}, {"answer": 2}], ids=str)
async def test_the_line_breaks_at_any_moment(
    desk: Desk, line_to: tuple[Proxy, DatabaseUrls], moment: dict[str, int]
) -> None:
    """The first question or its answer, the writing or its answer: the order is taken once, and the caller told."""
    proxy, _ = line_to
    await desk.rule()
    member_id = await desk.join()
    await desk.buy(member_id, 1000)
    order = desk.order(member_id, line(1000), no="broken")
    command = CompleteOrder(desk.shop.cell_id, order, key="broken", fingerprint=b"")
    proxy.lose(request=moment.get("request", 0), answer=moment.get("answer", 0))
    reply = await desk.teller.submit(command)
    assert proxy.lost == 1
    assert reply.replayed == (moment == {"answer": 2})
    again = await desk.teller.submit(command)
    assert (again.replayed, again.body) == (True, reply.body)
    assert await desk.held(member_id) == (20, 0)
    assert await desk.wrong() == []


async def outage(proxy: Proxy, ask: Callable[[], Awaitable[Any]]) -> tuple[float, float]:
    """Seconds that a refusal took, as a rule, while nobody was there, and until the first answer afterwards."""
    proxy.close()
    end = time.monotonic() + OUTAGE_SECONDS
    spent: list[float] = []
    while not spent or time.monotonic() < end:
        asked = time.monotonic()
        with pytest.raises(Unavailable) as refusal:
            await ask()
        assert (refusal.value.status, refusal.value.code) == (503, "database_unavailable")
        spent.append(time.monotonic() - asked)
        await asyncio.sleep(0.1)
    proxy.open()
    back = time.monotonic()
    while True:
        try:
            await ask()
            break
        except Unavailable:
            assert time.monotonic() - back < 60
    return statistics.median(spent), time.monotonic() - back


async def refuses_and_comes_back_in_time(
    proxy: Proxy, ask: Callable[[], Awaitable[Any]], refused_seconds: float
) -> None:
    found = [await outage(proxy, ask)]
    while not (found[-1][0] < refused_seconds and found[-1][1] < BACK_SECONDS):
        assert len(found) < TRIES, found
        found.append(await outage(proxy, ask))
    print(f"refused after {found[-1][0]:.2f} s, back after {found[-1][1]:.2f} s")


async def test_the_database_is_away_for_a_while(desk: Desk, line_to: tuple[Proxy, DatabaseUrls]) -> None:
    """503 with a code, quickly and all the time; afterwards the same key is served within 2 seconds."""
    proxy, _ = line_to
    await desk.rule()
    member_id = await desk.join()
    await desk.buy(member_id, 1000)
    order = desk.order(member_id, line(1000), no="away")
    await refuses_and_comes_back_in_time(proxy, lambda: desk.complete(order, key="away"), TELLER_SECONDS)
    assert await desk.held(member_id) == (20, 0)
    assert await desk.wrong() == []


async def test_the_pools_come_back_too(shop: Shop, line_to: tuple[Proxy, DatabaseUrls]) -> None:
    """Reading goes through pools: they refuse in time, and find the way back within 2 seconds."""
    proxy, urls = line_to
    db = await Database.open(urls)
    try:
        await db.ping()
        await refuses_and_comes_back_in_time(proxy, db.ping, POOL_SECONDS)
    finally:
        await db.close()
