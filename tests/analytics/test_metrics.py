"""The worked example of docs/rules/metrics.md, order by order through the till, the outbox and the projection."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pytest

from huimeng.analytics import rules, service
from huimeng.analytics.rules import BehindFigure, RfmMethod
from huimeng.analytics.service import Asked, Which, asking
from huimeng.analytics.values import Figures, MembersBehind
from huimeng.checkout.commands import ImportOrder, RefundOrder
from huimeng.checkout.rules import WantedLine
from huimeng.infra.crypto import MerchantKeys, Vault
from huimeng.infra.database import Database
from huimeng.infra.teller import Teller
from huimeng.kernel.money import parse_fen
from huimeng.kernel.times import business_day, utc_now
from huimeng.member.service import join_member
from huimeng.member.values import IdentityInput, MemberInput
from huimeng.merchant.service import create_region, create_store, merchant_keys, update_store
from huimeng.merchant.values import Store, StoreInput, StorePatch
from huimeng.order.rules import LineInput, OrderInput
from tests.conftest import Shop

PAGE = Path(__file__).parents[2] / "docs" / "rules" / "metrics.md"
SHANGHAI = ZoneInfo("Asia/Shanghai")
MARCH = Asked(first=date(2026, 3, 1), last=date(2026, 3, 31))
QUARTER = Asked(first=date(2026, 1, 1), last=date(2026, 3, 31))
Row = dict[str, str]


def tables() -> list[list[Row]]:
    """The tables below "Worked example" and above "Points", rows by column."""
    below = PAGE.read_text(encoding="utf-8").split("\n## Worked example", 1)[1].split("\n## Points", 1)[0]
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", below, re.MULTILINE):
        header, _, *rows = ([c.strip() for c in row.strip("|").split("|")] for row in block.strip().splitlines())
        found.append([dict(zip(header, row, strict=True)) for row in rows])
    return found


ORDERS, PERIODS, BUCKETS, SIDE_BY_SIDE, REPURCHASE, COHORTS, RFM, CONCENTRATION, AUDIENCE, BEHIND = tables()


class Example(NamedTuple):
    """first: March before anything was refunded; the database is as it is in the end."""

    db: Database
    merchant_id: int
    first: Figures
    keys: MerchantKeys
    members: dict[str, int]


@pytest.fixture
async def example(db: Database, vault: Vault, teller: Teller, shop: Shop) -> AsyncIterator[Example]:
    async with db.tenant(shop.merchant_id) as conn:
        await create_region(conn, shop.merchant_id, "east", "东区")
        await update_store(conn, shop.merchant_id, shop.store.store_id, StorePatch(region="east"))
        bar = await create_store(conn, shop.merchant_id, StoreInput(code="s2", name="酒吧", day_cut_minutes=240))
        keys = await merchant_keys(conn, vault, shop.merchant_id)
    stores = {"s1": shop.store, "s2": bar}
    members: dict[str, int] = {}
    for name in "ABCD":
        wanted = MemberInput(identities=[IdentityInput("external_id", name)])
        joined: Any = await teller.submit(join_member(shop.cell_id, keys, wanted, now=utc_now(), key=f"join:{name}"))
        members[name] = int(joined.value.member_id)
    late = [row for row in ORDERS if "late" in row["later"]]
    taken = {row["#"]: await take(teller, shop.cell_id, stores, members, row) for row in ORDERS if row not in late}
    await service.project(db, shop.merchant_id)
    first = (await service.overview(db, shop.merchant_id, MARCH)).figures
    for row in ORDERS:
        if "refunded" in row["later"] or "voided" in row["later"]:
            await teller.submit(give_back(shop.cell_id, taken[row["#"]], row))
    for row in late:
        await take(teller, shop.cell_id, stores, members, row)
    await service.project(db, shop.merchant_id)
    yield Example(db, shop.merchant_id, first, keys, members)


async def take(teller: Teller, cell_id: int, stores: dict[str, Store], members: dict[str, int], row: Row) -> int:
    store = stores[row["store"]]
    ordered_at = datetime.fromisoformat(row["ordered at"]).replace(tzinfo=SHANGHAI)
    lines = []
    for part in row["goods"].split(" + "):
        goods, _, paid = part.rpartition(" ")
        category, _, product = goods.partition("/")
        fen = parse_fen(paid)
        lines.append(LineInput(sku="x", category=category, product=product, list_fen=fen, paid_fen=fen))
    order = OrderInput(
        source="till",
        store_id=store.store_id,
        order_no=row["#"],
        business_day=business_day(ordered_at, store.timezone, store.day_cut_minutes),
        ordered_at=ordered_at,
        member_id=members.get(row["member"]),
        lines=tuple(lines),
        tenders=(),
    )
    assert order.paid_fen == parse_fen(row["paid"])
    reply: Any = await teller.submit(ImportOrder(cell_id, order, earn=False))
    assert reply.value.outcome == "created"
    return int(reply.value.order_id)


def give_back(cell_id: int, order_id: int, row: Row) -> RefundOrder:
    """What the column "later" says."""
    key, later = f"back:{row['#']}", row["later"]
    if later == "voided":
        return RefundOrder(cell_id, order_id, None, key=key, void=True)
    if later == "refunded, all":
        return RefundOrder(cell_id, order_id, None, key=key)
    category = later.removesuffix(" refunded")
    parts = [part.partition("/")[0] for part in row["goods"].split(" + ")]
    return RefundOrder(cell_id, order_id, [WantedLine(parts.index(category) + 1)], key=key)


def yuan(fen: int | None) -> str:
    return "-" if fen is None else f"{fen / 100:.2f}"


def percent(bps: int | None) -> str:
    return "-" if bps is None else f"{bps / 100:.2f}%"


def told(figures: Figures) -> list[str]:
    """As a row of the table of March writes it."""
    return [
        str(figures.orders),
        yuan(figures.net_fen),
        yuan(figures.aov_fen),
        *map(str, (figures.active_members, figures.new_members, figures.returning_members)),
        *map(str, (figures.repeat_members, figures.repeat_day_members)),
    ]


async def test_the_table_of_march(example: Example) -> None:
    async def of(**cut: str) -> Figures:
        asked = msgspec.structs.replace(MARCH, **cut)
        return (await service.overview(example.db, example.merchant_id, asked)).figures

    whole = await service.overview(example.db, example.merchant_id, MARCH)
    shown = {
        "at first": example.first,
        "in the end": whole.figures,
        "store s2": await of(store="s2"),
        "region east": await of(region="east"),
        "category 茶": await of(category="茶"),
        "before: 01-29 to 02-28": whole.previous.figures,
    }
    assert {name: told(figures) for name, figures in shown.items()} == {
        row["March"]: [value for name, value in row.items() if name != "March"] for row in PERIODS
    }
    assert (whole.previous.first, whole.previous.last) == (date(2026, 1, 29), date(2026, 2, 28))
    assert (whole.lag_events, whole.lag_seconds, whole.period.chosen) == (0, 0.0, "asked")
    assert (whole.figures.member_net_fen, whole.figures.returning_net_fen) == (80050, 52050)
    assert (whole.figures.returning_share_bps, whole.figures.repeat_share_bps) == (6667, 6667)


async def test_an_empty_region_is_the_stores_in_none(example: Example) -> None:
    for one, other in ((Asked(region=""), Asked(store="s2")), (Asked(region="east"), Asked(store="s1"))):
        days = {"first": MARCH.first, "last": MARCH.last}
        found = [
            (await service.overview(example.db, example.merchant_id, msgspec.structs.replace(a, **days))).figures
            for a in (one, other)
        ]
        assert found[0] == found[1]
    both = msgspec.structs.replace(MARCH, store="s1", region="")
    assert (await service.overview(example.db, example.merchant_id, both)).figures.orders == 0


async def test_the_table_of_buckets(example: Example) -> None:
    shown = []
    for asked, grain in ((MARCH, "week"), (Asked(first=date(2026, 2, 1), last=date(2026, 3, 31)), "month")):
        shown += (await service.trend(example.db, example.merchant_id, asked, grain)).buckets  # type: ignore[arg-type]
    shown += (await service.trend(example.db, example.merchant_id, QUARTER, "quarter")).buckets
    assert [
        [
            bucket.label,
            str(bucket.figures.orders),
            yuan(bucket.figures.net_fen),
            str(bucket.figures.active_members),
            str(bucket.figures.new_members),
            percent(bucket.figures.returning_share_bps),
        ]
        for bucket in shown
    ] == [list(row.values()) for row in BUCKETS]
    assert (shown[0].first, shown[0].last, shown[5].last) == (MARCH.first, MARCH.first, MARCH.last)


async def test_side_by_side(example: Example) -> None:
    found: list[list[str]] = []
    for by in ("store", "region", "category"):
        answer = await service.breakdown(example.db, example.merchant_id, MARCH, by)
        for row in answer.rows:
            active = "-" if row.active_members is None else str(row.active_members)
            share = percent(row.net_share_bps)
            found.append([by, row.key or "none", str(row.orders), yuan(row.net_fen), share, active])
        for name in answer.adds_up:
            assert sum(getattr(row, name) for row in answer.rows) == getattr(answer.total, name)
        assert answer.adds_up == (["net_fen"] if by == "category" else ["orders", "net_fen"])
    products = await service.top(example.db, example.merchant_id, MARCH, "product", 10)
    found += (
        ["product", each.name, str(each.orders), yuan(each.net_fen), percent(each.net_share_bps), "-"]
        for each in products.rows
    )
    assert found == [list(row.values()) for row in SIDE_BY_SIDE]
    of_tea = msgspec.structs.replace(MARCH, category="茶", store="s1")
    assert [row.name for row in (await service.top(example.db, example.merchant_id, of_tea, "product", 10)).rows] == [
        "乌龙"
    ]


async def test_what_was_all_given_back_has_no_row(example: Example) -> None:
    """On 03-31 the bar sold one bottle, and voided it."""
    day = Asked(first=date(2026, 3, 31), last=date(2026, 3, 31), store="s2")
    assert (await service.top(example.db, example.merchant_id, day, "product", 10)).rows == []
    assert (await service.breakdown(example.db, example.merchant_id, day, "category")).rows == []


async def test_after_the_first_purchase(example: Example) -> None:
    within = ",".join(row["within"] for row in REPURCHASE)
    found = await service.repurchase(example.db, example.merchant_id, QUARTER, within)
    assert [
        [str(n) for n in (row.within_days, row.members, row.later_day_members, row.later_order_members)]
        for row in found.rows
    ] == [list(row.values()) for row in REPURCHASE]
    assert (found.data_to, found.first_purchase_members) == (date(2026, 3, 28), 3)
    assert [row.later_day_share_bps for row in found.rows] == [3333, 6667, 10000, None]
    for row in found.rows:
        days = {"within": row.within_days}
        counts = {
            "first_purchase": found.first_purchase_members,
            "later_day": row.later_day_members,
            "later_order": row.later_order_members,
            "not_repurchased": row.members - row.later_order_members,
        }
        for figure, count in counts.items():
            assert len((await behind(example, QUARTER, figure=figure, **days)).items) == count


async def test_a_day_counts_when_it_is_over(example: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    """C's 29 days end on 03-28, the last day with an order: on that day itself they are not over."""
    for now, members in ((datetime(2026, 3, 28, 14, tzinfo=UTC), 1), (datetime(2026, 3, 29, 2, tzinfo=UTC), 2)):
        monkeypatch.setattr(asking, "utc_now", lambda now=now: now)
        found = await service.repurchase(example.db, example.merchant_id, QUARTER, "29")
        assert (found.data_to, found.rows[0].members) == (date(2026, 3, 28), members)
        assert (await behind(example, QUARTER, figure="later_order", within=29)).members == members


async def test_first_purchases_in_a_cut(example: Example) -> None:
    """B bought at s2 for the first time in March, and C too; with what they did there in March."""
    at_bar = msgspec.structs.replace(MARCH, store="s2")
    listed = await behind(example, at_bar, figure="first_purchase")
    assert [(names(example, listed)[n], item.orders, item.net_fen) for n, item in enumerate(listed.items)] == [
        ("C", 1, 30000),
        ("B", 1, 8000),
    ]
    found = await service.repurchase(example.db, example.merchant_id, at_bar)
    assert found.first_purchase_members == listed.members == 2


async def test_cohorts(example: Example) -> None:
    found = await service.cohorts(example.db, example.merchant_id, QUARTER)
    shown = [
        [
            cohort.month,
            str(cell.months_later),
            str(cell.members),
            percent(cell.share_bps),
            yuan(cell.net_fen),
            "yes" if cell.complete else "no",
        ]
        for cohort in found.cohorts
        for cell in cohort.cells
    ]
    assert shown == [list(row.values()) for row in COHORTS]
    at_bar = msgspec.structs.replace(QUARTER, store="s2")
    for asked in (QUARTER, MARCH, at_bar):
        told = await service.cohorts(example.db, example.merchant_id, asked)
        assert told.data_from == date(2026, 2, 1)
    for row in COHORTS:
        which = {"cohort": row["cohort"], "months_later": int(row["months later"])}
        listed = await behind(example, QUARTER, figure="cohort", **which)
        assert listed.members == int(row["members"])
        # What each did is that of the month in which they came, and so is the period.
        month = rules.month_from(rules.months_on(date.fromisoformat(f"{row['cohort']}-01"), int(row["months later"])))
        assert (listed.period.first, listed.period.last) == (month.first, month.last)
        assert yuan(sum(item.net_fen for item in listed.items)) == row["net sales"]


@pytest.mark.parametrize("method", ["rank", "quantile"])
async def test_rfm(example: Example, method: RfmMethod) -> None:
    found = await service.rfm(example.db, example.merchant_id, MARCH, method)
    assert len(found.cells) == 125
    wanted: dict[str, list[Row]] = {}
    for row in RFM:
        wanted.setdefault(row[method], []).append(row)
    held = {f"{cell.r}{cell.f}{cell.m}": cell for cell in found.cells if cell.members}
    assert set(held) == set(wanted)
    for name, rows in wanted.items():
        cell = held[name]
        assert (cell.members, cell.orders) == (len(rows), sum(int(row["orders"]) for row in rows))
        assert {row[f"group by {method}"] for row in rows} == {cell.group}
        listed = await behind(example, MARCH, figure="rfm", method=method, rfm=name)
        assert names(example, listed) == [row["member"] for row in rows]
    for group in found.groups:
        listed = await behind(example, MARCH, figure="rfm", method=method, group=group.group)
        assert sorted(names(example, listed)) == [
            row["member"] for row in RFM if row[f"group by {method}"] == group.group
        ]
    recency = {score.score: (score.least, score.most) for score in found.scales[0].scores if score.members}
    assert recency == {int(row[method][0]): (int(row["recency"]),) * 2 for row in RFM}


async def test_concentration(example: Example) -> None:
    found = await service.concentration(example.db, example.merchant_id, MARCH)
    shown = [
        [f"{share.percent}%", str(share.members), yuan(share.net_fen), percent(share.net_share_bps)]
        for share in found.top
        if share.percent in (1, 20, 50)
    ]
    assert shown == [list(row.values()) for row in CONCENTRATION]
    assert (found.members, found.net_fen, found.curve[0].net_fen, found.curve[-1].net_share_bps) == (3, 80050, 0, 10000)
    assert names(example, await behind(example, MARCH, figure="top", percent=50)) == ["C", "B"]


async def test_members_against_others(example: Example) -> None:
    found = await service.audience(example.db, example.merchant_id, MARCH)
    shown = [
        [name, str(side.orders), yuan(side.net_fen), yuan(side.aov_fen), percent(side.orders_share_bps)]
        for name, side in (("members", found.members), ("others", found.others))
    ]
    assert shown == [list(row.values()) for row in AUDIENCE]
    assert (found.has_others, found.aov_ratio_bps) == (True, 27603)
    assert [note.code for note in found.notes] == ["selection", "mixed_stores", "no_repurchase_of_others"]
    at_bar = await service.audience(example.db, example.merchant_id, msgspec.structs.replace(MARCH, store="s2"))
    assert [note.code for note in at_bar.notes] == ["selection", "no_repurchase_of_others"]
    alone = await service.audience(example.db, example.merchant_id, msgspec.structs.replace(MARCH, store="s1"))
    assert (alone.has_others, alone.aov_ratio_bps, alone.others.aov_fen) == (False, None, None)
    assert [note.code for note in alone.notes] == ["no_others", "no_repurchase_of_others"]


async def behind(example: Example, asked: Asked, **which: Any) -> MembersBehind:
    return await service.members_behind(example.db, example.keys, example.merchant_id, asked, Which(**which))


def names(example: Example, found: MembersBehind) -> list[str]:
    by_id = {str(member_id): name for name, member_id in example.members.items()}
    return [by_id[item.member_id] for item in found.items]


async def test_the_members_behind(example: Example) -> None:
    for row in BEHIND:
        figure: BehindFigure = row["figure"]  # type: ignore[assignment]
        assert names(example, await behind(example, MARCH, figure=figure)) == row["members"].split()


async def test_the_members_behind_come_in_pages(example: Example) -> None:
    seen, cursor = [], None
    while True:
        asked = (example.db, example.keys, example.merchant_id, MARCH, Which(), cursor, 2)
        page = await service.members_behind(*asked)
        assert page.members == 3
        seen += names(example, page)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ["C", "B", "A"]


async def test_without_days_the_last_that_hold_orders_are_shown(
    example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "utc_now", lambda: datetime(2026, 4, 10, tzinfo=UTC))
    found = await service.overview(example.db, example.merchant_id, Asked())
    assert (found.period.chosen, found.figures.orders) == ("last_30_days", 2)
    # Tea was last kept on 03-02, in the 30 days before.
    tea = await service.overview(example.db, example.merchant_id, Asked(category="茶"))
    assert (tea.period.chosen, tea.period.last, tea.figures.orders) == ("last_with_data", date(2026, 3, 2), 2)
    monkeypatch.setattr(asking, "utc_now", lambda: datetime(2026, 6, 1, tzinfo=UTC))
    found = await service.overview(example.db, example.merchant_id, Asked())
    assert (found.period.chosen, found.figures.orders) == ("last_with_data", 7)
    assert (found.period.first, found.period.last) == (date(2026, 2, 27), date(2026, 3, 28))
    months = await service.cohorts(example.db, example.merchant_id, Asked())
    assert (months.period.chosen, months.period.first) == ("last_12_months", date(2025, 7, 1))


async def test_figures_made_anew_are_the_same(example: Example) -> None:
    year = Asked(first=date(2026, 1, 1), last=date(2026, 4, 30))
    before = await service.trend(example.db, example.merchant_id, year, "day")
    await service.rebuild(example.db, example.merchant_id)
    after = await service.trend(example.db, example.merchant_id, year, "day")
    assert after.buckets == before.buckets


async def test_a_merchant_without_orders_is_told_so(db: Database, vault: Vault, shop: Shop) -> None:
    async with db.tenant(shop.merchant_id) as conn:
        keys = await merchant_keys(conn, vault, shop.merchant_id)
    asked = (db, shop.merchant_id, Asked())
    found = await service.overview(*asked)
    assert (found.figures.orders, found.figures.aov_fen, found.figures.returning_share_bps) == (0, None, None)
    assert [row.orders for row in (await service.breakdown(*asked, "store")).rows] == [0]
    assert (await service.breakdown(*asked, "category")).rows == []
    again = await service.repurchase(*asked)
    assert (again.data_to, [row.members for row in again.rows]) == (None, [0, 0, 0])
    cohorts = await service.cohorts(*asked)
    assert (cohorts.data_from, cohorts.cohorts) == (None, [])
    rfm = await service.rfm(*asked)
    assert (rfm.members, len(rfm.cells), len(rfm.groups)) == (0, 125, len(rules.RFM_GROUPS))
    concentration = await service.concentration(*asked)
    assert {(share.members, share.net_share_bps) for share in concentration.top} == {(0, None)}
    assert (await service.top(*asked, "product", 5)).rows == []
    assert [note.code for note in (await service.audience(*asked)).notes] == ["no_others", "no_repurchase_of_others"]
    nobody = await service.members_behind(db, keys, shop.merchant_id, Asked(), Which())
    assert (nobody.members, nobody.items, nobody.next_cursor) == (0, [], None)
