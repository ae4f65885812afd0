"""Verification finds every kind of damage that is done behind the book's back; each check has a test that fails it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date

import psycopg
import pytest
from psycopg import AsyncConnection

from huimeng.infra.database import DatabaseUrls, tenant_setting
from huimeng.ledger import service
from tests.desk import Desk

Damage = Callable[[str], Awaitable[int]]


@pytest.fixture
def damage(desk: Desk, urls: DatabaseUrls) -> Damage:
    """Runs a statement as the owner, who may change what the runtime may not; the answer is the rows it touched.

    {cell} stands for the cell.
    """

    async def run(statement: str) -> int:
        async with await AsyncConnection.connect(urls.owner) as conn:
            await conn.execute(tenant_setting([desk.shop.merchant_id]))
            return (await conn.execute(statement.replace("{cell}", str(desk.shop.cell_id)))).rowcount

    return run


@pytest.fixture
async def member_id(desk: Desk) -> int:
    """Of a book with a closed day and an open one: earned 100 + 50, spent 30, 50 refunded with nothing owed."""
    await desk.rule()
    member = await desk.join()
    await desk.buy(member, 10_000)
    await desk.adjust(member, -30)
    desk.clock.forward(days=1)
    order = await desk.buy(member, 5_000)
    await desk.refund(order.order_id)
    await service.close_days(desk.db, desk.shop.merchant_id, date(2026, 3, 5))
    assert await desk.wrong() == []
    return member


async def found(desk: Desk, day: date | None = None) -> dict[str, list[tuple[object, object]]]:
    """check -> [(stored, computed)]"""
    differences: dict[str, list[tuple[object, object]]] = {}
    for each in await service.verify(desk.db, desk.shop.merchant_id, day):
        differences.setdefault(each.check, []).append((each.stored, each.computed))
    return differences


async def test_a_changed_balance(desk: Desk, member_id: int, damage: Damage) -> None:
    assert await damage("update account set balance = balance + 1 where cell_id = {cell}") == 1
    assert await found(desk) == {"accounts": [(71, 70)], "lot_sums": [(71, 70)]}
    (first, _) = await service.verify(desk.db, desk.shop.merchant_id)
    assert first.where == {"holder_id": member_id, "unit": 1}


async def test_a_changed_debt(desk: Desk, member_id: int, damage: Damage) -> None:
    assert await damage("update account set debt = 5 where cell_id = {cell}") == 1
    assert await found(desk) == {"accounts": [(5, 0)]}


async def test_a_balance_out_of_nothing(desk: Desk, member_id: int, damage: Damage) -> None:
    assert await damage(f"insert into account values ({{cell}}, {member_id * 64 + 2}, 9, 0, 1)") == 1
    assert await found(desk) == {"accounts": [(9, 0)], "lot_sums": [(9, 0)]}


async def test_a_deleted_account(desk: Desk, member_id: int, damage: Damage) -> None:
    assert await damage("delete from account where cell_id = {cell}") == 1
    assert await found(desk) == {"accounts": [(None, 70)]}


async def test_a_changed_lot(desk: Desk, member_id: int, damage: Damage) -> None:
    assert await damage("update lot set remaining = remaining - 1 where cell_id = {cell}") == 1
    assert await found(desk) == {"lots": [([150, 69, 0], [150, 70, 0])], "lot_sums": [(70, 69)]}


async def test_value_moved_between_two_lots(desk: Desk, member_id: int, damage: Damage) -> None:
    """The account's sum still holds, so only the lots can tell."""
    await desk.adjust(member_id, 10, expires_at=desk.clock.forward(hours=1).replace(year=2027))
    assert await damage("update lot set remaining = remaining - 3, expired = 3 where lot_id = 1") == 1
    assert await damage("update lot set remaining = remaining + 3, earned = earned + 3 where lot_id = 2") == 1
    assert list(await found(desk)) == ["lots"]


async def test_a_lot_that_says_it_expired(desk: Desk, member_id: int, damage: Damage) -> None:
    assert await damage("update lot set expired = 30 where cell_id = {cell}") == 1
    assert await found(desk) == {"lots": [([150, 70, 30], [150, 70, 0])]}


async def test_a_deleted_lot(desk: Desk, member_id: int, damage: Damage) -> None:
    assert await damage("delete from lot where cell_id = {cell}") == 1
    assert await found(desk) == {"lots": [([None, None, None], [150, 70, 0])], "lot_sums": [(70, 0)]}


async def test_a_deleted_transfer_in_the_middle(desk: Desk, member_id: int, damage: Damage) -> None:
    assert await damage("delete from transfer where cell_id = {cell} and seq = 2") == 1
    assert set(await found(desk)) == {"sequence", "accounts", "lots", "chain", "days"}
    assert (await found(desk))["sequence"] == [(4, 3)]


async def test_a_deleted_transfer_at_the_end(desk: Desk, member_id: int, damage: Damage) -> None:
    assert await damage("delete from transfer where cell_id = {cell} and seq = 4") == 1
    differences = await found(desk)
    assert differences["sequence"] == [(4, 3)]
    assert differences["accounts"] == [(70, 120)]


async def test_a_deleted_transfer_at_the_beginning(desk: Desk, member_id: int, damage: Damage) -> None:
    assert await damage("delete from transfer where cell_id = {cell} and seq = 1") == 1
    assert "sequence" in await found(desk)


async def test_two_transfers_that_cancel_out_are_missed_by_their_numbers(
    desk: Desk, member_id: int, damage: Damage
) -> None:
    """All balances still hold without the second order and its refund; their numbers are gone."""
    assert await damage("delete from transfer where cell_id = {cell} and seq > 2") == 2
    differences = await found(desk)
    assert differences["sequence"] == [(4, 2)]
    assert "accounts" not in differences


async def test_a_changed_amount(desk: Desk, member_id: int, damage: Damage) -> None:
    assert await damage("update transfer set amount = amount + 1 where cell_id = {cell} and seq = 2") == 1
    differences = await found(desk)
    assert set(differences) == {"accounts", "lots", "chain", "days"}
    assert differences["chain"] == [(70, 69)]
    assert differences["days"] == [(30, 31)]


async def test_a_changed_running_balance(desk: Desk, member_id: int, damage: Damage) -> None:
    assert await damage("update transfer set balance_after = 71 where cell_id = {cell} and seq = 2") == 1
    assert await found(desk) == {"chain": [(71, 70), (120, 121)]}


async def test_a_transfer_given_to_another_account(desk: Desk, member_id: int, damage: Damage) -> None:
    other = (member_id + 1024) * 64 + 1
    assert await damage(f"update transfer set credit_account = {other} where cell_id = {{cell}} and seq = 3") == 1
    assert {"accounts", "lots", "chain"} <= set(await found(desk))


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger_day set amount = amount + 1 where cell_id = {cell} and kind = 1",
        "update ledger_day set transfers = transfers + 1 where cell_id = {cell} and kind = 1",
        "delete from ledger_day where cell_id = {cell} and kind = 1",
        "insert into ledger_day values ({cell}, '2026-03-04', 1, 8, 0, 129, 5, 1)",
        "delete from ledger_close where cell_id = {cell}",
    ],
)
async def test_a_changed_closed_day(desk: Desk, member_id: int, damage: Damage, statement: str) -> None:
    assert await damage(statement) == 1
    assert list(await found(desk)) == ["days"]
    assert list(await found(desk, date(2026, 3, 4))) == ["days"]
    assert await found(desk, date(2026, 3, 5)) == {}


async def test_a_transfer_slipped_into_a_closed_day(desk: Desk, member_id: int, damage: Damage) -> None:
    assert await damage("update transfer set booked_on = '2026-03-04' where cell_id = {cell} and seq = 3") == 1
    assert list(await found(desk)) == ["days"]


async def test_a_kind_that_was_changed_afterwards(desk: Desk, member_id: int, damage: Damage) -> None:
    assert await damage("update transfer set kind = 9 where cell_id = {cell} and seq = 2") == 1
    assert list(await found(desk)) == ["days"]


@pytest.mark.parametrize("place", ["1", "2", "(select max(seq) from outbox where cell_id = {cell})"])
async def test_a_gap_in_the_outbox(desk: Desk, member_id: int, damage: Damage, place: str) -> None:
    assert await damage(f"delete from outbox where cell_id = {{cell}} and seq = {place}") == 1
    assert list(await found(desk)) == ["outbox"]


async def test_a_head_that_fell_back(desk: Desk, member_id: int, damage: Damage) -> None:
    """As after a restore of a part: numbers would be given out twice."""
    assert await damage("update cell_head set transfer_seq = 3, outbox_seq = 2 where cell_id = {cell}") == 1
    differences = await found(desk)
    assert set(differences) == {"sequence", "outbox"}
    assert differences["sequence"] == [(3, 4)]


@pytest.mark.parametrize(
    "statement",
    [
        "update order_earning set amount = amount + 1 where cell_id = {cell} and reversed = 0",
        "update order_earning set reversed = 49 where cell_id = {cell} and reversed = 50",
        "update order_earning set transfer_seq = 3 where cell_id = {cell} and reversed = 0",
    ],
)
async def test_an_order_that_claims_another_earning(desk: Desk, member_id: int, damage: Damage, statement: str) -> None:
    assert await damage(statement) == 1
    assert await found(desk) == {}
    assert len(await desk.wrong()) == 1


async def test_verifying_one_day_sees_what_was_booked_on_it(desk: Desk, member_id: int, damage: Damage) -> None:
    first, second = date(2026, 3, 4), date(2026, 3, 5)
    assert await damage("update transfer set balance_after = 121 where cell_id = {cell} and seq = 3") == 1
    assert await found(desk, first) == {}
    assert await found(desk, second) == {"chain": [(121, 120), (70, 71)]}


async def test_progress_is_told_and_other_merchants_are_not_looked_at(
    desk: Desk, member_id: int, damage: Damage, urls: DatabaseUrls
) -> None:
    steps: list[tuple[str, int, int]] = []
    merchant_id = desk.shop.merchant_id
    await service.verify(desk.db, merchant_id, None, lambda *step: steps.append(step))
    assert steps[0] == ("sequence", 0, 7)
    assert steps[-1] == ("done", 7, 7)
    await damage("update account set balance = balance + 1 where cell_id = {cell}")
    assert await service.verify(desk.db, merchant_id + 100_000) == []


async def test_the_runtime_can_not_do_this_damage(desk: Desk, member_id: int) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with desk.db.tenant(desk.shop.merchant_id) as conn:
            await conn.execute("delete from transfer where seq = 2")
    assert await desk.wrong() == []
