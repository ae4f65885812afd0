"""First pass over an orders file: rows to runs, a run being neighbouring rows of one order.

A run is a plain tuple, because marshal writes those fastest:
(store, order_no, ordered_at in microseconds, member, status, tender, first line, lines); store is an id, or the code of
a store that is still to be created. A line is ((sku, product, category), quantity, list_fen, paid_fen, line id).
lines None says that a row of this order is bad, so that the order must not be imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING

import msgspec

from huimeng.kernel.times import business_day, zone
from huimeng.order.rules import LINES_MAX
from huimeng.porting.rules import cells, words
from huimeng.porting.rules.cells import Memo
from huimeng.porting.rules.columns import Header
from huimeng.porting.rules.faults import CellFault, RowFault, mark_in, shown
from huimeng.porting.rules.summary import is_no_row, is_total
from huimeng.porting.rules.swallowing import is_date, swallowed
from huimeng.porting.rules.words import OrderStatus, StatusWords

if TYPE_CHECKING:
    # csv.reader is a function; its result's class has no public name at run time.
    from _csv import Reader

Goods = tuple[str, str, str]
Line = tuple[Goods, str, int, int, str]
StoreKey = int | str
Run = tuple[StoreKey, str, int, str, OrderStatus, str, int, list[Line] | None]
RefundRun = tuple[StoreKey, str, int, str, str, str, int, list[Line] | None]

ORDER_NO_CHARACTERS = 64
CODE_CHARACTERS = 64
NAME_CHARACTERS = 200
CATEGORY_CHARACTERS = 100

_GOODS_KNOWN = 131_072
_QUARTER = 15 * 60 * 1_000_000

_HEAD = ("order_no", "ordered_at", "store", "member", "tender", "status")
_BODY = ("sku", "product", "category", "quantity", "list_amount", "paid_amount", "line_no")
# The cells of _HEAD, and the original order's number where the file has it.
_HeadCells = tuple[str, ...]
# Cells of a row whose order is only guessed: number, time, store.
_Clue = tuple[str, str, str]


class StorePlace(msgspec.Struct, frozen=True):
    """store_id None: to be created under this code."""

    store_id: int | None
    code: str
    timezone: str
    day_cut_minutes: int = 0


class ReadSettings(msgspec.Struct, frozen=True):
    """stores by code and by name; None for a name that several stores have. timezone and day cut are the merchant's,
    for stores to be created; source_timezone None: times without a zone are in each store's own. statuses: words that
    the merchant told, as words.told_words has them."""

    stores: dict[str, StorePlace | None]
    timezone: str
    latest: datetime
    day_cut_minutes: int = 0
    source_timezone: str | None = None
    create_stores: bool = False
    only_store: str | None = None
    date_order: str = ""
    currency: str = "CNY"
    statuses: StatusWords = {}


class OrderRows:
    """Takes the rows of the file in order; hands runs to sink(day ordinal, run) and faults to report(fault).

    refunds takes runs that are refunds: (store, number of the refunded order, time, number of the refund, "return",
    tender, first line, lines), or, for a line that says how much of it was refunded, (..., "", "returned", amount in
    fen, line, [the line as it was sold]).
    """

    def __init__(
        self,
        header: Header,
        settings: ReadSettings,
        sink: Callable[[int, Run], None],
        report: Callable[[RowFault], None],
        refunds: Callable[[int, RefundRun], None] = lambda day, run: None,
    ) -> None:
        self.rows = 0
        self.bad_rows = 0
        self.no_rows = 0
        # Orders whose member's number is masked.
        self.masked_numbers = 0
        self.new_stores: set[str] = set()
        self._header = header
        self._settings = settings
        self._sink = sink
        self._report = report
        self._refunds = refunds
        # The order that the open run refunds, as its rows say.
        self._original = ""
        self._needed = [header.places[field] for field in ("ordered_at",) if field in header.places]
        self._free = [header.places[field] for field in ("sku", "product", "category") if field in header.places]
        self._head: _HeadCells | None = None
        self._day = 0
        self._lines: list[Line] = []
        # Bad rows since the last good one whose order is not known for sure, and the cells that came before them.
        self._orphans: list[tuple[_Clue | None, int]] = []
        self._before: _HeadCells | None = None
        self._last: Run | None = None
        self._stores = Memo(self._store)
        self._times: dict[str, Memo[int]] = {}
        self._days: dict[tuple[str, int], dict[int, int]] = {}
        self._members = Memo(lambda cell: cells.person_code(cell, CODE_CHARACTERS), 131_072)
        self._statuses = Memo(lambda cell: words.status(cell, settings.statuses), 256)
        self._tenders = Memo(words.tender, 256)
        self._amounts = Memo(self._money)
        self._listings = Memo(lambda cell: self._money(cell) if cell.strip() else None)
        self._quantities = Memo(cells.quantity)
        # By sku, else by name: the three cells as written, and what they mean.
        self._goods: dict[str, tuple[str, str, str, Goods]] = {}

    def take(self, reader: Reader, before: int) -> int:
        """Reads to the end of a block whose first line is line before + 1; returns the lines of complete rows.

        csv.Error passes through: then `reached` says how many lines of the block belong to complete rows.
        """
        header = self._header
        width = header.width
        fields = (*_HEAD, "original_no") if "original_no" in header.places else _HEAD
        places = [header.places.get(field, width) for field in fields]
        refunded = header.places.get("refund_amount")
        head_of: Callable[[list[str]], _HeadCells] = itemgetter(*places)
        body_of = itemgetter(*(header.places.get(field, width) for field in _BODY))
        # A column that the file lacks is read from an empty cell behind the last one.
        lacking = any(field not in header.places for field in (*_HEAD, *_BODY))
        quantities, amounts, listings, goods_of = self._quantities, self._amounts, self._listings, self._goods.get
        if len(self._lines) > LINES_MAX:
            # Too many for one order: they are handed over, and refused when the order is put together.
            self._close()
        head, add, end, rows = self._head, self._lines.append, 0, 0
        try:
            for row in reader:
                start, end = end, reader.line_num
                if end - start > 1 and self._swallowed(row, before + start + 1):
                    head = None
                    continue
                if len(row) != width and not self._squared(row, before + start + 1):
                    head = None
                    continue
                if lacking:
                    row.append("")
                rows += 1
                cells_of_head = head_of(row)
                if cells_of_head != head:
                    head = cells_of_head if self._open(row, cells_of_head, before + start + 1) else None
                    if head is None:
                        continue
                    add = self._lines.append
                sku, product, category, count, listed, paid, key = body_of(row)
                try:
                    fen, pieces = amounts[paid], quantities[count]
                    list_fen = listings[listed]
                    if fen > 0 and pieces[0] == "-" and not self._is_refund():
                        raise CellFault("signs_differ")
                    known = goods_of(sku or product)
                    if known is None or known[1] != product or known[2] != category or known[0] != sku:
                        known = self._learn(sku, product, category)
                    add(
                        (
                            known[3],
                            pieces,
                            fen if list_fen is None else list_fen,
                            fen,
                            cells.code(key, CODE_CHARACTERS) if key else "",
                        )
                    )
                    if refunded is not None and row[refunded]:
                        self._returned(row[refunded], before + start + 1)
                except CellFault:
                    self._bad_line(row, before + start + 1)
        finally:
            self._head = head
            self.rows += rows
            self.reached = end
        return end

    reached = 0

    def lost(self, line: int, fault: RowFault, row: Sequence[str] = ()) -> None:
        """A row that could not be read; row: what can be told of its first cells all the same."""
        self.rows += 1
        self.bad_rows += 1
        self._report(msgspec.structs.replace(fault, order_no=self._number_in(row)))
        place = self._header.places.get("order_no", len(row))
        known = place < len(row) and row[place].strip()
        self._orphan((row[place], "", "") if known else None, line)

    def finish(self) -> None:
        self._close()

    # Heads.

    def _open(self, row: list[str], head: _HeadCells, line: int) -> bool:
        """Begins a run; False when the row's head can't be taken."""
        previous = self._last
        self._close()
        try:
            original = "" if len(head) == 6 else cells.code(head[6], ORDER_NO_CHARACTERS)
            order_no = cells.required_code(head[0] or original, ORDER_NO_CHARACTERS)
            place = self._stores[head[2]]
            at = self._time(head[1], place)
            member, tender, status = self._members[head[3]], self._tenders[head[4]], self._statuses[head[5]]
        except CellFault:
            self._bad_head(row, head, line)
            return False
        if not order_no.isascii() and is_total(order_no):
            # With a time beside it, such as that of its printing.
            self.rows -= 1
            self.no_rows += 1
            return False
        if head[3] and not member and cells.is_masked(head[3]):
            self.masked_numbers += previous is None or previous[1] != order_no
        store: StoreKey = place.code if place.store_id is None else place.store_id
        if place.store_id is None:
            self.new_stores.add(place.code)
        self._day = self._business_day(at, place)
        if status == "open":
            # Its other cells are nobody's business yet: what is not paid for may have no amounts.
            self._last = (store, order_no, at, member, status, tender, line, [])
            self._before = head
            self._sink(self._day, self._last)
            return False
        self._original = original
        self._lines = []
        self._last = (store, order_no, at, member, status, tender, line, self._lines)
        if self._orphans:
            self._adopt(head, previous)
        self._before = head
        return True

    def _close(self) -> None:
        if self._last is not None and self._lines:
            # Here, because here two processes share the work; what is sorted is sorted again in no time.
            self._lines.sort()
            run = self._last
            if self._may_refund() and is_return(self._lines):
                number = self._original or run[1]
                self._refunds(self._day, (run[0], number, run[2], run[1], "return", run[5], run[6], self._lines))
            else:
                self._sink(self._day, run)
            self._lines = []
        self._head = None

    def _business_day(self, at: int, place: StorePlace) -> int:
        """The day's ordinal. Since 1990 every zone's clock differs from UTC by whole quarters of an hour."""
        quarter = at // _QUARTER
        days = self._days.setdefault((place.timezone, place.day_cut_minutes), {})
        day = days.get(quarter)
        if day is None:
            day = business_day(cells.from_microseconds(at), place.timezone, place.day_cut_minutes).toordinal()
            if place.day_cut_minutes % 15 == 0:
                days[quarter] = day
        return day

    def _learn(self, sku: str, product: str, category: str) -> tuple[str, str, str, Goods]:
        goods = (
            cells.code(sku, CODE_CHARACTERS),
            cells.text(product, NAME_CHARACTERS),
            cells.text(category, CATEGORY_CHARACTERS),
        )
        if len(self._goods) >= _GOODS_KNOWN:
            self._goods.clear()
        known = self._goods[sku or product] = (sku, product, category, goods)
        return known

    def _time(self, cell: str, place: StorePlace) -> int:
        name = self._settings.source_timezone or place.timezone
        memo = self._times.get(name)
        if memo is None:
            source, latest, order = zone(name), self._settings.latest, self._settings.date_order
            memo = self._times[name] = Memo(lambda text: cells.microseconds(cells.moment(text, source, latest, order)))
        return memo[cell]

    def _store(self, cell: str) -> StorePlace:
        settings = self._settings
        code = cells.code(cell, CODE_CHARACTERS)
        if not code:
            if settings.only_store is None:
                raise CellFault("required")
            code = settings.only_store
        if code in settings.stores:
            place = settings.stores[code]
            if place is None:
                raise CellFault("ambiguous_store")
            return place
        if not settings.create_stores:
            raise CellFault("unknown_store")
        return StorePlace(None, code, settings.timezone, settings.day_cut_minutes)

    def _money(self, cell: str) -> int:
        return cells.money(cell, self._settings.currency)

    def _returned(self, cell: str, line: int) -> None:
        """How much of the line that was just read has been refunded since."""
        fen = abs(self._money(cell)) if cell.strip() else 0
        if fen and self._last is not None:
            store, order_no, at = self._last[:3]
            sold = self._lines[-1]
            self._refunds(self._day, (store, order_no, at, "", "returned", str(fen), line, [sold]))

    # Faults.

    def _swallowed(self, row: list[str], line: int) -> bool:
        """Whether the record took in rows behind it; each of its lines is reported then."""
        place = self._header.places["ordered_at"]
        lines = swallowed(row, self._header.width, lambda cells: is_date(cells[place]))
        for number, found in enumerate(lines, line):
            if any(found):
                self.lost(number, RowFault(number, "bad_csv", value=shown(found[0])), found)
        return bool(lines)

    def _squared(self, row: list[str], line: int) -> bool:
        """Whether a row of another width than the header can be read all the same: cut of empty cells behind it."""
        width = self._header.width
        if not row or not any(row):
            # A blank line between rows is no row.
            return False
        if (fault := mark_in(row[0])) is not None:
            # A row of another file that was lost when it was read; what is known of its cells stands behind.
            self.lost(line, RowFault(line, fault.code, value=shown(row[0]), note=fault.note), row[1:])
            return False
        if self._is_no_row(row):
            self.no_rows += 1
            return False
        if len(row) > width and not any(cell.strip() for cell in row[width:]):
            del row[width:]
            return True
        self.rows += 1
        self.bad_rows += 1
        code = "too_many_cells" if len(row) > width else "too_few_cells"
        note = f"{len(row)} / {width}"
        self._report(RowFault(line, code, value=shown(row[0]), note=note, order_no=self._number_in(row)))
        # As a row of the right width, so that its cells can be compared with its neighbours'.
        whole = [*row, *[""] * width]
        places = (self._header.places.get(field) for field in _HEAD[:3])
        number, at, store = ("" if place is None else whole[place] for place in places)
        self._orphan((number, at, store), line)
        return False

    def _is_no_row(self, row: list[str]) -> bool:
        return is_no_row(row, self._header.names, self._needed, self._free)

    def _bad_head(self, row: list[str], head: _HeadCells, line: int) -> None:
        if not any(cell.strip() for cell in row):
            # Empty cells between rows, as spreadsheets leave them.
            self.rows -= 1
            return
        if self._is_no_row(row[: self._header.width]):
            self.rows -= 1
            self.no_rows += 1
            return
        self.bad_rows += 1
        number = self._number_in(row)
        for fault in self._faults(row, line):
            self._report(msgspec.structs.replace(fault, order_no=number))
        self._orphan((head[0], head[1], head[2]), line)

    def _bad_line(self, row: list[str], line: int) -> None:
        """The head is good, so the order is known and must not be imported in part."""
        self.bad_rows += 1
        assert self._last is not None
        faults = list(self._faults(row, line))
        if not faults:
            # Each cell is good by itself.
            place = self._header.places["paid_amount"]
            faults = [RowFault(line, "signs_differ", self._header.name_of("paid_amount"), shown(row[place]))]
        for fault in faults:
            self._report(msgspec.structs.replace(fault, order_no=self._last[1]))
        self._sink(self._day, _taint(self._last, line))
        if self._may_refund():
            store, order_no, at = self._last[:3]
            number = self._original or order_no
            self._refunds(self._day, (store, number, at, order_no, "return", "", line, None))

    def _number_in(self, row: Sequence[str]) -> str:
        """The order's number as the error file tells it, also one that can't be taken as it is."""
        for field in ("order_no", "original_no"):
            place = self._header.places.get(field, len(row))
            cell = row[place].strip() if place < len(row) else ""
            if cell:
                try:
                    return cells.code(cell, ORDER_NO_CHARACTERS)
                except CellFault:
                    return shown(cell)
        return ""

    def _is_refund(self) -> bool:
        return bool(self._original) or (self._last is not None and self._last[4] == "refunded")

    def _may_refund(self) -> bool:
        """Partly refunded is the order, or the row that gives a part of it back."""
        return self._is_refund() or (self._last is not None and self._last[4] == "partly_refunded")

    def _orphan(self, clue: _Clue | None, line: int) -> None:
        """A bad row belongs to a neighbour with its number and its time or store; one that can't be read at all, to
        the order that goes on behind it."""
        last = self._last
        if last is not None and self._before is not None and _belongs(clue, self._before):
            self._sink(self._day, _taint(last, line))
        self._close()
        if len(self._orphans) < 1000:
            self._orphans.append((clue, line))

    def _adopt(self, head: _HeadCells, previous: Run | None) -> None:
        assert self._last is not None
        for clue, line in self._orphans:
            between = clue is None and previous is not None and head == self._before
            if between or _belongs(clue, head):
                self._sink(self._day, _taint(self._last, line))
        self._orphans.clear()

    def _faults(self, row: list[str], line: int) -> Iterable[RowFault]:
        """Every bad cell of the row."""
        place = self._header.places.get("original_no")
        # A refund needs no number of its own.
        number = cells.required_code if place is None or not row[place].strip() else cells.code
        parsers: Mapping[str, Callable[[str], object]] = {
            "order_no": lambda cell: number(cell, ORDER_NO_CHARACTERS),
            "store": self._store,
            "member": lambda cell: cells.person_code(cell, CODE_CHARACTERS),
            "tender": words.tender,
            "status": lambda cell: words.status(cell, self._settings.statuses),
            "sku": lambda cell: cells.code(cell, CODE_CHARACTERS),
            "product": lambda cell: cells.text(cell, NAME_CHARACTERS),
            "category": lambda cell: cells.text(cell, CATEGORY_CHARACTERS),
            "quantity": cells.quantity,
            "list_amount": lambda cell: self._money(cell) if cell.strip() else None,
            "paid_amount": self._money,
            "line_no": lambda cell: cells.code(cell, CODE_CHARACTERS),
            "ordered_at": self._time_alone,
            "original_no": lambda cell: cells.code(cell, ORDER_NO_CHARACTERS),
            "refund_amount": lambda cell: self._money(cell) if cell.strip() else None,
        }
        for field, place in sorted(self._header.places.items(), key=itemgetter(1)):
            try:
                parsers[field](row[place])
            except CellFault as fault:
                column = self._header.name_of(field)
                yield RowFault(line, fault.code, column, shown(row[place]), fault.note)

    def _time_alone(self, cell: str) -> datetime:
        """The time of a row whose store may be unknown."""
        source = zone(self._settings.source_timezone or self._settings.timezone)
        return cells.moment(cell, source, self._settings.latest, self._settings.date_order)


def _belongs(clue: _Clue | None, head: _HeadCells) -> bool:
    return clue is not None and clue[0] == head[0] and (clue[1] == head[1] or clue[2] == head[2] or not any(clue[1:]))


def is_return(lines: Sequence[Line]) -> bool:
    """Whether all is given back: no line is sold, at least one is returned; of a refund one sign is enough."""
    given = [line[3] < 0 or line[1].startswith("-") for line in lines]
    return any(given) and all(back or line[3] == 0 for back, line in zip(given, lines, strict=True))


def _taint(run: Run, line: int) -> Run:
    return (*run[:6], line, None)


def settings_latest(now: datetime) -> datetime:
    """Clocks of tills run ahead a little, and a date without a zone may be tomorrow's somewhere."""
    return now.astimezone(UTC) + timedelta(days=1)
