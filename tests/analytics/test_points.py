"""Points in docs/rules/metrics.md: the world of its first table through the till, the others read and asserted."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from huimeng.analytics import service
from huimeng.analytics.rules import Period
from huimeng.analytics.rules import points as points_rules
from huimeng.analytics.service import Asked, Which, points
from huimeng.analytics.service.points import points_figures
from huimeng.analytics.values import MembersBehind
from huimeng.analytics.values.points import Breakage, PointsFigures
from huimeng.ledger.rules import Expiry, Kind, Unit
from huimeng.merchant.errors import RegionNotFound, StoreNotAllowed
from huimeng.merchant.service import create_region, create_store
from huimeng.merchant.values import StoreInput
from tests.desk import Desk, line, part

PAGE = Path(__file__).parents[2] / "docs" / "rules" / "metrics.md"
TO_MONTH_END = Expiry(kind="after", count=1, span="month", round_to="month")
SPRING = (date(2026, 1, 1), date(2026, 4, 30))


def tables() -> list[list[dict[str, str]]]:
    """The tables below "Points with numbers", rows by column."""
    below = PAGE.read_text(encoding="utf-8").split("\n### Points with numbers", 1)[1]
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", below, re.MULTILINE):
        header, _, *rows = ([c.strip() for c in row.strip("|").split("|")] for row in block.strip().splitlines())
        found.append([dict(zip(header, row, strict=True)) for row in rows])
    return found


STORY, MONTHS, STORES, EXPIRY, BREAKAGE, HOLDERS = tables()


class World(NamedTuple):
    """early: what was told on 2026-03-05; the shop is as it is after the last row."""

    desk: Desk
    early: PointsFigures


@pytest.fixture
async def world(desk: Desk) -> AsyncIterator[World]:
    shop = desk.shop
    async with desk.db.tenant(shop.merchant_id) as conn:
        await create_region(conn, shop.merchant_id, "east", "东区")
        other = await create_store(conn, shop.merchant_id, StoreInput(code="s2", name="二号店", region="east"))
    second = Desk(desk.db, desk.teller, msgspec.structs.replace(shop, store=other), desk.keys, desk.clock)
    places = {"s1": desk, "s2": second, "": desk}
    desk.clock.now = noon("2026-01-01")
    await desk.rule(expiry=TO_MONTH_END)
    members = {"A": await desk.join(), "B": await desk.join()}
    orders: dict[str, str] = {}
    early = None
    for row in STORY:
        if early is None and row["day"] > "2026-03-05":
            await points.project(desk.db, shop.merchant_id)
            early = await points_figures(desk.db, shop.merchant_id, *SPRING)
        desk.clock.now = noon(row["day"])
        await act(row, places[row["where"]], members, orders)
        for name, member_id in members.items():
            assert (await desk.held(member_id))[0] == int(row[name]), row
    assert early is not None
    await points.project(desk.db, shop.merchant_id)
    yield World(desk, early)


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day} 04:00").replace(tzinfo=UTC)


async def act(row: dict[str, str], desk: Desk, members: dict[str, int], orders: dict[str, str]) -> None:
    """One row of the story."""
    what, number = row["what"], next(iter(re.findall(r"order (\d)", row["what"])), "")
    if what.startswith("order") and " of " in what:
        fen = round(float(what.rpartition(" ")[2]) * 100)
        taken = await desk.buy(members[row["who"]], fen)
        assert f"+{taken.points}" == row["points"]
        orders[number] = taken.order_id
    elif "back" in what:
        amount = re.match(r"([\d.]+) of order", what)
        wanted = [part(1, amount_fen=round(float(amount[1]) * 100))] if amount else []
        await desk.refund(orders[number], *wanted)
    elif what.startswith("by hand"):
        await desk.adjust(members[row["who"]], int(row["points"]))
    else:
        await desk.expire()


async def told(world: World, days: tuple[date, date] = SPRING, **cut: Any) -> PointsFigures:
    return await points_figures(world.desk.db, world.desk.shop.merchant_id, *days, **cut)


async def test_the_story_is_told_by_month(world: World) -> None:
    found = await told(world)
    assert await world.desk.wrong() == []
    assert [month.label for month in found.months] == [row["month"] for row in MONTHS]
    for month, row in zip(found.months, MONTHS, strict=True):
        shown = {**msgspec.structs.asdict(month.flow), "outstanding": month.outstanding, "debt": month.debt}
        assert {name: str(shown[name]) for name in row if name != "month"} == {
            name: value for name, value in row.items() if name != "month"
        }
        assert (month.flow.brought_along, month.flow.used) == (0, 0)
    for name in points_rules.Flow.__struct_fields__:
        assert getattr(found.flow, name) == sum(getattr(month.flow, name) for month in found.months)
    assert (found.opening, found.not_cut, found.lag_events) == (0, [], 0)


async def test_stores_add_up_and_the_rest_is_not_said(world: World) -> None:
    found = {code: await told(world, store_code=code) for code in ("s1", "s2")}
    for number, row in enumerate(STORES):
        for code, figures in found.items():
            flow = figures.months[number].flow
            for name in ("handed_out", "taken_back", "debt_added"):
                assert getattr(flow, name) == int(row[f"{code} {name}"])
    for figures in found.values():
        unsaid = ["brought_along", "added", "removed", "used", "expired", "debt_repaid"]
        assert figures.not_cut == [*unsaid, "opening", "outstanding", "debt", "breakage"]
        assert {name for name, value in msgspec.structs.asdict(figures.flow).items() if value is None} == set(unsaid)
        assert (figures.opening, figures.outstanding, figures.breakage) == (None, None, None)
        assert {(month.outstanding, month.debt, month.breakage) for month in figures.months} == {(None, None, None)}
    whole = (await told(world)).flow
    for name in ("handed_out", "taken_back", "debt_added"):
        assert sum(getattr(figures.flow, name) for figures in found.values()) == getattr(whole, name)


async def test_a_region_is_its_stores(world: World) -> None:
    east = await told(world, region="east")
    assert (east.region, east.flow) == ("east", (await told(world, store_code="s2")).flow)
    assert (await told(world, region="east", store_code="s1")).flow.handed_out == 0
    with pytest.raises(RegionNotFound):
        await told(world, region="west")


async def test_of_a_category_nothing_is_said(world: World) -> None:
    found = await told(world, category="milk")
    assert set(msgspec.structs.asdict(found.flow).values()) == {None}
    assert set(points_rules.Flow.__struct_fields__) < set(found.not_cut)


async def test_outstanding_by_month_of_expiry(world: World) -> None:
    for row in EXPIRY:
        at = date.fromisoformat(row["at"])
        found = (await told(world, (date(2026, 1, 1), at))).outstanding
        assert found is not None
        amounts = {row.month or "never": row.points for row in found.by_expiry}
        assert amounts == {name: int(value) for name, value in row.items() if name != "at" and value}
        assert (found.at, found.points) == (at, sum(amounts.values()))


async def test_breakage_counts_only_what_is_over(world: World) -> None:
    early, in_the_end = world.early, await told(world)
    shown = {
        "2026-02 on 2026-03-05": early.months[1].breakage,
        "2026-02 in the end": in_the_end.months[1].breakage,
        "2026-03 in the end": in_the_end.months[2].breakage,
    }
    for row in BREAKAGE:
        found = shown.pop(row["month"])
        assert found is not None and found.breakage_bps is not None
        assert (found.given, found.expired) == (int(row["given"]), int(row["expired"]))
        assert f"{found.breakage_bps / 100:.2f}%" == row["breakage"]
    assert shown == {}
    # Nothing was to expire in January and April; all months together are those of February and March.
    assert (in_the_end.months[0].breakage, in_the_end.months[3].breakage) == (None, None)
    assert in_the_end.breakage == Breakage(given=130, expired=20, breakage_bps=1538)


def test_a_month_counts_when_its_last_day_is_over_and_in_the_period() -> None:
    def over(first: str, last: str, today: str) -> Any:
        days = Period(date.fromisoformat(first), date.fromisoformat(last))
        return points_rules.months_over(days, date.fromisoformat(today))

    january, february = date(2026, 1, 1), date(2026, 2, 1)
    assert over("2026-01-01", "2026-02-28", "2026-03-01") == (january, february)
    assert over("2026-01-01", "2026-02-28", "2026-02-28") == (january, january)
    assert over("2026-01-31", "2026-02-27", "2027-01-01") == (january, january)
    assert over("2026-02-01", "2026-02-27", "2027-01-01") is None
    assert over("2026-12-02", "2026-12-31", "2027-01-01") == (date(2026, 12, 1), date(2026, 12, 1))


def test_what_is_spent_and_brought_along() -> None:
    found = points_rules.flow({Kind.SPEND: (0, 7), Kind.OPENING: (100, 0)}, "none")
    assert (found.used, found.brought_along, found.net) == (7, 100, 93)
    assert points_rules.flow({Kind.SPEND: (0, 7)}, "store").used is None


async def read(desk: Desk) -> dict[str, Any]:
    """All rows of the figures of points."""
    return {
        table: await desk.rows(f"select * from {table} where cell_id = %s order by 1, 2, 3, 4")
        for table in ("points_day", "points_store_day")
    }


@pytest.mark.parametrize("seed", range(3))
async def test_any_trade_in_any_steps_is_what_the_transfers_say(desk: Desk, seed: int) -> None:
    rng = random.Random(seed)
    desk.clock.now = datetime(2026, 1, 1, 15, tzinfo=UTC)
    await desk.rule(expiry=TO_MONTH_END)
    members = [await desk.join() for _ in range(3)]
    kept: list[str] = []
    for _ in range(60):
        desk.clock.forward(hours=rng.randrange(1, 90))
        member, act = rng.choice(members), rng.random()
        if act < 0.5:
            order = desk.order(member, line(rng.randrange(100, 20_000)))
            kept.append((await desk.complete(order)).order_id)
        elif act < 0.7 and kept:
            await desk.refund(kept.pop(rng.randrange(len(kept))))
        elif act < 0.9:
            held, _ = await desk.held(member)
            if held and await desk.expire() == 0:
                await desk.adjust(member, rng.choice([-min(held, 9), 25]))
        else:
            await desk.expire()
        if rng.random() < 0.3:
            await points.project(desk.db, desk.shop.merchant_id, step=rng.choice([1, 3, 50_000]))
    await points.project(desk.db, desk.shop.merchant_id, step=rng.choice([1, 7]))
    assert await desk.wrong() == []
    incremental = await read(desk)
    await points.rebuild(desk.db, desk.shop.merchant_id)
    assert await read(desk) == incremental
    await same_as_the_book(desk, desk.clock().date().replace(day=28))


async def same_as_the_book(desk: Desk, last: date) -> None:
    """Flows against the transfers, outstanding against accounts and lots."""
    shop = desk.shop
    found = await points_figures(desk.db, shop.merchant_id, date(2026, 1, 1), date(last.year + 1, 12, 31))
    by_kind = dict(
        await desk.rows(
            "select kind, sum(amount)::bigint from transfer where cell_id = %s and unit = any(%s) group by 1",
            [Unit.POINTS, Unit.POINTS_DEBT],
        )
    )
    flow = found.flow
    assert flow.handed_out == by_kind[Kind.EARN]
    assert flow.taken_back == by_kind.get(Kind.EARN_REVERSED, 0) + by_kind.get(Kind.REFUND_TAKEN, 0)
    assert flow.expired == by_kind.get(Kind.EXPIRE, 0) - by_kind.get(Kind.EXPIRY_REVERSED, 0)
    assert (flow.debt_added, flow.debt_repaid) == (by_kind.get(Kind.DEBT, 0), by_kind.get(Kind.DEBT_REPAID, 0))
    ((balance, debt),) = await desk.rows(
        "select sum(balance)::bigint, sum(debt)::bigint from account where cell_id = %s and account_id %% 64 = %s", 1
    )
    assert found.outstanding is not None
    assert (found.outstanding.points, found.outstanding.debt) == (balance, debt)
    assert (found.months[-1].outstanding, found.months[-1].debt) == (balance, debt)
    by_lot = await desk.rows(
        "select to_char((expires_at - interval '1 second') at time zone 'Asia/Shanghai', 'YYYY-MM'), "
        "sum(remaining)::bigint from lot where cell_id = %s and account_id %% 64 = 1 and remaining > 0 group by 1"
    )
    assert sorted((row.month or "", row.points) for row in found.outstanding.by_expiry) == sorted(
        (month or "", amount) for month, amount in by_lot
    )


async def test_who_holds_what_expires(desk: Desk) -> None:
    """The table "Behind the points": as it stood on 2026-02-15, most points first."""
    desk.clock.now = noon("2026-01-01")
    await desk.rule(expiry=TO_MONTH_END)
    members = {"A": await desk.join(), "B": await desk.join()}
    for row in STORY[:5]:
        desk.clock.now = noon(row["day"])
        await act({**row, "where": ""}, desk, members, {})
    await service.project(desk.db, desk.shop.merchant_id)
    await points.project(desk.db, desk.shop.merchant_id)

    async def listed(month: str, **given: Any) -> MembersBehind:
        which = Which(figure="points_expiring", month=month)
        asked = Asked(first=date(2026, 2, 1), last=date(2026, 2, 28))
        return await service.members_behind(desk.db, desk.keys, desk.shop.merchant_id, asked, which, **given)

    by_id = {str(member_id): name for name, member_id in members.items()}
    told_of = [
        {"month": month, "member": by_id[item.member_id], "points": str(item.points), "orders": str(item.orders)}
        for month in ("2026-02", "2026-03")
        for item in (await listed(month)).items
    ]
    assert told_of == HOLDERS
    held = await points_figures(desk.db, desk.shop.merchant_id, date(2026, 2, 1), date(2026, 2, 28))
    assert held.outstanding is not None
    for each in held.outstanding.by_expiry:
        assert each.points == sum(item.points or 0 for item in (await listed(str(each.month))).items)
    first = await listed("2026-02", limit=1)
    rest = await listed("2026-02", cursor=first.next_cursor)
    assert (first.members, [by_id[item.member_id] for item in rest.items], rest.next_cursor) == (2, ["A"], None)
    assert (await listed("2026-04")).items == []
    assert [item.first_day for item in (await listed("2026-02")).items] == [date(2026, 2, 10), date(2026, 2, 5)]
    only = Asked(only=frozenset({desk.shop.store.store_id}))
    with pytest.raises(StoreNotAllowed):
        which = Which(figure="points_expiring", month="2026-02")
        await service.members_behind(desk.db, desk.keys, desk.shop.merchant_id, only, which)
