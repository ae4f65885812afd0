"""What an order is: its input, its limits, its identity and its content."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

import msgspec

from huimeng.kernel.currency import step_fen, unit_text
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.money import FEN_MAX
from huimeng.order.errors import TendersDontAddUp

LINES_MAX = 2000
# What one order may earn of a unit: lines keep it in an integer of 4 bytes.
EARNED_MAX = 2**31 - 1
TENDER_KINDS = ("cash", "wechat", "alipay", "card", "unionpay", "other", "stored_value", "points", "coupon")
_QUANTITY = re.compile(r"-?\d{1,9}(\.\d{1,4})?\Z", re.ASCII)


class Status:
    """Of an order, as stored; RETURNED: a receipt that only gives back (docs/decisions/0015)."""

    COMPLETED = 1
    PARTLY_REFUNDED = 2
    REFUNDED = 3
    VOIDED = 4
    RETURNED = 5


STATUS_NAMES = {1: "completed", 2: "partly_refunded", 3: "refunded", 4: "voided", 5: "returned"}
# Of these something is kept: they are orders in every figure.
KEPT = (Status.COMPLETED, Status.PARTLY_REFUNDED)


class LineInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """quantity is a decimal with up to 4 places as text; paid_fen is net of discounts, for the whole line."""

    sku: str = ""
    product: str = ""
    category: str = ""
    quantity: str = "1"
    list_fen: int = 0
    paid_fen: int = 0
    line_key: str = ""


class TenderInput(msgspec.Struct, frozen=True):
    kind: str
    amount_fen: int


def only_gives_back(lines: Iterable[tuple[str, int]]) -> bool:
    """Of (quantity, paid_fen): nothing is sold, and something is given back."""
    back = False
    for quantity, paid_fen in lines:
        if paid_fen > 0:
            return False
        back = back or paid_fen < 0 or quantity.startswith("-")
    return back


class OrderInput(msgspec.Struct, frozen=True):
    """An order is known by source, store, business day and number: receipt numbers restart every day."""

    source: str
    store_id: int
    order_no: str
    business_day: date
    ordered_at: datetime
    member_id: int | None
    lines: tuple[LineInput, ...]
    tenders: tuple[TenderInput, ...]

    @property
    def paid_fen(self) -> int:
        return sum(line.paid_fen for line in self.lines)

    @property
    def is_return(self) -> bool:
        return only_gives_back((line.quantity, line.paid_fen) for line in self.lines)


def with_tender(order: OrderInput) -> OrderInput:
    """No tender given means that the whole was paid in a way that nobody recorded."""
    if order.tenders:
        return order
    return msgspec.structs.replace(order, tenders=(TenderInput("other", order.paid_fen),))


def check(order: OrderInput, currency: str) -> None:
    """InvalidInput or TendersDontAddUp, told in the merchant's currency, when the order can't be taken."""
    _text("order_no", order.order_no, 64, required=True)
    _text("source", order.source, 32, required=True)
    if not 0 < len(order.lines) <= LINES_MAX:
        raise InvalidInput("lines", f"1 to {LINES_MAX} lines", f"须有 1 到 {LINES_MAX} 行")
    if order.ordered_at.tzinfo is None:
        raise InvalidInput("ordered_at", "needs a time zone offset", "须带时区")
    if not 1990 <= order.ordered_at.year <= 2200:
        raise InvalidInput("ordered_at", "year 1990 to 2200", "年份须在 1990 到 2200 之间")
    step = step_fen(currency)
    for number, line in enumerate(order.lines, 1):
        where = f"lines[{number - 1}]"
        _text(f"{where}.sku", line.sku, 64)
        _text(f"{where}.product", line.product, 200)
        _text(f"{where}.category", line.category, 100)
        _text(f"{where}.line_key", line.line_key, 64)
        if not _QUANTITY.match(line.quantity):
            raise InvalidInput(f"{where}.quantity", "a decimal with up to 4 places", "须是最多 4 位小数的数")
        if abs(line.paid_fen) > FEN_MAX or abs(line.list_fen) > FEN_MAX:
            raise InvalidInput(f"{where}.paid_fen", "out of range", "金额超出范围")
        if step > 1:
            check_money(f"{where}.paid_fen", line.paid_fen, currency)
            check_money(f"{where}.list_fen", line.list_fen, currency)
    if too_much(line.paid_fen for line in order.lines) or too_much(line.list_fen for line in order.lines):
        raise InvalidInput("lines", "the amounts are out of range together", "金额合计超出范围")
    for tender in order.tenders:
        check_tender(tender.kind)
        check_money("tenders", tender.amount_fen, currency)
    tenders_fen = sum(tender.amount_fen for tender in order.tenders)
    if order.tenders and tenders_fen != order.paid_fen:
        raise TendersDontAddUp(tenders_fen=tenders_fen, paid_fen=order.paid_fen, currency=currency)


def too_much(amounts: Iterable[int]) -> bool:
    """More than a bill comes to, so that no sum of bills, whatever their signs, leaves what can be kept and read."""
    return sum(map(abs, amounts)) > FEN_MAX


def check_tender(kind: str) -> None:
    if kind not in TENDER_KINDS:
        raise InvalidInput("tenders.kind", f"one of {', '.join(TENDER_KINDS)}", "未知的支付方式")


def check_money(field: str, fen: int, currency: str) -> None:
    """InvalidInput for a part of a unit in a currency that has whole ones only."""
    if fen % step_fen(currency) == 0:
        return
    zh, en = unit_text(currency, "zh"), unit_text(currency, "en")
    raise InvalidInput(
        field,
        f"{en} has no smaller unit; whole amounts only, a multiple of 100",
        f"{zh}没有小数，金额须是整数，即 100 的倍数",
    )


def check_text(field: str, value: str, longest: int, *, required: bool = False) -> None:
    """InvalidInput for text that can't be stored or shown: too long, NUL, control characters, lone surrogates."""
    _text(field, value, longest, required=required)


def _text(field: str, value: str, longest: int, *, required: bool = False) -> None:
    if len(value) > longest:
        raise InvalidInput(field, f"at most {longest} characters", f"最多 {longest} 个字符")
    if required and not value.strip():
        raise InvalidInput(field, "may not be empty", "不能为空")
    if value.isascii() and value.isprintable():
        return
    if any(c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff" for c in value):
        raise InvalidInput(field, "has characters that can't be stored", "含有无法保存的字符")
    # A number or name must be seen as what it is; invisible signs (joiners) are fine inside a product's emoji.
    if required and any(unicodedata.category(c) == "Cf" for c in value):
        raise InvalidInput(field, "has invisible characters", "含有不可见字符")


def content_hash(order: OrderInput, status: str = "completed") -> bytes:
    """16 bytes over everything that an order says, so that an import can tell the same from the changed."""
    digest = hashlib.blake2b(msgspec.json.encode(order), digest_size=16)
    digest.update(status.encode())
    return digest.digest()


class Line(msgspec.Struct, frozen=True):
    """A line as stored."""

    line_no: int
    line_key: str
    sku: str
    product: str
    category: str
    quantity: Decimal
    list_fen: int
    paid_fen: int
    refunded_quantity: Decimal
    refunded_fen: int
    points_earned: int
    growth_earned: int
    points_reversed: int
    growth_reversed: int


def product_of(line: Line | LineInput) -> str:
    """What figures know a product by, within its category: its name, or its SKU when it has none."""
    return line.product or line.sku


def quantity_text(quantity: Decimal | str) -> str:
    """The one form in answers, without needless zeros: 2.0000 -> "2", 0.4550 -> "0.455"."""
    text = f"{Decimal(quantity):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def is_given_back(line: Line) -> bool:
    """Wholly refunded; a line of nothing (no amount, no pieces) goes with its order only."""
    whole = line.refunded_fen == line.paid_fen and line.refunded_quantity == line.quantity
    return whole and bool(line.paid_fen or line.quantity)


class Tender(msgspec.Struct, frozen=True):
    """One way in which an order was paid, and how much of it went back."""

    kind: str
    amount_fen: int
    refunded_fen: int = 0

    @property
    def left_fen(self) -> int:
        return self.amount_fen - self.refunded_fen


class Order(msgspec.Struct):
    """An order as stored; the Teller edits status, refunded_fen and replaces lines."""

    cell_id: int
    order_id: int
    source: str
    store_id: int
    business_day: date
    order_no: str
    member_id: int | None
    ordered_at: datetime
    list_fen: int
    paid_fen: int
    refunded_fen: int
    status: int
    created_at: datetime
    lines: dict[int, Line] = msgspec.field(default_factory=dict)
    tenders: list[Tender] = msgspec.field(default_factory=list)
    dirty: set[int] = msgspec.field(default_factory=set)

    def __copy__(self) -> Order:
        twin = msgspec.structs.replace(self)
        twin.lines = self.lines.copy()
        twin.tenders = self.tenders.copy()
        twin.dirty = self.dirty.copy()
        return twin


class Known(msgspec.Struct, frozen=True):
    """An order that is there already, found by its identity."""

    order_id: int
    content_hash: bytes
    created_at: datetime
