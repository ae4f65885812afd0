"""What is recorded, how days are sealed, and that every damage is found; damage is done as the database's owner."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from huimeng.infra.audit import SYSTEM, By, Entry, act_as, differing, reading, record, signing
from huimeng.infra.audit.entries import make_entry
from huimeng.infra.audit.sealing import seal_days
from huimeng.infra.audit.verifying import seal_of, verify
from huimeng.infra.crypto import Vault
from huimeng.infra.database import tenant_setting
from huimeng.kernel.errors import BusinessError
from huimeng.kernel.ids import cell_of
from huimeng.ledger.errors import InsufficientBalance
from huimeng.member.service import change_member
from huimeng.member.values import IdentityInput, MemberPatch
from huimeng.merchant import service as merchants
from huimeng.merchant.values import ApiKeyInput, MerchantInput, StorePatch
from tests.conftest import Shop
from tests.desk import Desk, new_key
from tests.infra.audit_log import ANNA, MONDAY, Damage, checks, found_in, write


async def entries(desk: Desk, after: int = 0, **wanted: Any) -> list[Entry]:
    """Oldest first."""
    async with desk.db.reader(desk.shop.merchant_id) as conn:
        found = await reading.entries(conn, desk.shop.cell_id, reading.Filter(**wanted), reading.NEWEST, 1000)
    return [entry for entry in reversed(found) if entry.seq > after]


# What is recorded.


async def test_an_entry_says_who_from_where_and_what(desk: Desk) -> None:
    await write(desk)
    entry = (await entries(desk))[-1]
    assert (entry.actor, entry.actor_name, entry.ip, entry.agent, entry.request_id) == (
        "staff:7",
        "安娜",
        "10.0.0.9",
        "curl/8",
        "r-1",
    )
    assert (entry.action, entry.object_kind, entry.object_id) == ("store.changed", "store", "0")
    assert (entry.before, entry.after) == ({"n": 1}, {"n": 2})


async def test_a_new_merchant_begins_with_entries_of_its_own(desk: Desk) -> None:
    assert [(each.seq, each.action) for each in await entries(desk)] == [(1, "merchant.created"), (2, "store.created")]


async def test_who_acts_is_taken_from_the_task_and_from_no_other(desk: Desk) -> None:
    async def acts(by: By | None) -> None:
        if by is not None:
            act_as(by)
        async with desk.db.tenant(desk.shop.merchant_id) as conn:
            await record(conn, desk.shop.cell_id, "logout", ("staff", 1))

    act_as(SYSTEM)
    await asyncio.create_task(acts(ANNA))
    await asyncio.create_task(acts(None))
    assert [each.actor for each in await entries(desk, after=2)] == ["staff:7", "system"]


async def test_what_is_rolled_back_takes_no_number(desk: Desk) -> None:
    with pytest.raises(ZeroDivisionError):
        async with desk.db.tenant(desk.shop.merchant_id) as conn:
            await record(conn, desk.shop.cell_id, "logout", ("staff", 1))
            _ = 1 / 0
    await write(desk)
    assert [each.seq for each in await entries(desk)] == [1, 2, 3]
    assert await checks(desk) == []


async def test_text_that_the_database_refuses_is_cleaned_and_a_float_is_refused(desk: Desk) -> None:
    by = By("staff:7", "a\0b\ud800c\nd", agent="x" * 1000)
    async with desk.db.tenant(desk.shop.merchant_id) as conn:
        await record(
            conn,
            desk.shop.cell_id,
            "login.failed",
            ("login", "a\0b"),
            after={"k\0": ["\ud800", {"b": 2, "a": 1}]},
            by=by,
        )
    entry = (await entries(desk))[-1]
    assert (entry.actor_name, entry.object_id, len(entry.agent)) == ("abcd", "ab", 200)
    assert entry.after == {"k\ufffd": ["?", {"a": 1, "b": 2}]}
    assert await checks(desk) == []
    with pytest.raises(TypeError):
        make_entry(1024, 1, datetime.now(UTC), ANNA, "logout", ("staff", 1), None, {"rate": 0.1})


async def test_nothing_is_recorded_before_the_vault_is_open(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "_keys", {})
    with pytest.raises(RuntimeError, match="vault"):
        await write(desk)


def test_only_what_differs_is_told() -> None:
    assert differing({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == ({"b": 2, "c": None}, {"b": 3, "c": 4})


async def test_settings_and_keys_are_recorded_without_secrets(desk: Desk) -> None:
    merchant_id = desk.shop.merchant_id
    async with desk.db.tenant(merchant_id) as conn:
        await merchants.create_region(conn, merchant_id, "east", "华东")
        await merchants.update_store(conn, merchant_id, 1, StorePatch(name="新一号店", region="east"))
        # Nothing changes, nothing is told.
        await merchants.update_store(conn, merchant_id, 1, StorePatch(name="新一号店"))
        key, token = await merchants.create_api_key(
            conn, merchant_id, ApiKeyInput(name="till", scopes=["orders:write"])
        )
        await merchants.revoke_api_key(conn, merchant_id, key.key_id)
    found = await entries(desk, after=2)
    assert [(each.action, each.object_id) for each in found] == [
        ("region.created", "east"),
        ("store.changed", "1"),
        ("api_key.created", "1"),
        ("api_key.revoked", "1"),
    ]
    assert found[1].before == {"name": "一号店", "region": None}
    assert found[1].after == {"name": "新一号店", "region": "east"}
    assert token.split("_", 3)[3] not in str(found)


async def test_rules_are_recorded_with_what_changed(desk: Desk) -> None:
    rule_id = await desk.rule(rate=1)
    desk.clock.forward(days=1)
    await desk.change_rule(rule_id, rate=2)
    created, changed = await entries(desk, after=2)
    assert (created.action, created.object_id, changed.action) == ("rule.created", str(rule_id), "rule.changed")
    assert created.after is not None and created.after["rate_e4"] == 10_000
    assert changed.before is not None and changed.after is not None
    assert (changed.before["rate_e4"], changed.after["rate_e4"]) == (10_000, 20_000)
    assert "kind" not in changed.after


async def test_an_order_at_the_till_writes_no_entry_but_its_refund_does(desk: Desk) -> None:
    act_as(ANNA)
    await desk.rule()
    member = await desk.join()
    order, other = await desk.buy(member, 10_000), await desk.buy(member, 500)
    known = len(await entries(desk))
    assert [each.action for each in await entries(desk, after=2)] == ["rule.created", "member.joined"]
    await desk.refund(order.order_id, reason="坏了")
    await desk.void(other.order_id)
    await desk.adjust(member, 5)
    refunded, voided, adjusted = await entries(desk, after=known)
    assert {each.actor for each in (refunded, voided, adjusted)} == {"staff:7"}
    assert (refunded.action, refunded.object_id) == ("order.refunded", order.order_id)
    assert refunded.before == {"status": "completed", "refunded_fen": 0}
    assert refunded.after is not None and refunded.after["reason"] == "坏了"
    assert (refunded.after["status"], refunded.after["amount_fen"]) == ("refunded", 10_000)
    assert voided.action == "order.voided"
    assert adjusted.after is not None and (adjusted.after["amount"], adjusted.after["balance"]) == (5, 5)
    assert await checks(desk, today=desk.clock().date()) == []


async def test_a_refused_command_takes_no_number(desk: Desk) -> None:
    member = await desk.join()
    known = len(await entries(desk))
    outcomes = await asyncio.gather(
        *(desk.adjust(member, amount) for amount in (5, -100, 5, -200, 5)), return_exceptions=True
    )
    assert [type(each) for each in outcomes if isinstance(each, BusinessError)] == [InsufficientBalance] * 2
    assert [each.seq for each in await entries(desk, after=known)] == [known + 1, known + 2, known + 3]
    assert await checks(desk, today=desk.clock().date()) == []


async def test_a_members_data_is_recorded_masked(desk: Desk) -> None:
    member = await desk.join()
    patch = MemberPatch(
        name="欧阳小明",
        add_identities=[IdentityInput("phone", "13712345678"), IdentityInput("external_id", "crm-777")],
    )
    command = change_member(desk.shop.cell_id, desk.keys, member, patch, now=desk.clock(), key=new_key())
    await desk.teller.submit(command)
    entry = (await entries(desk, action="member.changed"))[0]
    assert entry.after is not None and entry.after["fields"] == ["identities", "name"]
    told = str(await entries(desk))
    assert "137****5678" in told
    for clear in ("欧阳小明", "小明", "13712345678", "crm-777"):
        assert clear not in told


# Sealing.


async def days(desk: Desk) -> list[tuple[date, int, int]]:
    async with desk.db.reader(desk.shop.merchant_id) as conn:
        return [(row.day, row.first_seq, row.last_seq) for row in await reading.days(conn, desk.shop.cell_id)]


async def test_days_with_entries_are_sealed_in_a_chain(log: Desk) -> None:
    assert await days(log) == [(date(2026, 3, 2), 1, 4), (date(2026, 3, 3), 5, 7), (date(2026, 3, 5), 8, 9)]
    newest = await seal_of(log.db, log.shop.merchant_id)
    assert newest is not None and (newest.day, newest.last_seq) == (date(2026, 3, 5), 9)
    assert await seal_of(log.db, log.shop.merchant_id, date(2026, 3, 5)) == newest
    assert await seal_of(log.db, log.shop.merchant_id, date(2026, 3, 4)) is None


async def test_sealing_again_and_twice_at_once_changes_nothing(log: Desk) -> None:
    known = await days(log)
    assert await seal_days(log.db, log.shop.merchant_id, date(2026, 3, 6)) == []
    await asyncio.gather(*(seal_days(log.db, log.shop.merchant_id, date(2026, 3, 9)) for _ in range(4)))
    assert await days(log) == [*known, (date(2026, 3, 6), 10, 12)]
    assert await found_in(log) == []


async def test_an_entry_of_a_day_that_is_sealed_belongs_to_the_next_seal(log: Desk) -> None:
    await write(log, MONDAY)
    await write(log, MONDAY + timedelta(days=400))
    await write(log, MONDAY + timedelta(days=5))
    assert await seal_days(log.db, log.shop.merchant_id, date(2026, 3, 9)) == [date(2026, 3, 6), date(2026, 3, 7)]
    assert (await days(log))[3:] == [(date(2026, 3, 6), 10, 13), (date(2026, 3, 7), 14, 15)]
    assert await found_in(log) == []


async def test_days_are_sealed_also_when_the_clock_was_ahead_once(log: Desk) -> None:
    """A machine that woke in another year sealed a day of it; then its clock was put right."""
    ahead = MONDAY + timedelta(days=400)
    await write(log, ahead)
    await seal_days(log.db, log.shop.merchant_id, ahead.date() + timedelta(days=1))
    known = await days(log)
    for day in (5, 6):
        await write(log, MONDAY + timedelta(days=day))
    assert await seal_days(log.db, log.shop.merchant_id, date(2026, 3, 7)) == []
    assert await checks(log, today=date(2026, 3, 10)) == ["audit_seal"]
    assert len(await seal_days(log.db, log.shop.merchant_id, date(2026, 3, 8))) == 1
    assert len(await seal_days(log.db, log.shop.merchant_id, date(2026, 3, 9))) == 1
    assert [row[1:] for row in (await days(log))[len(known) :]] == [(14, 14), (15, 15)]
    assert await found_in(log, today=date(2026, 3, 10)) == []


async def test_the_runtime_may_neither_change_nor_delete(log: Desk) -> None:
    for statement in (
        "update audit_entry set action = 'x'",
        "delete from audit_entry",
        "update audit_day set last_seq = 1",
        "delete from audit_day",
        "truncate audit_entry",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with log.db.tenant(log.shop.merchant_id) as conn:
                await conn.execute(statement)


# Damage. Each begins with a log that verifies as whole (the fixture asserts it).


@pytest.mark.parametrize(
    "change",
    [
        "at = at + interval '1 microsecond'",
        "at = 'infinity'",
        "at = '-infinity'",
        "actor = 'staff:8'",
        "actor_name = ''",
        "ip = '10.0.0.8'",
        "agent = ''",
        "request_id = ''",
        "action = 'logout'",
        "object_kind = 'region'",
        "object_id = '9'",
        "before = '{}'",
        "after = null",
        "after = jsonb_set(after, '{n}', '3')",
        "mac = sha256('guess')",
    ],
)
@pytest.mark.parametrize("seq", [6, 12])
async def test_a_changed_entry_is_found(log: Desk, damage: Damage, change: str, seq: int) -> None:
    assert await damage(f"update audit_entry set {change} where cell_id = {{cell}} and seq = {seq}") == 1
    found = await found_in(log)
    assert found[0].check == "audit_entry" and found[0].where["seq"] == seq
    # The seal stands for MACs: it tells when one of them was changed.
    assert [each.check for each in found[1:]] == (["audit_seal"] if "mac" in change and seq == 6 else [])


async def test_a_missing_entry_is_found(log: Desk, damage: Damage) -> None:
    assert await damage("delete from audit_entry where cell_id = {cell} and seq = 11") == 1
    assert await checks(log) == ["audit_sequence"]
    assert await damage("delete from audit_entry where cell_id = {cell} and seq in (1, 6)") == 2
    assert await checks(log) == ["audit_seal", "audit_sequence"]
    found = await found_in(log)
    assert [each.where["seq"] for each in found if each.check == "audit_sequence"] == [1, 6, 11]


async def test_a_deleted_last_entry_is_found(log: Desk, damage: Damage) -> None:
    assert await damage("delete from audit_entry where cell_id = {cell} and seq = 12") == 1
    (found,) = await found_in(log)
    assert (found.check, found.stored, found.computed) == ("audit_head", 12, 11)


async def test_a_sealed_entry_deleted_from_the_end_is_found_though_the_head_was_set_back(
    log: Desk, damage: Damage
) -> None:
    assert await damage("delete from audit_entry where cell_id = {cell} and seq >= 9") == 4
    assert await damage("update cell_head set audit_seq = 8 where cell_id = {cell}") == 1
    assert await checks(log) == ["audit_seal"]


async def test_an_emptied_log_is_found(log: Desk, damage: Damage) -> None:
    await damage("delete from audit_entry where cell_id = {cell}")
    assert await checks(log) == ["audit_head", "audit_seal"]
    await damage("delete from audit_day where cell_id = {cell}")
    assert await checks(log) == ["audit_head"]


@pytest.mark.parametrize("seq", [13, 0])
async def test_an_inserted_entry_is_found(log: Desk, damage: Damage, seq: int) -> None:
    """A copy of a true one, in a new place: nobody without the key can make its MAC."""
    copied = (
        f"insert into audit_entry select cell_id, {seq}, at, actor, actor_name, ip, agent, request_id, action, "
        "object_kind, object_id, before, after, mac from audit_entry where cell_id = {cell} and seq = 12"
    )
    assert await damage(copied) == 1
    if seq == 13:
        assert await damage("update cell_head set audit_seq = 13 where cell_id = {cell}") == 1
        assert await checks(log) == ["audit_entry"]
    else:
        assert "audit_entry" in await checks(log)


async def test_reordered_entries_are_found(log: Desk, damage: Damage) -> None:
    for old, new in ((5, -1), (6, 5), (-1, 6)):
        assert await damage(f"update audit_entry set seq = {new} where cell_id = {{cell}} and seq = {old}") == 1
    found = await found_in(log)
    assert [each.where.get("seq") for each in found if each.check == "audit_entry"] == [5, 6]
    assert "audit_seal" in await checks(log)


async def test_an_entry_of_another_merchant_is_found(log: Desk, damage: Damage, vault: Vault) -> None:
    """Its number fits and its MAC is true, but for another cell."""
    code = f"other-{log.shop.code}"
    other = await merchants.create_merchant(log.db, vault, MerchantInput(code=code, name="另一家"))
    assert await verify(log.db, other.merchant_id) == []
    assert await damage("update audit_entry set cell_id = cell_id + 1 where cell_id = {cell} and seq = 1") == 1
    async with await AsyncConnection.connect(log.db.urls.owner) as conn:
        await conn.execute(tenant_setting([log.shop.merchant_id, other.merchant_id]))
        await conn.execute(
            "update audit_entry set cell_id = %s where cell_id = %s", (log.shop.cell_id, cell_of(other.merchant_id))
        )
    assert "audit_entry" in await checks(log)


@pytest.mark.parametrize(
    "change",
    [
        "seal = sha256('guess')",
        "first_seq = first_seq - 1",
        "last_seq = last_seq - 1",
        "day = day + 1",
    ],
)
async def test_a_changed_seal_is_found(log: Desk, damage: Damage, change: str) -> None:
    assert await damage(f"update audit_day set {change} where cell_id = {{cell}} and day = '2026-03-03'") == 1
    assert await checks(log) == ["audit_seal"]


async def test_a_missing_seal_is_found(log: Desk, damage: Damage) -> None:
    assert await damage("delete from audit_day where cell_id = {cell} and day = '2026-03-03'") == 1
    assert await checks(log) == ["audit_seal"]


async def test_a_rewritten_end_is_told_by_the_seal_that_was_kept_elsewhere(log: Desk, damage: Damage) -> None:
    """With the deployment's key and the database one can write another past: only a seal kept elsewhere differs."""
    kept = await seal_of(log.db, log.shop.merchant_id, date(2026, 3, 5))
    await damage("delete from audit_day where cell_id = {cell} and day = '2026-03-05'")
    await damage("delete from audit_entry where cell_id = {cell} and seq >= 9")
    await damage("update cell_head set audit_seq = 8 where cell_id = {cell}")
    await seal_days(log.db, log.shop.merchant_id, date(2026, 3, 6))
    assert await found_in(log) == []
    assert await seal_of(log.db, log.shop.merchant_id, date(2026, 3, 5)) != kept


async def test_with_another_key_nothing_is_right(log: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "_keys", {})
    signing.sign_with(Vault(bytes(32)))
    assert await checks(log) == ["audit_entry", "audit_seal"]


async def test_verification_tells_how_far_it_is(log: Desk) -> None:
    told: list[tuple[int, int]] = []
    await verify(log.db, log.shop.merchant_id, lambda done, total: told.append((done, total)))
    assert told[-1] == (12, 12)


async def test_another_merchant_sees_no_entry(log: Desk, shop: Shop, vault: Vault) -> None:
    code = f"else-{shop.code}"
    other = await merchants.create_merchant(log.db, vault, MerchantInput(code=code, name="另一家"))
    async with log.db.reader(other.merchant_id) as conn:
        assert await reading.entries(conn, shop.cell_id, reading.Filter(), reading.NEWEST, 10) == []
        assert await reading.days(conn, shop.cell_id) == []
    with pytest.raises(RuntimeError):
        async with log.db.tenant(other.merchant_id) as conn:
            await record(conn, shop.cell_id, "logout", ("staff", 1))
