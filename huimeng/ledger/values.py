"""Rows of the book as the Teller holds them, and what a posting books."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from huimeng.ledger.rules import Lot

ACCOUNT = "account"
CLOSED_LOT = "closed_lot"
TRANSFER = "transfer"


class Account(msgspec.Struct):
    """A holder's account in one unit with its open lots; `dirty` are the lots to be saved."""

    cell_id: int
    account_id: int
    balance: int = 0
    debt: int = 0
    next_lot: int = 1
    lots: dict[int, Lot] = msgspec.field(default_factory=dict)
    dirty: set[int] = msgspec.field(default_factory=set)

    def __copy__(self) -> Account:
        return Account(
            self.cell_id,
            self.account_id,
            self.balance,
            self.debt,
            self.next_lot,
            self.lots.copy(),
            self.dirty.copy(),
        )

    def available(self, at: datetime) -> int:
        """What can be spent: the balance without lots that are over but not yet written off."""
        return sum(lot.remaining for lot in self.lots.values() if lot.valid(at))

    def set_lot(self, lot: Lot) -> None:
        self.lots[lot.lot_id] = lot
        self.dirty.add(lot.lot_id)


class Transfer(msgspec.Struct, frozen=True):
    """A row of the book; the short names are those of the JSON that is saved."""

    c: int
    s: int
    u: int
    k: int
    d: int
    cr: int
    a: int
    l: int | None  # noqa: E741  (a JSON key of one letter: 300,000 of them in an import)
    r: int
    b: int
    o: datetime
    n: date
    v: int | None = None


class Posted(msgspec.Struct, frozen=True):
    """seq and lot of an earning, and how much of it repaid a debt at once."""

    seq: int
    lot_id: int
    repaid: int


class Reference(msgspec.Struct, frozen=True):
    """What a posting books: its kind, the order, refund or adjustment, and when that happened."""

    kind: int
    ref_id: int
    occurred_at: datetime
    reverses: int | None = None
