"""Figures over HTTP: who may see which, of which stores; how far behind they are; and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from huimeng.analytics import service
from huimeng.analytics.service import Asked, Which
from huimeng.entry.context import Context
from huimeng.infra.crypto import Vault
from huimeng.merchant.errors import StoreNotAllowed
from huimeng.merchant.service import merchant_keys
from tests.conftest import Shop
from tests.served import application, caller, fresh, token

FIGURES = (
    "overview",
    "trend",
    "breakdown",
    "breakdown?by=region",
    "breakdown?by=category",
    "repurchase",
    "cohorts",
    "rfm",
    "concentration",
    "top",
    "top?of=product",
    "audience",
    "members",
    "points",
)


@pytest.fixture
async def app(context: Context) -> AsyncIterator[Any]:
    async with application(context) as opened:
        yield opened


@pytest.fixture
async def client(app: Any, context: Context, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(app, await token(context, shop)) as opened:
        yield opened


async def order(client: httpx.AsyncClient, store: str, number: str, member_id: str | None, fen: int) -> None:
    body = {
        "store": store,
        "order_no": number,
        "member_id": member_id,
        "lines": [{"category": "茶", "product": "乌龙", "paid_fen": fen}],
        "ordered_at": "2026-03-10T04:00:00Z",
    }
    answer = await client.post("/v1/orders", json=body, headers=fresh())
    assert answer.status_code == 201, answer.text


async def joined(client: httpx.AsyncClient, name: str) -> str:
    body = {"name": "王小明", "identities": [{"kind": "external_id", "value": name}]}
    return str((await client.post("/v1/members", json=body, headers=fresh())).json()["member_id"])


async def test_each_scope_opens_its_own(app: Any, client: httpx.AsyncClient, context: Context, shop: Shop) -> None:
    async with caller(app, await token(context, shop, "analytics:read")) as analyst:
        for name in FIGURES:
            answer = await analyst.get(f"/v1/analytics/{name}")
            assert answer.status_code == (403 if name == "members" else 200), (name, answer.text)
    async with caller(app, await token(context, shop, "members:read", "orders:read")) as clerk:
        for name in FIGURES:
            assert (await clerk.get(f"/v1/analytics/{name}")).json()["code"] == "permission_denied", name
    for name in FIGURES:
        assert (await client.get(f"/v1/analytics/{name}")).status_code == 200


async def test_every_answer_says_how_far_it_is_behind(client: httpx.AsyncClient, context: Context, shop: Shop) -> None:
    await order(client, "s1", "A", None, 100)
    for name in FIGURES:
        found = (await client.get(f"/v1/analytics/{name}")).json()
        if name != "points":
            assert (found["lag_events"], found["lag_seconds"] > 0) == (1, True), name
    await service.project(context.db, shop.merchant_id)
    for name in FIGURES:
        found = (await client.get(f"/v1/analytics/{name}")).json()
        assert (found["lag_events"], found["lag_seconds"]) == (0, 0), name


async def test_members_are_masked_and_paged(client: httpx.AsyncClient, context: Context, shop: Shop) -> None:
    first, second = await joined(client, "M1"), await joined(client, "M2")
    await order(client, "s1", "A", first, 100)
    await order(client, "s1", "B", second, 300)
    await service.project(context.db, shop.merchant_id)
    query: dict[str, Any] = {"from": "2026-03-01", "to": "2026-03-31", "limit": 1}
    page = (await client.get("/v1/analytics/members", params=query)).json()
    told = [(item["member_id"], item["name"]) for item in page["items"]]
    assert (page["members"], told) == (2, [(second, "王** M2")])
    query["cursor"] = page["next_cursor"]
    page = (await client.get("/v1/analytics/members", params=query)).json()
    assert ([item["member_id"] for item in page["items"]], page["next_cursor"]) == ([first], None)


async def test_who_works_in_one_store_sees_its_trade_only(
    client: httpx.AsyncClient, context: Context, vault: Vault, shop: Shop
) -> None:
    """The same numbers as when that store is asked for, from every figure; no other store's, by no way of asking."""
    await client.post("/v1/regions", json={"code": "east", "name": "东区"}, headers=fresh())
    await client.post("/v1/stores", json={"code": "s2", "name": "二号店", "region": "east"}, headers=fresh())
    both, theirs = await joined(client, "M1"), await joined(client, "M2")
    await order(client, "s1", "A", both, 100)
    await order(client, "s2", "B", both, 900)
    await order(client, "s2", "C", theirs, 900)
    await service.project(context.db, shop.merchant_id)
    async with context.db.tenant(shop.merchant_id) as conn:
        keys = await merchant_keys(conn, vault, shop.merchant_id)
    only = frozenset({shop.store.store_id})
    db, merchant_id = context.db, shop.merchant_id

    async def told(asked: Asked) -> list[Any]:
        return [
            (await service.overview(db, merchant_id, asked)).figures,
            (await service.trend(db, merchant_id, asked, "month")).buckets,
            (await service.breakdown(db, merchant_id, asked, "category")).rows,
            (await service.repurchase(db, merchant_id, asked)).first_purchase_members,
            (await service.cohorts(db, merchant_id, asked)).cohorts,
            (await service.rfm(db, merchant_id, asked)).cells,
            (await service.concentration(db, merchant_id, asked)).top,
            (await service.top(db, merchant_id, asked, "product", 10)).rows,
            (await service.audience(db, merchant_id, asked)).members,
            (await service.members_behind(db, keys, merchant_id, asked, Which())).items,
        ]

    mine = await told(Asked(only=only))
    assert mine == await told(Asked(store="s1"))
    assert mine[0].net_fen == 100
    assert [item.member_id for item in mine[-1]] == [both]
    shown = await service.breakdown(db, merchant_id, Asked(only=only), "store")
    assert ([row.key for row in shown.rows], shown.total.net_fen, shown.stores_only) == (["s1"], 100, ["s1"])
    assert (await service.overview(db, merchant_id, Asked(only=only, region="east"))).figures.orders == 0
    with pytest.raises(StoreNotAllowed):
        await service.overview(db, merchant_id, Asked(only=only, store="s2"))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("overview?store=nowhere", 404, "store_not_found"),
        ("rfm?region=nowhere", 404, "region_not_found"),
        ("overview?from=2026-03-02&to=2026-03-01", 400, "invalid_input"),
        ("cohorts?from=1990-01-01&to=2026-03-01", 400, "invalid_input"),
        ("repurchase?within=30,x", 400, "invalid_input"),
        ("repurchase?within=0", 400, "invalid_input"),
        ("repurchase?within=367", 400, "invalid_input"),
        ("members?figure=rfm", 400, "invalid_input"),
        ("members?figure=rfm&rfm=556", 400, "invalid_input"),
        ("members?figure=rfm&group=best", 400, "invalid_input"),
        ("members?figure=rfm&rfm=543&group=value", 400, "invalid_input"),
        ("members?figure=points_expiring", 400, "invalid_input"),
        ("members?figure=points_expiring&month=2027-03&store=s1", 400, "invalid_input"),
        ("members?figure=points_expiring&month=2027-03&category=", 400, "invalid_input"),
        ("members?figure=cohort&cohort=2026-13", 400, "invalid_input"),
        ("members?figure=cohort", 400, "invalid_input"),
        ("members?figure=top&percent=0", 400, "invalid_input"),
        ("members?cursor=1", 400, "invalid_input"),
        ("members?figure=anything", 400, "invalid_input"),
        ("top?limit=101", 400, "invalid_input"),
        ("top?category=a%00b", 400, "invalid_input"),
        ("overview?store=a%00b", 400, "invalid_input"),
        ("overview?category=%ff%fe", 400, "invalid_input"),
        ("breakdown?by=member", 400, "invalid_input"),
    ],
)
async def test_what_can_not_be_asked(client: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    answer = await client.get(f"/v1/analytics/{path}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_too_long_a_time_of_points_is_named(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/analytics/points?from=1970-01-01&to=2999-12-31")
    assert (answer.status_code, answer.json()["field"]) == (400, "from")


async def test_a_category_that_nobody_sold_is_nothing(client: httpx.AsyncClient) -> None:
    for name in FIGURES:
        mark = "&" if "?" in name else "?"
        answer = await client.get(f"/v1/analytics/{name}{mark}category=' or 1=1 --&from=2026-01-01&to=2026-12-31")
        assert answer.status_code == 200, answer.text
