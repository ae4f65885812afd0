"""One true sentence for each picture, and what follows from it where the figures allow to say so."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable
from datetime import date

import msgspec

from huimeng.analytics.rules import share_bps
from huimeng.analytics.values import BucketOut, Cohort, Figures
from huimeng.entry.report.gathering import Report
from huimeng.entry.report.speech import Change, Speech, change, share_change
from huimeng.kernel.currency import counted

# Fewer than these say nothing about a shop.
FEW = 30


class Told(msgspec.Struct, frozen=True):
    """fact is what the figures are; so: what follows; beware: what they can't say. vague: too little to say anything,
    and so to show a picture."""

    fact: str
    so: str | None = None
    beware: str | None = None
    vague: bool = False


class Compared(msgspec.Struct, frozen=True):
    """One headline figure; a text says why there is nothing to compare it with."""

    name: str
    value: str
    before: Change | str
    year_before: Change | str
    note: str


Comparison = Callable[[Figures, Figures], Change | None]


def headline(report: Report, speech: Speech) -> list[Compared]:
    """Active, returning, coming back and kept value, in this order."""
    f = report.month.figures
    returning = speech(
        f"老会员 {speech.count(f.returning_members)}，新会员 {speech.count(f.new_members)}",
        f"{speech.count(f.returning_members)} returning, {speech.count(f.new_members)} new",
    )
    share = speech.percent(f.returning_share_bps)
    repeat = speech(
        f"{speech.count(f.repeat_members)} 位在本月买了两次或以上",
        f"{speech.count(f.repeat_members)} bought twice or more this month",
    )
    kept = speech(
        f"{speech.count(f.orders)} 单，客单价 {speech.money(f.aov_fen)}",
        f"{counted(f.orders, 'orders')} of {speech.money(f.aov_fen)}",
    )
    return [
        _compared(
            report, speech, speech("活跃会员", "Active members"), speech.count(f.active_members), returning, _active
        ),
        _compared(
            report,
            speech,
            speech("老会员占比", "Returning share"),
            share,
            speech("活跃会员里以前就买过的", "of the active members"),
            _returning,
        ),
        _compared(
            report, speech, speech("复购率", "Repurchase rate"), speech.percent(f.repeat_share_bps), repeat, _repeat
        ),
        _compared(report, speech, speech("净销售额", "Net sales"), speech.money(f.net_fen), kept, _net),
    ]


def _active(now: Figures, then: Figures) -> Change | None:
    return change(now.active_members, then.active_members)


def _returning(now: Figures, then: Figures) -> Change | None:
    return share_change(now.returning_share_bps, then.returning_share_bps)


def _repeat(now: Figures, then: Figures) -> Change | None:
    return share_change(now.repeat_share_bps, then.repeat_share_bps)


def _net(now: Figures, then: Figures) -> Change | None:
    return change(now.net_fen, then.net_fen)


def _compared(report: Report, speech: Speech, name: str, value: str, note: str, by: Comparison) -> Compared:
    def against(bucket: BucketOut, comparable: bool) -> Change | str:
        if not report.over:
            return speech("未满月，不比较", "month not over")
        if not comparable:
            return speech("订单太少", "too few orders") if bucket.figures.orders else speech("无数据", "no data")
        return by(report.month.figures, bucket.figures) or speech("无数据", "no data")

    return Compared(
        name,
        value,
        against(report.months[-2], report.before is not None),
        against(report.months[0], report.year_before is not None),
        note,
    )


def comparisons(report: Report, speech: Speech) -> str:
    """What the month is compared with, and what it can't be compared with."""
    if not report.over:
        return speech(
            f"本月还没有结束：数字截至报告时刻，不与整月比较（数据从 {speech.month(report.data_from)}开始）。",
            f"The month is not over: figures up to now are not compared with whole months "
            f"(data begin in {speech.month(report.data_from)}).",
        )
    before, year = report.months[-2], report.months[0]
    names = (speech.month(before.first), speech.month(year.first))
    lacks = (_lack(before, speech), _lack(year, speech))
    if report.before and report.year_before:
        return speech(
            f"与上月（{names[0]}）和去年同月（{names[1]}）比较。", f"Compared with {names[0]} and {names[1]}."
        ) + _lengths(report, speech)
    start = speech(f"数据从 {speech.month(report.data_from)}开始", f"data begin in {speech.month(report.data_from)}")
    if report.before:
        return speech(
            f"与上月（{names[0]}）比较；去年同月（{names[1]}）{lacks[1]}，无从比较（{start}）。",
            f"Compared with {names[0]}. There are {lacks[1]} of {names[1]} to compare with ({start}).",
        ) + _lengths(report, speech)
    if report.year_before:
        return speech(
            f"与去年同月（{names[1]}）比较；上月（{names[0]}）{lacks[0]}，无从比较。",
            f"Compared with {names[1]}. There are {lacks[0]} of {names[0]} to compare with.",
        )
    if lacks[0] == lacks[1]:
        return speech(
            f"上月（{names[0]}）和去年同月（{names[1]}）都{lacks[0]}，无从比较（{start}）。",
            f"There are {lacks[0]} of {names[0]} or {names[1]} to compare with ({start}).",
        )
    return speech(
        f"上月（{names[0]}）{lacks[0]}，去年同月（{names[1]}）{lacks[1]}，无从比较（{start}）。",
        f"There are {lacks[0]} of {names[0]} and {lacks[1]} of {names[1]} to compare with ({start}).",
    )


def _lack(bucket: BucketOut, speech: Speech) -> str:
    """Of a month that is no measure for another."""
    orders = bucket.figures.orders
    if not orders:
        return speech("没有数据", "no data")
    return speech(f"只有 {speech.count(orders)} 单", f"too few orders ({speech.count(orders)})")


def _lengths(report: Report, speech: Speech) -> str:
    """A month is longer than another; nothing when it is not."""
    now, then = ((each.last - each.first).days + 1 for each in (report.months[-1], report.months[-2]))
    if now == then:
        return ""
    return speech(f"本月 {now} 天，上月 {then} 天。", f" This month has {now} days, the month before {then}.")


def members(report: Report, speech: Speech) -> Told:
    f = report.month.figures
    if not f.active_members:
        return Told(speech("本月没有会员来买。", "No member bought this month."))
    share = f.returning_share_bps or 0
    fact = speech(
        f"本月有 {speech.count(f.active_members)} 位会员来买，其中 {speech.count(f.returning_members)} 位"
        f"（{speech.percent(share)}）以前就买过，{speech.count(f.new_members)} 位是第一次买。",
        f"{counted(f.active_members, 'members')} bought this month: {speech.count(f.returning_members)} of them "
        f"({speech.percent(share)}) had bought before, {speech.count(f.new_members)} for the first time.",
    )
    beware = _first_month(report, speech)
    so = None
    if f.active_members < FEW or beware:
        return Told(fact, None, beware)
    if share >= 8000:
        so = speech(
            "生意靠老会员撑着：留住一位老会员，比多登记一位新会员要紧。",
            "Returning members carry the shop: keeping one matters more than registering another.",
        )
    elif share <= 4000:
        so = speech(
            "多数是第一次来的会员：让他们来第二次，是眼下最要紧的事。",
            "Most are here for the first time: what matters now is that they come a second time.",
        )
    return Told(fact, so)


def _first_month(report: Report, speech: Speech) -> str | None:
    """In the first months of the data everybody looks new."""
    months = (report.first.year - report.data_from.year) * 12 + report.first.month - report.data_from.month
    if months > 2:
        return None
    return speech(
        f"数据从 {speech.month(report.data_from)}开始，更早来过的会员在这里也算新会员。",
        f"Data begin in {speech.month(report.data_from)}: who came before that counts as new here.",
    )


def sales(report: Report, speech: Speech) -> Told:
    f = report.month.figures
    fact = speech(f"本月净销售额 {speech.money(f.net_fen)}", f"Net sales were {speech.money(f.net_fen)}")
    before = report.before if report.over else None
    found = change(f.net_fen, before.figures.net_fen) if before else None
    if found is not None:
        fact += speech(f"，比上月{speech.more_or_less(found)}", f", {speech.more_or_less(found)} than the month before")
    fact += speech("。", ".")
    if f.net_fen > 0 and f.active_members:
        share = f.returning_net_fen * 10_000 // f.net_fen
        fact += speech(
            f"其中老会员买走 {speech.percent(share)}。", f" Returning members made {speech.percent(share)} of them."
        )
    return Told(fact, _why(f, before.figures, speech) if before else None)


def _why(now: Figures, then: Figures, speech: Speech) -> str | None:
    """Which of orders and average moved sales more: net = orders x average, exactly, so logarithms add up."""
    if not (now.orders and then.orders and now.net_fen > 0 and then.net_fen > 0 and now.aov_fen and then.aov_fen):
        return None
    orders, aov = change(now.orders, then.orders), change(now.aov_fen, then.aov_fen)
    if orders is None or aov is None or max(abs(orders.bps), abs(aov.bps)) < 50:
        return None
    by_orders = abs(math.log(now.orders / then.orders)) >= abs(math.log(now.aov_fen / then.aov_fen))
    told = (
        speech(f"订单{speech.more_or_less(orders)}", f"orders: {speech.more_or_less(orders)}"),
        speech(f"客单价{_high_or_low(aov, speech)}", f"average: {_high_or_low(aov, speech)}"),
    )
    if by_orders:
        return speech(
            f"变化主要来自来客：{told[0]}，{told[1]}。", f"It is mostly about how many came: {told[0]}, {told[1]}."
        )
    return speech(f"变化主要来自客单价：{told[1]}，{told[0]}。", f"It is mostly about the bill: {told[1]}, {told[0]}.")


def _high_or_low(found: Change, speech: Speech) -> str:
    amount = speech.percent(abs(found.bps))
    if amount == "0.0%":
        return speech("持平", "the same")
    return speech(f"高 {amount}", f"{amount} higher") if found.bps > 0 else speech(f"低 {amount}", f"{amount} lower")


def days(report: Report, speech: Speech) -> Told:
    """The best day, and which weekdays are usually strong."""
    best = max(report.days, key=lambda day: day.figures.net_fen)
    fact = speech(
        f"最旺的一天是 {speech.day(best.first)}，净销售额 {speech.money(best.figures.net_fen)}。",
        f"The best day was {speech.day(best.first)}: {speech.money(best.figures.net_fen)}.",
    )
    if not report.over or len(report.days) < 28:
        return Told(fact)
    sums: dict[int, list[int]] = defaultdict(list)
    for day in report.days:
        # A day on which the shop was shut says nothing about its weekday.
        if day.figures.orders:
            sums[day.first.weekday()].append(day.figures.net_fen)
    if not sums:
        return Told(fact)
    # The middle one, so that one holiday makes no strong weekday.
    usual = {weekday: statistics.median_low(found) for weekday, found in sums.items()}
    strong, weak = max(usual, key=lambda w: usual[w]), min(usual, key=lambda w: usual[w])
    if usual[weak] <= 0 or usual[strong] * 10 < usual[weak] * 12:
        return Told(fact)
    times = speech.times(usual[strong] * 10 // usual[weak])
    so = speech(
        f"{speech.weekday(strong)}一般一天 {speech.money(usual[strong])}，是{speech.weekday(weak)}的 {times}："
        "排班和备货照这个来。",
        f"A usual {speech.weekday(strong)} brings {speech.money(usual[strong])}, {times} a "
        f"{speech.weekday(weak)}: plan staff and stock by that.",
    )
    return Told(fact, so)


def repurchase(report: Report, speech: Speech) -> Told:
    if report.repurchase is None:
        return Told(
            speech(
                "数据从本月开始，分不清谁是第一次买。",
                "Data begin in this month: it can't be told who buys for the first time.",
            ),
            vague=True,
        )
    since = within(report.firsts_from, speech)
    rows = [row for row in report.repurchase.rows if row.members >= FEW]
    if not rows:
        return Told(
            speech(
                f"{since}首次购买的会员还太少，或买了还不到 30 天，看不出他们回不回来。",
                f"Too few members first bought {since}, or too recently, to tell who comes back.",
            ),
            vague=True,
        )
    row = rows[0]
    fact = speech(
        f"{since}首次购买、且已满 {row.within_days} 天的 {speech.count(row.members)} 位会员里，"
        f"{speech.percent(row.later_day_share_bps)} 在 {row.within_days} 天内改日又来买过。",
        f"Of {counted(row.members, 'members')} who first bought {since}, "
        f"{row.within_days} days ago or more, "
        f"{speech.percent(row.later_day_share_bps)} bought again on a later day within {row.within_days} days.",
    )
    last = rows[-1]
    so = None
    if len(rows) > 1 and last.later_day_share_bps and row.later_day_share_bps is not None:
        early = row.later_day_share_bps * 10_000 // last.later_day_share_bps
        if 6000 <= early <= 10_000:
            so = speech(
                f"{last.within_days} 天内回来的人，大约 {speech.percent(early, 0)} 在头 {row.within_days} 天就回来了："
                f"请人回来要趁早。",
                f"About {speech.percent(early, 0)} of those back within {last.within_days} days were back in the first "
                f"{row.within_days}: invite early.",
            )
    return Told(fact, so, _first_months(report, speech))


def within(since: date | None, speech: Speech) -> str:
    """近 12 个月, or since when there are data."""
    if since is None:
        return speech("近 12 个月", "in these 12 months")
    return speech(f"{speech.month(since)}以来", f"since {speech.month(since)}")


def _first_months(report: Report, speech: Speech) -> str | None:
    """The first cohort holds everybody who was a customer already."""
    if (report.first.year - report.data_from.year) * 12 + report.first.month - report.data_from.month > 11:
        return None
    return speech(
        f"数据从 {speech.month(report.data_from)}开始，那个月分不清谁是第一次买，不算在内；随后几批里也还有老顾客。",
        f"Data begin in {speech.month(report.data_from)}: first purchases of that month can't be told, "
        "and are left out; some in the months after are older customers too.",
    )


class _Batch(msgspec.Struct, frozen=True):
    """First buyers of some months, and how many of them bought in the month after their first."""

    first: str
    last: str
    members: int
    came: int


def cohorts(report: Report, speech: Speech) -> Told:
    """The newest batch that is big enough, against the older ones; not the first month of the data."""
    start = f"{report.data_from:%Y-%m}"  # And before it a stray order at most.
    rows = [
        (row.month, row.members, row.cells[1].members)
        for row in shown_cohorts(report)
        if row.month > start and row.members and _month_over(row)
    ]
    newest, older = _batches(rows)
    beware = _first_months(report, speech)
    if newest is None:
        return Told(
            speech(
                "每批首购会员都还太少，或还不满一个月，看不出去留。",
                "Each month's first buyers are too few or too recent to tell who stays.",
            ),
            None,
            beware,
            vague=True,
        )
    months = (newest.first, newest.last)
    share = speech.percent(share_bps(newest.came, newest.members))
    fact = speech(
        f"{_span(*months, ' 至 ')} 首次购买的 {speech.count(newest.members)} 位会员，次月有 {share} 又来买。",
        f"Of the {counted(newest.members, 'members')} who first bought in {_span(*months, ' to ')}, "
        f"{share} bought in the month after.",
    )
    return Told(fact, None if older is None else _against(newest, older, speech), beware)


def _span(first: str, last: str, to: str) -> str:
    return first if first == last else f"{first}{to}{last}"


def _batches(rows: list[tuple[str, int, int]]) -> tuple[_Batch | None, _Batch | None]:
    """The last months that hold FEW members together, and those before them."""
    start = len(rows)
    while start > 0 and sum(row[1] for row in rows[start:]) < FEW:
        start -= 1
    return _batch(rows[start:]), _batch(rows[:start])


def _batch(rows: list[tuple[str, int, int]]) -> _Batch | None:
    members = sum(row[1] for row in rows)
    if members < FEW:
        return None
    return _Batch(rows[0][0], rows[-1][0], members, sum(row[2] for row in rows))


def _against(newest: _Batch, older: _Batch, speech: Speech) -> str | None:
    """None when the two differ by no more than batches of their size do without any reason, 19 times of 20."""
    usual = share_bps(older.came, older.members)
    found = share_change(share_bps(newest.came, newest.members), usual)
    both = (newest.came + older.came) / (newest.members + older.members)
    chance = 2 * math.sqrt(both * (1 - both) * (1 / newest.members + 1 / older.members)) * 10_000
    if found is None or abs(found.bps) <= chance:
        return None
    word = (
        speech("新会员留得更好了", "newer members stay better")
        if found.bps > 0
        else speech("新会员留得差了，看看近来有什么不同", "newer members stay less: see what has changed")
    )
    return speech(
        f"比之前几批（{speech.percent(usual)}）{speech.more_or_less(found)}：{word}。",
        f"That is {speech.more_or_less(found)} than of the months before ({speech.percent(usual)}): {word}.",
    )


def shown_cohorts(report: Report) -> list[Cohort]:
    """With the cells up to the month of the report only, so that the report stays what it was."""
    shown = []
    for cohort in report.cohorts.cohorts:
        start = date.fromisoformat(f"{cohort.month}-01")
        later = (report.first.year - start.year) * 12 + report.first.month - start.month
        if later >= 0:
            shown.append(msgspec.structs.replace(cohort, cells=cohort.cells[: later + 1]))
    return shown


def _month_over(cohort: Cohort) -> bool:
    """Whether the month after the first is there, and over."""
    return len(cohort.cells) > 1 and cohort.cells[1].complete
