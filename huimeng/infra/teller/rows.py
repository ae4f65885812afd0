"""The rows that a batch works on, in memory; a refused command leaves no trace in them."""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Any

import msgspec

from huimeng.infra.audit import Action, By, Entry, Object
from huimeng.infra.audit.entries import Values, make_entry
from huimeng.infra.heads import Head
from huimeng.infra.teller.command import Key
from huimeng.kernel.ids import entity_id


class Event(msgspec.Struct, frozen=True):
    """A row of the outbox."""

    cell_id: int
    seq: int
    kind: str
    ref_id: int
    at: datetime
    payload: dict[str, Any]


class Rows:
    """Reads fall through the command's own edits to the batch; edits reach the batch when the command succeeds."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.heads: dict[int, Head] = {}
        self.loaded: dict[str, dict[Key, Any]] = {}
        self.changed: dict[str, set[Key]] = {}
        self.added: dict[str, list[Any]] = {}
        self.events: list[Event] = []
        self.entries: list[Entry] = []
        self.moved: set[int] = set()
        self._edits: dict[tuple[str, Key], Any] = {}
        self._additions: list[tuple[str, Any]] = []
        self._emitted: list[Event] = []
        self._recorded: list[Entry] = []
        self._head: Head
        self._before: tuple[int, int, int, int]

    # What a command's decide() uses.

    def get(self, shelf: str, key: Key) -> Any:
        """The row, for reading only; None when there is none. KeyError: the command didn't say it needs it."""
        edits = self._edits
        if edits:
            mine = edits.get((shelf, key))
            if mine is not None:
                return mine
        return self.loaded[shelf].get(key)

    def edit(self, shelf: str, key: Key) -> Any:
        """A private copy of the row, to be changed."""
        mine = self._edits.get((shelf, key))
        if mine is None:
            mine = self._edits[shelf, key] = copy.copy(self.loaded[shelf][key])
        return mine

    def put(self, shelf: str, key: Key, row: Any) -> None:
        """A new row, or one that replaces another."""
        self._edits[shelf, key] = row

    def add(self, shelf: str, row: Any) -> None:
        """A row that is only ever appended."""
        self._additions.append((shelf, row))

    def emit(self, kind: str, ref_id: int, payload: dict[str, Any]) -> None:
        head = self._head
        head.outbox_seq += 1
        self._emitted.append(Event(head.cell_id, head.outbox_seq, kind, ref_id, self.now, payload))

    def audit(
        self, by: By, action: Action, what: Object, *, before: Values | None = None, after: Values | None = None
    ) -> None:
        """An entry of the audit log; personal data masked. by: who acted when the command was made."""
        head = self._head
        head.audit_seq += 1
        entry = make_entry(head.cell_id, head.audit_seq, self.now, by, action, what, before, after)
        self._recorded.append(entry)

    def take_id(self) -> int:
        head = self._head
        head.entity_seq += 1
        return entity_id(head.entity_seq, head.cell_id)

    def take_transfer(self) -> int:
        self._head.transfer_seq += 1
        return self._head.transfer_seq

    @property
    def head(self) -> Head:
        """The head of the command's cell."""
        return self._head

    # What the batch uses.

    def begin(self, cell_id: int) -> None:
        head = self._head = self.heads[cell_id]
        self._before = (head.transfer_seq, head.outbox_seq, head.entity_seq, head.audit_seq)

    def keep(self) -> None:
        head = self._head
        # Whoever writes in a cell writes its head: others know by it whether what they remember is still true.
        numbers = (head.transfer_seq, head.outbox_seq, head.entity_seq, head.audit_seq)
        if self._edits or self._additions or self._before != numbers:
            self.moved.add(head.cell_id)
        for (shelf, key), row in self._edits.items():
            self.loaded.setdefault(shelf, {})[key] = row
            self.changed.setdefault(shelf, set()).add(key)
        for shelf, row in self._additions:
            self.added.setdefault(shelf, []).append(row)
        self.events += self._emitted
        self.entries += self._recorded
        self._clear()

    def discard(self) -> None:
        head = self._head
        head.transfer_seq, head.outbox_seq, head.entity_seq, head.audit_seq = self._before
        self._clear()

    def _clear(self) -> None:
        self._edits = {}
        self._additions = []
        self._emitted = []
        self._recorded = []
