"""Commands decided on what is stored now, without saving: what is told beforehand is what then happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from huimeng.infra.database import Connection
from huimeng.infra.heads import Head
from huimeng.infra.teller.command import Command, Needs
from huimeng.infra.teller.rows import Rows
from huimeng.infra.teller.shelf import Shelf
from huimeng.kernel.errors import BusinessError


async def rehearse(
    conn: Connection, shelves: Mapping[str, Shelf], commands: Sequence[Command], now: datetime
) -> list[Any]:
    """The answer of each command, or its refusal; all of one cell, on a connection that may only read."""
    rows = Rows(now)
    for command in commands:
        rows.heads[command.cell_id] = Head(command.cell_id, 0, 0, 0, 0, None)
    await _load(conn, shelves, rows, [need for command in commands for need in command.needs()])
    await _load(conn, shelves, rows, [need for command in commands for need in command.more(rows)])
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
    return answers


async def _load(conn: Connection, shelves: Mapping[str, Shelf], rows: Rows, needs: Needs) -> None:
    wanted: dict[str, set[tuple[Any, ...]]] = {}
    for name, key in needs:
        if key not in rows.loaded.setdefault(name, {}):
            wanted.setdefault(name, set()).add(key)
    for name, keys in wanted.items():
        results = []
        for sql, params in shelves[name].load(sorted(keys)):
            results.append(await (await conn.execute(sql, params)).fetchall())
        rows.loaded[name].update(shelves[name].read(results))
