"""Second pass: runs of a business day to orders, whatever the order of the rows in the file; and what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from operator import itemgetter

import msgspec

from huimeng.kernel.money import format_fen
from huimeng.order.rules import (
    LINES_MAX,
    STATUS_NAMES,
    LineInput,
    Order,
    OrderInput,
    Tender,
    TenderInput,
    too_much,
)
from huimeng.porting.rules.cells import from_microseconds
from huimeng.porting.rules.faults import RowFault, shown
from huimeng.porting.rules.order_rows import Line, Run, StoreKey
from huimeng.porting.rules.words import OrderStatus


class Draft(msgspec.Struct, frozen=True):
    """An order put together; store and member are still what the file says. first_line is its first row in the file."""

    store: StoreKey
    order_no: str
    at: int
    member: str
    status: OrderStatus
    lines: Sequence[Line]
    tenders: Sequence[tuple[str, int]]
    first_line: int
    # Numbers of lines that were given back since.
    returned: tuple[int, ...] = ()


_FIRST_LINE = itemgetter(6)


def assemble(runs: Iterable[Run], is_refunded: Callable[[str], bool]) -> Iterator[Draft | RowFault]:
    """The orders of a day by time; an order that isn't whole or contradicts itself is a fault.

    is_refunded: whether the file says what was refunded of an order of this number.
    """
    groups: dict[tuple[StoreKey, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run[0], run[1]), []).append(run)
    # Earlier orders earn first; the rest only makes the result the same for every order of the rows.
    for _, _, _, group in sorted(
        (min(run[2] for run in group), str(store), order_no, group) for (store, order_no), group in groups.items()
    ):
        # An order without any good row has nothing to add to what was said of its rows.
        if any(run[4] == "open" for run in group):
            # Of an order that is not completed nothing is taken, also not what its other rows say.
            first = min(group, key=_FIRST_LINE)
            yield Draft(first[0], first[1], first[2], "", "open", (), (), first[6])
        elif any(run[7] is not None for run in group):
            yield _draft(group, is_refunded)


def _draft(runs: Sequence[Run], is_refunded: Callable[[str], bool]) -> Draft | RowFault:
    first = runs[0]
    if len(runs) > 1:
        fault = _contradiction(runs)
        if fault is not None:
            return fault
    elif first[7] is None:
        return _fault(runs, "order_incomplete", str(first[6]))
    if any(run[4] == "partly_refunded" for run in runs):
        # A negative line of the order says it too.
        if not is_refunded(first[1]) and not any(line[3] < 0 for run in runs for line in run[7] or ()):
            return _fault(runs, "refund_amount_missing", "")
        runs = [(*run[:4], "completed", *run[5:]) if run[4] == "partly_refunded" else run for run in runs]
    lines: list[Line] = []
    tenders: dict[str, int] = {}
    keyed = False
    for run in runs:
        for line in run[7] or ():
            if line[4]:
                keyed = True
        if len(lines) + len(run[7] or ()) > 2 * LINES_MAX:
            return _fault(runs, "too_many_lines", str(LINES_MAX))
        lines += run[7] or ()
    if keyed:
        repeated = _without_repeats(runs)
        if isinstance(repeated, str):
            return _fault(runs, "line_repeated", repeated)
        runs = repeated
        lines = [line for run in runs for line in run[7] or ()]
    if len(lines) > LINES_MAX:
        return _fault(runs, "too_many_lines", str(LINES_MAX))
    if too_much(line[3] for line in lines) or too_much(line[2] for line in lines):
        return _fault(runs, "amount_out_of_range", "")
    for run in runs:
        kind = run[5] or "other"
        tenders[kind] = tenders.get(kind, 0) + sum(line[3] for line in run[7] or ())
    # Sorted, the lines have the same numbers however the file was sorted: by their id, else by content.
    lines.sort(key=_by_key if keyed else None)
    status, returned = _outcome(runs, lines)
    return Draft(
        first[0],
        first[1],
        min(run[2] for run in runs),
        max(run[3] for run in runs),
        status,
        lines,
        sorted(tenders.items()),
        min(run[6] for run in runs),
        returned,
    )


def _outcome(runs: Sequence[Run], lines: Sequence[Line]) -> tuple[OrderStatus, tuple[int, ...]]:
    """The order's status, and which lines of a completed one were given back."""
    statuses = {run[4] for run in runs}
    if len(statuses) == 1:
        return runs[0][4], ()
    if "completed" not in statuses:
        return "refunded", ()
    gone = sorted(line for run in runs if run[4] != "completed" for line in run[7] or ())
    numbers: list[int] = []
    for number, line in enumerate(lines, 1):
        # Equal lines are as good as each other.
        if line in gone:
            gone.remove(line)
            numbers.append(number)
    return "completed", tuple(numbers)


def _by_key(line: Line) -> tuple[int, str, Line]:
    """Numbers in their order, without asking whether all ids are numbers."""
    return len(line[4]), line[4], line


def _contradiction(runs: Sequence[Run]) -> RowFault | None:
    for run in runs:
        if run[7] is None:
            return _fault(runs, "order_incomplete", str(run[6]))
    # A file may name the member in the first row of an order only.
    members = sorted({run[3] for run in runs} - {""})
    if len(members) > 1:
        return _fault(runs, "members_differ", shown(", ".join(members)))
    statuses = sorted({run[4] for run in runs})
    if len(statuses) > 1 and "voided" in statuses:
        return _fault(runs, "statuses_differ", ", ".join(statuses))
    return None


def _without_repeats(runs: Sequence[Run]) -> list[Run] | str:
    """Runs in which each line id comes once; the id that comes twice with different content."""
    seen: dict[str, tuple[Line, str]] = {}
    kept: list[Run] = []
    for run in runs:
        lines: list[Line] = []
        for line in run[7] or ():
            key = line[4]
            before = seen.get(key) if key else None
            if before is None:
                lines.append(line)
                if key:
                    seen[key] = (line, run[5])
            elif before != (line, run[5]):
                return shown(key)
        kept.append((*run[:7], lines))
    return kept


def _fault(runs: Sequence[Run], code: str, note: str) -> RowFault:
    return RowFault(min(run[6] for run in runs), code, note=note, order_no=runs[0][1])


def order_input(draft: Draft, source: str, day: date, store_id: int, member_id: int | None) -> OrderInput:
    return OrderInput(
        source,
        store_id,
        draft.order_no,
        day,
        from_microseconds(draft.at),
        member_id,
        tuple(
            LineInput(goods[0], goods[1], goods[2], quantity, list_fen, paid_fen, key)
            for goods, quantity, list_fen, paid_fen, key in draft.lines
        ),
        tuple(TenderInput(kind, amount) for kind, amount in draft.tenders),
    )


_NAMES_ZH = {
    "status": "状态",
    "ordered_at": "下单时间",
    "member": "会员",
    "paid": "实付",
    "list": "原价",
    "lines": "行数",
    "tenders": "支付方式",
    "line": "行",
    "content": "内容",
}


def differences(kept: Order, given: OrderInput, status: str, lang: str = "en") -> str:
    """What a row of the file says otherwise than the order that is there: 'paid 12.00 -> 13.00; lines 3 -> 4'."""
    found: list[str] = []

    def named(name: str) -> str:
        return _NAMES_ZH[name] if lang == "zh" else name

    def compare(name: str, ours: str, theirs: str) -> None:
        if ours != theirs:
            found.append(f"{named(name)} {ours or '-'} -> {theirs or '-'}")

    compare("status", STATUS_NAMES[kept.status], "returned" if status == "completed" and given.is_return else status)
    compare("ordered_at", kept.ordered_at.isoformat(), given.ordered_at.isoformat())
    compare("member", _member(kept.member_id), _member(given.member_id))
    compare("paid", format_fen(kept.paid_fen), format_fen(given.paid_fen))
    compare("list", format_fen(kept.list_fen), format_fen(sum(line.list_fen for line in given.lines)))
    compare("lines", str(len(kept.lines)), str(len(given.lines)))
    compare("tenders", _tenders(kept.tenders), _tenders(given.tenders))
    for (number, ours), theirs in zip(sorted(kept.lines.items()), given.lines, strict=False):
        mine = (ours.sku, ours.product, ours.category, f"{ours.quantity:f}".rstrip("0").rstrip("."))
        other = (theirs.sku, theirs.product, theirs.category, theirs.quantity)
        amounts = (ours.list_fen, ours.paid_fen), (theirs.list_fen, theirs.paid_fen)
        if mine != other or amounts[0] != amounts[1] or ours.line_key != theirs.line_key:
            found.append(f"{named('line')} {number}: {_line(*mine, ours.paid_fen)} -> {_line(*other, theirs.paid_fen)}")
        if len(found) >= 5:
            break
    return "; ".join(found[:5]) or named("content")


def _member(member_id: int | None) -> str:
    return "" if member_id is None else str(member_id)


def _tenders(tenders: Iterable[Tender | TenderInput]) -> str:
    return ", ".join(sorted(f"{tender.kind} {format_fen(tender.amount_fen)}" for tender in tenders))


def _line(sku: str, product: str, category: str, quantity: str, paid_fen: int) -> str:
    name = " ".join(part for part in (sku, product) if part)
    return f"{shown(name, 40)} ({shown(category, 20)}) x {quantity} = {format_fen(paid_fen)}"
