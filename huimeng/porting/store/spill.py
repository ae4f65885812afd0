"""Runs on disk between the passes, by business day: an external bucket sort of files of any order and size.

The spill is written and read by the same import within minutes, in a folder of its own: there marshal is safe, and
fastest.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from huimeng.porting.rules.order_rows import RefundRun, Run

# Lines of a day, and of all days together, that wait in memory.
_DAY_LINES = 4096
_ALL_LINES = 50_000
# Lines of one day that are put together at once; a bigger day is taken in parts.
PART_LINES = 60_000


class Chunk(msgspec.Struct, frozen=True, array_like=True):
    """Runs of one day; file is the number of the spill file."""

    day: int
    file: int
    offset: int
    length: int
    lines: int


class SpillWriter:
    """add() has the shape of OrderRows' sink; chunks are known after close()."""

    def __init__(self, path: Path, number: int) -> None:
        self.chunks: list[Chunk] = []
        self._file = path.open("wb")
        self._number = number
        self._offset = 0
        self._days: dict[int, list[Run | RefundRun]] = {}
        self._counts: dict[int, int] = {}
        self._waiting = 0

    def add(self, day: int, run: Run | RefundRun) -> None:
        waiting = self._days.get(day)
        if waiting is None:
            waiting = self._days[day] = []
            self._counts[day] = 0
        waiting.append(run)
        lines = len(run[7] or ()) + 1
        self._counts[day] += lines
        self._waiting += lines
        if self._counts[day] >= _DAY_LINES:
            self._flush(day)
        elif self._waiting >= _ALL_LINES:
            for each in list(self._days):
                self._flush(each)

    def close(self) -> None:
        for day in list(self._days):
            self._flush(day)
        self._file.close()

    def _flush(self, day: int) -> None:
        # Version 4 writes an object that comes again as a reference: goods repeat within a day.
        data = marshal.dumps(self._days.pop(day), 4)
        lines = self._counts.pop(day)
        self._waiting -= lines
        self._file.write(data)
        self.chunks.append(Chunk(day, self._number, self._offset, len(data), lines))
        self._offset += len(data)


class Spill:
    """The runs of a day, from all spill files; the files go when it is closed."""

    def __init__(self, paths: list[Path], chunks: list[Chunk]) -> None:
        self._files = [path.open("rb") for path in paths]
        self._paths = paths
        self._by_day: dict[int, list[Chunk]] = {}
        for chunk in chunks:
            self._by_day.setdefault(chunk.day, []).append(chunk)

    def days(self) -> list[int]:
        return sorted(self._by_day)

    def lines(self, day: int) -> int:
        return sum(chunk.lines for chunk in self._by_day[day])

    def parts(self, day: int) -> Iterator[list[Run]]:
        """All runs of a day, each order whole within a part; one part unless the day is huge."""
        count = -(-self.lines(day) // PART_LINES)
        for part in range(count):
            runs: list[Run] = []
            for chunk in self._by_day[day]:
                found = self._load(chunk)
                runs += found if count == 1 else [run for run in found if _part_of(run, count) == part]
            yield runs

    def close(self) -> None:
        for file in self._files:
            file.close()
        for path in self._paths:
            path.unlink(missing_ok=True)

    def _load(self, chunk: Chunk) -> list[Run]:
        file = self._files[chunk.file]
        file.seek(chunk.offset)
        runs: Any = marshal.loads(file.read(chunk.length))
        return runs  # type: ignore[no-any-return]


def _part_of(run: Run, count: int) -> int:
    return crc32(f"{run[0]}\0{run[1]}".encode()) % count
