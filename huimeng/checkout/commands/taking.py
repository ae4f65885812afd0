"""Orders as the Teller takes them: completed at a till, or imported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from huimeng.checkout.errors import StoreChanged, UnknownMember, UnknownStore
from huimeng.checkout.rules import Goods, goods_given_up
from huimeng.checkout.store import EARNING, NewEarning
from huimeng.checkout.values import CompletedOut, EarnedOut, LineOut, ReasonOut
from huimeng.infra.teller import Command, Key, Needs, Rows
from huimeng.kernel.times import business_day
from huimeng.ledger.commands import account_needs, earn, open_account
from huimeng.ledger.errors import AmountOutOfRange
from huimeng.ledger.rules import UNIT_NAMES, Kind, Unit, account_id
from huimeng.ledger.values import ACCOUNT, Reference
from huimeng.member.store import MEMBER_STATUS
from huimeng.merchant.values import Store
from huimeng.order.errors import OrderExists
from huimeng.order.rules import EARNED_MAX, Known, Order, OrderInput, Status, content_hash
from huimeng.order.store import FIRST_ORDER, ORDER, ORDER_NO, NewLine, NewOrder, NewRefund
from huimeng.points.rules import Bill, Plan, Reason, RuleSet, periods
from huimeng.points.rules import Earnings as BillEarnings
from huimeng.points.rules import earn as earn_on
from huimeng.points.store import EARN_CAP, EARNING_RULES, EarnCap

ImportStatus = Literal["completed", "refunded", "voided"]
_STORED_AS = {"completed": Status.COMPLETED, "refunded": Status.REFUNDED, "voided": Status.VOIDED}
_NOTHING_TAKEN = {"points_taken": 0, "growth_taken": 0}


class ImportOutcome(msgspec.Struct, frozen=True):
    """created, unchanged (it was there, the same) or conflict (it was there, different); since when it was there."""

    outcome: str
    order_id: int
    since: datetime | None = None


class _Taking(Command):
    """What completing and importing share: one order that earns by the rules in force when it was made."""

    order: OrderInput
    versions: Sequence[tuple[int, int]] | None = None
    store_code: str | None = None
    earns: bool = True
    explain: bool = False
    final: ImportStatus = "completed"

    def __init__(self, cell_id: int, order: OrderInput) -> None:
        self.cell_id = cell_id
        self.order = order
        self.identity: Key = (cell_id, order.store_id, order.business_day, order.order_no, order.source)
        self.weight = 8 + len(order.lines)

    def needs(self) -> Needs:
        cell_id, member_id = self.cell_id, self.order.member_id
        needs: list[tuple[str, Key]] = [(ORDER_NO, self.identity), (EARNING_RULES, (cell_id,))]
        if member_id is not None:
            needs.append((MEMBER_STATUS, (cell_id, member_id)))
            if self.earns:
                needs += account_needs(cell_id, member_id, Unit.POINTS, Unit.GROWTH)
        return needs

    def more(self, rows: Rows) -> Needs:
        member_id = self.order.member_id
        if member_id is None or not self.earns:
            return ()
        config = rows.get(EARNING_RULES, (self.cell_id,)).rules
        if not (config.needs_first_order or config.has_period_caps):
            return ()
        needs: list[tuple[str, Key]] = []
        if config.needs_first_order:
            needs.append((FIRST_ORDER, (self.cell_id, member_id)))
        needs += ((EARN_CAP, key) for key in self._caps(rows).values())
        return needs

    def _rules(self, rows: Rows) -> Plan:
        rules: RuleSet = rows.get(EARNING_RULES, (self.cell_id,)).rules
        if self.versions is None:
            return rules.in_force(self.order.ordered_at)
        return rules.by_versions(self.versions)

    def _caps(self, rows: Rows) -> dict[tuple[int, Literal["d", "m"]], Key]:
        assert self.order.member_id is not None
        return cap_keys(self.cell_id, self.order.member_id, self._rules(rows), self.order.business_day)

    def _take(self, rows: Rows) -> tuple[int, BillEarnings | None, int]:
        """Writes the order and what it earns: (order id, earnings, debt repaid)."""
        order, cell_id = self.order, self.cell_id
        store = rows.get(EARNING_RULES, (cell_id,)).stores.get(order.store_id)
        if store is None:
            raise UnknownStore(store=order.store_id)
        if self.store_code not in (None, store.code):
            # Who looked it up had been told a moment too late; the code may be another store's by now.
            raise StoreChanged()
        if business_day(order.ordered_at, store.timezone, store.day_cut_minutes) != order.business_day:
            raise StoreChanged()
        member_id = order.member_id
        if member_id is not None:
            member = rows.get(MEMBER_STATUS, (cell_id, member_id))
            if member is None or not member.active:
                raise UnknownMember()
        earnings = self._earnings(rows, store) if self.earns else None
        order_id = rows.take_id()
        repaid = 0
        if earnings is not None and member_id is not None:
            repaid = self._book(rows, order_id, member_id, earnings)
        self._write(rows, order_id, earnings)
        return order_id, earnings, repaid

    def _earnings(self, rows: Rows, store: Store) -> BillEarnings:
        order, member_id = self.order, self.order.member_id
        rules, used, first = self._rules(rows), {}, False
        if member_id is not None:
            if rules.needs_first_order:
                first = rows.get(FIRST_ORDER, (self.cell_id, member_id)) is None
            if rules.capped:
                counters = {name: rows.get(EARN_CAP, key) for name, key in self._caps(rows).items()}
                used = {name: row.amount for name, row in counters.items() if row is not None}
        return earn_on(
            rules,
            Bill(order.store_id, store.region, order.business_day, order.lines, order.tenders),
            member=member_id is not None,
            first_order=first,
            used=used,
            occurred_at=order.ordered_at,
            timezone=store.timezone,
            explain=self.explain,
        )

    def _book(self, rows: Rows, order_id: int, member_id: int, earnings: BillEarnings) -> int:
        cell_id, repaid = self.cell_id, 0
        if sum(award.amount for award in earnings.awards) > EARNED_MAX:
            raise AmountOutOfRange()
        why = Reference(Kind.EARN, order_id, self.order.ordered_at)
        for award in earnings.awards:
            account = open_account(rows, cell_id, member_id, award.unit)
            posted = earn(rows, account, award.amount, award.expires_at, why)
            if award.unit == Unit.POINTS:
                repaid += posted.repaid
            rows.add(
                EARNING,
                NewEarning(cell_id, order_id, award.unit, posted.lot_id, posted.seq, award.amount, 0, award.parts),
            )
        caps = self._caps(rows) if earnings.used else {}
        for name, amount in earnings.used.items():
            if rows.get(EARN_CAP, caps[name]) is None:
                rows.put(EARN_CAP, caps[name], EarnCap(0))
            rows.edit(EARN_CAP, caps[name]).amount += amount
        return repaid

    def _write(self, rows: Rows, order_id: int, earnings: BillEarnings | None) -> None:
        order, cell_id = self.order, self.cell_id
        zeros = [0] * len(order.lines)
        points = earnings.points_by_line if earnings is not None else zeros
        growth = earnings.growth_by_line if earnings is not None else zeros
        lines = [
            NewLine(
                cell_id,
                order_id,
                number,
                line.list_fen,
                line.paid_fen,
                line.quantity,
                line.sku,
                line.product,
                line.category,
                points[number - 1],
                growth[number - 1],
                line.line_key,
            )
            for number, line in enumerate(order.lines, 1)
        ]
        paid_fen, returned = order.paid_fen, self.final == "completed" and order.is_return
        rows.add(
            ORDER,
            NewOrder(
                cell_id,
                order_id,
                order.source,
                order.store_id,
                order.business_day,
                order.order_no,
                order.member_id,
                order.ordered_at,
                sum(line.list_fen for line in order.lines),
                paid_fen,
                0 if self.final == "completed" else paid_fen,
                Status.RETURNED if returned else _STORED_AS[self.final],
                self._hash(),
                rows.now,
                lines,
                [(tender.kind, tender.amount_fen) for tender in order.tenders],
            ),
        )
        rows.put(ORDER_NO, self.identity, Known(order_id, self._hash(), rows.now))
        counts = order.member_id is not None and self.final != "voided" and not returned
        if counts and rows.get(EARNING_RULES, (cell_id,)).rules.needs_first_order:
            rows.put(FIRST_ORDER, (cell_id, order.member_id), True)
        rows.emit("order.completed", order_id, figures(order.store_id, order, paid_fen, int(not returned)))

    def _hash(self) -> bytes:
        return content_hash(self.order)


class CompleteOrder(_Taking):
    """An order at the till or from a shop; the answer explains what it earned."""

    explain = True
    status = 201

    def __init__(
        self,
        cell_id: int,
        order: OrderInput,
        *,
        key: str,
        fingerprint: bytes,
        versions: Sequence[tuple[int, int]] | None = None,
        store_code: str | None = None,
    ) -> None:
        super().__init__(cell_id, order)
        self.store_code = store_code
        self.key = key
        self.fingerprint = fingerprint
        self.versions = versions

    def decide(self, rows: Rows) -> CompletedOut:
        known = rows.get(ORDER_NO, self.identity)
        if known is not None:
            raise OrderExists(order_id=str(known.order_id))
        order_id, earnings, repaid = self._take(rows)
        assert earnings is not None
        order = self.order
        return CompletedOut(
            str(order_id),
            order.order_no,
            order.business_day,
            order.paid_fen,
            sum(earnings.points_by_line),
            sum(earnings.growth_by_line),
            repaid,
            points_balance(rows, self.cell_id, order.member_id),
            earned_out(earnings),
            lines_out(order, earnings),
            reasons_out(earnings.explanation, rows.get(EARNING_RULES, (self.cell_id,)).currency),
        )


class ImportOrder(_Taking):
    """An order out of a file: known by its identity, so it needs no key; `final` tells what became of it."""

    def __init__(self, cell_id: int, order: OrderInput, earn: bool, status: ImportStatus = "completed") -> None:
        super().__init__(cell_id, order)
        self.earns = earn
        self.final = status
        self._content = content_hash(order, status)

    def decide(self, rows: Rows) -> ImportOutcome:
        known = rows.get(ORDER_NO, self.identity)
        if known is not None:
            same = known.content_hash == self._content
            return ImportOutcome("unchanged" if same else "conflict", known.order_id, known.created_at)
        # What did not last earns nothing: earning it and taking it back would come to the same.
        self.earns = self.earns and self.final == "completed"
        order_id, _, _ = self._take(rows)
        if self.final != "completed":
            self._give_up(rows, order_id)
        return ImportOutcome("created", order_id)

    def _give_up(self, rows: Rows, order_id: int) -> None:
        """The refund or voiding that the file tells of, of which only that it happened is known."""
        order, paid_fen = self.order, self.order.paid_fen
        lines = [
            {"line_no": number, "quantity": line.quantity, "amount_fen": line.paid_fen} | _NOTHING_TAKEN
            for number, line in enumerate(order.lines, 1)
        ]
        tenders = [{"kind": tender.kind, "amount_fen": tender.amount_fen} for tender in order.tenders]
        void = self.final == "voided"
        row = NewRefund(
            self.cell_id, rows.take_id(), order_id, order.ordered_at, paid_fen, "import", int(void), tenders, lines
        )
        rows.add(ORDER, row)
        kind = "order.voided" if void else "order.refunded"
        rows.emit(kind, order_id, figures(order.store_id, order, -paid_fen, -1, goods_given_up(order.lines)))

    def _hash(self) -> bytes:
        return self._content


def cap_keys(cell_id: int, member_id: int, plan: Plan, business_day: date) -> dict[tuple[int, Literal["d", "m"]], Key]:
    """Counters of the rules that are capped by day or month: (rule_id, span) -> key of the shelf."""
    if not plan.capped:
        return {}
    names = periods(business_day)
    return {
        (rule_id, span): (cell_id, member_id, rule_id, names[span]) for rule_id, spans in plan.capped for span in spans
    }


def figures(
    store_id: int, order: OrderInput | Order, net_fen: int, orders: int, goods: list[Goods] | None = None
) -> dict[str, Any]:
    """What an event tells the figures; goods: of what a refund takes away. A new order's are its lines."""
    told = {
        "store_id": store_id,
        "business_day": order.business_day,
        "member_id": order.member_id,
        "net_fen": net_fen,
        "orders": orders,
    }
    return told if goods is None else {**told, "goods": [msgspec.structs.asdict(each) for each in goods]}


def points_balance(rows: Rows, cell_id: int, member_id: int | None) -> int | None:
    if member_id is None:
        return None
    account = rows.get(ACCOUNT, (cell_id, account_id(member_id, Unit.POINTS)))
    return account.available(rows.now) if account is not None else 0


def earned_out(earnings: BillEarnings) -> list[EarnedOut]:
    return [EarnedOut(UNIT_NAMES[award.unit], award.amount, award.expires_at) for award in earnings.awards]


def lines_out(order: OrderInput, earnings: BillEarnings) -> list[LineOut]:
    return [
        LineOut(number, line.paid_fen, points, growth)
        for number, (line, points, growth) in enumerate(
            zip(order.lines, earnings.points_by_line, earnings.growth_by_line, strict=True), 1
        )
    ]


def reasons_out(reasons: Iterable[Reason], currency: str) -> list[ReasonOut]:
    return [
        ReasonOut(
            str(reason.rule_id),
            reason.version,
            reason.name,
            UNIT_NAMES[reason.unit],
            reason.code,
            reason.amount,
            reason.text("zh", currency),
            reason.text("en", currency),
        )
        for reason in reasons
    ]
