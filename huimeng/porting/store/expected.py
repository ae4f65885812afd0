"""What the rows of a members file would have written so far, while it is only checked; and each member's first line.

It lies in a small database in the folder of the import, so that memory stays small whatever the file holds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from huimeng.infra.teller import Key
from huimeng.member.store import IDENTITY, MEMBER
from huimeng.member.values import HeldIdentity, IdentityRow, JoinSource, MemberRow
from huimeng.porting.store.jobs import OPENING, Opening

# Numbers of members to be created: no merchant has as many, and those of their accounts still are numbers of SQL.
_FIRST_SEQ = 1 << 46
_CACHE_KIB = 32 * 1024


class _Member(msgspec.Struct, array_like=True):
    """A member as far as a later row of the file is compared with it; kinds: of the identities held."""

    member_id: int
    status: int
    wrapped_key: bytes
    name: bytes | None
    birthday: bytes | None
    source: tuple[int | None, str | None, str | None, str | None]
    registered_at: datetime
    joined_at: datetime
    consent_version: str | None
    consent_at: datetime | None
    tags: tuple[str, ...]
    kinds: tuple[int, ...]


_encode = msgspec.msgpack.encode
_member = msgspec.msgpack.Decoder(_Member)
_opening = msgspec.msgpack.Decoder(Opening)
_holder = msgspec.msgpack.Decoder(int)


class ExpectedMembers:
    """Members, identities and opening balances to be; no later row asks for others."""

    def __init__(self, folder: Path) -> None:
        self.entity_seq = _FIRST_SEQ
        self._path = folder / "expected.sqlite"
        self._database = sqlite3.connect(self._path, isolation_level=None)
        for pragma in ("journal_mode = off", "synchronous = off", f"cache_size = -{_CACHE_KIB}"):
            self._database.execute(f"pragma {pragma}")
        for shelf in _KEPT:
            self._database.execute(f"create table {shelf} (key blob primary key, row blob) without rowid")
        self._database.execute("create table line (member integer primary key, line int) without rowid")
        self._database.execute("begin")

    def find(self, shelf: str, keys: Sequence[Key]) -> Mapping[Key, Any]:
        found: dict[Key, Any] = {}
        if shelf not in _KEPT:
            return found
        unpacked, sql = _KEPT[shelf][1], f"select row from {shelf} where key = ?"
        for key in keys:
            row = self._database.execute(sql, (_encode(key),)).fetchone()
            if row is not None:
                found[key] = unpacked(row[0])
        return found

    def keep(self, shelf: str, rows: Mapping[Key, Any]) -> None:
        if shelf in _KEPT:
            packed = _KEPT[shelf][0]
            self._database.executemany(
                f"insert or replace into {shelf} values (?, ?)",
                [(_encode(key), packed(row)) for key, row in rows.items()],
            )

    def keep_line(self, member_id: int, line: int) -> None:
        """The first line that is about a member."""
        self._database.execute("insert or ignore into line values (?, ?)", (member_id, line))

    def line_of(self, member_id: int) -> int | None:
        found = self._database.execute("select line from line where member = ?", (member_id,)).fetchone()
        return None if found is None else int(found[0])

    def close(self) -> None:
        self._database.close()
        self._path.unlink(missing_ok=True)


def _pack_member(row: MemberRow) -> bytes:
    source = row.source
    return _encode(
        _Member(
            member_id=row.member_id,
            status=row.status,
            wrapped_key=row.wrapped_key,
            name=row.name,
            birthday=row.birthday,
            source=(source.store_id, source.staff, source.channel, source.campaign),
            registered_at=row.registered_at,
            joined_at=row.joined_at,
            consent_version=row.consent_version,
            consent_at=row.consent_at,
            tags=row.tags,
            kinds=tuple(held.kind for held in row.identities),
        )
    )


def _unpack_member(data: bytes) -> MemberRow:
    kept = _member.decode(data)
    return MemberRow(
        member_id=kept.member_id,
        status=kept.status,
        wrapped_key=kept.wrapped_key,
        name=kept.name,
        birthday=kept.birthday,
        source=JoinSource(*kept.source),
        registered_at=kept.registered_at,
        joined_at=kept.joined_at,
        consent_version=kept.consent_version,
        consent_at=kept.consent_at,
        tags=kept.tags,
        identities=tuple(HeldIdentity(kind, b"", b"") for kind in kept.kinds),
    )


def _pack_holder(row: IdentityRow) -> bytes:
    return _encode(row.member_id)


def _unpack_holder(data: bytes) -> IdentityRow:
    return IdentityRow(_holder.decode(data), b"", None)


_KEPT: Mapping[str, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    MEMBER: (_pack_member, _unpack_member),
    IDENTITY: (_pack_holder, _unpack_holder),
    OPENING: (_encode, _opening.decode),
}
