"""Whatever two processes do at once, the log has no gap and verifies; and writing it is seen by who remembers rows."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from datetime import date
from pathlib import Path

import msgspec
import pytest

from huimeng.entry.context import shelves
from huimeng.infra.audit import By, reading, record
from huimeng.infra.audit.sealing import seal_days
from huimeng.infra.audit.verifying import verify
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.teller import Command, Needs, Rows, Teller
from huimeng.kernel.errors import BusinessError
from huimeng.ledger.rules import Unit
from huimeng.merchant import service as merchants
from huimeng.merchant.values import StorePatch
from huimeng.points.commands import AdjustPoints
from tests.conftest import Shop
from tests.desk import Desk, new_key

ROOT = Path(__file__).parent.parent.parent
BY = By("staff:7")


async def act(db: Database, teller: Teller, cell_id: int, member_id: int, seed: int) -> None:
    """A random sequence of entries by both doors: some refused, some rolled back, some at once."""
    dice = random.Random(seed)
    merchant_id = cell_id // 1024

    async def adjust() -> None:
        amount = dice.choice((5, 5, 5, -1_000_000))
        command = AdjustPoints(
            cell_id, member_id, Unit.POINTS, amount, reason="r", actor="staff:7", key=new_key(f"{seed}")
        )
        await teller.submit(command)

    async def rename() -> None:
        async with db.tenant(merchant_id) as conn:
            await merchants.update_store(conn, merchant_id, 1, StorePatch(name=f"店 {dice.random()}"))

    async def fall() -> None:
        async with db.tenant(merchant_id) as conn:
            await record(conn, cell_id, "logout", ("staff", 1), by=BY)
            raise BusinessError()

    async def seal() -> None:
        await seal_days(db, merchant_id)

    for _ in range(10):
        steps = [dice.choice((adjust, adjust, rename, fall, seal))() for _ in range(dice.randint(1, 8))]
        for outcome in await asyncio.gather(*steps, return_exceptions=True):
            assert outcome is None or isinstance(outcome, BusinessError), outcome


async def main(urls_json: str, data_dir: str, cell_id: str, member_id: str, seed: str) -> None:
    """What the second process does."""
    urls = msgspec.json.decode(urls_json, type=DatabaseUrls)
    db = await Database.open(urls)
    await merchants.open_vault(db, Path(data_dir))
    async with Teller(urls, shelves()) as teller:
        await act(db, teller, int(cell_id), int(member_id), int(seed))
    await db.close()


async def whole(db: Database, shop: Shop) -> int:
    """How many entries there are, when nothing is wrong with them."""
    # Entries of the till's clock are months older than those of ours: no day need have been sealed yet.
    assert await verify(db, shop.merchant_id, today=date(2026, 1, 1)) == []
    async with db.reader(shop.merchant_id) as conn:
        found = await reading.entries(conn, shop.cell_id, reading.Filter(), reading.NEWEST, 100_000)
    assert [each.seq for each in reversed(found)] == list(range(1, len(found) + 1))
    return len(found)


async def test_two_processes_leave_no_gap(desk: Desk, urls: DatabaseUrls, data_dir: Path) -> None:
    member = await desk.join()
    known = await whole(desk.db, desk.shop)
    program = f"import asyncio, sys; sys.path.insert(0, {str(ROOT)!r}); "
    program += "from tests.infra.test_audit_races import main; asyncio.run(main(*sys.argv[1:]))"
    given = [msgspec.json.encode(urls).decode(), str(data_dir), str(desk.shop.cell_id), str(member)]
    others = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, *given, str(seed), stderr=subprocess.PIPE)
        for seed in (1, 2)
    ]
    for process in others:
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()
    assert await whole(desk.db, desk.shop) > known + 20
    assert await desk.wrong() == []


@pytest.mark.parametrize("seed", range(5))
async def test_any_sequence_of_two_tellers_leaves_no_gap(desk: Desk, urls: DatabaseUrls, seed: int) -> None:
    member, cell_id = await desk.join(), desk.shop.cell_id
    async with Teller(urls, shelves()) as other:
        await asyncio.gather(
            act(desk.db, desk.teller, cell_id, member, seed), act(desk.db, other, cell_id, member, seed + 100)
        )
    assert await whole(desk.db, desk.shop) > 3


class Look(Command):
    """Writes nothing but an entry."""

    def __init__(self, cell_id: int) -> None:
        self.cell_id = cell_id

    def needs(self) -> Needs:
        return ()

    def decide(self, rows: Rows) -> int:
        rows.audit(BY, "logout", ("staff", 1))
        return rows.head.audit_seq


async def test_an_entry_alone_moves_the_head(desk: Desk) -> None:
    """Who remembers rows of a cell knows by its head's row that nobody has written there."""

    async def stamp() -> str:
        ((found,),) = await desk.rows("select xmin::text from cell_head where cell_id = %s")
        return str(found)

    before = await stamp()
    replies = await asyncio.gather(*(desk.teller.submit(Look(desk.shop.cell_id)) for _ in range(3)))
    assert [reply.value for reply in replies] == [3, 4, 5]
    assert await stamp() != before
    assert await whole(desk.db, desk.shop) == 5
