"""Which parts of a stored order the refund rows of a file mean."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from huimeng.checkout.rules import WantedLine
from huimeng.order.rules import Line as SoldLine
from huimeng.order.rules import Order, OrderInput, Status, Tender
from huimeng.porting.rules.faults import CellFault
from huimeng.porting.rules.order_rows import Line, RefundRun, StoreKey
from huimeng.porting.rules.words import OrderStatus

_GONE = (Status.REFUNDED, Status.VOIDED)


class Refund(msgspec.Struct, frozen=True):
    """A refund as a file tells of it: rows with one number, or the state that a line has come to.

    day: the business day's ordinal; lines: what is given back;
    returned: (amount in fen, the line as it was sold) for each line that says so.
    """

    store: StoreKey
    order_no: str
    number: str
    day: int
    first_line: int
    lines: tuple[Line, ...] = ()
    returned: tuple[tuple[int, Line], ...] = ()


class BrokenRefund(msgspec.Struct, frozen=True):
    """One that must not be taken in part: its bad row, and the number that the row has."""

    line: int
    number: str


def gather(runs: Iterable[RefundRun], day: int) -> list[Refund | BrokenRefund]:
    """The refunds of a day by time."""
    events: dict[tuple[StoreKey, str, str], list[RefundRun]] = {}
    states: dict[tuple[StoreKey, str], list[RefundRun]] = {}
    for run in runs:
        if run[4] == "returned":
            states.setdefault((run[0], run[1]), []).append(run)
        else:
            # One without a number of its own is all that is given back on the day: its time may be told otherwise.
            events.setdefault((run[0], run[1], run[3]), []).append(run)
    found: list[tuple[int, int, Refund | BrokenRefund]] = []
    for (store, order_no, number), group in events.items():
        at, first = min(run[2] for run in group), min(run[6] for run in group)
        bad = next((run[6] for run in group if run[7] is None), None)
        lines = tuple(sorted(line for run in group for line in run[7] or ()))
        if bad is None:
            found.append((at, first, Refund(store, order_no, number, day, first, lines)))
        elif lines:
            found.append((at, first, BrokenRefund(bad, number or order_no)))
    for (store, order_no), group in states.items():
        at, first = min(run[2] for run in group), min(run[6] for run in group)
        returned = tuple((int(run[5]), line) for run in group for line in run[7] or ())
        found.append((at, first, Refund(store, order_no, "", day, first, (), returned)))
    return [each for _, _, each in sorted(found, key=lambda item: item[:2])]


def named(runs: Iterable[RefundRun], day: int) -> Iterator[tuple[str, int | None]]:
    """Numbers of the orders that are refunded; with the day where the order's own row tells of it."""
    return ((run[1], day if run[4] == "returned" else None) for run in runs)


def marks(source: str, refund: Refund) -> tuple[str, str]:
    """(which refund it is, what it says): kept with the refund, so that it is known when it comes again."""
    day = refund.day if refund.number == refund.order_no else 0
    which = msgspec.json.encode([source, refund.store, refund.order_no, refund.number, day])
    said = msgspec.json.encode(refund.lines)
    return hashlib.blake2b(which, digest_size=8).hexdigest(), hashlib.blake2b(said, digest_size=4).hexdigest()


def as_stored(order: OrderInput, status: OrderStatus, order_id: int) -> Order:
    """An order as it stands once it is imported: nothing is left of one that is not completed."""
    gone = status != "completed"
    lines = {
        number: SoldLine(
            number,
            line.line_key,
            line.sku,
            line.product,
            line.category,
            quantity := Decimal(line.quantity),
            line.list_fen,
            line.paid_fen,
            quantity if gone else Decimal(0),
            line.paid_fen if gone else 0,
            *(0, 0, 0, 0),
        )
        for number, line in enumerate(order.lines, 1)
    }
    return Order(
        0,
        order_id,
        order.source,
        order.store_id,
        order.business_day,
        order.order_no,
        order.member_id,
        order.ordered_at,
        sum(line.list_fen for line in order.lines),
        order.paid_fen,
        order.paid_fen if gone else 0,
        Status.VOIDED if status == "voided" else Status.REFUNDED if gone else Status.COMPLETED,
        order.ordered_at,
        lines,
        [Tender(tender.kind, tender.amount_fen) for tender in order.tenders],
    )


def parts_given_back(order: Order, lines: Sequence[Line]) -> list[WantedLine]:
    """The parts of the order's lines that these rows give back; CellFault when there is no such thing left of it."""
    if order.status in _GONE:
        raise CellFault("refund_too_large", order.order_no)
    left = _Left(order)
    for line in lines:
        left.give_back(line, order.order_no)
    return [
        WantedLine(number, left.pieces_taken.get(number) or None, fen) for number, fen in sorted(left.fen_taken.items())
    ]


class _Left:
    """What is left of each line while rows are matched to them."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self.fen = {number: line.paid_fen - line.refunded_fen for number, line in order.lines.items()}
        self.pieces = {number: line.quantity - line.refunded_quantity for number, line in order.lines.items()}
        self.fen_taken: dict[int, int] = {}
        self.pieces_taken: dict[int, Decimal] = {}

    def give_back(self, line: Line, order_no: str) -> None:
        """From the line that fits exactly, else from one that is big enough, else from several."""
        fen = abs(line[3])
        # Without a sign the quantity says what the row is about, not that goods came back.
        pieces = abs(Decimal(line[1])) if line[1].startswith("-") else Decimal(0)
        places = _candidates(self._order, line)
        if not places:
            raise CellFault("refund_line_unknown", order_no)
        fits = [n for n in places if self.fen[n] >= fen and self.pieces[n] >= pieces]
        exact = [n for n in fits if self.fen[n] == fen and self.pieces[n] == pieces]
        for number in (exact or fits)[:1] or places:
            share, count = min(fen, max(0, self.fen[number])), min(pieces, max(Decimal(0), self.pieces[number]))
            if share or count:
                fen, pieces = fen - share, pieces - count
                self.fen[number] -= share
                self.pieces[number] -= count
                self.fen_taken[number] = self.fen_taken.get(number, 0) + share
                self.pieces_taken[number] = self.pieces_taken.get(number, Decimal(0)) + count
        if fen or pieces:
            raise CellFault("refund_too_large", order_no)


def _candidates(order: Order, line: Line) -> list[int]:
    """By the line's id, else by code, else by name; a row that names no goods means any of them."""
    (sku, product, _), key = line[0], line[4]
    open_lines = [each for each in order.lines.values() if _is_open(each)]
    for name, value in (("line_key", key), ("sku", sku), ("product", product)):
        if value:
            found = [each.line_no for each in open_lines if getattr(each, name) == value]
            if found or name != "line_key":
                return found
    return [each.line_no for each in open_lines]


def _is_open(line: SoldLine) -> bool:
    return line.refunded_fen != line.paid_fen or line.refunded_quantity != line.quantity


def parts_to_reach(order: Order, returned: Sequence[tuple[int, Line]]) -> list[WantedLine]:
    """What is still to be refunded so that as much of each line is refunded as the file says; nothing when it is."""
    if order.status in _GONE:
        return []
    free = dict(order.lines)
    wanted: list[WantedLine] = []
    for amount, line in returned:
        number = next((n for n, sold in free.items() if _is_same(sold, line)), None)
        if number is None:
            raise CellFault("refund_line_unknown", order.order_no)
        sold = free.pop(number)
        if amount > sold.paid_fen:
            raise CellFault("refund_too_large", order.order_no)
        if amount == sold.paid_fen and _is_open(sold):
            wanted.append(WantedLine(number))
        elif amount > sold.refunded_fen:
            wanted.append(WantedLine(number, None, amount - sold.refunded_fen))
    if wanted and _is_of_the_order(order, returned):
        raise CellFault("refund_amount_repeated", order.order_no)
    return wanted


def _is_of_the_order(order: Order, returned: Sequence[tuple[int, Line]]) -> bool:
    """Whether one amount may stand for the whole order in each of its rows; a row with an id of its own has its own."""
    once = len({amount for amount, _ in returned}) == 1 and len(returned) == len(order.lines) > 1
    return once and any(amount != line[3] for amount, line in returned) and not any(line[4] for _, line in returned)


def _is_same(sold: SoldLine, line: Line) -> bool:
    (sku, product, category), quantity, _, paid_fen, key = line
    if key:
        return sold.line_key == key
    goods = (sold.sku, sold.product, sold.category) == (sku, product, category)
    return goods and sold.quantity == Decimal(quantity) and sold.paid_fen == paid_fen


def lines_to_end(order: Order, numbers: Sequence[int]) -> list[WantedLine]:
    """Whole lines that were given back, without those of which nothing is left."""
    if order.status in _GONE:
        return []
    return [WantedLine(number) for number in numbers if number in order.lines and _is_open(order.lines[number])]
