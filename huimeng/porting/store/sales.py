"""All SQL of refunds that a file brings: the orders that they name, and what was refunded by an import before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import msgspec

from huimeng.infra.database import Connection
from huimeng.infra.teller import packed
from huimeng.order.rules import Order
from huimeng.order.store import OrderShelf


class Sale(msgspec.Struct, frozen=True):
    """An order that a refund may mean."""

    order_id: int
    store_id: int
    business_day: date


async def find_sales(conn: Connection, cell_id: int, source: str, numbers: Sequence[str]) -> dict[str, list[Sale]]:
    """By order number, which restarts every day: all orders with it that took money or nothing."""
    cursor = await conn.execute(
        "select o.order_no, o.order_id, o.store_id, o.business_day from orders o where o.cell_id = %s "
        "and o.source = %s and o.paid_fen >= 0 and o.order_no in (select n from json_to_recordset(%s) as k(n text)) "
        "order by o.business_day",
        (cell_id, source, packed([{"n": number} for number in numbers])),
    )
    found: dict[str, list[Sale]] = {}
    for number, *sale in await cursor.fetchall():
        found.setdefault(number, []).append(Sale(*sale))
    return found


async def load_orders(conn: Connection, cell_id: int, order_ids: Sequence[int]) -> Mapping[int, Order]:
    """Whole, with lines and tenders."""
    results = []
    for sql, params in OrderShelf().load([(cell_id, order_id) for order_id in order_ids]):
        cursor = await conn.execute(sql, params)
        results.append(await cursor.fetchall())
    return {order.order_id: order for order in OrderShelf().read(results).values()}


async def reasons_of(conn: Connection, cell_id: int, order_ids: Sequence[int]) -> dict[int, list[tuple[str, datetime]]]:
    """(reason, when) of the refunds of these orders."""
    cursor = await conn.execute(
        "select r.order_id, r.reason, r.refunded_at from refund r join json_to_recordset(%s) as k(o bigint) "
        "on r.order_id = k.o where r.cell_id = %s",
        (packed([{"o": order_id} for order_id in order_ids]), cell_id),
    )
    found: dict[int, list[tuple[str, datetime]]] = {}
    for order_id, reason, at in await cursor.fetchall():
        found.setdefault(order_id, []).append((reason, at))
    return found
