"""A till with everything behind it, for tests that say what an order, a refund or a posting does to a member."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from huimeng.checkout.commands import CompleteOrder, RefundOrder
from huimeng.checkout.rules import WantedLine
from huimeng.checkout.service import verify_earnings
from huimeng.checkout.values import CompletedOut, RefundOut
from huimeng.infra.crypto import MerchantKeys
from huimeng.infra.database import Database
from huimeng.infra.teller import Teller
from huimeng.kernel.times import business_day
from huimeng.ledger import service as ledger
from huimeng.ledger.rules import Expiry, Unit
from huimeng.member.service import join_member
from huimeng.member.values import IdentityInput, MemberInput
from huimeng.order.rules import LineInput, OrderInput, TenderInput, check, with_tender
from huimeng.points import service as points
from huimeng.points.commands import Adjusted, AdjustPoints
from huimeng.points.rules import Definition
from tests.conftest import Shop

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
# Noon in Shanghai.
NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)
_phones = itertools.count(13900000000)
_keys = itertools.count(1)


class Clock:
    """Stands still until it is told."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: int) -> datetime:
        self.now += timedelta(**span)
        return self.now


def new_key(word: str = "key") -> str:
    return f"{word}-{next(_keys)}"


def line(paid_fen: int, quantity: str = "1", **given: Any) -> LineInput:
    return LineInput(quantity=quantity, list_fen=paid_fen, paid_fen=paid_fen, **given)


def part(line_no: int, quantity: str | None = None, amount_fen: int | None = None) -> WantedLine:
    return WantedLine(line_no, None if quantity is None else Decimal(quantity), amount_fen)


class Desk:
    """One shop, one Teller, one clock."""

    def __init__(self, db: Database, teller: Teller, shop: Shop, keys: MerchantKeys, clock: Clock) -> None:
        self.db = db
        self.teller = teller
        self.shop = shop
        self.keys = keys
        self.clock = clock
        self._numbers = itertools.count(1)

    async def join(self) -> int:
        """A new member's id."""
        given = MemberInput(identities=[IdentityInput("phone", str(next(_phones)))])
        command = join_member(self.shop.cell_id, self.keys, given, now=self.clock(), key=new_key("join"))
        return int((await self.teller.submit(command)).value.member_id)

    async def rule(
        self,
        name: str = "积分",
        *,
        rate: int = 1,
        expiry: Expiry | None = None,
        since: datetime = LONG_AGO,
        **given: Any,
    ) -> int:
        """rate: whole points per yuan; the answer is the rule's id."""
        wanted = self._rule_input(name, rate, expiry, since, given)
        async with self.db.tenant(self.shop.merchant_id) as conn:
            history = await points.create_rule(
                conn, self.shop.merchant_id, wanted, actor="test", now=max(self.clock(), since)
            )
        return history.current.rule.rule_id

    async def change_rule(
        self, rule_id: int, name: str = "积分", *, rate: int = 1, expiry: Expiry | None = None, **given: Any
    ) -> None:
        """A new version from now on."""
        wanted = self._rule_input(name, rate, expiry, self.clock(), given)
        async with self.db.tenant(self.shop.merchant_id) as conn:
            await points.change_rule(conn, self.shop.merchant_id, rule_id, wanted, actor="test", now=self.clock())

    def _rule_input(
        self, name: str, rate: int, expiry: Expiry | None, since: datetime, given: dict[str, Any]
    ) -> points.RuleInput:
        definition = Definition(rate_e4=rate * 10_000, expiry=expiry or Expiry(), **given)
        return points.RuleInput(name=name, definition=definition, effective_from=since)

    def order(
        self,
        member_id: int | None,
        *lines: LineInput,
        no: str | None = None,
        at: datetime | None = None,
        tenders: Sequence[TenderInput] = (),
    ) -> OrderInput:
        """Checked as the door checks it."""
        store, at = self.shop.store, at or self.clock()
        order = OrderInput(
            "pos",
            store.store_id,
            no or f"N{next(self._numbers)}",
            business_day(at, store.timezone, store.day_cut_minutes),
            at,
            member_id,
            lines,
            tuple(tenders),
        )
        check(order, "CNY")
        return with_tender(order)

    async def complete(self, order: OrderInput, *, key: str | None = None, fingerprint: bytes = b"") -> CompletedOut:
        command = CompleteOrder(self.shop.cell_id, order, key=key or new_key("order"), fingerprint=fingerprint)
        value: CompletedOut = (await self.teller.submit(command)).value
        return value

    async def buy(self, member_id: int | None, *paid_fen: int) -> CompletedOut:
        """One line for each amount."""
        return await self.complete(self.order(member_id, *(line(fen) for fen in paid_fen)))

    async def refund(self, order_id: str, *wanted: WantedLine, **given: Any) -> RefundOut:
        """No part: all that is left."""
        command = RefundOrder(self.shop.cell_id, int(order_id), wanted or None, key=new_key("refund"), **given)
        value: RefundOut = (await self.teller.submit(command)).value
        return value

    async def void(self, order_id: str) -> RefundOut:
        return await self.refund(order_id, void=True)

    async def adjust(
        self, member_id: int, amount: int, *, unit: int = Unit.POINTS, expires_at: datetime | None = None
    ) -> Adjusted:
        command = AdjustPoints(
            self.shop.cell_id,
            member_id,
            unit,
            amount,
            reason="test",
            actor="test",
            expires_at=expires_at,
            key=new_key("adjust"),
        )
        value: Adjusted = (await self.teller.submit(command)).value
        return value

    async def expire(self) -> int:
        return await ledger.expire(self.db, self.teller, self.shop.merchant_id, self.clock())

    async def held(self, member_id: int, unit: int = Unit.POINTS) -> tuple[int, int]:
        """(balance, debt)"""
        async with self.db.reader(self.shop.merchant_id) as conn:
            found = await ledger.balances(conn, self.shop.cell_id, member_id, [unit])
        return (found[0].balance, found[0].debt) if found else (0, 0)

    async def lots(self, member_id: int, unit: int = Unit.POINTS) -> list[tuple[int, int, int, bool]]:
        """(earned, remaining, expired, closed) of all lots, earliest expiry first."""
        async with self.db.reader(self.shop.merchant_id) as conn:
            found = await ledger.lots(conn, self.shop.cell_id, member_id, unit, include_closed=True)
        return [(lot.earned, lot.remaining, lot.expired, lot.closed) for lot in found]

    async def history(self, member_id: int, unit: int = Unit.POINTS) -> list[tuple[str, int]]:
        """(kind, signed amount), oldest first."""
        async with self.db.reader(self.shop.merchant_id) as conn:
            rows = await ledger.history(conn, self.shop.cell_id, member_id, unit, limit=1000)
        return [(ledger.kind_name(row.kind), row.amount) for row in reversed(rows)]

    async def caps(self, member_id: int) -> dict[str, int]:
        """Period -> what counts against the caps, of all rules."""
        rows = await self.rows("select period, amount from earn_cap where cell_id = %s and member_id = %s", member_id)
        return dict(rows)

    async def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        """The first parameter of the query is the cell."""
        async with self.db.reader(self.shop.merchant_id) as conn:
            cursor = await conn.execute(query, (self.shop.cell_id, *params))
            return await cursor.fetchall()

    async def counts(self) -> dict[str, int]:
        """Rows of every table that a refused command must not have touched."""
        tables = ("orders", "order_line", "refund", "transfer", "outbox", "order_earning", "earn_cap", "lot")
        found = {}
        for table in (*tables, "idempotency", "account"):
            ((found[table],),) = await self.rows(f"select count(*) from {table} where cell_id = %s")
        ((found["seq"],),) = await self.rows(
            "select transfer_seq + outbox_seq + entity_seq from cell_head where cell_id = %s"
        )
        return found

    async def wrong(self) -> list[Any]:
        """What `verify` finds."""
        merchant_id = self.shop.merchant_id
        return [*await ledger.verify(self.db, merchant_id), *await verify_earnings(self.db, merchant_id)]
