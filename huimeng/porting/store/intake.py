"""Any file that an owner has becomes a source that the readers take: a sheet or a platform's export is written out as
CSV in the folder of the import, a line for each row, so that line numbers stay those of the file."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

import msgspec

from huimeng.porting.errors import (
    NotAPair,
    NotCsv,
    SheetDamaged,
    SheetEmpty,
    SheetTooBig,
)
from huimeng.porting.rules import platforms
from huimeng.porting.rules.columns import (
    HEADER_LINES,
    KINDS,
    SHARED_FIELDS,
    likeness,
    match_header,
    plain_name,
    reads_as_told,
)
from huimeng.porting.rules.faults import RowFault, marked, shown
from huimeng.porting.rules.summary import is_no_row
from huimeng.porting.rules.swallowing import is_date, swallowed
from huimeng.porting.rules.words import StatusWords
from huimeng.porting.store.blocks import BLOCK_BYTES, Reading, Source, open_source
from huimeng.porting.store.formats import format_of
from huimeng.porting.store.pairs import join, without_repeats
from huimeng.porting.store.sheet import Filler, Row, SheetReader
from huimeng.porting.store.workbook import Sheet, Workbook

if TYPE_CHECKING:
    from _csv import Reader

_SHEETS_TRIED = 20
# Where the header of a sheet has to be.
_TOP_BYTES = 8 << 20
# What a sheet's cells may come to: a text that is kept once may stand in a million rows.
_LITTLE_CHARACTERS = 32 << 20
_RATIO = 300
# The place of a row's fault among its cells, when the row itself can't be read.
LOST = -1

Tell = Callable[[int, int], None]
Columns = Mapping[str, Sequence[str]]


class Wish(msgspec.Struct, frozen=True):
    """How a file is to be read; told: what of the mapping was told for this file; other: the second file of a pair;
    statuses: words that were told, of a platform's files (None: of others)."""

    columns: Columns
    mapping: dict[str, str]
    sheet: str | None = None
    other: Path | None = None
    statuses: Callable[[str | None], StatusWords] = lambda platform: {}
    told: dict[str, str] = {}


class Taken(msgspec.Struct, frozen=True):
    """platform: whose export it is; statuses: words that were told; faults: of rows that no line stands for."""

    source: Source
    platform: str | None
    statuses: StatusWords
    faults: list[RowFault] = []


class Table(Protocol):
    """A file's rows, whatever its format."""

    @property
    def header(self) -> Sequence[str]: ...

    @property
    def header_line(self) -> int: ...

    def rows(self, kinds: Mapping[int, str], shared: frozenset[int]) -> Iterator[Row]: ...


def take_in(path: Path, folder: Path, wish: Wish, tell: Tell = lambda done, total: None) -> Taken:
    """ImportFileError before anything is read in earnest; tell(done, total) while a file is written out."""
    names = {**wish.columns, **platforms.NAMES} if "order_no" in wish.columns else wish.columns
    table = open_table(path, folder, names, wish, tell)
    try:
        plain = "order_no" not in wish.columns or reads_as_told(table.header, wish.mapping, wish.told)
        platform = None if plain else platforms.recognise(table.header)
        if wish.other is not None:
            return _pair(table, platform, folder, names, wish, tell)
        if platform is not None:
            whose = platforms.SOURCES[platform]
            told = wish.statuses(whose)
            return Taken(_translated(table, platform, folder, told), whose, told)
        source = table.source if isinstance(table, _TextTable) else _written(table, folder, wish)
        return Taken(source, None, wish.statuses(None))
    finally:
        table.close()


def open_table(path: Path, folder: Path, names: Columns, wish: Wish, tell: Tell) -> _TextTable | _SheetTable:
    """Found by names; close() it. ImportFileError."""
    kind = format_of(path)
    if kind == "sheet":
        # Two workbooks of one import must not share their strings.
        place = folder / f"book-{len(list(folder.glob('book-*')))}"
        place.mkdir()
        return _SheetTable(path, place, names, wish, tell)
    if kind == "utf-16":
        path = _as_utf8(path, folder)
    return _TextTable(open_source(path, names, wish.mapping), tell)


def _as_utf8(path: Path, folder: Path) -> Path:
    """NotCsv for bytes that are no UTF-16."""
    target = folder / f"{path.stem}.utf8.csv"
    decoder = codecs.getincrementaldecoder("utf-16")()
    with path.open("rb") as source, target.open("w", encoding="utf-8", newline="") as out:
        try:
            while block := source.read(BLOCK_BYTES):
                out.write(decoder.decode(block))
            out.write(decoder.decode(b"", final=True))
        except UnicodeError as error:
            raise NotCsv(what="UTF-16") from error
    return target


class _TextTable:
    """A text file; rows are needed only of a platform's export."""

    def __init__(self, source: Source, tell: Tell) -> None:
        self.sheets: tuple[str, ...] = ()
        self.sheet: str | None = None
        self.source = source
        self.header = source.header
        self.header_line = source.header_lines
        self._tell = tell

    def rows(self, kinds: Mapping[int, str], shared: frozenset[int]) -> Iterator[Row]:
        """A row that can't be read comes as LOST and what can be told of its cells."""
        source = self.source
        taker = _CellRows(source.header, kinds)
        for done in Reading(source, taker, source.start, source.size, source.header_lines).steps():
            yield from taker.given()
            self._tell(done, source.size)
        yield from taker.given()

    def close(self) -> None:
        pass


class _CellRows:
    """Takes the cells of some columns, and rows that are lost, in the file's order."""

    reached = 0

    def __init__(self, header: Sequence[str], kinds: Mapping[int, str]) -> None:
        self._header = [cell.strip()[:60] for cell in header]
        self._places = list(kinds)
        self._times = [place for place, kind in kinds.items() if kind == "time"]
        named = [place for place, cell in enumerate(self._header) if cell]
        self._widths = range(named[-1] + 1 if named else len(header), len(header) + 1)
        self._found: list[Row] = []

    def given(self) -> list[Row]:
        found, self._found = self._found, []
        return found

    def take(self, reader: Reader, before: int) -> int:
        """Reads to the end of a block; see rules.order_rows.OrderRows.take."""
        width, places, add, end = self._widths.stop - 1, self._places, self._found.append, 0
        try:
            for row in reader:
                start, end = end, reader.line_num
                if end - start > 1 and self._swallowed(row, before + start + 1):
                    continue
                if len(row) == width:
                    add((before + start + 1, {place: row[place] for place in places}))
                elif row:
                    self._uneven(row, before + start + 1)
        finally:
            self.reached = end
        return end

    def _swallowed(self, row: list[str], line: int) -> bool:
        """Whether the record took in rows behind it; each of its lines is lost then."""
        lines = swallowed(row, self._widths.stop - 1, lambda cells: any(is_date(cells[place]) for place in self._times))
        for number, found in enumerate(lines, line):
            if any(found):
                self.lost(number, RowFault(number, "bad_csv", value=shown(found[0])), found)
        return bool(lines)

    def _uneven(self, row: list[str], line: int) -> None:
        length = len(row)
        cells = {place: row[place] for place in self._places if place < length}
        short, long = length < self._widths.start, any(cell.strip() for cell in row[self._widths.stop - 1 :])
        if (short or long) and not is_no_row(row, self._header, ()):
            code, note = "too_few_cells" if short else "too_many_cells", f"{length} / {self._widths.stop - 1}"
            cells[LOST] = marked(code, note, shown(row[0]))
        self._found.append((line, cells))

    def lost(self, line: int, fault: RowFault, row: Sequence[str] = ()) -> None:
        cells = {place: row[place] for place in self._places if place < len(row)}
        self._found.append((line, {**cells, LOST: marked(fault.code, fault.note, fault.value)}))


class _SheetTable:
    """A workbook's sheet: the one that is asked for, else the first visible one that looks like what is wanted."""

    def __init__(self, path: Path, folder: Path, names: Columns, wish: Wish, tell: Tell) -> None:
        self._book = Workbook(path, folder)
        self._tell = tell
        self._most = max(_LITTLE_CHARACTERS, _RATIO * path.stat().st_size)
        try:
            if wish.sheet is not None:
                tried = [self._book.sheet(wish.sheet)]
            else:
                # Several names of one part are one sheet.
                parts: dict[str, Sheet] = {}
                for sheet in self._book.sheets:
                    if not sheet.hidden:
                        parts.setdefault(sheet.part.lower(), sheet)
                tried = list(parts.values())[:_SHEETS_TRIED]
            best = 0
            self.header, self.header_line, self._sheet = [], 0, (tried or self._book.sheets)[0]
            for sheet in tried:
                for line, row in self._top(sheet):
                    if (score := likeness(row, names, wish.mapping)) > best or not self.header:
                        best, self.header, self.header_line, self._sheet = score, row, line, sheet
            if not self.header:
                raise SheetEmpty(sheet=self._sheet.name[:60])
            self.sheets = tuple(sheet.name for sheet in self._book.sheets if not sheet.hidden)
            self.sheet: str | None = self._sheet.name
        except BaseException:
            self.close()
            raise

    header: list[str]

    def _top(self, sheet: Sheet) -> list[tuple[int, list[str]]]:
        found: list[tuple[int, list[str]]] = []
        total = self._book.part_size(sheet.part)
        for line, cells in SheetReader(self._book, sheet).rows(lambda _: self._tell(0, total), _TOP_BYTES):
            if line > HEADER_LINES or len(found) >= HEADER_LINES:
                break
            found.append((line, [cells.get(place, "") for place in range(max(cells) + 1)]))
        return [row for row in found if any(cell.strip() for cell in row[1])]

    def rows(self, kinds: Mapping[int, str], shared: frozenset[int]) -> Iterator[Row]:
        """Once more when cells turn out to be merged: a sheet says so only at its end."""
        reader = SheetReader(self._book, self._sheet, kinds)
        total = self._book.part_size(self._sheet.part)
        filler = None
        for number in range(2):
            known = list(reader.merges.packed) if number else []
            merged = [m for m in known if m & 0xFFFF in shared and (m >> 16 & 0xFFFFFF) > self.header_line]
            if number and not merged:
                return
            if number:
                filler = Filler(merged)
                reader = SheetReader(self._book, self._sheet, kinds)
            yield -number, {}
            characters = 0
            for line, cells in reader.rows(lambda done: self._tell(done, total)):
                if line > self.header_line:
                    if filler is not None:
                        filler.fill(line, cells)
                    characters += sum(map(len, cells.values()))
                    if characters > self._most:
                        raise SheetTooBig(part=self._sheet.part[:80], size=f"> {self._most >> 20:,} MB")
                    yield line, cells

    def close(self) -> None:
        self._book.close()


class _Lines:
    """The CSV that is written: rows stand in the lines of their numbers."""

    def __init__(self, folder: Path, header: Sequence[str], header_line: int) -> None:
        self.path = folder / "rows.csv"
        self._header = tuple(header)
        self._first = header_line
        self._line = header_line
        self._file = self.path.open("w", encoding="utf-8", newline="", errors="replace")
        self._writer = csv.writer(self._file, lineterminator="\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def again(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._line = self._first

    def add(self, line: int, cells: Sequence[str]) -> None:
        if line <= self._line:
            raise SheetDamaged(detail=f"row {line}")
        self._file.write("\n" * (line - self._line - 1))
        if any(cells):
            self._writer.writerow([_one_line(cell) for cell in cells])
        else:
            self._file.write("\n")
        self._line = line

    def source(self, mapping: dict[str, str], unknown: Sequence[str]) -> Source:
        self._file.close()
        size = self.path.stat().st_size
        return Source(str(self.path), size, "utf-8", ",", self._header, 0, self._first, mapping, tuple(unknown))


def _one_line(cell: str) -> str:
    return cell if cell.isprintable() else cell.replace("\r", " ").replace("\n", " ")


def _written(table: _SheetTable, folder: Path, wish: Wish) -> Source:
    """The columns that are known, as the sheet has them, and those before them: there a total says what it is."""
    header = match_header(table.header, wish.columns, (), wish.mapping)
    places = sorted(header.places.items(), key=lambda item: item[1])
    before = range(places[0][1] if places else 0)
    kinds = {**dict.fromkeys(before, ""), **{place: KINDS.get(field, "") for field, place in places}}
    shared = frozenset(place for field, place in places if field in SHARED_FIELDS)
    known = [place for _, place in places]
    order = [*before, *known]
    names = [header.names[place] for place in order]
    unknown = header.unknown[sum(bool(header.names[place]) for place in before) :]
    with _Lines(folder, names or table.header, table.header_line) as lines:
        for line, cells in table.rows(kinds, shared):
            if line <= 0:
                lines.again()
            else:
                get = cells.get
                found = any(place in cells for place in known)
                lines.add(line, [get(place, "") for place in order] if found else [])
        return lines.source(wish.mapping, unknown)


def _columns(table: Table, kind: platforms.Kind) -> dict[int, str]:
    """Place -> the platform's name of the column, of those that are read; the first of equal names."""
    names = {plain_name(name): name for name in platforms.USED[kind]}
    found: dict[str, int] = {}
    for place, cell in enumerate(table.header):
        name = names.get(plain_name(cell))
        if name is not None:
            found.setdefault(name, place)
    return {place: name for name, place in found.items()}


def named_rows(table: Table, kind: platforms.Kind) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, name -> cell), FAULT -> marked of a row that is lost; line 0 or less: from the beginning again."""
    columns = _columns(table, kind)
    kinds = {place: platforms.KINDS.get(name, "") for place, name in columns.items()}
    columns[LOST] = platforms.FAULT
    for line, cells in table.rows(kinds, frozenset()):
        yield line, {columns[place]: text for place, text in cells.items()}


def _unknown(table: Table, kind: platforms.Kind) -> list[str]:
    used = _columns(table, kind)
    return [cell.strip()[:60] for place, cell in enumerate(table.header) if cell.strip() and place not in used]


def _translated(table: Table, kind: platforms.Kind, folder: Path, told: StatusWords) -> Source:
    rows: Iterable[tuple[int, dict[str, str]]] = named_rows(table, kind)
    if kind == "taobao_orders":
        rows = without_repeats(folder, lambda: named_rows(table, kind), told)
    with _Lines(folder, list(platforms.OUT[kind]), table.header_line) as lines:
        for line, cells in rows:
            if line <= 0:
                lines.again()
            elif any(text.strip() for text in cells.values()):
                lines.add(line, platforms.translate(kind, cells, told))
        return lines.source(dict(platforms.OUT[kind]), _unknown(table, kind))


def _pair(
    table: _TextTable | _SheetTable,
    platform: platforms.Kind | None,
    folder: Path,
    names: Columns,
    wish: Wish,
    tell: Tell,
) -> Taken:
    """NotAPair unless one is Taobao's order report and the other its detail report."""
    assert wish.other is not None
    other = open_table(wish.other, folder, names, msgspec.structs.replace(wish, sheet=None), tell)
    try:
        second = platforms.recognise(other.header)
        by_kind = {platform: table, second: other}
        if set(by_kind) != {"taobao_orders", "taobao_detail"}:
            raise NotAPair()
        orders, detail = by_kind["taobao_orders"], by_kind["taobao_detail"]
        out = platforms.OUT["taobao_detail"]
        with _Lines(folder, list(out), detail.header_line) as lines:
            told = wish.statuses("taobao")
            rows = _plain_rows(without_repeats(folder, lambda: named_rows(orders, "taobao_orders"), told))
            faults = join(folder, rows, lambda: named_rows(detail, "taobao_detail"), lines, told)
            return Taken(lines.source(dict(out), _unknown(detail, "taobao_detail")), "taobao", told, faults)
    finally:
        other.close()


def _plain_rows(rows: Iterable[tuple[int, dict[str, str]]]) -> Iterator[tuple[int, dict[str, str]]]:
    return (row for row in rows if row[0] > 0)
