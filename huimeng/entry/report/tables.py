"""Tables of the report: cohorts as a heat map, RFM as a grid, points by month."""

from __future__ import annotations

from collections.abc import Sequence

from huimeng.analytics.values import Cohort, Rfm
from huimeng.analytics.values.points import PointsFigures
from huimeng.entry.report.markup import Markup, tag
from huimeng.entry.report.speech import Speech
from huimeng.kernel.currency import counted

LEVELS = 8
_SHOWN_MONTHS = 6


def level(value: int, most: int) -> int:
    """0 (nothing) to 7."""
    return 0 if value <= 0 or most <= 0 else min(LEVELS - 1, 1 + value * (LEVELS - 1) // (most + 1))


def cohort_table(cohorts: Sequence[Cohort], speech: Speech) -> Markup | None:
    """A row for each month of first purchase; a cell is the share that was active so many months later."""
    if not cohorts:
        return None
    width = max(len(cohort.cells) for cohort in cohorts)
    most = max((cell.share_bps or 0 for cohort in cohorts for cell in cohort.cells[1:]), default=0)
    head = tag(
        "tr",
        tag("th", speech("首购月份", "first bought"), scope="col"),
        tag("th", speech("人数", "members"), scope="col"),
        [
            tag("th", speech("当月", "same") if later == 0 else speech(f"+{later} 月", f"+{later}"), scope="col")
            for later in range(width)
        ],
    )
    body = []
    for cohort in cohorts:
        cells = [
            tag(
                "td",
                speech.percent(cell.share_bps, 0),
                title=speech(f"{cell.members:,} 位", counted(cell.members, "members")),
                class_=f"h{LEVELS - 1 if cell.months_later == 0 else level(cell.share_bps or 0, most)}"
                + ("" if cell.complete else " open"),
            )
            for cell in cohort.cells
        ]
        empty = [tag("td") for _ in range(width - len(cells))]
        body.append(tag("tr", tag("th", cohort.month, scope="row"), tag("td", f"{cohort.members:,}"), cells, empty))
    caption = speech("每格：首购后第几个月，还有多少比例的人来买", "share of them that bought so many months later")
    return _scroll(tag("table", tag("caption", caption), tag("thead", head), tag("tbody", body), class_="heat"))


def rfm_grid(found: Rfm, speech: Speech) -> Markup:
    """5 x 5: how recently (rows) and how often (columns), all amounts of money together."""
    counts = {(r, f): 0 for r in range(1, 6) for f in range(1, 6)}
    for cell in found.cells:
        counts[cell.r, cell.f] += cell.members
    most = max(counts.values())
    often = {each.score: each for scale in found.scales if scale.of == "orders" for each in scale.scores}
    recent = {each.score: each for scale in found.scales if scale.of == "recency_days" for each in scale.scores}
    head = tag(
        "tr",
        tag("th", speech("距今 \\ 单数", "days ago \\ orders"), scope="col"),
        [tag("th", span(often[f].least, often[f].most, speech("单", "")), scope="col") for f in range(1, 6)],
    )
    body = [
        tag(
            "tr",
            tag("th", span(recent[r].least, recent[r].most, speech("天", "")), scope="row"),
            [tag("td", f"{counts[r, f]:,}", class_=f"h{level(counts[r, f], most)}") for f in range(1, 6)],
        )
        for r in range(5, 0, -1)
    ]
    caption = speech(
        "会员人数：越往上越近，越往右越常来", "members: higher is more recent, further right is more often"
    )
    return _scroll(tag("table", tag("caption", caption), tag("thead", head), tag("tbody", body), class_="heat rfm"))


def span(least: int | None, most: int | None, unit: str) -> str:
    """3–6 天, 3 天, —."""
    if least is None or most is None:
        return "—"
    return f"{least}{unit}" if least == most else f"{least}–{most}{unit}"


def rfm_groups(found: Rfm, speech: Speech) -> Markup:
    head = tag(
        "tr",
        [
            tag("th", name, scope="col")
            for name in (
                speech("会员群", "group"),
                speech("人数", "members"),
                speech("销售占比", "of sales"),
            )
        ],
    )
    body = [
        tag(
            "tr",
            tag(
                "td",
                tag("b", speech(group.name_zh, group.name_en)),
                tag("br"),
                speech(group.about_zh, group.about_en),
                class_="text",
            ),
            tag("td", f"{group.members:,}"),
            tag("td", speech.percent(group.net_share_bps)),
        )
        for group in found.groups
        if group.members
    ]
    return _scroll(tag("table", tag("thead", head), tag("tbody", body), class_="lines"))


def points_table(found: PointsFigures, speech: Speech) -> Markup:
    """The last months: what was handed out beside what came of it."""
    names = (
        speech("月份", "month"),
        speech("发放", "handed out"),
        speech("使用", "used"),
        speech("过期", "expired"),
        speech("退款收回", "taken back"),
        speech("月底未用", "outstanding"),
    )
    body = [
        tag(
            "tr",
            tag("th", month.label, scope="row"),
            [
                tag("td", "—" if value is None else f"{value:,}")
                for value in (
                    month.flow.handed_out,
                    month.flow.used,
                    month.flow.expired,
                    month.flow.taken_back,
                    month.outstanding,
                )
            ],
        )
        for month in found.months[-_SHOWN_MONTHS:]
    ]
    head = tag("tr", [tag("th", name, scope="col") for name in names])
    return _scroll(tag("table", tag("thead", head), tag("tbody", body), class_="lines"))


def _scroll(table: Markup) -> Markup:
    """On a narrow screen a table scrolls by itself; the keyboard reaches it."""
    return tag("div", table, class_="scroll", tabindex="0")
