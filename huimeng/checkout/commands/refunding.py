"""Refunding and voiding: money back, and what was earned taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from huimeng.checkout.commands.taking import figures, points_balance
from huimeng.checkout.rules import (
    Earned,
    LineRefund,
    WantedLine,
    freed_of_caps,
    given_back,
    goods_change,
    is_done,
    plan_refund,
    share_over_lots,
    share_over_tenders,
)
from huimeng.checkout.store import EARNING, Earnings
from huimeng.checkout.values import RefundLineOut, RefundOut, TenderIn
from huimeng.infra.audit import Action, acting
from huimeng.infra.teller import Command, Needs, Rows
from huimeng.kernel.currency import money_text, step_fen
from huimeng.kernel.errors import InvalidInput, NotFound
from huimeng.ledger.commands import account_needs, open_account, take_back
from huimeng.ledger.rules import Kind, Unit, account_id
from huimeng.ledger.values import ACCOUNT, CLOSED_LOT, Reference
from huimeng.order.errors import OrderNotRefundable
from huimeng.order.rules import STATUS_NAMES, Order, Status, check_money, quantity_text
from huimeng.order.store import ORDER, NewRefund
from huimeng.points.rules import periods
from huimeng.points.store import EARN_CAP, EARNING_RULES


class RefundOrder(Command):
    """Part of an order, or what is left of it; `void` undoes the whole order."""

    status = 201

    def __init__(
        self,
        cell_id: int,
        order_id: int,
        wanted: Sequence[WantedLine] | None,
        *,
        key: str | None,
        fingerprint: bytes = b"",
        reason: str = "",
        tenders: Sequence[TenderIn] | None = None,
        void: bool = False,
    ) -> None:
        self.cell_id = cell_id
        self.order_id = order_id
        self.wanted = wanted
        self.key = key
        self.fingerprint = fingerprint
        self.reason = reason
        self.tenders = tenders
        self.void = void
        self.by = acting()
        self.weight = 20

    def nowhere(self) -> NotFound:
        return NotFound("order")

    def needs(self) -> Needs:
        key = (self.cell_id, self.order_id)
        return [(ORDER, key), (EARNING, key), (EARNING_RULES, (self.cell_id,))]

    def more(self, rows: Rows) -> Needs:
        order = rows.get(ORDER, (self.cell_id, self.order_id))
        earnings = rows.get(EARNING, (self.cell_id, self.order_id))
        if order is None or earnings is None or order.member_id is None:
            return ()
        cell_id, member_id = self.cell_id, order.member_id
        # The answer tells the balance of points, also when the order earned none.
        needs = account_needs(cell_id, member_id, Unit.POINTS)
        for earned in earnings.earned:
            number = account_id(member_id, earned.unit)
            needs.append((ACCOUNT, (cell_id, number)))
            needs.append((CLOSED_LOT, (cell_id, number, earned.lot_id)))
            for rule_id, _, _ in earned.parts:
                names = periods(order.business_day).values()
                needs += ((EARN_CAP, (cell_id, member_id, rule_id, name)) for name in names)
        return needs

    def decide(self, rows: Rows) -> RefundOut:
        key = (self.cell_id, self.order_id)
        if rows.get(ORDER, key) is None:
            raise self.nowhere()
        order: Order = rows.edit(ORDER, key)
        before, counts = _status(order), order.status != Status.RETURNED
        currency = rows.get(EARNING_RULES, (self.cell_id,)).currency
        plans = plan_refund(order, self.wanted, currency)
        if not plans and not self.void:
            raise OrderNotRefundable()
        refund_id = rows.take_id()
        taken = self._take_back(rows, order, refund_id, plans)
        amount = sum(plan.amount_fen for plan in plans)
        tenders = self._give_back(order, amount, currency)
        lines_before = list(order.lines.values())
        for plan in plans:
            order.lines[plan.line_no] = plan.after
            order.dirty.add(plan.line_no)
        order.refunded_fen += amount
        gone = self.void or is_done(order)
        left = Status.PARTLY_REFUNDED if counts else Status.RETURNED
        order.status = Status.VOIDED if self.void else Status.REFUNDED if gone else left
        lines = [RefundLineOut(p.line_no, quantity_text(p.quantity), p.amount_fen, p.points, p.growth) for p in plans]
        rows.add(ORDER, self._row(rows, refund_id, amount, lines, tenders))
        kind = "order.voided" if self.void else "order.refunded"
        goods = goods_change(lines_before, order.lines.values(), kept=not gone, counts=counts)
        rows.emit(kind, self.order_id, figures(order.store_id, order, -amount, -1 if gone and counts else 0, goods))
        self._record(rows, refund_id, amount, before, _status(order))
        points, growth = sum(plan.points for plan in plans), sum(plan.growth for plan in plans)
        return RefundOut(
            str(refund_id),
            str(self.order_id),
            STATUS_NAMES[order.status],
            amount,
            points,
            growth,
            taken.get(Unit.POINTS, 0),
            taken.get(Unit.GROWTH, 0),
            points_balance(rows, self.cell_id, order.member_id) if taken else None,
            lines,
            tenders,
        )

    def _record(self, rows: Rows, refund_id: int, amount: int, before: dict[str, Any], after: dict[str, Any]) -> None:
        told = {**after, "refund_id": str(refund_id), "amount_fen": amount, "reason": self.reason}
        action: Action = "order.voided" if self.void else "order.refunded"
        rows.audit(self.by, action, ("order", self.order_id), before=before, after=told)

    def _give_back(self, order: Order, amount: int, currency: str) -> list[TenderIn]:
        """By which tenders the money goes back; the order remembers it."""
        told, step = self.tenders, step_fen(currency)
        if told is None:
            shares = share_over_tenders(order.tenders, amount, step)
        elif sum(tender.amount_fen for tender in told) != amount:
            zh, en = money_text(amount, currency, "zh"), money_text(amount, currency, "en")
            raise InvalidInput("tenders", f"must add up to {en}", f"合计须为 {zh}")
        elif any(tender.amount_fen * amount <= 0 for tender in told):
            raise InvalidInput("tenders", "each must be part of the refund", "每一项都须是退款的一部分")
        else:
            # What was taken with a part of a unit before can go back as it came.
            for tender in () if amount % step else told:
                check_money("tenders", tender.amount_fen, currency)
            self._check_left(order, told, currency)
            shares = given_back(order.tenders, [(tender.kind, tender.amount_fen) for tender in told], step)
        before = order.tenders
        order.tenders = [
            msgspec.structs.replace(tender, refunded_fen=tender.refunded_fen + share)
            for tender, share in zip(before, shares, strict=True)
        ]
        if told is not None:
            return list(told)
        return [TenderIn(tender.kind, share) for tender, share in zip(before, shares, strict=True) if share]

    def _check_left(self, order: Order, told: Sequence[TenderIn], currency: str) -> None:
        """Money may go back another way (cash for a card that is gone), but no tender gives more than it took."""
        for kind in {tender.kind for tender in told}:
            paid = [tender for tender in order.tenders if tender.kind == kind]
            wanted = sum(tender.amount_fen for tender in told if tender.kind == kind)
            left = sum(tender.left_fen for tender in paid)
            if paid and wanted > max(0, left):
                zh, en = money_text(left, currency, "zh"), money_text(left, currency, "en")
                raise InvalidInput("tenders", f"{kind} has {en} left", f"{kind} 最多还能退 {zh}")

    def _row(
        self, rows: Rows, refund_id: int, amount: int, lines: list[RefundLineOut], tenders: list[TenderIn]
    ) -> NewRefund:
        return NewRefund(
            self.cell_id,
            refund_id,
            self.order_id,
            rows.now,
            amount,
            self.reason,
            int(self.void),
            [{"kind": tender.kind, "amount_fen": tender.amount_fen} for tender in tenders],
            [msgspec.to_builtins(line) for line in lines],
        )

    def _take_back(self, rows: Rows, order: Order, refund_id: int, plans: Sequence[LineRefund]) -> dict[int, int]:
        """Debt by unit for each unit of which something is taken back."""
        key = (self.cell_id, self.order_id)
        if order.member_id is None or rows.get(EARNING, key) is None:
            return {}
        earnings: Earnings = rows.edit(EARNING, key)
        debts: dict[int, int] = {}
        after: list[Earned] = []
        for unit in sorted({earned.unit for earned in earnings.earned}):
            parts = [earned for earned in earnings.earned if earned.unit == unit]
            amount = sum(plan.points if unit == Unit.POINTS else plan.growth for plan in plans)
            debts[unit] = 0
            for earned, share in zip(parts, share_over_lots(parts, amount), strict=True):
                after.append(msgspec.structs.replace(earned, reversed=earned.reversed + share))
                if share:
                    debts[unit] += self._take_from_lot(rows, order.member_id, earned, share, refund_id)
                    self._free_caps(rows, order, earned, share)
        earnings.earned = after
        return debts

    def _take_from_lot(self, rows: Rows, member_id: int, earned: Earned, amount: int, refund_id: int) -> int:
        account = open_account(rows, self.cell_id, member_id, earned.unit)
        if earned.lot_id not in account.lots:
            account.lots[earned.lot_id] = rows.get(CLOSED_LOT, (self.cell_id, account.account_id, earned.lot_id))
        why = Reference(Kind.EARN_REVERSED, refund_id, rows.now, earned.transfer_seq)
        return take_back(rows, account, earned.lot_id, amount, why)

    def _free_caps(self, rows: Rows, order: Order, earned: Earned, amount: int) -> None:
        """What is taken back no longer counts against the caps of the order's day and month."""
        for (rule_id, _, _), share in zip(earned.parts, freed_of_caps(earned, amount), strict=True):
            for period in periods(order.business_day).values():
                key = (self.cell_id, order.member_id, rule_id, period)
                if rows.get(EARN_CAP, key) is not None:
                    cap = rows.edit(EARN_CAP, key)
                    cap.amount = max(0, cap.amount - share)


def _status(order: Order) -> dict[str, Any]:
    return {"status": STATUS_NAMES[order.status], "refunded_fen": order.refunded_fen}
