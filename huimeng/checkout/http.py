"""Routes of the till and of orders."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.openapi.spec.example import Example
from litestar.params import Body, HeaderParameter, PathParameter, QueryParameter

from huimeng.checkout.commands import RefundOrder
from huimeng.checkout.service import Till, get_order, list_orders, refund_command
from huimeng.checkout.values import (
    BatchIn,
    BatchItemOut,
    BatchOut,
    BillIn,
    CompletedOut,
    OrderIn,
    OrderPage,
    OrderView,
    QuoteOut,
    RefundIn,
    RefundOut,
)
from huimeng.infra.http import Req, caller, cursor_id, database, language, parse_id, run_command, teller, write_key
from huimeng.kernel.errors import BusinessError
from huimeng.kernel.ids import cell_of_entity

Key = Annotated[
    str,
    HeaderParameter(name="Idempotency-Key", required=True, max_length=200, description="同键只记一次 / written once"),
]
OrderId = Annotated[str, PathParameter(description="订单编号 / order id")]
MemberId = Annotated[str | None, QueryParameter(name="member_id", description="会员编号 / member id")]
Cursor = Annotated[str | None, QueryParameter(name="cursor", description="上页的 next_cursor")]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=200)]

_BILL = {
    "store": "s1",
    "member_id": "1025024",
    "lines": [
        {"sku": "milk-1l", "product": "鲜牛奶 1L", "category": "乳品", "quantity": "2", "paid_fen": 2580},
        {"sku": "egg-10", "product": "鸡蛋 10 枚", "category": "生鲜", "quantity": "1", "paid_fen": 1290},
    ],
    "tenders": [{"kind": "wechat", "amount_fen": 3870}],
}


def _till(request: Req) -> Till:
    till: Till = request.app.state.till
    return till


@post(
    "/v1/orders/quote",
    status_code=200,
    tags=["orders"],
    summary="试算 / Quote a bill",
    description="这张单会得到什么、为什么;不写入任何数据。What the bill would earn and why; nothing is written.",
)
async def quote_order(request: Req, data: Annotated[BillIn, Body(examples=[Example(value=_BILL)])]) -> QuoteOut:
    principal = caller(request, "orders:read")
    return await _till(request).quote(principal.merchant_id, data)


@post(
    "/v1/orders",
    status_code=201,
    tags=["orders"],
    summary="完成订单 / Complete an order",
    description="记录订单并入账积分与成长值。Stores the order and books what it earns, in one transaction.",
)
async def complete_order(
    request: Req,
    data: Annotated[OrderIn, Body(examples=[Example(value={**_BILL, "order_no": "20261122-0001"})])],
    key: Key = "",
) -> CompletedOut:
    principal = caller(request, "orders:write")
    name, fingerprint = await write_key(request)
    command = await _till(request).complete(principal.merchant_id, data, name, fingerprint)
    return await run_command(request, command)  # type: ignore[return-value]


@post(
    "/v1/orders/batch",
    status_code=200,
    tags=["orders"],
    summary="批量完成订单 / Complete many orders",
    description="每单独立成败;单个订单的键是 <Idempotency-Key>:<source>:<store>:<order_no>。"
    "Each order stands for itself; its own key is derived from the request's key.",
)
async def complete_orders(request: Req, data: Annotated[BatchIn, Body()], key: Key = "") -> BatchOut:
    principal = caller(request, "orders:write")
    name, _ = await write_key(request)
    items = await asyncio.gather(*(_one(request, principal.merchant_id, name, body) for body in data.orders))
    return BatchOut(list(items))


async def _one(request: Req, merchant_id: int, key: str, body: OrderIn) -> BatchItemOut:
    own = f"{key}:{body.source}:{body.store}:{body.order_no}"
    try:
        fingerprint = hashlib.blake2b(msgspec.json.encode(body), digest_size=16).digest()
        command = await _till(request).complete(merchant_id, body, own, fingerprint)
        reply = await teller(request).submit(command)
    except BusinessError as refusal:
        return BatchItemOut(body.order_no, refusal.status, problem=refusal.problem(language(request)))
    return BatchItemOut(body.order_no, reply.status, result=msgspec.Raw(reply.body))


@post(
    "/v1/orders/{order_id:str}/refunds",
    status_code=201,
    tags=["orders"],
    summary="退款 / Refund",
    description="部分或全部退款;按订单当时所得逐行收回积分,收不回的记为欠。"
    "Takes back what each line really earned; what can't be taken back becomes a debt.",
)
async def refund_order(
    request: Req,
    order_id: OrderId,
    data: Annotated[RefundIn, Body(examples=[Example(value={"lines": [{"line_no": 1, "quantity": "1"}]})])],
    key: Key = "",
) -> RefundOut:
    principal = caller(request, "orders:write")
    name, fingerprint = await write_key(request)
    entity = parse_id(order_id, "order_id")
    command = refund_command(cell_of_entity(principal.merchant_id, entity), entity, data, name, fingerprint)
    return await run_command(request, command)  # type: ignore[return-value]


@post(
    "/v1/orders/{order_id:str}/void",
    status_code=201,
    tags=["orders"],
    summary="作废订单 / Void",
    description="整单作废,收回其全部所得。Undoes the whole order and takes back all that it earned.",
)
async def void_order(request: Req, order_id: OrderId, key: Key = "") -> RefundOut:
    principal = caller(request, "orders:write")
    name, fingerprint = await write_key(request)
    entity = parse_id(order_id, "order_id")
    command = RefundOrder(
        cell_of_entity(principal.merchant_id, entity), entity, None, key=name, fingerprint=fingerprint, void=True
    )
    return await run_command(request, command)  # type: ignore[return-value]


@get("/v1/orders/{order_id:str}", tags=["orders"], summary="订单详情 / One order")
async def read_order(request: Req, order_id: OrderId) -> OrderView:
    principal = caller(request, "orders:read")
    async with database(request).reader(principal.merchant_id) as conn:
        return await get_order(conn, principal.merchant_id, parse_id(order_id, "order_id"))


@get("/v1/orders", tags=["orders"], summary="订单列表 / Orders, newest first")
async def read_orders(request: Req, member_id: MemberId = None, cursor: Cursor = None, limit: Limit = 50) -> OrderPage:
    principal = caller(request, "orders:read")
    member = None if member_id is None else parse_id(member_id, "member_id")
    async with database(request).reader(principal.merchant_id) as conn:
        return await list_orders(conn, principal.merchant_id, member, cursor_id(cursor), limit)


routes: list[Any] = [
    quote_order,
    complete_order,
    complete_orders,
    refund_order,
    void_order,
    read_order,
    read_orders,
]
