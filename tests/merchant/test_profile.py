"""Reading and changing single settings: tags that save work, and refuse what would overwrite somebody else's change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from huimeng.entry.context import Context
from tests.conftest import Shop
from tests.served import application, caller, fresh, token


@pytest.fixture
async def client(context: Context, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    async with application(context) as app, caller(app, await token(context, shop)) as opened:
        await opened.post("/v1/stores", json={"code": "s1", "name": "一号店"}, headers=fresh())
        yield opened


async def made(client: httpx.AsyncClient) -> dict[str, tuple[str, dict[str, Any]]]:
    """Something of each kind that has a tag: address, and a change of it."""
    await client.post("/v1/regions", json={"code": "east", "name": "华东"}, headers=fresh())
    joining = {"identities": [{"kind": "phone", "value": "13800001234"}]}
    member = (await client.post("/v1/members", json=joining, headers=fresh())).json()["member_id"]
    hired = {"login": "xiaolin", "name": "小林", "role": "cashier"}
    staff = (await client.post("/v1/staff", json=hired, headers=fresh())).json()["staff"]["staff_id"]
    return {
        "merchant": ("/v1/merchant", {"name": "新名字"}),
        "store": ("/v1/stores/1", {"name": "静安店"}),
        "region": ("/v1/regions/east", {"name": "东部"}),
        "key": ("/v1/api-keys/1", {"name": "收银"}),
        "staff": (f"/v1/staff/{staff}", {"name": "林小姐"}),
        "member": (f"/v1/members/{member}", {"name": "李四"}),
    }


@pytest.mark.parametrize("kind", ["merchant", "store", "region", "key", "staff", "member"])
async def test_a_tag_saves_the_answer_and_guards_the_change(client: httpx.AsyncClient, kind: str) -> None:
    address, change = (await made(client))[kind]
    read = await client.get(address)
    tag = read.headers["etag"]
    assert read.status_code == 200 and tag.startswith('"')
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        same = await client.get(address, headers={"If-None-Match": known})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (await client.get(address, headers={"If-None-Match": '"other"'})).status_code == 200

    for wrong in ('"other"', f"W/{tag}", tag.strip('"'), ""):
        refused = await client.patch(address, json=change, headers=fresh(**{"If-Match": wrong}))
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert (await client.get(address)).headers["etag"] == tag
    once = fresh(**{"If-Match": tag})
    changed = await client.patch(address, json=change, headers=once)
    assert changed.status_code == 200
    # The same request again gets its answer, though its tag is old by now.
    assert (await client.patch(address, json=change, headers=once)).content == changed.content
    after = await client.get(address)
    assert after.headers["etag"] == changed.headers["etag"] != tag
    again = {"name": "别的名字"}
    assert (await client.patch(address, json=again, headers=fresh(**{"If-Match": tag}))).status_code == 412
    assert (await client.patch(address, json=again, headers=fresh(**{"If-Match": "*"}))).status_code == 200


@pytest.mark.parametrize("kind", ["store", "staff", "member"])
async def test_of_two_who_have_read_the_same_one_wins(client: httpx.AsyncClient, kind: str) -> None:
    address, _ = (await made(client))[kind]
    tag = (await client.get(address)).headers["etag"]

    async def change(name: str, guard: dict[str, str]) -> int:
        answer = await client.patch(address, json={"name": name}, headers=fresh(**guard))
        return answer.status_code

    guarded = await asyncio.gather(*(change(f"名{n}", {"If-Match": tag}) for n in range(6)))
    assert sorted(guarded) == [200] + [412] * 5
    # Without the tag all of them go through, and five changes are lost.
    assert set(await asyncio.gather(*(change(f"号{n}", {}) for n in range(6)))) == {200}


@pytest.mark.parametrize(
    ("kind", "table", "moved"),
    [
        ("key", "api_key", "last_used_day = current_date - 1"),
        ("staff", "staff", "last_login_at = now()"),
        ("staff", "staff", "locked_until = now()"),
        ("staff", "staff", "must_change_password = not must_change_password"),
    ],
)
async def test_what_nobody_edits_makes_another_answer_and_no_conflict(
    client: httpx.AsyncClient, context: Context, shop: Shop, kind: str, table: str, moved: str
) -> None:
    address, change = (await made(client))[kind]
    tag = (await client.get(address)).headers["etag"]
    async with context.db.tenant(shop.merchant_id) as conn:
        await conn.execute(f"update {table} set {moved}")
    # A browser that has it gets the new day; who has read it may still change it.
    later = await client.get(address, headers={"If-None-Match": tag})
    assert later.status_code == 200 and later.headers["etag"] != tag
    for wrong in ('"other"', f"W/{tag}", tag.strip('"'), tag.partition(".")[2], ""):
        refused = await client.patch(address, json=change, headers=fresh(**{"If-Match": wrong}))
        assert refused.status_code == 412
    changed = await client.patch(address, json=change, headers=fresh(**{"If-Match": tag}))
    assert (changed.status_code, changed.json()["name"]) == (200, change["name"])
    assert (await client.get(address)).headers["etag"] == changed.headers["etag"]
    assert (await client.patch(address, json=change, headers=fresh(**{"If-Match": tag}))).status_code == 412


async def test_lists_of_what_is_configured_have_tags(client: httpx.AsyncClient) -> None:
    for address in ("/v1/stores", "/v1/earning-rules"):
        tag = (await client.get(address)).headers["etag"]
        assert (await client.get(address, headers={"If-None-Match": tag})).status_code == 304


async def test_the_merchants_own_data(client: httpx.AsyncClient) -> None:
    change = {"name": "  某某 酒馆 ", "industry": "bar", "timezone": "Asia/Tokyo", "day_cut_minutes": 240}
    changed = (await client.patch("/v1/merchant", json=change, headers=fresh())).json()
    assert (changed["name"], changed["industry"], changed["timezone"]) == ("某某 酒馆", "bar", "Asia/Tokyo")
    # The store that is there stays as it is; one made later begins with the new settings.
    old = (await client.get("/v1/stores/1")).json()
    new = (await client.post("/v1/stores", json={"code": "s2", "name": "二号店"}, headers=fresh())).json()
    assert (old["timezone"], old["day_cut_minutes"]) == ("Asia/Shanghai", 0)
    assert (new["timezone"], new["day_cut_minutes"]) == ("Asia/Tokyo", 240)


@pytest.mark.parametrize(
    "body",
    [
        {"code": "other"},
        {"currency": "USD"},
        {"status": "suspended"},
        {"merchant_id": 1},
        {"name": ""},
        {"name": None},
        {"name": "\u202egnp"},
        {"timezone": "../etc/passwd"},
        {"day_cut_minutes": 1440},
        {"industry": "crime"},
        [],
    ],
)
async def test_what_a_merchant_cannot_become(client: httpx.AsyncClient, body: Any) -> None:
    before = (await client.get("/v1/merchant")).content
    refused = await client.patch("/v1/merchant", json=body, headers=fresh())
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_input")
    assert (await client.get("/v1/merchant")).content == before


async def test_nothing_there(client: httpx.AsyncClient) -> None:
    for address, code in (
        ("/v1/stores/99", "store_not_found"),
        ("/v1/regions/nowhere", "region_not_found"),
        ("/v1/api-keys/99", "api_key_not_found"),
        ("/v1/staff/99", "staff_not_found"),
    ):
        assert (await client.get(address)).json()["code"] == code
        assert (await client.patch(address, json={"name": "x"}, headers=fresh())).json()["code"] == code


async def test_a_regions_code_stays(client: httpx.AsyncClient) -> None:
    await made(client)
    assert (await client.patch("/v1/regions/east", json={"code": "e", "name": "x"}, headers=fresh())).status_code == 400
