"""All SQL of what orders earned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from huimeng.checkout.rules import Earned
from huimeng.infra.database import Connection
from huimeng.infra.teller import Key, Shelf, Statement, packed

EARNING = "order_earning"


class NewEarning(msgspec.Struct, frozen=True):
    """A row of order_earning; short names are those of the JSON that is saved."""

    c: int
    o: int
    u: int
    l: int  # noqa: E741  (a JSON key of one letter)
    s: int
    a: int
    r: int
    p: tuple[tuple[int, int, int], ...]


class Earnings(msgspec.Struct):
    """All earnings of one order; the Teller replaces them when some are taken back."""

    cell_id: int
    order_id: int
    earned: list[Earned]


_SELECT = (
    "select t.cell_id, t.order_id, t.unit, t.lot_id, t.transfer_seq, t.amount, t.reversed, t.parts "
    "from json_to_recordset(%s) as k(c bigint, o bigint) "
    "join order_earning t on t.cell_id = k.c and t.order_id = k.o order by t.order_id, t.unit, t.lot_id"
)


class EarningShelf(Shelf):
    """Key (cell_id, order_id)."""

    name = EARNING

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        yield _SELECT, (packed([{"c": cell, "o": order} for cell, order in keys]),)

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, Any]:
        found: dict[Key, Earnings] = {}
        for row in results[0]:
            key = (row[0], row[1])
            found.setdefault(key, Earnings(row[0], row[1], [])).earned.append(_earned(row))
        return found

    def save(self, changed: Mapping[Key, Any], added: Sequence[Any]) -> Iterable[Statement]:
        if added:
            yield (
                "insert into order_earning (cell_id, order_id, unit, lot_id, transfer_seq, amount, reversed, parts) "
                "select c, o, u, l, s, a, r, p from json_to_recordset(%s) as k(c bigint, o bigint, u smallint, "
                "l int, s bigint, a bigint, r bigint, p jsonb)",
                (packed(added),),
            )
        if changed:
            rows = [
                {"c": each.cell_id, "o": each.order_id, "u": part.unit, "l": part.lot_id, "r": part.reversed}
                for each in changed.values()
                for part in each.earned
            ]
            yield (
                "update order_earning t set reversed = r from json_to_recordset(%s) as k(c bigint, o bigint, "
                "u smallint, l int, r bigint) where t.cell_id = k.c and t.order_id = k.o and t.unit = k.u "
                "and t.lot_id = k.l",
                (packed(rows),),
            )


def _earned(row: tuple[Any, ...]) -> Earned:
    return Earned(row[2], row[3], row[4], row[5], row[6], tuple(tuple(part) for part in row[7]))


async def earnings_of(conn: Connection, cell_id: int, order_id: int) -> list[Earned]:
    cursor = await conn.execute(_SELECT, (packed([{"c": cell_id, "o": order_id}]),))
    return [_earned(row) for row in await cursor.fetchall()]


async def earning_differences(conn: Connection, cell_id: int, first: int, last: int) -> list[dict[str, Any]]:
    """Orders in an id range whose recorded earning differs from their transfers: what it was, what was taken back.

    An earning is the transfer it names; what is taken back is every transfer that reverses it.
    """
    cursor = await conn.execute(
        "select e.order_id, e.unit, e.amount, t.amount, e.reversed, coalesce(r.amount, 0) "
        "from order_earning e "
        "left join transfer t on t.cell_id = e.cell_id and t.seq = e.transfer_seq and t.ref_id = e.order_id "
        "left join (select reverses, sum(amount) as amount from transfer where cell_id = %s and reverses is not null "
        "group by reverses) r on r.reverses = e.transfer_seq "
        "where e.cell_id = %s and e.order_id between %s and %s "
        "and (t.amount is distinct from e.amount or e.reversed <> coalesce(r.amount, 0)) limit 100",
        (cell_id, cell_id, first, last),
    )
    return [
        {"order_id": row[0], "unit": row[1], "earned": [row[2], row[3]], "reversed": [row[4], row[5]]}
        for row in await cursor.fetchall()
    ]
