"""All SQL of orders: the shelves of the Teller, and reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from huimeng.infra.database import Connection
from huimeng.infra.teller import Key, Shelf, Statement, packed
from huimeng.order.rules import KEPT, Known, Line, Order, Status, Tender

ORDER = "order"
ORDER_NO = "order_no"
FIRST_ORDER = "first_order"

# Of an order_line l: by what its product is known, and that it is not wholly given back.
PRODUCT = "coalesce(nullif(l.product, ''), l.sku)"
LINE_KEPT = """not (l.refunded_fen = l.paid_fen and l.refunded_quantity = l.quantity
               and (l.paid_fen <> 0 or l.quantity <> 0))"""


class NewLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row of order_line; short names are those of the JSON that is saved, in which what is usual is left out."""

    c: int
    o: int
    n: int
    l: int  # noqa: E741  (a JSON key of one letter: 1.5 million of them in an import)
    p: int
    q: str = "1"
    s: str = ""
    t: str = ""
    y: str = ""
    e: int = 0
    g: int = 0
    k: str = ""


class NewOrder(msgspec.Struct, frozen=True):
    """A new order with its lines and tenders ((kind, amount_fen), ...)."""

    cell_id: int
    order_id: int
    source: str
    store_id: int
    business_day: date
    order_no: str
    member_id: int | None
    ordered_at: datetime
    list_fen: int
    paid_fen: int
    refunded_fen: int
    status: int
    content_hash: bytes
    created_at: datetime
    lines: Sequence[NewLine]
    tenders: Sequence[tuple[str, int]]


class NewRefund(msgspec.Struct, frozen=True):
    cell_id: int
    refund_id: int
    order_id: int
    refunded_at: datetime
    amount_fen: int
    reason: str
    void: int
    tenders: list[dict[str, Any]]
    lines: list[dict[str, Any]]


_ORDER = (
    "t.cell_id, t.order_id, t.source, t.store_id, t.business_day, t.order_no, t.member_id, t.ordered_at, "
    "t.list_fen, t.paid_fen, t.refunded_fen, t.status, t.created_at"
)
_LINE = (
    "t.line_no, t.line_key, t.sku, t.product, t.category, t.quantity, t.list_fen, t.paid_fen, t.refunded_quantity, "
    "t.refunded_fen, t.points_earned, t.growth_earned, t.points_reversed, t.growth_reversed"
)


_TENDER = "t.cell_id, t.order_id, t.kind, t.amount_fen, t.refunded_fen"


class OrderShelf(Shelf):
    """Key (cell_id, order_id): an order with lines and tenders; added rows are NewOrder and NewRefund."""

    name = ORDER

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        param = (packed([{"c": cell, "o": order} for cell, order in keys]),)
        source = "json_to_recordset(%s) as k(c bigint, o bigint)"
        for columns, table, order in (
            (_ORDER, "orders", ""),
            (f"t.cell_id, t.order_id, {_LINE}", "order_line", " order by t.order_id, t.line_no"),
            (_TENDER, "order_tender", " order by t.order_id, t.tender_no"),
        ):
            yield f"select {columns} from {source} join {table} t on t.cell_id = k.c and t.order_id = k.o{order}", param

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, Any]:
        return _assembled(*results)

    def save(self, changed: Mapping[Key, Any], added: Sequence[Any]) -> Iterable[Statement]:
        orders = [row for row in added if isinstance(row, NewOrder)]
        refunds = [row for row in added if isinstance(row, NewRefund)]
        if orders:
            yield from _insert_orders(orders)
        if refunds:
            yield (
                "insert into refund (cell_id, refund_id, order_id, refunded_at, amount_fen, reason, void, tenders, "
                "lines) select cell_id, refund_id, order_id, refunded_at, amount_fen, reason, void, tenders, lines "
                "from json_to_recordset(%s) as k(cell_id bigint, refund_id bigint, order_id bigint, "
                "refunded_at timestamptz, amount_fen bigint, reason text, void smallint, tenders jsonb, lines jsonb)",
                (packed(refunds),),
            )
        if changed:
            yield from _update_orders(list(changed.values()))


def _insert_orders(orders: Sequence[NewOrder]) -> Iterable[Statement]:
    yield (
        "insert into orders (cell_id, order_id, source, store_id, business_day, order_no, member_id, ordered_at, "
        "list_fen, paid_fen, refunded_fen, status, content_hash, created_at) "
        "select c, o, s, st, d, n, m, a, l, p, r, x, decode(h, 'hex'), w from json_to_recordset(%s) as k(c bigint, "
        "o bigint, s text, st bigint, d date, n text, m bigint, a timestamptz, l bigint, p bigint, r bigint, "
        "x smallint, h text, w timestamptz)",
        (
            packed(
                [
                    {
                        "c": row.cell_id,
                        "o": row.order_id,
                        "s": row.source,
                        "st": row.store_id,
                        "d": row.business_day,
                        "n": row.order_no,
                        "m": row.member_id,
                        "a": row.ordered_at,
                        "l": row.list_fen,
                        "p": row.paid_fen,
                        "r": row.refunded_fen,
                        "x": row.status,
                        "h": row.content_hash.hex(),
                        "w": row.created_at,
                    }
                    for row in orders
                ]
            ),
        ),
    )
    yield (
        "insert into order_line (cell_id, order_id, line_no, line_key, sku, product, category, quantity, list_fen, "
        "paid_fen, refunded_quantity, refunded_fen, points_earned, growth_earned, points_reversed, growth_reversed) "
        "select c, o, n, coalesce(k, ''), coalesce(s, ''), coalesce(t, ''), coalesce(y, ''), coalesce(q, 1), l, p, "
        "0, 0, coalesce(e, 0), coalesce(g, 0), 0, 0 from json_to_recordset(%s) as j(c bigint, o bigint, "
        "n int, k text, s text, t text, y text, q numeric, l bigint, p bigint, e int, g int)",
        (packed([line for row in orders for line in row.lines]),),
    )
    yield (
        "insert into order_tender (cell_id, order_id, tender_no, kind, amount_fen) "
        "select c, o, n, k, a from json_to_recordset(%s) as j(c bigint, o bigint, n smallint, k text, a bigint)",
        (
            packed(
                [
                    {"c": row.cell_id, "o": row.order_id, "n": number, "k": kind, "a": amount}
                    for row in orders
                    for number, (kind, amount) in enumerate(row.tenders, 1)
                ]
            ),
        ),
    )
    gone = [{"c": row.cell_id, "o": row.order_id} for row in orders if row.status in (Status.REFUNDED, Status.VOIDED)]
    if gone:
        for change in (
            "order_line t set refunded_quantity = quantity, refunded_fen = paid_fen",
            "order_tender t set refunded_fen = amount_fen",
        ):
            yield (
                f"update {change} from json_to_recordset(%s) as k(c bigint, o bigint) "
                "where t.cell_id = k.c and t.order_id = k.o",
                (packed(gone),),
            )


def _update_orders(orders: Sequence[Order]) -> Iterable[Statement]:
    yield (
        "update orders t set refunded_fen = r, status = x from json_to_recordset(%s) as k(c bigint, o bigint, "
        "r bigint, x smallint) where t.cell_id = k.c and t.order_id = k.o",
        (packed([{"c": o.cell_id, "o": o.order_id, "r": o.refunded_fen, "x": o.status} for o in orders]),),
    )
    tenders = [
        {"c": order.cell_id, "o": order.order_id, "n": number, "r": tender.refunded_fen}
        for order in orders
        for number, tender in enumerate(order.tenders, 1)
    ]
    yield (
        "update order_tender t set refunded_fen = r from json_to_recordset(%s) as k(c bigint, o bigint, n smallint, "
        "r bigint) where t.cell_id = k.c and t.order_id = k.o and t.tender_no = k.n",
        (packed(tenders),),
    )
    lines = [
        {
            "c": order.cell_id,
            "o": order.order_id,
            "n": number,
            "q": line.refunded_quantity,
            "r": line.refunded_fen,
            "b": line.points_reversed,
            "h": line.growth_reversed,
        }
        for order in orders
        for number in sorted(order.dirty)
        for line in (order.lines[number],)
    ]
    yield (
        "update order_line t set refunded_quantity = q, refunded_fen = r, points_reversed = b, growth_reversed = h "
        "from json_to_recordset(%s) as k(c bigint, o bigint, n int, q numeric, r bigint, b int, h int) "
        "where t.cell_id = k.c and t.order_id = k.o and t.line_no = k.n",
        (packed(lines),),
    )


def _assembled(
    orders: Sequence[tuple[Any, ...]], lines: Sequence[tuple[Any, ...]], tenders: Sequence[tuple[Any, ...]]
) -> dict[Key, Order]:
    found: dict[Key, Order] = {(row[0], row[1]): Order(*row) for row in orders}
    for row in lines:
        found[row[0], row[1]].lines[row[2]] = Line(*row[2:])
    for row in tenders:
        found[row[0], row[1]].tenders.append(Tender(*row[2:]))
    return found


class OrderNoShelf(Shelf):
    """Key (cell_id, store_id, business_day, order_no, source); read only, so that an order is taken once."""

    name = ORDER_NO

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        yield _by_identity(keys)

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, Any]:
        return {(r[0], r[1], r[2], r[3], r[4]): Known(r[5], bytes(r[6]), r[7]) for r in results[0]}


def _by_identity(keys: Sequence[Key]) -> Statement:
    return (
        "select t.cell_id, t.store_id, t.business_day, t.order_no, t.source, t.order_id, t.content_hash, t.created_at "
        "from json_to_recordset(%s) as k(c bigint, s bigint, d date, n text, u text) "
        "join orders t on t.cell_id = k.c and t.store_id = k.s and t.business_day = k.d and t.order_no = k.n "
        "and t.source = k.u",
        (packed([{"c": c, "s": s, "d": d, "n": n, "u": u} for c, s, d, n, u in keys]),),
    )


class FirstOrderShelf(Shelf):
    """Key (cell_id, member_id): True when the member has an order that is neither void nor a return; read only."""

    name = FIRST_ORDER

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        yield (
            "select k.c, k.m from json_to_recordset(%s) as k(c bigint, m bigint) where exists "
            "(select from orders t where t.cell_id = k.c and t.member_id = k.m and t.status not in (4, 5))",
            (packed([{"c": cell, "m": member} for cell, member in keys]),),
        )

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, Any]:
        return {(row[0], row[1]): True for row in results[0]}


async def find_by_identity(conn: Connection, keys: Sequence[Key]) -> dict[Key, Known]:
    sql, params = _by_identity(keys)
    cursor = await conn.execute(sql, params)
    return {(r[0], r[1], r[2], r[3], r[4]): Known(r[5], bytes(r[6]), r[7]) for r in await cursor.fetchall()}


async def get_order(conn: Connection, cell_id: int, order_id: int) -> Order | None:
    results = []
    for sql, params in OrderShelf().load([(cell_id, order_id)]):
        cursor = await conn.execute(sql, params)
        results.append(await cursor.fetchall())
    return _assembled(*results).get((cell_id, order_id))


_AFTER = (
    " and (t.ordered_at, t.order_id) < "
    "(select last.ordered_at, last.order_id from orders last where last.cell_id = %s and last.order_id = %s)"
)


async def list_orders(
    conn: Connection,
    cell_id: int,
    *,
    member_id: int | None = None,
    stores: Sequence[int] | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
    status: int | None = None,
    kept: bool = False,
    of_member: bool | None = None,
    category: str | None = None,
    product: str | None = None,
    order_no: str | None = None,
    before_id: int | None = None,
    limit: int,
) -> list[Order]:
    """Newest first by their own time, without lines and tenders; what is None does not matter.

    category, product: of one and the same line. kept: the order is not given back, nor is such a line.
    before_id: of the order that the page before ended with.
    """
    conditions: dict[str, Any] = {
        "t.cell_id = %s": cell_id,
        "t.member_id = %s": member_id,
        "t.store_id = any(%s)": None if stores is None else list(stores),
        "t.business_day >= %s": first_day,
        "t.business_day <= %s": last_day,
        "t.status = %s": status,
        "t.order_no = %s": order_no,
        "t.status = any(%s)": list(KEPT) if kept else None,
        "(t.member_id is not null) = %s": of_member,
    }
    asked = {condition: value for condition, value in conditions.items() if value is not None}
    line = {} if category is None else {"l.category = %s": [category]}
    if product is not None:
        line |= _named(product)
    after = [] if before_id is None else [cell_id, before_id]
    cursor = await conn.execute(
        f"select {_ORDER} from orders t where {' and '.join(asked)}{_AFTER if after else ''}"
        f"{_with_line([*line, LINE_KEPT] if kept else line) if line else ''} "
        "order by t.ordered_at desc, t.order_id desc limit %s",
        (*asked.values(), *after, *(value for values in line.values() for value in values), limit),
        # Orders first or lines first: how often these goods are sold tells which is quick, so it is planned anew.
        prepare=False if line else None,
    )
    return [Order(*row) for row in await cursor.fetchall()]


def _named(product: str) -> dict[str, list[str]]:
    """PRODUCT = product, by the bare columns: those have statistics, and are compared before the costlier row security
    is asked, which makes what is hardly ever sold five times as quick to find."""
    if not product:
        return {"l.product = '' and l.sku = ''": []}
    return {"(l.product = %s or l.product = '' and l.sku = %s)": [product, product]}


def _with_line(conditions: Iterable[str]) -> str:
    return (
        " and exists (select from order_line l where l.cell_id = t.cell_id and l.order_id = t.order_id "
        f"and {' and '.join(conditions)})"
    )


async def list_refunds(conn: Connection, cell_id: int, order_id: int) -> list[NewRefund]:
    cursor = await conn.execute(
        "select cell_id, refund_id, order_id, refunded_at, amount_fen, reason, void, tenders, lines from refund "
        "where cell_id = %s and order_id = %s order by refund_id",
        (cell_id, order_id),
    )
    return [NewRefund(*row) for row in await cursor.fetchall()]


async def has_order(conn: Connection, cell_id: int, member_id: int) -> bool:
    cursor = await conn.execute(
        "select exists (select from orders where cell_id = %s and member_id = %s and status not in (4, 5))",
        (cell_id, member_id),
    )
    row = await cursor.fetchone()
    return bool(row and row[0])
