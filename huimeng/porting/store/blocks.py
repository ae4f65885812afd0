"""A CSV file as rows with physical line numbers, read block by block so that one bad byte or quote costs one row."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

import msgspec

from huimeng.porting.errors import EmptyFile, FileUnreadable, NotCsv
from huimeng.porting.rules.cells import CELL_CHARACTERS
from huimeng.porting.rules.columns import HEADER_LINES, ORDER_FILE_COLUMNS, Header, likeness, match_header
from huimeng.porting.rules.faults import RowFault, shown

if TYPE_CHECKING:
    from _csv import Reader

BLOCK_BYTES = 1 << 20
# A record with line breaks in its cells may cross the end of a block; one that is longer has an unclosed quote.
_RECORD_CHARACTERS = 4 * CELL_CHARACTERS
_LINE_BYTES = 4 << 20
# A cell with quotes that no other cell can have a part in: quoted, or a spreadsheet's ="0012".
_WHOLE = re.compile(r'"(?:[^"]|"")*"|="[^"]*"')
_MAGIC = {
    b"PK\x03\x04": "Excel .xlsx",
    b"\xd0\xcf\x11\xe0": "Excel .xls",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    b"%PDF": "PDF",
    b"\x1f\x8b": "gzip",
}


class Source(msgspec.Struct, frozen=True):
    """A CSV file: its rows begin at byte `start`, after the `header_lines` lines that end with the header.

    mapping: columns (as the header names them) to fields, as told; unknown: columns that are not in the file any more.
    """

    path: str
    size: int
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    start: int
    header_lines: int
    mapping: dict[str, str] = {}
    unknown: tuple[str, ...] = ()


def header_of(source: Source, columns: Mapping[str, Sequence[str]], required: Sequence[str] = ()) -> Header:
    """See match_header."""
    found = match_header(source.header, columns, required, source.mapping)
    return msgspec.structs.replace(found, unknown=(*found.unknown, *source.unknown))


class Taker(Protocol):
    """Consumes rows: see rules.order_rows.OrderRows."""

    reached: int

    def take(self, reader: Reader, before: int) -> int: ...

    def lost(self, line: int, fault: RowFault, row: Sequence[str] = ()) -> None: ...


def open_source(
    path: Path, columns: Mapping[str, Sequence[str]] = ORDER_FILE_COLUMNS, mapping: Mapping[str, str] | None = None
) -> Source:
    """FileUnreadable, NotCsv, EmptyFile before anything is read in earnest; the header is found by these columns."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            first = file.read(BLOCK_BYTES)
            for magic, what in _MAGIC.items():
                if first.startswith(magic):
                    raise NotCsv(what=what)
            start = len(codecs.BOM_UTF8) if first.startswith(codecs.BOM_UTF8) else 0
            encoding = "utf-8" if start else _encoding(file, first)
    except OSError as error:
        raise FileUnreadable(path=path.name, detail=error.strerror or "") from error
    found = _with_header(path, size, encoding, first[start:], start, lambda row: likeness(row, columns, mapping))
    return msgspec.structs.replace(found, mapping=dict(mapping or {}))


def _with_header(
    path: Path, size: int, encoding: str, first: bytes, start: int, likely: Callable[[Sequence[str]], int]
) -> Source:
    whole = first[: first.rfind(b"\n") + 1] or first
    try:
        text = whole[: 4 * CELL_CHARACTERS].decode(encoding, "replace")
    except UnicodeError as error:
        raise NotCsv(what=encoding) from error
    lines = text.splitlines()
    if not text.strip() or not lines:
        raise EmptyFile()
    csv.field_size_limit(CELL_CHARACTERS)
    delimiter, header, header_lines = _find_header(text, lines[0], likely)
    taken = io.StringIO(text, newline="")
    head = "".join(next(taken) for _ in range(header_lines))
    # Bytes are counted in the file itself: a decoded replacement has another length than what it stands for.
    damaged = "\N{REPLACEMENT CHARACTER}" in head
    skipped = _bytes_of_lines(first, header_lines) if damaged else len(head.encode(encoding))
    return Source(str(path), size, encoding, delimiter, tuple(header), start + skipped, header_lines)


def _find_header(text: str, first_line: str, likely: Callable[[Sequence[str]], int]) -> tuple[str, list[str], int]:
    """(delimiter, header, lines up to its end): the first of the rows that name most columns, else the first row."""
    best: tuple[int, str, list[str], int] = (0, "", [], 0)
    usual = max((",", "\t", ";"), key=first_line.count)
    for delimiter in sorted((",", "\t", ";"), key=lambda each: each != usual):
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
        try:
            for row in itertools.islice(reader, HEADER_LINES):
                if (names := likely(row)) > best[0]:
                    best = (names, delimiter, row, reader.line_num)
        except csv.Error:
            continue
    if best[0]:
        return best[1:]
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=usual)
    try:
        return usual, next(reader), reader.line_num
    except (csv.Error, StopIteration) as error:
        raise NotCsv(what=str(error)) from error


def _bytes_of_lines(data: bytes, count: int) -> int:
    return sum(len(line) for line in data.splitlines(keepends=True)[:count])


def _encoding(file: BinaryIO, first: bytes) -> str:
    """utf-8 or gb18030, by the lines of the first block that isn't plain ASCII: the one that reads more of them."""
    block = first
    while block and block.isascii():
        block = file.read(BLOCK_BYTES)
    whole = block + file.readline(_LINE_BYTES)
    lines = [line for line in whole.splitlines() if not line.isascii()][:2000]
    readable = {name: sum(_decodes(line, name) for line in lines) for name in ("utf-8", "gb18030")}
    return "gb18030" if readable["gb18030"] > readable["utf-8"] else "utf-8"


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def lines_in(data: bytes) -> int:
    """Physical lines as the csv reader counts them: ended by LF, CR or CRLF."""
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def half_way(source: Source) -> int:
    """The offset of a line start near the middle of the rows."""
    with Path(source.path).open("rb") as file:
        file.seek((source.start + source.size) // 2)
        # A line longer than any row can be belongs to one part too.
        while (data := file.readline(_LINE_BYTES)) and not data.endswith(b"\n"):
            pass
        return file.tell()


def lines_before(source: Source, offset: int) -> int:
    lines = source.header_lines
    with Path(source.path).open("rb") as file:
        file.seek(source.start)
        while (left := offset - file.tell()) > 0:
            lines += lines_in(file.read(min(BLOCK_BYTES, left)))
    return lines


class Reading:
    """Feeds the rows between two offsets to a taker.

    When the bytes end inside a quoted cell the record goes on behind `end`: then reading goes on to the file's end and
    `overran` says so, because whoever began at `end` has begun in the middle of a cell.
    """

    def __init__(
        self,
        source: Source,
        taker: Taker,
        start: int,
        end: int,
        lines_before: int,
        *,
        block_bytes: int | None = None,
    ) -> None:
        self.overran = False
        self._block_bytes = block_bytes or BLOCK_BYTES
        self._source = source
        self._taker = taker
        self._start = start
        self._end = end
        self._line = lines_before
        self._carried: list[str] = []

    def steps(self) -> Iterator[int]:
        """Reads block after block; yields the bytes read so far in this part."""
        csv.field_size_limit(CELL_CHARACTERS)
        with Path(self._source.path).open("rb") as file:
            done = 0
            for block in self._blocks(file, self._start, self._end):
                self._block(block)
                done += len(block)
                yield done
            if self._carried and self._end < self._source.size:
                self.overran = True
                for block in self._blocks(file, self._end, self._source.size):
                    self._block(block)
                    done += len(block)
                    yield done
        self._parse(self._carried, final=True)

    def _blocks(self, file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
        """Bytes cut at line ends; a line longer than any row can be is reported and left out."""
        file.seek(start)
        rest = b""
        while start < end:
            data = file.read(min(self._block_bytes, end - start))
            if not data:
                break
            start += len(data)
            rest += data
            cut = rest.rfind(b"\n") + 1
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
            elif len(rest) > _LINE_BYTES:
                if b"\r" in rest:
                    cut = rest.rfind(b"\r", 0, -1) + 1
                    yield rest[:cut]
                    rest = rest[cut:]
                else:
                    start = self._skip_line(file, start, end, rest[:CELL_CHARACTERS])
                    rest = b""
        if rest:
            yield rest

    def _skip_line(self, file: BinaryIO, start: int, end: int, begun_with: bytes) -> int:
        self._parse(self._carried, final=True)
        begun = self._remains(begun_with.decode(self._source.encoding, "replace"))
        self._taker.lost(self._line + 1, RowFault(self._line + 1, "cell_too_long", note=str(CELL_CHARACTERS)), begun)
        while start < end:
            data = file.readline(min(BLOCK_BYTES, end - start))
            start += len(data)
            if not data or data.endswith(b"\n"):
                self._line += 1
                break
        return start

    def _block(self, block: bytes) -> None:
        try:
            text = block.decode(self._source.encoding)
        except UnicodeDecodeError:
            self._mixed(block)
            return
        if self._carried:
            self._parse([*self._carried, *io.StringIO(text, newline="")], final=False)
            return
        taker = self._taker
        try:
            self._line += taker.take(self._reader(io.StringIO(text, newline="")), self._line)
        except csv.Error:
            lines = list(io.StringIO(text, newline=""))
            self._line += taker.reached
            self._parse(lines[taker.reached :], final=False)

    def _mixed(self, block: bytes) -> None:
        """A block with bytes of another encoding: its good lines are read, the others are reported."""
        good = self._carried
        for line in block.splitlines(keepends=True):
            try:
                good.append(line.decode(self._source.encoding))
            except UnicodeDecodeError:
                self._parse(good, final=True)
                text, number = line.decode(self._source.encoding, "replace"), self._line + 1
                fault = RowFault(number, "bad_encoding", "", shown(text.strip()), self._source.encoding)
                self._taker.lost(number, fault, self._remains(text))
                self._line += 1
                good = []
        self._parse(good, final=False)

    def _parse(self, lines: list[str], final: bool) -> None:
        """Reads the lines that follow self._line; a row that isn't CSV costs its first line and the next is tried.

        An open record at the end is carried over to the next block, unless this is the end or it is too long.
        """
        self._carried = []
        taker, at, before = self._taker, 0, self._line
        while at < len(lines):
            rest = iter(lines)
            rest.__setstate__(at)  # type: ignore[attr-defined]
            try:
                taker.take(self._reader(rest), before + at)
                break
            except csv.Error as error:
                at += taker.reached
                open_record = "unexpected end" in str(error) and not final
                if open_record and sum(map(len, lines[at:])) <= _RECORD_CHARACTERS:
                    self._carried = lines[at:]
                    self._line = before + at
                    return
                if mended := self._mended(lines[at]):
                    taker.take(self._reader(iter([mended])), before + at)
                else:
                    taker.lost(before + at + 1, _fault(before + at + 1, lines[at], error), self._remains(lines[at]))
                at += 1
        self._line = before + len(lines)

    def _mended(self, line: str) -> str:
        """A line whose cells are all quoted, with the quotes inside of them doubled, as programs forget to do; "" for
        a line that isn't surely one."""
        text = line.rstrip("\r\n")
        if len(text) > CELL_CHARACTERS or len(text) < 2 or not text[0] == text[-1] == '"':
            return ""
        cells = text[1:-1].split(f'"{self._source.delimiter}"')
        if len(cells) != len(self._source.header):
            return ""
        doubled = (cell.replace('""', '"').replace('"', '""') for cell in cells)
        return self._source.delimiter.join(f'"{cell}"' for cell in doubled)

    def _remains(self, text: str) -> list[str]:
        """The cells of a row that can't be taken as they seem to be; one with a quote in it may be several, so it and
        what follows are left out."""
        cells = text[:CELL_CHARACTERS].rstrip("\r\n").split(self._source.delimiter)
        return [_unquoted(cell) for cell in itertools.takewhile(_is_one, cells)]

    def _reader(self, lines: Iterator[str]) -> Reader:
        return csv.reader(lines, strict=True, delimiter=self._source.delimiter)


def _is_one(cell: str) -> bool:
    return '"' not in cell or _WHOLE.fullmatch(cell) is not None


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell


def _fault(line: int, text: str, error: csv.Error) -> RowFault:
    if "field limit" in str(error):
        return RowFault(line, "cell_too_long", value=shown(text.strip()), note=str(CELL_CHARACTERS))
    return RowFault(line, "bad_csv", value=shown(text.strip()))
