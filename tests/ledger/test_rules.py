"""How long value lasts, in which order it is drawn, and from where it is taken back."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from huimeng.ledger.rules import (
    Expiry,
    Lot,
    TakeBack,
    account_id,
    debt_of,
    draw,
    expires_at,
    holder_of,
    last_valid_day,
    plan_take_back,
    unit_of,
)

AT = datetime(2026, 3, 4, 4, tzinfo=UTC)
SOON = datetime(2026, 3, 5, tzinfo=UTC)
LATER = datetime(2026, 6, 1, tzinfo=UTC)
PAST = datetime(2026, 3, 4, 3, 59, 59, tzinfo=UTC)

LAST_DAYS = [
    (Expiry(), "2026-03-04", None),
    (Expiry("after", 1, "day"), "2026-01-31", "2026-02-01"),
    (Expiry("after", 30, "day"), "2024-02-01", "2024-03-02"),
    (Expiry("after", 30, "day"), "2026-02-01", "2026-03-03"),
    (Expiry("after", 365, "day"), "2024-02-29", "2025-02-28"),
    # A month later is the same day of the month, or its last one.
    (Expiry("after", 1, "month"), "2026-01-31", "2026-02-28"),
    (Expiry("after", 1, "month"), "2024-01-31", "2024-02-29"),
    (Expiry("after", 1, "month"), "2026-12-31", "2027-01-31"),
    (Expiry("after", 13, "month"), "2026-12-31", "2028-01-31"),
    (Expiry("after", 12, "month"), "2024-02-29", "2025-02-28"),
    (Expiry("after", 1, "year"), "2024-02-29", "2025-02-28"),
    (Expiry("after", 4, "year"), "2024-02-29", "2028-02-29"),
    # Rounded up to the end of the span.
    (Expiry("after", 12, "month", "month"), "2026-03-04", "2027-03-31"),
    (Expiry("after", 12, "month", "month"), "2027-02-10", "2028-02-29"),
    (Expiry("after", 3, "month", "quarter"), "2026-02-10", "2026-06-30"),
    (Expiry("after", 1, "month", "quarter"), "2026-02-28", "2026-03-31"),
    (Expiry("after", 1, "day", "quarter"), "2026-09-30", "2026-12-31"),
    (Expiry("after", 1, "month", "year"), "2026-12-15", "2027-12-31"),
    (Expiry("after", 1, "year", "year"), "2026-01-01", "2027-12-31"),
    (Expiry("after", 10, "day", "month"), "2026-02-20", "2026-03-31"),
    # A calendar day: the next one, the day itself included.
    (Expiry("date", month=12, day=31), "2026-01-01", "2026-12-31"),
    (Expiry("date", month=12, day=31), "2026-12-31", "2026-12-31"),
    (Expiry("date", month=3, day=31), "2026-04-01", "2027-03-31"),
    (Expiry("date", month=2, day=29), "2026-01-05", "2026-02-28"),
    (Expiry("date", month=2, day=29), "2026-03-01", "2027-02-28"),
    (Expiry("date", month=2, day=29), "2027-03-01", "2028-02-29"),
    (Expiry("date", month=2, day=29), "2028-02-29", "2028-02-29"),
]


@pytest.mark.parametrize(("expiry", "earned", "last"), LAST_DAYS)
def test_last_valid_day(expiry: Expiry, earned: str, last: str | None) -> None:
    found = last_valid_day(expiry, date.fromisoformat(earned))
    assert found == (None if last is None else date.fromisoformat(last))


ENDS = [
    # Midnight in Shanghai is 16:00 UTC of the day before.
    ("Asia/Shanghai", "2026-03-04T04:00Z", "2026-03-05T16:00Z"),
    # It is the 5th in Shanghai already.
    ("Asia/Shanghai", "2026-03-04T16:00Z", "2026-03-06T16:00Z"),
    ("America/New_York", "2026-01-10T12:00Z", "2026-01-12T05:00Z"),
    # Clocks go forward on 8 March 2026: the day after it begins an hour earlier in UTC.
    ("America/New_York", "2026-03-06T12:00Z", "2026-03-08T05:00Z"),
    ("America/New_York", "2026-03-07T12:00Z", "2026-03-09T04:00Z"),
    # Clocks go back on 1 November 2026.
    ("America/New_York", "2026-10-31T12:00Z", "2026-11-02T05:00Z"),
    # In Brazil the clocks jumped from midnight to one: the day ends where the next one begins.
    ("America/Sao_Paulo", "2018-11-02T12:00Z", "2018-11-04T03:00Z"),
]


@pytest.mark.parametrize(("timezone", "earned", "end"), ENDS)
def test_validity_ends_with_the_local_day(timezone: str, earned: str, end: str) -> None:
    a_day = Expiry("after", 1, "day")
    assert expires_at(a_day, datetime.fromisoformat(earned), timezone) == datetime.fromisoformat(end)


def test_what_never_expires_has_no_end() -> None:
    assert expires_at(Expiry(), AT, "Asia/Shanghai") is None


def lot(lot_id: int, until: datetime | None, remaining: int, expired: int = 0, earned: int = 100) -> Lot:
    return Lot(lot_id, until, earned, remaining, expired, closed=False)


DRAWS = [
    # Earliest expiry first, what never expires last, of equal ones the oldest.
    ([lot(1, None, 10), lot(2, LATER, 10), lot(3, SOON, 10)], 25, [(3, 10), (2, 10), (1, 5)], 0),
    ([lot(2, SOON, 10), lot(1, SOON, 10)], 5, [(1, 5)], 0),
    ([lot(1, SOON, 10)], 10, [(1, 10)], 0),
    ([lot(1, SOON, 10)], 11, [(1, 10)], 1),
    # No longer valid, also when nobody wrote it off yet: the end itself is outside.
    ([lot(1, PAST, 10), lot(2, AT, 10), lot(3, LATER, 10)], 15, [(3, 10)], 5),
    ([lot(1, SOON, 0), lot(2, LATER, 3)], 2, [(2, 2)], 0),
    ([], 7, [], 7),
    ([lot(1, SOON, 10)], 0, [], 0),
]


@pytest.mark.parametrize(("lots", "amount", "drawn", "missing"), DRAWS)
def test_drawing(lots: list[Lot], amount: int, drawn: list[tuple[int, int]], missing: int) -> None:
    assert draw(lots, amount, AT) == (drawn, missing)


TAKEN = [
    # The lot itself first, then the other lots in spending order, then a debt.
    ([lot(1, SOON, 100), lot(2, None, 50)], 1, 40, TakeBack(40, 0, [], 0)),
    ([lot(1, SOON, 30), lot(2, None, 50), lot(3, LATER, 5)], 1, 60, TakeBack(30, 0, [(3, 5), (2, 25)], 0)),
    ([lot(1, SOON, 30), lot(2, None, 20)], 1, 60, TakeBack(30, 0, [(2, 20)], 10)),
    ([lot(1, SOON, 0)], 1, 60, TakeBack(0, 0, [], 60)),
    # What expired out of the lot is gone already; only what was spent of it is taken elsewhere.
    ([lot(1, PAST, 0, 100), lot(2, None, 50)], 1, 60, TakeBack(0, 60, [], 0)),
    ([lot(1, PAST, 0, 70), lot(2, None, 20)], 1, 100, TakeBack(0, 70, [(2, 20)], 10)),
    # No longer valid but not written off yet: it is still in the lot.
    ([lot(1, PAST, 80), lot(2, None, 50)], 1, 100, TakeBack(80, 0, [(2, 20)], 0)),
    # Other lots that are no longer valid are nobody's money.
    ([lot(1, SOON, 0), lot(2, PAST, 50)], 1, 10, TakeBack(0, 0, [], 10)),
]


@pytest.mark.parametrize(("lots", "lot_id", "amount", "plan"), TAKEN)
def test_taking_back(lots: list[Lot], lot_id: int, amount: int, plan: TakeBack) -> None:
    assert plan_take_back({each.lot_id: each for each in lots}, lot_id, amount, AT) == plan


def test_an_account_number_holds_holder_and_unit() -> None:
    number = account_id(5 * 1024, 11)
    assert (number, holder_of(number), unit_of(number)) == (327691, 5120, 11)
    assert (debt_of(1), debt_of(2)) == (11, 12)
