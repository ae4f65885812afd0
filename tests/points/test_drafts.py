"""Drafts: nobody earns by them, they are tried on a bill without a trace, and published for a time of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from huimeng.entry.context import Context
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database
from huimeng.points import service
from tests.conftest import Shop, make_shop
from tests.served import application, caller, fresh, token

RULES = "/v1/earning-rules"
DRAFTS = f"{RULES}/drafts"
TRY = f"{RULES}/try"
BASIC = {"name": "消费积分", "points_per_yuan": "1"}
DOUBLE = {"name": "双倍", "points_per_yuan": "2"}


@pytest.fixture
async def app(context: Context) -> AsyncIterator[Any]:
    async with application(context) as running:
        yield running


@pytest.fixture
async def client(app: Any, context: Context, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(app, await token(context, shop)) as opened:
        yield opened


async def post(client: httpx.AsyncClient, address: str, body: Any = None, status: int = 200) -> dict[str, Any]:
    answer = await client.post(address, json={} if body is None else body, headers=fresh())
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def member(client: httpx.AsyncClient) -> str:
    body = {"identities": [{"kind": "external_id", "value": fresh()["Idempotency-Key"]}]}
    return str((await post(client, "/v1/members", body, 201))["member_id"])


def bill(member_id: str | None, fen: int = 10_00) -> dict[str, Any]:
    lines = [{"sku": "milk", "category": "乳品", "paid_fen": fen}]
    return {"store": "s1", "member_id": member_id, "lines": lines, "tenders": [{"kind": "cash", "amount_fen": fen}]}


async def quoted(client: httpx.AsyncClient, member_id: str) -> int:
    return int((await post(client, "/v1/orders/quote", bill(member_id)))["points"])


async def test_a_draft_earns_nothing_until_its_time(client: httpx.AsyncClient) -> None:
    who = await member(client)
    draft = await post(client, DRAFTS, BASIC, 201)
    assert (draft["state"], draft["rule_id"], draft["name"]) == ("draft", None, "消费积分")
    assert await quoted(client, who) == 0
    at = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    rule = await post(client, f"{DRAFTS}/{draft['draft_id']}/publish", {"at": at})
    assert (rule["state"], rule["newest_version"]) == ("scheduled", 1)
    assert await quoted(client, who) == 0
    over = (await client.get(f"{DRAFTS}/{draft['draft_id']}")).json()
    assert (over["state"], over["rule_id"], over["published_version"]) == ("published", rule["rule_id"], 1)
    now = await post(client, DRAFTS, DOUBLE, 201)
    await post(client, f"{DRAFTS}/{now['draft_id']}/publish")
    assert await quoted(client, who) == 20


async def test_a_draft_of_a_change(client: httpx.AsyncClient) -> None:
    who = await member(client)
    rule = await post(client, RULES, BASIC, 201)
    draft = await post(client, DRAFTS, {**DOUBLE, "rule_id": rule["rule_id"]}, 201)
    assert draft["base_version"] == 1 and await quoted(client, who) == 10
    tried = await post(client, TRY, {"bill": bill(who), "drafts": [draft["draft_id"]]})
    assert (tried["points"], tried["points_now"]) == (20, 10)
    assert [(r["rule_id"], r["version"], r["code"]) for r in tried["reasons"]] == [(rule["rule_id"], 2, "applied")]
    await post(client, f"{DRAFTS}/{draft['draft_id']}/publish")
    assert await quoted(client, who) == 20
    told = (await client.get(f"{RULES}/{rule['rule_id']}")).json()
    assert [version["version"] for version in told["versions"]] == [2, 1]


async def test_a_draft_that_somebody_overtook_is_not_published(client: httpx.AsyncClient) -> None:
    rule = await post(client, RULES, BASIC, 201)
    draft = await post(client, DRAFTS, {**DOUBLE, "rule_id": rule["rule_id"]}, 201)
    await client.put(f"{RULES}/{rule['rule_id']}", json={**BASIC, "points_per_yuan": "3"}, headers=fresh())
    address = f"{DRAFTS}/{draft['draft_id']}"
    refused = await post(client, f"{address}/publish", status=409)
    assert (refused["code"], refused["version"]) == ("earning_rule_changed", 2)
    assert (await client.get(address)).json()["state"] == "draft"
    saved = await client.put(address, json=DOUBLE, headers=fresh())
    assert saved.json()["base_version"] == 2
    assert (await post(client, f"{address}/publish"))["newest_version"] == 3


async def test_a_draft_of_a_version_that_is_past_is_not_saved(client: httpx.AsyncClient) -> None:
    rule = await post(client, RULES, BASIC, 201)
    renamed = {**BASIC, "name": "积分", "expected_version": 1}
    draft = await post(client, DRAFTS, {**renamed, "rule_id": rule["rule_id"]}, 201)
    address = f"{DRAFTS}/{draft['draft_id']}"
    await client.put(f"{RULES}/{rule['rule_id']}", json={**BASIC, "points_per_yuan": "5"}, headers=fresh())
    new = await post(client, DRAFTS, {**renamed, "rule_id": rule["rule_id"]}, 409)
    again = await client.put(address, json=renamed, headers=fresh())
    for refused in (new, again.json()):
        assert (refused["code"], refused["version"]) == ("earning_rule_changed", 2)
    assert len((await client.get(DRAFTS)).json()["items"]) == 1
    assert (await client.get(address)).json()["base_version"] == 1
    known = await client.put(address, json={**renamed, "expected_version": 2}, headers=fresh())
    assert known.json()["base_version"] == 2
    none_yet = await post(client, DRAFTS, renamed, 400)
    assert (none_yet["code"], none_yet["field"]) == ("invalid_input", "expected_version")


async def test_a_tried_bill_leaves_no_trace(client: httpx.AsyncClient, context: Context, shop: Shop) -> None:
    who = await member(client)
    tables = ("orders", "transfer", "earn_cap", "earning_rule_version", "idempotency", "outbox")

    async def counts() -> list[Any]:
        async with context.db.reader(shop.merchant_id) as conn:
            found = []
            for table in tables:
                tenant = "merchant_id" if table == "earning_rule_version" else "cell_id"
                value = shop.merchant_id if tenant == "merchant_id" else shop.cell_id
                cursor = await conn.execute(f"select count(*) from {table} where {tenant} = %s", (value,))
                found.append(await cursor.fetchone())
        return found

    before = await counts()
    tried = await post(client, TRY, {"bill": bill(who), "rules": [BASIC, {"name": "翻倍", "multiplier": "3"}]})
    assert (tried["points"], tried["points_now"]) == (30, 0)
    assert [(reason["rule_id"], reason["amount"]) for reason in tried["reasons"]] == [("1", 10), ("2", 20)]
    assert await counts() == before


async def test_tried_alone_or_beside_what_is_in_force(client: httpx.AsyncClient) -> None:
    who = await member(client)
    await post(client, RULES, BASIC, 201)
    rule = {"name": "双倍", "multiplier": "2"}
    beside = await post(client, TRY, {"bill": bill(who), "rules": [rule]})
    alone = await post(client, TRY, {"bill": bill(who), "rules": [rule], "alone": True})
    assert (beside["points"], beside["points_now"]) == (20, 10)
    assert (alone["points"], alone["points_now"], alone["reasons"][0]["code"]) == (0, 10, "nothing_to_earn")


async def test_a_bill_of_nobody_is_tried_as_a_new_members(client: httpx.AsyncClient) -> None:
    """So that a shop can try its first rule before it has anybody."""
    await post(client, RULES, BASIC, 201)
    welcome = {"name": "首单双倍", "multiplier": "2", "first_order": True}
    body = {"bill": bill(None), "rules": [welcome]}
    nobody = await post(client, TRY, body)
    new = await post(client, TRY, {**body, "new_member": True})
    assert [(tried["points"], tried["points_now"]) for tried in (nobody, new)] == [(0, 0), (20, 10)]
    # Of a member that is named it says nothing new.
    old = await member(client)
    complete = {**bill(old), "order_no": "1"}
    await post(client, "/v1/orders", complete, 201)
    named = await post(client, TRY, {"bill": bill(old), "rules": [welcome], "new_member": True})
    assert (named["points"], named["points_now"]) == (10, 10)


async def test_of_equal_priority_what_is_in_force_goes_first(client: httpx.AsyncClient) -> None:
    who = await member(client)
    await post(client, RULES, BASIC, 201)
    generous = {**BASIC, "name": "每元 5 分", "points_per_yuan": "5"}
    tried = await post(client, TRY, {"bill": bill(who), "rules": [generous]})
    await post(client, RULES, generous, 201)
    kept = await post(client, "/v1/orders/quote", bill(who))
    assert tried["points"] == kept["points"] == tried["points_now"]
    # The control: a higher priority wins in both.
    first = await post(client, TRY, {"bill": bill(who), "rules": [{**generous, "priority": 1}]})
    assert first["points"] > first["points_now"]


async def test_trying_says_the_same_as_the_quote_afterwards(client: httpx.AsyncClient) -> None:
    who = await member(client)
    body = {**BASIC, "minimum_fen": 500, "cap_per_order": 7, "categories": ["乳品"]}
    draft = await post(client, DRAFTS, body, 201)
    tried = await post(client, TRY, {"bill": bill(who), "drafts": [draft["draft_id"]]})
    await post(client, f"{DRAFTS}/{draft['draft_id']}/publish")
    quote = await post(client, "/v1/orders/quote", bill(who))
    for field in ("points", "growth", "earned", "lines", "paid_fen", "business_day"):
        assert tried[field] == quote[field]
    assert [r["text_en"] for r in tried["reasons"]] == [r["text_en"] for r in quote["reasons"]]


async def test_discarded_is_over(client: httpx.AsyncClient) -> None:
    who = await member(client)
    draft = await post(client, DRAFTS, BASIC, 201)
    address = f"{DRAFTS}/{draft['draft_id']}"
    assert (await post(client, f"{address}/discard"))["state"] == "discarded"
    for verb in ("publish", "discard"):
        assert (await post(client, f"{address}/{verb}", status=409))["code"] == "rule_draft_is_over"
    assert (await client.put(address, json=BASIC, headers=fresh())).json()["code"] == "rule_draft_is_over"
    assert (await post(client, TRY, {"bill": bill(who), "drafts": [draft["draft_id"]]}, 409))["code"] == (
        "rule_draft_is_over"
    )
    listed = (await client.get(DRAFTS)).json()["items"]
    assert listed == [] and len((await client.get(DRAFTS, params={"state": "discarded"})).json()["items"]) == 1


async def test_published_once(client: httpx.AsyncClient) -> None:
    draft = await post(client, DRAFTS, BASIC, 201)
    once = fresh()
    address = f"{DRAFTS}/{draft['draft_id']}/publish"
    first = await client.post(address, json={}, headers=once)
    assert (await client.post(address, json={}, headers=once)).content == first.content
    assert (await client.post(address, json={}, headers=fresh())).json()["code"] == "rule_draft_is_over"
    assert len((await client.get(RULES)).json()["items"]) == 1


async def test_a_tag_guards_a_draft(client: httpx.AsyncClient) -> None:
    draft = await post(client, DRAFTS, BASIC, 201)
    address = f"{DRAFTS}/{draft['draft_id']}"
    tag = (await client.get(address)).headers["etag"]
    changed = await client.put(address, json=DOUBLE, headers=fresh(**{"If-Match": tag}))
    assert changed.status_code == 200 and changed.headers["etag"] != tag
    late = await client.put(address, json=BASIC, headers=fresh(**{"If-Match": tag}))
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")


async def test_a_tag_guards_a_rule(client: httpx.AsyncClient) -> None:
    rule = await post(client, RULES, BASIC, 201)
    address = f"{RULES}/{rule['rule_id']}"
    tag = (await client.get(address)).headers["etag"]
    assert (await client.get(address, headers={"If-None-Match": tag})).status_code == 304
    first = await client.put(address, json=DOUBLE, headers=fresh(**{"If-Match": tag}))
    late = await client.put(address, json=BASIC, headers=fresh(**{"If-Match": tag}))
    assert (first.status_code, late.status_code) == (200, 412)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x"}, "invalid_input"),
        ({**BASIC, "multiplier": "2"}, "invalid_input"),
        ({**BASIC, "effective_from": "2026-01-01T00:00:00Z"}, "invalid_input"),
        ({**BASIC, "enabled": False}, "invalid_input"),
        ({**BASIC, "stores": ["nowhere"]}, "invalid_input"),
        ({**BASIC, "rule_id": "999424"}, "earning_rule_not_found"),
        ({**BASIC, "rule_id": "1 or 1"}, "invalid_input"),
        ({**BASIC, "state": "published"}, "invalid_input"),
    ],
)
async def test_what_is_no_draft(client: httpx.AsyncClient, body: dict[str, Any], code: str) -> None:
    assert (await client.post(DRAFTS, json=body, headers=fresh())).json()["code"] == code
    assert (await client.get(DRAFTS)).json()["items"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rules": [{"name": "x"}]}, "invalid_input"),
        ({"rules": [BASIC] * 21}, "invalid_input"),
        ({"drafts": ["999424"]}, "rule_draft_not_found"),
        ({"drafts": ["-1"]}, "invalid_input"),
        ({"bill": {"store": "nowhere", "amount_fen": 1}}, "unknown_store"),
        ({"bill": {"store": "s1", "amount_fen": "100"}}, "invalid_input"),
        ({"bill": {"store": "s1", "member_id": "999424", "amount_fen": 1}}, "unknown_member"),
        ({"publish": True}, "invalid_input"),
    ],
)
async def test_what_cannot_be_tried(client: httpx.AsyncClient, change: dict[str, Any], code: str) -> None:
    body = {"bill": {"store": "s1", "amount_fen": 100}, "rules": [], **change}
    assert (await client.post(TRY, json=body)).json()["code"] == code


async def test_a_time_that_is_none(client: httpx.AsyncClient) -> None:
    draft = await post(client, DRAFTS, {**BASIC, "effective_until": "2026-02-01T00:00:00Z"}, 201)
    address = f"{DRAFTS}/{draft['draft_id']}/publish"
    for at in ("2026-03-01T00:00:00Z", "2026-01-01T00:00:00", "1900-01-01T00:00:00Z", "soon"):
        assert (await post(client, address, {"at": at}, 400))["code"] == "invalid_input"
    assert (await post(client, address, {"at": "2026-01-01T00:00:00Z"}))["state"] == "ended"


async def test_the_kind_of_a_rule_stays(client: httpx.AsyncClient) -> None:
    rule = await post(client, RULES, BASIC, 201)
    body = {"name": "x", "multiplier": "2", "rule_id": rule["rule_id"]}
    assert (await post(client, DRAFTS, body, 400))["field"] == "kind"


async def test_another_merchants_draft_is_not_there(
    client: httpx.AsyncClient, app: Any, context: Context, db: Database, vault: Vault
) -> None:
    draft = await post(client, DRAFTS, BASIC, 201)
    rule = await post(client, RULES, BASIC, 201)
    address = f"{DRAFTS}/{draft['draft_id']}"
    other = await make_shop(db, vault)
    async with caller(app, await token(context, other)) as stranger:
        answers = [
            await stranger.get(address),
            await stranger.put(address, json=BASIC, headers=fresh()),
            await stranger.post(f"{address}/publish", json={}, headers=fresh()),
            await stranger.post(f"{address}/discard", headers=fresh()),
            await stranger.post(TRY, json={"bill": bill(None), "drafts": [draft["draft_id"]]}),
        ]
        assert {each.json()["code"] for each in answers} == {"rule_draft_not_found"}
        mine = await stranger.post(DRAFTS, json={**BASIC, "rule_id": rule["rule_id"]}, headers=fresh())
        assert mine.json()["code"] == "earning_rule_not_found"
        assert (await stranger.get(DRAFTS)).json()["items"] == []


async def test_who_may(app: Any, context: Context, shop: Shop) -> None:
    async with caller(app, await token(context, shop, "rules:read", "orders:read")) as reader:
        assert (await reader.post(DRAFTS, json=BASIC, headers=fresh())).status_code == 403
        assert (await reader.post(TRY, json={"bill": bill(None), "rules": [BASIC]})).status_code == 200
    async with caller(app, await token(context, shop, "rules:read")) as reader:
        assert (await reader.post(TRY, json={"bill": bill(None), "rules": [BASIC]})).status_code == 403


async def test_so_many_drafts_and_no_more(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "DRAFTS_MAX", 2)
    drafts = [await post(client, DRAFTS, BASIC, 201) for _ in range(2)]
    assert (await post(client, DRAFTS, BASIC, 422))["code"] == "too_many_rule_drafts"
    await post(client, f"{DRAFTS}/{drafts[0]['draft_id']}/discard")
    await post(client, DRAFTS, BASIC, 201)
    page = (await client.get(DRAFTS, params={"limit": 1})).json()
    assert [each["draft_id"] for each in page["items"]] == [drafts[1]["draft_id"]] and page["next_cursor"]
