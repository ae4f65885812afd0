"""Baseline: POST /v1/orders with plain psycopg, one transaction a request, prepared statements in turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from litestar import Litestar
from psycopg_pool import AsyncConnectionPool

from bench.place import SESSION
from bench.sale import Complete, Sale, app, booking_day, config_of, load_config
from huimeng.checkout.commands import CompleteOrder
from huimeng.checkout.errors import UnknownMember
from huimeng.infra.database import Connection, DatabaseUrls, tenant_setting
from huimeng.infra.heads import Head, lock_head
from huimeng.kernel.errors import IdempotencyKeyReused
from huimeng.kernel.ids import entity_id, merchant_of
from huimeng.ledger.rules import Kind, System, account_id
from huimeng.order.errors import OrderExists
from huimeng.points.store import MerchantConfig

# Tried 8, 16 and 32 a worker: they answer about as many.
POOL = 16


@asynccontextmanager
async def _connect(urls: DatabaseUrls) -> AsyncIterator[Complete]:
    pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
        urls.runtime,
        min_size=POOL,
        max_size=POOL,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": 0, "options": SESSION},
    )
    await pool.open()

    async def complete(command: CompleteOrder) -> bytes:
        async with pool.connection() as conn, conn.transaction():
            await conn.execute(tenant_setting((merchant_of(command.cell_id),)), prepare=False)
            return await _complete(conn, command)

    try:
        yield complete
    finally:
        await pool.close()


def create_app() -> Litestar:
    return app(_connect)


async def _complete(conn: Connection, command: CompleteOrder) -> bytes:
    cell_id = command.cell_id
    head = await lock_head(conn, cell_id)
    cursor = await conn.execute(
        "select fingerprint, body from idempotency where cell_id = %s and key = %s", (cell_id, command.key)
    )
    kept = await cursor.fetchone()
    if kept is not None:
        if bytes(kept[0]) != command.fingerprint:
            raise IdempotencyKeyReused()
        return bytes(kept[1])

    async def load() -> MerchantConfig:
        return await load_config(conn, cell_id)

    sale = Sale(command, await config_of(cell_id, head.config_version, load))
    await _check(conn, sale)
    head.entity_seq += 1
    order_id = entity_id(head.entity_seq, cell_id)
    await _insert_order(conn, sale, order_id)
    balance = await _book(conn, sale, head, order_id)
    await conn.execute(
        "insert into outbox (cell_id, seq, kind, ref_id, at, payload) "
        "values (%s, %s, 'order.completed', %s, now(), %s::jsonb)",
        (cell_id, head.outbox_seq + 1, order_id, msgspec.json.encode(sale.event()).decode()),
    )
    body = sale.answer(order_id, balance)
    await conn.execute(
        "insert into idempotency (cell_id, key, fingerprint, status, body, created_at) "
        "values (%s, %s, %s, 201, %s, now())",
        (cell_id, command.key, command.fingerprint, body),
    )
    await conn.execute(
        "update cell_head set transfer_seq = %s, outbox_seq = %s, entity_seq = %s, open_day = %s where cell_id = %s",
        (head.transfer_seq, head.outbox_seq + 1, head.entity_seq, head.open_day, cell_id),
    )
    return body


async def _check(conn: Connection, sale: Sale) -> None:
    """The order isn't known yet, the member is."""
    order = sale.order
    cursor = await conn.execute(
        "select order_id from orders where cell_id = %s and store_id = %s and business_day = %s and order_no = %s "
        "and source = %s",
        (sale.cell_id, order.store_id, order.business_day, order.order_no, order.source),
    )
    known = await cursor.fetchone()
    if known is not None:
        raise OrderExists(order_id=str(known[0]))
    cursor = await conn.execute(
        "select status from member where cell_id = %s and member_id = %s", (sale.cell_id, sale.member_id)
    )
    member = await cursor.fetchone()
    if member is None or member[0] != 1:
        raise UnknownMember()


async def _insert_order(conn: Connection, sale: Sale, order_id: int) -> None:
    order, cell_id, earnings = sale.order, sale.cell_id, sale.earnings
    await conn.execute(
        "insert into orders (cell_id, order_id, source, store_id, business_day, order_no, member_id, ordered_at, "
        "list_fen, paid_fen, refunded_fen, status, content_hash, created_at) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, 1, %s, now())",
        (
            cell_id,
            order_id,
            order.source,
            order.store_id,
            order.business_day,
            order.order_no,
            order.member_id,
            order.ordered_at,
            sale.list_fen,
            order.paid_fen,
            sale.content,
        ),
    )
    async with conn.cursor() as cursor:
        # executemany sends them all in one round trip.
        await cursor.executemany(
            "insert into order_line (cell_id, order_id, line_no, line_key, sku, product, category, quantity, "
            "list_fen, paid_fen, refunded_quantity, refunded_fen, points_earned, growth_earned, points_reversed, "
            "growth_reversed) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, 0, %s, %s, 0, 0)",
            [
                (
                    cell_id,
                    order_id,
                    number,
                    line.line_key,
                    line.sku,
                    line.product,
                    line.category,
                    line.quantity,
                    line.list_fen,
                    line.paid_fen,
                    points,
                    growth,
                )
                for number, (line, points, growth) in enumerate(
                    zip(order.lines, earnings.points_by_line, earnings.growth_by_line, strict=True), 1
                )
            ],
        )
        await cursor.executemany(
            "insert into order_tender (cell_id, order_id, tender_no, kind, amount_fen) values (%s, %s, %s, %s, %s)",
            [
                (cell_id, order_id, number, tender.kind, tender.amount_fen)
                for number, tender in enumerate(order.tenders, 1)
            ],
        )


async def _book(conn: Connection, sale: Sale, head: Head, order_id: int) -> int:
    """Books what was earned; the balance of points."""
    cell_id, order = sale.cell_id, sale.order
    cursor = await conn.execute(
        "select account_id, balance, debt, next_lot from account where cell_id = %s and account_id = any(%s) "
        "order by account_id for update",
        (cell_id, sale.accounts),
    )
    accounts: dict[int, list[int]] = {}
    for number, balance, debt, next_lot in await cursor.fetchall():
        assert not debt, "the bench makes no debts"
        accounts[number] = [balance, next_lot]
    cursor = await conn.execute(
        "select account_id, expires_at, lot_id, earned, remaining from lot "
        "where cell_id = %s and account_id = any(%s) and not closed for update",
        (cell_id, sale.accounts),
    )
    lots = {(row[0], row[1]): row[2:] for row in await cursor.fetchall()}
    if sale.earnings.awards:
        head.open_day = booking_day(head.open_day)
    rows: dict[str, list[tuple[Any, ...]]] = {"account": [], "lot": [], "transfer": [], "earning": []}
    for award in sale.earnings.awards:
        number = account_id(sale.member_id, award.unit)
        account = accounts.setdefault(number, [0, 1])
        known = lots.get((number, award.expires_at))
        lot_id, earned, remaining = known or (account[1], 0, 0)
        account[1] += known is None
        account[0] += award.amount
        head.transfer_seq += 1
        system = account_id(System.ISSUED, award.unit)
        rows["account"].append((cell_id, number, *account))
        rows["lot"].append((cell_id, number, lot_id, award.expires_at, earned + award.amount, remaining + award.amount))
        rows["transfer"].append(
            (
                cell_id,
                head.transfer_seq,
                award.unit,
                Kind.EARN,
                system,
                number,
                award.amount,
                lot_id,
                order_id,
                account[0],
                order.ordered_at,
                head.open_day,
            )
        )
        parts = msgspec.json.encode(award.parts).decode()
        rows["earning"].append((cell_id, order_id, award.unit, lot_id, head.transfer_seq, award.amount, parts))
    await _write(conn, rows)
    return accounts.get(sale.accounts[0], [0])[0]


_WRITES = {
    "earning": "insert into order_earning (cell_id, order_id, unit, lot_id, transfer_seq, amount, reversed, parts) "
    "values (%s, %s, %s, %s, %s, %s, 0, %s::jsonb)",
    "account": "insert into account (cell_id, account_id, balance, debt, next_lot) values (%s, %s, %s, 0, %s) "
    "on conflict (cell_id, account_id) do update set balance = excluded.balance, next_lot = excluded.next_lot",
    "lot": "insert into lot (cell_id, account_id, lot_id, expires_at, earned, remaining, expired, closed) "
    "values (%s, %s, %s, %s, %s, %s, 0, false) on conflict (cell_id, account_id, lot_id) "
    "do update set earned = excluded.earned, remaining = excluded.remaining",
    "transfer": "insert into transfer (cell_id, seq, unit, kind, debit_account, credit_account, amount, lot_id, "
    "ref_id, reverses, balance_after, occurred_at, booked_on) "
    "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, null, %s, %s, %s)",
}


async def _write(conn: Connection, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    async with conn.cursor() as cursor:
        for table, statement in _WRITES.items():
            if rows[table]:
                await cursor.executemany(statement, rows[table])
