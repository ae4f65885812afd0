"""Periods, buckets, averages."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huimeng.analytics.rules import (
    FIRST_DAY,
    RFM_GROUPS,
    Grain,
    Period,
    aov_fen,
    asked_period,
    before,
    behind_cursor,
    buckets,
    month_of,
    months_between,
    months_on,
    rfm_cell,
    rfm_group,
    rfm_group_named,
    share_bps,
    split,
    twelve_months_to,
    within_days,
)
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


def test_shares_are_rounded_half_up_and_null_of_nothing() -> None:
    assert [share_bps(2, 3), share_bps(1, 3), share_bps(1, 20_000), share_bps(-1, 3)] == [6667, 3333, 1, -3333]
    assert [share_bps(0, 5), share_bps(0, 0), share_bps(5, -1)] == [0, None, None]


def test_the_period_before_is_as_long_and_ends_the_day_before() -> None:
    assert before(Period(date(2026, 3, 1), date(2026, 3, 31))) == Period(date(2026, 1, 29), date(2026, 2, 28))
    assert before(Period(date(2026, 3, 1), date(2026, 3, 1))) == Period(date(2026, 2, 28), date(2026, 2, 28))
    # Before the first day that can be asked for there is no order.
    assert before(Period(FIRST_DAY, date(2026, 1, 1))).last < FIRST_DAY
    assert before(Period(FIRST_DAY + timedelta(days=2), date(2026, 1, 1))).first == FIRST_DAY


def test_twelve_months_begin_on_the_first() -> None:
    assert twelve_months_to(date(2026, 3, 28)) == Period(date(2025, 4, 1), date(2026, 3, 28))
    assert twelve_months_to(date(2026, 12, 31)) == Period(date(2026, 1, 1), date(2026, 12, 31))


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(0, 500))
def test_months_on_and_between_agree(day: date, months: int) -> None:
    later = months_on(day, months)
    assert (later.day, months_between(day, later)) == (1, months)


def test_days_after_the_first_purchase_are_told_with_commas() -> None:
    assert [within_days(None), within_days("90,30,30"), within_days("366")] == [[30, 60, 90], [30, 90], [366]]
    for wrong in ("", "30,", "0", "367", "-1", "a", "1,2,3,4,5,6,7", "１"):
        with pytest.raises(InvalidInput):
            within_days(wrong)


def test_months_and_cursors_are_read_or_refused() -> None:
    assert [month_of("2026-03", "cohort"), behind_cursor(None)] == [date(2026, 3, 1), None]
    assert [behind_cursor("-5.1024"), behind_cursor("700.2048")] == [(-5, 1024), (700, 2048)]
    for wrong in ("2026-3", "2026-00", "2026-13", "1969-12", "3000-01", "", "2026/03"):
        with pytest.raises(InvalidInput):
            month_of(wrong, "cohort")
    for wrong in ("", "5", "5.", ".5", "a.b", "--5.1", "5.-1", "9" * 19 + ".1"):
        with pytest.raises(InvalidInput):
            behind_cursor(wrong)


def test_every_cell_of_rfm_has_one_group() -> None:
    scores = range(1, 6)
    found = [rfm_group(r, f, m).group for r in scores for f in scores for m in scores]
    assert {group: found.count(group) for group in found} == {
        # High is 4 or 5: two of five scores.
        "key_value": 8,
        "key_keep": 12,
        "key_develop": 12,
        "value": 12,
        "key_win_back": 18,
        "develop": 18,
        "keep": 18,
        "win_back": 27,
    }
    assert [rfm_group_named(group.group) for group in RFM_GROUPS] == list(RFM_GROUPS)
    assert rfm_cell("513") == (5, 1, 3)
