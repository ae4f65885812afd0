"""An .xlsx file as a guarded container: which sheets it has, its strings (kept on disk), which styles are dates.

Nothing is taken whole into memory, nothing outside the file is opened, and what would unpack without end is refused.
"""

from __future__ import annotations

import marshal
import re
import zipfile
import zlib
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Self
from xml.parsers import expat

import msgspec

from huimeng.porting.errors import FileUnreadable, NotCsv, SheetDamaged, SheetNotFound, SheetTooBig, SheetUnsafe
from huimeng.porting.rules.cells import CELL_CHARACTERS

CHUNK_BYTES = 1 << 18
# What a part may unpack to; and how many times its packed size, once it is more than a little.
_PART_BYTES = 8 << 30
_RATIO = 300
_LITTLE_BYTES = 32 << 20
_ENTRIES = 10_000
_SMALL_PART_BYTES = 64 << 20
# A tag that does not end: the parser would have to keep it whole.
_TAG_BYTES = 4 << 20
# Names of tags and attributes: the parser keeps every new one for good.
_NAMES_CHARACTERS = 1 << 20
# A block of strings ends with either of these; blocks are kept in memory up to so many bytes.
_STRINGS_A_BLOCK = 512
_CHARACTERS_A_BLOCK = 1 << 16
_BYTES_KEPT = 8 << 20
_BYTES_OF_A_STRING = 56
_DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_NOT_FORMAT = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')


class Sheet(msgspec.Struct, frozen=True):
    name: str
    part: str
    hidden: bool


class Workbook:
    """Opened for one import; folder takes the strings."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        try:
            _check_entries(path)
            self._zip = zipfile.ZipFile(path)
        except OSError as error:
            raise FileUnreadable(path=path.name, detail=error.strerror or "") from error
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise SheetDamaged(detail="zip") from error
        try:
            self._open(folder)
        except BaseException:
            self._zip.close()
            raise

    def _open(self, folder: Path) -> None:
        self._parts = {info.filename.lower(): info for info in self._zip.infolist()}
        self._strings = folder / "strings"
        # Of each block: where it begins in the file of strings, and the number of its first string.
        self._index: array[int] = array("Q")
        self._firsts: array[int] = array("Q")
        self._blocks: OrderedDict[int, tuple[list[str], int]] = OrderedDict()
        self._kept = 0
        self._string_file: IO[bytes] | None = None
        self.epoch_1904 = False
        self.sheets: list[Sheet] = []
        self._read_book()
        self.date_styles = self._read_styles()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._zip.close()
        if self._string_file is not None:
            self._string_file.close()
            self._string_file = None
        self._strings.unlink(missing_ok=True)

    def sheet(self, name: str) -> Sheet:
        """SheetNotFound."""
        for each in self.sheets:
            if each.name.strip().lower() == name.strip().lower():
                return each
        raise SheetNotFound(sheet=name[:60], sheets=", ".join(each.name for each in self.sheets)[:400])

    def part_size(self, part: str) -> int:
        info = self._parts.get(part.lower())
        return 0 if info is None else info.file_size

    def blocks(self, part: str) -> Iterator[bytes]:
        """The bytes of a part; SheetDamaged when they are not there or not whole."""
        info = self._parts.get(part.lower())
        if info is None:
            raise SheetDamaged(detail=part[:80])
        if info.flag_bits & 1:
            raise NotCsv(what="ZIP (password)")
        big = info.file_size > _LITTLE_BYTES and info.file_size > _RATIO * max(1, info.compress_size)
        if big or info.file_size > _PART_BYTES:
            raise SheetTooBig(part=part[:80], size=f"{info.file_size >> 20:,} MB")
        try:
            with self._zip.open(info) as stream:
                while block := stream.read(CHUNK_BYTES):
                    yield block
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
            raise SheetDamaged(detail=part[:80]) from error

    def string(self, number: int) -> str:
        """A shared string; SheetDamaged for a number that none has."""
        if self._string_file is None:
            self._string_file = self._strings.open("w+b")
            self._read_strings(self._string_file)
        at = bisect_right(self._firsts, number) - 1
        if at < 0:
            raise SheetDamaged(detail=f"sharedStrings {number}")
        known = self._blocks.get(at)
        block = self._block(self._string_file, at) if known is None else known[0]
        place = number - self._firsts[at]
        if place >= len(block):
            raise SheetDamaged(detail=f"sharedStrings {number}")
        return block[place]

    def _block(self, file: IO[bytes], at: int) -> list[str]:
        file.seek(self._index[at])
        block: list[str] = marshal.load(file)
        size = file.tell() - self._index[at] + _BYTES_OF_A_STRING * len(block)
        self._blocks[at] = block, size
        self._kept += size
        while self._kept > _BYTES_KEPT:
            self._kept -= self._blocks.popitem(last=False)[1][1]
        return block

    def _read_book(self) -> None:
        root = self._relations("", "_rels/.rels")
        main = next((target for kind, target in root.values() if kind.endswith("/officeDocument")), "")
        if not main or main.lower().endswith(".bin") or main.lower() not in self._parts:
            raise NotCsv(what="Excel .xlsb" if main.lower().endswith(".bin") else "ZIP")
        found: list[tuple[str, str, bool]] = []

        def start(name: str, attributes: dict[str, str]) -> None:
            tag = local(name)
            if tag == "workbookPr":
                self.epoch_1904 = attributes.get("date1904", "0") in ("1", "true")
            elif tag == "sheet":
                key = next((value for name, value in attributes.items() if local(name) == "id" and ":" in name), "")
                found.append((attributes.get("name", ""), key, attributes.get("state", "visible") != "visible"))

        self._walk(main, start)
        folder, _, file = main.rpartition("/")
        relations = self._relations(folder, f"{folder}/_rels/{file}.rels")
        self._shared = next((t for kind, t in relations.values() if kind.endswith("/sharedStrings")), "")
        self._styles = next((t for kind, t in relations.values() if kind.endswith("/styles")), "")
        for name, key, hidden in found:
            kind, target = relations.get(key, ("", ""))
            if kind.endswith("/worksheet"):
                self.sheets.append(Sheet(name, target, hidden))
        if not self.sheets:
            raise NotCsv(what="ZIP")

    def _relations(self, folder: str, part: str) -> dict[str, tuple[str, str]]:
        """Id to (type, part); targets outside of the file are left out."""
        found: dict[str, tuple[str, str]] = {}
        if part.lower() not in self._parts:
            raise NotCsv(what="ZIP")

        def start(name: str, attributes: dict[str, str]) -> None:
            if local(name) == "Relationship" and attributes.get("TargetMode") != "External":
                target = attributes.get("Target", "")
                whole = target.lstrip("/") if target.startswith("/") or not folder else f"{folder}/{target}"
                found[attributes.get("Id", "")] = (attributes.get("Type", ""), _flat(whole))

        self._walk(part, start)
        return found

    def _read_styles(self) -> frozenset[int]:
        """Numbers of the cell formats that show a number as a date or a time."""
        formats: dict[int, bool] = {}
        dates: list[bool] = []
        inside = False

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal inside
            tag = local(name)
            if tag == "numFmt":
                formats[_int(attributes.get("numFmtId"))] = is_date_format(attributes.get("formatCode", ""))
            elif tag == "cellXfs":
                inside = True
            elif tag in ("cellStyleXfs", "cellStyles", "dxfs"):
                inside = False
            elif tag == "xf" and inside:
                number = _int(attributes.get("numFmtId"))
                dates.append(formats.get(number, number in _DATE_FORMATS))

        if self._styles and self._styles.lower() in self._parts:
            self._walk(self._styles, start)
        return frozenset(number for number, date in enumerate(dates) if date)

    def _walk(self, part: str, start: Callable[[str, dict[str, str]], None]) -> None:
        """A small part's elements."""
        if self.part_size(part) > _SMALL_PART_BYTES:
            raise SheetTooBig(part=part[:80], size=f"{self.part_size(part) >> 20:,} MB")
        reader = XmlReader(part)
        reader.parser.StartElementHandler = start
        for block in self.blocks(part):
            reader.feed(block)
        reader.finish()

    def _read_strings(self, file: IO[bytes]) -> None:
        """All shared strings to disk, in blocks that are looked up by number."""
        waiting: list[str] = []
        characters = count = 0
        if not self._shared:
            return
        reader = XmlReader(self._shared)
        pieces: list[str] = []
        length, taking, sounds = 0, False, 0

        def start(name: str, _: dict[str, str]) -> None:
            nonlocal taking, length, sounds
            tag = local(name)
            if tag == "si":
                pieces.clear()
                length = 0
            elif tag == "rPh":
                sounds += 1
            elif tag == "t":
                taking = not sounds

        def end(name: str) -> None:
            nonlocal taking, sounds, characters
            tag = local(name)
            if tag == "t":
                taking = False
            elif tag == "rPh":
                sounds -= 1
            elif tag == "si":
                waiting.append("".join(pieces))
                characters += length
                if len(waiting) == _STRINGS_A_BLOCK or characters >= _CHARACTERS_A_BLOCK:
                    write()

        def data(text: str) -> None:
            nonlocal length
            if taking:
                length += len(text)
                if length > CELL_CHARACTERS:
                    raise SheetTooBig(part="sharedStrings", size=f"> {CELL_CHARACTERS:,}")
                pieces.append(text)

        def write() -> None:
            nonlocal characters, count
            self._index.append(file.tell())
            self._firsts.append(count)
            file.write(marshal.dumps(waiting, 2))
            count += len(waiting)
            characters = 0
            waiting.clear()

        reader.parser.StartElementHandler = start
        reader.parser.EndElementHandler = end
        reader.parser.CharacterDataHandler = data
        for block in self.blocks(self._shared):
            reader.feed(block)
        reader.finish()
        write()


class XmlReader:
    """An XML parser that refuses declarations of entities, and tags without an end."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._fed = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.buffer_size = 1 << 16
        self.parser.StartDoctypeDeclHandler = self._declared

    def feed(self, block: bytes) -> None:
        try:
            self.parser.Parse(block, False)
        except expat.ExpatError as error:
            raise SheetDamaged(detail=f"{self._part[:60]}: {expat.ErrorString(error.code)}") from error
        self._fed += len(block)
        # The parser keeps a tag until it ends: what it has not got past is in memory.
        if self._fed - self.parser.CurrentByteIndex > _TAG_BYTES:
            raise SheetTooBig(part=self._part[:80], size=f"> {_TAG_BYTES >> 20} MB")
        if sum(map(len, self.parser.intern)) > _NAMES_CHARACTERS:
            raise SheetTooBig(part=self._part[:80], size=f"> {_NAMES_CHARACTERS:,}")

    def finish(self) -> None:
        try:
            self.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise SheetDamaged(detail=f"{self._part[:60]}: {expat.ErrorString(error.code)}") from error

    def _declared(self, *_: object) -> None:
        raise SheetUnsafe(part=self._part[:80])


def local(name: str) -> str:
    """An element's name without its prefix."""
    return name.rpartition(":")[2]


def is_date_format(code: str) -> bool:
    """Whether a number format shows a date or a time: it has y, m, d, h or s outside of quotes and brackets."""
    elapsed = re.search(r"\[(h+|m+|s+)\]", code, re.IGNORECASE) is not None
    plain = _NOT_FORMAT.sub("", code.partition(";")[0]).lower()
    return elapsed or ("general" not in plain and any(sign in plain for sign in "ymdhs年月日"))


def _flat(part: str) -> str:
    """A part's name without `..`."""
    names: list[str] = []
    for name in part.split("/"):
        if name == "..":
            names = names[:-1]
        elif name not in ("", "."):
            names.append(name)
    return "/".join(names)


def _int(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _check_entries(path: Path) -> None:
    """A list of millions of parts would fill the memory when the file is opened."""
    count, rest = 0, b""
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            count += (rest + block).count(b"PK\x01\x02")
            rest = block[-3:]
            if count > _ENTRIES:
                raise SheetTooBig(part="zip", size=f"> {_ENTRIES:,}")
