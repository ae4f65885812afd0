"""A look at the top of a file before anything is done with it: sheets, header, a few cells of each column, and which
words its column of status has."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import msgspec

from huimeng.porting.rules import platforms
from huimeng.porting.rules.cells import CELL_CHARACTERS, text
from huimeng.porting.rules.columns import (
    MEMBER_COLUMNS,
    ORDER_FILE_COLUMNS,
    clean_name,
    fields_of,
    likeness,
    plain_name,
    reads_as_told,
    refuse_utf16,
)
from huimeng.porting.rules.faults import SHOWN_CHARACTERS, CellFault
from huimeng.porting.rules.words import plain_word
from huimeng.porting.store.intake import LOST, Wish, open_table
from huimeng.porting.store.tasks import Kind

_ROWS = 40
_SAMPLES = 3
_COLUMNS_MAX = 300
_CHARACTERS = 60
# Rows whose status is looked at while somebody waits, and different words of it.
_STATUS_ROWS = 20_000
_WORDS_MAX = 100


class Words:
    """The different words of a column, and how many rows have each."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, int]] = {}

    def add(self, cell: str) -> None:
        """What is no word of a status, as empty or too long, is left out."""
        try:
            word = text(cell, SHOWN_CHARACTERS)
            plain = plain_word(word)
        except CellFault:
            return
        first, rows = self._found.get(plain, (word, 0))
        if plain and (rows or len(self._found) < _WORDS_MAX):
            self._found[plain] = first, rows + 1

    def most_common(self) -> list[tuple[str, int]]:
        """As it was first written, and its rows."""
        return sorted(self._found.values(), key=lambda each: -each[1])


class Glance(msgspec.Struct, frozen=True):
    """kind: what the header looks like; samples: different cells of each column, by its place in the header.

    status_column: where the words of status were looked for; whole: no row was left out when they were counted.
    """

    kind: Kind
    platform: platforms.Kind | None
    sheets: tuple[str, ...]
    sheet: str | None
    header_line: int
    header: list[str]
    samples: list[list[str]]
    status_column: str | None
    words: list[tuple[str, int]]
    whole: bool


def glance(
    path: Path, folder: Path, sheet: str | None, mapping: Mapping[str, str], status_column: str | None = None
) -> Glance:
    """mapping: of the columns of orders, as told; status_column: where the status is, when it is not where it seems.

    ImportFileError when the file can't be read at all.
    """
    # Both kinds at once: nobody has said yet what the file is.
    names = {f"{kind}.{field}": known for kind, columns in _KINDS.items() for field, known in columns.items()}
    table = open_table(path, folder, {**names, **platforms.NAMES}, Wish(names, {}, sheet), lambda done, total: None)
    try:
        refuse_utf16(table.header)
        header = [clean_name(cell, CELL_CHARACTERS) for cell in table.header[:_COLUMNS_MAX]]
        samples: list[list[str]] = [[] for _ in header]
        kinds = dict.fromkeys(range(len(header)), "")
        rows = (cells for line, cells in table.rows(kinds, frozenset()) if line > 0)
        platform = platforms.recognise(header)
        place = _status_place(header, platform, mapping, status_column)
        words, name = Words(), "" if place is None else header[place]
        for number, cells in enumerate(islice(rows, _ROWS if place is None else _STATUS_ROWS)):
            if number < _ROWS:
                _add_samples(samples, cells)
            # The header once more, on the next page, is no row.
            if place is not None and (cell := cells.get(place, "")).strip() != name:
                words.add(cell)
        return Glance(
            kind=_kind(header, platform),
            platform=platform,
            sheets=table.sheets,
            sheet=table.sheet,
            header_line=table.header_line,
            header=header,
            samples=samples,
            status_column=name or None,
            words=words.most_common(),
            whole=place is None or next(rows, None) is None,
        )
    finally:
        table.close()


def _add_samples(samples: list[list[str]], cells: Mapping[int, str]) -> None:
    for place, cell in cells.items():
        if place == LOST:
            continue
        shown = " ".join(cell.split())[:_CHARACTERS]
        if shown and len(samples[place]) < _SAMPLES and shown not in samples[place]:
            samples[place].append(shown)


def _status_place(
    header: list[str], platform: platforms.Kind | None, mapping: Mapping[str, str], wanted: str | None
) -> int | None:
    if wanted is None and platform is not None and not reads_as_told(header, mapping):
        wanted = platforms.STATUS_COLUMN
    if wanted is None:
        found = [field == "status" for field in fields_of(header, ORDER_FILE_COLUMNS, mapping)]
    else:
        found = [plain_name(name) == plain_name(wanted) for name in header]
    return found.index(True) if True in found else None


_KINDS = {"orders": ORDER_FILE_COLUMNS, "members": MEMBER_COLUMNS}


def _kind(header: list[str], platform: platforms.Kind | None) -> Kind:
    orders, members = likeness(header, ORDER_FILE_COLUMNS), likeness(header, MEMBER_COLUMNS)
    return "orders" if platform is not None or orders >= members else "members"
