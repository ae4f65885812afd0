"""The worked example of docs/teller.md: a new command, run for real."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from huimeng.entry.context import shelves
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.teller import Command, Needs, Rows, Teller
from huimeng.kernel.errors import IdempotencyKeyReused, InvalidInput
from huimeng.ledger.commands import account_needs, earn, open_account, spend
from huimeng.ledger.errors import InsufficientBalance
from huimeng.ledger.rules import Kind, System, Unit, draw
from huimeng.ledger.values import Reference
from huimeng.member.errors import MemberNotFound
from huimeng.member.store import MEMBER_STATUS
from huimeng.merchant.service import merchant_keys
from tests.conftest import Shop
from tests.desk import Clock, Desk

PAGE = Path(__file__).parents[2] / "docs" / "teller.md"
MOST_LINES = 50


# example begins
class Given(msgspec.Struct, frozen=True):
    """What both members have afterwards."""

    gift_id: str
    giver_balance: int
    receiver_balance: int


class GivePoints(Command):
    """Points go from one member to another and keep their expiry; InsufficientBalance, MemberNotFound."""

    status = 201
    weight = 8

    def __init__(self, cell_id: int, giver: int, receiver: int, amount: int, *, key: str, fingerprint: bytes) -> None:
        if amount <= 0 or giver == receiver:
            raise InvalidInput("amount", "more than 0, to somebody else", "须大于 0，且不能转给自己")
        self.cell_id = cell_id
        self.giver, self.receiver, self.amount = giver, receiver, amount
        self.key, self.fingerprint = key, fingerprint

    def needs(self) -> Needs:
        for member in (self.giver, self.receiver):
            yield MEMBER_STATUS, (self.cell_id, member)
            yield from account_needs(self.cell_id, member, Unit.POINTS)

    def decide(self, rows: Rows) -> Given:
        for member in (self.giver, self.receiver):
            if rows.get(MEMBER_STATUS, (self.cell_id, member)) is None:
                raise MemberNotFound(str(member))
        giver = open_account(rows, self.cell_id, self.giver, Unit.POINTS)
        receiver = open_account(rows, self.cell_id, self.receiver, Unit.POINTS)
        number = rows.take_id()
        why = Reference(Kind.ADJUST, number, rows.now)
        drawn, _ = draw(giver.lots.values(), self.amount, rows.now)
        spend(rows, giver, self.amount, why, System.ADJUSTED)
        for lot_id, part in drawn:
            earn(rows, receiver, part, giver.lots[lot_id].expires_at, why, System.ADJUSTED)
        rows.emit("points.given", number, {"giver": self.giver, "receiver": self.receiver, "amount": self.amount})
        return Given(str(number), giver.balance, receiver.balance)


# example ends


@pytest.fixture
async def desk(db: Database, vault: Vault, urls: DatabaseUrls, shop: Shop) -> AsyncIterator[Desk]:
    clock = Clock()
    async with db.tenant(shop.merchant_id) as conn:
        keys = await merchant_keys(conn, vault, shop.merchant_id)
    async with Teller(urls, shelves(), clock=clock) as teller:
        yield Desk(db, teller, shop, keys, clock)


def gift(desk: Desk, giver: int, receiver: int, amount: int, key: str) -> GivePoints:
    return GivePoints(desk.shop.cell_id, giver, receiver, amount, key=key, fingerprint=b"%d" % amount)


async def test_points_move_with_their_expiry(desk: Desk) -> None:
    giver, receiver = await desk.join(), await desk.join()
    soon, late = datetime(2026, 7, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    await desk.adjust(giver, 100, expires_at=soon)
    await desk.adjust(giver, 50, expires_at=late)
    reply = await desk.teller.submit(gift(desk, giver, receiver, 120, "gift-1"))
    assert (reply.status, reply.value.giver_balance, reply.value.receiver_balance) == (201, 30, 120)
    assert await desk.lots(giver) == [(100, 0, 0, False), (50, 30, 0, False)]
    assert await desk.lots(receiver) == [(100, 100, 0, False), (20, 20, 0, False)]
    assert await desk.wrong() == []


async def test_the_same_key_moves_them_once(desk: Desk) -> None:
    giver, receiver = await desk.join(), await desk.join()
    await desk.adjust(giver, 100)
    first = await desk.teller.submit(gift(desk, giver, receiver, 40, "gift-2"))
    again = await desk.teller.submit(gift(desk, giver, receiver, 40, "gift-2"))
    assert (again.replayed, again.body) == (True, first.body)
    with pytest.raises(IdempotencyKeyReused):
        await desk.teller.submit(gift(desk, giver, receiver, 41, "gift-2"))
    assert await desk.held(giver) == (60, 0)


async def test_a_refused_gift_leaves_no_trace(desk: Desk) -> None:
    giver, receiver = await desk.join(), await desk.join()
    await desk.adjust(giver, 10)
    before = await desk.counts()
    with pytest.raises(InsufficientBalance):
        await desk.teller.submit(gift(desk, giver, receiver, 11, "gift-3"))
    with pytest.raises(MemberNotFound):
        await desk.teller.submit(gift(desk, giver, 999 * 1024, 1, "gift-4"))
    assert await desk.counts() == before


def test_the_page_shows_this_very_command() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    example = source.split("\n# example begins\n")[1].split("\n\n\n# example ends\n")[0]
    blocks = re.findall(r"```python\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert example in blocks
    assert len(example.splitlines()) < MOST_LINES
