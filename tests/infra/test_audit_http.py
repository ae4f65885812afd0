"""Reading and exporting the log over HTTP, and who may."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

import huimeng.checkout.http
import huimeng.infra.audit.http
import huimeng.member.http
import huimeng.merchant.http
import huimeng.points.http
from huimeng.checkout.service import Till
from huimeng.infra.audit import Action, By, record
from huimeng.infra.audit.entries import ACTIONS
from huimeng.infra.audit.verifying import verify
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database
from huimeng.infra.teller import Teller
from huimeng.kernel.cells import defused, plain
from huimeng.merchant.authentication import Principal
from huimeng.merchant.service import create_api_key
from huimeng.merchant.values import ApiKeyInput
from tests.conftest import Shop, make_shop
from tests.desk import new_key
from tests.merchant.doors import served

ROUTES = [
    *huimeng.merchant.http.routes,
    *huimeng.member.http.routes,
    *huimeng.points.http.routes,
    *huimeng.checkout.http.routes,
    *huimeng.infra.audit.http.routes,
]


@pytest.fixture
async def client(db: Database, vault: Vault, teller: Teller, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """Of the merchant's key 3, which may do everything."""
    principal = Principal(shop.merchant_id, shop.cell_id, frozenset("*"), "key:3", 3, name="收银机 1")
    state = {"db": db, "vault": vault, "teller": teller, "till": Till(db, bytes(32))}
    async with served(ROUTES, principal, **state) as client:
        yield client


def put(db: Database, shop: Shop) -> Any:
    async def run(action: Action, what: tuple[str, int | str], by: str = "staff:7", **given: Any) -> int:
        async with db.tenant(shop.merchant_id) as conn:
            return await record(conn, shop.cell_id, action, what, by=By(by, given.pop("name", "")), **given)

    return run


async def listed(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/audit", params=params)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def sent() -> dict[str, str]:
    return {"Idempotency-Key": new_key("audit")}


async def test_every_write_is_recorded_with_its_caller(client: httpx.AsyncClient, db: Database, shop: Shop) -> None:
    """From making a region to voiding an order; none says "system"."""
    headers = {"User-Agent": "pos/1.0"}
    async with db.tenant(shop.merchant_id) as conn:
        key, _ = await create_api_key(conn, shop.merchant_id, ApiKeyInput(name="till", scopes=["orders:write"]))

    async def write(method: str, path: str, body: Any = None) -> Any:
        answer = await client.request(method, path, json=body, headers={**headers, **sent()})
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    await write("POST", "/v1/regions", {"code": "east", "name": "华东"})
    await write("POST", "/v1/stores", {"code": "s2", "name": "二号店"})
    await write("PATCH", "/v1/stores/2", {"name": "新二号店"})
    await write("PATCH", f"/v1/api-keys/{key.key_id}", {"name": "till 1"})
    await write("POST", f"/v1/api-keys/{key.key_id}/revoke")
    rule = await write("POST", "/v1/earning-rules", {"name": "积分", "points_per_yuan": "1"})
    await write("PUT", f"/v1/earning-rules/{rule['rule_id']}", {"name": "积分", "points_per_yuan": "2"})
    await write("POST", f"/v1/earning-rules/{rule['rule_id']}/disable")
    joined = await write("POST", "/v1/members", {"identities": [{"kind": "phone", "value": "13800001234"}]})
    member = f"/v1/members/{joined['member_id']}"
    await write("PATCH", member, {"name": "张小明"})
    await write("POST", f"{member}/reveal", {"fields": ["phone"], "reason": "回访"})
    await write("POST", f"{member}/points/adjustments", {"unit": "points", "amount": 5, "reason": "补"})
    for undo in ("refunds", "void"):
        bill = {"store": "s1", "order_no": undo, "member_id": joined["member_id"], "amount_fen": 1000}
        order = await write("POST", "/v1/orders", bill)
        await write("POST", f"/v1/orders/{order['order_id']}/{undo}", {} if undo == "refunds" else None)
    found = (await listed(client))[::-1][3:]
    assert [each["action"] for each in found] == [
        "region.created",
        "store.created",
        "store.changed",
        "api_key.changed",
        "api_key.revoked",
        "rule.created",
        "rule.changed",
        "rule.disabled",
        "member.joined",
        "member.changed",
        "member.revealed",
        "points.adjusted",
        "order.refunded",
        "order.voided",
    ]
    assert {(each["actor"], each["actor_name"], each["agent"]) for each in found} == {("key:3", "收银机 1", "pos/1.0")}
    assert all(each["ip"] for each in found)
    assert await verify(db, shop.merchant_id) == []


async def test_a_replayed_write_is_recorded_once(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        headers = {"Idempotency-Key": "same"}
        answer = await client.post("/v1/regions", json={"code": "east", "name": "华东"}, headers=headers)
        assert answer.status_code == 201
    assert len(await listed(client, action="region.created")) == 1


async def test_the_newest_come_first_and_page_by_page(client: httpx.AsyncClient, db: Database, shop: Shop) -> None:
    for number in range(5):
        await put(db, shop)("logout", ("staff", number))
    page = (await client.get("/v1/audit", params={"limit": 3})).json()
    assert [each["seq"] for each in page["items"]] == ["7", "6", "5"]
    rest = (await client.get("/v1/audit", params={"limit": 4, "cursor": page["next_cursor"]})).json()
    assert [each["seq"] for each in rest["items"]] == ["4", "3", "2", "1"]
    assert rest["next_cursor"] is None


async def test_it_is_searched_by_actor_action_object_and_time(
    client: httpx.AsyncClient, db: Database, shop: Shop
) -> None:
    record_it = put(db, shop)
    await record_it("login.succeeded", ("staff", 7))
    await record_it("staff.changed", ("staff", 8), after={"active": False})
    await record_it("staff.changed", ("staff", 80), by="cli")
    assert [each["object_id"] for each in await listed(client, actor="staff:7")] == ["8", "7"]
    assert [each["object_id"] for each in await listed(client, action="staff.changed", actor="cli")] == ["80"]
    assert [each["action"] for each in await listed(client, object="staff:8")] == ["staff.changed"]
    assert len(await listed(client, object="staff")) == 3
    middle = (await listed(client, object="staff:8"))[0]["at"]
    assert [each["object_id"] for each in await listed(client, object="staff", **{"from": middle})] == ["80", "8"]
    assert [each["object_id"] for each in await listed(client, object="staff", to=middle)] == ["7"]


@pytest.mark.parametrize(
    "params",
    [
        {"from": "2026-01-01T00:00:00"},
        {"to": "yesterday"},
        {"cursor": "x"},
        {"limit": 0},
        {"actor": "a\0b"},
        {"object": "member:\x1b"},
        {"action": "x" * 41},
    ],
)
async def test_a_wrong_filter_is_refused(client: httpx.AsyncClient, params: dict[str, Any]) -> None:
    for path in ("/v1/audit", "/v1/audit/export"):
        if path.endswith("export") and params.keys() & {"cursor", "limit"}:
            continue
        answer = await client.get(path, params=params)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input"), answer.text


async def test_the_export_is_a_table_that_runs_nothing(
    client: httpx.AsyncClient, db: Database, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huimeng.infra.audit.http, "_CHUNK", 2)
    for name in ("=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", '安娜,"二"'):
        await put(db, shop)("staff.changed", ("staff", 1), name=name, after={"说明": "=1"})
    answer = await client.get("/v1/audit/export", params={"action": "staff.changed"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    names = [row[header.index("actor_name")] for row in rows]
    assert names == ['安娜,"二"', "'@SUM(A1)", "'-1", "'+1", "'=HYPERLINK(1)"]
    assert {row[header.index("after")] for row in rows} == {'{"说明":"=1"}'}
    own = (await listed(client))[0]
    assert (own["action"], own["actor"], own["after"]) == ("export.audit", "key:3", {"action": "staff.changed"})


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_what_begins_like_a_formula_is_defused(sign: str) -> None:
    assert defused(f"{sign}1") == f"'{sign}1"
    assert defused(f"1{sign}") == f"1{sign}"
    for text in (f"{sign}1", f"1{sign}", f"'{sign}1", f"''{sign}1", "'1", "''", ""):
        assert plain(defused(text)) == text


async def test_another_merchant_sees_nothing_of_it(
    client: httpx.AsyncClient, db: Database, vault: Vault, shop: Shop
) -> None:
    other = await make_shop(db, vault)
    await put(db, shop)("logout", ("staff", 1), name="only ours")
    principal = Principal(other.merchant_id, other.cell_id, frozenset({"audit:read"}), "key:1", 1)
    async with served(ROUTES, principal, db=db) as stranger:
        assert [each["action"] for each in await listed(stranger)] == ["store.created", "merchant.created"]
        assert await listed(stranger, object="staff:1") == []
        assert "only ours" not in (await stranger.get("/v1/audit/export")).text
    # Control: the owner of the entry sees it.
    assert "only ours" in (await client.get("/v1/audit/export")).text


async def test_it_takes_the_scope(db: Database, shop: Shop) -> None:
    rest = frozenset({"settings:read", "settings:write", "staff:read", "members:reveal"})
    async with served(ROUTES, Principal(shop.merchant_id, shop.cell_id, rest, "key:1", 1), db=db) as client:
        for path in ("/v1/audit", "/v1/audit/export"):
            assert (await client.get(path)).status_code == 403


def test_the_codes_of_actions_are_sorted_and_told_once() -> None:
    assert list(ACTIONS) == sorted(set(ACTIONS))


async def test_the_time_of_an_entry_is_now(client: httpx.AsyncClient, db: Database, shop: Shop) -> None:
    await put(db, shop)("logout", ("staff", 1))
    at = datetime.fromisoformat((await listed(client))[0]["at"])
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
