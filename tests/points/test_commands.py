"""Adjustments by hand and opening balances, on the real book."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from huimeng.infra.database import Database
from huimeng.infra.teller import Teller
from huimeng.kernel.errors import IdempotencyKeyReused, InvalidInput
from huimeng.kernel.times import utc_now
from huimeng.ledger.errors import InsufficientBalance
from huimeng.ledger.rules import Unit
from huimeng.ledger.service import verify
from huimeng.member.errors import MemberNotFound
from huimeng.points import service
from huimeng.points.commands import AdjustPoints
from huimeng.points.errors import AdjustmentIsZero
from tests.conftest import Shop
from tests.points.conftest import Join


def adjust(shop: Shop, member_id: int, amount: int, key: str | None = None, **given: object) -> AdjustPoints:
    options: dict[str, object] = {"unit": Unit.POINTS, "reason": "漏积补发", "actor": "key:1", **given}
    return AdjustPoints(shop.cell_id, member_id, amount=amount, key=key, **options)  # type: ignore[arg-type]


async def test_adjusting_adds_and_takes_but_never_below_zero(
    db: Database, teller: Teller, shop: Shop, join: Join
) -> None:
    member_id = await join()
    soon = utc_now() + timedelta(days=20)
    await teller.submit(adjust(shop, member_id, 100))
    added = (await teller.submit(adjust(shop, member_id, 50, expires_at=soon))).value
    assert (added.amount, added.balance, added.unit) == (50, 150, "points")
    with pytest.raises(InsufficientBalance) as refused:
        await teller.submit(adjust(shop, member_id, -151))
    assert refused.value.fields == {"available": 150, "wanted": 151}
    # What expires first is taken first.
    assert (await teller.submit(adjust(shop, member_id, -30))).value.balance == 120
    await teller.submit(adjust(shop, member_id, 7, unit=Unit.GROWTH))

    async with db.reader(shop.merchant_id) as conn:
        held = await service.balance(conn, shop.merchant_id, member_id, utc_now())
        rows = await service.history(conn, shop.merchant_id, member_id, Unit.POINTS)
        lots = await service.lots(conn, shop.merchant_id, member_id, Unit.POINTS)
        cursor = await conn.execute(
            "select payload from outbox where cell_id = %s and kind = 'points.adjusted' order by seq",
            (shop.cell_id,),
        )
        payloads = [row[0] for row in await cursor.fetchall()]
    points = held[Unit.POINTS]
    assert (points.available, points.debt, points.expiring_30_days, points.next_expiry_amount) == (120, 0, 20, 20)
    assert held[Unit.GROWTH].available == 7
    assert [(item.row.amount, item.kind, item.reference, item.reason) for item in rows] == [
        (-30, "adjust", "adjustment", "漏积补发"),
        (50, "adjust", "adjustment", "漏积补发"),
        (100, "adjust", "adjustment", "漏积补发"),
    ]
    assert [(lot.remaining, lot.expires_at is None) for lot in lots] == [(20, False), (100, True)]
    assert [payload["amount"] for payload in payloads] == [100, 50, -30, 7]
    assert payloads[0] == {"member_id": member_id, "unit": "points", "amount": 100}
    assert await verify(db, shop.merchant_id) == []


async def test_the_same_key_adjusts_once(db: Database, teller: Teller, shop: Shop, join: Join) -> None:
    member_id = await join()
    wanted = [adjust(shop, member_id, 10, key="k1", fingerprint=b"a") for _ in range(5)]
    replies = await asyncio.gather(*(teller.submit(command) for command in wanted))
    assert len({reply.body for reply in replies}) == 1
    assert sorted(reply.replayed for reply in replies) == [False, True, True, True, True]
    with pytest.raises(IdempotencyKeyReused):
        await teller.submit(adjust(shop, member_id, 11, key="k1", fingerprint=b"b"))
    async with db.reader(shop.merchant_id) as conn:
        held = await service.balance(conn, shop.merchant_id, member_id, utc_now())
    assert held[Unit.POINTS].available == 10


async def test_what_can_not_be_adjusted(teller: Teller, shop: Shop, join: Join) -> None:
    member_id = await join()
    with pytest.raises(MemberNotFound):
        await teller.submit(adjust(shop, 1024 * 999, 10))
    with pytest.raises(AdjustmentIsZero):
        adjust(shop, member_id, 0)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    for given, field in (
        ({"reason": "  "}, "reason"),
        ({"reason": "a\x00b"}, "reason"),
        ({"unit": 3}, "unit"),
        ({"amount": 10**15 + 1}, "amount"),
        ({"expires_at": datetime(2030, 1, 1)}, "expires_at"),  # noqa: DTZ001
        ({"expires_at": past, "amount": -1}, "expires_at"),
        ({"expires_at": past}, "expires_at"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await teller.submit(adjust(shop, member_id, **{"amount": 10, **given}))  # type: ignore[arg-type]
        assert refused.value.fields["field"] == field
