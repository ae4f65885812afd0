"""Payloads of the till: amounts in fen, ids as strings of digits, times with an offset."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

Fen = Annotated[
    int, Meta(ge=-(10**13), le=10**13, description="分，币种单位的 1/100 / fen, 1/100 of the currency's unit")
]
Id = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,18}$(?!\n)", description="digits as text")]
Word = Annotated[str, Meta(max_length=64)]


class LineIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    paid_fen: Fen
    sku: Word = ""
    product: Annotated[str, Meta(max_length=200)] = ""
    category: Annotated[str, Meta(max_length=100)] = ""
    quantity: Annotated[str, Meta(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,4})?$(?!\n)")] = "1"
    list_fen: Fen | None = None
    line_key: Word = ""


class TenderIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Word
    amount_fen: Fen


class BillIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bill of goods (`lines`) or of an amount only (`amount_fen`)."""

    store: Annotated[str, Meta(max_length=64, description="store code")]
    ordered_at: datetime | None = None
    member_id: Id | None = None
    lines: Annotated[tuple[LineIn, ...], Meta(max_length=2000)] = ()
    amount_fen: Fen | None = None
    tenders: Annotated[tuple[TenderIn, ...], Meta(max_length=50)] = ()


class OrderIn(BillIn, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`quote` is the token of a quote: the order then earns what was quoted, also when a rule changed since."""

    order_no: Annotated[str, Meta(min_length=1, max_length=64)]
    source: Annotated[str, Meta(min_length=1, max_length=32)] = "pos"
    quote: Annotated[str, Meta(max_length=4000)] | None = None


class RefundLineIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    line_no: Annotated[int, Meta(ge=1, le=2000)]
    quantity: Annotated[str, Meta(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,4})?$(?!\n)")] | None = None
    amount_fen: Fen | None = None


class RefundIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No `lines`: all that is left of the order."""

    lines: Annotated[tuple[RefundLineIn, ...], Meta(max_length=2000)] | None = None
    reason: Annotated[str, Meta(max_length=200)] = ""
    tenders: Annotated[tuple[TenderIn, ...], Meta(max_length=50)] | None = None


class ReasonOut(msgspec.Struct, frozen=True):
    """Why a rule gave what it gave, or nothing: a stable code, and words."""

    rule_id: str
    version: int
    name: str
    unit: str
    code: str
    amount: int
    text_zh: str
    text_en: str


class LineOut(msgspec.Struct, frozen=True):
    line_no: int
    paid_fen: int
    points: int
    growth: int


class EarnedOut(msgspec.Struct, frozen=True):
    unit: str
    amount: int
    expires_at: datetime | None


class QuoteOut(msgspec.Struct, frozen=True):
    store: str
    business_day: date
    paid_fen: int
    points: int
    growth: int
    earned: list[EarnedOut]
    lines: list[LineOut]
    reasons: list[ReasonOut]
    quote: str
    quote_expires_at: datetime


class TriedOut(msgspec.Struct, frozen=True):
    """points_now and growth_now: what the rules in force give, for comparison."""

    store: str
    business_day: date
    paid_fen: int
    points: int
    growth: int
    points_now: int
    growth_now: int
    earned: list[EarnedOut]
    lines: list[LineOut]
    reasons: list[ReasonOut]


class CompletedOut(msgspec.Struct, frozen=True):
    """debt_repaid: points of this earning that repaid a debt at once."""

    order_id: str
    order_no: str
    business_day: date
    paid_fen: int
    points: int
    growth: int
    debt_repaid: int
    points_balance: int | None
    earned: list[EarnedOut]
    lines: list[LineOut]
    reasons: list[ReasonOut]


class RefundLineOut(msgspec.Struct, frozen=True):
    line_no: int
    quantity: str
    amount_fen: int
    points_taken: int
    growth_taken: int


class RefundQuoteOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a refund would give and take. points_debt: what can't be taken back and would be owed."""

    status: str
    amount_fen: int
    points_taken: int
    growth_taken: int
    points_debt: int
    growth_debt: int
    points_balance: int | None
    lines: list[RefundLineOut]
    tenders: list[TenderIn]


class RefundOut(msgspec.Struct, frozen=True):
    """points_debt: what could not be taken back and is owed now."""

    refund_id: str
    order_id: str
    status: str
    amount_fen: int
    points_taken: int
    growth_taken: int
    points_debt: int
    growth_debt: int
    points_balance: int | None
    lines: list[RefundLineOut]
    tenders: list[TenderIn]


class BatchItemOut(msgspec.Struct, frozen=True):
    """One order of a batch: either its result or its problem."""

    order_no: str
    status: int
    result: msgspec.Raw | None = None
    problem: dict[str, object] | None = None


class BatchIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    orders: Annotated[tuple[OrderIn, ...], Meta(min_length=1, max_length=500)]


class BatchOut(msgspec.Struct, frozen=True):
    items: list[BatchItemOut]


class TenderView(TenderIn, frozen=True):
    refunded_fen: int


class OrderLineView(msgspec.Struct, frozen=True):
    line_no: int
    sku: str
    product: str
    category: str
    quantity: str
    list_fen: int
    paid_fen: int
    refunded_quantity: str
    refunded_fen: int
    points_earned: int
    growth_earned: int
    points_reversed: int
    growth_reversed: int


class RuleUsed(msgspec.Struct, frozen=True):
    """A rule in the version that was used, and what it gave, also in words."""

    rule_id: str
    version: int
    amount: int
    name: str
    text_zh: str
    text_en: str


class OrderEarningView(msgspec.Struct, frozen=True):
    unit: str
    amount: int
    reversed: int
    rules: list[RuleUsed]


class RefundView(msgspec.Struct, frozen=True):
    refund_id: str
    refunded_at: datetime
    amount_fen: int
    reason: str
    void: bool
    tenders: list[TenderIn]
    lines: list[RefundLineOut]


class OrderHead(msgspec.Struct, frozen=True):
    order_id: str
    source: str
    store_id: int
    business_day: date
    order_no: str
    member_id: str | None
    ordered_at: datetime
    list_fen: int
    paid_fen: int
    refunded_fen: int
    status: str


class OrderView(OrderHead, frozen=True, kw_only=True):
    lines: list[OrderLineView]
    tenders: list[TenderView]
    earned: list[OrderEarningView]
    refunds: list[RefundView]


class OrderSummary(OrderHead, frozen=True, kw_only=True):
    """member: as lists show whose it is, masked; null without one, and for who may not find members."""

    member: str | None = None


class OrderPage(msgspec.Struct, frozen=True):
    items: list[OrderSummary]
    next_cursor: str | None
