"""The audit log at the terminal: what is done there is in it, and verification says OK or what is wrong."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import typer
from psycopg import AsyncConnection

from huimeng.entry.cli import app
from huimeng.entry.context import Context
from huimeng.entry.worker import housekeeping
from huimeng.infra.audit import reading
from huimeng.infra.audit.entries import Entry
from huimeng.infra.audit.sealing import seal_days
from huimeng.infra.audit.verifying import seal_of
from huimeng.infra.audit.who import at_terminal
from huimeng.infra.audit.witness import Witnesses, bear_witness
from huimeng.infra.database import Database, DatabaseUrls, tenant_setting
from huimeng.infra.verified import Verified, keep_verified
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import utc_now
from huimeng.ledger.rules import Expiry
from huimeng.merchant.service import every_merchant, find_merchant_id
from huimeng.merchant.values import Merchant
from tests.conftest import Shop
from tests.desk import Desk
from tests.entry.house import Huimeng


@pytest.fixture(autouse=True)
def round_of_ours(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round over all merchants fails for those that other tests have damaged on purpose."""

    async def ours(db: Database) -> AsyncIterator[Merchant]:
        async for merchant in every_merchant(db):
            if merchant.merchant_id == shop.merchant_id:
                yield merchant

    monkeypatch.setattr("huimeng.entry.worker.every_merchant", ours)


async def backdate(shop: Shop, urls: DatabaseUrls) -> date:
    """Takes the shop's entries back to the noon of ten days ago, MACs and all, as if they had been written then."""
    noon = utc_now().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=10)
    async with await AsyncConnection.connect(urls.owner) as conn:
        await conn.execute(tenant_setting([shop.merchant_id]))
        async for entry, _ in reading.all_entries(conn, shop.cell_id):
            fields = {name: getattr(entry, name) for name in Entry.__struct_fields__}
            older = Entry(**{**fields, "at": noon})
            await conn.execute(
                "update audit_entry set at = %s, mac = %s where cell_id = %s and seq = %s",
                (older.at, older.mac(), shop.cell_id, entry.seq),
            )
    return noon.date()


# What they change is not the merchant's: `verify` keeps that it has looked, `run` starts what is looked at elsewhere.
CHANGES_NOTHING = {
    *("version", "verify", "status", "report", "run"),
    *("merchant list", "staff list", "api-key list"),
}
# Of a merchant of its own: its first entry can't be anybody else's.
FOUNDS = {"merchant create"}
# In an order in which each finds what it needs, with what it writes, the newest first.
CHANGES = {
    "store create": ("--code s2 --name 二号店 --region east", ["store.created", "region.created"]),
    "rule create": ("--name 积分", ["rule.created"]),
    "api-key create": ("--name till", ["api_key.created"]),
    "api-key revoke": ("1", ["api_key.revoked"]),
    "staff create": ("--login xiaoli --name 小李", ["staff.created"]),
    "staff reset-password": ("--login xiaoli", ["password.reset"]),
    "staff unlock": ("--login xiaoli", ["staff.changed"]),
    "import members": ("{members}", ["import.finished", "import.started"]),
    "import orders": ("{orders}", ["import.finished", "import.started"]),
    "expire": ("", ["points.expired"]),
    "close-days": ("", ["day.closed"]),
    "rebuild-figures": ("", ["figures.rebuilt"]),
}


def commands(group: object, before: str = "") -> set[str]:
    inner = getattr(group, "commands", None)
    if inner is None:
        return {before.strip()}
    return {each for name, found in inner.items() for each in commands(found, f"{before} {name}")}


async def newest(db: Database, shop: Shop, count: int) -> list[Entry]:
    async with db.reader(shop.merchant_id) as conn:
        return await reading.entries(conn, shop.cell_id, reading.Filter(), reading.NEWEST, count)


async def test_every_command_that_changes_something_says_who_did_what(
    huimeng: Huimeng, db: Database, shop: Shop, desk: Desk, tmp_path: Path
) -> None:
    """A new command has to be named here, and what changes nothing writes nothing."""
    assert commands(typer.main.get_command(app)) == CHANGES_NOTHING | FOUNDS | CHANGES.keys()
    files = {"members": tmp_path / "members.csv", "orders": tmp_path / "orders.csv"}
    files["members"].write_text("手机号,姓名\n13800138000,张三\n", "utf-8")
    files["orders"].write_text("订单号,下单时间,门店,实付金额\nR1,2026-03-01 10:15:00,s2,25.80\n", "utf-8")
    # The machine's clock is the command's: what was valid until yesterday has run out, and a day is over.
    await desk.adjust(await desk.join(), 7, expires_at=desk.clock() + timedelta(hours=1))
    for command, (options, actions) in CHANGES.items():
        if command == "staff unlock":
            async with db.tenant(shop.merchant_id) as conn:
                await conn.execute("update staff set locked_until = now() + interval '1 hour'")
        before = await newest(db, shop, 1)
        given = [each.format(**files) for each in options.split()]
        code, said = await huimeng(*command.split(), "-m", shop.code, *given)
        assert code == 0, (command, said)
        found = await newest(db, shop, len(actions) + 1)
        assert [entry.action for entry in found[:-1]] == actions, command
        assert {(entry.actor, entry.actor_name) for entry in found[:-1]} == {("cli", at_terminal().name)}, command
        assert found[-1] == before[0], command
    told = {entry.action: (entry.object_kind, entry.object_id, entry.after) for entry in await newest(db, shop, 3)}
    assert told == {
        "points.expired": ("merchant", str(shop.merchant_id), {"points": 7, "members": 1}),
        "day.closed": ("day", "2026-03-04", {"transfers": 1}),
        "figures.rebuilt": ("merchant", str(shop.merchant_id), {"rows": 6, "transfers": 2}),
    }
    # A second time nothing has run out and no day is over: nothing was done.
    count = len(await newest(db, shop, 1000))
    for command in ("expire", "close-days"):
        code, said = await huimeng(command, "-m", shop.code)
        assert code == 0, (command, said)
    await huimeng("verify", "-m", shop.code)
    assert len(await newest(db, shop, 1000)) == count


async def test_a_new_merchant_begins_with_who_founded_it(huimeng: Huimeng, db: Database, context: Context) -> None:
    code, said = await huimeng("merchant", "create", "--code", f"f{os.getpid()}", "--name", "新店")
    assert code == 0, said
    merchant_id = await find_merchant_id(db, f"f{os.getpid()}")
    async with db.reader(merchant_id) as conn:
        found = await reading.entries(conn, cell_of(merchant_id), reading.Filter(), reading.NEWEST, 10)
    assert [(entry.action, entry.actor) for entry in found] == [("staff.created", "cli"), ("merchant.created", "cli")]


async def test_what_runs_out_by_clock_is_one_entry_of_the_system(context: Context, db: Database, desk: Desk) -> None:
    shop = desk.shop
    await desk.rule(expiry=Expiry(kind="after", count=1, span="day"))
    for _ in range(2):
        await desk.buy(await desk.join(), 1000)
    await housekeeping(context)
    found = await newest(db, shop, 3)
    assert [(entry.action, entry.actor, entry.object_id, entry.after) for entry in found[:2]] == [
        ("day.closed", "system", "2026-03-04", {"transfers": 2}),
        ("points.expired", "system", str(shop.merchant_id), {"points": 20, "members": 2}),
    ]
    await housekeeping(context)
    assert await newest(db, shop, 3) == found


async def test_the_worker_seals_and_the_seal_is_printed(
    huimeng: Huimeng, context: Context, db: Database, shop: Shop, urls: DatabaseUrls
) -> None:
    day = await backdate(shop, urls)
    assert await seal_of(db, shop.merchant_id) is None
    await housekeeping(context)
    sealed = await seal_of(db, shop.merchant_id)
    assert sealed is not None and sealed.day == day
    line = f"{shop.code} {sealed.day} 2 {sealed.seal}"
    for asked in ((), ("--day", str(sealed.day))):
        code, said = await huimeng("verify", "--audit", "--print-seal", "-m", shop.code, *asked)
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


async def test_a_merchant_that_is_gone_altogether_is_missed(
    huimeng: Huimeng, context: Context, shop: Shop, urls: DatabaseUrls, caplog: pytest.LogCaptureFixture
) -> None:
    await housekeeping(context)
    assert f"merchant {shop.merchant_id} " not in caplog.text
    async with await AsyncConnection.connect(urls.owner) as conn:
        await conn.execute(tenant_setting([shop.merchant_id]))
        for table in ("merchant", "merchant_directory"):
            await conn.execute(f"delete from {table} where merchant_id = %s", (shop.merchant_id,))
    code, said = await huimeng("verify", "--audit")
    assert code == 1 and "audit_witness" in said and f"{{'merchant_id': {shop.merchant_id}}}" in said, said
    await housekeeping(context)
    assert f"merchant {shop.merchant_id} is gone from the database" in caplog.text


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
