"""The till's use cases: quote, complete, refund, void, and reading orders back."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec

from huimeng.checkout import store
from huimeng.checkout.commands import CompleteOrder, RefundOrder, cap_keys, earned_out, lines_out, reasons_out
from huimeng.checkout.errors import QuoteExpired, UnknownMember, UnknownStore
from huimeng.checkout.rules import Earned, WantedLine
from huimeng.checkout.values import (
    BillIn,
    OrderEarningView,
    OrderHead,
    OrderIn,
    OrderLineView,
    OrderPage,
    OrderSummary,
    OrderView,
    QuoteOut,
    RefundIn,
    RefundQuoteOut,
    RefundView,
    RuleUsed,
    TenderView,
    TriedOut,
)
from huimeng.infra.cache import Cache
from huimeng.infra.crypto import MerchantKeys
from huimeng.infra.database import Connection, Database
from huimeng.infra.teller import read_rows, rehearse
from huimeng.kernel.errors import BusinessError, InvalidInput, NotFound
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import business_day, utc_now
from huimeng.ledger.rules import UNIT_NAMES
from huimeng.ledger.store import AccountShelf, ClosedLotShelf
from huimeng.member.service import told_apart
from huimeng.member.store import MemberStatusShelf
from huimeng.merchant.service import get_merchant, load_stores
from huimeng.merchant.service.profile import get_region
from huimeng.merchant.values import Store, StoreBook
from huimeng.order import store as orders
from huimeng.order.rules import (
    STATUS_NAMES,
    LineInput,
    Order,
    OrderInput,
    TenderInput,
    check,
    check_money,
    check_tender,
    check_text,
    quantity_text,
    with_tender,
)
from huimeng.points.rules import Bill, Earnings, Plan, Rule, earn, told_of
from huimeng.points.service import rule_versions
from huimeng.points.store import EarnCapShelf, EarningRulesShelf

QUOTE_MINUTES = 30
# A till's clock may be wrong, but not by more than a time zone.
_CLOCK_TOLERANCE = timedelta(days=1)
Buyer = Literal["member", "anonymous"]
StatusName = Literal["completed", "partly_refunded", "refunded", "voided", "returned"]


class _Shop(NamedTuple):
    book: StoreBook
    currency: str


class Till:
    """One a process: it remembers a merchant's stores for 2 seconds, and signs quotes."""

    def __init__(self, db: Database, signing_key: bytes, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._key = signing_key
        self._shops: Cache[int, _Shop] = Cache(self._load, monotonic)

    async def complete(self, merchant_id: int, body: OrderIn, key: str, fingerprint: bytes) -> CompleteOrder:
        """The command for an order; InvalidInput, UnknownStore, QuoteExpired."""
        order = await self._order(merchant_id, body, body.order_no, body.source)
        versions = None if body.quote is None else self._open_quote(merchant_id, order, body.quote)
        return CompleteOrder(
            cell_of(merchant_id), order, key=key, fingerprint=fingerprint, versions=versions, store_code=body.store
        )

    async def quote(self, merchant_id: int, body: BillIn) -> QuoteOut:
        """What the bill would earn now, and why; writes nothing."""
        order = await self._order(merchant_id, body, "quote", "quote")
        rules, (earnings,) = await self._earnings(merchant_id, body, order, lambda plan: [plan])
        versions = [(rule.rule_id, rule.version) for rule in rules]
        deadline = utc_now().replace(microsecond=0) + timedelta(minutes=QUOTE_MINUTES)
        return QuoteOut(
            body.store,
            order.business_day,
            order.paid_fen,
            sum(earnings.points_by_line),
            sum(earnings.growth_by_line),
            earned_out(earnings),
            lines_out(order, earnings),
            reasons_out(earnings.explanation, await self._currency(merchant_id)),
            self._seal_quote(merchant_id, order, versions, deadline),
            deadline,
        )

    async def try_rules(
        self, merchant_id: int, body: BillIn, candidates: Sequence[Rule], *, alone: bool, new_member: bool = False
    ) -> TriedOut:
        """What the bill would earn if these rules were in force when it is made; writes nothing."""
        order = await self._order(merchant_id, body, "quote", "quote")
        replaced = {rule.rule_id for rule in candidates}

        def plans(now: Plan) -> list[Plan]:
            if alone:
                return [now, Plan(candidates)]
            kept = [rule for rule in now if rule.rule_id not in replaced]
            idle = [(rule, code) for rule, code in now.idle if rule.rule_id not in replaced]
            return [now, Plan([*kept, *candidates], idle)]

        _, (now, tried) = await self._earnings(merchant_id, body, order, plans, new_member=new_member)
        return TriedOut(
            body.store,
            order.business_day,
            order.paid_fen,
            sum(tried.points_by_line),
            sum(tried.growth_by_line),
            sum(now.points_by_line),
            sum(now.growth_by_line),
            earned_out(tried),
            lines_out(order, tried),
            reasons_out(tried.explanation, await self._currency(merchant_id)),
        )

    async def _earnings(
        self,
        merchant_id: int,
        body: BillIn,
        order: OrderInput,
        plans: Callable[[Plan], list[Plan]],
        *,
        new_member: bool = False,
    ) -> tuple[Plan, list[Earnings]]:
        """(the rules in force, what the bill earns by each of the plans made of them)

        new_member: a bill of nobody is the first one of somebody who has just joined.
        """
        found = await self._store(merchant_id, body.store)
        cell_id = cell_of(merchant_id)
        used: dict[tuple[int, Literal["d", "m"]], int] = {}
        first = new_member
        async with self._db.tenant(merchant_id) as conn:
            config = (await read_rows(conn, EarningRulesShelf(), [(cell_id,)]))[cell_id,]
            rules = config.rules.in_force(order.ordered_at)
            wanted = plans(rules)
            if order.member_id is not None:
                await _check_member(conn, cell_id, order.member_id)
                first = not await orders.has_order(conn, cell_id, order.member_id)
                caps: dict[tuple[int, Literal["d", "m"]], tuple[Any, ...]] = {}
                for plan in wanted:
                    caps |= cap_keys(cell_id, order.member_id, plan, order.business_day)
                counters = await read_rows(conn, EarnCapShelf(), list(caps.values()))
                used = {name: counters[key].amount for name, key in caps.items() if key in counters}
        bill = Bill(order.store_id, found.region, order.business_day, order.lines, order.tenders)
        return rules, [
            earn(
                plan,
                bill,
                member=order.member_id is not None or new_member,
                first_order=first,
                used=used,
                occurred_at=order.ordered_at,
                timezone=found.timezone,
                explain=True,
            )
            for plan in wanted
        ]

    # Bills.

    async def _order(self, merchant_id: int, body: BillIn, order_no: str, source: str) -> OrderInput:
        found = await self._store(merchant_id, body.store)
        at = body.ordered_at or utc_now()
        if at.tzinfo is None:
            raise InvalidInput("ordered_at", "needs a time zone offset", "须带时区")
        try:
            at = at.astimezone(UTC)
            day = business_day(at, found.timezone, found.day_cut_minutes)
        except (OverflowError, ValueError) as error:
            raise InvalidInput("ordered_at", "out of range", "超出范围") from error
        currency = await self._currency(merchant_id)
        order = OrderInput(
            source=source,
            store_id=found.store_id,
            order_no=order_no,
            business_day=day,
            ordered_at=at,
            member_id=None if body.member_id is None else _entity(body.member_id),
            lines=_lines(body, currency),
            tenders=tuple(TenderInput(tender.kind, tender.amount_fen) for tender in body.tenders),
        )
        check(order, currency)
        if at > utc_now() + _CLOCK_TOLERANCE:
            raise InvalidInput("ordered_at", "lies in the future", "晚于当前时间")
        if order.paid_fen >= 0 and any(tender.amount_fen < 0 for tender in order.tenders):
            raise InvalidInput("tenders", "negative on a positive bill", "正数账单不能有负的支付")
        return with_tender(order)

    async def store_id(self, merchant_id: int, code: str) -> int:
        """UnknownStore."""
        return (await self._store(merchant_id, code)).store_id

    async def _store(self, merchant_id: int, code: str) -> Store:
        found = (await self._shops.get(merchant_id)).book.by_code.get(code)
        if found is None:
            # It may have been opened a moment ago.
            found = (await self._shops.refresh(merchant_id)).book.by_code.get(code)
        if found is None:
            raise UnknownStore(store=code)
        return found

    async def _load(self, merchant_id: int) -> _Shop:
        async with self._db.tenant(merchant_id) as conn:
            return _Shop(await load_stores(conn, merchant_id), (await get_merchant(conn, merchant_id)).currency)

    async def _currency(self, merchant_id: int) -> str:
        return (await self._shops.get(merchant_id)).currency

    # Quotes: the rule versions and the bill they belong to, signed, so that nothing has to be stored.

    def _seal_quote(
        self, merchant_id: int, order: OrderInput, versions: Sequence[tuple[int, int]], deadline: datetime
    ) -> str:
        payload = msgspec.json.encode([versions, int(deadline.timestamp())])
        return _text(payload) + "." + _text(self._sign(merchant_id, order, payload))

    def _open_quote(self, merchant_id: int, order: OrderInput, token: str) -> list[tuple[int, int]]:
        try:
            payload, signature = (_bytes(part) for part in token.split("."))
        except (ValueError, binascii.Error) as error:
            raise QuoteExpired() from error
        if not hmac.compare_digest(signature, self._sign(merchant_id, order, payload)):
            raise QuoteExpired()
        versions, deadline = msgspec.json.decode(payload, type=tuple[list[tuple[int, int]], int])
        if deadline < time.time():
            raise QuoteExpired()
        return versions

    def _sign(self, merchant_id: int, order: OrderInput, payload: bytes) -> bytes:
        day = order.business_day
        bill = msgspec.json.encode([merchant_id, order.store_id, day, order.member_id, order.lines, order.tenders])
        return hmac.new(self._key, payload + b"|" + bill, hashlib.sha256).digest()


def refund_command(
    cell_id: int, order_id: int, body: RefundIn, key: str | None, fingerprint: bytes = b""
) -> RefundOrder:
    """The command for a refund; InvalidInput."""
    check_text("reason", body.reason, 200)
    for tender in body.tenders or ():
        check_tender(tender.kind)
    wanted = None
    if body.lines is not None:
        wanted = [
            WantedLine(line.line_no, None if line.quantity is None else Decimal(line.quantity), line.amount_fen)
            for line in body.lines
        ]
    return RefundOrder(
        cell_id, order_id, wanted, key=key, fingerprint=fingerprint, reason=body.reason, tenders=body.tenders
    )


_REFUND_SHELVES = {
    shelf.name: shelf
    for shelf in (
        orders.OrderShelf(),
        store.EarningShelf(),
        EarningRulesShelf(),
        EarnCapShelf(),
        AccountShelf(),
        ClosedLotShelf(),
    )
}


async def quote_refund(conn: Connection, command: RefundOrder) -> RefundQuoteOut:
    """What the command would do now, or its refusal; nothing is written."""
    (told,) = await rehearse(conn, _REFUND_SHELVES, [command], utc_now())
    if isinstance(told, BusinessError):
        raise told
    return RefundQuoteOut(**{name: getattr(told, name) for name in RefundQuoteOut.__struct_fields__})


def _lines(body: BillIn, currency: str) -> tuple[LineInput, ...]:
    if body.amount_fen is not None:
        if body.lines:
            raise InvalidInput("amount_fen", "either lines or amount_fen", "商品行与金额二选一")
        # Told of the field that was sent: of the line made of it nobody knows.
        check_money("amount_fen", body.amount_fen, currency)
        return (LineInput(list_fen=body.amount_fen, paid_fen=body.amount_fen),)
    return tuple(
        LineInput(
            line.sku,
            line.product,
            line.category,
            line.quantity,
            line.paid_fen if line.list_fen is None else line.list_fen,
            line.paid_fen,
            line.line_key,
        )
        for line in body.lines
    )


async def _check_member(conn: Connection, cell_id: int, member_id: int) -> None:
    member = (await read_rows(conn, MemberStatusShelf(), [(cell_id, member_id)])).get((cell_id, member_id))
    if member is None or not member.active:
        raise UnknownMember()


def _entity(text: str) -> int:
    number = int(text)
    if number >= 2**63:
        raise UnknownMember()
    return number


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# Reading.


async def get_order(conn: Connection, merchant_id: int, order_id: int) -> OrderView:
    """NotFound when the merchant has no such order."""
    cell_id = cell_of(merchant_id)
    order = await orders.get_order(conn, cell_id, order_id)
    if order is None:
        raise NotFound("order")
    earned = await store.earnings_of(conn, cell_id, order_id)
    rules = await rule_versions(conn, merchant_id, {rule_id for each in earned for rule_id, _, _ in each.parts})
    refunds = await orders.list_refunds(conn, cell_id, order_id)
    currency = (await get_merchant(conn, merchant_id)).currency
    return OrderView(
        **msgspec.structs.asdict(_summary(order)),
        lines=[
            msgspec.convert(
                {f: getattr(line, f) for f in OrderLineView.__struct_fields__}
                | {f: quantity_text(getattr(line, f)) for f in ("quantity", "refunded_quantity")},
                OrderLineView,
            )
            for line in order.lines.values()
        ],
        tenders=[TenderView(tender.kind, tender.amount_fen, tender.refunded_fen) for tender in order.tenders],
        earned=[_earning(each, rules, currency) for each in earned],
        refunds=[
            msgspec.convert(
                {
                    "refund_id": str(r.refund_id),
                    "refunded_at": r.refunded_at,
                    "amount_fen": r.amount_fen,
                    "reason": r.reason,
                    "void": bool(r.void),
                    "tenders": r.tenders,
                    "lines": [line | {"quantity": quantity_text(line["quantity"])} for line in r.lines],
                },
                RefundView,
            )
            for r in refunds
        ],
    )


class OrderQuery(msgspec.Struct, frozen=True, kw_only=True):
    """All that are given must hold; store and region are codes, days are business days, both included.

    region '' is the stores in none, category and product '' a line without one; category and product are of one line.
    kept: what the figures count, and with a category or a product those of which such a line is not given back.
    """

    member_id: int | None = None
    store: str | None = None
    region: str | None = None
    category: str | None = None
    first_day: date | None = None
    last_day: date | None = None
    status: StatusName | None = None
    kept: bool = False
    buyer: Buyer | None = None
    product: str | None = None
    order_no: str | None = None


async def list_orders(
    conn: Connection,
    merchant_id: int,
    query: OrderQuery,
    before_id: int | None,
    limit: int,
    *,
    stores: Collection[int] | None = None,
    keys: MerchantKeys | None = None,
) -> OrderPage:
    """Newest first, of these stores only (None: of all); keys: members are named. UnknownStore, InvalidInput."""
    if query.first_day is not None and query.last_day is not None and query.first_day > query.last_day:
        raise InvalidInput("to", "before from", "早于 from")
    wanted = await _wanted_stores(conn, merchant_id, query, stores)
    status = None if query.status is None else next(k for k, name in STATUS_NAMES.items() if name == query.status)
    rows = await orders.list_orders(
        conn,
        cell_of(merchant_id),
        member_id=query.member_id,
        stores=wanted,
        first_day=query.first_day,
        last_day=query.last_day,
        status=status,
        kept=query.kept,
        of_member=None if query.buyer is None else query.buyer == "member",
        category=query.category,
        product=query.product,
        order_no=query.order_no,
        before_id=before_id,
        limit=limit + 1,
    )
    page = rows[:limit]
    buyers = sorted({order.member_id for order in page if order.member_id is not None})
    names = await told_apart(conn, cell_of(merchant_id), keys, buyers) if keys is not None and buyers else {}
    listed = [
        OrderSummary(**msgspec.structs.asdict(_summary(order)), member=names.get(order.member_id or 0))
        for order in page
    ]
    return OrderPage(listed, listed[-1].order_id if len(rows) > limit else None)


async def _wanted_stores(
    conn: Connection, merchant_id: int, query: OrderQuery, stores: Collection[int] | None
) -> list[int] | None:
    """Those that the query and the caller's stores leave; None: all. UnknownStore, RegionNotFound."""
    if stores is None and query.store is None and query.region is None:
        return None
    book = await load_stores(conn, merchant_id)
    found = [store for store in book.by_id.values() if stores is None or store.store_id in stores]
    if query.store is not None:
        if query.store not in book.by_code:
            raise UnknownStore(store=query.store[:64])
        found = [store for store in found if store.code == query.store]
    if query.region is not None:
        if query.region:
            await get_region(conn, merchant_id, query.region)
        found = [store for store in found if (store.region or "") == query.region]
    return sorted(store.store_id for store in found)


def _summary(order: Order) -> OrderHead:
    return OrderHead(
        str(order.order_id),
        order.source,
        order.store_id,
        order.business_day,
        order.order_no,
        None if order.member_id is None else str(order.member_id),
        order.ordered_at,
        order.list_fen,
        order.paid_fen,
        order.refunded_fen,
        STATUS_NAMES[order.status],
    )


def _earning(each: Earned, rules: Mapping[tuple[int, int], Rule], currency: str) -> OrderEarningView:
    used = []
    for rule_id, version, amount in each.parts:
        rule = rules[rule_id, version]
        words = told_of(rule, amount, currency)
        used.append(RuleUsed(str(rule_id), version, amount, rule.name, words.zh, words.en))
    return OrderEarningView(UNIT_NAMES[each.unit], each.amount, each.reversed, used)


async def verify_earnings(db: Database, merchant_id: int) -> list[dict[str, Any]]:
    """Orders whose recorded earning is not what the transfers say; none when all is well."""
    async with db.reader(merchant_id) as conn:
        return await store.earning_differences(conn, cell_of(merchant_id), 0, 2**62)
