"""The worked example of docs/rules/metrics.md, order by order through the till, the outbox and the projection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from huimeng.analytics import service
from huimeng.analytics.service import Asked, asking
from huimeng.analytics.values import Figures
from huimeng.checkout.commands import ImportOrder, RefundOrder
from huimeng.checkout.rules import WantedLine
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database
from huimeng.infra.teller import Teller
from huimeng.kernel.money import parse_fen
from huimeng.kernel.times import business_day, utc_now
from huimeng.member.service import join_member
from huimeng.member.values import IdentityInput, MemberInput
from huimeng.merchant.service import create_store, merchant_keys
from huimeng.merchant.values import Store, StoreInput
from huimeng.order.rules import LineInput, OrderInput
from tests.conftest import Shop

SHANGHAI = ZoneInfo("Asia/Shanghai")
MARCH = Asked(first=date(2026, 3, 1), last=date(2026, 3, 31))
BAR = Asked(first=date(2026, 3, 1), last=date(2026, 3, 31), store="s2")
IN_TIME = [
    (1, "2026-02-20 12:00", "s1", "A", "100.00"),
    (2, "2026-03-02 10:00", "s1", "A", "120.50"),
    (3, "2026-03-03 11:00", "s1", "B", "200.00"),
    (4, "2026-03-03 21:00", "s2", None, "58.00"),
    (5, "2026-03-09 22:00", "s2", "B", "80.00"),
    (6, "2026-03-16 02:10", "s2", "C", "300.00"),
    (7, "2026-03-20 15:00", "s1", "A", "45.00"),
    (8, "2026-03-28 16:00", "s1", "C", "150.00"),
    (9, "2026-03-31 20:00", "s2", "D", "66.00"),
]
LATE = (10, "2026-02-27 18:00", "s1", "C", "88.00")


class Example(NamedTuple):
    """first: March when orders 1 to 9 were in; the database is as it is in the end."""

    db: Database
    merchant_id: int
    first: Figures


@pytest.fixture
async def example(db: Database, vault: Vault, teller: Teller, shop: Shop) -> AsyncIterator[Example]:
    async with db.tenant(shop.merchant_id) as conn:
        bar = await create_store(conn, shop.merchant_id, StoreInput(code="s2", name="酒吧", day_cut_minutes=240))
        keys = await merchant_keys(conn, vault, shop.merchant_id)
    stores = {"s1": shop.store, "s2": bar}
    members: dict[str | None, int | None] = {None: None}
    for name in "ABCD":
        wanted = MemberInput(identities=[IdentityInput("external_id", name)])
        joined: Any = await teller.submit(join_member(shop.cell_id, keys, wanted, now=utc_now(), key=f"join:{name}"))
        members[name] = int(joined.value.member_id)
    taken = {row[0]: await take(teller, shop.cell_id, stores, members, row) for row in IN_TIME}
    await service.project(db, shop.merchant_id)
    first = (await service.overview(db, shop.merchant_id, MARCH)).figures

    await teller.submit(RefundOrder(shop.cell_id, taken[7], None, key="refund:7"))
    part = WantedLine(1, amount_fen=5000)
    await teller.submit(RefundOrder(shop.cell_id, taken[8], [part], key="refund:8"))
    await teller.submit(RefundOrder(shop.cell_id, taken[9], None, key="void:9", void=True))
    await take(teller, shop.cell_id, stores, members, LATE)
    await service.project(db, shop.merchant_id)
    yield Example(db, shop.merchant_id, first)


async def take(
    teller: Teller, cell_id: int, stores: dict[str, Store], members: dict[str | None, int | None], row: Any
) -> int:
    number, at, place, member, paid = row
    store = stores[place]
    ordered_at = datetime.fromisoformat(at).replace(tzinfo=SHANGHAI)
    fen = parse_fen(paid)
    order = OrderInput(
        source="till",
        store_id=store.store_id,
        order_no=str(number),
        business_day=business_day(ordered_at, store.timezone, store.day_cut_minutes),
        ordered_at=ordered_at,
        member_id=members[member],
        lines=(LineInput(sku="x", list_fen=fen, paid_fen=fen),),
        tenders=(),
    )
    reply: Any = await teller.submit(ImportOrder(cell_id, order, earn=False))
    assert reply.value.outcome == "created"
    return int(reply.value.order_id)


def told(figures: Figures) -> tuple[int, int, int | None, int, int, int]:
    return (
        figures.orders,
        figures.net_fen,
        figures.aov_fen,
        figures.active_members,
        figures.new_members,
        figures.returning_members,
    )


async def test_the_table_of_march(example: Example) -> None:
    assert told(example.first) == (8, 101950, 12744, 4, 3, 1)
    final = await service.overview(example.db, example.merchant_id, MARCH)
    assert told(final.figures) == (6, 85850, 14308, 3, 1, 2)
    bar = await service.overview(example.db, example.merchant_id, BAR)
    assert told(bar.figures) == (3, 43800, 14600, 2, 1, 1)
    assert (final.lag_events, final.period.chosen, final.store, bar.store) == (0, "asked", None, "s2")


async def test_the_table_of_weeks(example: Example) -> None:
    found = await service.trend(example.db, example.merchant_id, MARCH, "week")
    assert [
        (b.label, b.first.day, b.last.day, b.figures.orders, b.figures.net_fen, b.figures.active_members)
        for b in found.buckets
    ] == [
        ("2026-W09", 1, 1, 0, 0, 0),
        ("2026-W10", 2, 8, 3, 37850, 2),
        ("2026-W11", 9, 15, 2, 38000, 2),
        ("2026-W12", 16, 22, 0, 0, 0),
        ("2026-W13", 23, 29, 1, 10000, 1),
        ("2026-W14", 30, 31, 0, 0, 0),
    ]
    assert [bucket.figures.new_members for bucket in found.buckets] == [0, 1, 0, 0, 0, 0]


async def test_the_quarter_and_february(example: Example) -> None:
    quarter = await service.trend(
        example.db, example.merchant_id, Asked(first=date(2026, 1, 1), last=date(2026, 3, 31)), "quarter"
    )
    assert [told(bucket.figures) for bucket in quarter.buckets] == [(8, 104650, 13081, 3, 3, 0)]
    months = await service.trend(
        example.db, example.merchant_id, Asked(first=date(2026, 2, 1), last=date(2026, 3, 31)), "month"
    )
    assert [told(bucket.figures) for bucket in months.buckets] == [
        (2, 18800, 9400, 2, 2, 0),
        (6, 85850, 14308, 3, 1, 2),
    ]


async def test_without_days_the_last_that_hold_orders_are_shown(
    example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "utc_now", lambda: datetime(2026, 4, 10, tzinfo=UTC))
    found = await service.overview(example.db, example.merchant_id, Asked())
    assert (found.period.chosen, found.figures.orders) == ("last_30_days", 2)
    monkeypatch.setattr(asking, "utc_now", lambda: datetime(2026, 6, 1, tzinfo=UTC))
    found = await service.overview(example.db, example.merchant_id, Asked())
    assert (found.period.chosen, found.figures.orders) == ("last_with_data", 7)
    assert (found.period.first, found.period.last) == (date(2026, 2, 27), date(2026, 3, 28))


async def test_figures_made_anew_are_the_same(example: Example) -> None:
    before = await service.trend(
        example.db, example.merchant_id, Asked(first=date(2026, 1, 1), last=date(2026, 4, 30)), "day"
    )
    await service.rebuild(example.db, example.merchant_id)
    after = await service.trend(
        example.db, example.merchant_id, Asked(first=date(2026, 1, 1), last=date(2026, 4, 30)), "day"
    )
    assert after.buckets == before.buckets
