"""Two Tellers on two connections want the same row at the same moment.

Each race is run twice: with the head's lock, when all must be as if one had come after the other, and with the lock
left out of the statement, when the damage must be seen: a guard whose absence nobody notices guards nothing.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import msgspec
import psycopg
import pytest

from huimeng.checkout.commands import CompleteOrder, RefundOrder
from huimeng.entry.context import shelves
from huimeng.infra.database import DatabaseUrls
from huimeng.infra.etags import etag
from huimeng.infra.teller import Command, Reply, Rows, Teller, batch
from huimeng.kernel.errors import BusinessError
from huimeng.member.service import change_member, get_member, join_member
from huimeng.member.values import IdentityInput, MemberInput, MemberPatch
from huimeng.points.commands import AdjustPoints
from tests.desk import Desk, line, new_key
from tests.meeting import meet

Outcome = Reply | BaseException


@pytest.fixture
async def second(desk: Desk, urls: DatabaseUrls) -> AsyncIterator[Teller]:
    async with Teller(urls, shelves(), clock=desk.clock) as lane:
        yield lane


class Race:
    """Both sides have loaded their rows before one of them decides, if nothing keeps them apart."""

    def __init__(self, desk: Desk, second: Teller, patch: pytest.MonkeyPatch) -> None:
        self.desk = desk
        self._second = second
        self._patch = patch
        self._guarded = True

    def unguarded(self, *, own_numbers: bool = True) -> None:
        """Drops the lock; own_numbers keeps the head's sequences from colliding first, so that the row itself shows."""
        self._guarded = False
        statement = batch._LOCK_HEADS
        assert statement.endswith(" for update")
        self._patch.setattr(batch, "_LOCK_HEADS", statement.removesuffix(" for update"))
        if own_numbers:
            ranges = itertools.count(1000, 1000)
            begin = Rows.begin

            def apart(rows: Rows, cell_id: int) -> None:
                head, ahead = rows.heads[cell_id], next(ranges)
                head.transfer_seq += ahead
                head.outbox_seq += ahead
                head.entity_seq += ahead
                head.audit_seq += ahead
                begin(rows, cell_id)

            self._patch.setattr(Rows, "begin", apart)

    async def run(self, one: Command, two: Command) -> list[Outcome]:
        """Outcomes; a refusal or a fault is one."""
        with self._patch.context() as patch:
            meet(patch, guarded=self._guarded)
            outcomes = await asyncio.gather(
                self.desk.teller.submit(one), self._second.submit(two), return_exceptions=True
            )
        return list(outcomes)


@pytest.fixture
def race(desk: Desk, second: Teller, monkeypatch: pytest.MonkeyPatch) -> Race:
    return Race(desk, second, monkeypatch)


def names(outcomes: list[Outcome]) -> list[str]:
    return sorted(type(outcome).__name__ for outcome in outcomes)


def adjustment(desk: Desk, member_id: int, amount: int, key: str | None = None) -> AdjustPoints:
    return AdjustPoints(
        desk.shop.cell_id, member_id, 1, amount, reason="race", actor="race", key=key or new_key(), fingerprint=b"same"
    )


def order(desk: Desk, member_id: int | None, fen: int, no: str, key: str | None = None) -> CompleteOrder:
    return CompleteOrder(
        desk.shop.cell_id, desk.order(member_id, line(fen), no=no), key=key or new_key(), fingerprint=b"same"
    )


# The head's sequences.


async def test_numbers_are_given_out_once_and_without_gaps(desk: Desk, race: Race) -> None:
    members = [await desk.join(), await desk.join()]
    outcomes = await race.run(*(adjustment(desk, member_id, 10) for member_id in members))
    assert names(outcomes) == ["Reply", "Reply"]
    assert await desk.rows("select seq from transfer where cell_id = %s order by seq") == [(1,), (2,)]
    assert await desk.wrong() == []


async def test_control_without_the_lock_numbers_are_given_out_twice(desk: Desk, race: Race) -> None:
    members = [await desk.join(), await desk.join()]
    race.unguarded(own_numbers=False)
    outcomes = await race.run(*(adjustment(desk, member_id, 10) for member_id in members))
    assert names(outcomes) == ["Reply", "UniqueViolation"]


# A balance and its lot.


async def test_a_balance_takes_both_earnings(desk: Desk, race: Race) -> None:
    member_id = await desk.join()
    assert names(await race.run(*(adjustment(desk, member_id, 10) for _ in range(2)))) == ["Reply", "Reply"]
    assert await desk.held(member_id) == (20, 0)
    assert await desk.lots(member_id) == [(20, 20, 0, False)]
    assert await desk.wrong() == []


async def test_control_without_the_lock_an_earning_gets_lost(desk: Desk, race: Race) -> None:
    member_id = await desk.join()
    race.unguarded()
    assert names(await race.run(*(adjustment(desk, member_id, 10) for _ in range(2)))) == ["Reply", "Reply"]
    assert await desk.held(member_id) == (10, 0)
    assert await desk.lots(member_id) == [(10, 10, 0, False)]
    assert {each.check for each in await desk.wrong()} >= {"accounts", "lots"}


async def test_a_balance_is_spent_once(desk: Desk, race: Race) -> None:
    member_id = await desk.join()
    await desk.adjust(member_id, 10)
    outcomes = await race.run(*(adjustment(desk, member_id, -8) for _ in range(2)))
    assert names(outcomes) == ["InsufficientBalance", "Reply"]
    assert await desk.held(member_id) == (2, 0)


async def test_control_without_the_lock_a_balance_is_spent_twice(desk: Desk, race: Race) -> None:
    member_id = await desk.join()
    await desk.adjust(member_id, 10)
    race.unguarded()
    assert names(await race.run(*(adjustment(desk, member_id, -8) for _ in range(2)))) == ["Reply", "Reply"]
    spent = await desk.rows("select sum(amount)::int from transfer where cell_id = %s and debit_account >= 65536")
    assert spent == [(16,)]


# The number of an order.


async def test_an_order_number_is_taken_once(desk: Desk, race: Race) -> None:
    await desk.rule()
    member_id = await desk.join()
    outcomes = await race.run(*(order(desk, member_id, 1000, "A1") for _ in range(2)))
    assert names(outcomes) == ["OrderExists", "Reply"]
    assert await desk.held(member_id) == (10, 0)
    assert await desk.wrong() == []


async def test_control_without_the_lock_only_the_unique_key_stops_it(desk: Desk, race: Race) -> None:
    race.unguarded()
    outcomes = await race.run(*(order(desk, None, 1000, "A1") for _ in range(2)))
    assert names(outcomes) == ["Reply", "UniqueViolation"]
    (fault,) = (o for o in outcomes if isinstance(o, psycopg.errors.UniqueViolation))
    assert fault.diag.constraint_name == "orders_identity_key"


# An idempotency key.


async def test_a_key_in_flight_is_waited_for(desk: Desk, race: Race) -> None:
    member_id = await desk.join()
    one, two = await race.run(*(adjustment(desk, member_id, 10, "one-key") for _ in range(2)))
    assert isinstance(one, Reply) and isinstance(two, Reply)
    assert one.body == two.body
    assert sorted([one.replayed, two.replayed]) == [False, True]
    assert await desk.held(member_id) == (10, 0)


async def test_control_without_the_lock_a_key_is_decided_twice(desk: Desk, race: Race) -> None:
    member_id = await desk.join()
    race.unguarded()
    outcomes = await race.run(*(adjustment(desk, member_id, 10, "one-key") for _ in range(2)))
    assert names(outcomes) == ["Reply", "UniqueViolation"]
    (fault,) = (o for o in outcomes if isinstance(o, psycopg.errors.UniqueViolation))
    assert fault.diag.table_name == "idempotency"


# A cap.


async def test_a_cap_is_shared(desk: Desk, race: Race) -> None:
    await desk.rule(cap_per_day=100)
    member_id = await desk.join()
    outcomes = await race.run(order(desk, member_id, 8000, "C1"), order(desk, member_id, 8000, "C2"))
    assert sorted(o.value.points for o in outcomes if isinstance(o, Reply)) == [20, 80]
    assert await desk.caps(member_id) == {"d2026-03-04": 100}


async def test_control_without_the_lock_a_cap_is_passed(desk: Desk, race: Race) -> None:
    await desk.rule(cap_per_day=100)
    member_id = await desk.join()
    race.unguarded()
    outcomes = await race.run(order(desk, member_id, 8000, "C1"), order(desk, member_id, 8000, "C2"))
    assert [o.value.points for o in outcomes if isinstance(o, Reply)] == [80, 80]


# A first order.


async def test_there_is_one_first_order(desk: Desk, race: Race) -> None:
    await desk.rule("首单", rate=10, first_order=True)
    member_id = await desk.join()
    outcomes = await race.run(order(desk, member_id, 1000, "F1"), order(desk, member_id, 1000, "F2"))
    assert sorted(o.value.points for o in outcomes if isinstance(o, Reply)) == [0, 100]


async def test_control_without_the_lock_both_are_first(desk: Desk, race: Race) -> None:
    await desk.rule("首单", rate=10, first_order=True)
    member_id = await desk.join()
    race.unguarded()
    outcomes = await race.run(order(desk, member_id, 1000, "F1"), order(desk, member_id, 1000, "F2"))
    assert [o.value.points for o in outcomes if isinstance(o, Reply)] == [100, 100]


# What is left of an order.


async def test_an_order_is_refunded_once(desk: Desk, race: Race) -> None:
    await desk.rule()
    member_id = await desk.join()
    done = await desk.buy(member_id, 1000)
    outcomes = await race.run(*(_refund(desk, done.order_id) for _ in range(2)))
    assert names(outcomes) == ["OrderNotRefundable", "Reply"]
    assert await desk.rows("select count(*), sum(amount_fen)::int from refund where cell_id = %s") == [(1, 1000)]
    assert await desk.wrong() == []


async def test_control_without_the_lock_it_is_refunded_twice(desk: Desk, race: Race) -> None:
    done = await desk.buy(await desk.join(), 1000)
    race.unguarded()
    assert names(await race.run(*(_refund(desk, done.order_id) for _ in range(2)))) == ["Reply", "Reply"]
    assert await desk.rows("select count(*), sum(amount_fen)::int from refund where cell_id = %s") == [(2, 2000)]


def _refund(desk: Desk, order_id: str) -> RefundOrder:
    return RefundOrder(desk.shop.cell_id, int(order_id), None, key=new_key(), fingerprint=b"")


# An identity.


async def test_a_phone_belongs_to_one_member(desk: Desk, race: Race) -> None:
    outcomes = await race.run(_join(desk), _join(desk))
    assert names(outcomes) == ["IdentityTaken", "Reply"]
    assert await desk.rows("select count(*) from member where cell_id = %s") == [(1,)]


async def test_control_without_the_lock_only_the_primary_key_stops_it(desk: Desk, race: Race) -> None:
    race.unguarded()
    outcomes = await race.run(_join(desk), _join(desk))
    assert names(outcomes) == ["Reply", "UniqueViolation"]
    assert not any(isinstance(outcome, BusinessError) for outcome in outcomes)


def _join(desk: Desk) -> Command:
    given = MemberInput(identities=[IdentityInput("phone", "13700001111")])
    return join_member(desk.shop.cell_id, desk.keys, given, now=desk.clock(), key=new_key())


# What was read is what is changed.


async def test_of_two_changes_of_what_both_have_read_one_is_made(desk: Desk, race: Race) -> None:
    tag, member_id = await _read(desk)
    outcomes = await race.run(*(_rename(desk, member_id, name, tag) for name in ("甲", "乙")))
    assert names(outcomes) == ["PreconditionFailed", "Reply"]


async def test_control_without_the_lock_the_later_change_hides_the_other(desk: Desk, race: Race) -> None:
    tag, member_id = await _read(desk)
    race.unguarded()
    outcomes = await race.run(*(_rename(desk, member_id, name, tag) for name in ("甲", "乙")))
    assert names(outcomes) == ["Reply", "Reply"]


async def _read(desk: Desk) -> tuple[str, int]:
    """A member and the tag that reading it gives."""
    member_id = await desk.join()
    async with desk.db.reader(desk.shop.merchant_id) as conn:
        view = await get_member(conn, desk.shop.cell_id, desk.keys, member_id)
    return etag(msgspec.json.encode(view)), member_id


def _rename(desk: Desk, member_id: int, name: str, tag: str) -> Command:
    return change_member(
        desk.shop.cell_id,
        desk.keys,
        member_id,
        MemberPatch(name=name),
        now=desk.clock(),
        key=new_key(),
        expected=frozenset([tag]),
    )
