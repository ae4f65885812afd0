"""The importing process under test: `python -m bench.import_run FOLDER alone|beside`, its result as JSON on stdout."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from huimeng.entry.context import connected
from huimeng.entry.demo import ensure_demo_files, load_demo
from huimeng.infra.embedded import opened
from huimeng.infra.settings import Settings


class Imported(msgspec.Struct, frozen=True):
    """seconds: all of it; files_seconds: making the CSV files out of the public data, done once."""

    seconds: float
    files_seconds: float
    members_seconds: float
    orders_seconds: float
    lines: int
    bad_lines: int
    created: int
    cpu_seconds: float


def _told(phase: str, done: int, total: int, counts: Mapping[str, int]) -> None:
    """Nobody watches."""


async def run(folder: Path) -> Imported:
    """As the first `huimeng run --demo` does it, and `huimeng import` beside a server."""
    settings = Settings(data_dir=folder, host="127.0.0.1", port=1, workers=1)
    begun = time.perf_counter()
    await ensure_demo_files(folder)
    files_seconds = time.perf_counter() - begun
    with opened(settings) as urls:
        async with connected(settings, urls, importing=True) as context:
            members, orders = await load_demo(context, _told, _told)
    used = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return Imported(
        time.perf_counter() - begun,
        files_seconds,
        members.seconds,
        orders.seconds,
        orders.rows,
        orders.bad_rows,
        orders.counts["created"],
        sum(each.ru_utime + each.ru_stime for each in used),
    )


if __name__ == "__main__":
    os.write(1, msgspec.json.encode(asyncio.run(run(Path(sys.argv[1])))))
