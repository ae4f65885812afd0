"""Routes of rules and points: payloads, pages, idempotency, problem details."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest
from litestar import Litestar

from huimeng.points.http import routes
from huimeng.points.schemas import ADJUSTMENT_EXAMPLES, RULE_EXAMPLES
from tests.points.conftest import Join

_keys = itertools.count(1)
RULES = "/v1/earning-rules"


async def write(client: httpx.AsyncClient, method: str, path: str, body: Any = None, key: str = "") -> Any:
    headers = {"Idempotency-Key": key or f"k{next(_keys)}"}
    return await client.request(method, path, json=body, headers=headers)


@pytest.mark.parametrize("example", RULE_EXAMPLES)
async def test_the_examples_work(client: httpx.AsyncClient, example: Any) -> None:
    made = await write(client, "POST", RULES, example.value)
    assert made.status_code == 201, made.text
    current = made.json()["current"]
    for field, value in example.value.items():
        # Of an expiry only what says something is written.
        assert field == "expiry" or current[field] == value


async def test_the_life_of_a_rule(client: httpx.AsyncClient) -> None:
    body = {"name": "消费积分", "points_per_yuan": "1.5", "stores": ["s1"]}
    made = await write(client, "POST", RULES, body, "rule-1")
    again = await write(client, "POST", RULES, body, "rule-1")
    assert made.status_code == again.status_code == 201
    assert made.content == again.content and again.headers["idempotent-replayed"] == "true"
    other = await write(client, "POST", RULES, {**body, "name": "x"}, "rule-1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    rule = made.json()
    assert (rule["state"], rule["current"]["points_per_yuan"]) == ("in_force", "1.5")
    assert rule["current"]["created_by"] == "key:1"

    path = f"{RULES}/{rule['rule_id']}"
    changed = await write(client, "PUT", path, {**body, "points_per_yuan": "2", "expected_version": 1})
    assert (changed.status_code, changed.json()["newest_version"]) == (200, 2)
    late = await write(client, "PUT", path, {**body, "expected_version": 1})
    assert (late.status_code, late.json()["code"], late.json()["version"]) == (409, "earning_rule_changed", 2)
    off = await write(client, "POST", f"{path}/disable")
    assert (off.status_code, off.json()["state"]) == (200, "disabled")

    read = (await client.get(path)).json()
    assert [version["version"] for version in read["versions"]] == [3, 2, 1]
    assert [version["points_per_yuan"] for version in read["versions"]] == ["2", "2", "1.5"]
    missing = await client.get(f"{RULES}/999424")
    assert (missing.status_code, missing.json()["code"]) == (404, "earning_rule_not_found")


async def test_rules_come_in_pages(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await write(client, "POST", RULES, {"name": f"r{number}", "points_per_yuan": "1"})
    names, cursor = [], None
    while True:
        page = (await client.get(RULES, params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        names += [item["current"]["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert names == ["r0", "r1", "r2"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "points_per_yuan"),
        ({"name": "x", "points_per_yuan": "1", "multiplier": "2"}, "points_per_yuan"),
        ({"name": "x", "points_per_yuan": "0"}, "points_per_yuan"),
        ({"name": "x", "multiplier": "1"}, "multiplier"),
        ({"name": "x", "points_per_yuan": "1", "stores": ["nowhere"]}, "stores"),
        ({"name": "x", "points_per_yuan": "1", "expiry": {"kind": "date", "month": 13, "day": 1}}, "expiry"),
        ({"name": "x", "points_per_yuan": "1", "effective_from": "2026-01-01T00:00:00"}, "effective_from"),
    ],
)
async def test_a_wrong_rule_is_refused(client: httpx.AsyncClient, body: Any, field: str) -> None:
    refused = await write(client, "POST", RULES, body)
    assert refused.status_code == 400, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert (refused.json()["code"], refused.json()["field"]) == ("invalid_input", field)


@pytest.mark.parametrize(
    "body",
    [
        {"points_per_yuan": "1"},
        {"name": "x", "points_per_yuan": 1},
        {"name": "x", "points_per_yuan": "1e3"},
        {"name": "x", "points_per_yuan": "1", "surprise": 1},
        {"name": "x", "points_per_yuan": "1", "weekdays": [8]},
        {"name": "x", "points_per_yuan": "1", "tenders": ["gold"]},
        {"name": "x", "points_per_yuan": "1", "minimum_fen": 1.5},
        {"name": "x", "points_per_yuan": "1", "cap_per_day": 10**30},
    ],
)
async def test_a_malformed_rule_is_refused(client: httpx.AsyncClient, body: Any) -> None:
    refused = await write(client, "POST", RULES, body)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_input"), refused.text
    assert (await client.get(RULES)).json()["items"] == []


@pytest.mark.parametrize("change", [{"minimum_fen": "100"}, {"cap_per_day": 5.0}, {"effective_until": 1893456000}])
async def test_a_number_of_a_rule_is_a_number_and_a_time_a_time(
    client: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    """Neither the text of one nor a float, nor seconds since 1970."""
    good = {"name": "x", "points_per_yuan": "1"}
    rule = f"{RULES}/{(await write(client, 'POST', RULES, good)).json()['rule_id']}"
    draft = f"{RULES}/drafts/{(await write(client, 'POST', f'{RULES}/drafts', good)).json()['draft_id']}"
    asked = [("POST", RULES), ("PUT", rule), ("POST", f"{RULES}/drafts"), ("PUT", draft)]
    answers = [await write(client, method, path, {**good, **change}) for method, path in asked]
    answers.append(await write(client, "POST", f"{draft}/publish", {"at": 1893456000}))
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(400, "invalid_input")] * 5
    assert len((await client.get(RULES)).json()["items"]) == 1
    assert (await client.get(rule)).json()["newest_version"] == 1


@pytest.mark.parametrize("change", [{"amount": "100"}, {"amount": 100.0}, {"expires_at": 1893456000}])
async def test_an_amount_of_points_is_a_number(client: httpx.AsyncClient, join: Join, change: dict[str, Any]) -> None:
    member = f"/v1/members/{await join()}/points"
    refused = await write(client, "POST", f"{member}/adjustments", {"amount": 100, "reason": "x", **change})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_input")
    assert (await client.get(f"{member}/history")).json()["items"] == []


async def test_points_of_a_member(client: httpx.AsyncClient, join: Join) -> None:
    member = f"/v1/members/{await join()}/points"
    for example in ADJUSTMENT_EXAMPLES:
        booked = await write(client, "POST", f"{member}/adjustments", example.value)
        assert booked.status_code == 201, booked.text
    await write(client, "POST", f"{member}/adjustments", {"amount": 9, "reason": "活动", "unit": "growth"})
    held = (await client.get(member)).json()
    assert (held["points"]["available"], held["growth"]["available"]) == (50, 9)
    assert held["points"]["next_expiry_at"] is None

    below = await write(client, "POST", f"{member}/adjustments", {"amount": -51, "reason": "扣回"})
    assert (below.status_code, below.json()["code"], below.json()["available"]) == (409, "insufficient_balance", 50)
    zero = await write(client, "POST", f"{member}/adjustments", {"amount": 0, "reason": "扣回"})
    assert (zero.status_code, zero.json()["code"]) == (422, "adjustment_is_zero")

    lots = (await client.get(f"{member}/lots")).json()
    assert [(lot["earned"], lot["remaining"], lot["expires_at"]) for lot in lots["items"]] == [(100, 50, None)]
    first = (await client.get(f"{member}/history", params={"limit": 1})).json()
    rest = (await client.get(f"{member}/history", params={"cursor": first["next_cursor"]})).json()
    rows = first["items"] + rest["items"]
    assert [(row["amount"], row["balance_after"], row["reason"]) for row in rows] == [
        (-50, 50, "误发扣回"),
        (100, 100, "漏积补发"),
    ]
    assert rest["next_cursor"] is None
    assert (await client.get(f"{member}/history", params={"cursor": "0"})).json()["items"] == []
    assert {row["ref_type"] for row in rows} == {"adjustment"}


async def test_a_write_needs_a_key(client: httpx.AsyncClient) -> None:
    refused = await client.post(RULES, json={"name": "x", "points_per_yuan": "1"})
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_required")
    paths = client_schema()["paths"]
    (parameter,) = paths[RULES]["post"]["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("Idempotency-Key", "header", True)


async def test_nobody_there(client: httpx.AsyncClient) -> None:
    for path in ("", "/lots", "/history"):
        missing = await client.get(f"/v1/members/999424/points{path}")
        assert (missing.status_code, missing.json()["code"]) == (404, "member_not_found")
    # The second is no number that this merchant ever gave to anything.
    for number in ("999424", "5"):
        path = f"/v1/members/{number}/points/adjustments"
        refused = await write(client, "POST", path, {"amount": 1, "reason": "x"})
        assert (refused.status_code, refused.json()["code"]) == (404, "member_not_found")


def client_schema() -> Any:
    return Litestar(route_handlers=routes).openapi_schema.to_schema()


def test_the_reference_shows_examples() -> None:
    paths = client_schema()["paths"]
    assert set(paths) == {
        RULES,
        f"{RULES}/{{rule_id}}",
        f"{RULES}/{{rule_id}}/disable",
        f"{RULES}/drafts",
        f"{RULES}/drafts/{{draft_id}}",
        f"{RULES}/drafts/{{draft_id}}/publish",
        f"{RULES}/drafts/{{draft_id}}/discard",
        "/v1/members/{member_id}/points",
        "/v1/members/{member_id}/points/lots",
        "/v1/members/{member_id}/points/history",
        "/v1/members/{member_id}/points/adjustments",
    }
    body = paths[RULES]["post"]["requestBody"]["content"]["application/json"]
    answer = paths[RULES]["post"]["responses"]["201"]["content"]["application/json"]
    assert len(body["schema"]["examples"]) == 3 and answer["examples"]


def test_every_route_says_what_it_is_for() -> None:
    assert len(routes) == 15
    assert all(route.summary and route.tags and route.description for route in routes)
