"""Members over HTTP."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database
from huimeng.infra.teller import Teller
from huimeng.member.http import routes
from huimeng.merchant import service as merchant_service
from huimeng.merchant.authentication import Principal
from huimeng.merchant.values import StoreInput
from tests.merchant.doors import served

_keys = itertools.count()
PHONE = {"kind": "phone", "value": "138 0000 1234"}


def key() -> dict[str, str]:
    return {"Idempotency-Key": f"k{next(_keys)}"}


@pytest.fixture
async def client(
    db: Database, vault: Vault, teller: Teller, shop_id: int, cell: int
) -> AsyncIterator[httpx.AsyncClient]:
    principal = Principal(shop_id, cell, frozenset({"members:read", "members:write"}), "key:1", 1)
    async with served(routes, principal, db=db, vault=vault, teller=teller) as client:
        yield client


async def test_a_member_joins_and_is_read_and_changed(client: httpx.AsyncClient, db: Database, shop_id: int) -> None:
    async with db.tenant(shop_id) as conn:
        await merchant_service.create_store(conn, shop_id, StoreInput(code="1", name="店"))
    body = {
        "identities": [PHONE],
        "name": "张小明",
        "birthday": "1990-03-15",
        "source": {"store_id": 1, "channel": "qr"},
        "consent_version": "2026-01",
        "consent_at": "2026-03-01T10:00:00+08:00",
        "tags": ["老客"],
    }
    again = key()
    made = await client.post("/v1/members", json=body, headers=again)
    assert made.status_code == 201
    assert made.json() == {
        "member_id": "1024",
        "status": "active",
        "name": "张**",
        "birthday": "****-03-15",
        "identities": [{"kind": "phone", "value": "138****1234"}],
        "source": {"store_id": 1, "staff": None, "channel": "qr", "campaign": None},
        "registered_at": "2026-03-01T02:00:00Z",
        "joined_at": "2026-03-01T02:00:00Z",
        "consent_version": "2026-01",
        "consent_at": "2026-03-01T02:00:00Z",
        "tags": ["老客"],
        "version": made.json()["version"],
    }
    replay = await client.post("/v1/members", json=body, headers=again)
    assert (replay.status_code, replay.content) == (201, made.content)
    assert (await client.get("/v1/members/1024")).json() == made.json()
    changed = await client.patch("/v1/members/1024", json={"name": "李四", "birthday": None}, headers=key())
    assert (changed.status_code, changed.json()["name"], changed.json()["birthday"]) == (200, "李*", None)


async def test_a_tag_tells_of_what_the_masks_hide(client: httpx.AsyncClient) -> None:
    one = {"identities": [PHONE], "name": "李一", "birthday": "1990-03-15"}
    made = await client.post("/v1/members", json=one, headers=key())
    address = f"/v1/members/{made.json()['member_id']}"
    seen: set[str] = set()
    for change in ({"name": "李二"}, {"birthday": "1980-03-15"}, {"consent_at": "2026-03-01T10:00:00+08:00"}):
        tag = (await client.get(address)).headers["etag"]
        done = await client.patch(address, json=change, headers=key() | {"If-Match": tag})
        read = await client.get(address, headers={"If-None-Match": tag})
        assert (done.status_code, read.status_code, read.headers["etag"]) == (200, 200, done.headers["etag"])
        late = await client.patch(address, json={"name": "李一"}, headers=key() | {"If-Match": tag})
        assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
        seen.add(tag)
    # What changes nothing leaves the tag alone.
    tag = read.headers["etag"]
    same = await client.patch(address, json={"name": "李二"}, headers=key() | {"If-Match": tag})
    assert (same.status_code, same.headers["etag"]) == (200, tag)
    assert len(seen) == 3


async def test_identities_are_changed_with_the_members_tag(client: httpx.AsyncClient) -> None:
    made = await client.post("/v1/members", json={"identities": [PHONE]}, headers=key())
    address = f"/v1/members/{made.json()['member_id']}"
    tag = (await client.get(address)).headers["etag"]
    card = {"kind": "card_no", "value": "C1"}
    added = await client.post(f"{address}/identities", json=card, headers=key() | {"If-Match": tag})
    assert added.status_code == 201
    held = (await client.get(f"{address}/identities")).json()["items"]
    phone = next(each["identity_id"] for each in held if each["kind"] == "phone")
    # The same masked: 138****1234.
    other = {"value": "+8613899991234"}
    stale = await client.put(f"{address}/identities/{phone}", json=other, headers=key() | {"If-Match": tag})
    assert stale.status_code == 412
    put = await client.put(
        f"{address}/identities/{phone}", json=other, headers=key() | {"If-Match": added.headers["etag"]}
    )
    assert put.status_code == 200
    assert put.headers["etag"] not in (tag, added.headers["etag"])
    held = (await client.get(f"{address}/identities")).json()["items"]
    phone = next(each["identity_id"] for each in held if each["kind"] == "phone")
    gone = await client.delete(f"{address}/identities/{phone}", headers=key() | {"If-Match": tag})
    assert gone.status_code == 412


async def test_another_body_with_the_same_key_is_refused(client: httpx.AsyncClient) -> None:
    again = key()
    await client.post("/v1/members", json={"identities": [PHONE]}, headers=again)
    answer = await client.post("/v1/members", json={"identities": [PHONE], "name": "x"}, headers=again)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_taken_identity_says_whose_it_is_and_not_what(client: httpx.AsyncClient) -> None:
    await client.post("/v1/members", json={"identities": [PHONE]}, headers=key())
    answer = await client.post(
        "/v1/members", json={"identities": [PHONE]}, headers=key() | {"Accept-Language": "en-GB"}
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["kind"], problem["member_id"]) == (
        409,
        "identity_taken",
        "phone",
        "1024",
    )
    assert problem["detail"] == "The phone number already belongs to member 1024"
    assert "1380000" not in answer.text


@pytest.mark.parametrize(
    "criteria",
    [
        {"phone": "+8613800001234"},
        {"phone_last4": "1234"},
        {"card_no": "C1"},
        {"external_id": "E1"},
        {"name": "小明"},
        {},
    ],
)
async def test_a_member_is_found_by_body_and_by_address(client: httpx.AsyncClient, criteria: dict[str, str]) -> None:
    identities = [PHONE, {"kind": "card_no", "value": "C1"}, {"kind": "external_id", "value": "E1"}]
    made = await client.post("/v1/members", json={"identities": identities, "name": "张小明"}, headers=key())
    by_body = await client.post("/v1/members/search", json=criteria)
    by_address = await client.get("/v1/members", params=criteria)
    assert by_body.status_code == by_address.status_code == 200
    assert by_body.json() == by_address.json() == {"items": [made.json()], "next_cursor": None}


async def test_pages_over_http(client: httpx.AsyncClient) -> None:
    for n in range(3):
        identity = {"kind": "external_id", "value": f"e{n}"}
        await client.post("/v1/members", json={"identities": [identity]}, headers=key())
    page = (await client.get("/v1/members?limit=2")).json()
    assert ([m["member_id"] for m in page["items"]], page["next_cursor"]) == (["3072", "2048"], "2048")
    rest = (await client.post("/v1/members/search", json={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert ([m["member_id"] for m in rest["items"]], rest["next_cursor"]) == (["1024"], None)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/members", {"identities": []}, 400, "invalid_input"),
        ("POST", "/v1/members", {"identities": [{"kind": "email", "value": "x"}]}, 400, "invalid_input"),
        ("POST", "/v1/members", {"identities": [PHONE], "name": "a\u0000b"}, 400, "invalid_input"),
        ("POST", "/v1/members", {"identities": [PHONE], "gender": "f"}, 400, "invalid_input"),
        ("POST", "/v1/members", {"identities": [PHONE], "birthday": "1899-01-01"}, 400, "invalid_input"),
        ("POST", "/v1/members", {"identities": [PHONE], "birthday": "yesterday"}, 400, "invalid_input"),
        ("POST", "/v1/members", {"identities": [PHONE], "source": {"store_id": 9}}, 404, "store_not_found"),
        ("POST", "/v1/members", {"identities": [PHONE], "source": {"store_id": 2**40}}, 404, "store_not_found"),
        ("GET", "/v1/members/1", None, 404, "member_not_found"),
        ("GET", "/v1/members/99999999999999999999", None, 400, "invalid_input"),
        ("GET", "/v1/members/abc", None, 400, "invalid_input"),
        ("PATCH", "/v1/members/1024", {"name": "x"}, 404, "member_not_found"),
        ("GET", "/v1/members?name=a&phone=13800001234", None, 400, "invalid_input"),
        ("GET", "/v1/members?limit=201", None, 400, "invalid_input"),
        ("POST", "/v1/members/search", {"limit": 201}, 400, "invalid_input"),
        ("POST", "/v1/members/search", {"cursor": "-1"}, 400, "invalid_input"),
    ],
)
async def test_refusals_are_problems_with_a_code(
    client: httpx.AsyncClient, method: str, path: str, body: object, status: int, code: str
) -> None:
    answer = await client.request(method, path, json=body, headers=key())
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("body", [b'{"identities":[{"kind":"phone","value":"\\ud800"}]}', b"\xff\xfe", b"{"])
async def test_a_broken_body_is_a_clear_refusal(client: httpx.AsyncClient, body: bytes) -> None:
    headers = key() | {"Content-Type": "application/json"}
    answer = await client.post("/v1/members", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


async def test_a_key_without_the_scope_is_refused(db: Database, vault: Vault, shop_id: int, cell: int) -> None:
    async with served(
        routes, Principal(shop_id, cell, frozenset({"members:read"}), "key:1", 1), db=db, vault=vault
    ) as client:
        answer = await client.post("/v1/members", json={"identities": [PHONE]}, headers=key())
    assert (answer.status_code, answer.json()["scope"]) == (403, "members:write")


async def test_the_reference_has_an_example_and_an_answer_for_every_write(client: httpx.AsyncClient) -> None:
    document: dict[str, Any] = (await client.get("/schema/openapi.json")).json()
    for path, status in (("/v1/members", "201"), ("/v1/members/{member_id}", "200")):
        operation = document["paths"][path]["post" if status == "201" else "patch"]
        assert operation["requestBody"]["content"]["application/json"]["schema"]["examples"]
        content = operation["responses"][status]["content"]["application/json"]
        assert content["schema"]["$ref"].endswith("MemberView")
