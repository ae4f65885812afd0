"""Routes of the till and of orders."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.openapi.spec.example import Example
from litestar.params import Body, HeaderParameter, PathParameter, QueryParameter

from huimeng.checkout import service
from huimeng.checkout.commands import RefundOrder
from huimeng.checkout.schemas import TRY_EXAMPLES, TryIn
from huimeng.checkout.service import Buyer, OrderQuery, StatusName, Till, get_order, list_orders, refund_command
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
    RefundQuoteOut,
    TriedOut,
)
from huimeng.infra.crypto import MerchantKeys, Vault
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
    tagged,
    teller,
    write_key,
)
from huimeng.infra.idempotency import Answer, once
from huimeng.kernel.errors import BusinessError, NotFound
from huimeng.kernel.ids import cell_of_entity
from huimeng.kernel.times import utc_now
from huimeng.merchant.service import load_stores, merchant_keys
from huimeng.points.schemas import rule_input
from huimeng.points.service import candidate, candidate_of

Key = Annotated[
    str,
    HeaderParameter(name="Idempotency-Key", required=True, description="同键只记一次 / written once"),
]
OrderId = Annotated[str, PathParameter(description="订单编号 / order id")]
StoreCode = Annotated[str | None, QueryParameter(max_length=64, description="门店代码 / store code")]
RegionCode = Annotated[
    str | None,
    QueryParameter(
        name="region", max_length=64, description="区域代码，空为不属任何区域 / region code, empty: stores in none"
    ),
]
CategoryName = Annotated[
    str | None,
    QueryParameter(
        name="category",
        max_length=100,
        description="有此品类的订单，空为无品类 / orders with some of it, empty: without one",
    ),
]
FirstDay = Annotated[date | None, QueryParameter(name="from", description="首个营业日 / first business day")]
LastDay = Annotated[date | None, QueryParameter(name="to", description="末个营业日 / last business day")]
Kept = Annotated[
    bool,
    QueryParameter(
        name="kept",
        description="只要指标计入的：未退完、未作废；给了品类或商品时，那一行也未退完 / what figures count: not void, "
        "not wholly refunded, and with a category or a product some such line is not either",
    ),
]
OfBuyer = Annotated[Buyer | None, QueryParameter(name="buyer", description="会员的或散客的 / of members or anonymous")]
ProductName = Annotated[
    str | None,
    QueryParameter(
        name="product",
        max_length=200,
        description="有此商品的订单，无名称时按货号；与品类同给时须为同一行 / with this product, by its SKU when it "
        "has no name; with a category both are of one line",
    ),
]
OrderStatus = Annotated[StatusName | None, QueryParameter(description="状态 / status")]
MemberId = Annotated[str | None, QueryParameter(name="member_id", description="会员编号 / member id")]
OrderNo = Annotated[str | None, QueryParameter(max_length=64, description="小票号，整个填写 / order number, all of it")]
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
_ORDER = {**_BILL, "order_no": "20261122-0001"}


def _till(request: Req) -> Till:
    till: Till = request.app.state.till
    return till


async def _keys(request: Req, merchant_id: int) -> MerchantKeys:
    vault: Vault = request.app.state.vault
    keys = vault.cached(merchant_id)
    if keys is None:
        async with database(request).reader(merchant_id) as conn:
            keys = await merchant_keys(conn, vault, merchant_id)
    return keys


async def _check_store(request: Req, principal: Any, code: str) -> None:
    """StoreNotAllowed, UnknownStore: who works in some stores sells in those."""
    if principal.stores is not None:
        principal.require_store(await _till(request).store_id(principal.merchant_id, code))


async def _check_order(request: Req, principal: Any, order_id: int) -> None:
    """NotFound: an order of a store where the caller doesn't work is none of theirs."""
    if principal.stores is not None:
        async with database(request).reader(principal.merchant_id) as conn:
            view = await get_order(conn, principal.merchant_id, order_id)
        if not principal.sees(view.store_id):
            raise NotFound("order")


@post(
    "/v1/orders/quote",
    status_code=200,
    tags=["orders"],
    summary="试算 / Quote a bill",
    description="这张单会得到什么、为什么；不写入任何数据。What the bill would earn and why; nothing is written.",
)
async def quote_order(request: Req, data: Annotated[BillIn, Body(examples=[Example(value=_BILL)])]) -> QuoteOut:
    principal = caller(request, "orders:read")
    body = await strict(request, BillIn)
    await _check_store(request, principal, body.store)
    return await _till(request).quote(principal.merchant_id, body)


@post(
    "/v1/orders",
    status_code=201,
    tags=["orders"],
    summary="完成订单 / Complete an order",
    description="记录订单并入账积分与成长值。Stores the order and books what it earns, in one transaction.",
)
async def complete_order(
    request: Req,
    data: Annotated[OrderIn, Body(examples=[Example(value=_ORDER)])],
    key: Key = "",
) -> CompletedOut:
    principal = caller(request, "orders:write")
    key_used = await write_key(request)
    body = await strict(request, OrderIn)
    await _check_store(request, principal, body.store)
    command = await command_or_kept(
        request, principal, key_used, lambda: _till(request).complete(principal.merchant_id, body, *key_used)
    )
    return await run_command(request, command)  # type: ignore[return-value]


@post(
    "/v1/orders/batch",
    status_code=200,
    tags=["orders"],
    summary="批量完成订单 / Complete many orders",
    description="每单独立成败；同键同内容重发，已记的单得到原来的答复。"
    "Each order stands for itself; sent again, those already written get their first answer.",
)
async def complete_orders(
    request: Req, data: Annotated[BatchIn, Body(examples=[Example(value={"orders": [_ORDER]})])], key: Key = ""
) -> BatchOut:
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
    # Receipts may be numbered anew each day.
    identity = _digest([body.source, body.store, body.order_no, body.ordered_at]).hex()
    own = f"{key}:{identity}", _digest(body)
    try:
        await _check_store(request, principal, body.store)
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
    description="部分或全部退款；按订单当时所得逐行收回积分，收不回的记为欠。"
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
    await _check_order(request, principal, entity)
    command = refund_command(
        cell_of_entity(principal.merchant_id, entity), entity, await strict(request, RefundIn), name, fingerprint
    )
    return await run_command(request, command)  # type: ignore[return-value]


@post(
    "/v1/orders/{order_id:str}/refunds/quote",
    status_code=200,
    tags=["orders"],
    summary="退款试算 / What a refund would give and take",
    description="退多少钱、收回多少积分、还欠多少；不写入任何数据，不需要 Idempotency-Key。"
    "Money that would go back, points that would be taken and owed; nothing is written and no Idempotency-Key is "
    "needed. Scope: orders:refund. "
    "Errors: not_found, order_not_refundable, refund_too_large, invalid_input.",
)
async def quote_refund(
    request: Req,
    order_id: OrderId,
    data: Annotated[RefundIn, Body(examples=[Example(value={"lines": [{"line_no": 1, "quantity": "1"}]})])],
) -> RefundQuoteOut:
    principal = caller(request, "orders:refund")
    entity = parse_id(order_id, "order_id")
    await _check_order(request, principal, entity)
    cell_id = cell_of_entity(principal.merchant_id, entity)
    command = refund_command(cell_id, entity, await strict(request, RefundIn), None)
    async with database(request).reader(principal.merchant_id) as conn:
        return await service.quote_refund(conn, command)


@post(
    "/v1/orders/{order_id:str}/void",
    status_code=201,
    tags=["orders"],
    summary="作废订单 / Void",
    description="整单作废，收回其全部所得。Undoes the whole order and takes back all that it earned.",
)
async def void_order(request: Req, order_id: OrderId, key: Key = "") -> RefundOut:
    principal = caller(request, "orders:refund")
    name, fingerprint = await write_key(request)
    entity = parse_id(order_id, "order_id")
    await _check_order(request, principal, entity)
    command = RefundOrder(
        cell_of_entity(principal.merchant_id, entity), entity, None, key=name, fingerprint=fingerprint, void=True
    )
    return await run_command(request, command)  # type: ignore[return-value]


@get(
    "/v1/orders/{order_id:str}",
    tags=["orders"],
    summary="订单详情 / One order",
    description="Scope: orders:read. Errors: not_found.",
)
async def read_order(request: Req, order_id: OrderId) -> Response[OrderView]:
    principal = caller(request, "orders:read")
    async with database(request).reader(principal.merchant_id) as conn:
        view = await get_order(conn, principal.merchant_id, parse_id(order_id, "order_id"))
    if not principal.sees(view.store_id):
        raise NotFound("order")
    return tagged(request, view)


@get(
    "/v1/orders",
    tags=["orders"],
    summary="订单列表 / Orders, newest first",
    description="按订单时间从新到旧，后来导入的也排在自己的时间里。给出的条件须同时满足；from、to 为营业日，含首尾。"
    "By ordered_at, also when an order was imported later. All that is given must hold; from and to are business "
    "days, both included. Scope: orders:read. Errors: unknown_store, region_not_found, invalid_input.",
)
async def read_orders(
    request: Req,
    *,
    member_id: MemberId = None,
    store: StoreCode = None,
    region: RegionCode = None,
    category: CategoryName = None,
    first: FirstDay = None,
    last: LastDay = None,
    status: OrderStatus = None,
    kept: Kept = False,
    buyer: OfBuyer = None,
    product: ProductName = None,
    order_no: OrderNo = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> OrderPage:
    principal = caller(request, "orders:read")
    query = OrderQuery(
        member_id=None if member_id is None else parse_id(member_id, "member_id"),
        store=store,
        region=region,
        category=category,
        first_day=first,
        last_day=last,
        status=status,
        kept=kept,
        buyer=buyer,
        product=product,
        order_no=order_no,
    )
    merchant_id = principal.merchant_id
    keys = await _keys(request, merchant_id) if principal.allows("members:read") else None
    async with database(request).reader(merchant_id) as conn:
        return await list_orders(conn, merchant_id, query, cursor_id(cursor), limit, stores=principal.stores, keys=keys)


@post(
    "/v1/earning-rules/try",
    status_code=200,
    tags=["earning rules"],
    summary="在一张单上试算规则 / try rules on a bill",
    description="草稿或尚未保存的规则会给这张单多少、为什么；不写入任何数据。"
    "What drafts, or rules that are not saved yet, would give this bill, and why; nothing is written and no "
    "Idempotency-Key is needed. Scopes: rules:read and orders:read. "
    "Errors: rule_draft_not_found, rule_draft_is_over, unknown_store, unknown_member, invalid_input.",
)
async def try_rules(request: Req, data: Annotated[TryIn, Body(examples=TRY_EXAMPLES)]) -> TriedOut:
    principal = caller(request, "rules:read")
    principal.require("orders:read")
    wanted = await strict(request, TryIn)
    await _check_store(request, principal, wanted.bill.store)
    merchant_id, now = principal.merchant_id, utc_now()
    async with database(request).reader(merchant_id) as conn:
        stores = await load_stores(conn, merchant_id)
        found = [await candidate_of(conn, merchant_id, parse_id(each, "drafts"), now) for each in wanted.drafts]
        for number, rule in enumerate(wanted.rules, 1):
            found.append(await candidate(conn, merchant_id, rule_input(rule, stores), number, now))
    return await _till(request).try_rules(
        merchant_id, wanted.bill, found, alone=wanted.alone, new_member=wanted.new_member
    )


routes: list[Any] = [
    quote_order,
    complete_order,
    complete_orders,
    refund_order,
    quote_refund,
    void_order,
    read_order,
    read_orders,
    try_rules,
]
