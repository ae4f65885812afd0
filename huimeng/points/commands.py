"""Points and growth that do not come from orders: adjustments by hand."""

from __future__ import annotations

from datetime import datetime

import msgspec

from huimeng.infra.audit import acting
from huimeng.infra.teller import Command, Needs, Rows
from huimeng.kernel.errors import InvalidInput
from huimeng.ledger.commands import account_needs, earn, open_account, spend
from huimeng.ledger.rules import AMOUNT_MAX, UNIT_NAMES, Kind, System, Unit
from huimeng.ledger.values import Reference
from huimeng.member.errors import MemberErased, MemberNotFound
from huimeng.member.store import MEMBER_STATUS
from huimeng.order.rules import check_text
from huimeng.points.errors import AdjustmentIsZero
from huimeng.points.store import (
    ADJUSTMENT,
    EARN_CAP,
    EARNING_RULES,
    Adjustment,
    EarnCap,
    MerchantConfig,
)

__all__ = [
    "EARNING_RULES",
    "EARN_CAP",
    "AdjustPoints",
    "Adjusted",
    "EarnCap",
    "MerchantConfig",
]


class Adjusted(msgspec.Struct, frozen=True):
    """balance and debt of the member's account after it; repaid: how much of it repaid a debt at once."""

    adjustment_id: str
    member_id: str
    unit: str
    amount: int
    balance: int
    debt: int
    repaid: int
    created_at: datetime


class AdjustPoints(Command):
    """Adds (amount > 0) or takes (amount < 0); InsufficientBalance, MemberNotFound, MemberErased.

    expires_at: when what is added stops being valid; None is never.
    """

    status = 201

    def __init__(
        self,
        cell_id: int,
        member_id: int,
        unit: int,
        amount: int,
        *,
        reason: str,
        actor: str,
        expires_at: datetime | None = None,
        key: str | None,
        fingerprint: bytes = b"",
    ) -> None:
        """Raises AdjustmentIsZero or InvalidInput for what can never be booked."""
        if unit not in (Unit.POINTS, Unit.GROWTH):
            raise InvalidInput("unit", "points or growth", "须为积分或成长值")
        if amount == 0:
            raise AdjustmentIsZero()
        if abs(amount) > AMOUNT_MAX:
            raise InvalidInput("amount", f"at most {AMOUNT_MAX}", f"不能超过 {AMOUNT_MAX}")
        check_text("reason", reason.strip(), 200, required=True)
        if expires_at is not None:
            _check_expires_at(expires_at, amount)
        self.cell_id = cell_id
        self.member_id = member_id
        self.unit = unit
        self.amount = amount
        self.reason = reason.strip()
        self.actor = actor
        self.by = acting()
        self.expires_at = expires_at
        self.key = key
        self.fingerprint = fingerprint
        self.weight = 6

    def nowhere(self) -> MemberNotFound:
        return MemberNotFound(str(self.member_id))

    def needs(self) -> Needs:
        yield MEMBER_STATUS, (self.cell_id, self.member_id)
        yield from account_needs(self.cell_id, self.member_id, self.unit)

    def decide(self, rows: Rows) -> Adjusted:
        cell_id, member_id = self.cell_id, self.member_id
        _check_member(rows, cell_id, member_id)
        if self.expires_at is not None and self.expires_at <= rows.now:
            raise InvalidInput("expires_at", "lies in the past", "不能早于现在")
        number, repaid = rows.take_id(), 0
        account = open_account(rows, cell_id, member_id, self.unit)
        why = Reference(Kind.ADJUST, number, rows.now)
        if self.amount > 0:
            repaid = earn(rows, account, self.amount, self.expires_at, why, System.ADJUSTED).repaid
        else:
            spend(rows, account, -self.amount, why, System.ADJUSTED)
        rows.add(
            ADJUSTMENT,
            Adjustment(
                cell_id,
                number,
                member_id,
                self.unit,
                self.amount,
                self.expires_at,
                self.reason,
                self.actor,
                rows.now,
            ),
        )
        unit = UNIT_NAMES[self.unit]
        payload = {"member_id": member_id, "unit": unit, "amount": self.amount}
        rows.emit("points.adjusted", number, payload)
        self._record(rows, number, account.balance)
        return Adjusted(str(number), str(member_id), unit, self.amount, account.balance, account.debt, repaid, rows.now)

    def _record(self, rows: Rows, number: int, balance: int) -> None:
        after = {
            "member_id": str(self.member_id),
            "unit": UNIT_NAMES[self.unit],
            "amount": self.amount,
            "balance": balance,
            "expires_at": self.expires_at,
            "reason": self.reason,
        }
        rows.audit(self.by, "points.adjusted", ("adjustment", number), after=after)


def _check_member(rows: Rows, cell_id: int, member_id: int) -> None:
    member = rows.get(MEMBER_STATUS, (cell_id, member_id))
    if member is None:
        raise MemberNotFound(str(member_id))
    if not member.active:
        raise MemberErased(member_id)


def _check_expires_at(expires_at: datetime, amount: int) -> None:
    if expires_at.tzinfo is None:
        raise InvalidInput("expires_at", "needs an offset such as +08:00", "须带时区，如 +08:00")
    if amount < 0:
        raise InvalidInput("expires_at", "only for what is added", "仅用于增加时")
