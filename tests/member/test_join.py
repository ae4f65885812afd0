"""Joining and changing, one at a time and at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from huimeng.infra.crypto import MerchantKeys, Tampered
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.teller import Command, Needs, Rows, Teller
from huimeng.infra.teller import batch as batches
from huimeng.kernel.errors import IdempotencyKeyReused, InvalidInput
from huimeng.member import service
from huimeng.member.commands import JoinMember
from huimeng.member.errors import IdentityTaken, MemberErased, MemberNotFound
from huimeng.member.store import MEMBER_STATUS, SHELVES
from huimeng.member.values import (
    IdentityInput,
    IdentityView,
    JoinSource,
    MemberInput,
    MemberPatch,
    MemberStatus,
    MemberView,
)
from tests.meeting import meet

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
Join = Callable[..., Awaitable[MemberView]]


async def outbox(db: Database, shop_id: int) -> list[tuple[Any, ...]]:
    async with db.tenant(shop_id) as conn:
        cursor = await conn.execute("select kind, ref_id, payload from outbox order by seq")
        return list(await cursor.fetchall())


async def test_a_member_joins_and_is_shown_masked(db: Database, shop_id: int, join: Join) -> None:
    view = await join(
        "138 0000 1234",
        name="张小明",
        birthday=date(1990, 3, 15),
        source=JoinSource(1, "E007", "qr", "spring"),
        registered_at=datetime(2020, 1, 1, tzinfo=UTC),
        consent_version="2026-01",
        consent_at=NOW,
        tags=["老客", "VIP"],
    )
    assert view == MemberView(
        member_id="1024",
        status="active",
        name="张**",
        birthday="****-03-15",
        identities=[IdentityView("phone", "138****1234")],
        source=JoinSource(1, "E007", "qr", "spring"),
        registered_at=datetime(2020, 1, 1, tzinfo=UTC),
        joined_at=NOW,
        consent_version="2026-01",
        consent_at=NOW,
        tags=["VIP", "老客"],
        version=view.version,
    )
    payload = {"store_id": 1, "at": "2020-01-01T00:00:00+00:00"}
    assert await outbox(db, shop_id) == [("member.joined", 1024, payload)]


async def test_what_was_answered_is_what_is_read_later(
    db: Database, shop_id: int, cell: int, keys: MerchantKeys, join: Join
) -> None:
    view = await join("13800001234", name="张三", birthday=date(1990, 3, 15))
    async with db.reader(shop_id) as conn:
        assert await service.get_member(conn, cell, keys, int(view.member_id)) == view
        with pytest.raises(MemberNotFound):
            await service.get_member(conn, cell, keys, 5)


async def test_nothing_personal_is_stored_in_the_clear(db: Database, shop_id: int, join: Join) -> None:
    await join("13800001234", name="张三", birthday=date(1990, 3, 15))
    async with db.tenant(shop_id) as conn:
        for table in ("member", "member_identity", "member_name_token", "outbox", "idempotency"):
            for (row,) in await (await conn.execute(f"select to_jsonb(t) from {table} t")).fetchall():
                values = [str(value) for value in row.values()]
                # A year by itself is looked for as a whole: its four digits stand in ids and sealed bytes by chance.
                assert "1990" not in values
                for personal in ("13800001234", "张三", "1990-03-15"):
                    assert personal not in str(values) and personal.encode().hex() not in str(values)
                assert "张" not in str(values)


async def test_an_identity_belongs_to_one_member(db: Database, shop_id: int, join: Join) -> None:
    first = await join("13800001234")
    with pytest.raises(IdentityTaken) as caught:
        await join("+86 138-0000-1234", name="别人")
    assert caught.value.problem("zh")["detail"] == f"手机号已属于会员 {first.member_id}"
    assert (caught.value.fields["kind"], caught.value.fields["member_id"]) == ("phone", first.member_id)
    assert len(await outbox(db, shop_id)) == 1


async def test_the_same_key_gives_the_same_member(teller: Teller, cell: int, keys: MerchantKeys) -> None:
    def command(phone: str, fingerprint: bytes) -> JoinMember:
        given = MemberInput(identities=[IdentityInput("phone", phone)])
        return service.join_member(cell, keys, given, now=NOW, key="members:k1", fingerprint=fingerprint)

    first = await teller.submit(command("13800001234", b"a"))
    again = await teller.submit(command("13800001234", b"a"))
    assert (first.status, again.replayed, again.body) == (201, True, first.body)
    with pytest.raises(IdempotencyKeyReused):
        await teller.submit(command("13900001234", b"b"))


async def test_many_who_join_at_once_are_one_batch_of_different_members(join: Join) -> None:
    views = await asyncio.gather(*(join(f"1380000{n:04}", name=f"会员{n}") for n in range(50)))
    assert len({view.member_id for view in views}) == 50


async def test_in_one_batch_the_first_of_two_gets_the_phone(join: Join) -> None:
    results = await asyncio.gather(*(join("13800001234") for _ in range(2)), return_exceptions=True)
    assert [type(result) for result in results] == [MemberView, IdentityTaken]


class Recorded(JoinMember):
    """Counts the decisions that found the phone free."""

    decided: list[Any]

    def decide(self, rows: Rows) -> Any:
        answer = super().decide(rows)
        self.decided.append(answer)
        return answer


@pytest.mark.parametrize("guard", [True, False], ids=["guarded", "control"])
async def test_two_processes_make_one_member_of_one_phone(
    guard: bool, urls: DatabaseUrls, db: Database, shop_id: int, cell: int, keys: MerchantKeys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The control takes the head lock away: both then find the phone free, and only the primary key stops one."""
    if not guard:
        monkeypatch.setattr(batches, "_LOCK_HEADS", batches._LOCK_HEADS.replace("for update", ""))
    given = MemberInput(identities=[IdentityInput("phone", "13800001234")])
    decided: list[Any] = []

    def command() -> Recorded:
        made = Recorded(cell, keys, service.checked_profile(keys, given, NOW))
        made.decided = decided
        return made

    meet(monkeypatch, guarded=guard)
    async with Teller(urls, SHELVES) as one, Teller(urls, SHELVES) as two:
        results = await asyncio.gather(one.submit(command()), two.submit(command()), return_exceptions=True)
    refusals = [type(result) for result in results if isinstance(result, BaseException)]
    assert (len(decided), refusals) == ((1, [IdentityTaken]) if guard else (2, [psycopg.errors.UniqueViolation]))
    async with db.tenant(shop_id) as conn:
        count = await (await conn.execute("select count(*) from member_identity")).fetchone()
    assert count == (1,)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("identities", {"identities": []}),
        ("phone", {"identities": [IdentityInput("phone", "no")]}),
        ("card_no", {"identities": [IdentityInput("card_no", "a\x00b")]}),
        ("external_id", {"identities": [IdentityInput("external_id", "\ud800")]}),
        ("identities", {"identities": [IdentityInput("card_no", str(n)) for n in range(21)]}),
        ("name", {"name": "张\x00三"}),
        ("name", {"name": "x" * 65}),
        ("name", {"name": ""}),
        ("birthday", {"birthday": date(1800, 1, 1)}),
        ("registered_at", {"registered_at": NOW + timedelta(days=1)}),
        ("consent_at", {"consent_version": "1"}),
        ("source.channel", {"source": JoinSource(channel="\x1b[31m")}),
        ("tags", {"tags": ["a\nb"]}),
    ],
)
async def test_hostile_input_is_refused_by_field(
    cell: int, keys: MerchantKeys, field: str, fields: dict[str, Any]
) -> None:
    given = {"identities": [IdentityInput("phone", "13800001234")], **fields}
    with pytest.raises(InvalidInput) as caught:
        service.join_member(cell, keys, MemberInput(**given), now=NOW)
    assert caught.value.fields["field"] == field


async def test_values_swapped_in_the_database_are_noticed(
    db: Database, shop_id: int, cell: int, keys: MerchantKeys, join: Join
) -> None:
    one, two = await join("13800001234", name="张三"), await join("13900001234", name="李四")
    async with db.tenant(shop_id) as conn:
        await conn.execute(
            "update member m set name = o.name from member o "
            "where m.cell_id = %s and o.cell_id = m.cell_id and m.member_id = %s and o.member_id = %s",
            (cell, int(one.member_id), int(two.member_id)),
        )
    async with db.reader(shop_id) as conn:
        with pytest.raises(Tampered):
            await service.get_member(conn, cell, keys, int(one.member_id))


# Changing.


@pytest.fixture
def change(teller: Teller, cell: int, keys: MerchantKeys) -> Callable[..., Awaitable[MemberView]]:
    async def run(member_id: str | int, **fields: Any) -> MemberView:
        command = service.change_member(cell, keys, int(member_id), MemberPatch(**fields), now=NOW)
        return (await teller.submit(command)).value  # type: ignore[no-any-return]

    return run


async def test_a_patch_changes_what_it_names_and_says_so(
    db: Database, shop_id: int, cell: int, keys: MerchantKeys, join: Join, change: Join
) -> None:
    before = await join("13800001234", name="张三", birthday=date(1990, 3, 15), tags=["a"])
    after = await change(
        before.member_id, name="李小四", birthday=None, tags=["b"], consent_version="2", consent_at=NOW
    )
    assert (after.name, after.birthday, after.tags) == ("李**", None, ["b"])
    assert (after.consent_version, after.consent_at) == ("2", NOW)
    assert after.identities == before.identities
    async with db.reader(shop_id) as conn:
        assert await service.get_member(conn, cell, keys, int(before.member_id)) == after
    fields = ["birthday", "consent_at", "consent_version", "name", "tags"]
    assert (await outbox(db, shop_id))[1:] == [("member.changed", 1024, {"fields": fields})]


async def test_a_patch_without_effect_tells_nobody(db: Database, shop_id: int, join: Join, change: Join) -> None:
    before = await join("13800001234", name="张三", tags=["a"])
    phone = IdentityInput("phone", "13800001234")
    stranger = IdentityInput("phone", "13999999999")
    after = await change(
        before.member_id, name="张三", tags=["a"], add_identities=[phone], remove_identities=[stranger]
    )
    assert after == before
    assert len(await outbox(db, shop_id)) == 1


async def test_a_phone_given_up_is_free_for_another(join: Join, change: Join) -> None:
    one = await join("13800001234")
    new, old = IdentityInput("phone", "13900001234"), IdentityInput("phone", "13800001234")
    after = await change(one.member_id, add_identities=[new], remove_identities=[old])
    assert after.identities == [IdentityView("phone", "139****1234")]
    two = await join("13800001234")
    assert two.member_id != one.member_id
    with pytest.raises(IdentityTaken):
        await change(two.member_id, add_identities=[new])


async def test_a_phone_changes_hands_within_one_batch(
    db: Database, shop_id: int, cell: int, keys: MerchantKeys, join: Join, change: Join
) -> None:
    one = await join("13800001234")
    _, two = await asyncio.gather(
        change(one.member_id, remove_identities=[IdentityInput("phone", "13800001234")]), join("13800001234")
    )
    async with db.reader(shop_id) as conn:
        assert await service.find_by_identity(conn, cell, keys, "phone", "13800001234") == int(two.member_id)
        assert (await service.get_member(conn, cell, keys, int(one.member_id))).identities == []


async def test_an_unknown_or_erased_member_is_not_changed(db: Database, shop_id: int, join: Join, change: Join) -> None:
    with pytest.raises(MemberNotFound):
        await change(99 * 1024, name="x")
    one = await join("13800001234")
    async with db.tenant(shop_id) as conn:
        await conn.execute("update member set status = 2")
    with pytest.raises(MemberErased):
        await change(one.member_id, name="x")


class AskStatus(Command):
    def __init__(self, cell_id: int, member_id: int) -> None:
        self.cell_id = cell_id
        self.member_id = member_id

    def needs(self) -> Needs:
        yield MEMBER_STATUS, (self.cell_id, self.member_id)

    def decide(self, rows: Rows) -> MemberStatus | None:
        found: MemberStatus | None = rows.get(MEMBER_STATUS, (self.cell_id, self.member_id))
        return found


async def test_other_commands_see_whether_a_member_is_there(teller: Teller, cell: int, join: Join) -> None:
    one = int((await join("13800001234")).member_id)
    there, not_there = await asyncio.gather(
        teller.submit(AskStatus(cell, one)), teller.submit(AskStatus(cell, one + 1024))
    )
    assert (there.value, not_there.value) == (MemberStatus(one, True), None)
