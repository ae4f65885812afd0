"""Baseline: POST /v1/orders with the SQLAlchemy ORM: mapped classes on the same tables, a session a request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Litestar
from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

import huimeng.entry.tables  # noqa: F401  (fills the metadata)
from bench.place import SESSION
from bench.sale import Complete, Sale, app, booking_day, config_of, load_config
from huimeng.checkout.commands import CompleteOrder
from huimeng.checkout.errors import UnknownMember
from huimeng.infra.database import DatabaseUrls, tenant_setting
from huimeng.infra.schema import metadata as tables
from huimeng.kernel.errors import IdempotencyKeyReused, NotFound
from huimeng.kernel.ids import entity_id, merchant_of
from huimeng.ledger.rules import Kind, System, account_id
from huimeng.order.errors import OrderExists
from huimeng.points.store import MerchantConfig

POOL = 16


class Base(DeclarativeBase):
    metadata = tables


class Row(Base):
    """Columns come from the tables: the type checker can't see them."""

    __abstract__ = True

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...


class HeadRow(Row):
    __table__ = tables.tables["cell_head"]


class AnswerRow(Row):
    __table__ = tables.tables["idempotency"]


class EventRow(Row):
    __table__ = tables.tables["outbox"]


class OrderRow(Row):
    __table__ = tables.tables["orders"]


class LineRow(Row):
    __table__ = tables.tables["order_line"]


class TenderRow(Row):
    __table__ = tables.tables["order_tender"]


class EarningRow(Row):
    __table__ = tables.tables["order_earning"]


class MemberRow(Row):
    __table__ = tables.tables["member"]


class AccountRow(Row):
    __table__ = tables.tables["account"]


class LotRow(Row):
    __table__ = tables.tables["lot"]


class TransferRow(Row):
    __table__ = tables.tables["transfer"]


@asynccontextmanager
async def _connect(urls: DatabaseUrls) -> AsyncIterator[Complete]:
    engine = create_async_engine(
        make_url(urls.runtime).set(drivername="postgresql+psycopg"),
        pool_size=POOL,
        max_overflow=0,
        connect_args={"prepare_threshold": 0, "options": SESSION},
    )
    sessions = async_sessionmaker(engine, expire_on_commit=False, autoflush=False)

    async def complete(command: CompleteOrder) -> bytes:
        async with sessions.begin() as session:
            await session.execute(text(tenant_setting((merchant_of(command.cell_id),))))
            return await _complete(session, command)

    try:
        yield complete
    finally:
        await engine.dispose()


def create_app() -> Litestar:
    return app(_connect)


async def _complete(session: AsyncSession, command: CompleteOrder) -> bytes:
    cell_id = command.cell_id
    head = await session.get(HeadRow, cell_id, with_for_update=True)
    if head is None:
        raise NotFound("merchant")
    kept = await session.get(AnswerRow, (cell_id, command.key))
    if kept is not None:
        if kept.fingerprint != command.fingerprint:
            raise IdempotencyKeyReused()
        return bytes(kept.body)

    async def load() -> MerchantConfig:
        raw = await (await session.connection()).get_raw_connection()
        return await load_config(raw.driver_connection, cell_id)  # type: ignore[arg-type]

    sale = Sale(command, await config_of(cell_id, head.config_version, load))
    await _check(session, sale)
    now = datetime.now(UTC)
    head.entity_seq += 1
    order_id = entity_id(head.entity_seq, cell_id)
    _add_order(session, sale, order_id, now)
    balance = await _book(session, sale, head, order_id)
    head.outbox_seq += 1
    session.add(
        EventRow(
            cell_id=cell_id,
            seq=head.outbox_seq,
            kind="order.completed",
            ref_id=order_id,
            at=now,
            payload=sale.event(),
        )
    )
    body = sale.answer(order_id, balance)
    session.add(
        AnswerRow(
            cell_id=cell_id,
            key=command.key,
            fingerprint=command.fingerprint,
            status=201,
            body=body,
            created_at=now,
        )
    )
    return body


async def _check(session: AsyncSession, sale: Sale) -> None:
    """The order isn't known yet, the member is."""
    order, columns = sale.order, OrderRow.__table__.c
    known = await session.scalar(
        select(columns.order_id).where(
            columns.cell_id == sale.cell_id,
            columns.store_id == order.store_id,
            columns.business_day == order.business_day,
            columns.order_no == order.order_no,
            columns.source == order.source,
        )
    )
    if known is not None:
        raise OrderExists(order_id=str(known))
    member = await session.get(MemberRow, (sale.cell_id, sale.member_id))
    if member is None or member.status != 1:
        raise UnknownMember()


def _add_order(session: AsyncSession, sale: Sale, order_id: int, now: datetime) -> None:
    order, cell_id, earnings = sale.order, sale.cell_id, sale.earnings
    session.add(
        OrderRow(
            cell_id=cell_id,
            order_id=order_id,
            source=order.source,
            store_id=order.store_id,
            business_day=order.business_day,
            order_no=order.order_no,
            member_id=order.member_id,
            ordered_at=order.ordered_at,
            list_fen=sale.list_fen,
            paid_fen=order.paid_fen,
            refunded_fen=0,
            status=1,
            content_hash=sale.content,
            created_at=now,
        )
    )
    session.add_all(
        LineRow(
            cell_id=cell_id,
            order_id=order_id,
            line_no=number,
            line_key=line.line_key,
            sku=line.sku,
            product=line.product,
            category=line.category,
            quantity=Decimal(line.quantity),
            list_fen=line.list_fen,
            paid_fen=line.paid_fen,
            refunded_quantity=Decimal(0),
            refunded_fen=0,
            points_earned=points,
            growth_earned=growth,
            points_reversed=0,
            growth_reversed=0,
        )
        for number, (line, points, growth) in enumerate(
            zip(order.lines, earnings.points_by_line, earnings.growth_by_line, strict=True), 1
        )
    )
    session.add_all(
        TenderRow(cell_id=cell_id, order_id=order_id, tender_no=number, kind=tender.kind, amount_fen=tender.amount_fen)
        for number, tender in enumerate(order.tenders, 1)
    )


async def _book(session: AsyncSession, sale: Sale, head: HeadRow, order_id: int) -> int:
    """Books what was earned; the balance of points."""
    cell_id, order = sale.cell_id, sale.order
    accounts, lots = await _held(session, sale)
    if sale.earnings.awards:
        head.open_day = booking_day(head.open_day)
    for award in sale.earnings.awards:
        number = account_id(sale.member_id, award.unit)
        account = accounts.get(number)
        if account is None:
            account = AccountRow(cell_id=cell_id, account_id=number, balance=0, debt=0, next_lot=1)
            accounts[number] = account
            session.add(account)
        lot = lots.get((number, award.expires_at))
        if lot is None:
            lot = _new_lot(account, award.expires_at)
            session.add(lot)
        lot.earned += award.amount
        lot.remaining += award.amount
        account.balance += award.amount
        head.transfer_seq += 1
        session.add(
            TransferRow(
                cell_id=cell_id,
                seq=head.transfer_seq,
                unit=award.unit,
                kind=Kind.EARN,
                debit_account=account_id(System.ISSUED, award.unit),
                credit_account=number,
                amount=award.amount,
                lot_id=lot.lot_id,
                ref_id=order_id,
                reverses=None,
                balance_after=account.balance,
                occurred_at=order.ordered_at,
                booked_on=head.open_day,
            )
        )
        session.add(
            EarningRow(
                cell_id=cell_id,
                order_id=order_id,
                unit=award.unit,
                lot_id=lot.lot_id,
                transfer_seq=head.transfer_seq,
                amount=award.amount,
                reversed=0,
                parts=msgspec.to_builtins(award.parts),
            )
        )
    points = accounts.get(sale.accounts[0])
    return 0 if points is None else int(points.balance)


async def _held(
    session: AsyncSession, sale: Sale
) -> tuple[dict[int, AccountRow], dict[tuple[int, datetime | None], LotRow]]:
    """The member's accounts, and open lots by account and expiry."""
    columns = AccountRow.__table__.c
    accounts = await session.scalars(
        select(AccountRow)
        .where(columns.cell_id == sale.cell_id, columns.account_id.in_(sale.accounts))
        .order_by(columns.account_id)
        .with_for_update()
    )
    columns = LotRow.__table__.c
    lots = await session.scalars(
        select(LotRow)
        .where(
            columns.cell_id == sale.cell_id,
            columns.account_id.in_(sale.accounts),
            columns.closed.is_(False),
        )
        .with_for_update()
    )
    return {row.account_id: row for row in accounts}, {(row.account_id, row.expires_at): row for row in lots}


def _new_lot(account: AccountRow, expires_at: datetime | None) -> LotRow:
    lot = LotRow(
        cell_id=account.cell_id,
        account_id=account.account_id,
        lot_id=account.next_lot,
        expires_at=expires_at,
        earned=0,
        remaining=0,
        expired=0,
        closed=False,
    )
    account.next_lot += 1
    return lot
