"""Bodies that nobody should send: a clear refusal with a code, and nothing half-written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.exceptions import HTTPException

from huimeng.checkout import service
from huimeng.checkout.http import routes
from huimeng.checkout.service import Till
from huimeng.infra.cache import TTL_SECONDS
from huimeng.infra.http import on_business_error, on_fault, on_http_exception
from huimeng.kernel.errors import BusinessError
from huimeng.kernel.times import utc_now
from huimeng.merchant.authentication import Principal
from huimeng.merchant.service import create_store, load_stores, update_store
from huimeng.merchant.values import StoreInput, StorePatch
from tests.desk import Desk, new_key


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    app = Litestar(
        route_handlers=routes,
        exception_handlers={
            BusinessError: on_business_error,
            HTTPException: on_http_exception,
            Exception: on_fault,
        },
    )
    app.state.db = desk.db
    app.state.teller = desk.teller
    app.state.till = Till(desk.db, b"secret", monotonic=lambda: desk.clock().timestamp())

    async def called(scope: Any, receive: Any, send: Any) -> None:
        scope["principal"] = Principal(desk.shop.merchant_id, desk.shop.cell_id, frozenset("*"), "key:1", 1)
        await app(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=called), base_url="http://test") as opened:
        yield opened


def bill(**given: Any) -> dict[str, Any]:
    return {
        "store": "s1",
        "order_no": new_key("no"),
        "ordered_at": "2026-03-04T12:00:00+08:00",
        "lines": [{"paid_fen": 1000}],
        **given,
    }


async def send(client: httpx.AsyncClient, path: str, body: Any, key: str | None = None) -> tuple[int, dict[str, Any]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Idempotency-Key": key or new_key("http"), "Content-Type": "application/json"}
    answer = await client.post(path, content=content, headers=headers)
    found: dict[str, Any] = answer.json()
    return answer.status_code, found


async def test_a_rush_reads_the_stores_once(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = []
    load = load_stores

    async def counted(conn: Any, merchant_id: int) -> Any:
        readings.append(merchant_id)
        await asyncio.sleep(0.05)
        return await load(conn, merchant_id)

    monkeypatch.setattr(service, "load_stores", counted)
    answers = await asyncio.gather(*(send(client, "/v1/orders", bill()) for _ in range(20)))
    assert {status for status, _ in answers} == {201}
    assert len(readings) == 1


async def test_a_store_opened_a_moment_ago_is_known(client: httpx.AsyncClient, desk: Desk) -> None:
    assert (await send(client, "/v1/orders", bill()))[0] == 201
    assert (await send(client, "/v1/orders", bill(store="new")))[0] == 422
    async with desk.db.tenant(desk.shop.merchant_id) as conn:
        await create_store(conn, desk.shop.merchant_id, StoreInput(code="new", name="新店"))
    assert (await send(client, "/v1/orders", bill(store="new")))[0] == 201


async def test_a_code_that_went_to_another_store_books_nothing_at_the_old_one(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    merchant_id = desk.shop.merchant_id
    assert (await send(client, "/v1/orders", bill()))[0] == 201
    async with desk.db.tenant(merchant_id) as conn:
        one = (await load_stores(conn, merchant_id)).by_code["s1"]
        await update_store(conn, merchant_id, one.store_id, StorePatch(code="tmp"))
        other = await create_store(conn, merchant_id, StoreInput(code="s1", name="二号店"))
    before = await desk.counts()
    status, found = await send(client, "/v1/orders", bill())
    assert (status, found["code"]) == (409, "store_changed")
    after = await desk.counts()
    assert after["orders"] == before["orders"]
    desk.clock.forward(seconds=int(TTL_SECONDS))
    status, found = await send(client, "/v1/orders", bill())
    assert status == 201
    found = (await client.get(f"/v1/orders/{found['order_id']}")).json()
    assert found["store_id"] == other.store_id


HOSTILE: list[tuple[str, bytes]] = [
    ("not JSON", b"hello"),
    ("empty", b""),
    ("truncated", b'{"store": "s1", "order_no": "1", "lines": [{"paid_fen": 10'),
    ("not utf-8", '{"store": "s1", "order_no": "店"}'.encode("gb18030")),
    ("lone surrogate", json.dumps(bill(order_no="\ud800")).encode()),
    ("a lone surrogate's bytes", b'{"store": "s1", "order_no": "\xed\xa0\x80", "amount_fen": 1}'),
    ("NUL", json.dumps(bill(order_no="a\0b")).encode()),
    ("deep", b'{"store": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ("deep in a field", json.dumps(bill()).encode()[:-1] + b', "x": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001),
    ("a number beyond range", json.dumps(bill(lines=[{"paid_fen": 10**30}])).encode()),
    ("a number beyond bounds", json.dumps(bill(lines=[{"paid_fen": 10**13 + 1}])).encode()),
    ("a fraction of a fen", json.dumps(bill(lines=[{"paid_fen": 10.5}])).encode()),
    ("infinity", b'{"store": "s1", "order_no": "1", "lines": [{"paid_fen": 1e999}]}'),
    ("not a number", b'{"store": "s1", "order_no": "1", "lines": [{"paid_fen": NaN}]}'),
    ("an unknown field", json.dumps(bill(paid=1)).encode()),
    ("a huge cell", json.dumps(bill(order_no="x" * 1_000_000)).encode()),
    ("no such day", json.dumps(bill(ordered_at="2026-02-30T12:00:00Z")).encode()),
    ("no time zone", json.dumps(bill(ordered_at="2026-02-03T12:00:00")).encode()),
    ("the first moment of all", json.dumps(bill(ordered_at="0001-01-01T00:00:00+14:00")).encode()),
    ("a member beyond range", json.dumps(bill(member_id="9999999999999999999")).encode()),
    ("a member who is a number", json.dumps(bill(member_id=1024)).encode()),
    ("an unknown store", json.dumps(bill(store="nowhere")).encode()),
    ("a store with NUL", json.dumps(bill(store="s\0")).encode()),
    ("lines and an amount", json.dumps(bill(amount_fen=5)).encode()),
    ("too many lines", json.dumps(bill(lines=[{"paid_fen": 1}] * 2001)).encode()),
    ("an array", b"[]"),
    ("null", b"null"),
]


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=[name for name, _ in HOSTILE])
async def test_hostile_orders(client: httpx.AsyncClient, desk: Desk, name: str, body: bytes) -> None:
    before = await desk.counts()
    for path in ("/v1/orders", "/v1/orders/quote", "/v1/orders/batch"):
        given = b'{"orders": [' + body + b"]}" if path.endswith("batch") else body
        status, found = await send(client, path, given)
        if status == 200 and path.endswith("batch"):
            (item,) = found["items"]
            status, found = item["status"], item["problem"]
        assert 400 <= status < 500, (path, status, found)
        assert found["code"] in ("invalid_input", "unknown_store", "unknown_member", "body_too_large")
    after = await desk.counts()
    # A batch that was taken apart keeps its key, whatever became of its orders.
    assert after.pop("idempotency") - before.pop("idempotency") in (0, 1)
    assert after == before


HOSTILE_REFUNDS: list[tuple[str, dict[str, Any]]] = [
    ("NUL in the reason", {"reason": "a\0b"}),
    ("a lone surrogate in the reason", {"reason": "\ud800"}),
    ("a long reason", {"reason": "x" * 201}),
    ("a fantasy tender", {"tenders": [{"kind": "gold", "amount_fen": 1000}]}),
    ("NUL in a tender", {"tenders": [{"kind": "ca\0sh", "amount_fen": 1000}]}),
    ("tenders that don't add up", {"tenders": [{"kind": "cash", "amount_fen": 999}]}),
    ("no lines", {"lines": []}),
    ("no such line", {"lines": [{"line_no": 2}]}),
    ("a quantity that isn't one", {"lines": [{"line_no": 1, "quantity": "abc"}]}),
    ("a huge quantity", {"lines": [{"line_no": 1, "quantity": "999999999"}]}),
    ("a huge amount", {"lines": [{"line_no": 1, "amount_fen": 10**13}]}),
]


@pytest.mark.parametrize(("name", "body"), HOSTILE_REFUNDS, ids=[name for name, _ in HOSTILE_REFUNDS])
async def test_hostile_refunds(client: httpx.AsyncClient, desk: Desk, name: str, body: dict[str, Any]) -> None:
    order = await desk.buy(None, 1000)
    before = await desk.counts()
    status, found = await send(client, f"/v1/orders/{order.order_id}/refunds", body)
    assert (status, found["code"]) in {(400, "invalid_input"), (422, "refund_too_large")}, found
    assert await desk.counts() == before
    for order_id in ("0", "-1", "x", "9" * 30, "%00", "1024000", "5"):
        status, found = await send(client, f"/v1/orders/{order_id}/refunds", {})
        assert (status, found.get("code")) in {(400, "invalid_input"), (404, "not_found")}, order_id
        assert found.get("what", "order") == "order"


async def test_every_write_needs_a_key(client: httpx.AsyncClient, desk: Desk) -> None:
    for headers in ({}, {"Idempotency-Key": ""}, {"Idempotency-Key": "x" * 201}):
        answer = await client.post("/v1/orders", json=bill(), headers=headers)
        assert answer.status_code == 400
    assert (await desk.counts())["orders"] == 0


async def test_a_reused_key_is_refused_and_a_repeated_one_replayed(client: httpx.AsyncClient, desk: Desk) -> None:
    body = bill()
    first = await send(client, "/v1/orders", body, "one")
    assert first[0] == 201
    assert await send(client, "/v1/orders", body, "one") == first
    status, found = await send(client, "/v1/orders", {**body, "lines": [{"paid_fen": 1001}]}, "one")
    assert (status, found["code"]) == (422, "idempotency_key_reused")
    status, found = await send(client, f"/v1/orders/{first[1]['order_id']}/refunds", {}, "one")
    assert (status, found["code"]) == (422, "idempotency_key_reused")
    assert (await desk.counts())["orders"] == 1


async def test_a_batch_takes_each_order_once_and_by_itself(client: httpx.AsyncClient, desk: Desk) -> None:
    orders = [bill(), bill(store="nowhere"), bill(lines=[{"paid_fen": n} for n in range(100)])]
    status, found = await send(client, "/v1/orders/batch", {"orders": orders}, "batch")
    assert status == 200
    assert [item["status"] for item in found["items"]] == [201, 422, 201]
    assert await send(client, "/v1/orders/batch", {"orders": orders}, "batch") == (200, found)
    assert (await desk.counts())["orders"] == 2

    # The very last line says something else now.
    orders[2]["lines"][-1]["paid_fen"] = 5
    status, found = await send(client, "/v1/orders/batch", {"orders": orders}, "batch")
    assert (status, found["code"]) == (422, "idempotency_key_reused")
    assert (await desk.counts())["orders"] == 2


async def test_a_batch_takes_receipts_numbered_anew_each_day(client: httpx.AsyncClient, desk: Desk) -> None:
    days = ("2026-03-04T12:00:00+08:00", "2026-03-05T12:00:00+08:00")
    orders = [bill(order_no="0001", ordered_at=day) for day in days]
    status, found = await send(client, "/v1/orders/batch", {"orders": orders}, "days")
    assert (status, [item["status"] for item in found["items"]]) == (200, [201, 201])
    assert await send(client, "/v1/orders/batch", {"orders": orders}, "days") == (200, found)
    # The same day it is the same order.
    again = bill(order_no="0001", ordered_at="2026-03-04T13:00:00+08:00")
    status, found = await send(client, "/v1/orders/batch", {"orders": [again]}, "again")
    assert [item["status"] for item in found["items"]] == [409]
    assert (await desk.counts())["orders"] == 2


@pytest.mark.parametrize("paid", ['"1000"', "1000.5", "1e400", "true"])
async def test_an_amount_is_a_number(client: httpx.AsyncClient, desk: Desk, paid: str) -> None:
    before = await desk.counts()
    body = b'{"store": "s1", "order_no": "strict", "lines": [{"paid_fen": %s}]}' % paid.encode()
    status, found = await send(client, "/v1/orders", body)
    assert (status, found["code"]) == (400, "invalid_input")
    assert await desk.counts() == before


async def test_the_kept_answer_comes_before_a_quote_that_ran_out(
    client: httpx.AsyncClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, quoted = await send(client, "/v1/orders/quote", {"store": "s1", "amount_fen": 1000})
    order = {"store": "s1", "amount_fen": 1000, "order_no": "late", "quote": quoted["quote"]}
    first = await send(client, "/v1/orders", order, "late")
    assert first[0] == 201
    monkeypatch.setattr("huimeng.checkout.service.time.time", lambda: 2.0**33)
    assert await send(client, "/v1/orders", order, "late") == first
    status, found = await send(client, "/v1/orders", {**order, "order_no": "other"}, "other")
    assert (status, found["code"]) == (409, "quote_expired")


async def test_an_order_of_next_week_is_refused(client: httpx.AsyncClient, desk: Desk) -> None:
    at = (utc_now() + timedelta(days=7)).isoformat()
    status, found = await send(
        client, "/v1/orders", {"store": "s1", "amount_fen": 1, "order_no": "f", "ordered_at": at}
    )
    assert (status, found["field"]) == (400, "ordered_at")
