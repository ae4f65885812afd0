"""What an importing lane remembers is true, or it is not used: each test has a control that trusts it blindly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.heads import lock_head
from huimeng.infra.teller import Teller, lane, memory
from huimeng.infra.teller.memory import Memory
from tests.conftest import Shop
from tests.infra.steps import STEP, Count, Step, StepShelf


class KeptSteps(StepShelf):
    """Counts how many rows it was asked for."""

    kept = True

    def __init__(self) -> None:
        self.asked = 0

    def load(self, keys: Any) -> Any:
        self.asked += len(keys)
        return super().load(keys)


@pytest.fixture
def shelf() -> KeptSteps:
    return KeptSteps()


@pytest.fixture
async def importing(urls: DatabaseUrls, shelf: KeptSteps) -> AsyncIterator[Teller]:
    async with Teller(urls, [shelf], durable=False) as teller:
        yield teller


@pytest.fixture
async def till(urls: DatabaseUrls) -> AsyncIterator[Teller]:
    async with Teller(urls, [StepShelf()]) as teller:
        yield teller


async def counted(teller: Teller, shop: Shop) -> int:
    return int((await teller.submit(Count(shop.cell_id))).value)


async def test_alone_a_row_is_loaded_once(importing: Teller, shop: Shop, shelf: KeptSteps) -> None:
    assert [await counted(importing, shop) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert shelf.asked == 1


async def test_what_a_till_wrote_is_loaded_again(importing: Teller, till: Teller, shop: Shop, shelf: KeptSteps) -> None:
    turns = [importing, till, importing, importing, till, till, importing]
    assert [await counted(teller, shop) for teller in turns] == [1, 2, 3, 4, 5, 6, 7]
    assert shelf.asked == 3


async def test_control_trusted_blindly_a_tills_step_is_lost(
    importing: Teller, till: Teller, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Memory, "row", lambda self, need, stamp: self._rows.get(need))
    assert [await counted(teller, shop) for teller in (importing, till, importing)] == [1, 2, 2]


async def test_a_plain_write_under_the_head_is_seen(importing: Teller, db: Database, shop: Shop) -> None:
    """Whoever locks a head to write also writes the head."""
    await counted(importing, shop)
    async with db.tenant(shop.merchant_id) as conn:
        await lock_head(conn, shop.cell_id)
        await conn.execute("update earn_cap set amount = 41 where cell_id = %s", (shop.cell_id,))
        await conn.execute("update cell_head set outbox_seq = outbox_seq where cell_id = %s", (shop.cell_id,))
    assert await counted(importing, shop) == 42


async def test_a_silent_change_of_a_row_moves_the_head(till: Teller, importing: Teller, shop: Shop) -> None:
    """A command that takes no number and emits nothing, such as closing an empty lot, is seen all the same."""

    class Silent(Count):
        def decide(self, rows: Any) -> int:
            rows.put(STEP, (self.cell_id, self.name), Step(10))
            return 10

    await counted(importing, shop)
    await till.submit(Silent(shop.cell_id))
    assert await counted(importing, shop) == 11


async def test_after_an_error_all_is_loaded_again(
    importing: Teller, shop: Shop, shelf: KeptSteps, db: Database
) -> None:
    await counted(importing, shop)
    assert importing._conn is not None
    async with db.tenant(shop.merchant_id) as conn:
        await conn.execute("select pg_terminate_backend(%s)", (importing._conn.info.backend_pid,))
    assert await counted(importing, shop) == 2
    assert shelf.asked == 2


async def test_a_refused_command_leaves_nothing_in_the_memory(importing: Teller, shop: Shop) -> None:
    def refuse(_: Any) -> None:
        raise OverflowError

    await counted(importing, shop)
    with pytest.raises(OverflowError):
        await importing.submit(Count(shop.cell_id, trouble=refuse))
    assert await counted(importing, shop) == 2


async def test_a_lane_that_serves_remembers_no_rows(urls: DatabaseUrls, shop: Shop, shelf: KeptSteps) -> None:
    async with Teller(urls, [shelf]) as teller:
        assert [await counted(teller, shop) for _ in range(3)] == [1, 2, 3]
    assert shelf.asked == 3


async def test_batches_are_big_only_while_nobody_else_writes(
    importing: Teller, till: Teller, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 0.0
    monkeypatch.setattr(memory, "time", SimpleNamespace(monotonic=lambda: seconds))
    sizes: list[int] = []
    take = Teller._take

    def taken(self: Teller) -> Any:
        batch = take(self)
        if self is importing:
            sizes.append(len(batch))
        return batch

    monkeypatch.setattr(Teller, "_take", taken)
    monkeypatch.setattr(Count, "weight", lane._WEIGHT // 2)

    async def many() -> int:
        sizes.clear()
        await asyncio.gather(*(counted(importing, shop) for _ in range(12)))
        return max(sizes)

    assert await many() == 2
    seconds += memory._ALONE_AFTER_SECONDS
    assert await many() > 2
    await counted(till, shop)
    await many()
    assert await many() == 2
