"""Recomputes the log: every MAC, every number, every seal."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from datetime import date
from typing import Any

import msgspec

from huimeng.infra.audit import reading, sealing
from huimeng.infra.audit.entries import Entry
from huimeng.infra.audit.reading import DayRow
from huimeng.infra.audit.witness import Witness, Witnesses
from huimeng.infra.database import Database
from huimeng.kernel.ids import cell_of

CHECKS = ("audit_entry", "audit_sequence", "audit_head", "audit_seal", "audit_witness")
Progress = Callable[[int, int], None]
_MOST = 100
_STEP = 1000


class Finding(msgspec.Struct, frozen=True):
    """A place where the log is not what was written; stored is what is there, computed what should be."""

    check: str
    where: dict[str, Any]
    stored: Any
    computed: Any


class Seal(msgspec.Struct, frozen=True):
    day: date
    last_seq: int
    seal: str


async def verify(
    db: Database,
    merchant_id: int,
    progress: Progress | None = None,
    *,
    witness: Witness | None = None,
    today: date | None = None,
) -> list[Finding]:
    """At most 100 findings, from one snapshot; none means that no entry was changed, removed, added or moved.

    Without a witness an end that was removed together with its count and its seals is not missed.
    """
    cell_id = cell_of(merchant_id)
    async with db.reader(merchant_id) as conn:
        head = await reading.last_number(conn, cell_id)
        check = _Check(cell_id, head, await reading.days(conn, cell_id), witness)
        async for entry, mac in reading.all_entries(conn, cell_id):
            check.take(entry, mac)
            if progress is not None and entry.seq % _STEP == 0:
                progress(min(entry.seq, head), head)
        check.end(await sealing.overdue(conn, cell_id, today))
    if progress is not None:
        progress(head, head)
    return check.found[:_MOST]


def gone(witnesses: Witnesses, seen: Collection[int], there: Collection[int]) -> list[Finding]:
    """Merchants that were seen and are in the database no more: Huimeng takes nobody out of it.

    seen is asked for before there is: one that is founded in between has no witness yet.
    """
    lost = [(merchant_id, witnesses.find(merchant_id)) for merchant_id in seen if merchant_id not in there]
    return [
        Finding("audit_witness", {"merchant_id": merchant_id}, None, witness.seq)
        for merchant_id, witness in lost
        if witness is not None
    ]


async def seal_of(db: Database, merchant_id: int, day: date | None = None) -> Seal | None:
    """The newest seal, or that of one day; None when there is none."""
    async with db.reader(merchant_id) as conn:
        rows = await reading.days(conn, cell_of(merchant_id), newest=day is None)
    for row in rows:
        if day is None or row.day == day:
            return Seal(row.day, row.last_seq, row.seal.hex())
    return None


class _Check:
    """One pass over a cell's entries, with the day that is under way beside it."""

    def __init__(self, cell_id: int, head: int, days: list[DayRow], witness: Witness | None) -> None:
        self.found: list[Finding] = []
        self._cell_id = cell_id
        self._head = head
        self._last = 0
        self._days = iter(days)
        self._witness = witness
        self._seen = None if witness is None else witness.begin(cell_id)
        self._open = range(0) if witness is None else range(witness.sealed_seq + 1, witness.seq + 1)
        if witness is not None and witness.day is not None:
            row = next((each for each in days if each.day == witness.day), None)
            if not witness.knows(row):
                there = None if row is None else row.seal.hex()
                self._say("audit_witness", {"day": str(witness.day)}, there, witness.seal)
        self._before: bytes | None = None
        self._sealed_until = 0
        self._day: DayRow | None = None
        self._seal: hmac.HMAC | None = None
        self._next_day()

    def take(self, entry: Entry, mac: bytes) -> None:
        seq = entry.seq
        if seq != self._last + 1:
            self._say("audit_sequence", {"seq": self._last + 1}, seq, self._last + 1)
        self._last = seq
        if not hmac.compare_digest(entry.mac(), mac):
            self._say("audit_entry", {"seq": seq, "action": entry.action}, mac.hex(), entry.mac().hex())
        while self._day is not None and seq > self._day.last_seq:
            self._end_day()
        if self._seal is not None:
            self._seal.update(mac)
        if self._seen is not None and seq in self._open:
            self._seen.update(mac)

    def end(self, overdue: date | None) -> None:
        """overdue: a day that should have been sealed."""
        while self._day is not None:
            self._end_day()
        if overdue is not None:
            self._say("audit_seal", {"day": str(overdue), "field": "missing"}, None, "a seal")
        if self._witness is not None and self._seen is not None and self._seen.hexdigest() != self._witness.digest:
            where = {"from": self._open.start, "to": self._open.stop - 1}
            self._say("audit_witness", where, self._last, self._witness.seq)
        if self._last != self._head:
            self._say("audit_head", {"head": "audit_seq"}, self._head, self._last)

    def _next_day(self) -> None:
        self._day = row = next(self._days, None)
        self._seal = None
        if row is not None:
            first = self._sealed_until + 1
            self._seal = sealing.start(self._cell_id, self._before, row.day, first, row.last_seq)
            if row.first_seq != first:
                self._say("audit_seal", {"day": str(row.day), "field": "first_seq"}, row.first_seq, first)

    def _end_day(self) -> None:
        row, seal = self._day, self._seal
        assert row is not None and seal is not None
        if not hmac.compare_digest(seal.digest(), row.seal):
            self._say("audit_seal", {"day": str(row.day)}, row.seal.hex(), seal.hexdigest())
        # The next one is held against the seal that stands there, so that one fault is told once.
        self._before, self._sealed_until = row.seal, row.last_seq
        self._next_day()

    def _say(self, check: str, where: dict[str, Any], stored: Any, computed: Any) -> None:
        if len(self.found) < _MOST:
            self.found.append(Finding(check, where, stored, computed))
