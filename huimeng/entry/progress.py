"""Progress bars for long work on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_PHASES = {"read": "读取 read", "write": "导入 import", "check": "核对 check"}


class Bars:
    """One bar a phase; in a pipe or a log file nothing is drawn."""

    def __init__(self, console: Console | None = None) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console or Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def watch(self, name: str) -> Watch:
        """The progress callback of one import."""
        return Watch(self, name)

    def show(self, name: str, phase: str, done: int, total: int, counts: Mapping[str, int]) -> None:
        description = f"{name} {_PHASES.get(phase, phase)}"
        told = "  ".join(f"{key} {count:,}" for key, count in counts.items() if count and key != "line")
        task = self._tasks.get(description)
        if task is None:
            task = self._tasks[description] = self._bars.add_task(description, total=total, counts=told)
        self._bars.update(task, completed=done, total=max(total, 1), counts=told)


class Watch:
    """Has the shape of porting.service.Progress."""

    def __init__(self, bars: Bars, name: str) -> None:
        self._bars = bars
        self._name = name

    def __call__(self, phase: str, done: int, total: int, counts: Mapping[str, int]) -> None:
        self._bars.show(self._name, phase, done, total, counts)
