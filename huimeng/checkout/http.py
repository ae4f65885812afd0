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
from huimeng.infra.http import (
    Req,
    caller,
    command_or_kept,
    cursor_id,
    database,
    language,
    parse_id,
    run_command,
    strict,
    teller,
    write_key,
)
from huimeng.infra.idempotency import Answer, once
from huimeng.kernel.errors import BusinessError
from huimeng.kernel.ids import cell_of_entity

Key = Annotated[
    str,
    HeaderParameter(name="Idempotency-Key", required=True, description="同键只记一次 / written once"),
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
    return await _till(request).quote(principal.merchant_id, await strict(request, BillIn))


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
    key_used = await write_key(request)
    body = await strict(request, OrderIn)

    command = await command_or_kept(
        request, principal, key_used, lambda: _till(request).complete(principal.merchant_id, body, *key_used)
    )
    return await run_command(request, command)  # type: ignore[return-value]


@post(
    "/v1/orders/batch",
    status_code=200,
    tags=["orders"],
    summary="批量完成订单 / Complete many orders",
    description="每单独立成败;同键同内容重发,已记的单得到原来的答复。"
    "Each order stands for itself; sent again, those already written get their first answer.",
)
async def complete_orders(request: Req, data: Annotated[BatchIn, Body()], key: Key = "") -> BatchOut:
    principal = caller(request, "orders:write")
    name, fingerprint = await write_key(request)
    batch = await strict(request, BatchIn)
    async with database(request).tenant(principal.merchant_id) as conn:
        # The key stands for this body from now on; its orders are answered, now and again, by keys of their own.
        await once(conn, principal.cell_id, name, fingerprint, _begun)
    return BatchOut(list(await asyncio.gather(*(_one(request, principal, name, body) for body in batch.orders))))


async def _begun() -> tuple[int, bytes]:
    return 200, b""


async def _one(request: Req, principal: Any, key: str, body: OrderIn) -> BatchItemOut:
    identity = _digest([body.source, body.store, body.order_no]).hex()
    own = f"{key}:{identity}", _digest(body)
    try:
        command = await command_or_kept(
            request, principal, own, lambda: _till(request).complete(principal.merchant_id, body, *own)
        )
        reply = command if isinstance(command, Answer) else await teller(request).submit(command)
    except BusinessError as refusal:
        return BatchItemOut(body.order_no, refusal.status, problem=refusal.problem(language(request)))
    return BatchItemOut(body.order_no, reply.status, result=msgspec.Raw(reply.body))


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(value), digest_size=16).digest()


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
    principal = caller(request, "orders:refund")
    name, fingerprint = await write_key(request)
    entity = parse_id(order_id, "order_id")
    command = refund_command(
        cell_of_entity(principal.merchant_id, entity), entity, await strict(request, RefundIn), name, fingerprint
    )
    return await run_command(request, command)  # type: ignore[return-value]


@post(
    "/v1/orders/{order_id:str}/void",
    status_code=201,
    tags=["orders"],
    summary="作废订单 / Void",
    description="整单作废,收回其全部所得。Undoes the whole order and takes back all that it earned.",
)
async def void_order(request: Req, order_id: OrderId, key: Key = "") -> RefundOut:
    principal = caller(request, "orders:refund")
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
