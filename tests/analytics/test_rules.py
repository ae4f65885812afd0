"""Periods, buckets, averages."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huimeng.analytics.rules import Grain, Period, aov_fen, asked_period, buckets, split
from huimeng.kernel.errors import InvalidInput

TODAY = date(2026, 3, 31)
DAYS = st.dates(date(2015, 1, 1), date(2030, 12, 31))


def test_aov_is_rounded_half_up_and_null_without_orders() -> None:
    assert [aov_fen(101950, 8), aov_fen(85850, 6), aov_fen(5, 2), aov_fen(-5, 2)] == [12744, 14308, 3, -3]
    assert aov_fen(0, 0) is None
    assert aov_fen(-100, 0) is None


def test_open_sides_are_filled() -> None:
    assert asked_period(None, None, TODAY) == Period(date(2026, 3, 2), TODAY)
    assert asked_period(date(2026, 1, 1), None, TODAY) == Period(date(2026, 1, 1), TODAY)
    assert asked_period(date(2026, 5, 1), None, TODAY) == Period(date(2026, 5, 1), date(2026, 5, 1))
    assert asked_period(None, date(2026, 1, 31), TODAY) == Period(date(2026, 1, 2), date(2026, 1, 31))


@pytest.mark.parametrize(
    ("first", "last"),
    [(date(2026, 2, 1), date(2026, 1, 1)), (date.min, date(2026, 1, 1)), (date(2026, 1, 1), date.max)],
)
def test_impossible_periods_are_refused(first: date, last: date) -> None:
    with pytest.raises(InvalidInput):
        asked_period(first, last, TODAY)


def test_weeks_are_iso_weeks() -> None:
    found = buckets(Period(date(2026, 12, 30), date(2027, 1, 4)), "week")
    assert [(bucket.label, bucket.first, bucket.last) for bucket in found] == [
        ("2026-W53", date(2026, 12, 30), date(2027, 1, 3)),
        ("2027-W01", date(2027, 1, 4), date(2027, 1, 4)),
    ]


def test_quarters_and_months() -> None:
    year = Period(date(2026, 1, 1), date(2026, 12, 31))
    assert [bucket.label for bucket in buckets(year, "quarter")] == ["2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4"]
    assert [bucket.label for bucket in buckets(year, "month")][::11] == ["2026-01", "2026-12"]


def test_too_many_buckets_are_refused() -> None:
    with pytest.raises(InvalidInput):
        buckets(Period(date(1990, 1, 1), date(2026, 1, 1)), "day")


@given(DAYS, st.integers(0, 1000), st.sampled_from(["day", "week", "month", "quarter"]))
def test_buckets_cover_every_day_once(first: date, length: int, grain: Grain) -> None:
    period = Period(first, first + timedelta(days=length))
    found = buckets(period, grain)
    assert found[0].first == period.first
    assert found[-1].last == period.last
    assert len({bucket.label for bucket in found}) == len(found)
    for one, next_one in pairwise(found):
        assert next_one.first == one.last + timedelta(days=1) == next_one.starts


@given(DAYS, st.integers(0, 1000))
def test_a_split_covers_every_day_once(first: date, length: int) -> None:
    period = Period(first, first + timedelta(days=length))
    pieces = split(period)
    days = [part.first + timedelta(days=n) for part in pieces.days for n in range((part.last - part.first).days + 1)]
    days += [pieces.months_from + timedelta(days=n) for n in range((pieces.months_to - pieces.months_from).days)]
    assert sorted(days) == [first + timedelta(days=n) for n in range(length + 1)]
    assert pieces.months_from == pieces.months_to or pieces.months_from.day == pieces.months_to.day == 1
