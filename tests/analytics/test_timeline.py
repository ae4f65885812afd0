"""What happened with a member: everything once, in its order, and only for who may see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
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


async def lived(client: httpx.AsyncClient) -> str:
    """A member to whom everything has happened: 60 points earned, 50 spent, the order gone: 50 are owed."""
    await post(
        client,
        "/v1/earning-rules",
        {"name": "每元一分", "points_per_yuan": "1", "effective_from": "2020-01-01T00:00:00Z"},
    )
    joining = {
        "identities": [{"kind": "phone", "value": "13800001234"}],
        "name": "张小明",
        "registered_at": "2026-01-01T00:00:00Z",
        "source": {"channel": "qr"},
    }
    member: str = (await post(client, "/v1/members", joining))["member_id"]
    bill = {"store": "s1", "order_no": "A1", "member_id": member, "ordered_at": "2026-02-01T04:00:00Z"}
    lines = [{"paid_fen": 6000, "category": "乳品"}]
    order = (await post(client, "/v1/orders", {**bill, "lines": lines}))["order_id"]
    await post(client, f"/v1/members/{member}/points/adjustments", {"amount": -50, "reason": "兑换礼品"})
    await post(client, f"/v1/orders/{order}/refunds", {"reason": "变质"})
    await post(client, f"/v1/members/{member}/identities", {"kind": "phone", "value": "13900005678"})
    await post(client, f"/v1/members/{member}/reveal", {"fields": ["phone"], "reason": "回访"}, 200)
    return member


async def told(client: httpx.AsyncClient, member: str, **query: Any) -> Any:
    answer = await client.get(f"/v1/members/{member}/timeline", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_everything_once_newest_first(client: httpx.AsyncClient) -> None:
    member = await lived(client)
    page = await told(client, member)
    assert [item["kind"] for item in page["items"]] == ["revealed", "changed", "refund", "points", "order", "joined"]
    revealed, changed, refund, points, order, joined = page["items"]
    assert (revealed["fields"], revealed["reason"], revealed["by"]) == (["phone"], "回访", "test")
    assert changed["changes"] == [{"field": "phone", "before": None, "after": "139****5678"}]
    assert (refund["amount_fen"], refund["points"], refund["debt"], refund["reason"]) == (6000, -60, 50, "变质")
    assert (points["movement"], points["amount"], points["balance"], points["reason"]) == (
        "adjust",
        -50,
        10,
        "兑换礼品",
    )
    assert (order["amount_fen"], order["points"], order["status"], order["order_no"]) == (6000, 60, "refunded", "A1")
    assert (joined["channel"], datetime.fromisoformat(joined["at"]).year) == ("qr", 2026)
    assert refund["order_id"] == order["order_id"] and page["next_cursor"] is None


async def test_pages_hold_each_item_once(client: httpx.AsyncClient) -> None:
    member = await lived(client)
    whole, cursor, found = (await told(client, member))["items"], None, []
    for _ in range(6):
        page = await told(client, member, limit=1, **({} if cursor is None else {"cursor": cursor}))
        found += page["items"]
        cursor = page["next_cursor"]
    assert found == whole and cursor is None


async def test_only_some_kinds_and_no_cursor_of_ones_own(client: httpx.AsyncClient) -> None:
    member = await lived(client)
    assert [item["kind"] for item in (await told(client, member, kind="order"))["items"]] == ["order"]
    both = await told(client, member, kind=["order", "refund"])
    assert [item["kind"] for item in both["items"]] == ["refund", "order"]
    for cursor in ("12", "2026-01-01_1_2", "x_1_2", "2026-01-01T00:00:00+00:00_9_2"):
        answer = await client.get(f"/v1/members/{member}/timeline", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


async def test_who_may_see_less_is_told_less(client: httpx.AsyncClient, app: Any, context: Context, shop: Shop) -> None:
    member = await lived(client)
    async with caller(app, await token(context, shop, "members:read")) as reader:
        page = await told(reader, member)
        assert [item["kind"] for item in page["items"]] == ["revealed", "changed", "joined"]
        assert page["kinds"] == ["joined", "changed", "revealed"]
        assert (page["items"][0]["by"], page["items"][0]["reason"]) == (None, None)
        assert (await reader.get(f"/v1/members/{member}/standing")).status_code == 403
    async with caller(app, await token(context, shop, "orders:read")) as stranger:
        assert (await stranger.get(f"/v1/members/{member}/timeline")).status_code == 403


async def test_another_merchant_sees_nothing(client: httpx.AsyncClient, app: Any, context: Context) -> None:
    member = await lived(client)
    async with caller(app, await token(context, await make_shop(context.db, context.vault))) as stranger:
        for part in ("timeline", "standing"):
            answer = await stranger.get(f"/v1/members/{member}/{part}")
            assert (answer.status_code, answer.json()["code"]) == (404, "member_not_found")


async def test_what_a_member_has_been_to_the_shop(client: httpx.AsyncClient) -> None:
    member = await lived(client)
    none = (await client.get(f"/v1/members/{member}/standing")).json()
    assert (none["orders"], none["net_fen"], none["aov_fen"], none["last_day"], none["categories"]) == (
        0,
        0,
        None,
        None,
        [],
    )
    for day, kinds in ((1, {"乳品": 1000}), (4, {"乳品": 500, "生鲜": 2001}), (11, {"生鲜": 500, "": 4000})):
        lines = [{"paid_fen": paid, "category": kind} for kind, paid in kinds.items()]
        at = f"2026-03-{day:02}T04:00:00Z"
        await post(
            client, "/v1/orders", {"store": "s1", "order_no": at, "member_id": member, "ordered_at": at, "lines": lines}
        )
    back = {"store": "s1", "order_no": "back", "member_id": member, "ordered_at": "2026-03-20T04:00:00Z"}
    lines = [{"paid_fen": -500, "quantity": "-1", "category": kind} for kind in ("生鲜", "花卉")]
    await post(client, "/v1/orders", {**back, "lines": lines})
    (item,) = (await told(client, member, kind="order", limit=1))["items"]
    assert (item["status"], item["amount_fen"]) == ("returned", -1000)
    assert [each["order_no"] for each in (await client.get("/v1/orders?status=returned")).json()["items"]] == ["back"]
    assert "back" not in [each["order_no"] for each in (await client.get("/v1/orders?kept=true")).json()["items"]]
    found = (await client.get(f"/v1/members/{member}/standing")).json()
    assert (found["orders"], found["net_fen"], found["aov_fen"], found["days_between"]) == (3, 7001, 2334, 5)
    assert (found["first_day"], found["last_day"]) == ("2026-03-01", "2026-03-11")
    assert found["categories"] == [
        {"category": "生鲜", "orders": 2, "net_fen": 2001},
        {"category": "乳品", "orders": 2, "net_fen": 1500},
    ]
