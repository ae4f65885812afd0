"""What the book means: units, accounts, lots, expiry, and from where an amount is drawn or taken back."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import msgspec

from huimeng.kernel.times import end_of_day, zone

AMOUNT_MAX = 10**15


class Unit:
    """What is counted; a debt is counted in a unit of its own, 10 above the one that is owed."""

    POINTS = 1
    GROWTH = 2
    POINTS_DEBT = 11
    GROWTH_DEBT = 12


UNIT_NAMES: Mapping[int, str] = {
    Unit.POINTS: "points",
    Unit.GROWTH: "growth",
    Unit.POINTS_DEBT: "points_debt",
    Unit.GROWTH_DEBT: "growth_debt",
}


def debt_of(unit: int) -> int:
    return unit + 10


class System:
    """Holder ids of the merchant's own accounts; entity ids start at 1024."""

    ISSUED = 1
    EXPIRED = 2
    REDEEMED = 3
    DEBTS = 4
    OPENING = 5
    ADJUSTED = 6


class Kind:
    """Why value moved."""

    EARN = 1
    EARN_REVERSED = 2
    REFUND_TAKEN = 3
    EXPIRY_REVERSED = 4
    DEBT = 5
    DEBT_REPAID = 6
    DEBT_CLEARED = 7
    EXPIRE = 8
    SPEND = 9
    ADJUST = 10
    OPENING = 11


KIND_NAMES: Mapping[int, str] = {
    Kind.EARN: "earn",
    Kind.EARN_REVERSED: "earn_reversed",
    Kind.REFUND_TAKEN: "refund_taken",
    Kind.EXPIRY_REVERSED: "expiry_reversed",
    Kind.DEBT: "debt",
    Kind.DEBT_REPAID: "debt_repaid",
    Kind.DEBT_CLEARED: "debt_cleared",
    Kind.EXPIRE: "expire",
    Kind.SPEND: "spend",
    Kind.ADJUST: "adjust",
    Kind.OPENING: "opening",
}

UNITS = 64


def account_id(holder_id: int, unit: int) -> int:
    return holder_id * UNITS + unit


def holder_of(account: int) -> int:
    return account // UNITS


def unit_of(account: int) -> int:
    return account % UNITS


class Lot(msgspec.Struct, frozen=True):
    """earned = remaining + expired + what was spent or taken back; amounts in the account's unit."""

    lot_id: int
    expires_at: datetime | None
    earned: int
    remaining: int
    expired: int
    closed: bool

    def valid(self, at: datetime) -> bool:
        return self.expires_at is None or self.expires_at > at


class Expiry(msgspec.Struct, frozen=True, omit_defaults=True):
    """never; after `count` spans, rounded up to the end of day, month, quarter or year; or on a calendar day (the next
    such day after the earning, so 12-31 is the end of the year)."""

    kind: Literal["never", "after", "date"] = "never"
    count: int = 0
    span: Literal["day", "month", "year"] = "month"
    round_to: Literal["day", "month", "quarter", "year"] = "day"
    month: int = 0
    day: int = 0


def last_valid_day(expiry: Expiry, earned_on: date) -> date | None:
    """The last local day on which what was earned on a day can be used."""
    if expiry.kind == "never":
        return None
    if expiry.kind == "date":
        this_year = _clamped(earned_on.year, expiry.month, expiry.day)
        return this_year if this_year >= earned_on else _clamped(earned_on.year + 1, expiry.month, expiry.day)
    if expiry.span == "day":
        day = earned_on + timedelta(days=expiry.count)
    else:
        months = expiry.count * (12 if expiry.span == "year" else 1)
        years, month = divmod(earned_on.month - 1 + months, 12)
        day = _clamped(earned_on.year + years, month + 1, earned_on.day)
    if expiry.round_to == "month":
        return _clamped(day.year, day.month, 31)
    if expiry.round_to == "quarter":
        return _clamped(day.year, (day.month + 2) // 3 * 3, 31)
    if expiry.round_to == "year":
        return date(day.year, 12, 31)
    return day


def expires_at(expiry: Expiry, earned_at: datetime, timezone: str) -> datetime | None:
    """The first moment (UTC) after the last valid local day."""
    day = last_valid_day(expiry, earned_at.astimezone(zone(timezone)).date())
    return None if day is None else end_of_day(day, timezone)


def _clamped(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


_NEVER = datetime.max.replace(tzinfo=UTC)


def spend_order(lot: Lot) -> tuple[datetime, int]:
    """Earliest expiry first, then the oldest; what never expires comes last."""
    return (lot.expires_at or _NEVER, lot.lot_id)


def draw(lots: Iterable[Lot], amount: int, at: datetime) -> tuple[list[tuple[int, int]], int]:
    """([(lot, amount)], missing): valid lots in spending order."""
    drawn: list[tuple[int, int]] = []
    for lot in sorted((lot for lot in lots if lot.remaining and lot.valid(at)), key=spend_order):
        if amount == 0:
            break
        part = min(lot.remaining, amount)
        drawn.append((lot.lot_id, part))
        amount -= part
    return drawn, amount


class TakeBack(msgspec.Struct, frozen=True):
    """Where an amount that was earned into a lot is taken back from."""

    from_lot: int
    from_expired: int
    from_others: list[tuple[int, int]]
    debt: int


def plan_take_back(lots: Mapping[int, Lot], lot_id: int, amount: int, at: datetime) -> TakeBack:
    """First from the very lot; what expired there is gone already and is not taken twice; what was spent comes from
    other lots in spending order; the rest is owed."""
    lot = lots[lot_id]
    from_lot = min(amount, lot.remaining)
    from_expired = min(amount - from_lot, lot.expired)
    rest = amount - from_lot - from_expired
    others, debt = draw((other for other in lots.values() if other.lot_id != lot_id), rest, at)
    return TakeBack(from_lot, from_expired, others, debt)
