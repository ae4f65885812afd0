"""The audit log at the terminal: what is done there is in it, and verification says OK or what is wrong."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from psycopg import AsyncConnection

from huimeng.entry.context import Context
from huimeng.entry.worker import housekeeping
from huimeng.infra.audit import reading
from huimeng.infra.audit.sealing import seal_days
from huimeng.infra.audit.verifying import seal_of
from huimeng.infra.audit.witness import Witnesses, bear_witness
from huimeng.infra.database import Database, DatabaseUrls, tenant_setting
from huimeng.infra.verified import Verified, keep_verified
from huimeng.kernel.times import utc_now
from tests.conftest import Shop

Huimeng = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def huimeng(server: object, data_dir: Path) -> Huimeng:
    """Runs a command on the tests' database: (exit code, what it said)."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "HUIMENG_"))}
    environment = {**clean, "HUIMENG_DATA": str(data_dir), "COLUMNS": "200"}

    async def run(*arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "huimeng.entry.cli",
            *arguments,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    return run


async def backdate(shop: Shop, urls: DatabaseUrls) -> None:
    """Takes the shop's first day back by ten days, MACs and all, as if it had been written then."""
    from huimeng.infra.audit.entries import Entry

    async with await AsyncConnection.connect(urls.owner) as conn:
        await conn.execute(tenant_setting([shop.merchant_id]))
        async for entry, _ in reading.all_entries(conn, shop.cell_id):
            fields = {name: getattr(entry, name) for name in Entry.__struct_fields__}
            older = Entry(**{**fields, "at": entry.at - timedelta(days=10)})
            await conn.execute(
                "update audit_entry set at = %s, mac = %s where cell_id = %s and seq = %s",
                (older.at, older.mac(), shop.cell_id, entry.seq),
            )


async def test_what_is_done_at_the_terminal_is_recorded(huimeng: Huimeng, db: Database, shop: Shop) -> None:
    code, said = await huimeng("store", "create", "-m", shop.code, "--code", "s2", "--name", "二号店")
    assert code == 0, said
    async with db.reader(shop.merchant_id) as conn:
        (entry, *_) = await reading.entries(conn, shop.cell_id, reading.Filter(), reading.NEWEST, 10)
    assert (entry.action, entry.actor, entry.object_id) == ("store.created", "cli", "2")
    code, said = await huimeng("verify", "--audit", "--merchant", shop.code)
    assert (code, "OK" in said) == (0, True), said


async def test_the_worker_seals_and_the_seal_is_printed(
    huimeng: Huimeng, context: Context, db: Database, shop: Shop, urls: DatabaseUrls
) -> None:
    await backdate(shop, urls)
    assert await seal_of(db, shop.merchant_id) is None
    await housekeeping(context)
    sealed = await seal_of(db, shop.merchant_id)
    assert sealed is not None and sealed.day == utc_now().date() - timedelta(days=10)
    line = f"{shop.code} {sealed.day} 2 {sealed.seal}"
    for day in ((), ("--day", str(sealed.day))):
        code, said = await huimeng("verify", "--audit", "--print-seal", "-m", shop.code, *day)
        assert (code, line in said.splitlines()) == (0, True), said
    code, said = await huimeng("verify", "--audit", "--print-seal", "-m", shop.code, "--day", str(date(2020, 1, 1)))
    assert f"{shop.code} -" in said.splitlines()


@pytest.mark.parametrize("options", [("--audit",), ()])
async def test_damage_ends_with_an_error(
    huimeng: Huimeng, shop: Shop, urls: DatabaseUrls, data_dir: Path, options: tuple[str, ...]
) -> None:
    async with await AsyncConnection.connect(urls.owner) as conn:
        await conn.execute(tenant_setting([shop.merchant_id]))
        await conn.execute("update audit_entry set actor = 'staff:8' where cell_id = %s and seq = 2", (shop.cell_id,))
    keep_verified(data_dir, Verified(utc_now(), 1.0, 1, 0))
    code, said = await huimeng("verify", *options, "--merchant", shop.code)
    assert code == 1
    _, status = await huimeng("status")
    assert "1 处不符" in status
    assert "audit_entry" in said and "store.created" in said


async def test_what_the_worker_saw_is_missed_and_the_way_out_after_a_restore(
    huimeng: Huimeng,
    context: Context,
    shop: Shop,
    urls: DatabaseUrls,
    data_dir: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await backdate(shop, urls)
    await housekeeping(context)
    file = data_dir / "audit" / f"{shop.merchant_id}.json"
    witness = file.read_bytes()
    async with await AsyncConnection.connect(urls.owner) as conn:
        await conn.execute(tenant_setting([shop.merchant_id]))
        for table in ("audit_entry", "audit_day"):
            await conn.execute(f"delete from {table} where cell_id = %s", (shop.cell_id,))
        await conn.execute("update cell_head set audit_seq = 0 where cell_id = %s", (shop.cell_id,))
    verify = ("verify", "--audit", "--merchant", shop.code)
    code, said = await huimeng(*verify)
    assert code == 1 and "audit_witness" in said and "较早的备份" in said, said
    caplog.clear()
    await housekeeping(context)
    assert f"audit log of merchant {shop.merchant_id} is not what it was" in caplog.text
    assert file.read_bytes() == witness
    # The control, and what docs/operations.md says to do: without it the log is whole, and one is kept anew.
    file.rename(file.with_suffix(".old"))
    code, said = await huimeng(*verify)
    assert (code, "OK" in said) == (0, True), said
    assert file.exists()


async def test_days_that_were_not_sealed_because_nothing_ran_are_sealed_first(
    huimeng: Huimeng, db: Database, shop: Shop, urls: DatabaseUrls, data_dir: Path
) -> None:
    await backdate(shop, urls)
    verify = ("verify", "--audit", "--merchant", shop.code)
    # Nothing in the data folder says that no seal was taken away.
    code, said = await huimeng(*verify)
    assert code == 1 and "audit_seal" in said and "huimeng run" in said, said
    assert await seal_of(db, shop.merchant_id) is None
    assert await bear_witness(db, Witnesses(data_dir), shop.merchant_id)
    code, said = await huimeng(*verify)
    assert (code, "OK" in said) == (0, True), said
    assert await seal_of(db, shop.merchant_id) is not None
    assert await seal_days(db, shop.merchant_id) == []
