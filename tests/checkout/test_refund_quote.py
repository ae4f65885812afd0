"""What a refund would give and take, told beforehand and come true."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from huimeng.entry.context import Context
from tests.conftest import Shop, make_shop
from tests.served import application, caller, fresh, token


@pytest.fixture
async def app(context: Context) -> AsyncIterator[Any]:
    async with application(context) as opened:
        yield opened


@pytest.fixture
async def client(app: Any, context: Context, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(app, await token(context, shop)) as opened:
        yield opened


async def post(client: httpx.AsyncClient, path: str, body: Any, status: int = 201) -> Any:
    answer = await client.post(path, json=body, headers=fresh())
    assert answer.status_code == status, answer.text
    return answer.json()


async def bought(client: httpx.AsyncClient) -> tuple[str, str]:
    """(order, member): two lines, 100 points of which 80 are gone."""
    await post(client, "/v1/earning-rules", {"name": "每元一分", "points_per_yuan": "1"})
    member = (await post(client, "/v1/members", {"identities": [{"kind": "external_id", "value": "R1"}]}))["member_id"]
    lines = [{"paid_fen": 6000, "quantity": "2"}, {"paid_fen": 4000}]
    bill = {"store": "s1", "order_no": "A1", "member_id": member, "lines": lines}
    order = (await post(client, "/v1/orders", bill))["order_id"]
    await post(client, f"/v1/members/{member}/points/adjustments", {"amount": -80, "reason": "兑换"})
    return order, member


async def test_what_is_told_comes_true_and_telling_changes_nothing(client: httpx.AsyncClient) -> None:
    order, member = await bought(client)
    before = (await client.get(f"/v1/orders/{order}")).json()
    wanted = {"lines": [{"line_no": 1, "quantity": "1"}]}
    told = await post(client, f"/v1/orders/{order}/refunds/quote", wanted, 200)
    assert (told["amount_fen"], told["points_taken"], told["points_debt"], told["points_balance"]) == (3000, 30, 10, 0)
    assert told["tenders"] == [{"kind": "other", "amount_fen": 3000}] and told["status"] == "partly_refunded"
    assert await post(client, f"/v1/orders/{order}/refunds/quote", wanted, 200) == told
    assert (await client.get(f"/v1/orders/{order}")).json() == before
    assert (await client.get(f"/v1/members/{member}/points")).json()["points"]["available"] == 20

    done = await post(client, f"/v1/orders/{order}/refunds", wanted)
    assert {name: done[name] for name in told} == told
    rest = await post(client, f"/v1/orders/{order}/refunds/quote", {}, 200)
    assert (rest["amount_fen"], rest["points_taken"], rest["points_debt"], rest["status"]) == (7000, 70, 70, "refunded")


async def test_a_quantity_is_written_in_one_way(client: httpx.AsyncClient) -> None:
    lines = [
        {"paid_fen": 6000, "quantity": "100"},
        {"paid_fen": 4000, "quantity": "2.50"},
        {"paid_fen": 1, "quantity": "0"},
    ]
    order = (await post(client, "/v1/orders", {"store": "s1", "order_no": "A1", "lines": lines}))["order_id"]
    part = await post(client, f"/v1/orders/{order}/refunds", {"lines": [{"line_no": 1, "quantity": "10.0"}]})
    void = await post(client, f"/v1/orders/{order}/void", {})
    seen = (await client.get(f"/v1/orders/{order}")).json()
    told = [[line["quantity"] for line in refund["lines"]] for refund in (part, void)]
    assert told == [["10"], ["90", "2.5", "0"]]
    assert [[line["quantity"] for line in refund["lines"]] for refund in seen["refunds"]] == told
    assert [(line["quantity"], line["refunded_quantity"]) for line in seen["lines"]] == [
        ("100", "100"),
        ("2.5", "2.5"),
        ("0", "0"),
    ]


async def test_what_is_left_is_said_in_plain_digits(client: httpx.AsyncClient) -> None:
    lines = [{"paid_fen": 6000, "quantity": "100"}]
    order = (await post(client, "/v1/orders", {"store": "s1", "order_no": "A1", "lines": lines}))["order_id"]
    much = {"lines": [{"line_no": 1, "quantity": "101"}]}
    assert (await post(client, f"/v1/orders/{order}/refunds", much, 422))["left"] == "100"


async def test_an_order_without_member_or_points(client: httpx.AsyncClient) -> None:
    order = (await post(client, "/v1/orders", {"store": "s1", "order_no": "B1", "amount_fen": 500}))["order_id"]
    told = await post(client, f"/v1/orders/{order}/refunds/quote", {}, 200)
    assert (told["amount_fen"], told["points_taken"], told["points_balance"]) == (500, 0, None)


async def test_refusals_are_those_of_the_refund(
    client: httpx.AsyncClient, app: Any, context: Context, shop: Shop
) -> None:
    order, _ = await bought(client)
    address = f"/v1/orders/{order}/refunds/quote"
    large = await client.post(address, json={"lines": [{"line_no": 1, "quantity": "3"}]})
    assert (large.status_code, large.json()["code"]) == (422, "refund_too_large")
    await post(client, f"/v1/orders/{order}/void", None)
    over = await client.post(address, json={})
    assert (over.status_code, over.json()["code"]) == (409, "order_not_refundable")
    async with caller(app, await token(context, shop, "orders:read", "orders:write")) as reader:
        assert (await reader.post(address, json={})).status_code == 403


async def test_another_merchant_has_no_such_order(client: httpx.AsyncClient, app: Any, context: Context) -> None:
    order, _ = await bought(client)
    other = await make_shop(context.db, context.vault)
    async with caller(app, await token(context, other)) as stranger:
        answer = await stranger.post(f"/v1/orders/{order}/refunds/quote", json={})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_an_order_tells_its_rules_in_words(client: httpx.AsyncClient) -> None:
    order, _ = await bought(client)
    (earned,) = (await client.get(f"/v1/orders/{order}")).json()["earned"]
    (rule,) = earned["rules"]
    assert (rule["name"], rule["version"], rule["amount"]) == ("每元一分", 1, 100)
    assert (rule["text_zh"], rule["text_en"]) == ("每元 1 积分，得 100 积分", "1 point a yuan: 100 points")
