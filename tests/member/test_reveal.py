"""Personal data in the clear: by one route only, and never without an entry in the audit log."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx
import pytest

from huimeng.infra import audit
from huimeng.infra.audit import Entry, reading
from huimeng.infra.audit.verifying import verify
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database
from huimeng.infra.teller import Teller
from huimeng.member.http import routes
from huimeng.member.values import IdentityInput, MemberView
from huimeng.merchant.authentication import Principal
from tests.member.conftest import Join
from tests.merchant.doors import served

PHONE, CARD, NAME, BIRTHDAY = "13800001234", "VIP-000Y8765", "欧阳小明", "1990-03-15"
# Of the card one sign more than is shown; no time and no hash has a Y.
CLEAR = (PHONE, CARD, NAME, BIRTHDAY, "小明", "Y8765")
WHY = {"fields": ["name", "birthday", "phone", "card_no"], "reason": "投诉回访"}


@pytest.fixture
async def member(join: Join) -> MemberView:
    identities = [IdentityInput("phone", PHONE), IdentityInput("card_no", CARD)]
    return await join(PHONE, identities=identities, name=NAME, birthday=date.fromisoformat(BIRTHDAY))


@pytest.fixture
def serve(db: Database, vault: Vault, teller: Teller, shop_id: int, cell: int) -> Any:
    """A client with these scopes, as staff 7."""

    def open_client(*scopes: str) -> Any:
        principal = Principal(shop_id, cell, frozenset(scopes), "staff:7", name="安娜")
        return served(routes, principal, db=db, vault=vault, teller=teller)

    return open_client


async def entries(db: Database, shop_id: int, cell: int) -> list[Entry]:
    """Reveals only, oldest first."""
    async with db.reader(shop_id) as conn:
        found = await reading.entries(conn, cell, reading.Filter(action="member.revealed"), reading.NEWEST, 100)
    return found[::-1]


async def test_it_is_shown_and_written_down(
    serve: Any, member: MemberView, db: Database, shop_id: int, cell: int
) -> None:
    path = f"/v1/members/{member.member_id}/reveal"
    async with serve("members:reveal") as client:
        answer = await client.post(path, json=WHY, headers={"User-Agent": "console"})
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert answer.json() == {
            "member_id": member.member_id,
            "name": NAME,
            "birthday": BIRTHDAY,
            "identities": [{"kind": "phone", "value": PHONE}, {"kind": "card_no", "value": CARD}],
        }
        part = await client.post(path, json={"fields": ["phone", "phone"], "reason": "回电"})
        assert part.json() == {
            "member_id": member.member_id,
            "name": None,
            "birthday": None,
            "identities": [{"kind": "phone", "value": PHONE}],
        }
    whole, some = await entries(db, shop_id, cell)
    assert (whole.actor, whole.actor_name, whole.agent, whole.object_id) == (
        "staff:7",
        "安娜",
        "console",
        member.member_id,
    )
    assert whole.after == {"fields": ["birthday", "card_no", "name", "phone"], "reason": "投诉回访"}
    assert some.after == {"fields": ["phone"], "reason": "回电"}
    assert not [clear for clear in CLEAR if clear in str(whole)]
    # By the till's clock it is the day of these entries.
    assert await verify(db, shop_id, today=date(2026, 3, 1)) == []


async def test_what_cannot_be_written_down_is_not_shown(
    serve: Any, member: MemberView, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> int:
        raise RuntimeError("no room")

    monkeypatch.setattr(audit, "record", fails)
    async with serve("members:reveal") as client:
        answer = await client.post(f"/v1/members/{member.member_id}/reveal", json=WHY)
    assert answer.status_code == 500
    assert not [clear for clear in CLEAR if clear in answer.text]


async def test_the_same_key_reveals_anew_and_keeps_nothing(
    serve: Any, member: MemberView, db: Database, shop_id: int, cell: int
) -> None:
    async with serve("members:reveal") as client:
        for _ in range(2):
            await client.post(
                f"/v1/members/{member.member_id}/reveal", json=WHY, headers={"Idempotency-Key": "the same"}
            )
    assert len(await entries(db, shop_id, cell)) == 2
    async with db.reader(shop_id) as conn:
        cursor = await conn.execute("select count(*) from idempotency where cell_id = %s", (cell,))
        assert await cursor.fetchone() == (0,)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"fields": [], "reason": "x"}, 400, "invalid_input"),
        ({"fields": ["phone"], "reason": " "}, 400, "invalid_input"),
        ({"fields": ["phone"]}, 400, "invalid_input"),
        ({"fields": ["wrapped_key"], "reason": "x"}, 400, "invalid_input"),
        ({"fields": ["phone"], "reason": "x" * 201}, 400, "invalid_input"),
    ],
)
async def test_without_fields_and_a_reason_nothing_is_shown(
    serve: Any, member: MemberView, db: Database, shop_id: int, cell: int, body: Any, status: int, code: str
) -> None:
    async with serve("*") as client:
        answer = await client.post(f"/v1/members/{member.member_id}/reveal", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await entries(db, shop_id, cell) == []


async def test_it_takes_a_scope_of_its_own(
    serve: Any, member: MemberView, db: Database, shop_id: int, cell: int
) -> None:
    async with serve("members:read", "members:write") as client:
        answer = await client.post(f"/v1/members/{member.member_id}/reveal", json=WHY)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert await entries(db, shop_id, cell) == []


async def test_who_is_not_there_or_was_erased_has_nothing_to_show(
    serve: Any, member: MemberView, db: Database, shop_id: int, cell: int
) -> None:
    async with serve("members:reveal") as client:
        unknown = await client.post("/v1/members/999424/reveal", json=WHY)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "member_not_found")
        async with db.tenant(shop_id) as conn:
            await conn.execute("update member set status = 2 where cell_id = %s", (cell,))
        erased = await client.post(f"/v1/members/{member.member_id}/reveal", json=WHY)
        assert (erased.status_code, erased.json()["code"]) == (409, "member_erased")
    assert await entries(db, shop_id, cell) == []


async def test_every_other_route_of_members_masks(serve: Any, member: MemberView) -> None:
    """With a control: the same look finds all of it in what reveal answers."""

    def seen(answer: httpx.Response) -> list[str]:
        assert answer.status_code in (200, 201), answer.text
        return [clear for clear in CLEAR if clear in answer.text]

    async with serve("*") as client:
        key = {"Idempotency-Key": "change"}
        answers = [
            await client.get(f"/v1/members/{member.member_id}"),
            await client.get("/v1/members"),
            *[
                await client.get("/v1/members", params={name: value})
                for name, value in (("phone", PHONE), ("name", NAME))
            ],
            await client.post("/v1/members/search", json={"card_no": CARD}),
            await client.patch(f"/v1/members/{member.member_id}", json={"name": NAME + "明"}, headers=key),
            await client.patch(f"/v1/members/{member.member_id}", json={"name": NAME + "明"}, headers=key),
        ]
        assert all(member.member_id in answer.text for answer in answers)
        assert [seen(answer) for answer in answers] == [[]] * len(answers)
        assert seen(await client.post(f"/v1/members/{member.member_id}/reveal", json=WHY)) == list(CLEAR)
