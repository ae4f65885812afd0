"""A receipt that only gives back is no order in any figure, however the figures came about."""

from __future__ import annotations

import importlib
from datetime import date, timedelta

import psycopg

from huimeng.analytics import service
from huimeng.analytics.service import Asked
from huimeng.analytics.store.projection import replace_from_orders
from huimeng.infra.database import DatabaseUrls
from huimeng.order.rules import only_gives_back
from tests.analytics.test_oracle import TABLES
from tests.desk import NOON, Desk, line, part

ASKED = Asked(first=date(2026, 3, 1), last=date(2026, 3, 31), only=None)


async def figures(desk: Desk) -> tuple[int, int, int | None, int, int]:
    found = (await service.overview(desk.db, desk.shop.merchant_id, ASKED)).figures
    return found.orders, found.net_fen, found.aov_fen, found.active_members, found.repeat_members


async def kept(desk: Desk) -> dict[str, list[str]]:
    return {table: sorted(map(str, await desk.rows(f"select * from {table} where cell_id = %s"))) for table in TABLES}


async def trade(desk: Desk) -> str:
    """A member who bought once and gave back twice, one who only gave back; the id of the last return, of 2 pieces."""
    buyer, giver = await desk.join(), await desk.join()
    await desk.complete(desk.order(buyer, line(3000, category="茶", sku="t")))
    later = NOON + timedelta(days=3)
    await desk.complete(desk.order(buyer, line(-1290, "-1", category="茶", sku="t"), line(0, "1"), at=later))
    await desk.complete(desk.order(buyer, line(0, "-1", sku="gift"), at=later))
    return (await desk.complete(desk.order(giver, line(-1000, "-2", category="面"), at=later))).order_id


async def test_a_return_is_no_order_and_no_visit(desk: Desk) -> None:
    order_id = await trade(desk)
    await service.project(desk.db, desk.shop.merchant_id)
    assert await figures(desk) == (1, 710, 710, 1, 0)
    back = await desk.refund(order_id, part(1, "-1"))
    assert (back.amount_fen, back.status) == (-500, "returned")
    await service.project(desk.db, desk.shop.merchant_id)
    assert await figures(desk) == (1, 1210, 1210, 1, 0)
    before = await kept(desk)
    async with desk.db.tenant(desk.shop.merchant_id) as conn:
        await replace_from_orders(conn, desk.shop.cell_id)
    assert await kept(desk) == before
    await desk.void(order_id)
    await service.project(desk.db, desk.shop.merchant_id)
    assert await figures(desk) == (1, 1710, 1710, 1, 0)
    assert await desk.rows("select status from orders where cell_id = %s order by order_id") == [(1,), (5,), (5,), (4,)]


async def test_returns_of_earlier_releases_become_returns(desk: Desk, urls: DatabaseUrls) -> None:
    order_id = await trade(desk)
    await desk.refund(order_id, part(1, "-1"))
    await service.project(desk.db, desk.shop.merchant_id)
    cell = (desk.shop.cell_id,)
    migration = importlib.import_module("huimeng.migrations.versions.0010_returns")
    with psycopg.connect(urls.owner) as conn:
        conn.execute(f"set local huimeng.merchants = ',{desk.shop.merchant_id},'")
        conn.execute("update orders set status = case refunded_fen when 0 then 1 else 2 end where cell_id = %s", cell)
        for statement in migration.RETURNS:
            conn.execute(statement)
        statuses = conn.execute("select status from orders where cell_id = %s order by order_id", cell).fetchall()
        assert statuses == [(1,), (5,), (5,), (5,)]
        assert conn.execute("select seq from figure_cursor where cell_id = %s", cell).fetchall() == [(-1,)]
    await service.project(desk.db, desk.shop.merchant_id)
    assert await figures(desk) == (1, 1210, 1210, 1, 0)


def test_what_only_gives_back() -> None:
    assert only_gives_back([("-1", -1290), ("1", 0)])
    assert only_gives_back([("-1", 0)])
    assert only_gives_back([("1", -300)])
    assert not only_gives_back([("1", 0)])
    assert not only_gives_back([("-1", -1290), ("1", 500)])
