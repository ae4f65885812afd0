"""Taobao's two reports as one file: each line of the detail report with what the order report says of its order.

The orders lie in a small database in the folder of the import while the lines go by, so that memory stays small.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from huimeng.kernel.money import format_fen
from huimeng.porting.rules import platforms
from huimeng.porting.rules.cells import code, money
from huimeng.porting.rules.faults import CellFault, RowFault, marked
from huimeng.porting.rules.words import COMPLETED_WORD

# Orders without lines that are named one by one.
_NAMED = 10_000
_NUMBER_CHARACTERS = 64

Rows = Iterable[tuple[int, dict[str, str]]]


class Lines(Protocol):
    def again(self) -> None: ...

    def add(self, line: int, cells: Sequence[str]) -> None: ...


def join(folder: Path, orders: Rows, details: Callable[[], Rows], lines: Lines) -> list[RowFault]:
    """Writes the lines; the faults are those of orders that have none."""
    database = sqlite3.connect(folder / "orders.sqlite", isolation_level=None)
    try:
        database.execute("pragma journal_mode = off")
        database.execute("pragma synchronous = off")
        database.execute(
            "create table o (no text primary key, cells blob, paid int, post int, sum int, n int, open int)"
        )
        database.execute("begin")
        for line, cells in orders:
            _keep(database, line, cells)
        for line, cells in details():
            if line <= 0:
                database.execute("update o set sum = 0, n = 0")
            else:
                number, paid = _number(cells.get("主订单编号", "")), _fen(cells.get("买家实际支付金额", ""))
                database.execute("update o set sum = sum + ?, n = n + 1 where no = ?", (paid, number))
        for line, cells in details():
            if line <= 0:
                lines.again()
            elif any(text.strip() for text in cells.values()):
                lines.add(line, _joined(database, cells))
        return list(_without_lines(database))
    finally:
        database.close()
        (folder / "orders.sqlite").unlink(missing_ok=True)


def _keep(database: sqlite3.Connection, line: int, cells: dict[str, str]) -> None:
    number = _number(cells.get("订单编号", ""))
    if number:
        status = platforms.translate("taobao_orders", cells)[-1]
        database.execute(
            "insert or ignore into o values (?, ?, ?, ?, 0, 0, ?)",
            (
                number,
                msgspec.json.encode([line, cells]),
                _fen(cells.get("买家实际支付金额", "")),
                _fen(cells.get("买家应付邮费", "")),
                int(status != COMPLETED_WORD),
            ),
        )


def _joined(database: sqlite3.Connection, cells: dict[str, str]) -> list[str]:
    """Postage is no goods: an order that was paid with it may be that much more than its lines."""
    number = _number(cells.get("主订单编号", ""))
    found = database.execute("select cells, paid, post, sum, open from o where no = ?", (number,)).fetchone()
    if found is None:
        row = platforms.translate("taobao_detail", cells)
        # A total at the end, or a line whose number can't be read, says itself what it is.
        return [marked("order_missing", number, number), *row[1:]] if number and row[2] else row
    blob, paid, post, total, unfinished = found
    row = platforms.joined(msgspec.json.decode(blob)[1], cells)
    if not unfinished and total not in (paid, paid - post):
        place = list(platforms.OUT["taobao_detail"]).index("买家实际支付金额")
        note = f"{format_fen(paid)} ≠ {format_fen(total)} + {format_fen(post)}"
        row[place] = marked("amounts_differ", note, row[place])
    return row


def _without_lines(database: sqlite3.Connection) -> Iterator[RowFault]:
    found = database.execute("select no from o where n = 0 and not open order by rowid limit ?", (_NAMED,))
    return (RowFault(0, "detail_missing", "订单编号", number, order_no=number) for (number,) in found.fetchall())


def _number(cell: str) -> str:
    try:
        return code(cell, _NUMBER_CHARACTERS)
    except CellFault:
        return ""


def _fen(cell: str) -> int:
    try:
        return money(cell)
    except CellFault:
        return 0
