"""Random histories against the model: orders, refunds, adjustments, expiry, closing and replays, any order of them.

HYPOTHESIS_PROFILE=nightly runs hundreds of times as many steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from huimeng.checkout.commands import CompleteOrder, RefundOrder
from huimeng.entry.context import shelves
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.teller import Command, Teller
from huimeng.kernel.errors import BusinessError
from huimeng.kernel.times import end_of_day
from huimeng.ledger import service
from huimeng.ledger.rules import Expiry
from huimeng.merchant.service import merchant_keys, open_vault
from huimeng.points.commands import AdjustPoints
from tests.conftest import make_shop
from tests.desk import Clock, Desk, line, new_key, part
from tests.ledger.model import Model, ModelMember, Refused

EXAMPLES, STEPS = (10_000, 100) if settings.get_current_profile_name() == "nightly" else (80, 30)
VALID_DAYS = 3
T = TypeVar("T")

PIECES = st.integers(1, 4)
FEN = st.integers(0, 9_999)
AMOUNTS = st.integers(1, 120)


class House:
    """One loop and one database for all examples."""

    def __init__(self, runner: asyncio.Runner, urls: DatabaseUrls, data_dir: Any) -> None:
        self.runner = runner
        self.urls = urls
        self.data_dir = data_dir
        self.db: Database
        self.vault: Vault

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)


class Book(RuleBasedStateMachine):
    house: ClassVar[House]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.clock = Clock()
        self.sent: list[tuple[Command, bytes]] = []
        self.desk, self.members = self.run(self._open())
        for member_id in self.members:
            self.model.members[member_id] = ModelMember()
        self.ids: dict[str, int] = {}

    async def _open(self) -> tuple[Desk, list[int]]:
        house = self.house
        shop = await make_shop(house.db, house.vault)
        async with house.db.tenant(shop.merchant_id) as conn:
            keys = await merchant_keys(conn, house.vault, shop.merchant_id)
        self.teller = Teller(house.urls, shelves(), clock=self.clock)
        await self.teller.__aenter__()
        desk = Desk(house.db, self.teller, shop, keys, self.clock)
        await desk.rule(expiry=Expiry("after", VALID_DAYS, "day"))
        return desk, [await desk.join() for _ in range(2)]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.house.run(work)

    def teardown(self) -> None:
        try:
            assert self.run(self.desk.wrong()) == []
        finally:
            self.run(self.teller.__aexit__())

    def submit(self, command: Command, refusal: str | None) -> Any:
        """The answer; a refusal must be the model's, and change nothing that the invariants look at."""
        try:
            reply = self.run(self.teller.submit(command))
        except BusinessError as error:
            assert type(error).__name__ == refusal
            return None
        assert refusal is None, refusal
        assert not reply.replayed
        self.sent.append((command, reply.body))
        return reply.value

    @initialize(amount=AMOUNTS)
    def begin(self, amount: int) -> None:
        self.adjust(0, amount, 0)

    @rule(who=st.integers(0, 1), lines=st.lists(st.tuples(PIECES, FEN), min_size=1, max_size=3))
    def buy(self, who: int, lines: list[tuple[int, int]]) -> None:
        member_id, number = self.members[who], f"o{len(self.model.orders)}"
        order = self.desk.order(member_id, *(line(fen, str(pieces)) for pieces, fen in lines), no=number)
        done = self.submit(CompleteOrder(self.desk.shop.cell_id, order, key=new_key(), fingerprint=b""), None)
        points = [each.points for each in done.lines]
        assert sum(points) == done.points == sum(fen for _, fen in lines) // 100
        today = (self.clock() + timedelta(hours=8)).date()
        until = end_of_day(today + timedelta(days=VALID_DAYS), "Asia/Shanghai")
        self.model.buy(number, member_id, lines, points, until)
        self.ids[number] = int(done.order_id)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.ids)))
        wanted = data.draw(st.none() | st.tuples(st.integers(0, len(self.model.orders[number].lines) - 1), PIECES))
        self._refund(number, wanted)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        self._refund(data.draw(st.sampled_from(sorted(self.ids))), None, void=True)

    def _refund(self, number: str, wanted: tuple[int, int] | None, *, void: bool = False) -> None:
        expected, refusal = (0, 0), None
        try:
            expected = self.model.refund(number, wanted, self.clock(), void=void)
        except Refused as refused:
            refusal = str(refused)
        parts = None if wanted is None else [part(wanted[0] + 1, str(wanted[1]))]
        command = RefundOrder(
            self.desk.shop.cell_id, self.ids[number], parts, key=new_key(), fingerprint=b"", void=void
        )
        done = self.submit(command, refusal)
        if done is not None:
            assert (done.amount_fen, done.points_taken) == expected

    @rule(who=st.integers(0, 1), amount=AMOUNTS, days=st.sampled_from([0, 1, 2, 9]))
    def adjust(self, who: int, amount: int, days: int) -> None:
        member_id = self.members[who]
        until = self.clock() + timedelta(days=days) if days else None
        self.model.earn(self.model.members[member_id], amount, until)
        self.submit(self._adjustment(member_id, amount, until), None)

    @rule(who=st.integers(0, 1), amount=AMOUNTS)
    def spend(self, who: int, amount: int) -> None:
        member_id, refusal = self.members[who], None
        try:
            self.model.spend(self.model.members[member_id], amount, self.clock())
        except Refused as refused:
            refusal = str(refused)
        self.submit(self._adjustment(member_id, -amount, None), refusal)

    def _adjustment(self, member_id: int, amount: int, until: Any) -> AdjustPoints:
        return AdjustPoints(
            self.desk.shop.cell_id,
            member_id,
            1,
            amount,
            reason="model",
            actor="model",
            expires_at=until,
            key=new_key(),
        )

    @rule(hours=st.sampled_from([1, 12, 24, 72, 240]))
    def wait(self, hours: int) -> None:
        self.clock.forward(hours=hours)

    @rule()
    def expire(self) -> None:
        assert self.run(self.desk.expire()) == self.model.expire(self.clock())

    @rule()
    def let_all_expire(self) -> None:
        """What takes two steps in a row, and is what refunds stumble over."""
        self.clock.forward(days=VALID_DAYS + 1)
        self.expire()

    @rule()
    def close_days(self) -> None:
        self.run(service.close_days(self.house.db, self.desk.shop.merchant_id, self.clock().date()))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """The same key again, however long ago: the same bytes."""
        command, body = data.draw(st.sampled_from(self.sent))
        reply = self.run(self.teller.submit(command))
        assert (reply.replayed, reply.body) == (True, body)

    @invariant()
    def books_agree(self) -> None:
        self.run(self._compare())

    async def _compare(self) -> None:
        taken = 0
        for member_id, member in self.model.members.items():
            assert await self.desk.held(member_id) == (member.balance, member.debt)
            lots = [(lot.earned, lot.left, lot.expired, lot.closed) for lot in member.lots]
            assert sorted(await self.desk.lots(member_id)) == sorted(lots)
            assert member.balance >= 0 and member.debt >= 0
            taken += member.balance
        assert self.model.flow["in"] - self.model.flow["out"] == taken
        ((into, out),) = await self.desk.rows(
            "select coalesce(sum(amount) filter (where credit_account >= 65536), 0)::bigint, "
            "coalesce(sum(amount) filter (where debit_account >= 65536), 0)::bigint from transfer "
            "where cell_id = %s and unit = 1"
        )
        # What was written off and came back to be taken goes in and out once more.
        assert into - out == taken


@pytest.fixture
def house(urls: DatabaseUrls, data_dir: Any) -> Iterator[House]:
    with asyncio.Runner() as runner:
        made = House(runner, urls, data_dir)

        async def opened() -> None:
            made.db = await Database.open(urls)
            made.vault = await open_vault(made.db, data_dir)

        runner.run(opened())
        yield made
        runner.run(made.db.close())


def test_random_histories_agree_with_the_model(house: House) -> None:
    Book.house = house
    wanted = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Book, settings=wanted)
