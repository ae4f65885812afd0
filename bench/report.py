"""The table at the end, and bench/report.json."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.measure import Figure, Options

REPORT = Path(__file__).parent / "report.json"


class Settings(msgspec.Struct, frozen=True):
    """What the figures were taken on; `loads` are the machine's load averages before and after."""

    postgresql: str
    fsync: str
    synchronous_commit: str
    full_page_writes: str
    data_checksums: str
    cpus: int
    python: str
    rounds: int
    quick: bool
    load_generator: str
    loads: list[float]


def settings(shown: dict[str, str], options: Options) -> Settings:
    return Settings(
        **shown,
        cpus=os.cpu_count() or 0,
        python=platform.python_version(),
        rounds=options.rounds,
        quick=options.quick,
        load_generator="bench/load.py: raw sockets and epoll, a process of its own",
        loads=[os.getloadavg()[0]],
    )


def write(taken_on: Settings, figures: Sequence[Figure], path: Path = REPORT) -> None:
    told = [{**msgspec.structs.asdict(figure), "met": figure.met} for figure in figures]
    body = msgspec.json.encode({"settings": taken_on, "figures": told}, enc_hook=str)
    path.write_bytes(msgspec.json.format(body) + b"\n")


def show(console: Console, taken_on: Settings, figures: Sequence[Figure]) -> None:
    table = Table("figure", "value", "least", "most", "target", "", "note", title=_title(taken_on))
    table.columns[0].no_wrap = True
    for column in (1, 2, 3, 4):
        table.columns[column].justify = "right"
        table.columns[column].no_wrap = True
    ranked = sorted(figures, key=lambda figure: (figure.target is None, figure.name.startswith("limit_")))
    for figure in ranked:
        verdict = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[None if taken_on.quick else figure.met]
        target = "" if figure.target is None else f"{figure.sense} {figure.target:g}"
        name = f"[bold]{figure.name}[/]" if figure.target is not None else figure.name
        table.add_row(
            name, _told(figure.value, figure.unit), _told(figure.low), _told(figure.high), target, verdict, figure.note
        )
    console.print(table)
    if taken_on.quick:
        console.print("[yellow]A smoke test: everything ran and the rows are equal; the figures mean nothing.[/]")


def _title(taken_on: Settings) -> str:
    return (
        f"PostgreSQL {taken_on.postgresql}, fsync {taken_on.fsync}, {taken_on.cpus} CPUs, "
        f"Python {taken_on.python}, {taken_on.rounds} rounds"
    )


def _told(value: float | None, unit: str = "") -> str:
    if value is None:
        return ""
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}".rstrip()
