"""Sentences on what members are worth, what they buy, and their points."""

from __future__ import annotations

from huimeng.analytics.values import Top
from huimeng.entry.report.gathering import Report
from huimeng.entry.report.sentences import FEW, Told
from huimeng.entry.report.speech import Speech

CALL_FIRST = "key_keep"


def rfm(report: Report, speech: Speech) -> Told:
    found = report.rfm
    if not found.members:
        return Told(speech("近 12 个月没有会员来买。", "No member bought in these 12 months."))
    best = max(found.groups, key=lambda group: group.net_fen)
    name = speech(best.name_zh, best.name_en)
    fact = speech(
        f"近 12 个月买过的 {speech.count(found.members)} 位会员里,{name}有 {speech.count(best.members)} 位"
        f"({speech.percent(best.member_share_bps)}),买走会员销售的 {speech.percent(best.net_share_bps)}。",
        f"Of {speech.count(found.members)} members who bought in these 12 months, {speech.count(best.members)} are "
        f"“{name}” ({speech.percent(best.member_share_bps)}) and made {speech.percent(best.net_share_bps)} of sales.",
    )
    slipping = next((group for group in found.groups if group.group == CALL_FIRST), None)
    so = None
    if slipping is not None and slipping.members:
        so = speech(
            f"最该先联系的是 {speech.count(slipping.members)} 位{slipping.name_zh}:以前常来、买得多,最近没来,"
            f"近 12 个月买了 {speech.money(slipping.net_fen)}。",
            f"Call first: {speech.count(slipping.members)} “{slipping.name_en}” who came often, bought "
            f"{speech.money(slipping.net_fen)} in these 12 months, and have not been here lately.",
        )
    return Told(fact, so)


def concentration(report: Report, speech: Speech) -> Told:
    found = report.concentration
    top = next((row for row in found.top if row.percent == 20), None)
    if top is None or not found.members or found.net_fen <= 0:
        return Told(speech("本月没有会员销售。", "There were no sales to members this month."))
    fact = speech(
        f"买得最多的 20% 会员({speech.count(top.members)} 位)买走了会员销售的 {speech.percent(top.net_share_bps)}。",
        f"The 20% of members who bought most ({speech.count(top.members)}) made {speech.percent(top.net_share_bps)} of "
        "sales to members.",
    )
    rest, rest_net = found.members - top.members, found.net_fen - top.net_fen
    if found.members < FEW or rest <= 0 or rest_net <= 0:
        return Told(fact)
    tenths = top.net_fen * rest * 10 // (rest_net * top.members)
    if tenths < 30:
        return Told(fact)
    so = speech(
        f"他们每人平均买 {speech.money(top.net_fen // top.members)},是其他会员的 {speech.times(tenths)}:"
        "少一位大客,要好几位普通会员才补得回来。",
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
                "订单里没有品类,看不出卖的是什么。", "Orders carry no categories, so it can't be told what was sold."
            )
        )
    best = named[0]
    fact = speech(
        f"卖得最好的品类是 {best.name},净销售额 {speech.money(best.net_fen)},"
        f"占 {speech.percent(best.net_share_bps)};"
        f"{speech.count(best.orders)} 单里有它。",
        f"The best category is {best.name}: {speech.money(best.net_fen)}, "
        f"{speech.percent(best.net_share_bps)} of sales; "
        f"{speech.count(best.orders)} orders have some of it.",
    )
    return Told(fact + _together(found, speech))


def products(report: Report, speech: Speech) -> Told:
    named = [row for row in report.products.rows if row.name]
    if not named:
        return Told(
            speech("订单里没有商品,看不出卖的是什么。", "Orders carry no products, so it can't be told what was sold.")
        )
    best = named[0]
    most = max(named, key=lambda row: row.orders)
    fact = speech(
        f"卖得最好的商品是 {best.name},净销售额 {speech.money(best.net_fen)}。",
        f"The best product is {best.name}: {speech.money(best.net_fen)}.",
    )
    if most is best or not report.month.figures.orders:
        return Told(fact)
    share = most.orders * 10_000 // report.month.figures.orders
    return Told(
        fact,
        speech(
            f"这几样里买得最勤的是 {most.name}:{speech.percent(share)} 的订单里有它,适合用来请人进店。",
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
        f"{speech.count(len(sold))} 家门店有销售,最多的是 {best.name}:{speech.money(best.net_fen)},"
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
            f"本月 {speech.count(found.members.orders)} 单全部是会员的,客单价 {speech.money(found.members.aov_fen)}。",
            f"All {speech.count(found.members.orders)} orders were members' ones, "
            f"{speech.money(found.members.aov_fen)} each.",
        )
        return Told(fact, None, notes)
    fact = speech(
        f"会员客单价 {speech.money(found.members.aov_fen)},非会员 {speech.money(found.others.aov_fen)};"
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
    fact = speech(
        f"本月发放 {speech.count(flow.handed_out or 0)} 积分,使用 {speech.count(flow.used or 0)},"
        f"过期 {speech.count(flow.expired or 0)},退款收回 {speech.count(flow.taken_back or 0)};"
        f"月底会员手里共有 {speech.count(held.points)} 积分没用。",
        f"{speech.count(flow.handed_out or 0)} points were handed out, {speech.count(flow.used or 0)} used, "
        f"{speech.count(flow.expired or 0)} expired and {speech.count(flow.taken_back or 0)} taken back by refunds; "
        f"at the end members held {speech.count(held.points)}.",
    )
    so = None
    given = report.points.flow
    if given.handed_out and not given.used and not given.removed:
        so = speech(
            "近 12 个月一分也没有用出去:会员还感觉不到积分有什么用,没用的积分越积越多。",
            "Not one was used in 12 months: members don't feel what points are good for, and they pile up.",
        )
    elif given.handed_out and given.used is not None:
        used = speech.percent(given.used * 10_000 // given.handed_out, 0).removesuffix("%")
        so = speech(
            f"近 12 个月每发放 100 积分,用掉 {used}。",
            f"Of every 100 handed out in 12 months, {used} were used.",
        )
    return Told(fact, so, _to_expire(report, speech))


def _to_expire(report: Report, speech: Speech) -> str | None:
    held = report.points.outstanding
    rows = [] if held is None else [row for row in held.by_expiry if row.month is not None]
    if not rows:
        return None
    told = speech(
        f"最近一批到期在 {rows[0].month},共 {speech.count(rows[0].points)} 积分。",
        f"The next to expire: {speech.count(rows[0].points)} in {rows[0].month}.",
    )
    found = report.points.breakage
    if found is None or found.breakage_bps is None:
        return told + speech(
            "还没有到期的批次,沉淀率无从说起。", " No lot is over yet, so there is no breakage to tell."
        )
    return told + speech(
        f"近 12 个月到期的 {speech.count(found.given)} 积分里,{speech.percent(found.breakage_bps)} 过期没用。",
        f" Of {speech.count(found.given)} whose time ended in 12 months, "
        f"{speech.percent(found.breakage_bps)} went unused.",
    )
