"""Random trade through the till: every figure and cut is what a plain count says, adds up, and can be made anew."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from huimeng.analytics import service
from huimeng.analytics.service import Asked, Which
from huimeng.analytics.store.projection import replace_from_orders
from huimeng.kernel.errors import BusinessError
from huimeng.merchant.service import create_region, create_store
from huimeng.merchant.values import StoreInput
from huimeng.order.rules import LineInput
from tests.analytics import oracle
from tests.analytics.oracle import Cut, Goods, Order
from tests.desk import Desk, line, part

FIRST, LAST = date(2026, 1, 1), date(2026, 5, 31)
CATEGORIES = ("面", "茶", "")
TABLES = ("member_day", "member_month", "member_first", "category_day", "sold_day", "sold_month")


class World:
    """A desk in each of three stores: s1 and s2 in the region east, s3 in none."""

    def __init__(self, desks: list[Desk], members: list[int], rng: random.Random) -> None:
        self.desks, self.members, self.rng = desks, members, rng
        self.desk = desks[0]
        self.taken: list[str] = []

    def lines(self) -> list[LineInput]:
        found = []
        for _ in range(self.rng.randrange(1, 5)):
            number = self.rng.randrange(3)
            goods = {"category": self.rng.choice(CATEGORIES), "sku": f"k{number}"}
            if self.rng.random() < 0.7:
                goods["product"] = f"p{number}"
            # Lines of nothing, and deposits given back, occur in real trade.
            paid = self.rng.choice([0, self.rng.randrange(1, 9000), self.rng.randrange(1, 9000), -300])
            found.append(line(paid, self.rng.choice(["1", "2", "0"]), **goods))
        return found

    async def act(self) -> None:
        desk, what = self.rng.choice(self.desks), self.rng.random()
        if what < 0.6 or not self.taken:
            # Days come in no order: some orders are late.
            at = datetime(2026, 1, 1, 4, tzinfo=UTC) + timedelta(days=self.rng.randrange(110))
            member = None if self.rng.random() < 0.2 else self.rng.choice(self.members)
            self.taken.append((await desk.complete(desk.order(member, *self.lines(), at=at))).order_id)
            return
        order_id = self.rng.choice(self.taken)
        try:
            if what < 0.7:
                await desk.void(order_id)
            elif what < 0.8:
                await desk.refund(order_id)
            else:
                await desk.refund(order_id, part(self.rng.randrange(1, 4), self.rng.choice([None, "1"])))
        except BusinessError:
            # Nothing is left of it, or there is no such line.
            pass

    async def orders(self) -> list[Order]:
        rows = await self.desk.rows(
            "select o.order_id, o.business_day, o.store_id, o.member_id, o.status, l.category, l.product, l.sku, "
            "l.paid_fen, l.refunded_fen, l.quantity, l.refunded_quantity from orders o "
            "join order_line l on l.cell_id = o.cell_id and l.order_id = o.order_id where o.cell_id = %s"
        )
        found: dict[int, Order] = {}
        for order_id, day, store_id, member_id, status, category, product, sku, paid, back, pieces, pieces_back in rows:
            order = found.setdefault(order_id, Order(day, store_id, member_id, [], status in (1, 2)))
            nothing = paid == 0 and pieces == Decimal(0)
            left = (paid, pieces) != (back, pieces_back) or nothing
            order.goods.append(Goods(category, product or sku, paid - back, left))
        return list(found.values())

    async def rows(self) -> dict[str, Any]:
        return {
            table: sorted(map(str, await self.desk.rows(f"select * from {table} where cell_id = %s")))
            for table in TABLES
        }


async def a_world(desk: Desk, rng: random.Random) -> World:
    shop = desk.shop
    async with desk.db.tenant(shop.merchant_id) as conn:
        await create_region(conn, shop.merchant_id, "east", "东区")
        places = [
            await create_store(conn, shop.merchant_id, StoreInput(code=code, name=code, region=region))
            for code, region in (("e1", "east"), ("e2", "east"), ("w1", None))
        ]
    desks = [Desk(desk.db, desk.teller, msgspec.structs.replace(shop, store=s), desk.keys, desk.clock) for s in places]
    return World(desks, [await desk.join() for _ in range(7)], rng)


@pytest.mark.parametrize("seed", range(3))
async def test_every_figure_is_what_a_plain_count_says(desk: Desk, seed: int) -> None:
    rng = random.Random(seed)
    world = await a_world(desk, rng)
    for _ in range(120):
        await world.act()
        if rng.random() < 0.2:
            await service.project(desk.db, desk.shop.merchant_id, step=rng.choice([1, 3, 20_000]))
    await service.project(desk.db, desk.shop.merchant_id)
    orders = await world.orders()
    east = [d.shop.store.store_id for d in world.desks[:2]]
    cuts = [
        (Cut(), {}),
        (Cut(stores=[east[0]]), {"store": "e1"}),
        (Cut(stores=east), {"region": "east"}),
        (Cut(category="面"), {"category": "面"}),
        (Cut(stores=east, category=""), {"region": "east", "category": ""}),
    ]
    for cut, asked in cuts:
        for first, last in ((FIRST, LAST), *(whole_or_not(rng) for _ in range(3))):
            question = Asked(first=first, last=last, only=None, **asked)
            await same_sums(desk, orders, cut, question)
            await same_goods(desk, orders, cut, question)
            await same_members(desk, orders, cut, question)
    incremental = await world.rows()
    async with desk.db.tenant(desk.shop.merchant_id) as conn:
        await replace_from_orders(conn, desk.shop.cell_id)
    assert await world.rows() == incremental


def whole_or_not(rng: random.Random) -> tuple[date, date]:
    """Any days; often such that months are whole."""
    first = FIRST + timedelta(days=rng.randrange(100))
    last = first + timedelta(days=rng.randrange(60))
    return (first.replace(day=1), last) if rng.random() < 0.4 else (first, last)


def days(asked: Asked) -> tuple[date, date]:
    assert asked.first is not None and asked.last is not None
    return asked.first, asked.last


async def same_sums(desk: Desk, orders: list[Order], cut: Cut, asked: Asked) -> None:
    db, merchant_id = desk.db, desk.shop.merchant_id
    wanted = oracle.figures(orders, cut, *days(asked))
    whole = (await service.overview(db, merchant_id, asked)).figures
    assert {name: getattr(whole, name) for name in wanted} == wanted
    for grain in ("day", "week", "month", "quarter"):
        buckets = (await service.trend(db, merchant_id, asked, grain)).buckets
        for bucket in buckets:
            expected = oracle.figures(orders, cut, bucket.first, bucket.last)
            assert {name: getattr(bucket.figures, name) for name in expected} == expected
        for name in ("orders", "net_fen", "member_net_fen"):
            assert sum(getattr(bucket.figures, name) for bucket in buckets) == wanted[name]
    for by in ("store", "region", "category"):
        answer = await service.breakdown(db, merchant_id, asked, by)
        assert answer.total == whole
        for name in answer.adds_up:
            assert sum(getattr(row, name) for row in answer.rows) == wanted[name]
    sides = await service.audience(db, merchant_id, asked)
    assert sides.members.orders + sides.others.orders == wanted["orders"]
    assert (sides.members.net_fen, sides.others.net_fen) == (
        wanted["member_net_fen"],
        wanted["net_fen"] - wanted["member_net_fen"],
    )


async def same_goods(desk: Desk, orders: list[Order], cut: Cut, asked: Asked) -> None:
    db, merchant_id = desk.db, desk.shop.merchant_id
    by_category = await service.breakdown(db, merchant_id, asked, "category")
    found = {row.key: (row.orders, row.net_fen) for row in by_category.rows if row.orders or row.net_fen}
    assert found == oracle.sold(orders, cut, *days(asked), lambda goods: goods.category)
    top = (await service.top(db, merchant_id, asked, "product", 100)).rows
    products = {(row.category, row.name): (row.orders, row.net_fen) for row in top if row.orders or row.net_fen}
    assert products == oracle.sold(orders, cut, *days(asked), lambda goods: (goods.category, goods.product))
    assert [row.net_fen for row in top] == sorted((row.net_fen for row in top), reverse=True)


async def same_members(desk: Desk, orders: list[Order], cut: Cut, asked: Asked) -> None:
    db, merchant_id = desk.db, desk.shop.merchant_id

    async def behind(**which: Any) -> set[int]:
        found = await service.members_behind(db, desk.keys, merchant_id, asked, Which(**which), None, 200)
        assert found.members == len(found.items)
        return {int(item.member_id) for item in found.items}

    again = await service.repurchase(db, merchant_id, asked, "3,30,60")
    for row in again.rows:
        counts = oracle.repurchase(orders, cut, *days(asked), row.within_days)
        assert (row.members, row.later_day_members, row.later_order_members) == counts
        assert len(await behind(figure="later_day", within=row.within_days)) == row.later_day_members
        assert len(await behind(figure="not_repurchased", within=row.within_days)) == counts[0] - counts[2]
    came = oracle.cohorts(orders, cut)
    for cohort in (await service.cohorts(db, merchant_id, asked)).cohorts:
        for cell in cohort.cells:
            assert cell.members == came.get((cohort.month, cell.months_later), 0)
    for method in ("rank", "quantile"):
        cells = oracle.rfm(orders, cut, *days(asked), method)
        found = await service.rfm(db, merchant_id, asked, method)
        assert {f"{c.r}{c.f}{c.m}": c.members for c in found.cells if c.members} == dict(Counter(cells.values()))
        for name in set(cells.values()):
            assert await behind(figure="rfm", rfm=name, method=method) == {m for m, c in cells.items() if c == name}
    for share in (await service.concentration(db, merchant_id, asked)).top:
        assert (share.members, share.net_fen) == oracle.top_share(orders, cut, *days(asked), share.percent)


async def test_a_refund_that_names_no_goods_makes_the_figures_anew(desk: Desk) -> None:
    """Earlier releases wrote such events; so does a cursor that stands at -1 after an upgrade."""
    world = await a_world(desk, random.Random(7))
    for _ in range(12):
        await world.act()
    await desk.refund((await desk.complete(desk.order(world.members[0], line(500, category="面")))).order_id)
    merchant_id, cell_id = desk.shop.merchant_id, desk.shop.cell_id
    await service.project(desk.db, merchant_id)
    right = await world.rows()
    for damage in ("update outbox set payload = payload - 'goods' where cell_id = %s", None):
        async with desk.db.tenant(merchant_id) as conn:
            for table in TABLES:
                await conn.execute(f"delete from {table} where cell_id = %s", (cell_id,))
            await conn.execute("update figure_cursor set seq = %s where cell_id = %s", (0 if damage else -1, cell_id))
        if damage:
            await as_owner(desk, damage)
        else:
            told = await service.overview(desk.db, merchant_id, Asked())
            assert told.lag_events > 12
            assert told.lag_seconds >= 0
        await service.project(desk.db, merchant_id)
        assert await world.rows() == right
        assert (await service.overview(desk.db, merchant_id, Asked())).lag_events == 0


async def as_owner(desk: Desk, sql: str) -> None:
    """The runtime role may not change the outbox."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(desk.db.urls.owner) as conn:
        await conn.execute(f"set local huimeng.merchants = ',{desk.shop.merchant_id},'")
        await conn.execute(sql, (desk.shop.cell_id,))
