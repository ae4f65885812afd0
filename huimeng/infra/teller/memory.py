"""What a lane remembers from one batch to the next, and how it knows that it is still true."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from huimeng.infra.heads import Head
from huimeng.infra.teller.command import Key

Need = tuple[str, Key]

_ALONE_AFTER_SECONDS = 1.0
_ROWS_MAX = 20_000


class Memory:
    """Configuration, true while the head has its version. And, in a lane that keeps rows, those of cells in which
    nobody else has written since: every writer updates the head, so the head's row is still the one this lane wrote.
    """

    def __init__(self, keeps: bool) -> None:
        self.keeps = keeps
        self._config: dict[Need, tuple[int, Any]] = {}
        self._rows: dict[Need, Any] = {}
        self._stamps: dict[int, str] = {}
        self._met_at = time.monotonic()

    @property
    def alone(self) -> bool:
        """Nobody else has written of late in the cells that this lane writes."""
        return self.keeps and time.monotonic() - self._met_at >= _ALONE_AFTER_SECONDS

    def __contains__(self, need: Need) -> bool:
        return need in self._rows

    def config(self, need: Need, head: Head) -> Any:
        """The row; None when there is none of the head's version."""
        kept = self._config.get(need)
        return kept[1] if kept is not None and kept[0] == head.config_version else None

    def keep_config(self, need: Need, head: Head, row: Any) -> None:
        self._config[need] = (head.config_version, row)

    def row(self, need: Need, stamp: str) -> Any:
        """The row; None when the cell has been written by somebody else."""
        return self._rows.get(need) if self._stamps.get(need[1][0]) == stamp else None

    def keep(self, found: Mapping[int, str], left: Mapping[int, str], rows: Iterable[tuple[Need, Any]]) -> None:
        """After a commit: the heads' stamps before and after the batch, and its rows."""
        if not self.keeps:
            return
        if any(self._stamps.get(cell_id) != stamp for cell_id, stamp in found.items()):
            self._met_at = time.monotonic()
            self._rows = {}
        if len(self._rows) > _ROWS_MAX:
            self._rows = {}
        self._stamps = {**found, **left}
        self._rows.update(rows)

    def forget(self) -> None:
        """After an error nothing is certain but configuration, which has a version."""
        self._rows, self._stamps = {}, {}
