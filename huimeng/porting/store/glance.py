"""A look at the top of a file before anything is done with it: sheets, header, and a few cells of each column."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import msgspec

from huimeng.porting.rules import platforms
from huimeng.porting.rules.cells import CELL_CHARACTERS
from huimeng.porting.rules.columns import MEMBER_COLUMNS, ORDER_FILE_COLUMNS, clean_name, likeness, refuse_utf16
from huimeng.porting.store.intake import LOST, Wish, open_table
from huimeng.porting.store.tasks import Kind

_ROWS = 40
_SAMPLES = 3
_COLUMNS_MAX = 300
_CHARACTERS = 60


class Glance(msgspec.Struct, frozen=True):
    """kind: what the header looks like; samples: different cells of each column, by its place in the header."""

    kind: Kind
    platform: platforms.Kind | None
    sheets: tuple[str, ...]
    sheet: str | None
    header_line: int
    header: list[str]
    samples: list[list[str]]


def glance(path: Path, folder: Path, sheet: str | None) -> Glance:
    """ImportFileError when the file can't be read at all."""
    # Both kinds at once: nobody has said yet what the file is.
    names = {f"{kind}.{field}": known for kind, columns in _KINDS.items() for field, known in columns.items()}
    table = open_table(path, folder, {**names, **platforms.NAMES}, Wish(names, {}, sheet), lambda done, total: None)
    try:
        refuse_utf16(table.header)
        header = [clean_name(cell, CELL_CHARACTERS) for cell in table.header[:_COLUMNS_MAX]]
        samples: list[list[str]] = [[] for _ in header]
        kinds = dict.fromkeys(range(len(header)), "")
        rows = (cells for line, cells in table.rows(kinds, frozenset()) if line > 0)
        for cells in islice(rows, _ROWS):
            for place, cell in cells.items():
                if place == LOST:
                    continue
                shown = " ".join(cell.split())[:_CHARACTERS]
                if shown and len(samples[place]) < _SAMPLES and shown not in samples[place]:
                    samples[place].append(shown)
        platform = platforms.recognise(header)
        return Glance(_kind(header, platform), platform, table.sheets, table.sheet, table.header_line, header, samples)
    finally:
        table.close()


_KINDS = {"orders": ORDER_FILE_COLUMNS, "members": MEMBER_COLUMNS}


def _kind(header: list[str], platform: platforms.Kind | None) -> Kind:
    orders, members = likeness(header, ORDER_FILE_COLUMNS), likeness(header, MEMBER_COLUMNS)
    return "orders" if platform is not None or orders >= members else "members"
