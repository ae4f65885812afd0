"""A counter as a Teller's shelf: what a batch does can be seen without any business around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from huimeng.infra.teller import Command, Key, Needs, Rows, Shelf, Statement, packed
from huimeng.kernel.errors import Conflict

STEP = "step"


class Step(msgspec.Struct):
    """A counter, kept in earn_cap under rule 0 of member 0."""

    amount: int


class StepShelf(Shelf):
    name = STEP

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        yield (
            "select t.cell_id, t.period, t.amount from json_to_recordset(%s) as k(c bigint, p text) "
            "join earn_cap t on t.cell_id = k.c and t.member_id = 0 and t.rule_id = 0 and t.period = k.p",
            (packed([{"c": cell, "p": name} for cell, name in keys]),),
        )

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, Step]:
        return {(cell, name): Step(amount) for cell, name, amount in results[0]}

    def save(self, changed: Mapping[Key, Step], added: Sequence[Any]) -> Iterable[Statement]:
        rows = [{"c": cell, "p": name, "a": row.amount} for (cell, name), row in changed.items()]
        yield (
            "insert into earn_cap (cell_id, member_id, rule_id, period, amount) select c, 0, 0, p, a "
            "from json_to_recordset(%s) as k(c bigint, p text, a bigint) "
            "on conflict (cell_id, member_id, rule_id, period) do update set amount = excluded.amount",
            (packed(rows),),
        )


class Count(Command):
    """Adds one and answers the sum; `trouble` is called after the change, to fail as late as can be."""

    def __init__(
        self,
        cell_id: int,
        name: str = "n",
        key: str | None = None,
        fingerprint: bytes = b"",
        trouble: Callable[[Rows], None] | None = None,
    ) -> None:
        self.cell_id = cell_id
        self.name = name
        self.key = key
        self.fingerprint = fingerprint
        self.trouble = trouble

    def needs(self) -> Needs:
        yield STEP, (self.cell_id, self.name)

    def decide(self, rows: Rows) -> int:
        key = (self.cell_id, self.name)
        if rows.get(STEP, key) is None:
            rows.put(STEP, key, Step(0))
        row = rows.edit(STEP, key)
        row.amount += 1
        number = rows.take_id()
        rows.take_transfer()
        rows.emit("counted", number, {"n": row.amount})
        if self.trouble is not None:
            self.trouble(rows)
        return int(row.amount)


def refuse(rows: Rows) -> None:
    raise Conflict()


def stumble(rows: Rows) -> None:
    raise ZeroDivisionError
