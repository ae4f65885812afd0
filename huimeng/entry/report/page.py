"""The report as one file of HTML: no script, nothing from elsewhere; on screens, in the dark, and on paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from huimeng.analytics.values import Figures, Top
from huimeng.entry.report import sentences as told
from huimeng.entry.report import sentences_more as more
from huimeng.entry.report.charts import Column, Dot, Row, columns, curve, rows
from huimeng.entry.report.gathering import Report
from huimeng.entry.report.markup import Markup, join, tag
from huimeng.entry.report.sentences import Compared, Told
from huimeng.entry.report.speech import Change, Speech
from huimeng.entry.report.style import STYLE
from huimeng.entry.report.tables import cohort_table, points_table, rfm_grid, rfm_groups
from huimeng.kernel.currency import unit_text
from huimeng.kernel.times import offset_text, zone

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STORES = 8


def page(report: Report, speech: Speech) -> str:
    title = f"{report.merchant.name} {title_of(report, speech)}"
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(STYLE)),
    ]
    body = [
        _heading(report, speech),
        tag("main", _kpis(report, speech), tag("div", *_cards(report, speech), class_="cards"), class_="in"),
        tag("footer", _definitions(speech), _made(report, speech), class_="in"),
    ]
    language = "zh-CN" if speech.lang == "zh" else "en"
    return "<!doctype html>\n" + tag("html", tag("head", head), tag("body", body), lang=language) + "\n"


def title_of(report: Report, speech: Speech) -> str:
    return speech(f"{speech.month(report.first)}经营月报", f"Monthly report, {speech.month(report.first)}")


def _heading(report: Report, speech: Speech) -> Markup:
    line = speech("会盟 会员经营月报", "Huimeng · members and sales")
    return tag(
        "header",
        tag(
            "div",
            tag("p", tag("span", line), tag("span", f"{report.first} – {report.last}"), class_="brand"),
            tag("h1", report.merchant.name, tag("br"), title_of(report, speech)),
            tag("p", told.comparisons(report, speech)),
            class_="in",
        ),
    )


def _kpis(report: Report, speech: Speech) -> Markup:
    return tag("dl", [_kpi(each, speech) for each in told.headline(report, speech)], class_="kpis")


def _kpi(found: Compared, speech: Speech) -> Markup:
    number, _, unit = found.value.partition(" ")
    return tag(
        "div",
        tag("dt", found.name),
        tag(
            "dd",
            tag("div", number, tag("small", unit) if unit else None, class_="big long" if len(number) > 9 else "big"),
            tag("div", found.note, class_="note"),
            _than(speech("比上月", "month before"), found.before, speech),
            _than(speech("比去年同月", "year before"), found.year_before, speech),
        ),
        class_="kpi",
    )


def _than(name: str, found: Change | str, speech: Speech) -> Markup:
    value, tone = (found, None) if isinstance(found, str) else (speech.signed(found), found.tone)
    return tag("div", tag("span", name), tag("span", value, class_=tone), class_="than")


def _cards(report: Report, speech: Speech) -> list[Markup]:
    return [
        _card(speech("活跃会员", "Active members"), told.members(report, speech), _members_chart(report, speech)),
        _card(speech("留住的销售", "Sales kept"), told.sales(report, speech), _sales_chart(report, speech)),
        _card(speech("首购以后", "After the first purchase"), told.repurchase(report, speech), _after(report, speech)),
        _card(speech("每一天", "Day by day"), told.days(report, speech), _days_chart(report, speech)),
        _card(
            speech("首购会员的去留（按首购月份）", "Who stays, by month of first purchase"),
            told.cohorts(report, speech),
            cohort_table(told.shown_cohorts(report), speech),
            wide=True,
        ),
        _card(
            speech("会员价值（RFM）", "What members are worth (RFM)"),
            more.rfm(report, speech),
            join(tag("div", rfm_grid(report.rfm, speech), rfm_groups(report.rfm, speech), class_="cards")),
            wide=True,
        ),
        _card(speech("集中度", "Concentration"), more.concentration(report, speech), _concentration(report, speech)),
        _card(speech("门店", "Stores"), more.stores(report, speech), _stores(report, speech)),
        _card(speech("品类", "Categories"), more.categories(report, speech), _top(report.categories, speech)),
        _card(speech("商品", "Products"), more.products(report, speech), _top(report.products, speech)),
        _card(
            speech("会员与非会员", "Members and others"),
            more.audience(report, speech),
            _audience(report, speech),
            wide=not report.audience.has_others,
        ),
        _card(
            speech("积分", "Points"),
            more.points(report, speech),
            _points(report, speech),
            wide=not report.audience.has_others,
        ),
    ]


def _card(name: str, found: Told, picture: Markup | None, wide: bool = False) -> Markup:
    return tag(
        "section",
        tag("h2", name),
        tag("p", found.fact, class_="fact"),
        tag("p", found.so, class_="so") if found.so else None,
        None if found.vague else picture,
        tag("p", found.beware, class_="beware") if found.beware else None,
        class_="card wide" if wide else "card",
    )


def _keys(*names: tuple[str, str]) -> Markup:
    return tag("p", [tag("span", name, class_=f"k{style}") for style, name in names], class_="keys")


def _with_data(report: Report) -> list[tuple[date, Figures]]:
    """Months since the data begin, so that a young shop's picture isn't mostly empty."""
    return [(b.first, b.figures) for b in report.months if b.first >= report.data_from]


def _members_chart(report: Report, speech: Speech) -> Markup:
    found = [
        Column(
            (f.returning_members, f.new_members),
            speech.short_month(first),
            speech(
                f"{first:%Y-%m}：老会员 {f.returning_members:,}，新会员 {f.new_members:,}",
                f"{first:%Y-%m}: {f.returning_members:,} returning, {f.new_members:,} new",
            ),
            first == report.first,
        )
        for first, f in _with_data(report)
    ]
    about = speech("每月活跃会员：老会员和新会员", "Active members by month: returning and new")
    return join(
        columns(found, speech.short, about),
        _keys(("a", speech("老会员", "returning")), ("b", speech("新会员", "new"))),
    )


def _sales_chart(report: Report, speech: Speech) -> Markup:
    found = [
        Column(
            (f.returning_net_fen, f.net_fen - f.returning_net_fen),
            speech.short_month(first),
            speech(
                f"{first:%Y-%m}：净销售额 {speech.money(f.net_fen)}，其中老会员 {speech.money(f.returning_net_fen)}",
                f"{first:%Y-%m}: {speech.money(f.net_fen)}, of which returning members "
                f"{speech.money(f.returning_net_fen)}",
            ),
            first == report.first,
        )
        for first, f in _with_data(report)
    ]
    about = speech("每月净销售额：老会员和其他", "Net sales by month: returning members and others")
    return join(
        columns(found, speech.short_money, about),
        _keys(("a", speech("老会员", "returning members")), ("b", speech("新会员和非会员", "new members and others"))),
    )


def _days_chart(report: Report, speech: Speech) -> Markup:
    found = [
        Column(
            (day.figures.net_fen,),
            str(day.first.day),
            f"{speech.day(day.first)}: {speech.money(day.figures.net_fen)}",
            faint=day.first.weekday() < 5,
        )
        for day in report.days
    ]
    about = speech("每天的净销售额", "Net sales by day")
    return join(columns(found, speech.short_money, about), _keys(("a", speech("实色：周六、周日", "solid: weekends"))))


def _after(report: Report, speech: Speech) -> Markup | None:
    found = [row for row in report.repurchase.rows if row.members] if report.repurchase else []
    if not found:
        return None
    return rows(
        [
            Row(
                speech(f"{row.within_days} 天内", f"within {row.within_days} days"),
                f"{speech.percent(row.later_day_share_bps)} "
                + speech(
                    f"({row.later_day_members:,} / {row.members:,} 位)",
                    f"({row.later_day_members:,} of {row.members:,})",
                ),
                row.later_day_share_bps or 0,
            )
            for row in found
        ],
        speech("首购后改日再次购买的会员", "Members who bought again on a later day"),
        most=10_000,
    )


def _concentration(report: Report, speech: Speech) -> Markup | None:
    found = report.concentration
    if found.net_fen <= 0:
        return None
    marked = {row.percent for row in found.top if row.percent in (10, 20, 50)}
    dots = [
        Dot(
            row.percent * 100,
            min(10_000, max(0, row.net_share_bps or 0)),
            f"{row.percent}% → {speech.percent(row.net_share_bps)}" if row.percent in marked else None,
        )
        for row in found.curve
    ]
    axes = (speech("会员（从买得最多的排起）", "members, biggest first"), speech("占会员销售", "of sales to members"))
    return curve(dots, speech("会员销售的集中度", "How concentrated sales to members are"), axes)


def _top(found: Top, speech: Speech) -> Markup | None:
    named = [row for row in found.rows if row.net_fen > 0]
    if not named:
        return None
    return rows(
        [
            Row(
                row.name,
                f"{speech.money(row.net_fen)} · {speech.percent(row.net_share_bps)}",
                row.net_fen,
            )
            for row in named
        ],
        speech("净销售额，从高到低", "Net sales, highest first"),
    )


def _stores(report: Report, speech: Speech) -> Markup | None:
    found = [row for row in report.stores.rows if row.orders][:STORES]
    if not found:
        return None
    return rows(
        [
            Row(row.name, f"{speech.money(row.net_fen)} · {speech.percent(row.net_share_bps)}", row.net_fen)
            for row in found
        ],
        speech("门店净销售额，从高到低", "Net sales by store, highest first"),
    )


def _audience(report: Report, speech: Speech) -> Markup | None:
    found = report.audience
    if not found.has_others:
        return None
    return rows(
        [
            Row(name, speech.money(side.aov_fen), side.aov_fen or 0)
            for name, side in (
                (speech("会员客单价", "members"), found.members),
                (speech("非会员客单价", "others"), found.others),
            )
        ],
        speech("客单价：会员与非会员", "Average order: members and others"),
    )


def _points(report: Report, speech: Speech) -> Markup:
    held = report.points.outstanding
    assert held is not None
    end = speech("月底" if report.over else "现在", "")
    caption = speech(f"{end}未用积分，按到期月份", "Points outstanding, by month of expiry")
    picture = None
    if held.by_expiry:
        picture = columns(
            [
                Column(
                    (row.points,),
                    row.month or speech("永久", "never"),
                    f"{row.month or speech('永不过期', 'never expires')}: {row.points:,}",
                )
                for row in held.by_expiry[:12]
            ],
            speech.short,
            caption,
        )
    parts = tag("div", tag("p", caption, class_="beware"), picture), points_table(report.points, speech)
    # Beside each other in a wide card, else one below the other.
    return join(*parts) if report.audience.has_others else tag("div", *parts, class_="cards")


def _definitions(speech: Speech) -> Markup:
    found: Sequence[tuple[str, str]] = [
        (speech(*name), speech(*text))
        for name, text in (
            (
                ("活跃会员", "Active member"),
                ("当月至少有一单留下来（未作废、未全退）的会员。", "has an order that is kept."),
            ),
            (
                ("老会员", "Returning"),
                ("活跃会员里，首单在本月以前的。", "active, with a first order before this month."),
            ),
            (
                ("复购率", "Repurchase rate"),
                ("本月有两单或以上的会员 / 活跃会员。", "two orders or more / active members."),
            ),
            (
                ("净销售额", "Net sales"),
                ("实付减退款；退款算在原订单那天。", "paid less refunded, on the order's day."),
            ),
            (
                ("首购后复购", "After the first purchase"),
                (
                    "首购后 N 天内改日再买；只算已满 N 天的会员，数据到报告时刻为止。",
                    "bought on a later day within N days; only members with N days of data.",
                ),
            ),
            (
                ("RFM", "RFM"),
                (
                    "近 12 个月：距月底（或今天）的天数、单数、净销售额，各按名次分五等。",
                    "twelve months: days to the end of the month (or today), orders, net sales, each in five ranks.",
                ),
            ),
            (
                ("未用积分", "Outstanding"),
                ("会员手里还能用的积分，按最后可用日的月份。", "what members hold, by last month of use."),
            ),
            (
                ("沉淀率", "Breakage"),
                ("已到期批次里，过期没用的积分 / 发出未收回的。", "expired / given, of lots that are over."),
            ),
        )
    ]
    return tag("dl", [tag("div", tag("dt", f"{name} "), tag("dd", text)) for name, text in found])


def _made(report: Report, speech: Speech) -> Markup:
    at = report.made_at.astimezone(zone(report.merchant.timezone))
    offset, unit = offset_text(at), unit_text(report.merchant.currency, speech.lang)
    return tag(
        "p",
        speech(
            f"由会盟于 {at:%Y-%m-%d %H:%M}（商户所在地时间，{offset}）生成；营业日按门店所在地计算，金额单位：{unit}。",
            f"Made by Huimeng on {at:%Y-%m-%d %H:%M} (the merchant's local time, {offset}); business days "
            f"are those of the stores. Unit of amounts: {unit}.",
        ),
    )
