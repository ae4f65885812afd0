"""Rows that a quote which nobody closed took into a cell: such a record is whole CSV, and the rows would be gone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from huimeng.porting.rules.cells import calendar_day
from huimeng.porting.rules.faults import CellFault

_BREAK = re.compile(r"\r\n|\r|\n")
_DELIMITERS = ",\t;"


def swallowed(row: Sequence[str], width: int, is_row: Callable[[Sequence[str]], bool]) -> list[list[str]]:
    """The cells of each physical line of a record that has taken in other rows; [] for one that has several lines only
    because its cells have. Asked of records of several lines; is_row is asked of lines as wide as the header.

    The first and the last line of an honest record are not both whole rows, and none between them is.
    """
    for delimiter in _DELIMITERS:
        lines = _lines(row, delimiter)
        whole = [len(line) == width and is_row(line) for line in lines]
        # One that is too wide or too narrow is lost anyway, and may not take others with it.
        if any(whole[1:-1]) or (whole[0] and whole[-1]) or (len(row) != width and any(whole)):
            return lines
    return []


def _lines(row: Sequence[str], delimiter: str) -> list[list[str]]:
    lines: list[list[str]] = [[]]
    for cell in row:
        first, *others = _BREAK.split(cell)
        lines[-1] += first.split(delimiter) if others else [first]
        lines += [other.split(delimiter) for other in others]
    return lines


def is_date(cell: str) -> bool:
    try:
        return calendar_day(cell) is not None
    except CellFault as fault:
        return fault.code == "ambiguous_date"
