"""Opening balances: what a member brings along from another system, booked once."""

from __future__ import annotations

from datetime import datetime

import msgspec

from huimeng.infra.teller import Command, Needs, Rows
from huimeng.ledger.commands import account_needs, earn, open_account
from huimeng.ledger.rules import Kind, System, Unit
from huimeng.ledger.values import Reference
from huimeng.porting.store.jobs import OPENING, Opening


class OpeningOutcome(msgspec.Struct, frozen=True):
    """created; unchanged (booked before, the same or part of it); conflict (booked before, different)."""

    outcome: str


class OpenBalance(Command):
    """Known by its member, so it needs no key; the balance is booked against the opening account."""

    def __init__(self, cell_id: int, member_id: int, opening: Opening, at: datetime) -> None:
        self.cell_id = cell_id
        self.member_id = member_id
        self.opening = opening
        self.at = at
        self.weight = 6 + 2 * len(opening.lots)

    def needs(self) -> Needs:
        return [
            (OPENING, (self.cell_id, self.member_id)),
            *account_needs(self.cell_id, self.member_id, Unit.POINTS, Unit.GROWTH),
        ]

    def decide(self, rows: Rows) -> OpeningOutcome:
        key = (self.cell_id, self.member_id)
        booked: Opening | None = rows.get(OPENING, key)
        if booked is not None:
            same = set(self.opening.lots) <= set(booked.lots) and self.opening.growth in (0, booked.growth)
            return OpeningOutcome("unchanged" if same else "conflict")
        rows.put(OPENING, key, self.opening)
        why = Reference(Kind.OPENING, self.member_id, self.at)
        if self.opening.lots:
            account = open_account(rows, self.cell_id, self.member_id, Unit.POINTS)
            for points, expires_at in self.opening.lots:
                earn(rows, account, points, expires_at, why, System.OPENING)
        if self.opening.growth:
            account = open_account(rows, self.cell_id, self.member_id, Unit.GROWTH)
            earn(rows, account, self.opening.growth, None, why, System.OPENING)
        return OpeningOutcome("created")
