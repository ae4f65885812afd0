"""The merchant's settings over HTTP."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import httpx
import pytest

from huimeng.infra.audit import reading
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database
from huimeng.kernel.errors import Unauthorized
from huimeng.kernel.ids import cell_of
from huimeng.merchant.authentication import Authenticator, Principal
from huimeng.merchant.http import routes
from huimeng.merchant.rules import ROLES
from huimeng.merchant.service import create_api_key
from huimeng.merchant.values import ApiKeyInput, Merchant
from tests.merchant.doors import served

_keys = itertools.count()


def key() -> dict[str, str]:
    return {"Idempotency-Key": f"k{next(_keys)}"}


@pytest.fixture
async def client(db: Database, vault: Vault, shop: Merchant) -> AsyncIterator[httpx.AsyncClient]:
    principal = Principal(
        shop.merchant_id,
        cell_of(shop.merchant_id),
        frozenset({"settings:read", "settings:write", "orders:write"}),
        "staff:1",
        staff_id=1,
    )
    async with served(routes, principal, db=db, vault=vault) as client:
        yield client


async def test_the_own_profile(client: httpx.AsyncClient, shop: Merchant) -> None:
    answer = (await client.get("/v1/merchant")).json()
    assert (answer["merchant_id"], answer["code"], answer["legal_form"]) == (shop.merchant_id, shop.code, "company")


async def test_a_store_is_made_once_changed_and_listed(client: httpx.AsyncClient) -> None:
    again = key()
    first = await client.post("/v1/stores", json={"code": "001", "name": "一店", "day_cut_minutes": 240}, headers=again)
    replay = await client.post(
        "/v1/stores", json={"code": "001", "name": "一店", "day_cut_minutes": 240}, headers=again
    )
    assert (first.status_code, replay.status_code, replay.content) == (201, 201, first.content)
    assert replay.headers["idempotent-replayed"] == "true"
    assert first.json() == {
        "store_id": 1,
        "code": "001",
        "name": "一店",
        "region": None,
        "legal_entity": None,
        "uscc": None,
        "timezone": "Asia/Shanghai",
        "day_cut_minutes": 240,
    }
    await client.post("/v1/stores", json={"code": "002", "name": "二店"}, headers=key())
    changed = await client.patch("/v1/stores/1", json={"name": "旗舰店"}, headers=key())
    assert (changed.status_code, changed.json()["name"], changed.json()["code"]) == (200, "旗舰店", "001")
    page = (await client.get("/v1/stores?limit=1")).json()
    assert ([s["code"] for s in page["items"]], page["next_cursor"]) == (["001"], "1")
    rest = (await client.get("/v1/stores", params={"cursor": page["next_cursor"]})).json()
    assert ([s["code"] for s in rest["items"]], rest["next_cursor"]) == (["002"], None)


async def test_regions(client: httpx.AsyncClient) -> None:
    for code in ("east", "north"):
        made = await client.post("/v1/regions", json={"code": code, "name": code}, headers=key())
        assert (made.status_code, made.json()) == (201, {"code": code, "name": code})
    page = (await client.get("/v1/regions?limit=1")).json()
    assert page == {"items": [{"code": "east", "name": "east"}], "next_cursor": "east"}
    assert (await client.get("/v1/regions?cursor=east")).json()["items"] == [{"code": "north", "name": "north"}]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/stores", {"code": "1", "name": "x", "region": "nowhere"}, 404, "region_not_found"),
        ("POST", "/v1/stores", {"code": "1", "name": "a\u0000"}, 400, "invalid_input"),
        ("POST", "/v1/stores", {"code": "1"}, 400, "invalid_input"),
        ("POST", "/v1/stores", {"code": "1", "name": "x", "colour": "red"}, 400, "invalid_input"),
        ("POST", "/v1/stores", {"code": "1", "name": "x", "day_cut_minutes": 10**30}, 400, "invalid_input"),
        ("PATCH", "/v1/stores/9", {"name": "x"}, 404, "store_not_found"),
        ("PATCH", "/v1/stores/99999999999999999999", {"name": "x"}, 400, "invalid_input"),
        ("POST", "/v1/api-keys", {"name": "x", "scopes": ["everything"]}, 400, "invalid_input"),
        ("POST", "/v1/api-keys", {"name": "x", "scopes": ["points:write"]}, 403, "permission_denied"),
        ("POST", "/v1/api-keys", {"name": "x", "scopes": ["*"]}, 403, "permission_denied"),
        ("POST", "/v1/api-keys/7/revoke", None, 404, "api_key_not_found"),
        ("GET", "/v1/stores?cursor=abc", None, 400, "invalid_input"),
        ("GET", "/v1/stores?limit=0", None, 400, "invalid_input"),
    ],
)
async def test_refusals_are_problems_with_a_code(
    client: httpx.AsyncClient, method: str, path: str, body: object, status: int, code: str
) -> None:
    answer = await client.request(method, path, json=body, headers=key())
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_write_needs_an_idempotency_key(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/stores", json={"code": "001", "name": "一店"})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
    assert (await client.get("/v1/stores")).json()["items"] == []


async def test_a_token_is_shown_once_and_not_kept(client: httpx.AsyncClient, db: Database, shop: Merchant) -> None:
    again = key()
    wanted = {"name": "收银", "scopes": ["orders:write"], "expires_at": "2099-01-01T00:00:00+08:00"}
    first = await client.post("/v1/api-keys", json=wanted, headers=again)
    replay = await client.post("/v1/api-keys", json=wanted, headers=again)
    token = first.json()["token"]
    assert first.status_code == 201
    assert (await Authenticator(db)(token)).scopes == {"orders:write"}
    assert replay.json() == {"key": first.json()["key"], "token": None}
    assert token not in (await client.get("/v1/api-keys")).text
    async with db.tenant(shop.merchant_id) as conn:
        kept = await (await conn.execute("select body from idempotency")).fetchall()
    assert all(token.encode() not in row[0] for row in kept)


async def test_a_key_is_revoked_over_http(client: httpx.AsyncClient, db: Database) -> None:
    token = (await client.post("/v1/api-keys", json={"name": "x", "scopes": ["orders:write"]}, headers=key())).json()[
        "token"
    ]
    revoked = await client.post("/v1/api-keys/1/revoke", headers=key())
    assert (revoked.status_code, revoked.json()["revoked_at"] is not None) == (200, True)
    with pytest.raises(Unauthorized):
        await Authenticator(db)(token)


async def test_who_may_only_read_settings_sees_no_keys(db: Database, vault: Vault, shop: Merchant) -> None:
    cashier = Principal(shop.merchant_id, cell_of(shop.merchant_id), ROLES["cashier"], "staff:1")
    async with served(routes, cashier, db=db, vault=vault) as client:
        for path in ("/v1/api-keys", "/v1/api-keys/1"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["scope"]) == (403, "settings:write")


async def test_a_key_that_may_do_more_is_neither_changed_nor_revoked(
    client: httpx.AsyncClient, db: Database, shop: Merchant
) -> None:
    async with db.tenant(shop.merchant_id) as conn:
        for scope in ("*", "members:read", "orders:write"):
            await create_api_key(conn, shop.merchant_id, ApiKeyInput(name="k", scopes=[scope]))

    async def tried(number: int) -> list[int]:
        change = await client.patch(f"/v1/api-keys/{number}", json={"name": "x"}, headers=key())
        revoke = await client.post(f"/v1/api-keys/{number}/revoke", headers=key())
        return [change.status_code, revoke.status_code]

    assert [await tried(number) for number in (1, 2, 3)] == [[403, 403], [403, 403], [200, 200]]
    kept = (await client.get("/v1/api-keys")).json()["items"]
    assert [(each["name"], each["revoked_at"] is None) for each in kept] == [("k", True), ("k", True), ("x", False)]


async def test_the_rate_of_a_new_key_is_in_the_audit_log(db: Database, shop: Merchant) -> None:
    async with db.tenant(shop.merchant_id) as conn:
        await create_api_key(conn, shop.merchant_id, ApiKeyInput(name="k", scopes=["*"], rate_limit=0))
        entries = await reading.entries(conn, cell_of(shop.merchant_id), reading.Filter(), reading.NEWEST, 1)
    assert entries[0].after is not None and entries[0].after["rate_limit"] == 0


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/stores"), ("PATCH", "/v1/merchant")])
async def test_a_missing_body_is_told_in_words(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = (await client.request(method, path, headers=key())).json()
    assert (answer["field"], answer["reason"]) == ("body", "a body is missing")
    assert answer["detail"] == "body 填写有误：缺少请求体"
