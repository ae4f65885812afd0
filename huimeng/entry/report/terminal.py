"""The report in a terminal, on about one page: sentences, bars and shades out of block characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from huimeng.entry.report import sentences as told
from huimeng.entry.report import sentences_more as more
from huimeng.entry.report.gathering import Report
from huimeng.entry.report.page import title_of
from huimeng.entry.report.sentences import Told
from huimeng.entry.report.speech import Change, Speech
from huimeng.entry.report.tables import level
from huimeng.kernel.currency import counted

_STEPS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_SHADES = ("grey23", "#0d2b28", "#0f3b36", "#115047", "#13695d", "#178374", "#1fa390", "#3cc7b2")
_BAR = 24
# Columns of a terminal below which the headline stands in lines; from which there is room for its notes.
_NARROW, _ROOMY = 76, 108
_SHOWN = 5


def show(console: Console, report: Report, speech: Speech) -> None:
    console.print()
    console.print(Rule(Text(f"{report.merchant.name}  {title_of(report, speech)}", style="bold"), style="cyan"))
    console.print(Text(told.comparisons(report, speech), style="dim"), justify="center")
    console.print()
    console.print(_headline(report, speech, console.width))
    for name, found, picture in _parts(report, speech, console.width):
        console.print(_part(name, found, picture))
    console.print()


def sparkline(values: Sequence[int]) -> str:
    """One character a value; from the least to the most when none is below the half, else from 0."""
    if not values:
        return ""
    least, most = min(values), max(values)
    if least == most > 0:
        return _STEPS[-1] * len(values)
    floor = max(0, least - (most - least) // 4) if least * 2 > most else 0
    room = max(1, most - floor)
    return "".join(_STEPS[min(7, max(0, value - floor) * 8 // (room + 1))] if value > 0 else " " for value in values)


def bar(amount: int, most: int, width: int = _BAR) -> str:
    """To an eighth of a character."""
    if amount <= 0 or most <= 0:
        return ""
    eighths = max(1, min(amount, most) * width * 8 // most)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _headline(report: Report, speech: Speech, width: int) -> RenderableType:
    """With notes where there is room for them; figures and comparisons are never cut."""
    found = told.headline(report, speech)
    than = (speech("比上月", "month before"), speech("比去年同月", "year before"))
    if width < _NARROW:
        lines: list[RenderableType] = []
        for each in found:
            lines.append(Text.assemble((each.name, "bold"), "  ", (each.value, "bold cyan")))
            for name, against in zip(than, (each.before, each.year_before), strict=True):
                lines.append(Text.assemble("  ", (name, "dim"), " ", _than(against, speech)))
        return Padding(Group(*lines), (0, 0, 0, 2))
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("")
    table.add_column(speech("本月", "this month"), justify="right", no_wrap=True)
    table.add_column(than[0], justify="right", no_wrap=True)
    table.add_column(than[1], justify="right", no_wrap=True)
    if width >= _ROOMY:
        table.add_column("", style="dim", overflow="fold")
    for each in found:
        row = [
            Text(each.name, style="bold"),
            Text(each.value, style="bold cyan"),
            _than(each.before, speech),
            _than(each.year_before, speech),
        ]
        table.add_row(*row, *([each.note] if width >= _ROOMY else []))
    return Padding(table, (0, 0, 0, 2))


def _than(found: Change | str, speech: Speech) -> Text:
    if isinstance(found, str):
        return Text(found, style="dim")
    return Text(speech.signed(found), style={"up": "green", "down": "red", "same": "dim"}[found.tone])


def _part(name: str, found: Told, picture: RenderableType | None) -> RenderableType:
    lines: list[RenderableType] = [Text(""), Text(f"■ {name}", style="bold cyan"), _indented(Text(found.fact))]
    if found.so:
        lines.append(_indented(Text(f"→ {found.so}", style="yellow")))
    if picture is not None and not found.vague:
        lines.append(Padding(picture, (0, 0, 0, 2)))
    if found.beware:
        lines.append(_indented(Text(found.beware, style="dim")))
    return Group(*lines)


def _indented(text: Text) -> RenderableType:
    return Padding(text, (0, 0, 0, 2))


def _parts(report: Report, speech: Speech, width: int) -> Iterable[tuple[str, Told, RenderableType | None]]:
    yield speech("活跃会员", "Active members"), told.members(report, speech), None
    yield speech("留住的销售", "Sales kept"), told.sales(report, speech), _months(report, speech)
    yield speech("每一天", "Day by day"), told.days(report, speech), _days(report, speech)
    yield speech("首购以后", "After the first purchase"), told.repurchase(report, speech), _after(report, speech, width)
    yield speech("首购会员的去留", "Who stays"), told.cohorts(report, speech), _cohorts(report, speech, width)
    yield (
        speech("会员价值（RFM）", "What members are worth (RFM)"),
        more.rfm(report, speech),
        _groups(report, speech, width),
    )
    yield speech("集中度", "Concentration"), more.concentration(report, speech), _concentration(report, speech, width)
    yield speech("会员与非会员", "Members and others"), more.audience(report, speech), None
    yield speech("品类", "Categories"), more.categories(report, speech), _categories(report, speech, width)
    yield speech("商品", "Products"), more.products(report, speech), None
    yield speech("门店", "Stores"), more.stores(report, speech), None
    yield speech("积分", "Points"), more.points(report, speech), _points(report, speech, width)


def _months(report: Report, speech: Speech) -> RenderableType:
    shown = [each for each in report.months if each.first >= report.data_from]
    table = _plain()
    span = f"{shown[0].first:%Y-%m} – {shown[-1].first:%Y-%m}"
    for name, values, last in (
        (
            speech("净销售额", "net sales"),
            [each.figures.net_fen for each in shown],
            speech.short_money(report.month.figures.net_fen),
        ),
        (
            speech("活跃会员", "active members"),
            [each.figures.active_members for each in shown],
            speech.count(report.month.figures.active_members),
        ),
    ):
        table.add_row(name, Text(sparkline(values), style="cyan"), last, Text(span, style="dim"))
    return table


def _days(report: Report, speech: Speech) -> RenderableType:
    values = [day.figures.net_fen for day in report.days]
    return Text.assemble(f"1–{len(values)}  ", (sparkline(values), "cyan"))


def _after(report: Report, speech: Speech, width: int) -> RenderableType | None:
    found = [row for row in report.repurchase.rows if row.members] if report.repurchase else []
    if not found:
        return None
    table = _plain()
    for row in found:
        table.add_row(
            speech(f"{row.within_days} 天内", f"within {row.within_days} days"),
            _bar(row.later_day_share_bps or 0, 10_000, _BAR, width),
            speech.percent(row.later_day_share_bps),
            Text(f"{row.later_day_members:,} / {row.members:,}", style="dim"),
        )
    return table


def _cohorts(report: Report, speech: Speech, width: int) -> RenderableType | None:
    shown = told.shown_cohorts(report)[-12:]
    if not shown:
        return None
    most = max((cell.share_bps or 0 for cohort in shown for cell in cohort.cells[1:]), default=0)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
    for cohort in shown:
        cells = [
            Text(f"{speech.percent(cell.share_bps, 0):>4}", style=f"on {_SHADES[level(cell.share_bps or 0, most)]}")
            for cell in cohort.cells[1 : 1 + max(1, (width - 18) // 5)]
        ]
        table.add_row(cohort.month, Text(f"{cohort.members:,}", style="dim"), *cells)
    return table


def _groups(report: Report, speech: Speech, width: int) -> RenderableType | None:
    found = [group for group in report.rfm.groups if group.members]
    if not found:
        return None
    most = max(group.members for group in found)
    table = _plain()
    for group in found:
        table.add_row(
            speech(group.name_zh, group.name_en),
            _bar(group.members, most, 12, width),
            speech.count(group.members),
            Text(
                speech(f"销售 {speech.percent(group.net_share_bps)}", f"{speech.percent(group.net_share_bps)} of sales")
            ),
        )
    return table


def _concentration(report: Report, speech: Speech, width: int) -> RenderableType | None:
    if report.concentration.net_fen <= 0:
        return None
    table = _plain()
    for row in report.concentration.top:
        table.add_row(
            speech(f"前 {row.percent}%", f"top {row.percent}%"),
            _bar(row.net_share_bps or 0, 10_000, _BAR, width),
            speech.percent(row.net_share_bps),
            Text(speech(f"{row.members:,} 位", counted(row.members, "members")), style="dim"),
        )
    return table


def _categories(report: Report, speech: Speech, width: int) -> RenderableType | None:
    found = [row for row in report.categories.rows if row.net_fen > 0][:_SHOWN]
    if not found:
        return None
    table = _plain()
    for row in found:
        table.add_row(
            row.name,
            _bar(row.net_fen, found[0].net_fen, 16, width),
            speech.money(row.net_fen),
            Text(speech.percent(row.net_share_bps), style="dim"),
        )
    return table


def _points(report: Report, speech: Speech, width: int) -> RenderableType | None:
    held = report.points.outstanding
    if held is None or not held.by_expiry:
        return None
    most = max(row.points for row in held.by_expiry)
    table = _plain()
    for row in held.by_expiry[:_SHOWN]:
        table.add_row(
            speech(f"{row.month} 到期", f"until {row.month}") if row.month else speech("永不过期", "never expire"),
            _bar(row.points, most, 16, width),
            speech.count(row.points),
        )
    return table


def _bar(amount: int, most: int, full: int, width: int) -> Text:
    """Shorter in a terminal of less than 80 columns, and none in one of 40."""
    room = full * max(0, min(80, width) - 40) // 40
    return Text(bar(amount, most, room).ljust(room) if room else "", style="cyan")


def _plain() -> Table:
    """What folds in a narrow terminal is the name and what stands last; figures don't."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    return table
