"""The error file: every bad row with line, column and reason, as a CSV that opens in a spreadsheet."""

from __future__ import annotations

import csv
import fcntl
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Self

import msgspec

from huimeng.kernel.cells import plain
from huimeng.porting.errors import BadImportOption, ImportRunning
from huimeng.porting.rules.faults import FAULT_HEADER, RowFault, fault_cells


class FaultFile:
    """One for each import; the lock on it ends with the process, so a killed import can be begun again at once."""

    def __init__(self, path: Path, lock: bool = True) -> None:
        self.path = path
        self.count = 0
        try:
            self._file: IO[str] = path.open("a+", encoding="utf-8", newline="")
        except OSError as error:
            raise BadImportOption(option="errors", value=f"{path.name}: {error.strerror}") from error
        if lock:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                self._file.close()
                raise ImportRunning() from error
        self._writer = csv.writer(self._file)

    def begin(self, kept: Callable[[list[str]], bool] = lambda row: False) -> None:
        """Empties the file but for the rows that an earlier, interrupted run of the same import wrote for good."""
        self._file.seek(0)
        rows = [row for row in csv.reader(self._file) if len(row) == len(FAULT_HEADER) and kept(row)]
        self._file.seek(0)
        self._file.truncate()
        self._file.write("\ufeff")
        self._writer.writerow(FAULT_HEADER)
        self._writer.writerows(rows)
        self.count = len(rows)

    def add(self, fault: RowFault) -> None:
        self._writer.writerow(fault_cells(fault))
        self.count += 1

    def take_over(self, path: Path, count: int) -> None:
        """Appends the rows that a reading process wrote."""
        with path.open(encoding="utf-8", newline="") as rows:
            for row in rows:
                self._file.write(row)
        self.count += count
        path.unlink()

    def flush(self) -> None:
        self._file.flush()

    def close(self, keep_empty: bool = False) -> bool:
        """Whether the file holds anything; one without rows is removed."""
        self._file.close()
        if not self.count and not keep_empty:
            self.path.unlink(missing_ok=True)
        return self.count > 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._file.closed:
            self._file.close()


def error_rows(path: Path | None, header: Sequence[str]) -> Iterator[bytes]:
    """The error file with another header, in pieces; None: there is nothing but the header."""
    yield ("\ufeff" + ",".join(header) + "\r\n").encode()
    if path is not None:
        with path.open("rb") as file:
            file.readline()
            while piece := file.read(_PIECE_BYTES):
                yield piece


_PIECE_BYTES = 1 << 16
# Rows of an error file that are counted by their reason while somebody waits.
_COUNTED_ROWS = 200_000
_WORDS_MAX = 100
# Behind every line of a file.
_LAST = 1 << 62


class BadRow(msgspec.Struct, frozen=True):
    """A row of the error file, its cells as they were in the input; line None: it is not known."""

    line: int | None
    column: str
    value: str
    code: str
    reason_zh: str
    reason_en: str
    business_day: str
    order_no: str


class BadRowCount(msgspec.Struct, frozen=True):
    code: str
    rows: int


class UnknownStatus(msgspec.Struct, frozen=True):
    """A word of a status that nobody knows: somebody can tell what it means."""

    column: str
    word: str
    rows: int


class BadRows(msgspec.Struct, frozen=True):
    """by_code, unknown_statuses: most frequent first; counted_all: false for a file so long that only its beginning was
    counted."""

    items: list[BadRow]
    by_code: list[BadRowCount]
    unknown_statuses: list[UnknownStatus]
    counted_all: bool


def read_faults(path: Path, limit: int) -> BadRows:
    """The first in the order of their lines; those without one stand last."""
    first: list[tuple[int, BadRow]] = []
    counts: Counter[str] = Counter()
    words: Counter[tuple[str, str]] = Counter()
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        next(rows, None)
        for row in islice(rows, _COUNTED_ROWS):
            if len(row) != len(FAULT_HEADER):
                continue
            counts[row[3]] += 1
            word = plain(row[1]), plain(row[2])
            if row[3] == "unknown_status" and (word in words or len(words) < _WORDS_MAX):
                words[word] += 1
            line = int(row[0]) if row[0].isdecimal() else None
            place = _LAST if line is None else line
            if len(first) < limit or (first and place < first[-1][0]):
                insort(first, (place, BadRow(line, *map(plain, row[1:]))), key=lambda each: each[0])
                del first[limit:]
        counted_all = next(rows, None) is None
    return BadRows(
        [row for _, row in first],
        [BadRowCount(code, count) for code, count in counts.most_common()],
        [UnknownStatus(column, word, count) for (column, word), count in words.most_common()],
        counted_all,
    )
