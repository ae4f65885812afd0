"""What a refund takes back, in money and in what was earned; worked numbers in docs/rules/refund.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from huimeng.kernel.currency import step_fen
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.money import allocate, towards_zero
from huimeng.order.errors import OrderNotRefundable, RefundTooLarge
from huimeng.order.rules import (
    Line,
    LineInput,
    Order,
    Status,
    Tender,
    check_money,
    is_given_back,
    product_of,
    quantity_text,
)


class WantedLine(msgspec.Struct, frozen=True):
    """Part of a line: a quantity, or an amount, or (with neither) what is left of it."""

    line_no: int
    quantity: Decimal | None = None
    amount_fen: int | None = None


class LineRefund(msgspec.Struct, frozen=True):
    """What one line gives back; `after` is the line as it then stands."""

    line_no: int
    quantity: Decimal
    amount_fen: int
    points: int
    growth: int
    after: Line


def plan_refund(order: Order, wanted: Sequence[WantedLine] | None, currency: str) -> list[LineRefund]:
    """Refunds for these parts of lines, or for all that is left (None); raises when it is more than is left.

    currency: the merchant's, for the words of the refusal, and for what is the smallest amount.
    """
    if order.status in (Status.REFUNDED, Status.VOIDED):
        raise OrderNotRefundable()
    if wanted is None:
        return [
            _refund_line(line, WantedLine(line.line_no), currency) for line in order.lines.values() if not _done(line)
        ]
    if not wanted:
        raise InvalidInput("lines", "may not be empty", "不能为空")
    plans = []
    seen: set[int] = set()
    for part in wanted:
        line = order.lines.get(part.line_no)
        if line is None or part.line_no in seen:
            raise InvalidInput("lines.line_no", f"no line {part.line_no}, or twice", f"没有第 {part.line_no} 行或重复")
        seen.add(part.line_no)
        if _done(line):
            raise RefundTooLarge(line_no=line.line_no, left=0, currency=currency)
        plans.append(_refund_line(line, part, currency))
    if not any(plan.amount_fen or plan.quantity for plan in plans):
        raise InvalidInput("lines", "nothing to refund", "没有可退的金额或数量")
    return plans


def is_done(order: Order) -> bool:
    """Nothing of the order is kept any more."""
    return all(_done(line) for line in order.lines.values())


def _done(line: Line) -> bool:
    return line.refunded_fen == line.paid_fen and line.refunded_quantity == line.quantity


def _refund_line(line: Line, part: WantedLine, currency: str) -> LineRefund:
    left_fen = line.paid_fen - line.refunded_fen
    left_quantity = line.quantity - line.refunded_quantity
    quantity = _quantity(line, part, left_quantity)
    # A line of no quantity (0 pieces, as tills write deposits and vouchers) is refunded by amount only.
    whole = quantity == left_quantity and (part.amount_fen is None or part.amount_fen == left_fen)
    if part.amount_fen is not None:
        amount = part.amount_fen
        if amount != left_fen:
            check_money("lines.amount_fen", amount, currency)
    elif whole:
        amount = left_fen
    else:
        paid_for = int(line.paid_fen * (line.refunded_quantity + quantity) / line.quantity)
        amount = towards_zero(paid_for, step_fen(currency)) - line.refunded_fen
        if not left_fen or (amount < 0) != (left_fen < 0):
            # Amounts that went back earlier have paid for this piece already.
            amount = 0
    if not min(0, left_fen) <= amount <= max(0, left_fen):
        raise RefundTooLarge(line_no=line.line_no, left=left_fen, currency=currency)
    refunded_fen = line.refunded_fen + amount
    points = _share(line.points_earned, line.points_reversed, refunded_fen, line.paid_fen, whole)
    growth = _share(line.growth_earned, line.growth_reversed, refunded_fen, line.paid_fen, whole)
    after = msgspec.structs.replace(
        line,
        refunded_quantity=line.refunded_quantity + quantity,
        refunded_fen=refunded_fen,
        points_reversed=line.points_reversed + points,
        growth_reversed=line.growth_reversed + growth,
    )
    return LineRefund(line.line_no, quantity, amount, points, growth, after)


def _quantity(line: Line, part: WantedLine, left: Decimal) -> Decimal:
    if part.quantity is None:
        takes_all = part.amount_fen is None or part.amount_fen == line.paid_fen - line.refunded_fen
        return left if takes_all else Decimal(0)
    if part.quantity == 0 or not min(Decimal(0), left) <= part.quantity <= max(Decimal(0), left):
        raise RefundTooLarge(line_no=line.line_no, left=quantity_text(left))
    return part.quantity


def _share(earned: int, already: int, refunded_fen: int, paid_fen: int, whole: bool) -> int:
    """In proportion to what was refunded so far, rounded down; the refund that ends the line takes the remainder."""
    if whole or refunded_fen == paid_fen:
        return earned - already
    return max(0, earned * refunded_fen // paid_fen - already)


class Earned(msgspec.Struct, frozen=True):
    """What an order earned into one lot, and how much of it was taken back so far."""

    unit: int
    lot_id: int
    transfer_seq: int
    amount: int
    reversed: int
    parts: tuple[tuple[int, int, int], ...]

    @property
    def left(self) -> int:
        return self.amount - self.reversed


def share_over_lots(earned: Sequence[Earned], amount: int) -> list[int]:
    """How an amount that is taken back is shared over the lots it was earned into."""
    if amount == 0:
        return [0] * len(earned)
    return allocate(amount, [each.left for each in earned])


def freed_of_caps(earned: Earned, amount: int) -> list[int]:
    """By how much each part's caps are freed when `amount` more is taken back: many times frees what once would."""
    weights = [part[2] for part in earned.parts]
    before = allocate(earned.reversed, weights)
    after = allocate(earned.reversed + amount, weights)
    return [now - then for now, then in zip(after, before, strict=True)]


def share_over_tenders(tenders: Sequence[Tender], amount_fen: int, step: int) -> list[int]:
    """How refunded money is shared over the tenders, by what is left of each: none gets back more than it paid.

    Each gets a multiple of step, the currency's smallest amount, when all that is there to share are.
    """
    left = [max(0, tender.left_fen) for tender in tenders]
    if not tenders:
        return []
    if not 0 < amount_fen <= sum(left):
        return [amount_fen] + [0] * (len(tenders) - 1)
    if any(fen % step for fen in (amount_fen, *left)):
        step = 1
    return [share * step for share in allocate(amount_fen // step, [fen // step for fen in left])]


def given_back(tenders: Sequence[Tender], wanted: Sequence[tuple[str, int]], step: int) -> list[int]:
    """What the caller says it gave back, by tender: to those of the same kind first, the rest to what is left."""
    shares = [0] * len(tenders)
    rest = 0
    for kind, amount_fen in wanted:
        open_fen = amount_fen
        for number, tender in enumerate(tenders):
            part = max(0, min(open_fen, tender.left_fen - shares[number])) if tender.kind == kind else 0
            shares[number] += part
            open_fen -= part
        rest += open_fen
    after = [
        msgspec.structs.replace(tender, refunded_fen=tender.refunded_fen + share)
        for tender, share in zip(tenders, shares, strict=True)
    ]
    return [share + more for share, more in zip(shares, share_over_tenders(after, rest, step), strict=True)]


class Goods(msgspec.Struct, frozen=True):
    """What an event changes of a category (product None) or of a product of it: orders with some of it, net sales."""

    category: str
    product: str | None
    orders: int
    net_fen: int


def _names(line: Line | LineInput) -> list[tuple[str, str | None]]:
    return [(line.category, None), (line.category, product_of(line))]


def goods_given_up(lines: Iterable[LineInput]) -> list[Goods]:
    """What goes when all of an order does."""
    taken: dict[tuple[str, str | None], int] = {}
    for line in lines:
        for name in _names(line):
            taken[name] = taken.get(name, 0) + line.paid_fen
    found = sorted(taken.items(), key=lambda each: (each[0][0], each[0][1] or ""))
    return [Goods(*name, -1, -net_fen) for name, net_fen in found]


def goods_change(before: Iterable[Line], after: Iterable[Line], *, kept: bool, counts: bool = True) -> list[Goods]:
    """What a refund changes, in the order of categories; kept: something of the order is left; counts: it is an order
    of the figures."""
    changes: dict[tuple[str, str | None], list[int]] = {}
    had: set[tuple[str, str | None]] = set()
    has: set[tuple[str, str | None]] = set()
    for lines, sign, there in ((before, -1, had), (after, 1, has)):
        for line in lines:
            for name in _names(line):
                change = changes.setdefault(name, [0, 0])
                change[1] += sign * (line.paid_fen - line.refunded_fen)
                if (sign < 0 or kept) and not is_given_back(line):
                    there.add(name)
    for goods, change in changes.items():
        change[0] = counts * ((goods in has) - (goods in had))
    found = sorted(changes.items(), key=lambda change: (change[0][0], change[0][1] or ""))
    return [Goods(*name, orders, net_fen) for name, (orders, net_fen) in found if orders or net_fen]
