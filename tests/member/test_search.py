"""Finding members although everything about them is sealed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from huimeng.infra.crypto import MerchantKeys, Vault
from huimeng.infra.database import Database
from huimeng.infra.teller import Teller
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.ids import cell_of
from huimeng.member import sealing, service
from huimeng.member.service import MemberQuery
from huimeng.member.store import IdentityShelf
from huimeng.member.values import IdentityInput, MemberInput, MemberPatch, MemberView
from huimeng.merchant import service as merchant_service
from huimeng.merchant.values import MerchantInput

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
Join = Callable[..., Awaitable[MemberView]]
Find = Callable[..., Awaitable[list[str]]]
PEOPLE = ("张小明", "王小明", "张明", "Alice Zhang", "阿卜杜拉·买买提", "明小张")


@pytest.fixture
def find(db: Database, shop_id: int, cell: int, keys: MerchantKeys) -> Find:
    async def run(**criteria: Any) -> list[str]:
        async with db.reader(shop_id) as conn:
            found, _ = await service.find_members(conn, cell, keys, MemberQuery(**criteria))
        return [view.member_id for view in found]

    return run


@pytest.fixture
async def people(join: Join) -> dict[str, str]:
    return {name: (await join(f"1380000123{n}", name=name)).member_id for n, name in enumerate(PEOPLE)}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("小明", ["王小明", "张小明"]),
        ("张小明", ["张小明"]),
        ("张", ["明小张", "张明", "张小明"]),
        ("小红", []),
        ("alice", ["Alice Zhang"]),
        ("ALICE z", ["Alice Zhang"]),
        ("买买提", ["阿卜杜拉·买买提"]),
        ("卜杜拉买", ["阿卜杜拉·买买提"]),
        ("·", []),
    ],
)
async def test_names_are_found_by_any_part(find: Find, people: dict[str, str], query: str, names: list[str]) -> None:
    assert await find(name=query) == [people[name] for name in names]


async def test_a_false_candidate_is_not_shown(
    find: Find, people: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All tokens alike: every member is a candidate, and only the names that match come back."""
    monkeypatch.setattr(sealing, "name_tokens", lambda keys, pieces: (7,))
    assert await find(name="小明") == []


async def test_a_new_name_is_found_and_the_old_one_is_not(
    db: Database, shop_id: int, teller: Teller, cell: int, keys: MerchantKeys, find: Find, people: dict[str, str]
) -> None:
    member_id = people["张小明"]
    await teller.submit(service.change_member(cell, keys, int(member_id), MemberPatch(name="李雷"), now=NOW))
    assert await find(name="李雷") == [member_id]
    assert await find(name="张小") == []
    async with db.reader(shop_id) as conn:
        tokens = await conn.execute("select token from member_name_token where member_id = %s order by 1", (member_id,))
        stored = tuple(row[0] for row in await tokens.fetchall())
    assert stored == sealing.tokens_of_name(keys, "李雷")
    await teller.submit(service.change_member(cell, keys, int(member_id), MemberPatch(name=None), now=NOW))
    assert await find(name="李雷") == []


async def test_members_are_found_by_each_identity(teller: Teller, cell: int, keys: MerchantKeys, find: Find) -> None:
    given = MemberInput(
        identities=[
            IdentityInput("phone", "13800001234"),
            IdentityInput("card_no", "VIP-001"),
            IdentityInput("external_id", "13900009999"),
        ]
    )
    await teller.submit(service.join_member(cell, keys, given, now=NOW))
    assert await find(phone="+86 138 0000 1234") == ["1024"]
    assert await find(card_no="VIP-001") == ["1024"]
    assert await find(external_id="13900009999") == ["1024"]
    assert await find(phone="13900009999") == []
    assert await find(phone_last4="1234") == ["1024"]
    assert await find(phone_last4=" \uff11\uff12\uff13\uff14") == ["1024"]
    assert await find(phone_last4="9999") == []


async def test_members_are_found_by_the_number_that_answers_give_them(find: Find, people: dict[str, str]) -> None:
    number = people["张明"]
    assert await find(member_id=number) == [number]
    for none in (str(int(number) + 10**9), "0", "-1", "", "²", "9" * 30, "9" * 5000):
        assert await find(member_id=none) == []


async def test_last_four_digits_find_everybody_who_has_them_once(
    teller: Teller, cell: int, keys: MerchantKeys, join: Join, find: Find
) -> None:
    one, two = await join("13800001234"), await join("13900001234")
    second_phone = MemberPatch(add_identities=[IdentityInput("phone", "13700001234")])
    await teller.submit(service.change_member(cell, keys, int(one.member_id), second_phone, now=NOW))
    assert await find(phone_last4="1234") == [two.member_id, one.member_id]


@pytest.mark.parametrize(
    ("field", "criteria"),
    [
        ("phone_last4", {"phone_last4": "123"}),
        ("phone_last4", {"phone_last4": "12a4"}),
        ("phone_last4", {"phone_last4": "\u0661\u0662\u0663\u0664"}),
        ("phone", {"phone": "abc"}),
        ("card_no", {"card_no": ""}),
        ("name", {"name": "\x00"}),
        ("query", {"name": "张", "phone": "13800001234"}),
    ],
)
async def test_a_query_that_could_find_nothing_is_refused(find: Find, field: str, criteria: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        await find(**criteria)
    assert caught.value.fields["field"] == field


@pytest.mark.parametrize("criteria", [{}, {"name": "会员"}, {"name": "会"}, {"phone_last4": "1234"}])
async def test_pages_follow_each_other_newest_first(
    db: Database, shop_id: int, cell: int, keys: MerchantKeys, join: Join, criteria: dict[str, str]
) -> None:
    ids = [(await join(f"138{n:04}1234", name=f"会员{n}")).member_id for n in range(5)]
    pages: list[list[str]] = []
    before: int | None = service.NEWEST
    async with db.reader(shop_id) as conn:
        while before is not None:
            views, before = await service.find_members(
                conn, cell, keys, MemberQuery(**criteria), before=before, limit=2
            )
            pages.append([view.member_id for view in views])
    newest_first = ids[::-1]
    assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]


async def test_a_long_name_search_stops_and_goes_on_with_the_next_page(
    db: Database, shop_id: int, cell: int, keys: MerchantKeys, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [(await join(f"1380000{n:04}", name="会员" if n == 0 else f"员工{n}")).member_id for n in range(8)]
    monkeypatch.setattr(service, "MAX_CANDIDATES", 3)
    token = sealing.name_tokens(keys, ["员"])
    monkeypatch.setattr(sealing, "name_tokens", lambda keys, pieces: token)
    found: list[str] = []
    pages = 0
    before: int | None = service.NEWEST
    async with db.reader(shop_id) as conn:
        while before is not None:
            views, before = await service.find_members(
                conn, cell, keys, MemberQuery(name="会员"), before=before, limit=1
            )
            found += [view.member_id for view in views]
            pages += 1
    assert found == [ids[0]]
    assert pages > 1


async def test_another_merchant_finds_nothing(
    db: Database, vault: Vault, cell: int, keys: MerchantKeys, join: Join, shop_id: int
) -> None:
    await join("13800001234", name="张小明")
    other = await merchant_service.create_merchant(db, vault, MerchantInput(code=f"o-{shop_id}", name="别家"))
    async with db.reader(other.merchant_id) as conn:
        others = await merchant_service.merchant_keys(conn, vault, other.merchant_id)
        for query in (MemberQuery(phone="13800001234"), MemberQuery(name="小明"), MemberQuery()):
            assert await service.find_members(conn, cell_of(other.merchant_id), others, query) == ([], None)
            # Even asked with the first one's cell and keys, row security shows nothing.
            assert await service.find_members(conn, cell, keys, query) == ([], None)
        for table in ("member", "member_identity", "member_name_token"):
            assert await (await conn.execute(f"select * from {table}")).fetchall() == []


async def test_searches_can_use_their_indexes(db: Database, shop_id: int) -> None:
    """Under row security only leakproof comparisons reach an index: equality does, "array contains" (GIN) does not."""
    query = "select bool_and(proleakproof) from pg_proc where proname = any(%s)"
    async with db.reader(shop_id) as conn:
        for names, usable in ((["int8eq", "int4eq", "int2eq", "byteaeq"], True), (["arraycontains"], False)):
            assert await (await conn.execute(query, (names,))).fetchone() == (usable,)


async def test_commands_look_identities_up_by_their_whole_key(db: Database, shop_id: int, cell: int) -> None:
    """With decode() inside the join the index would be searched by cell and kind only, and every row of them read."""
    ((statement, params),) = IdentityShelf().load([(cell, 1, b"x" * 32)])
    async with db.tenant(shop_id) as conn:
        for setting in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_bitmapscan"):
            await conn.execute(f"set local {setting} = off")
        plan = [row[0] for row in await (await conn.execute(f"explain {statement}", params)).fetchall()]
    assert any("Index Cond" in line and "blind_index" in line for line in plan), plan
