"""Sentences on what members are worth, what they buy, and their points."""

from __future__ import annotations

from itertools import pairwise

from huimeng.analytics.values import Rfm, Top
from huimeng.entry.report.gathering import Report
from huimeng.entry.report.sentences import FEW, Told, within
from huimeng.entry.report.speech import Speech
from huimeng.entry.report.tables import span
from huimeng.kernel.currency import counted

CALL_FIRST = "key_keep"


def rfm(report: Report, speech: Speech) -> Told:
    found, since = report.rfm, within(report.year_from, speech)
    if not found.members:
        return Told(speech(f"{since}没有会员来买。", f"No member bought {since}."), vague=True)
    if found.members < FEW:
        return Told(
            speech(
                f"{since}买过的会员只有 {speech.count(found.members)} 位，太少，分不出群。",
                f"Only {counted(found.members, 'members')} bought {since}: too few to sort into groups.",
            ),
            vague=True,
        )
    best = max(found.groups, key=lambda group: group.net_fen)
    name = speech(best.name_zh, best.name_en)
    fact = speech(
        f"{since}买过的 {speech.count(found.members)} 位会员里，{name}有 {speech.count(best.members)} 位"
        f"（{speech.percent(best.member_share_bps)}），买走会员销售的 {speech.percent(best.net_share_bps)}。",
        f"Of {counted(found.members, 'members')} who bought {since}, “{name}” has {speech.count(best.members)} "
        f"({speech.percent(best.member_share_bps)}) and made {speech.percent(best.net_share_bps)} of sales.",
    )
    return Told(fact, _slipping(found, since, speech), _equal_values(found, speech))


def _slipping(found: Rfm, since: str, speech: Speech) -> str | None:
    """Who came often and is not among the last to have come; how long ago that was says how much it means."""
    group = next((group for group in found.groups if group.group == CALL_FIRST), None)
    days = days_since(found, CALL_FIRST)
    if group is None or days is None:
        return None
    ago = span(*days, speech(" 天", " days"))
    bought = speech.money(group.net_fen)
    return speech(
        f"先看看 {speech.count(group.members)} 位{group.name_zh}：来得多、买得多（{since}买了 {bought}），"
        f"但最近一次来是 {ago}前，隔得比别的会员久：隔得最久的先联系。",
        f"Look first at {speech.count(group.members)} “{group.name_en}”: they came often, bought {bought} {since}, "
        f"and came last {ago} ago, less lately than others. "
        "Call those away for longest.",
    )


def days_since(found: Rfm, group: str) -> tuple[int, int] | None:
    """The least and most days since a last order that members of the group may have; None without members."""
    scores = {cell.r for cell in found.cells if cell.group == group and cell.members}
    known = [
        (each.least, each.most)
        for scale in found.scales
        if scale.of == "recency_days"
        for each in scale.scores
        if each.score in scores and each.least is not None and each.most is not None
    ]
    return (min(least for least, _ in known), max(most for _, most in known)) if known else None


def _equal_values(found: Rfm, speech: Speech) -> str | None:
    """By rank a value may end one score and begin the next, as the heads of the grid then show."""
    for scale in found.scales:
        spans = sorted(
            (each.least, each.most) for each in scale.scores if each.least is not None and each.most is not None
        )
        if scale.of != "net_fen" and any(lower[1] == upper[0] for lower, upper in pairwise(spans)):
            return speech(
                "按名次平均分成五份，所以天数或单数一样的会员可能落在相邻的两格里。",
                "Members are split by rank into five equal parts, so those with as many days or orders may stand in "
                "two neighbouring ones.",
            )
    return None


def concentration(report: Report, speech: Speech) -> Told:
    found = report.concentration
    top = next((row for row in found.top if row.percent == 20), None)
    if top is None or not found.members or found.net_fen <= 0:
        return Told(speech("本月没有会员销售。", "There were no sales to members this month."), vague=True)
    if found.members < FEW:
        return Told(
            speech(
                f"本月来买的会员只有 {speech.count(found.members)} 位，太少，看不出生意集中在谁身上。",
                f"Only {counted(found.members, 'members')} bought this month: too few to tell on whom sales hang.",
            ),
            vague=True,
        )
    fact = speech(
        f"买得最多的 20% 会员（{speech.count(top.members)} 位）买走了会员销售的 {speech.percent(top.net_share_bps)}。",
        f"The 20% of members who bought most ({speech.count(top.members)}) made {speech.percent(top.net_share_bps)} of "
        "sales to members.",
    )
    rest, rest_net = found.members - top.members, found.net_fen - top.net_fen
    if rest <= 0 or rest_net <= 0:
        return Told(fact)
    tenths = top.net_fen * rest * 10 // (rest_net * top.members)
    if tenths < 30:
        return Told(fact)
    so = speech(
        f"他们每人平均买 {speech.money(top.net_fen // top.members)}，是其他会员的 {speech.times(tenths)}："
        "少一位大客，要好几位普通会员才补得回来。",
        f"Each of them bought {speech.money(top.net_fen // top.members)} on average, "
        f"{speech.times(tenths)} the others: one lost takes several others to make up for.",
    )
    return Told(fact, so)


def categories(report: Report, speech: Speech) -> Told:
    found = report.categories
    named = [row for row in found.rows if row.name]
    if not named:
        return Told(
            speech(
                "订单里没有品类，看不出卖的是什么。", "Orders carry no categories, so it can't be told what was sold."
            )
        )
    best = named[0]
    fact = speech(
        f"卖得最好的品类是 {best.name}，净销售额 {speech.money(best.net_fen)}，"
        f"占 {speech.percent(best.net_share_bps)}；"
        f"{speech.count(best.orders)} 单里有它。",
        f"The best category is {best.name}: {speech.money(best.net_fen)}, "
        f"{speech.percent(best.net_share_bps)} of sales; "
        f"it is in {counted(best.orders, 'orders')}.",
    )
    return Told(fact + _together(found, speech))


def products(report: Report, speech: Speech) -> Told:
    named = [row for row in report.products.rows if row.name]
    if not named:
        return Told(
            speech("订单里没有商品，看不出卖的是什么。", "Orders carry no products, so it can't be told what was sold.")
        )
    best = named[0]
    most = max(named, key=lambda row: row.orders)
    fact = speech(
        f"卖得最好的商品是 {best.name}，净销售额 {speech.money(best.net_fen)}。",
        f"The best product is {best.name}: {speech.money(best.net_fen)}.",
    )
    if most is best or not report.month.figures.orders:
        return Told(fact)
    share = most.orders * 10_000 // report.month.figures.orders
    return Told(
        fact,
        speech(
            f"这几样里买得最勤的是 {most.name}：{speech.percent(share)} 的订单里有它，适合用来请人进店。",
            f"Of these, {most.name} is bought most often: in {speech.percent(share)} of all orders. Invite with it.",
        ),
    )


def _together(found: Top, speech: Speech) -> str:
    total = sum(row.net_fen for row in found.rows)
    if found.net_fen <= 0 or len(found.rows) < 3:
        return ""
    share = total * 10_000 // found.net_fen
    return speech(
        f"前 {len(found.rows)} 个品类合计占 {speech.percent(share)}。",
        f" The first {len(found.rows)} together are {speech.percent(share)}.",
    )


def stores(report: Report, speech: Speech) -> Told:
    sold = [row for row in report.stores.rows if row.orders]
    if len(sold) < 2:
        return Told(speech("本月只有一家门店有销售。", "Only one store had sales this month."))
    best = sold[0]
    fact = speech(
        f"{speech.count(len(sold))} 家门店有销售，最多的是 {best.name}：{speech.money(best.net_fen)}，"
        f"占 {speech.percent(best.net_share_bps)}。",
        f"{speech.count(len(sold))} stores had sales; {best.name} had most: {speech.money(best.net_fen)}, "
        f"{speech.percent(best.net_share_bps)}.",
    )
    half, sum_fen = 0, 0
    for row in sold:
        half, sum_fen = half + 1, sum_fen + row.net_fen
        if sum_fen * 2 >= report.stores.total.net_fen:
            break
    if len(sold) >= 10:
        fact += speech(
            f"前 {speech.count(half)} 家做了一半的生意。", f" The first {speech.count(half)} made half of all sales."
        )
    return Told(fact)


def audience(report: Report, speech: Speech) -> Told:
    found = report.audience
    notes = speech("", " ").join(speech(note.zh + "。", note.en + ".") for note in found.notes)
    if not found.has_others:
        fact = speech(
            f"本月 {speech.count(found.members.orders)} 单全部是会员的，客单价 {speech.money(found.members.aov_fen)}。",
            f"{counted(found.members.orders, 'orders')}, all by members, {speech.money(found.members.aov_fen)} each.",
        )
        return Told(fact, None, notes)
    fact = speech(
        f"会员客单价 {speech.money(found.members.aov_fen)}，非会员 {speech.money(found.others.aov_fen)}；"
        f"会员订单占 {speech.percent(found.members.orders_share_bps)}。",
        f"Members spend {speech.money(found.members.aov_fen)} an order, others {speech.money(found.others.aov_fen)}; "
        f"{speech.percent(found.members.orders_share_bps)} of the orders are members' ones.",
    )
    return Told(fact, None, notes)


def points(report: Report, speech: Speech) -> Told:
    """Handed out never stands alone: beside it what was used and what is owed to members."""
    month, held = report.points.months[-1], report.points.outstanding
    flow = month.flow
    assert held is not None
    when = ("月底", "at the end members held") if report.over else ("现在", "now members hold")
    since = within(report.year_from, speech)
    fact = speech(
        f"本月发放 {speech.count(flow.handed_out or 0)} 积分，使用 {speech.count(flow.used or 0)}，"
        f"过期 {speech.count(flow.expired or 0)}，退款收回 {speech.count(flow.taken_back or 0)}；"
        f"{when[0]}会员手里共有 {speech.count(held.points)} 积分没用。",
        f"{counted(flow.handed_out or 0, 'points')} handed out, {speech.count(flow.used or 0)} used, "
        f"{speech.count(flow.expired or 0)} expired and {speech.count(flow.taken_back or 0)} taken back by refunds; "
        f"{when[1]} {speech.count(held.points)}.",
    )
    so = None
    given = report.points.flow
    if given.handed_out and not given.used and not given.removed:
        so = speech(
            f"{since}一分也没有用出去：这里还不能用积分兑换，发出去的只会越积越多，直到过期。",
            f"Not one was used {since}: points can't be redeemed here yet, so they pile up until they expire.",
        )
    elif given.handed_out and given.used is not None:
        used = speech.percent(given.used * 10_000 // given.handed_out, 0).removesuffix("%")
        so = speech(
            f"{since}每发放 100 积分，用掉 {used}。",
            f"Of every 100 handed out {since}, {used} were used.",
        )
    return Told(fact, so, _to_expire(report, speech))


def _to_expire(report: Report, speech: Speech) -> str | None:
    held = report.points.outstanding
    rows = [] if held is None else [row for row in held.by_expiry if row.month is not None]
    if not rows:
        return None
    told = speech(
        f"最近一批到期在 {rows[0].month}，共 {speech.count(rows[0].points)} 积分。",
        f"The next to expire: {speech.count(rows[0].points)} in {rows[0].month}.",
    )
    found = report.points.breakage
    if found is None or found.breakage_bps is None:
        return told + speech(
            "还没有到期的批次，沉淀率无从说起。", " No lot is over yet, so there is no breakage to tell."
        )
    since = within(report.year_from, speech)
    return told + speech(
        f"{since}到期的 {speech.count(found.given)} 积分里，{speech.percent(found.breakage_bps)} 过期没用。",
        f" Of {speech.count(found.given)} whose time ended {since}, {speech.percent(found.breakage_bps)} went unused.",
    )
