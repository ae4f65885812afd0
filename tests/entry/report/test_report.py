"""A month's report: the exact figures of a small world in the terminal and in the page; the page by itself."""

from __future__ import annotations

import asyncio
import io
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import msgspec
import pytest
from rich.console import Console

from huimeng.analytics import service as analytics
from huimeng.analytics.rules import trade_from
from huimeng.analytics.service import Asked
from huimeng.analytics.values import BucketOut, Figures
from huimeng.entry.report import charts, gathering, sentences, speech
from huimeng.entry.report.gathering import NoFigures, NoOrdersYet, Report, gather, month_days, ranges
from huimeng.entry.report.markup import Markup, join, tag
from huimeng.entry.report.page import page
from huimeng.entry.report.sentences import comparisons
from huimeng.entry.report.speech import Change, Speech
from huimeng.entry.report.tables import cohort_table, level
from huimeng.entry.report.terminal import bar, show, sparkline
from huimeng.kernel.errors import InvalidInput
from huimeng.ledger.rules import Expiry
from tests.desk import Desk, line, part

ZH, EN = Speech("zh", "CNY"), Speech("en", "CNY")
MONTH = "2026-03"
TRADE = [
    ("2026-01-10", "A", 10_000, "milk"),
    ("2026-01-12", "B", 5_000, "tea"),
    ("2026-02-10", "A", 8_000, "milk"),
    ("2026-02-11", "C", 2_000, "tea"),
    ("2026-02-12", None, 3_000, "tea"),
    ("2026-03-01", "A", 6_000, "milk"),
    ("2026-03-03", "A", 4_000, "milk"),
    ("2026-03-03", "B", 2_500, "<script>tea</script>"),
    ("2026-03-08", "C", 1_000, "tea"),
    ("2026-03-09", "D", 1_500, "tea"),
    ("2026-03-10", None, 1_200, "tea"),
]


@pytest.fixture
async def world(desk: Desk) -> AsyncIterator[Desk]:
    """A, B, C and D; 10.00 of what A bought on 3 March goes back; points are valid one month, to its end."""
    await desk.rule(expiry=Expiry(kind="after", count=1, span="month", round_to="month"))
    members: dict[str | None, int | None] = {name: await desk.join() for name in "ABCD"} | {None: None}
    for day, member, fen, what in TRADE:
        desk.clock.now = datetime.fromisoformat(f"{day} 04:00").replace(tzinfo=UTC)
        if day == "2026-03-01":
            await desk.expire()
        taken = await desk.complete(desk.order(members[member], line(fen, sku=what, product=what, category=what)))
        if (day, fen) == ("2026-03-03", 4_000):
            await desk.refund(taken.order_id, part(1, amount_fen=1_000))
    desk.clock.now = datetime(2026, 4, 1, 4, tzinfo=UTC)
    await desk.expire()
    yield desk


async def told(world: Desk, month: str = MONTH) -> Report:
    return await gather(world.db, world.shop.merchant_id, month)


def terminal(report: Report, words: Speech) -> str:
    console = Console(file=io.StringIO(), width=160, color_system=None)
    show(console, report, words)
    assert isinstance(console.file, io.StringIO)
    return re.sub(r"\s+", " ", console.file.getvalue())


# Net of March: 60 + 40 - 10 + 25 + 10 + 15 + 12; of February 80 + 20 + 30.
FACTS_ZH = [
    "2026 年 3 月经营月报",
    "与上月（2026 年 2 月）比较；去年同月（2025 年 3 月）没有数据，无从比较（数据从 2026 年 1 月开始）。",
    "本月 31 天，上月 28 天。",
    "本月有 4 位会员来买，其中 3 位（75.0%）以前就买过，1 位是第一次买。",
    "本月净销售额 152.00 元，比上月多 16.9%。其中老会员买走 82.2%。",
    "变化主要来自来客：订单多 100.0%，客单价低 41.5%。",
    "最旺的一天是 3 月 1 日（周日），净销售额 60.00 元。",
    "2026 年 1 月以来买过的会员只有 4 位，太少，分不出群。",
    "2026 年 2 月以来首次购买的会员还太少，或买了还不到 30 天，看不出他们回不回来。",
    "本月来买的会员只有 4 位，太少，看不出生意集中在谁身上。",
    "卖得最好的品类是 milk，净销售额 90.00 元，占 59.2%；2 单里有它。",
    "会员客单价 28.00 元，非会员 12.00 元；会员订单占 83.3%。",
    "本月发放 150 积分，使用 0，过期 100，退款收回 10；月底会员手里共有 140 积分没用。",
    "最近一批到期在 2026-04，共 140 积分。2026 年 1 月以来到期的 250 积分里，100.0% 过期没用。",
]
FACTS_EN = [
    "Monthly report, March 2026",
    "4 members bought this month: 3 of them (75.0%) had bought before, 1 for the first time.",
    "Net sales were ¥152.00, 16.9% more than the month before. Returning members made 82.2% of them.",
    "150 points handed out, 0 used, 100 expired and 10 taken back by refunds; at the end members held 140.",
]


async def test_the_figures_in_the_terminal(world: Desk) -> None:
    report = await told(world)
    zh, en = terminal(report, ZH), terminal(report, EN)
    assert [fact for fact in FACTS_ZH if fact not in zh] == []
    assert [fact for fact in FACTS_EN if fact not in en] == []
    assert "活跃会员 4 ▲ 100.0% 无数据 老会员 3，新会员 1" in zh
    assert "复购率 25.0% ▲ 25.0 个百分点 无数据 1 位在本月买了两次或以上" in zh
    assert "净销售额 152.00 元 ▲ 16.9% 无数据 6 单，客单价 25.33 元" in zh


async def test_the_figures_in_the_page(world: Desk) -> None:
    report = await told(world)
    zh, en = words_of(page(report, ZH)), words_of(page(report, EN))
    assert [fact for fact in FACTS_ZH if fact not in zh] == []
    assert [fact for fact in FACTS_EN if fact not in en] == []
    assert "<script>tea</script>" in zh  # as words: it was escaped


async def test_the_page_is_whole_by_itself(world: Desk) -> None:
    for words in (ZH, EN):
        text = page(await told(world), words)
        root = parsed(text)
        names = {each.tag for each in root.iter()}
        assert names & {"script", "link", "img", "iframe", "object", "form", "use", "image", "foreignObject"} == set()
        found = [(each.tag, name) for each in root.iter() for name in each.attrib]
        assert [each for each in found if each[1] in ("src", "href", "style") or each[1].startswith("on")] == []
        assert "url(" not in text and "@import" not in text and "http://" not in text and "https://" not in text
        policy = next(each for each in root.iter("meta") if each.get("http-equiv") == "Content-Security-Policy")
        assert (policy.get("content") or "").startswith("default-src 'none'; style-src 'unsafe-inline';")


async def test_pictures_can_be_heard(world: Desk) -> None:
    root = parsed(page(await told(world), ZH))
    pictures = list(root.iter("svg"))
    # Without concentration, of which so few members tell nothing.
    assert len(pictures) == 8
    assert all(each.get("role") == "img" and each.get("aria-label") for each in pictures)
    months = next(each for each in pictures if each.get("aria-label") == "每月净销售额：老会员和其他")
    assert [each.text for each in months.iter("title")] == [
        "2026-01：净销售额 150.00 元，其中老会员 0.00 元",
        "2026-02：净销售额 130.00 元，其中老会员 80.00 元",
        "2026-03：净销售额 152.00 元，其中老会员 125.00 元",
    ]


async def test_who_stays_is_a_table(world: Desk) -> None:
    report = await told(world)
    heat = cohort_table(sentences.shown_cohorts(report), ZH)
    assert heat is not None and heat not in page(report, ZH)  # so few members tell nothing
    rows = [["".join(cell.itertext()) for cell in row] for row in ElementTree.fromstring(heat).iter("tr")]
    assert rows[1:] == [
        ["2026-01", "2", "100%", "50%", "100%"],
        ["2026-02", "1", "100%", "100%", ""],
        ["2026-03", "1", "100%", "", ""],
    ]


async def test_what_can_not_be_compared_is_said(world: Desk) -> None:
    first = await told(world, "2026-01")
    assert comparisons(first, ZH).startswith("上月（2025 年 12 月）和去年同月（2025 年 1 月）都没有数据，无从比较")
    assert "比上月" not in terminal(first, ZH).split("■")[2]
    assert "数据从 2026 年 1 月开始，更早来过的会员在这里也算新会员。" in terminal(first, ZH)
    assert first.repurchase is None
    assert "数据从本月开始，分不清谁是第一次买。" in terminal(first, ZH)
    march = await told(world)
    # A and B first bought in January, the first month of the data; C in February, D in March.
    assert march.repurchase is not None and march.repurchase.first_purchase_members == 2


async def test_a_shop_without_orders_is_told_so(desk: Desk) -> None:
    with pytest.raises(NoOrdersYet):
        await told(desk)


async def test_a_month_without_orders_names_those_that_have_some(world: Desk) -> None:
    with pytest.raises(NoFigures) as caught:
        await told(world, "2026-04")
    assert caught.value.text("zh") == "2026-04 没有订单，没有可报告的数据。有数据的月份：2026-01 至 2026-03"
    assert caught.value.text("en").endswith("Months with data: 2026-01 to 2026-03")


@pytest.mark.parametrize("text", ["2026", "2026-13", "2026-3", "2026-03-01", "三月", "0000-01", ""])
def test_what_is_no_month(text: str) -> None:
    with pytest.raises(InvalidInput):
        month_days(text)


def test_days_of_a_month() -> None:
    assert month_days("2024-02") == (date(2024, 2, 1), date(2024, 2, 29))


def test_months_as_ranges() -> None:
    months = [date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1), date(2026, 3, 1)]
    assert ranges(months, " 至 ", "、") == "2025-11 至 2026-01、2026-03"


def test_a_stray_early_order_is_no_beginning_of_trade() -> None:
    months = {date(2016, 12, 1): 1} | {date(2017, month, 1): 1_900 + month for month in range(1, 13)}
    assert trade_from(months) == date(2017, 1, 1)
    growing = {date(2017, month, 1): 2**month for month in range(1, 7)}
    assert trade_from(growing) == date(2017, 1, 1)
    assert trade_from({date(2017, 1, 1): 1}) == date(2017, 1, 1)
    assert trade_from({}) is None


async def test_the_report_says_in_which_time_and_money_it_speaks(world: Desk) -> None:
    report = msgspec.structs.replace(await told(world), made_at=datetime(2026, 4, 1, 16, 30, tzinfo=UTC))
    zh = str(page(report, Speech("zh", "CNY")))
    assert "由会盟于 2026-04-02 00:30（商户所在地时间，UTC+8）生成" in zh and "金额单位：元。" in zh
    abroad = msgspec.structs.replace(report.merchant, timezone="America/St_Johns", currency="HKD")
    en = str(page(msgspec.structs.replace(report, merchant=abroad), Speech("en", "HKD")))
    assert "on 2026-04-01 14:00 (the merchant&#39;s local time, UTC-2:30)" in en.replace("&#x27;", "&#39;")
    assert "Unit of amounts: Hong Kong dollar." in en


async def test_a_month_with_hardly_an_order_is_no_measure(world: Desk) -> None:
    report = await told(world)
    busy = [_with_orders(each, orders) for each, orders in zip(report.months[-2:], (3, 31), strict=True)]
    report = msgspec.structs.replace(report, months=[*report.months[:-2], *busy])
    assert report.before is None
    assert comparisons(report, ZH).startswith(
        "上月（2026 年 2 月）只有 3 单，去年同月（2025 年 3 月）没有数据，无从比较"
    )
    assert [(each.before, each.year_before) for each in sentences.headline(report, EN)] == [
        ("too few orders", "no data")
    ] * 4
    assert "比上月" not in sentences.sales(report, ZH).fact


def _with_orders(bucket: BucketOut, orders: int) -> BucketOut:
    figures = msgspec.structs.replace(bucket.figures, orders=orders)
    return msgspec.structs.replace(bucket, figures=figures)


async def test_a_month_that_is_not_over_ends_today(world: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "utc_now", lambda: datetime(2026, 3, 20, 4, tzinfo=UTC))
    report = await told(world)
    assert (report.last, report.over, len(report.days)) == (date(2026, 3, 20), False, 20)
    # D came on 9 March, eleven days before the 20th.
    recency = next(scale for scale in report.rfm.scales if scale.of == "recency_days")
    assert min(each.least for each in recency.scores if each.least is not None) == 12
    said = terminal(report, ZH)
    assert "活跃会员 4 未满月，不比较 未满月，不比较" in said
    assert "现在会员手里共有" in said and "月底会员" not in said


def test_one_holiday_makes_no_strong_weekday() -> None:
    usual = [1_000] * 30
    usual[22] = 9_000  # Thursday 23 November 2017
    assert _days_told(usual).so is None
    sundays = [1_500 if day % 7 == 4 else 1_000 for day in range(30)]
    assert _days_told(sundays).so == "周日一般一天 15.00 元，是周三的 1.5 倍：排班和备货照这个来。"


def _days_told(nets: list[int]) -> sentences.Told:
    bare = msgspec.json.encode(dict.fromkeys(Figures.__struct_fields__, 0) | {"orders": 1})
    days = [
        BucketOut(
            label="",
            first=date(2017, 11, 1 + place),
            last=date(2017, 11, 1 + place),
            figures=msgspec.structs.replace(msgspec.json.decode(bare, type=Figures), net_fen=net),
        )
        for place, net in enumerate(nets)
    ]
    return sentences.days(SimpleNamespace(days=days, over=True), ZH)  # type: ignore[arg-type]


async def test_goods_nobody_named_are_no_best_sellers(world: Desk) -> None:
    await world.complete(world.order(None, line(900_000)))
    report = await told(world)
    assert report.products.net_fen == 15_200
    assert [row.name for row in report.products.rows] == ["milk", "tea", "<script>tea</script>"]
    month = (date(2026, 4, 1), date(2026, 4, 30))
    found = await analytics.top(world.db, world.shop.merchant_id, Asked(first=month[0], last=month[1]), "product", 8)
    assert [row.name for row in found.rows] == [""] and gathering._named(found).rows == []


async def test_figures_are_not_cut_in_a_narrow_terminal(world: Desk) -> None:
    report = await told(world)
    for width in (40, 60, 80, 120):
        console = Console(file=io.StringIO(), width=width, color_system=None)
        show(console, report, EN)
        assert isinstance(console.file, io.StringIO)
        said = console.file.getvalue()
        assert [figure for figure in ("¥152.00", "▲ 16.9%", "59.2%", "no data") if figure not in said] == []
        assert ("6 orders of ¥25.33" in said) == (width == 120)


def test_labels_of_a_flat_curve_do_not_meet() -> None:
    for shares in ((9_800, 9_900, 10_000), (1_000, 2_000, 5_000), (10_000, 10_000, 10_000)):
        dots = [charts.Dot(x, y, f"{x // 100}% → 98.7%") for x, y in zip((1_000, 2_000, 5_000), shares, strict=True)]
        svg = ElementTree.fromstring(charts.curve(dots, "about", ("x", "y")))
        labels = [each for each in svg.iter("text") if each.get("class") == "value"]
        boxes = []
        for each in labels:
            wide, x, y = 10.0 * len(each.text or ""), float(each.get("x", 0)), float(each.get("y", 0))
            left = x - wide if each.get("text-anchor") == "end" else x
            boxes.append((left, y - 18, left + wide, y))
        assert len(boxes) == 3
        assert all(left >= 0 and right <= charts.WIDTH for left, _, right, _ in boxes)
        assert not any(
            a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
            for place, a in enumerate(boxes)
            for b in boxes[:place]
        )


Huimeng = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def huimeng(server: object, data_dir: Path, tmp_path: Path) -> Huimeng:
    """Runs a command in a folder of its own: (exit code, what it said)."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "HUIMENG_"))}

    async def run(*arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "huimeng.entry.cli",
            *arguments,
            env={**clean, "HUIMENG_DATA": str(data_dir), "COLUMNS": "200"},
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    return run


async def test_the_command(world: Desk, huimeng: Huimeng, tmp_path: Path) -> None:
    code, said = await huimeng("report", "--merchant", world.shop.code, "--month", MONTH, "--lang", "en")
    assert (code, "Net sales were ¥152.00" in said) == (0, True)
    written = tmp_path / f"report-{world.shop.code}-{MONTH}.html"
    assert f"The page was written to {written.name}" in said
    assert "Monthly report, March 2026" in words_of(written.read_text(encoding="utf-8"))
    nowhere = tmp_path / "none" / "x.html"
    code, said = await huimeng("report", "-m", world.shop.code, "--month", MONTH, "--out", str(nowhere))
    assert (code, "report_not_written" in said) == (1, True)
    other = tmp_path / "sales.xlsx"
    other.write_bytes(b"PK\x03\x04 a sheet")
    code, said = await huimeng("report", "-m", world.shop.code, "--month", MONTH, "--out", str(other))
    assert (code, "report_not_overwritten" in said, other.read_bytes()[:2]) == (1, True, b"PK")
    written.write_text("<!doctype html>\nof before", encoding="utf-8")
    code, said = await huimeng("report", "-m", world.shop.code, "--month", MONTH, "--out", "")
    assert (code, "2026 年 3 月经营月报" in written.read_text(encoding="utf-8")) == (0, True)
    code, said = await huimeng("report", "-m", world.shop.code, "--month", "2030-01")
    assert (code, "有数据的月份：2026-01 至 2026-03" in said) == (1, True)
    code, said = await huimeng("report", "-m", "nobody", "--month", MONTH)
    assert (code, "merchant_not_found" in said) == (1, True)
    code, said = await huimeng("report", "-m", world.shop.code, "--month", "March")
    assert (code, "invalid_input" in said) == (1, True)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium on this machine")
async def test_a_browser_shows_it(world: Desk, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(await told(world), ZH), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'browser'}",
        "--dump-dom",
        file.as_uri(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    shown, _ = await asyncio.wait_for(process.communicate(), 60)
    assert shown.decode().count("<svg") == 8
    assert "本月净销售额 152.00 元" in shown.decode()


def parsed(text: str) -> ElementTree.Element:
    """Strictly: as XML, in which br and meta end themselves."""
    assert text.startswith("<!doctype html>\n")
    closed = re.sub(r"<(br|meta)\b([^>]*)>", r"<\1\2/>", text.removeprefix("<!doctype html>\n"))
    return ElementTree.fromstring(closed)


def words_of(text: str) -> str:
    return re.sub(r"\s+", " ", " ".join(parsed(text).itertext()))


def test_what_is_not_markup_is_escaped() -> None:
    assert join("<b>", Markup("<br>"), None, ["&", 1]) == "&lt;b&gt;<br>&amp;1"
    assert tag("p", "x", class_="a", title='"<', aria_label=None) == '<p class="a" title="&quot;&lt;">x</p>'


def test_numbers_as_they_are_read() -> None:
    assert [ZH.short(n) for n in (0, 9_999, 10_000, 379_123, 12_345_678, 1_234_567_890, -56_789)] == [
        "0",
        "9,999",
        "1万",
        "37.9万",
        "1234万",
        "12.3亿",
        "-5.6万",
    ]
    assert [EN.short(n) for n in (999, 1_500, 379_123)] == ["999", "1.5k", "379k"]
    assert [ZH.money(n) for n in (0, -5, 123_456_789, None)] == ["0.00 元", "-0.05 元", "1,234,567.89 元", "—"]
    assert Speech("zh", "USD").money(100) == "1.00 美元"
    assert Speech("en", "SEK").money(100) == "SEK 1.00"
    assert [ZH.percent(n) for n in (0, 4, 5, 6_254, 6_255, -5, -4, None)] == [
        "0.0%",
        "0.0%",
        "0.1%",
        "62.5%",
        "62.6%",
        "-0.1%",
        "0.0%",
        "—",
    ]
    assert speech.change(3, 2) == Change(5_000)
    assert (speech.change(2, 3), speech.change(1, 0), speech.change(1, None)) == (Change(-3_333), None, None)
    assert ZH.more_or_less(Change(120, points=True)) == "高 1.2 个百分点"
    assert ZH.more_or_less(Change(3)) == "持平"
    assert (EN.signed(Change(-250)), EN.signed(None)) == ("▼ 2.5%", "—")


def test_block_characters() -> None:
    assert sparkline([0, 1, 4, 8]) == " ▁▄█"
    assert sparkline([7]) == "█"
    assert sparkline([100, 110, 120]) == "▂▅█"
    assert (bar(8, 8, 2), bar(1, 16, 2), bar(0, 8, 2), bar(3, 8, 2)) == ("██", "▏", "", "▊")


def test_scales() -> None:
    assert [charts.nice(n) for n in (0, 3, 4, 5, 9, 11, 100, 101, 4_010, 61_000)] == [
        4,
        4,
        4,
        6,
        10,
        20,
        100,
        200,
        5_000,
        80_000,
    ]
    assert [level(n, 100) for n in (0, 1, 50, 100, 101)] == [0, 1, 4, 7, 7]
    assert level(5, 0) == 0


def test_small_batches_are_taken_together_and_chance_is_no_trend() -> None:
    rows = [("2025-02", 100, 70), ("2025-03", 50, 30), ("2025-04", 20, 12), ("2025-05", 15, 9)]
    newest, older = sentences._batches(rows)
    assert newest == sentences._Batch("2025-04", "2025-05", 35, 21)
    assert older == sentences._Batch("2025-02", "2025-03", 150, 100)
    assert sentences._against(newest, older, ZH) is None
    worse = sentences._Batch("2025-04", "2025-05", 35, 10)
    assert sentences._against(worse, older, ZH) == (
        "比之前几批（66.7%）低 38.1 个百分点：新会员留得差了，看看近来有什么不同。"
    )
    assert sentences._batches(rows[-1:]) == (None, None)
