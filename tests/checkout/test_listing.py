"""Orders by member, store, days and status; one order with a tag."""

from __future__ import annotations

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
        yield opened


async def order(client: httpx.AsyncClient, number: str, day: str, store: str = "s1", **given: Any) -> str:
    body = {"store": store, "order_no": number, "amount_fen": 100, "ordered_at": f"{day}T04:00:00Z", **given}
    answer = await client.post("/v1/orders", json=body, headers=fresh())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["order_id"])


async def found(client: httpx.AsyncClient, **query: str) -> list[str]:
    answer = await client.get("/v1/orders", params=query)
    assert answer.status_code == 200, answer.text
    return [each["order_no"] for each in answer.json()["items"]]


async def test_every_condition_and_all_together(client: httpx.AsyncClient) -> None:
    await client.post("/v1/stores", json={"code": "s2", "name": "二号店"}, headers=fresh())
    joining = {"identities": [{"kind": "external_id", "value": "L1"}]}
    who = (await client.post("/v1/members", json=joining, headers=fresh())).json()["member_id"]
    await order(client, "A", "2026-03-01")
    await order(client, "B", "2026-03-02", member_id=who)
    gone = await order(client, "C", "2026-03-03", "s2", member_id=who)
    await client.post(f"/v1/orders/{gone}/void", headers=fresh())
    await order(client, "D", "2026-03-04", "s2")
    assert await found(client) == ["D", "C", "B", "A"]
    assert await found(client, store="s2") == ["D", "C"]
    assert await found(client, member_id=who) == ["C", "B"]
    assert await found(client, **{"from": "2026-03-02"}) == ["D", "C", "B"]
    assert await found(client, to="2026-03-02") == ["B", "A"]
    assert await found(client, **{"from": "2026-03-02", "to": "2026-03-03"}) == ["C", "B"]
    assert await found(client, status="voided") == ["C"]
    assert await found(client, status="completed", store="s2") == ["D"]
    assert await found(client, status="completed", store="s2", member_id=who) == []
    assert await found(client, order_no="B") == ["B"]
    assert await found(client, order_no="B", store="s2") == []
    first = (await client.get("/v1/orders", params={"store": "s2", "limit": 1})).json()
    assert await found(client, store="s2", limit="1", cursor=first["next_cursor"]) == ["C"]


async def test_newest_first_by_their_own_time(client: httpx.AsyncClient) -> None:
    """In which order they came in does not matter; of the same moment the later one goes first."""
    for number, day in [("E", "2026-03-05"), ("A", "2026-03-01"), ("C", "2026-03-03"), ("D", "2026-03-03")]:
        await order(client, number, day)
    assert await found(client) == ["E", "D", "C", "A"]
    walked: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.get("/v1/orders", params={"limit": 1} | ({"cursor": cursor} if cursor else {}))).json()
        walked += [each["order_no"] for each in page["items"]]
        # What arrives meanwhile, in between too, shifts nothing.
        await order(client, f"F{len(walked)}", "2026-03-06")
        cursor = page["next_cursor"]
    assert walked == ["E", "D", "C", "A"]


async def test_who_may_find_members_is_told_whose_each_is(
    client: httpx.AsyncClient, context: Context, shop: Shop
) -> None:
    joining = {"name": "张小明", "identities": [{"kind": "phone", "value": "13800001234"}]}
    who = (await client.post("/v1/members", json=joining, headers=fresh())).json()["member_id"]
    await order(client, "A", "2026-03-01", member_id=who)
    await order(client, "B", "2026-03-02")
    listed = (await client.get("/v1/orders")).json()["items"]
    assert [each["member"] for each in listed] == [None, "张** 138****1234"]
    async with application(context) as app, caller(app, await token(context, shop, "orders:read")) as reader:
        listed = (await reader.get("/v1/orders")).json()["items"]
    assert [(each["member"], each["member_id"]) for each in listed] == [(None, None), (None, who)]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"store": "nowhere"}, 422, "unknown_store"),
        ({"status": "lost"}, 400, "invalid_input"),
        ({"from": "yesterday"}, 400, "invalid_input"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, 400, "invalid_input"),
        ({"member_id": "1; drop table orders"}, 400, "invalid_input"),
        ({"buyer": "someone"}, 400, "invalid_input"),
        ({"kept": "perhaps"}, 400, "invalid_input"),
        ({"order_no": "a\0b"}, 400, "invalid_input"),
        ({"store": "a\0b"}, 400, "invalid_input"),
        ({"region": "a\0b"}, 400, "invalid_input"),
        ({"category": "a\0b"}, 400, "invalid_input"),
        ({"product": "a\0b"}, 400, "invalid_input"),
    ],
)
async def test_conditions_that_are_none(
    client: httpx.AsyncClient, query: dict[str, str], status: int, code: str
) -> None:
    answer = await client.get("/v1/orders", params=query)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_nothing_comes_before_the_first(client: httpx.AsyncClient) -> None:
    await order(client, "A", "2026-03-01")
    assert (await client.get("/v1/orders", params={"cursor": "0"})).json() == {"items": [], "next_cursor": None}


async def test_an_order_has_a_tag_that_a_refund_changes(client: httpx.AsyncClient) -> None:
    address = f"/v1/orders/{await order(client, 'A', '2026-03-01')}"
    tag = (await client.get(address)).headers["etag"]
    assert (await client.get(address, headers={"If-None-Match": tag})).status_code == 304
    await client.post(f"{address}/refunds", json={}, headers=fresh())
    again = await client.get(address, headers={"If-None-Match": tag})
    assert again.status_code == 200 and again.headers["etag"] != tag


async def test_by_region_and_category(client: httpx.AsyncClient) -> None:
    """What a click on a figure asks for; empty means in no region, and with a line of no category."""
    await client.post("/v1/regions", json={"code": "east", "name": "东区"}, headers=fresh())
    await client.post("/v1/stores", json={"code": "s2", "name": "二号店", "region": "east"}, headers=fresh())

    def lines(*categories: str) -> dict[str, Any]:
        return {"amount_fen": None, "lines": [{"category": each, "paid_fen": 100} for each in categories]}

    await order(client, "A", "2026-03-01", **lines("面", "茶"))
    await order(client, "B", "2026-03-02", "s2", **lines("茶", "茶"))
    await order(client, "C", "2026-03-03", "s2", **lines(""))
    assert await found(client, region="east") == ["C", "B"]
    assert await found(client, region="") == ["A"]
    assert await found(client, region="east", store="s1") == []
    assert await found(client, category="茶") == ["B", "A"]
    assert await found(client, category="") == ["C"]
    assert await found(client, category="茶", region="east") == ["B"]
    assert await found(client, category="茶", region="", store="s1", to="2026-03-01") == ["A"]
    assert await found(client, category="面%") == []
    answer = await client.get("/v1/orders", params={"region": "nowhere"})
    assert (answer.status_code, answer.json()["code"]) == (404, "region_not_found")


def goods(*named: tuple[str, str]) -> dict[str, Any]:
    lines = [{"category": category, "product": product, "paid_fen": 100} for category, product in named]
    return {"amount_fen": None, "lines": lines}


async def test_only_what_figures_count(client: httpx.AsyncClient) -> None:
    """kept: not void nor wholly refunded; with a category or product, neither is such a line."""
    await order(client, "A", "2026-03-01", **goods(("面", "牛肉面"), ("茶", "乌龙")))
    no_tea = await order(client, "B", "2026-03-02", **goods(("面", "牛肉面"), ("茶", "乌龙")))
    back = await order(client, "C", "2026-03-03", **goods(("茶", "乌龙")))
    void = await order(client, "D", "2026-03-04", **goods(("茶", "乌龙")))
    await order(client, "E", "2026-03-05", **goods(("茶", "乌龙"), ("茶", "乌龙")))
    one = {"lines": [{"line_no": 2, "quantity": "1"}]}
    for order_id, wanted in ((no_tea, one), (back, {})):
        answer = await client.post(f"/v1/orders/{order_id}/refunds", json=wanted, headers=fresh())
        assert answer.status_code == 201, answer.text
    await client.post(f"/v1/orders/{void}/void", headers=fresh())
    assert await found(client, kept="true") == ["E", "B", "A"]
    assert await found(client, kept="false") == await found(client) == ["E", "D", "C", "B", "A"]
    assert await found(client, category="茶") == ["E", "D", "C", "B", "A"]
    assert await found(client, category="茶", kept="true") == ["E", "A"]
    assert await found(client, product="乌龙", kept="true") == ["E", "A"]
    assert await found(client, category="面", kept="true") == ["B", "A"]
    assert await found(client, kept="true", status="refunded") == []
    assert await found(client, kept="true", status="partly_refunded") == ["B"]


async def test_by_buyer_and_product(client: httpx.AsyncClient) -> None:
    joining = {"identities": [{"kind": "external_id", "value": "L1"}]}
    who = (await client.post("/v1/members", json=joining, headers=fresh())).json()["member_id"]
    await order(client, "A", "2026-03-01", member_id=who, **goods(("茶", "乌龙"), ("酒", "米酒")))
    by_sku: dict[str, Any] = {"amount_fen": None, "lines": [{"category": "茶", "sku": "T-1", "paid_fen": 100}]}
    await order(client, "B", "2026-03-02", **by_sku)
    await order(client, "C", "2026-03-03")
    assert await found(client, buyer="member") == ["A"]
    assert await found(client, buyer="anonymous") == ["C", "B"]
    assert await found(client, buyer="anonymous", member_id=who) == []
    assert await found(client, product="乌龙") == ["A"]
    assert await found(client, product="乌龙", category="茶") == ["A"]
    # Both, but of two lines.
    assert await found(client, product="乌龙", category="酒") == []
    assert await found(client, product="T-1") == ["B"]
    # A line that has a name is not known by its SKU.
    by_both: dict[str, Any] = {"lines": [{"product": "红茶", "sku": "T-2", "paid_fen": 100}]}
    await order(client, "D", "2026-03-04", amount_fen=None, **by_both)
    assert await found(client, product="T-2") == []
    assert await found(client, product="红茶") == ["D"]
    assert await found(client, product="") == ["C"]
