"""The projection against a plain model: any events, any steps, several at once; and the loop that runs it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from huimeng.analytics import jobs, service
from huimeng.analytics.errors import FiguresBeingMade
from huimeng.analytics.rules import Period
from huimeng.analytics.service import Asked, points
from huimeng.analytics.store import points as points_store
from huimeng.analytics.store import projection
from huimeng.analytics.store.rows import Cut
from huimeng.analytics.store.sums import Sums, sums
from huimeng.infra import database
from huimeng.infra.database import Connection, Database, DatabaseUrls
from huimeng.infra.heads import lock_head
from huimeng.kernel.errors import Unavailable
from huimeng.kernel.times import utc_now
from tests.conftest import Shop

Event = tuple[str, dict[str, Any]]
DAY = date(2026, 1, 1)


async def emit(db: Database, shop: Shop, events: list[Event]) -> None:
    rows = [{"n": n, "kind": kind, "payload": payload} for n, (kind, payload) in enumerate(events, 1)]
    async with db.tenant(shop.merchant_id) as conn:
        head = await lock_head(conn, shop.cell_id)
        await conn.execute(
            "insert into outbox (cell_id, seq, kind, ref_id, at, payload) select %s, %s + n, kind, 1024, %s, payload "
            "from json_to_recordset(%s) as e(n int, kind text, payload jsonb)",
            (shop.cell_id, head.outbox_seq, utc_now(), msgspec.json.encode(rows).decode()),
        )
        await conn.execute(
            "update cell_head set outbox_seq = outbox_seq + %s where cell_id = %s", (len(rows), shop.cell_id)
        )


def figure(day: date, store_id: int, member_id: int | None, net_fen: int, orders: int) -> dict[str, Any]:
    return {
        "store_id": store_id,
        "business_day": day,
        "member_id": member_id,
        "net_fen": net_fen,
        "orders": orders,
        "goods": [],
    }


class Bill(msgspec.Struct):
    day: date
    store_id: int
    member_id: int | None
    paid: int
    refunded: int = 0
    kept: bool = True


def random_trade(rng: random.Random, count: int) -> tuple[list[Event], list[Bill]]:
    """Orders in no order of days, refunds in parts, voids; and what is left of it."""
    events: list[Event] = []
    bills: list[Bill] = []
    for _ in range(count):
        act = rng.random()
        bill = rng.choice(bills) if bills and act < 0.4 else None
        if bill is None or not bill.kept:
            member = None if rng.random() < 0.15 else rng.randrange(1, 9) * 1024
            # Zero and negative amounts occur in real trade.
            bill = Bill(DAY + timedelta(days=rng.randrange(100)), rng.randrange(1, 4), member, rng.randrange(-50, 9000))
            bills.append(bill)
            kind, net, orders = "order.completed", bill.paid, 1
        elif act < 0.15 and bill.paid > 1:
            net = -rng.randrange(1, bill.paid - bill.refunded) if bill.paid - bill.refunded > 1 else 0
            bill.refunded -= net
            kind, orders = "order.refunded", 0
        else:
            net, orders = -(bill.paid - bill.refunded), -1
            bill.refunded, bill.kept = bill.paid, False
            kind = rng.choice(["order.refunded", "order.voided"])
        events.append((kind, figure(bill.day, bill.store_id, bill.member_id, net, orders)))
        if rng.random() < 0.1:
            events.append(("member.joined", {"store_id": None, "at": utc_now()}))
    return events, bills


def expected(bills: list[Bill], period: Period, store_id: int | None) -> tuple[int, int, int, int]:
    firsts: dict[int, date] = {}
    for bill in bills:
        if bill.kept and bill.member_id is not None:
            firsts[bill.member_id] = min(firsts.get(bill.member_id, date.max), bill.day)
    chosen = [b for b in bills if period.first <= b.day <= period.last and (store_id is None or b.store_id == store_id)]
    kept = [bill for bill in chosen if bill.kept]
    active = {bill.member_id for bill in kept if bill.member_id is not None}
    new = {member for member in active if period.first <= firsts[member] <= period.last}
    return len(kept), sum(b.paid - b.refunded for b in chosen), len(active), len(new)


async def rows_of(db: Database, shop: Shop) -> dict[str, list[Any]]:
    found = {}
    async with db.reader(shop.merchant_id) as conn:
        for table in ("member_day", "member_month", "member_first"):
            cursor = await conn.execute(
                f"select * from {table} where cell_id = %s order by 1, 2, 3, 4", (shop.cell_id,)
            )
            found[table] = await cursor.fetchall()
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_any_trade_in_any_steps(db: Database, shop: Shop, seed: int) -> None:
    rng = random.Random(seed)
    events, bills = random_trade(rng, 400)
    while events:
        size = rng.randrange(1, 120)
        now, events = events[:size], events[size:]
        await emit(db, shop, now)
        if rng.random() < 0.7:
            await service.project(db, shop.merchant_id, step=rng.choice([1, 7, 50, 20_000]))
    await service.project(db, shop.merchant_id)
    for _ in range(12):
        first = DAY + timedelta(days=rng.randrange(-5, 100))
        period = Period(first, first + timedelta(days=rng.randrange(100)))
        for store_id in (None, 1, 3):
            async with db.reader(shop.merchant_id) as conn:
                cut = Cut(None if store_id is None else (store_id,))
                found = (await sums(conn, shop.cell_id, period, cut)).get(period.first, Sums())
                quarters = await sums(conn, shop.cell_id, period, cut, "quarter")
                days = await sums(conn, shop.cell_id, period, cut, "day")
            wanted = expected(bills, period, store_id)
            assert (found.orders, found.net_fen, found.active, found.new) == wanted
            for parts in (quarters.values(), days.values()):
                assert (sum(row.orders for row in parts), sum(row.net_fen for row in parts)) == wanted[:2]
    await check_rows(db, shop, bills)


async def check_rows(db: Database, shop: Shop, bills: list[Bill]) -> None:
    """Nothing is left of what is gone: the rows are those that the orders alone would make."""
    by_day: dict[tuple[date, int, int], list[int]] = defaultdict(lambda: [0, 0])
    for bill in bills:
        row = by_day[bill.day, bill.store_id, bill.member_id or 0]
        row[0] += bill.kept
        row[1] += bill.paid - bill.refunded
    rows = await rows_of(db, shop)
    assert [row[1:] for row in rows["member_day"]] == [
        (*key, *row) for key, row in sorted(by_day.items()) if row != [0, 0]
    ]
    members = {bill.member_id for bill in bills if bill.kept and bill.member_id is not None}
    assert {row[1] for row in rows["member_first"]} == members


async def test_two_at_once_count_once(db: Database, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the lock of the cursor each event counts once; without it this very test sees it count twice."""

    together = asyncio.Barrier(2)

    async def unlocked(conn: Connection, cell_id: int) -> int:
        cursor = await conn.execute("select coalesce(max(seq), 0) from figure_cursor where cell_id = %s", (cell_id,))
        row = await cursor.fetchone()
        # Both have read before one of them writes.
        await asyncio.wait_for(together.wait(), 60)
        return 0 if row is None else int(row[0])

    async def both_take_part(expect: int) -> None:
        before = await total(db, shop)
        await emit(db, shop, [("order.completed", figure(DAY, 1, 1024, 100, 1))])
        await asyncio.gather(*(service.project(db, shop.merchant_id) for _ in range(2)))
        assert await total(db, shop) - before == expect

    await both_take_part(1)
    await both_take_part(1)
    monkeypatch.setattr(projection, "lock_cursor", unlocked)
    await both_take_part(2)


async def total(db: Database, shop: Shop) -> int:
    return (await service.overview(db, shop.merchant_id, Asked(first=DAY, last=DAY))).figures.orders


async def until_counted(db: Database, shop: Shop) -> None:
    while await total(db, shop) == 0:  # noqa: ASYNC110  (the database has no event to wait for)
        await asyncio.sleep(0.02)


async def test_a_step_that_dies_leaves_nothing(db: Database, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await emit(db, shop, [("order.completed", figure(DAY, 1, 1024, 100, 1))])

    async def dies(conn: Connection, cell_id: int, upto: int) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(projection, "move_cursor", dies)
        with pytest.raises(RuntimeError):
            await service.project(db, shop.merchant_id)
    assert await total(db, shop) == 0
    assert (await service.overview(db, shop.merchant_id, Asked(first=DAY, last=DAY))).lag_events == 1
    assert await service.project(db, shop.merchant_id) == 1
    assert await total(db, shop) == 1


async def test_the_loop_outlives_the_database(
    db: Database, shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jobs, "_AWAY_INTERVAL", 0.01)
    caplog.set_level("INFO", "huimeng.analytics")
    behind, calls = service.merchants_behind, 0

    async def comes_and_goes(database: Database) -> list[int]:
        nonlocal calls
        calls += 1
        if calls <= 5:
            raise Unavailable()
        return [shop.merchant_id] if shop.merchant_id in await behind(database) else []

    monkeypatch.setattr(service, "merchants_behind", comes_and_goes)
    await emit(db, shop, [("order.completed", figure(DAY, 1, None, 100, 1))])
    stop = asyncio.Event()
    loop = asyncio.create_task(jobs.follow(db, stop, interval=0.01))
    async with asyncio.timeout(120):
        await until_counted(db, shop)
        stop.set()
        await loop
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (ValueError("no figures for you"), ["ERROR"]),
        (psycopg.errors.QueryCanceled("statement timeout"), ["ERROR"]),
        (psycopg.errors.LockNotAvailable("lock timeout"), ["ERROR"]),
        (FiguresBeingMade(), []),
    ],
)
async def test_one_merchants_trouble_is_said_once_and_stops_nobody(
    db: Database,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trouble: Exception,
    said: list[str],
) -> None:
    project = service.project

    async def fails_for_one(database: Database, merchant_id: int, **more: Any) -> int:
        if merchant_id == 0:
            raise trouble
        return await project(database, merchant_id, **more)

    async def both(database: Database) -> list[int]:
        return [0, shop.merchant_id]

    monkeypatch.setattr(service, "project", fails_for_one)
    monkeypatch.setattr(service, "merchants_behind", both)
    await emit(db, shop, [("order.completed", figure(DAY, 1, None, 100, 1))])
    stop = asyncio.Event()
    loop = asyncio.create_task(jobs.follow(db, stop, interval=0.01))
    async with asyncio.timeout(120):
        await until_counted(db, shop)
        await asyncio.sleep(0.1)
        stop.set()
        await loop
    # Nor is it taken for the database being away, which is a warning.
    assert [record.levelname for record in caplog.records if record.levelno >= logging.WARNING] == said


async def test_who_comes_while_they_are_made_anew_is_told_so(
    urls: DatabaseUrls, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = {**database._SESSION, "options": "-c timezone=UTC -c lock_timeout=200ms"}
    monkeypatch.setattr(database, "_SESSION", short)
    db = await Database.open(urls)
    try:
        await emit(db, shop, [("order.completed", figure(DAY, 1, None, 100, 1))])
        async with db.tenant(shop.merchant_id) as conn:
            await projection.lock_cursor(conn, shop.cell_id)
            await points_store.lock_cursor(conn, shop.cell_id)
            for work in (service.project, service.rebuild, points.project, points.rebuild):
                with pytest.raises(FiguresBeingMade):
                    await work(db, shop.merchant_id)
        assert await service.project(db, shop.merchant_id) == 1
    finally:
        await db.close()


async def test_merchants_do_not_see_each_other(db: Database, shop: Shop) -> None:
    await emit(db, shop, [("order.completed", figure(DAY, 1, 1024, 100, 1))])
    await service.project(db, shop.merchant_id)
    async with db.reader(shop.merchant_id + 1) as conn:
        for table in ("member_day", "member_month", "member_first", "figure_cursor"):
            cursor = await conn.execute(f"select count(*) from {table} where cell_id = %s", (shop.cell_id,))
            assert await cursor.fetchone() == (0,)


async def test_making_anew_takes_as_long_as_it_takes(
    urls: DatabaseUrls, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = {**database._SESSION, "options": "-c timezone=UTC -c statement_timeout=1s"}
    monkeypatch.setattr(database, "_SESSION", short)
    made = projection.replace_from_orders

    async def slow(conn: Connection, cell_id: int) -> int:
        await conn.execute("select pg_sleep(1.5)")
        return await made(conn, cell_id)

    monkeypatch.setattr(projection, "replace_from_orders", slow)
    db = await Database.open(urls)
    try:
        assert await service.rebuild(db, shop.merchant_id) == 0
        # The control: any other transaction is cut off there.
        with pytest.raises(psycopg.errors.QueryCanceled):
            async with db.tenant(shop.merchant_id) as conn:
                await slow(conn, shop.cell_id)
    finally:
        await db.close()
