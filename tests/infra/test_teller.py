"""Batches: few transactions, each command for itself, and one answer for a key whoever asks."""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.heads import bump_config, lock_head
from huimeng.infra.teller import Command, Needs, Reply, Rows, Teller
from huimeng.kernel.errors import Conflict, IdempotencyKeyReused, NotFound, TooBusy
from tests.conftest import Shop, make_shop
from tests.infra.steps import Count, StepShelf, refuse, stumble


@pytest.fixture
async def lane(urls: DatabaseUrls) -> AsyncIterator[Teller]:
    async with Teller(urls, [StepShelf()]) as teller:
        yield teller


class Seen:
    """What stands in the database for a shop."""

    def __init__(self, db: Database, shop: Shop) -> None:
        self.db = db
        self.shop = shop

    async def one(self, query: str) -> int:
        async with self.db.reader(self.shop.merchant_id) as conn:
            row = await (await conn.execute(query, (self.shop.cell_id,))).fetchone()
        assert row is not None
        return int(row[0] or 0)

    async def steps(self) -> int:
        return await self.one("select sum(amount) from earn_cap where cell_id = %s")

    async def transactions(self) -> int:
        """Different transactions that wrote the outbox rows."""
        return await self.one("select count(distinct xmin::text) from outbox where cell_id = %s and kind = 'counted'")

    async def events(self) -> int:
        return await self.one("select count(*) from outbox where cell_id = %s and kind = 'counted'")

    async def head(self) -> int:
        return await self.one("select transfer_seq from cell_head where cell_id = %s")


@pytest.fixture
def seen(db: Database, shop: Shop) -> Seen:
    return Seen(db, shop)


async def test_many_commands_share_few_transactions(lane: Teller, shop: Shop, seen: Seen) -> None:
    replies = await asyncio.gather(*(lane.submit(Count(shop.cell_id)) for _ in range(500)))
    assert [reply.value for reply in replies] == list(range(1, 501))
    assert (await seen.steps(), await seen.events(), await seen.head()) == (500, 500, 500)
    # The first one starts at once, the others are what arrived meanwhile.
    assert await seen.transactions() <= 3


async def test_a_batch_is_capped_by_weight(urls: DatabaseUrls, shop: Shop, seen: Seen) -> None:
    async with Teller(urls, [StepShelf()], max_weight=10) as lane:
        await asyncio.gather(*(lane.submit(Count(shop.cell_id)) for _ in range(100)))
    assert 10 <= await seen.transactions() <= 11


async def test_a_refused_command_leaves_no_trace_and_hurts_nobody(lane: Teller, shop: Shop, seen: Seen) -> None:
    trouble = [refuse if n % 3 == 0 else None for n in range(30)]
    commands = [Count(shop.cell_id, trouble=each, key=f"k{n}") for n, each in enumerate(trouble)]
    outcomes = await asyncio.gather(*(lane.submit(command) for command in commands), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
    assert len(refused) == 10
    assert [o.value for o in outcomes if isinstance(o, Reply)] == list(range(1, 21))
    assert (await seen.steps(), await seen.events(), await seen.head()) == (20, 20, 20)
    kept = await seen.one("select count(*) from idempotency where cell_id = %s")
    assert kept == 20
    assert await seen.transactions() <= 2


async def test_a_command_that_stumbles_fails_alone(lane: Teller, shop: Shop, seen: Seen) -> None:
    """The batch is run again in halves until the bad one stands by itself."""
    commands = [Count(shop.cell_id, trouble=stumble if n == 5 else None) for n in range(16)]
    outcomes = await asyncio.gather(*(lane.submit(command) for command in commands), return_exceptions=True)
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, ZeroDivisionError)] == [5]
    assert sorted(o.value for o in outcomes if isinstance(o, Reply)) == list(range(1, 16))
    assert (await seen.steps(), await seen.events(), await seen.head()) == (15, 15, 15)
    assert (await lane.submit(Count(shop.cell_id))).value == 16


async def test_what_the_database_refuses_fails_alone(lane: Teller, shop: Shop, seen: Seen) -> None:
    """NUL can't be stored: here it is the save that fails, not the decision."""
    commands = [Count(shop.cell_id, name="a\0" if n == 3 else "a") for n in range(8)]
    outcomes = await asyncio.gather(*(lane.submit(command) for command in commands), return_exceptions=True)
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, psycopg.DataError)] == [3]
    assert (await seen.steps(), await seen.events()) == (7, 7)


async def test_an_unknown_cell_is_refused_alone(lane: Teller, shop: Shop, seen: Seen) -> None:
    nowhere = 999_999_999 * 1024
    outcomes = await asyncio.gather(
        lane.submit(Count(shop.cell_id)), lane.submit(Count(nowhere)), return_exceptions=True
    )
    assert isinstance(outcomes[1], NotFound)
    assert await seen.steps() == 1


async def test_a_full_queue_refuses_at_once(urls: DatabaseUrls, shop: Shop, seen: Seen) -> None:
    async with Teller(urls, [StepShelf()], max_queue=10) as lane:
        outcomes = await asyncio.gather(*(lane.submit(Count(shop.cell_id)) for _ in range(50)), return_exceptions=True)
        assert not lane.full
    busy = [outcome for outcome in outcomes if isinstance(outcome, TooBusy)]
    done = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
    assert len(busy) == 40 and len(done) == 10
    assert await seen.steps() == 10


async def test_a_key_twice_in_one_batch_counts_once(lane: Teller, shop: Shop, seen: Seen) -> None:
    replies = await asyncio.gather(*(lane.submit(Count(shop.cell_id, key="once")) for _ in range(20)))
    assert {reply.body for reply in replies} == {b"1"}
    assert sum(not reply.replayed for reply in replies) == 1
    with pytest.raises(IdempotencyKeyReused):
        await lane.submit(Count(shop.cell_id, key="once", fingerprint=b"other"))
    assert (await seen.steps(), await seen.events()) == (1, 1)


async def test_keys_belong_to_their_cell(lane: Teller, shop: Shop, seen: Seen, db: Database, vault: object) -> None:
    other = await make_shop(db, vault)  # type: ignore[arg-type]
    replies = await asyncio.gather(*(lane.submit(Count(each.cell_id, key="same")) for each in (shop, other)))
    assert [reply.replayed for reply in replies] == [False, False]
    assert (await seen.steps(), await Seen(db, other).steps()) == (1, 1)


async def test_two_tellers_agree_about_a_key(urls: DatabaseUrls, shop: Shop, seen: Seen) -> None:
    async with Teller(urls, [StepShelf()]) as one, Teller(urls, [StepShelf()]) as two:
        for number in range(10):
            replies = await asyncio.gather(
                *(lane.submit(Count(shop.cell_id, key=f"k{number}")) for lane in (one, two) for _ in range(3))
            )
            assert len({reply.body for reply in replies}) == 1
            assert sum(not reply.replayed for reply in replies) == 1
    assert (await seen.steps(), await seen.events(), await seen.head()) == (10, 10, 10)


def _elsewhere(urls: DatabaseUrls, cell_id: int, keys: list[str]) -> list[bytes]:
    """A Teller in a process of its own; runs there."""

    async def run() -> list[bytes]:
        async with Teller(urls, [StepShelf()]) as lane:
            return [reply.body for reply in await asyncio.gather(*(lane.submit(Count(cell_id, key=k)) for k in keys))]

    return asyncio.run(run())


async def test_two_processes_agree_about_keys(urls: DatabaseUrls, shop: Shop, seen: Seen) -> None:
    keys = [f"p{n}" for n in range(50)]
    fresh = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=fresh) as pool:
        loop = asyncio.get_running_loop()
        one, two = await asyncio.gather(
            *(loop.run_in_executor(pool, _elsewhere, urls, shop.cell_id, given) for given in (keys, keys[::-1]))
        )
    assert one == two[::-1]
    assert (await seen.steps(), await seen.events(), await seen.head()) == (50, 50, 50)


class Setting(StepShelf):
    """The same rows, taken for configuration."""

    name = "setting"
    cached = True


class Read(Command):
    def __init__(self, cell_id: int) -> None:
        self.cell_id = cell_id

    def needs(self) -> Needs:
        yield "setting", (self.cell_id, "n")

    def decide(self, rows: Rows) -> int:
        row = rows.get("setting", (self.cell_id, "n"))
        return 0 if row is None else int(row.amount)


async def test_configuration_is_kept_until_its_version_moves(urls: DatabaseUrls, db: Database, shop: Shop) -> None:
    async with Teller(urls, [StepShelf(), Setting()]) as lane:
        await lane.submit(Count(shop.cell_id))
        assert (await lane.submit(Read(shop.cell_id))).value == 1
        # Nobody said that the configuration changed.
        await lane.submit(Count(shop.cell_id))
        assert (await lane.submit(Read(shop.cell_id))).value == 1
        async with db.tenant(shop.merchant_id) as conn:
            await lock_head(conn, shop.cell_id)
            await bump_config(conn, shop.cell_id)
        assert (await lane.submit(Read(shop.cell_id))).value == 2


async def test_a_row_that_was_not_asked_for_is_a_fault(lane: Teller, shop: Shop) -> None:
    def look(rows: Rows) -> None:
        rows.get("elsewhere", (shop.cell_id, "n"))

    with pytest.raises(KeyError):
        await lane.submit(Count(shop.cell_id, trouble=look))


async def test_a_caller_who_left_doesnt_stop_the_others(lane: Teller, shop: Shop, seen: Seen) -> None:
    tasks = [asyncio.create_task(lane.submit(Count(shop.cell_id))) for _ in range(10)]
    await asyncio.sleep(0)
    tasks[4].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(outcome, Reply) for outcome in outcomes) == 9
    assert (await lane.submit(Count(shop.cell_id))).value in (10, 11)


async def test_closing_finishes_what_was_accepted(urls: DatabaseUrls, shop: Shop, seen: Seen) -> None:
    async with Teller(urls, [StepShelf()]) as lane:
        tasks = [asyncio.create_task(lane.submit(Count(shop.cell_id))) for _ in range(20)]
        await asyncio.sleep(0)
    assert len(await asyncio.gather(*tasks)) == 20
    assert await seen.steps() == 20


async def test_a_broken_connection_is_replaced(urls: DatabaseUrls, lane: Teller, shop: Shop, seen: Seen) -> None:
    """The server ends the Teller's session between two batches; the next command doesn't notice."""
    assert (await lane.submit(Count(shop.cell_id, key="a"))).value == 1
    assert lane._conn is not None
    async with seen.db.tenant(shop.merchant_id) as conn:
        await conn.execute("select pg_terminate_backend(%s)", (lane._conn.info.backend_pid,))
    assert (await lane.submit(Count(shop.cell_id, key="b"))).value == 2
    assert await seen.steps() == 2


async def test_a_lone_command_waits_for_nobody(lane: Teller, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """No timer lies before its batch: that begins within a few turns of the loop, in which hardly any time passes."""
    taken: list[int] = []
    take = Teller._take

    def noted(self: Teller) -> Any:
        taken.append(1)
        return take(self)

    monkeypatch.setattr(Teller, "_take", noted)
    for number in range(1, 21):
        waiting = asyncio.create_task(lane.submit(Count(shop.cell_id)))
        for _ in range(4):
            await asyncio.sleep(0)
        assert len(taken) == number
        await waiting
