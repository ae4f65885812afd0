"""What the figures mean: periods, buckets, averages. docs/rules/metrics.md has them with numbers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

import msgspec

from huimeng.kernel.errors import InvalidInput

Grain = Literal["day", "week", "month", "quarter"]
DEFAULT_DAYS = 30
MAX_BUCKETS = 1100
FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(2999, 12, 31)


class Period(msgspec.Struct, frozen=True):
    """Both days included."""

    first: date
    last: date


class Bucket(msgspec.Struct, frozen=True):
    """starts: first day of the calendar's bucket; first, last: its days that lie in the period asked for."""

    label: str
    starts: date
    first: date
    last: date


def asked_period(first: date | None, last: date | None, today: date) -> Period:
    """The days asked for; a side left open is filled with 30 days, no side with the 30 days up to today."""
    for field, day in (("from", first), ("to", last)):
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise InvalidInput(field, f"from {FIRST_DAY} to {LAST_DAY}", f"须在 {FIRST_DAY} 到 {LAST_DAY} 之间")
    if last is None:
        last = today if first is None or first <= today else first
    if first is None:
        first = thirty_days_to(last).first
    if first > last:
        raise InvalidInput("to", "lies before from", "不能早于 from")
    return Period(first, last)


def thirty_days_to(last: date) -> Period:
    return Period(max(FIRST_DAY, last - timedelta(days=DEFAULT_DAYS - 1)), last)


def year_of(day: date) -> Period:
    return Period(date(day.year, 1, 1), date(day.year, 12, 31))


def bucket_start(day: date, grain: Grain) -> date:
    """Weeks are ISO weeks: they begin on Monday."""
    match grain:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def _next_start(start: date, grain: Grain) -> date:
    match grain:
        case "day":
            return start + timedelta(days=1)
        case "week":
            return start + timedelta(days=7)
        case "month" | "quarter":
            months = start.month - 1 + (1 if grain == "month" else 3)
            return date(start.year + months // 12, months % 12 + 1, 1)


def label(start: date, grain: Grain) -> str:
    """2017-03-01, 2017-W09, 2017-03, 2017-Q1."""
    match grain:
        case "day":
            return start.isoformat()
        case "week":
            year, week, _ = start.isocalendar()
            return f"{year:04d}-W{week:02d}"
        case "month":
            return f"{start.year:04d}-{start.month:02d}"
        case "quarter":
            return f"{start.year:04d}-Q{(start.month + 2) // 3}"


def buckets(period: Period, grain: Grain) -> list[Bucket]:
    """Every bucket that touches the period, also the empty ones; InvalidInput when there are too many."""
    days = {"day": 1, "week": 7, "month": 28, "quarter": 90}[grain]
    if (period.last - period.first).days // days > MAX_BUCKETS:
        raise InvalidInput(
            "grain",
            f"more than {MAX_BUCKETS} buckets: take a coarser grain",
            f"超过 {MAX_BUCKETS} 段,请选更粗的粒度",
        )
    found = []
    start = bucket_start(period.first, grain)
    while start <= period.last:
        after = _next_start(start, grain)
        last = min(after - timedelta(days=1), period.last)
        found.append(Bucket(label(start, grain), start, max(start, period.first), last))
        start = after
    return found


class Split(msgspec.Struct, frozen=True):
    """A period as days, whole months, days; the months are [months_from, months_to), both first days of a month."""

    months_from: date
    months_to: date
    days: list[Period]


def split(period: Period) -> Split:
    first_month = bucket_start(period.first, "month")
    months_from = first_month if first_month == period.first else _next_start(first_month, "month")
    day_after = period.last + timedelta(days=1)
    months_to = bucket_start(day_after, "month")
    if months_from >= months_to:
        return Split(months_from, months_from, [period])
    days = []
    if period.first < months_from:
        days.append(Period(period.first, months_from - timedelta(days=1)))
    if months_to < day_after:
        days.append(Period(months_to, period.last))
    return Split(months_from, months_to, days)


def aov_fen(net_fen: int, orders: int) -> int | None:
    """Net sales per order, rounded half up (away from zero below it); None without orders."""
    if orders <= 0:
        return None
    average = (2 * abs(net_fen) + orders) // (2 * orders)
    return -average if net_fen < 0 else average
