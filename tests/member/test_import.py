"""What importing a row means for members that are known already."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from huimeng.infra.crypto import MerchantKeys
from huimeng.infra.database import Database
from huimeng.infra.teller import Teller
from huimeng.member import service
from huimeng.member.values import IdentityInput, IdentityView, ImportOutcome, JoinSource, MemberInput, MemberView

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
SINCE = datetime(2019, 5, 1, tzinfo=UTC)
CRM = IdentityInput("external_id", "crm-1")
PHONE = IdentityInput("phone", "13800001234")
OTHER_PHONE = IdentityInput("phone", "13900001234")

Import = Callable[..., Awaitable[ImportOutcome]]
Join = Callable[..., Awaitable[MemberView]]
ROW: dict[str, Any] = {
    "name": "张三",
    "birthday": date(1990, 3, 15),
    "registered_at": SINCE,
    "tags": ["a"],
    "consent_at": SINCE,
    "source": JoinSource(channel="wechat"),
}


@pytest.fixture
def bring(teller: Teller, cell: int, keys: MerchantKeys) -> Import:
    async def run(*identities: IdentityInput, **fields: Any) -> ImportOutcome:
        given = MemberInput(identities=list(identities), **fields)
        return (await teller.submit(service.import_member(cell, keys, given, now=NOW))).value  # type: ignore[no-any-return]

    return run


@pytest.fixture
async def events(db: Database, shop_id: int) -> Callable[[], Awaitable[list[tuple[str, Any]]]]:
    async def read() -> list[tuple[str, Any]]:
        async with db.tenant(shop_id) as conn:
            rows = await (await conn.execute("select kind, payload from outbox order by seq")).fetchall()
        return [(row[0], row[1]) for row in rows]

    return read


async def test_a_row_creates_and_the_same_row_again_changes_nothing(bring: Import, events: Any) -> None:
    assert await bring(CRM, PHONE, **ROW) == ImportOutcome("created", 1024)
    assert await bring(CRM, PHONE, **ROW) == ImportOutcome("unchanged", 1024)
    assert await bring(CRM) == ImportOutcome("unchanged", 1024)
    assert await events() == [("member.joined", {"store_id": None, "at": "2019-05-01T00:00:00+00:00"})]


async def test_the_same_row_twice_in_one_batch_makes_one_member(bring: Import) -> None:
    first, second = await asyncio.gather(bring(CRM, PHONE, **ROW), bring(CRM, PHONE, **ROW))
    assert (first, second) == (ImportOutcome("created", 1024), ImportOutcome("unchanged", 1024))


@pytest.mark.parametrize(
    ("differs", "changed"),
    [
        ("name", {"name": "李四"}),
        ("birthday", {"birthday": date(1990, 3, 16)}),
        ("registered_at", {"registered_at": NOW}),
        ("tags", {"tags": ["b"]}),
        ("consent_at", {"consent_at": NOW}),
        ("join_source", {"source": JoinSource(channel="store")}),
    ],
)
async def test_a_changed_row_is_a_conflict_and_changes_nothing(
    db: Database, shop_id: int, cell: int, keys: MerchantKeys, bring: Import, events: Any, differs: str,
    changed: dict[str, Any],
) -> None:  # fmt: skip
    await bring(CRM, PHONE, **ROW)
    async with db.reader(shop_id) as conn:
        before = await service.get_member(conn, cell, keys, 1024)
    assert await bring(CRM, PHONE, **(ROW | changed)) == ImportOutcome("conflict", 1024, (differs,))
    async with db.reader(shop_id) as conn:
        assert await service.get_member(conn, cell, keys, 1024) == before
    assert len(await events()) == 1


async def test_another_phone_under_the_same_number_is_a_conflict(bring: Import) -> None:
    await bring(CRM, PHONE)
    assert await bring(CRM, OTHER_PHONE) == ImportOutcome("conflict", 1024, ("phone",))


async def test_identities_of_two_members_are_a_conflict(bring: Import) -> None:
    await bring(CRM)
    await bring(PHONE)
    assert await bring(CRM, PHONE) == ImportOutcome("conflict", None, ("identities",))


async def test_a_row_links_a_member_who_joined_by_phone(
    db: Database, shop_id: int, cell: int, keys: MerchantKeys, bring: Import, join: Join, events: Any
) -> None:
    joined = await join("13800001234", tags=["new"])
    assert await bring(CRM, PHONE, **ROW) == ImportOutcome("linked", int(joined.member_id))
    async with db.reader(shop_id) as conn:
        view = await service.get_member(conn, cell, keys, int(joined.member_id))
    assert view.identities == [IdentityView("phone", "138****1234"), IdentityView("external_id", "crm-1")]
    assert (view.name, view.birthday, view.tags) == ("张*", "****-03-15", ["a", "new"])
    assert (view.registered_at, view.consent_at) == (NOW, SINCE)
    fields = ["birthday", "consent_at", "consent_version", "identities", "name", "tags"]
    assert (await events())[1:] == [("member.changed", {"fields": fields})]


async def test_a_row_with_the_phone_of_another_person_is_a_conflict(bring: Import, join: Join) -> None:
    joined = await join("13800001234", name="李四")
    assert await bring(CRM, PHONE, **ROW) == ImportOutcome("conflict", int(joined.member_id), ("name",))


async def test_external_ids_are_resolved_for_a_whole_chunk(
    db: Database, shop_id: int, cell: int, keys: MerchantKeys, bring: Import
) -> None:
    for n in range(3):
        await bring(IdentityInput("external_id", f"crm-{n}"))
    indexes = [service.external_index(keys, text) for text in (" crm-2", "crm-0", "crm-9")]
    async with db.reader(shop_id) as conn:
        found = await service.member_ids_by_external(conn, cell, indexes)
    assert found == {indexes[0]: 3 * 1024, indexes[1]: 1024}
