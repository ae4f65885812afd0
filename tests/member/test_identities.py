"""A member's identities one by one: listed masked, added, replaced, removed, once for each key."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from huimeng.entry.context import Context
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database
from tests.conftest import Shop, make_shop
from tests.served import application, caller, fresh, token

_phones = itertools.count(13700000000)


@pytest.fixture
async def app(context: Context) -> AsyncIterator[Any]:
    async with application(context) as running:
        yield running


@pytest.fixture
async def client(app: Any, context: Context, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(app, await token(context, shop)) as opened:
        yield opened


async def join(client: httpx.AsyncClient) -> tuple[str, str]:
    phone = str(next(_phones))
    body = {"identities": [{"kind": "phone", "value": phone}]}
    member_id = (await client.post("/v1/members", json=body, headers=fresh())).json()["member_id"]
    return f"/v1/members/{member_id}/identities", phone


async def test_added_listed_replaced_and_removed(client: httpx.AsyncClient) -> None:
    address, phone = await join(client)
    added = await client.post(address, json={"kind": "card_no", "value": "K-100200"}, headers=fresh())
    assert added.status_code == 201 and len(added.json()["identities"]) == 2
    items = {each["kind"]: each for each in (await client.get(address)).json()["items"]}
    assert items["phone"]["value"] == f"{phone[:3]}****{phone[-4:]}"
    assert phone not in str(items) and phone not in items["phone"]["identity_id"]
    held = f"{address}/{items['phone']['identity_id']}"
    new, once = str(next(_phones)), fresh()
    replaced = await client.put(held, json={"value": new}, headers=once)
    assert replaced.status_code == 200, replaced.text
    again = await client.put(held, json={"value": new}, headers=once)
    assert (again.content, again.headers["idempotent-replayed"]) == (replaced.content, "true")
    for wanted, found in ((phone, 0), (new, 1)):
        members = (await client.post("/v1/members/search", json={"phone": wanted})).json()["items"]
        assert len(members) == found
    card, once = f"{address}/{items['card_no']['identity_id']}", fresh()
    removed = await client.delete(card, headers=once)
    assert [each["kind"] for each in removed.json()["identities"]] == ["phone"]
    assert (await client.delete(card, headers=once)).content == removed.content
    assert (await client.delete(card, headers=fresh())).json()["code"] == "identity_not_found"


async def test_an_identity_of_somebody_else(client: httpx.AsyncClient) -> None:
    mine, _ = await join(client)
    theirs, phone = await join(client)
    taken = await client.post(mine, json={"kind": "phone", "value": phone}, headers=fresh())
    assert (taken.status_code, taken.json()["code"]) == (409, "identity_taken")
    (held,) = (await client.get(theirs)).json()["items"]
    wrong = await client.delete(f"{mine}/{held['identity_id']}", headers=fresh())
    assert (wrong.status_code, wrong.json()["code"]) == (404, "identity_not_found")
    assert len((await client.get(theirs)).json()["items"]) == 1
    (own,) = (await client.get(mine)).json()["items"]
    refused = await client.put(f"{mine}/{own['identity_id']}", json={"value": phone}, headers=fresh())
    assert refused.json()["code"] == "identity_taken"
    assert (await client.get(mine)).json()["items"] == [own]


async def test_a_stranger_finds_nobody(
    client: httpx.AsyncClient, app: Any, context: Context, db: Database, vault: Vault
) -> None:
    address, _ = await join(client)
    (held,) = (await client.get(address)).json()["items"]
    other = await make_shop(db, vault)
    async with caller(app, await token(context, other)) as stranger:
        answers = [
            await stranger.get(address),
            await stranger.delete(f"{address}/{held['identity_id']}", headers=fresh()),
            await stranger.put(f"{address}/{held['identity_id']}", json={"value": "13812345678"}, headers=fresh()),
            await stranger.post(address, json={"kind": "phone", "value": "13812345678"}, headers=fresh()),
        ]
    assert {(each.status_code, each.json()["code"]) for each in answers} == {(404, "member_not_found")}


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "phone"},
        {"kind": "wechat", "value": "x"},
        {"kind": "phone", "value": "abc"},
        {"kind": "phone", "value": 1},
    ],
)
async def test_what_is_no_identity(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    address, _ = await join(client)
    assert (await client.post(address, json=body, headers=fresh())).status_code == 400
    assert (await client.delete(f"{address}/{'x' * 41}", headers=fresh())).status_code == 400
