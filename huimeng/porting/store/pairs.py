"""Taobao's two reports as one file: each line of the detail report with what the order report says of its order.

The orders lie in a small database in the folder of the import while the lines go by, so that memory stays small.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from huimeng.kernel.money import format_fen
from huimeng.porting.rules import platforms
from huimeng.porting.rules.cells import code, money, required_code
from huimeng.porting.rules.faults import CellFault, RowFault, mark_in, marked, shown
from huimeng.porting.rules.words import StatusWords, status

# Orders without lines that are named one by one.
_NAMED = 10_000
_NUMBER_CHARACTERS = 64

Rows = Iterable[tuple[int, dict[str, str]]]


class Lines(Protocol):
    def again(self) -> None: ...

    def add(self, line: int, cells: Sequence[str]) -> None: ...


def join(folder: Path, orders: Rows, details: Callable[[], Rows], lines: Lines, told: StatusWords) -> list[RowFault]:
    """Writes the lines; the faults are those of orders that have none, or that can't be read."""
    database = sqlite3.connect(folder / "orders.sqlite", isolation_level=None)
    try:
        database.execute("pragma journal_mode = off")
        database.execute("pragma synchronous = off")
        database.execute(
            "create table o (no text primary key, cells blob, paid int, post int, sum int, n int, open int, lost int)"
        )
        database.execute("create table d (no text primary key)")
        database.execute("begin")
        faults = [fault for line, cells in orders if (fault := _keep(database, line, cells, told)) is not None]
        for line, cells in details():
            if line <= 0:
                database.execute("update o set sum = 0, n = 0, lost = 0")
                database.execute("delete from d")
            else:
                _add(database, line, cells)
        for line, cells in details():
            if line <= 0:
                lines.again()
            elif any(text.strip() for text in cells.values()):
                lines.add(line, _joined(database, cells, told))
        return [*faults, *_without_lines(database)]
    finally:
        database.close()
        (folder / "orders.sqlite").unlink(missing_ok=True)


def without_repeats(folder: Path, orders: Callable[[], Rows], told: StatusWords) -> Rows:
    """Rows of Taobao's order report without those that say the same once more; where two of a number differ, nobody can
    say which is right, and each is lost."""
    database = sqlite3.connect(folder / "numbers.sqlite", isolation_level=None)
    try:
        database.execute("pragma journal_mode = off")
        database.execute("pragma synchronous = off")
        database.execute("create table r (no text primary key, line int, said blob, other int)")
        database.execute("begin")
        for line, cells in orders():
            number = _number(cells.get("订单编号", ""))
            if line > 0 and number and platforms.FAULT not in cells:
                said = _digest(cells, told)
                database.execute("insert or ignore into r values (?, ?, ?, 0)", (number, line, said))
                database.execute(
                    "update r set other = ? where no = ? and said <> ? and not other", (line, number, said)
                )
        for line, cells in orders():
            number = _number(cells.get("订单编号", ""))
            found = database.execute("select line, other from r where no = ?", (number,)).fetchone()
            if found is None or platforms.FAULT in cells:
                yield line, cells
            elif found[1]:
                mark = marked("order_repeated", f"{found[0]}, {found[1]}", shown(number))
                yield line, {**cells, platforms.FAULT: mark}
            elif line == found[0]:
                yield line, cells
    finally:
        database.close()
        (folder / "numbers.sqlite").unlink(missing_ok=True)


def _digest(cells: dict[str, str], told: StatusWords) -> bytes:
    """Of all that an order's row says and somebody reads."""
    said = [*platforms.translate("taobao_orders", cells, told), cells.get("买家应付邮费", "").strip()]
    return hashlib.blake2b(msgspec.json.encode(said), digest_size=16).digest()


def _keep(database: sqlite3.Connection, line: int, cells: dict[str, str], told: StatusWords) -> RowFault | None:
    """The fault of a row that is no order's; lines are told by their numbers in the other file, so it has none."""
    cell = cells.get("订单编号", "")
    number = _number(cell)
    mark = cells.get(platforms.FAULT, "")
    if (lost := mark_in(mark)) is not None:
        return RowFault(0, lost.code, value=shown(mark), note=lost.note, order_no=number)
    if number:
        word = platforms.translate("taobao_orders", cells, told)[-1]
        database.execute(
            "insert or ignore into o values (?, ?, ?, ?, 0, 0, ?, 0)",
            (
                number,
                msgspec.json.encode([line, cells]),
                _fen(cells.get("买家实际支付金额", "")),
                _fen(cells.get("买家应付邮费", "")),
                int(not _is_completed(word, told)),
            ),
        )
    elif cells.get("订单创建时间", "").strip():
        # A total has no time.
        try:
            required_code(cell, _NUMBER_CHARACTERS)
        except CellFault as fault:
            return RowFault(0, fault.code, "订单编号", shown(cell), fault.note)
    return None


def _add(database: sqlite3.Connection, line: int, cells: dict[str, str]) -> None:
    number, paid = _number(cells.get("主订单编号", "")), _fen(cells.get("买家实际支付金额", ""))
    if platforms.FAULT in cells:
        database.execute("update o set lost = ?, n = n + 1 where no = ?", (line, number))
        return
    line_no = _number(cells.get("子订单编号", ""))
    if line_no and not database.execute("insert or ignore into d values (?)", (line_no,)).rowcount:
        # A line that comes once more counts once.
        paid = 0
    database.execute("update o set sum = sum + ?, n = n + 1 where no = ?", (paid, number))


def _joined(database: sqlite3.Connection, cells: dict[str, str], told: StatusWords) -> list[str]:
    """Postage is no goods: an order that was paid with it may be that much more than its lines."""
    if platforms.FAULT in cells:
        return platforms.translate("taobao_detail", cells)
    number = _number(cells.get("主订单编号", ""))
    found = database.execute("select cells, paid, post, sum, open, lost from o where no = ?", (number,)).fetchone()
    if found is None:
        row = platforms.translate("taobao_detail", cells)
        # A total at the end, or a line whose number can't be read, says itself what it is.
        return [marked("order_missing", number, number), *row[1:]] if number and row[2] else row
    blob, paid, post, total, unfinished, lost = found
    row = platforms.joined(msgspec.json.decode(blob)[1], cells, told)
    place = list(platforms.OUT["taobao_detail"]).index("买家实际支付金额")
    if lost:
        row[place] = marked("order_incomplete", str(lost), row[place])
    elif not unfinished and total not in (paid, paid - post):
        note = f"{format_fen(paid)} ≠ {format_fen(total)} + {format_fen(post)}"
        row[place] = marked("amounts_differ", note, row[place])
    return row


def _without_lines(database: sqlite3.Connection) -> Iterator[RowFault]:
    where = "from o where n = 0 and not open"
    (count,) = database.execute(f"select count(*) {where}").fetchone()
    found = database.execute(f"select no {where} order by rowid limit ?", (_NAMED,))
    for (number,) in found:
        yield RowFault(0, "detail_missing", "订单编号", number, order_no=number)
    if count > _NAMED:
        yield RowFault(0, "detail_missing", "订单编号", f"+ {count - _NAMED}")


def _is_completed(word: str, told: StatusWords) -> bool:
    try:
        return status(word, told) == "completed"
    except CellFault:
        return False


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
