"""What the data folder knows of the log is missed when the database lacks it; without it the same loss passes."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from huimeng.infra.audit import sealing, signing
from huimeng.infra.audit.sealing import seal_days
from huimeng.infra.audit.verifying import Finding, gone
from huimeng.infra.audit.witness import Witness, Witnesses, bear_witness
from huimeng.infra.crypto import Vault
from huimeng.merchant.service import every_merchant
from tests.desk import Desk
from tests.infra.audit_log import MONDAY, TODAY, Damage, checks, found_in, write

NO_ENTRIES_AFTER_7 = "delete from audit_entry where cell_id = {cell} and seq > 7"
NO_SEALS = "delete from audit_day where cell_id = {cell}"
REMOVALS = {
    "an end with all seals": (NO_ENTRIES_AFTER_7, NO_SEALS, 7),
    "an end with its own seal": (NO_ENTRIES_AFTER_7, f"{NO_SEALS} and day = '2026-03-05'", 7),
    "everything": ("delete from audit_entry where cell_id = {cell}", NO_SEALS, 0),
    "entries of the open day": ("delete from audit_entry where cell_id = {cell} and seq > 10", None, 10),
}
ALL_SEEN = Witness(date(2026, 3, 5), "", 9, 12, "")


@pytest.fixture
def witnesses(tmp_path: Path) -> Witnesses:
    return Witnesses(tmp_path)


@pytest.fixture
async def kept(log: Desk, witnesses: Witnesses) -> Witness:
    assert await bear_witness(log.db, witnesses, log.shop.merchant_id)
    witness = witnesses.find(log.shop.merchant_id)
    assert witness is not None
    assert msgspec.structs.replace(witness, seal="", digest="") == ALL_SEEN
    assert await found_in(log, witness) == []
    return witness


def unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Days may stay without a seal for ever."""

    async def never(*_: object) -> None:
        return None

    monkeypatch.setattr(sealing, "overdue", never)


@pytest.mark.parametrize("removal", REMOVALS)
async def test_a_removed_end_is_missed_whatever_is_written_later(
    log: Desk, damage: Damage, kept: Witness, witnesses: Witnesses, removal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries, seals, head = REMOVALS[removal]
    assert await damage(entries) > 0
    if seals is not None:
        assert await damage(seals) > 0
    assert await damage(f"update cell_head set audit_seq = {head} where cell_id = {{cell}}") == 1
    assert "audit_witness" in await checks(log, kept)

    # The worker seals what is left, and the numbers are given out again.
    await seal_days(log.db, log.shop.merchant_id, TODAY)
    assert await checks(log, kept) == ["audit_witness"]
    await write(log, MONDAY + timedelta(days=5), 20)
    assert await checks(log, kept) == ["audit_witness"]
    assert not await bear_witness(log.db, witnesses, log.shop.merchant_id)
    assert witnesses.find(log.shop.merchant_id) == kept
    # The control: without the witness the log is whole.
    assert await checks(log) == []


@pytest.mark.parametrize("which", ["", " and day = '2026-03-05'"])
async def test_removed_seals_are_missed(
    log: Desk, damage: Damage, kept: Witness, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await damage(NO_SEALS + which) > 0
    assert await checks(log, kept) == ["audit_seal", "audit_witness"]
    (late,) = await found_in(log)
    assert (late.check, late.where["day"]) == ("audit_seal", "2026-03-05" if which else "2026-03-02")
    with monkeypatch.context() as control:
        unwatched(control)
        assert await checks(log) == []
    # What was sealed is sealed the same again: nothing is lost then.
    await seal_days(log.db, log.shop.merchant_id, TODAY)
    assert await checks(log, kept) == []


async def test_an_old_true_entry_on_a_number_that_was_given_out_again_is_found(
    log: Desk, damage: Damage, witnesses: Witnesses
) -> None:
    copied = "create table old_entry_{cell} as select * from audit_entry where cell_id = {cell} and seq = 12"
    await damage(copied)
    await damage("delete from audit_entry where cell_id = {cell} and seq = 12")
    await damage("update cell_head set audit_seq = 11 where cell_id = {cell}")
    await write(log, MONDAY + timedelta(days=4, seconds=1), 2)
    assert await bear_witness(log.db, witnesses, log.shop.merchant_id)
    witness = witnesses.find(log.shop.merchant_id)
    assert witness is not None and witness.seq == 13
    await damage("delete from audit_entry where cell_id = {cell} and seq = 12")
    assert await damage("insert into audit_entry select * from old_entry_{cell}") == 1
    await damage("drop table old_entry_{cell}")
    assert await checks(log, witness) == ["audit_witness"]
    assert await checks(log) == []
    # The seal of the day is true for what is there when it is made.
    await seal_days(log.db, log.shop.merchant_id, TODAY)
    assert await checks(log, witness) == ["audit_witness"]
    assert await checks(log) == []


async def test_a_day_that_nobody_seals_is_told_a_day_later(log: Desk) -> None:
    assert await found_in(log, today=date(2026, 3, 7)) == []
    (late,) = await found_in(log, today=date(2026, 3, 8))
    assert (late.check, late.where["day"]) == ("audit_seal", "2026-03-06")
    assert await seal_days(log.db, log.shop.merchant_id, date(2026, 3, 8)) == [date(2026, 3, 6)]
    assert await found_in(log, today=date(2026, 3, 8)) == []


async def test_an_old_witness_stays_true_while_the_log_grows(log: Desk, kept: Witness, witnesses: Witnesses) -> None:
    await seal_days(log.db, log.shop.merchant_id, TODAY)
    await write(log, MONDAY + timedelta(days=5), 3)
    assert await checks(log, kept) == []
    assert await bear_witness(log.db, witnesses, log.shop.merchant_id)
    newer = witnesses.find(log.shop.merchant_id)
    assert newer is not None
    assert (newer.day, newer.sealed_seq, newer.seq) == (date(2026, 3, 6), 12, 15)
    assert await checks(log, newer) == []


async def test_a_merchant_that_is_gone_altogether_is_missed(
    log: Desk, damage: Damage, kept: Witness, witnesses: Witnesses, tmp_path: Path
) -> None:
    async def missed() -> list[Finding]:
        seen = witnesses.merchants()
        return gone(witnesses, seen, [merchant.merchant_id async for merchant in every_merchant(log.db)])

    merchant_id = log.shop.merchant_id
    assert witnesses.merchants() == [merchant_id]
    assert await missed() == []
    assert await damage("delete from merchant where merchant_id = %s", merchant_id) == 1
    assert await missed() == [Finding("audit_witness", {"merchant_id": merchant_id}, None, 12)]
    # A file that is no witness has been one; without any the loss passes.
    file = tmp_path / "audit" / f"{merchant_id}.json"
    file.write_bytes(b"{")
    assert len(await missed()) == 1
    file.rename(file.with_suffix(".old"))
    assert await missed() == []


async def test_a_log_without_seals_has_a_witness_too(desk: Desk, damage: Damage, witnesses: Witnesses) -> None:
    assert await bear_witness(desk.db, witnesses, desk.shop.merchant_id)
    witness = witnesses.find(desk.shop.merchant_id)
    assert witness is not None and (witness.day, witness.seq) == (None, 2)
    assert await checks(desk, witness) == []
    await damage("delete from audit_entry where cell_id = {cell} and seq = 2")
    await damage("update cell_head set audit_seq = 1 where cell_id = {cell}")
    assert await checks(desk, witness) == ["audit_witness"]
    assert await checks(desk) == []


@pytest.mark.parametrize(
    "change",
    [{"day": date(2026, 3, 3)}, {"day": None}, {"seal": "00"}, {"sealed_seq": 8}, {"seq": 11}, {"digest": "\u4e2d"}],
)
async def test_a_witness_that_somebody_changed_agrees_with_nothing(
    log: Desk, kept: Witness, witnesses: Witnesses, change: dict[str, object]
) -> None:
    changed = msgspec.structs.replace(kept, **change)
    assert await checks(log, changed) == ["audit_witness"]
    await write(log, MONDAY + timedelta(days=4))
    witnesses.keep(log.shop.merchant_id, changed)
    assert not await bear_witness(log.db, witnesses, log.shop.merchant_id)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"seq": "12"}'])
async def test_a_file_that_is_no_witness_is_found_and_stays(
    log: Desk, kept: Witness, witnesses: Witnesses, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "audit" / f"{log.shop.merchant_id}.json"
    assert msgspec.json.decode(file.read_bytes(), type=Witness) == kept
    file.write_bytes(content)
    assert await checks(log, witnesses.find(log.shop.merchant_id)) == ["audit_witness"]
    assert not await bear_witness(log.db, witnesses, log.shop.merchant_id)
    assert file.read_bytes() == content


async def test_only_the_deployment_can_make_one(
    log: Desk, kept: Witness, tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Witnesses(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    with monkeypatch.context() as other:
        other.setattr(signing, "_keys", {})
        signing.sign_with(Vault(bytes(32)))
        assert await bear_witness(log.db, elsewhere, log.shop.merchant_id)
    forged = elsewhere.find(log.shop.merchant_id)
    assert forged is not None and msgspec.structs.replace(forged, digest=kept.digest) == kept
    assert await checks(log, forged) == ["audit_witness"]
