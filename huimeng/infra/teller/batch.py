"""One batch, one transaction: lock heads, load, decide, save, commit; two round trips when nothing is unusual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from huimeng.infra.audit.recording import SAVE_ENTRIES, entry_rows
from huimeng.infra.database import tenant_setting
from huimeng.infra.heads import Head
from huimeng.infra.teller.command import Command, Key, Reply
from huimeng.infra.teller.memory import Memory, Need
from huimeng.infra.teller.rows import Event, Rows
from huimeng.infra.teller.shelf import Shelf, Statement, packed
from huimeng.infra.teller.wire import Found, Wire
from huimeng.kernel.errors import BusinessError, IdempotencyKeyReused
from huimeng.kernel.ids import merchant_of

Outcome = Reply | Exception

_LOCK_HEADS = (
    "select h.cell_id, transfer_seq, outbox_seq, entity_seq, config_version, open_day, audit_seq, xmin::text "
    "from cell_head h where cell_id = any(%s::bigint[]) order by cell_id for update"
)
_SAVE_HEADS = (
    "update cell_head h set transfer_seq = k.t, outbox_seq = k.o, entity_seq = k.e, open_day = k.d, "
    "audit_seq = k.a from json_to_recordset(%s) as k(c bigint, t bigint, o bigint, e bigint, d date, a bigint) "
    "where h.cell_id = k.c "
    "returning h.cell_id, h.xmin::text"
)
_LOAD_ANSWERS = (
    "select i.cell_id, i.key, i.fingerprint, i.status, i.body "
    "from json_to_recordset(%s) as k(c bigint, k text) join idempotency i on i.cell_id = k.c and i.key = k.k"
)
_SAVE_ANSWERS = (
    "insert into idempotency (cell_id, key, fingerprint, status, body, created_at) "
    "select c, k, decode(f, 'hex'), s, convert_to(b, 'UTF8'), now() "
    "from json_to_recordset(%s) as k(c bigint, k text, f text, s smallint, b text)"
)
_SAVE_EVENTS = (
    "insert into outbox (cell_id, seq, kind, ref_id, at, payload) select c, s, k, r, a, p "
    "from json_to_recordset(%s) as k(c bigint, s bigint, k text, r bigint, a timestamptz, p jsonb)"
)

# So much weight is decided before its appended rows are sent.
_FLUSH_WEIGHT = 512

_encode = msgspec.json.encode


class Batch:
    """Runs commands in one transaction."""

    def __init__(self, wire: Wire, shelves: Mapping[str, Shelf], memory: Memory, now: datetime) -> None:
        self._wire = wire
        self._shelves = shelves
        self._memory = memory
        self.rows = Rows(now)
        # The transaction that wrote each head last: its row's xmin.
        self._stamps: dict[int, str] = {}
        self._answers: dict[tuple[int, str], tuple[bytes, int, bytes]] = {}
        self._fresh: list[tuple[int, str]] = []
        self._remembered: list[Need] = []

    async def run(self, commands: Sequence[Command]) -> list[Outcome]:
        """One outcome for each command, in order; raises only when the whole transaction failed."""
        await self._open(commands)
        live = [c for c in commands if c.cell_id in self.rows.heads and not self._known(c)]
        await self._load_stale()
        await self._load_more(live)
        return await self._decide_and_save(commands)

    # Loading.

    async def _open(self, commands: Sequence[Command]) -> None:
        cells = sorted({c.cell_id for c in commands})
        asked = {need for c in commands for need in c.needs()}
        self._remembered = [need for need in asked if self._shelves[need[0]].cached or need in self._memory]
        needs = self._grouped(asked.difference(self._remembered))
        keyed = [{"c": c.cell_id, "k": c.key} for c in commands if c.key is not None]
        opening: list[Statement] = [
            ("begin", ()),
            (tenant_setting(merchant_of(c) for c in cells), ()),
            (_LOCK_HEADS, (cells,)),
        ]
        if keyed:
            opening.append((_LOAD_ANSWERS, (packed(keyed),)))
        loads = self._loads(needs)
        found = await self._wire.run([*opening, *(statement for _, asked in loads for statement in asked)])
        for row in found[2]:
            self.rows.heads[row[0]] = Head(*row[:-1])
            self._stamps[row[0]] = row[-1]
        if keyed:
            for cell_id, key, fingerprint, status, body in found[3]:
                self._answers[cell_id, key] = (bytes(fingerprint), status, bytes(body))
        self._place(loads, found[len(opening) :])

    async def _load_stale(self) -> None:
        """What was remembered and is no longer true costs one more round trip."""
        stale = self._grouped(need for need in self._remembered if not self._recalled(need))
        if stale:
            await self._load(stale)

    async def _load_more(self, commands: Sequence[Command]) -> None:
        loaded = self.rows.loaded
        missing = self._grouped(
            need for command in commands for need in command.more(self.rows) if need[1] not in loaded.get(need[0], {})
        )
        if missing:
            await self._load(missing)

    def _recalled(self, need: Need) -> bool:
        """Puts a remembered row into the batch when it is still true."""
        name, key = need
        table = self.rows.loaded.setdefault(name, {})
        head = self.rows.heads.get(key[0])
        if key in table or head is None:
            return True
        if self._shelves[name].cached:
            row = self._memory.config(need, head)
        else:
            row = self._memory.row(need, self._stamps[head.cell_id])
        if row is not None:
            table[key] = row
        return row is not None

    def _grouped(self, needs: Iterable[Need]) -> dict[str, list[Key]]:
        grouped: dict[str, set[Key]] = {}
        for shelf, key in needs:
            grouped.setdefault(shelf, set()).add(key)
        return {shelf: sorted(keys) for shelf, keys in grouped.items()}

    async def _load(self, needs: Mapping[str, Sequence[Key]]) -> None:
        loads = self._loads(needs)
        self._place(loads, await self._wire.run([statement for _, asked in loads for statement in asked]))

    def _loads(self, needs: Mapping[str, Sequence[Key]]) -> list[tuple[Shelf, list[Statement]]]:
        for name in needs:
            self.rows.loaded.setdefault(name, {})
        return [(self._shelves[name], list(self._shelves[name].load(keys))) for name, keys in needs.items()]

    def _place(self, loads: Iterable[tuple[Shelf, list[Statement]]], results: Sequence[Found]) -> None:
        at = 0
        for shelf, asked in loads:
            found = shelf.read(results[at : at + len(asked)])
            at += len(asked)
            self.rows.loaded[shelf.name].update(found)
            if shelf.cached:
                for key, row in found.items():
                    self._memory.keep_config((shelf.name, key), self.rows.heads[key[0]], row)

    # Deciding.

    def _known(self, command: Command) -> bool:
        return command.key is not None and (command.cell_id, command.key) in self._answers

    def _decide(self, command: Command) -> Outcome:
        if command.cell_id not in self.rows.heads:
            return command.nowhere()
        if command.key is not None:
            kept = self._answers.get((command.cell_id, command.key))
            if kept is not None:
                if kept[0] != command.fingerprint:
                    return IdempotencyKeyReused()
                return Reply(kept[1], None, kept[2], replayed=True)
        rows = self.rows
        rows.begin(command.cell_id)
        try:
            value = command.decide(rows)
            body = _encode(value)
        except BusinessError as refusal:
            rows.discard()
            return refusal
        except Exception:
            rows.discard()
            raise
        rows.keep()
        if command.key is not None:
            self._answers[command.cell_id, command.key] = (command.fingerprint, command.status, body)
            self._fresh.append((command.cell_id, command.key))
        return Reply(command.status, value, body)

    # Saving.

    async def _decide_and_save(self, commands: Sequence[Command]) -> list[Outcome]:
        """Appended rows go out while the next commands are decided: the database and Python work at the same time."""
        outcomes: list[Outcome] = []
        weight = 0
        for command in commands:
            outcomes.append(self._decide(command))
            weight += command.weight
            if weight >= _FLUSH_WEIGHT:
                weight = 0
                await self._wire.send(self._appended())
        results = await self._wire.run([*self._appended(), *self._changed(), *self._moved(), ("commit", ())])
        left: dict[int, str] = dict(results[-2]) if self.rows.moved else {}
        self._memory.keep(self._stamps, left, self._kept())
        return outcomes

    def _kept(self) -> Iterable[tuple[Need, Any]]:
        for name, table in self.rows.loaded.items():
            if self._shelves[name].kept:
                yield from (((name, key), row) for key, row in table.items())

    def _appended(self) -> Iterable[Statement]:
        rows = self.rows
        added, rows.added = rows.added, {}
        for name in self._shelves:
            if name in added:
                yield from self._shelves[name].save({}, added[name])
        events, rows.events = rows.events, []
        if events:
            yield _SAVE_EVENTS, (packed([_event_row(event) for event in events]),)
        entries, rows.entries = rows.entries, []
        if entries:
            yield SAVE_ENTRIES, (packed(entry_rows(entries)),)

    def _changed(self) -> Iterable[Statement]:
        rows = self.rows
        for name in self._shelves:
            if name in rows.changed:
                changed = {key: rows.loaded[name][key] for key in sorted(rows.changed[name])}
                yield from self._shelves[name].save(changed, [])
        if self._fresh:
            yield _SAVE_ANSWERS, (packed([self._answer_row(cell, key) for cell, key in self._fresh]),)

    def _moved(self) -> Iterable[Statement]:
        heads = self.rows.heads
        if self.rows.moved:
            yield _SAVE_HEADS, (packed([_head_row(heads[cell]) for cell in sorted(self.rows.moved)]),)

    def _answer_row(self, cell_id: int, key: str) -> dict[str, Any]:
        fingerprint, status, body = self._answers[cell_id, key]
        return {"c": cell_id, "k": key, "f": fingerprint.hex(), "s": status, "b": body.decode()}


def _event_row(event: Event) -> dict[str, Any]:
    return {
        "c": event.cell_id,
        "s": event.seq,
        "k": event.kind,
        "r": event.ref_id,
        "a": event.at,
        "p": event.payload,
    }


def _head_row(head: Head) -> dict[str, Any]:
    return {
        "c": head.cell_id,
        "t": head.transfer_seq,
        "o": head.outbox_seq,
        "e": head.entity_seq,
        "d": head.open_day,
        "a": head.audit_seq,
    }
