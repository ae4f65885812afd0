"""What the figures mean: periods, buckets, averages. docs/rules/metrics.md has them with numbers."""

from __future__ import annotations

import statistics
from datetime import date, timedelta
from typing import Literal

import msgspec

from huimeng.kernel.errors import InvalidInput

Grain = Literal["day", "week", "month", "quarter"]
By = Literal["store", "region", "category"]
TopOf = Literal["category", "product"]
RfmMethod = Literal["rank", "quantile"]
Chosen = Literal["asked", "last_30_days", "last_12_months", "last_with_data"]
DEFAULT_DAYS = 30
DEFAULT_MONTHS = 12
MOST_MONTHS = 120
# A month with less than a tenth of the orders of another is no measure for it.
THIN = 10
WITHIN = (30, 60, 90)
MOST_WITHIN = 366
TOP_PERCENTS = (1, 5, 10, 20, 50)
CURVE_PERCENTS = tuple(range(0, 101, 5))
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


def twelve_months_to(last: date) -> Period:
    """From the first of a month: eleven whole months, and the month of the last day up to it."""
    months = last.year * 12 + last.month - DEFAULT_MONTHS
    return Period(max(FIRST_DAY, date(months // 12, months % 12 + 1, 1)), last)


def before(period: Period) -> Period:
    """The period of the same length that ends the day before; at the beginning of time what there is of it."""
    length = period.last - period.first
    if period.first <= FIRST_DAY:
        return Period(FIRST_DAY - timedelta(days=1), FIRST_DAY - timedelta(days=1))
    last = period.first - timedelta(days=1)
    return Period(max(FIRST_DAY, last - length), last)


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


def buckets(period: Period, grain: Grain, field: str = "grain") -> list[Bucket]:
    """Every bucket that touches the period, also the empty ones; InvalidInput, of `field`, when they are too many."""
    days = {"day": 1, "week": 7, "month": 28, "quarter": 90}[grain]
    if (period.last - period.first).days // days > MAX_BUCKETS:
        raise InvalidInput(
            field,
            f"more than {MAX_BUCKETS} {grain}s: take a coarser grain or fewer days",
            f"超过 {MAX_BUCKETS} 段，请选更粗的粒度或更短的时间",
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


def share_bps(part: int, whole: int) -> int | None:
    """part / whole in basis points, rounded half up (away from zero below it); None when there is no whole."""
    if whole <= 0:
        return None
    found = (20_000 * abs(part) + whole) // (2 * whole)
    return -found if part < 0 else found


def within_days(text: str | None) -> list[int]:
    """ "30,60,90" as numbers in order; InvalidInput."""
    if text is None:
        return list(WITHIN)
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts) or len(parts) > 6:
        raise InvalidInput(
            "within", "up to six whole numbers of days with commas: 30,60,90", "须为逗号分隔的天数，如 30,60,90"
        )
    days = sorted({int(part) for part in parts})
    if days[0] < 1 or days[-1] > MOST_WITHIN:
        raise InvalidInput("within", f"days from 1 to {MOST_WITHIN}", f"天数须在 1 到 {MOST_WITHIN} 之间")
    return days


def month_of(text: str, field: str) -> date:
    """ "2017-03" as its first day; InvalidInput."""
    year, _, month = text.partition("-")
    if len(text) == 7 and text.isascii() and year.isdigit() and month.isdigit() and 1 <= int(month) <= 12:
        first = date(max(1, int(year)), int(month), 1)
        if FIRST_DAY <= first <= LAST_DAY:
            return first
    raise InvalidInput(field, "a month such as 2017-03", "须为月份，如 2017-03")


def month_from(first: date) -> Period:
    """The month that begins on this day."""
    return Period(first, months_on(first, 1) - timedelta(days=1))


def months_between(first: date, later: date) -> int:
    return (later.year - first.year) * 12 + later.month - first.month


def months_on(first: date, months: int) -> date:
    """The first day of the month that comes `months` after the one of `first`."""
    found = first.year * 12 + first.month - 1 + months
    return date(found // 12, found % 12 + 1, 1)


def trade_from(orders: dict[date, int]) -> date | None:
    """The first month with a tenth of the orders that are usual in the twelve months that follow; a stray early order,
    or a few tried out before the shop opened, are no beginning. orders: by month, oldest first; None without any."""
    months = list(orders)
    for place, month in enumerate(months):
        usual = statistics.median_high([orders[each] for each in months[place : place + 12]])
        if orders[month] * THIN >= usual:
            return month
    return None


class RfmGroup(msgspec.Struct, frozen=True):
    """Members whose recency, frequency and money are high or not: a score of 4 or 5 is high."""

    group: str
    recent: bool
    often: bool
    much: bool
    name_zh: str
    name_en: str
    about_zh: str
    about_en: str


HIGH = 4
# In the order in which a shop looks at them: worth most, and worth most to be won back, first.
RFM_GROUPS = (
    RfmGroup(
        "key_value",
        True,
        True,
        True,
        "重要价值客户",
        "Best customers",
        "最近来过、常来、买得多：优先服务，给专属权益",
        "came lately, come often, buy much: serve them first",
    ),
    RfmGroup(
        "key_keep",
        False,
        True,
        True,
        "重要保持客户",
        "Slipping best customers",
        "常来、买得多，最近一次来得比别人早：主动联系，别让他走",
        "come often and buy much, last came longer ago than others: reach out now",
    ),
    RfmGroup(
        "key_develop",
        True,
        False,
        True,
        "重要发展客户",
        "Big spenders to bring back often",
        "最近来过、买得多，但来得少：引导多来几次",
        "came lately and buy much, but seldom: invite them more often",
    ),
    RfmGroup(
        "key_win_back",
        False,
        False,
        True,
        "重要挽留客户",
        "Big spenders to win back",
        "买得多，但来得少，最近一次比别人早：用专属优惠请回来",
        "buy much, but seldom and longer ago than others: win them back with something of their own",
    ),
    RfmGroup(
        "value",
        True,
        True,
        False,
        "一般价值客户",
        "Frequent small customers",
        "最近来过、常来，每次买得少：推荐搭配，提高客单价",
        "came lately and come often for little: suggest what goes with it",
    ),
    RfmGroup(
        "develop",
        True,
        False,
        False,
        "一般发展客户",
        "New or occasional customers",
        "最近来过，来得少、买得少（多为新客）：让他有理由再来",
        "came lately, seldom and for little, often new: give a reason to return",
    ),
    RfmGroup(
        "keep",
        False,
        True,
        False,
        "一般保持客户",
        "Slipping small customers",
        "常来、买得少，最近一次来得比别人早：低成本提醒",
        "come often for little, longer ago than others: a cheap reminder",
    ),
    RfmGroup(
        "win_back",
        False,
        False,
        False,
        "一般挽留客户",
        "Nearly lost",
        "来得少、买得少，最近一次比别人早：不必花大钱",
        "seldom, for little, longer ago than others: spend little on them",
    ),
)


def rfm_group(r: int, f: int, m: int) -> RfmGroup:
    high = (r >= HIGH, f >= HIGH, m >= HIGH)
    return next(each for each in RFM_GROUPS if (each.recent, each.often, each.much) == high)


BehindFigure = Literal[
    "active",
    "new",
    "returning",
    "repeat",
    "repeat_day",
    "rfm",
    "top",
    "cohort",
    "first_purchase",
    "later_day",
    "later_order",
    "not_repurchased",
    "points_expiring",
]
# Figures whose usual period is twelve months.
YEARLY = frozenset({"cohort", "first_purchase", "later_day", "later_order", "not_repurchased"})


def rfm_cell(text: str) -> tuple[int, int, int]:
    """ "543" as its scores; InvalidInput."""
    if len(text) != 3 or any(sign not in "12345" for sign in text):
        raise InvalidInput("rfm", "three scores from 1 to 5, such as 543", "须为三个 1 到 5 的分数，如 543")
    return int(text[0]), int(text[1]), int(text[2])


def rfm_group_named(name: str | None) -> RfmGroup:
    """InvalidInput."""
    for group in RFM_GROUPS:
        if group.group == name:
            return group
    names = ", ".join(group.group for group in RFM_GROUPS)
    raise InvalidInput("group", f"one of {names}; or give rfm", f"须为 {names} 之一，或给出 rfm")


def behind_cursor(text: str | None) -> tuple[int, int] | None:
    """(net_fen, member_id) of the last member of a page; InvalidInput."""
    if text is None:
        return None
    net, _, member = text.partition(".")
    if all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (net.removeprefix("-"), member)):
        return int(net), int(member)
    raise InvalidInput("cursor", "the next_cursor of the page before", "须为上一页的 next_cursor")
