"""The first pass over one part of an orders file; big files are read by two processes, each a part."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from huimeng.porting.rules.columns import ORDER_FILE_COLUMNS
from huimeng.porting.rules.order_rows import OrderRows, ReadSettings
from huimeng.porting.store.blocks import Reading, Source, header_of, lines_before
from huimeng.porting.store.faults_file import FaultFile
from huimeng.porting.store.spill import Chunk, SpillWriter

_REPORT_SECONDS = 0.1


class PartSpec(msgspec.Struct, frozen=True):
    """Bytes from start to end of the source; the results go to folder under the part's number."""

    source: Source
    settings: ReadSettings
    folder: str
    number: int
    start: int
    end: int

    @property
    def spill(self) -> Path:
        return Path(self.folder) / f"spill{self.number}"

    @property
    def refunds(self) -> Path:
        return Path(self.folder) / f"refunds{self.number}"

    @property
    def faults(self) -> Path:
        return Path(self.folder) / f"faults{self.number}.csv"


class PartResult(msgspec.Struct, frozen=True):
    """overran: the part went on to the end of the file, so what began at its end is not to be used; no_rows: totals;
    masked_numbers: orders whose member's number is masked."""

    rows: int
    bad_rows: int
    faults: int
    new_stores: list[str]
    chunks: list[Chunk]
    overran: bool
    refund_chunks: list[Chunk] = []
    no_rows: int = 0
    masked_numbers: int = 0


class PartReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of a reading process's output."""

    done: int
    rows: int
    bad_rows: int
    result: PartResult | None = None


def read_part(spec: PartSpec, report: Callable[[PartReport], None]) -> PartResult:
    header = header_of(spec.source, ORDER_FILE_COLUMNS)
    spill, refunds = SpillWriter(spec.spill, spec.number), SpillWriter(spec.refunds, spec.number)
    with FaultFile(spec.faults, lock=False) as faults:
        rows = OrderRows(header, spec.settings, spill.add, faults.add, refunds.add)
        before = lines_before(spec.source, spec.start)
        reading = Reading(spec.source, rows, spec.start, spec.end, before)
        told = 0.0
        for done in reading.steps():
            now = time.monotonic()
            if now - told >= _REPORT_SECONDS:
                told = now
                report(PartReport(done, rows.rows, rows.bad_rows))
        rows.finish()
        spill.close()
        refunds.close()
        faults.close(keep_empty=True)
    return PartResult(
        rows.rows,
        rows.bad_rows,
        faults.count,
        sorted(rows.new_stores),
        spill.chunks,
        reading.overran,
        refunds.chunks,
        rows.no_rows,
        rows.masked_numbers,
    )


def main() -> None:
    """A reading process: the spec comes in by standard input, reports go out a line each."""
    # Rows make no cycles that would have to be looked for.
    gc.disable()
    # Whoever serves customers on this machine goes first.
    os.nice(5)
    encoder = msgspec.json.Encoder()
    output = sys.stdout.buffer

    def say(report: PartReport) -> None:
        output.write(encoder.encode(report) + b"\n")
        output.flush()

    spec = msgspec.json.decode(sys.stdin.buffer.read(), type=PartSpec)
    result = read_part(spec, say)
    say(PartReport(spec.end - spec.start, result.rows, result.bad_rows, result))
