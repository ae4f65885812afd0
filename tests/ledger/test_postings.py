"""What postings leave behind in accounts, lots and transfers, and how days are expired and closed."""

from __future__ import annotations

import asyncio
import itertools
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from huimeng.infra.teller import Command
from huimeng.kernel.errors import TooBusy
from huimeng.ledger import service
from huimeng.ledger.errors import AmountOutOfRange, InsufficientBalance
from huimeng.ledger.rules import AMOUNT_MAX, Expiry, Unit
from tests.desk import Desk, line

A_DAY = Expiry("after", 1, "day")


async def test_earnings_with_the_same_expiry_share_a_lot(desk: Desk) -> None:
    await desk.rule(expiry=Expiry("after", 1, "month", "month"))
    member_id = await desk.join()
    await desk.buy(member_id, 1000)
    desk.clock.forward(days=5)
    await asyncio.gather(desk.buy(member_id, 2000), desk.buy(member_id, 3000))
    assert await desk.lots(member_id) == [(60, 60, 0, False)]
    desk.clock.forward(days=30)
    await desk.buy(member_id, 4000)
    assert await desk.lots(member_id) == [(60, 60, 0, False), (40, 40, 0, False)]
    assert await desk.wrong() == []


async def test_spending_draws_the_earliest_expiry_first_one_transfer_a_lot(desk: Desk) -> None:
    member_id = await desk.join()
    await desk.adjust(member_id, 50)
    await desk.adjust(member_id, 20, expires_at=desk.clock() + timedelta(days=9))
    await desk.adjust(member_id, 30, expires_at=desk.clock() + timedelta(days=3))
    await desk.adjust(member_id, -60)
    assert (await desk.history(member_id))[3:] == [("adjust", -30), ("adjust", -20), ("adjust", -10)]
    assert await desk.lots(member_id) == [(30, 0, 0, False), (20, 0, 0, False), (50, 40, 0, False)]
    assert await desk.wrong() == []


async def test_spending_more_than_is_valid_is_refused_without_a_trace(desk: Desk) -> None:
    """What is no longer valid can't be spent, also before it is written off."""
    member_id = await desk.join()
    await desk.adjust(member_id, 20)
    await desk.adjust(member_id, 30, expires_at=desk.clock() + timedelta(days=1))
    desk.clock.forward(days=1)
    before = await desk.counts()
    with pytest.raises(InsufficientBalance) as refused:
        await desk.adjust(member_id, -21)
    assert refused.value.fields == {"available": 20, "wanted": 21}
    assert await desk.counts() == before
    assert await desk.held(member_id) == (50, 0)


async def test_amounts_end_before_a_balance_could_overflow(desk: Desk) -> None:
    member_id = await desk.join()
    for _ in range(3):
        await desk.adjust(member_id, AMOUNT_MAX)
    assert await desk.held(member_id) == (3 * AMOUNT_MAX, 0)
    await _set(desk, member_id, AMOUNT_MAX * 1000)
    with pytest.raises(AmountOutOfRange):
        await desk.adjust(member_id, 1)


async def test_expiry_is_written_once_however_often_it_runs(desk: Desk) -> None:
    await desk.rule(expiry=A_DAY)
    members = [await desk.join() for _ in range(3)]
    for member_id in members:
        await desk.buy(member_id, 1000)
    await desk.adjust(members[0], -4)
    assert await desk.expire() == 0
    desk.clock.forward(days=2)
    # Two jobs at once, as two processes would run them.
    assert sum(await asyncio.gather(desk.expire(), desk.expire())) == 26
    assert await desk.expire() == 0
    assert [await desk.held(member_id) for member_id in members] == [(0, 0)] * 3
    assert await desk.lots(members[0]) == [(10, 0, 6, True)]
    assert await desk.history(members[1]) == [("earn", 10), ("expire", -10)]
    assert await desk.wrong() == []


async def test_expiry_works_off_more_accounts_than_one_round_takes(desk: Desk) -> None:
    members = await asyncio.gather(*(desk.join() for _ in range(230)))
    until = desk.clock() + timedelta(days=1)
    await asyncio.gather(*(desk.adjust(member_id, 2, expires_at=until) for member_id in members))
    desk.clock.forward(days=1)
    assert await desk.expire() == 460
    assert await desk.rows("select count(*) from lot where cell_id = %s and not closed") == [(0,)]


async def test_what_had_run_out_before_a_fault_is_in_the_audit_log(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    until = desk.clock() + timedelta(days=1)
    for unit, amount in ((Unit.POINTS, 5), (Unit.GROWTH, 7), (Unit.POINTS, 9)):
        await desk.adjust(await desk.join(), amount, unit=unit, expires_at=until)
    desk.clock.forward(days=1)
    submit, taken = desk.teller.submit, itertools.count()

    async def fail_at_the_third(command: Command) -> Any:
        if next(taken) == 2:
            raise TooBusy()
        return await submit(command)

    monkeypatch.setattr(service, "_AT_ONCE", 1)
    with monkeypatch.context() as patch, pytest.raises(TooBusy):
        patch.setattr(desk.teller, "submit", fail_at_the_third)
        await desk.expire()
    assert await _expired(desk) == [{"growth": 7, "points": 5, "members": 2}]
    assert await desk.expire() == 9
    assert await _expired(desk) == [{"growth": 7, "points": 5, "members": 2}, {"points": 9, "members": 1}]
    assert await desk.expire() == 0
    assert len(await _expired(desk)) == 2


async def _expired(desk: Desk) -> list[Any]:
    """What the audit log says, oldest first."""
    rows = await desk.rows(
        "select after from audit_entry where cell_id = %s and action = 'points.expired' order by seq"
    )
    return [row[0] for row in rows]


async def test_expiry_up_to_a_moment_that_is_still_to_come_ends(desk: Desk) -> None:
    """The moment is the caller's, not the Teller's: a look ahead must not go round for ever."""
    member_id = await desk.join()
    await desk.adjust(member_id, 5, expires_at=desk.clock() + timedelta(days=1))
    later = desk.clock() + timedelta(days=2)
    merchant_id = desk.shop.merchant_id
    expired = service.expire(desk.db, desk.teller, merchant_id, later)
    assert await asyncio.wait_for(expired, 60) == 5
    assert await desk.held(member_id) == (0, 0)


async def test_what_is_earned_late_is_valid_or_not_by_its_own_day(desk: Desk) -> None:
    """An order that arrives after its points would have expired earns them, and they expire."""
    await desk.rule(expiry=A_DAY)
    member_id = await desk.join()
    made_at = desk.clock()
    desk.clock.forward(days=9)
    late = await desk.complete(desk.order(member_id, line(1000), at=made_at))
    assert late.points == 10
    with pytest.raises(InsufficientBalance):
        await desk.adjust(member_id, -1)
    assert await desk.expire() == 10
    assert await desk.lots(member_id) == [(10, 0, 10, True)]
    again = await desk.complete(desk.order(member_id, line(500), at=made_at))
    assert again.points == 5
    assert await desk.lots(member_id) == [(10, 0, 10, True), (5, 5, 0, False)]
    assert await desk.wrong() == []


async def test_days_are_closed_once_and_stay_closed(desk: Desk) -> None:
    await desk.rule()
    member_id = await desk.join()
    await desk.buy(member_id, 1000)
    await desk.adjust(member_id, -4)
    desk.clock.forward(days=1)
    await desk.buy(member_id, 2000)
    merchant_id, today = desk.shop.merchant_id, date(2026, 3, 5)
    assert await service.close_days(desk.db, merchant_id, today) == [date(2026, 3, 4)]
    assert await service.close_days(desk.db, merchant_id, today) == []
    assert await _days(desk) == [
        (date(2026, 3, 4), 1, 10, 1),
        (date(2026, 3, 4), 10, 4, 1),
    ]
    assert await service.close_days(desk.db, merchant_id, date(2026, 3, 9)) == [date(2026, 3, 5)]
    assert (await _days(desk))[2:] == [(date(2026, 3, 5), 1, 20, 1)]
    assert await desk.wrong() == []
    assert await service.verify(desk.db, merchant_id, date(2026, 3, 4)) == []


async def test_nothing_is_booked_on_a_closed_day(desk: Desk) -> None:
    """A clock that is behind books on the day that is open."""
    await desk.rule()
    member_id = await desk.join()
    await desk.buy(member_id, 1000)
    merchant_id = desk.shop.merchant_id
    await service.close_days(desk.db, merchant_id, date(2026, 3, 7))
    await desk.buy(member_id, 1000)
    booked = await desk.rows("select booked_on from transfer where cell_id = %s order by seq")
    assert booked == [(date(2026, 3, 4),), (date(2026, 3, 7),)]
    assert await service.close_days(desk.db, merchant_id, date(2026, 3, 7)) == []
    assert await desk.wrong() == []


async def test_many_at_once_close_a_day_once(desk: Desk) -> None:
    await desk.rule()
    await desk.buy(await desk.join(), 1000)
    today = date(2026, 3, 6)
    merchant_id = desk.shop.merchant_id
    await asyncio.gather(*(service.close_days(desk.db, merchant_id, today) for _ in range(4)))
    assert await _days(desk) == [(date(2026, 3, 4), 1, 10, 1)]
    assert await desk.wrong() == []


@pytest.mark.parametrize("table", ["transfer", "ledger_day", "ledger_close", "refund"])
async def test_what_was_booked_can_not_be_changed_by_the_runtime(desk: Desk, table: str) -> None:
    for statement in (f"delete from {table}", f"update {table} set cell_id = cell_id", f"truncate {table}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with desk.db.tenant(desk.shop.merchant_id) as conn:
                await conn.execute(statement)


async def test_the_database_itself_refuses_what_makes_no_sense(desk: Desk) -> None:
    await desk.rule()
    member_id = await desk.join()
    await desk.buy(member_id, 1000)
    for statement in (
        "update account set balance = -1",
        "update account set debt = -1",
        "update lot set remaining = -1",
        "update lot set remaining = earned + 1",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            async with desk.db.tenant(desk.shop.merchant_id) as conn:
                await conn.execute(statement)


async def test_history_is_read_page_by_page(desk: Desk) -> None:
    member_id = await desk.join()
    for amount in (5, 6, 7):
        await desk.adjust(member_id, amount)
    async with desk.db.reader(desk.shop.merchant_id) as conn:
        cell = desk.shop.cell_id
        first = await service.history(conn, cell, member_id, Unit.POINTS, limit=2)
        rest = await service.history(conn, cell, member_id, Unit.POINTS, first[-1].seq, 2)
    assert [(row.amount, row.balance_after) for row in (*first, *rest)] == [(7, 18), (6, 11), (5, 5)]


async def _days(desk: Desk) -> list[tuple[object, ...]]:
    return await desk.rows("select day, kind, amount, transfers from ledger_day where cell_id = %s order by day, kind")


async def _set(desk: Desk, member_id: int, balance: int) -> None:
    async with desk.db.tenant(desk.shop.merchant_id) as conn:
        await conn.execute(
            "update account set balance = %s where cell_id = %s and account_id = %s",
            (balance, desk.shop.cell_id, member_id * 64 + Unit.POINTS),
        )
