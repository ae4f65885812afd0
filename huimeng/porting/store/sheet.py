"""A worksheet as rows of text, streamed: what a cell shows is settled here, what it means is not."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from huimeng.porting.errors import SheetDamaged, SheetTooBig
from huimeng.porting.rules.cells import CELL_CHARACTERS
from huimeng.porting.rules.faults import marked
from huimeng.porting.store.workbook import Sheet, Workbook, XmlReader, local

ROWS_MAX = 1_048_576
COLUMNS_MAX = 16_384
# A spreadsheet keeps 15 digits of a number and writes zeros for the rest, whatever a float could hold.
EXACT_BELOW = 10**15
_EPOCH_1900 = datetime(1899, 12, 30, tzinfo=UTC)
_EPOCH_1904 = datetime(1904, 1, 1, tzinfo=UTC)
_SERIAL_MAX = 2_958_466
_ERROR = "e"
# Cells that are remembered, all of them short: long texts hardly come again, and would fill the memory.
_KNOWN = 65_536
_KNOWN_CHARACTERS = 100
_TAGS = 1000
# Rows wait in memory until the piece they stand in is parsed: it is small, and its long texts may come to so much.
_PIECE_BYTES = 1 << 14
_LONG_CHARACTERS = 16 << 20

Row = tuple[int, dict[int, str]]
# What a column holds: id, time, number, or "" for text.
Kinds = Mapping[int, str]


class Merges(msgspec.Struct):
    """Vertical merges of one sheet: first row, last row and column packed into one number each."""

    packed: array[int]

    def add(self, first_row: int, last_row: int, column: int) -> None:
        self.packed.append(first_row << 40 | last_row << 16 | column)


class _Columns(dict[str, int]):
    def __missing__(self, letters: str) -> int:
        number = self[letters] = column_number(letters)
        return number


class _Tags(dict[str, str]):
    def __missing__(self, name: str) -> str:
        # A file may invent names without end.
        tag = local(name)
        if len(self) < _TAGS and len(name) < _KNOWN_CHARACTERS:
            self[name] = tag
        return tag


class SheetReader:
    """Reads one sheet once or more; kinds: of the columns that are wanted, None for all as text."""

    def __init__(self, book: Workbook, sheet: Sheet, kinds: Kinds | None = None) -> None:
        self.merges = Merges(array("Q"))
        self.rows_read = 0
        self._book = book
        self._sheet = sheet
        self._kinds = kinds
        self._reader = XmlReader(sheet.part)
        self._rows: list[Row] = []
        self._known: dict[tuple[str, int, str, str], str] = {}
        self._long = 0

    def rows(self, told: Callable[[int], None] = lambda done: None, most: int | None = None) -> Iterator[Row]:
        """(row number, column -> text) of the rows that have cells, upwards; told: bytes of the part read so far;
        most: bytes after which the rest does not matter."""
        self._listen()
        done = 0
        for block in self._book.blocks(self._sheet.part):
            for at in range(0, len(block), _PIECE_BYTES):
                self._reader.feed(block[at : at + _PIECE_BYTES])
                yield from self._rows
                self._rows.clear()
                self._long = 0
            done += len(block)
            told(done)
            if most is not None and done >= most:
                return
        self._reader.finish()
        yield from self._rows
        self._rows.clear()

    def _listen(self) -> None:
        """The handlers as closures: they run for every cell of a million rows."""
        kinds, value_of, out = self._kinds, self._value, self._rows
        raw = ""
        row, column, cells = 0, -1, dict[int, str]()
        kind, style = "n", "0"
        taking = skipping = formula = valued = False
        sounds = 0
        columns, tags = _Columns(), _Tags()

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal row, column, cells, kind, style, taking, skipping, formula, valued, sounds
            tag = tags[name]
            if tag == "c":
                place = attributes.get("r")
                column = column + 1 if place is None else columns[place.rstrip("0123456789")]
                skipping = kinds is not None and column not in kinds
                if not skipping:
                    kind, style = attributes.get("t", "n"), attributes.get("s", "0")
                    formula = valued = False
            elif skipping:
                return
            elif tag == "v":
                taking = valued = True
            elif tag == "f":
                formula = True
            elif tag == "t":
                taking = not sounds
            elif tag == "rPh":
                sounds += 1
            elif tag == "row":
                number = attributes.get("r")
                row = int(number) if number is not None and number.isdigit() else row + 1
                if row > ROWS_MAX:
                    raise SheetDamaged(detail=f"row {row}")
                column, cells = -1, {}
            elif tag == "mergeCell":
                self._merge(attributes.get("ref", ""))

        def end(name: str) -> None:
            nonlocal taking, skipping, sounds, raw
            tag = tags[name]
            if tag == "c":
                if skipping:
                    skipping = False
                elif raw or formula:
                    if raw or valued:
                        cells[column] = value_of(raw, kind, style, column)
                    else:
                        cells[column] = marked("formula_without_value")
                    raw = ""
            elif tag == "row":
                if cells:
                    self.rows_read += 1
                    out.append((row, cells))
            elif tag in ("v", "t"):
                taking = False
            elif tag == "rPh":
                sounds -= 1

        def data(text: str) -> None:
            nonlocal raw
            if taking and not skipping:
                raw = raw + text if raw else text
                if len(raw) > CELL_CHARACTERS:
                    raise SheetTooBig(part=f"row {row}", size=f"> {CELL_CHARACTERS:,}")

        parser = self._reader.parser
        parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, data

    def _merge(self, ref: str) -> None:
        """Only what reaches over several rows matters."""
        first, _, last = ref.partition(":")
        top, bottom = row_number(first), row_number(last)
        if top and ROWS_MAX >= bottom > top:
            for column in range(
                column_number(first.rstrip("0123456789")), column_number(last.rstrip("0123456789")) + 1
            ):
                if self._kinds is None or column in self._kinds:
                    self.merges.add(top, bottom, column)
            if len(self.merges.packed) > ROWS_MAX * 4:
                raise SheetDamaged(detail="mergeCells")

    def _value(self, raw: str, kind: str, style: str, column: int) -> str:
        """_text, remembered: dates and prices come again and again, and so do the numbers of strings."""
        known = self._known
        text = known.get((kind, column, style, raw))
        if text is None:
            text = self._text(raw, kind, style, column)
            if len(text) + len(raw) + len(kind) + len(style) <= _KNOWN_CHARACTERS:
                if len(known) >= _KNOWN:
                    known.clear()
                known[kind, column, style, raw] = text
            elif (longer := self._long + len(text)) <= _LONG_CHARACTERS:
                self._long = longer
            else:
                raise SheetTooBig(part=self._sheet.part[:80], size=f"> {_LONG_CHARACTERS:,}")
        return text

    def _text(self, raw: str, kind: str, style: str, column: int) -> str:
        if kind == "s":
            try:
                return self._book.string(int(raw))
            except ValueError as error:
                raise SheetDamaged(detail=f"sharedStrings {raw[:20]}") from error
        if kind == "n":
            dated = style.isdigit() and int(style) in self._book.date_styles
            meaning = "" if self._kinds is None else self._kinds[column]
            return number_text(raw, meaning, dated, self._book.epoch_1904)
        if kind == _ERROR:
            return marked("sheet_error", raw[:20], raw[:20])
        if kind == "b":
            return "TRUE" if raw == "1" else "FALSE"
        return raw


def number_text(raw: str, meaning: str, dated: bool, epoch_1904: bool) -> str:
    """What a numeric cell says: digits without an exponent, a time where the format or the column says so.

    An identifier of more than 15 digits has lost its last ones: it keeps an exponent, which no identifier may have.
    """
    try:
        value = float(raw)
    except ValueError:
        return raw
    if not math.isfinite(value):
        return marked("sheet_error", raw[:20], raw[:20])
    if meaning == "id":
        if abs(value) >= EXACT_BELOW:
            return f"{value:.14E}"
        return str(int(value)) if value == int(value) else _decimal(value)
    if (dated and meaning != "number") or (meaning == "time" and 0 <= value < _SERIAL_MAX):
        return serial_text(value, epoch_1904)
    if raw.isdigit() and len(raw) <= 15:
        return raw
    return _decimal(value)


def serial_text(value: float, epoch_1904: bool) -> str:
    """A spreadsheet's day number as a date, or date and time, to the millisecond."""
    if not 0 <= value < _SERIAL_MAX:
        return _decimal(value)
    if not epoch_1904 and value < 60:
        # 1900 is a leap year in a spreadsheet: its days before March are one off.
        value += 1
    milliseconds = round(value * 86_400_000)
    at = (_EPOCH_1904 if epoch_1904 else _EPOCH_1900) + timedelta(milliseconds=milliseconds)
    if milliseconds % 86_400_000 == 0:
        return f"{at:%Y-%m-%d}"
    # A second is 1.16e-5 of a day: what lies within two milliseconds of one is that second.
    near = (at + timedelta(milliseconds=2)).replace(microsecond=0)
    if abs(near - at) <= timedelta(milliseconds=2):
        at = near
    return at.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds" if at.microsecond else "seconds")


def _decimal(value: float) -> str:
    """15 digits are all that a spreadsheet shows; 0.30000000000000004 was typed as 0.3."""
    return format(Decimal(f"{value:.15g}"), "f")


def column_number(letters: str) -> int:
    """A is 0; SheetDamaged for what is no column."""
    number = 0
    for letter in letters:
        if not "A" <= letter <= "Z":
            raise SheetDamaged(detail=f"column {letters[:10]}")
        number = number * 26 + ord(letter) - 64
        if number > COLUMNS_MAX:
            raise SheetDamaged(detail=f"column {letters[:10]}")
    return number - 1


def row_number(ref: str) -> int:
    """0 when the reference has none."""
    digits = ref.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 8 else 0


class Filler:
    """Writes the value of a vertical merge into all its rows; rows come upwards."""

    def __init__(self, merges: Iterable[int]) -> None:
        self._merges = sorted(merges, reverse=True)
        self._open: dict[int, tuple[int, int, str]] = {}

    def fill(self, row: int, cells: dict[int, str]) -> None:
        while self._merges and self._merges[-1] >> 40 <= row:
            packed = self._merges.pop()
            first, last, column = packed >> 40, packed >> 16 & 0xFFFFFF, packed & 0xFFFF
            # A merge whose first row has no cells at all has no value.
            self._open[column] = (first, last, cells.get(column, "") if first == row else "")
        for column, (_, last, text) in list(self._open.items()):
            if last < row:
                del self._open[column]
            elif text:
                cells[column] = text
