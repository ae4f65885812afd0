"""Commands decided on what is stored now, without saving: what is told beforehand is what then happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from huimeng.infra.database import Connection
from huimeng.infra.heads import Head
from huimeng.infra.teller.command import Command, Key, Needs
from huimeng.infra.teller.rows import Rows
from huimeng.infra.teller.shelf import Shelf
from huimeng.kernel.errors import BusinessError


class Earlier(Protocol):
    """What commands that were rehearsed before would have written, for those that follow them.

    entity_seq: the last id that was given to something new, far from those of what is stored.
    """

    entity_seq: int

    def find(self, shelf: str, keys: Sequence[Key]) -> Mapping[Key, Any]: ...

    def keep(self, shelf: str, rows: Mapping[Key, Any]) -> None: ...


async def rehearse(
    conn: Connection,
    shelves: Mapping[str, Shelf],
    commands: Sequence[Command],
    now: datetime,
    earlier: Earlier | None = None,
) -> list[Any]:
    """The answer of each command, or its refusal; all of one cell, on a connection that may only read."""
    rows = Rows(now)
    head = None
    for command in commands:
        head = head or Head(command.cell_id, 0, 0, earlier.entity_seq if earlier else 0, 0, None)
        rows.heads[command.cell_id] = head
    await _load(conn, shelves, rows, [need for command in commands for need in command.needs()], earlier)
    await _load(conn, shelves, rows, [need for command in commands for need in command.more(rows)], earlier)
    answers: list[Any] = []
    for command in commands:
        rows.begin(command.cell_id)
        try:
            answers.append(command.decide(rows))
        except BusinessError as refusal:
            rows.discard()
            answers.append(refusal)
        else:
            rows.keep()
    if earlier is not None and head is not None:
        earlier.entity_seq = head.entity_seq
        for name, changed in rows.changed.items():
            earlier.keep(name, {key: rows.loaded[name][key] for key in changed})
    return answers


async def _load(
    conn: Connection, shelves: Mapping[str, Shelf], rows: Rows, needs: Needs, earlier: Earlier | None
) -> None:
    wanted: dict[str, set[tuple[Any, ...]]] = {}
    for name, key in needs:
        if key not in rows.loaded.setdefault(name, {}):
            wanted.setdefault(name, set()).add(key)
    for name, keys in wanted.items():
        if earlier is not None:
            found = earlier.find(name, sorted(keys))
            rows.loaded[name].update(found)
            keys.difference_update(found)
        if not keys:
            continue
        results = []
        for sql, params in shelves[name].load(sorted(keys)):
            results.append(await (await conn.execute(sql, params)).fetchall())
        rows.loaded[name].update(shelves[name].read(results))
