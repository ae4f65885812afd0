"""`python -m bench`: everything, or one part of it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from bench import analytics, growth, importing, ledger, limits, orders, overload, report
from bench.measure import Figure, NotRight, Options
from bench.place import Place, database

PARTS = ("limits", "ledger", "hot", "http", "overload", "growth", "import", "figures")
SHOWN = {
    "postgresql": "server_version",
    "fsync": "fsync",
    "synchronous_commit": "synchronous_commit",
    "full_page_writes": "full_page_writes",
    "data_checksums": "data_checksums",
}

# Names and figures stay on one line, also in a log file.
console = Console(width=None if sys.stdout.isatty() else 150)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test: one tiny round, no figures")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone; may be repeated")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    options = Options(quick=asked.quick, rounds=1 if asked.quick else max(1, asked.rounds))
    parts = tuple(asked.only or PARTS)
    try:
        with tempfile.TemporaryDirectory(prefix="huimeng-bench-") as folder:
            met = asyncio.run(run(Path(folder), options, parts))
    except NotRight as error:
        console.print(f"[red]The run does not count:[/] {error}", highlight=False)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("interrupted; everything that was started has ended")
        return 130
    return 0 if met or options.quick else 1


async def run(folder: Path, options: Options, parts: tuple[str, ...]) -> bool:
    """Whether every target was met."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    figures: list[Figure] = []
    main_folder = folder / "main"
    main_folder.mkdir()
    with database(main_folder) as place:
        shown = {name: str(place.admin(f"show {setting}")[0][0]) for name, setting in SHOWN.items()}
        taken_on = report.settings(shown, options)
        figures += await _on_one_server(place, options, parts)
    if "hot" in parts:
        with _told("hot"), database(main_folder, slow_disk=True) as place:
            async with ledger.ground(place, options, "hot") as found:
                figures += await ledger.hot(found, options)
    if "import" in parts:
        with _told("import"):
            figures += await importing.measured(folder, options)
    if "figures" in parts:
        with _told("figures"):
            figures += await analytics.measured(folder, options)
    taken_on.loads.append(os.getloadavg()[0])
    report.write(taken_on, figures)
    report.show(console, taken_on, figures)
    return all(figure.met is not False for figure in figures)


async def _on_one_server(place: Place, options: Options, parts: tuple[str, ...]) -> list[Figure]:
    figures: list[Figure] = []
    if "limits" in parts:
        with _told("limits"):
            figures += await limits.measured(place, options)
    if "ledger" in parts:
        with _told("ledger"):
            async with ledger.ground(place, options, "ledger") as found:
                figures.append(await ledger.same_rows(found, options))
                for case in (ledger.uniform, ledger.single, ledger.efficiency):
                    figures += await case(found, options)
    if "http" in parts:
        with _told("http"):
            figures += await orders.measured(place, options)
    if "overload" in parts:
        with _told("overload"):
            figures += await overload.measured(place, options)
    if "growth" in parts:
        with _told("growth"):
            figures += await growth.measured(place, options)
    return figures


class _told:  # noqa: N801  (reads as a word of the with statement)
    """Says which part runs, and how long it took."""

    def __init__(self, part: str) -> None:
        self._part = part

    def __enter__(self) -> None:
        self._begun = time.perf_counter()
        console.print(f"{self._part} ...")

    def __exit__(self, *_: object) -> None:
        console.print(f"{self._part}: {time.perf_counter() - self._begun:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
