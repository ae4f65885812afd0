"""All SQL of members, and the shelves that commands take them from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from huimeng.infra.database import Connection
from huimeng.infra.teller import Key, Shelf, Statement, packed
from huimeng.member.kinds import KINDS
from huimeng.member.values import HeldIdentity, IdentityRow, JoinSource, MemberRow, MemberStatus

MEMBER = "member"  # (cell_id, member_id) -> MemberRow
IDENTITY = "member_identity"  # (cell_id, kind, blind index) -> IdentityRow
MEMBER_STATUS = "member_status"  # (cell_id, member_id) -> MemberStatus, read only

_MEMBER = (
    "m.cell_id, m.member_id, m.status, m.wrapped_key, m.name, m.birthday, m.store_id, m.staff, m.channel, "
    "m.campaign, m.registered_at, m.joined_at, m.consent_version, m.consent_at, m.tags"
)
_HELD = "i.cell_id, i.member_id, i.kind, i.blind_index, i.sealed"
_KEYS = "json_to_recordset(%s) as k(c bigint, m bigint)"


def _members(rows: Sequence[Sequence[Any]], identities: Sequence[Sequence[Any]]) -> dict[Key, MemberRow]:
    held: dict[Key, list[HeldIdentity]] = {}
    for cell_id, member_id, kind, blind_index, sealed in identities:
        held.setdefault((cell_id, member_id), []).append(HeldIdentity(kind, blind_index, sealed))
    return {
        (row[0], row[1]): MemberRow(
            member_id=row[1],
            status=row[2],
            wrapped_key=row[3],
            name=row[4],
            birthday=row[5],
            source=JoinSource(*row[6:10]),
            registered_at=row[10],
            joined_at=row[11],
            consent_version=row[12],
            consent_at=row[13],
            tags=tuple(row[14]),
            identities=tuple(held.get((row[0], row[1]), ())),
            stored=True,
        )
        for row in rows
    }


class MemberShelf(Shelf):
    """Members with their identities; no row locks, because every writer of a cell holds its head."""

    name = MEMBER

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        wanted = packed([{"c": cell_id, "m": member_id} for cell_id, member_id in keys])
        yield (
            f"select {_MEMBER} from {_KEYS} join member m on m.cell_id = k.c and m.member_id = k.m",
            (wanted,),
        )
        yield (
            f"select {_HELD} from {_KEYS} join member_identity i on i.cell_id = k.c and i.member_id = k.m "
            "order by i.cell_id, i.member_id, i.kind, i.blind_index",
            (wanted,),
        )

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, MemberRow]:
        return _members(results[0], results[1])

    def save(self, changed: Mapping[Key, MemberRow], added: Sequence[MemberRow]) -> Iterable[Statement]:
        new = [_json_of(cell_id, row) for (cell_id, _), row in changed.items() if not row.stored]
        old = [_json_of(cell_id, row) for (cell_id, _), row in changed.items() if row.stored]
        if new:
            yield _INSERT_MEMBERS, (packed(new),)
        if old:
            yield _UPDATE_MEMBERS, (packed(old),)
        gone = _tokens(changed, lambda row: set(row.stored_tokens) - set(row.name_tokens or ()))
        if gone:
            yield (
                f"delete from member_name_token t using {_TOKENS} "
                "where t.cell_id = k.c and t.token = k.t and t.member_id = k.m",
                (packed(gone),),
            )
        come = _tokens(changed, lambda row: set(row.name_tokens or ()) - set(row.stored_tokens))
        if come:
            yield (
                f"insert into member_name_token (cell_id, token, member_id) select c, t, m from {_TOKENS}",
                (packed(come),),
            )


_TOKENS = "json_to_recordset(%s) as k(c bigint, t integer, m bigint)"


def _tokens(changed: Mapping[Key, MemberRow], choose: Callable[[MemberRow], set[int]]) -> list[dict[str, int]]:
    return [
        {"c": cell_id, "t": token, "m": member_id}
        for (cell_id, member_id), row in changed.items()
        if row.name_tokens is not None
        for token in sorted(choose(row))
    ]


_RECORD = (
    "json_to_recordset(%s) as k(c bigint, m bigint, st smallint, wk text, n text, b text, s integer, sf text, "
    "ch text, ca text, r timestamptz, j timestamptz, cv text, ct timestamptz, t text[])"
)
_INSERT_MEMBERS = (
    "insert into member (cell_id, member_id, status, wrapped_key, name, birthday, store_id, staff, channel, "
    "campaign, registered_at, joined_at, consent_version, consent_at, tags) select c, m, st, decode(wk, 'base64'), "
    f"decode(n, 'base64'), decode(b, 'base64'), s, sf, ch, ca, r, j, cv, ct, t from {_RECORD}"
)
_UPDATE_MEMBERS = (
    "update member m set status = k.st, wrapped_key = decode(k.wk, 'base64'), name = decode(k.n, 'base64'), "
    "birthday = decode(k.b, 'base64'), store_id = k.s, staff = k.sf, channel = k.ch, campaign = k.ca, "
    "registered_at = k.r, consent_version = k.cv, consent_at = k.ct, tags = k.t "
    f"from {_RECORD} where m.cell_id = k.c and m.member_id = k.m"
)


def _json_of(cell_id: int, row: MemberRow) -> dict[str, Any]:
    """Bytes become base64."""
    source = row.source
    return {
        "c": cell_id,
        "m": row.member_id,
        "st": row.status,
        "wk": row.wrapped_key,
        "n": row.name,
        "b": row.birthday,
        "s": source.store_id,
        "sf": source.staff,
        "ch": source.channel,
        "ca": source.campaign,
        "r": row.registered_at,
        "j": row.joined_at,
        "cv": row.consent_version,
        "ct": row.consent_at,
        "t": row.tags,
    }


# decode() is not leakproof: in the join itself it would keep row security from using the index (offset 0 keeps it out).
_INDEXES = (
    "(select c, k, decode(i, 'base64') as i from json_to_recordset(%s) as k(c bigint, k smallint, i text) offset 0) k"
)


class IdentityShelf(Shelf):
    """Identities are inserted, never upserted: the primary key is the second guard after the head lock."""

    name = IDENTITY

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        yield (
            f"select i.cell_id, i.kind, i.blind_index, i.member_id, i.sealed, i.tail_index from {_INDEXES} "
            "join member_identity i on i.cell_id = k.c and i.kind = k.k and i.blind_index = k.i",
            (packed([{"c": cell_id, "k": kind, "i": index} for cell_id, kind, index in keys]),),
        )

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, IdentityRow]:
        return {(row[0], row[1], row[2]): IdentityRow(row[3], row[4], row[5], stored=True) for row in results[0]}

    def save(self, changed: Mapping[Key, IdentityRow], added: Sequence[IdentityRow]) -> Iterable[Statement]:
        # A stored identity changes only by going, or by going to another member.
        gone = [key for key, row in changed.items() if row.stored]
        if gone:
            yield (
                f"delete from member_identity i using {_INDEXES} "
                "where i.cell_id = k.c and i.kind = k.k and i.blind_index = k.i",
                (packed([{"c": cell_id, "k": kind, "i": index} for cell_id, kind, index in gone]),),
            )
        kept = [
            {
                "c": cell_id,
                "k": kind,
                "i": index,
                "m": row.member_id,
                "s": row.sealed,
                "t": row.tail_index,
            }
            for (cell_id, kind, index), row in changed.items()
            if not row.removed
        ]
        if kept:
            yield (
                "insert into member_identity (cell_id, kind, blind_index, member_id, sealed, tail_index) "
                "select c, k, decode(i, 'base64'), m, decode(s, 'base64'), decode(t, 'base64') "
                "from json_to_recordset(%s) as k(c bigint, k smallint, i text, m bigint, s text, t text)",
                (packed(kept),),
            )


class MemberStatusShelf(Shelf):
    """For commands that only ask whether a member is there: two columns, no identities."""

    name = MEMBER_STATUS

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        yield (
            f"select m.cell_id, m.member_id, m.status = 1 from {_KEYS} "
            "join member m on m.cell_id = k.c and m.member_id = k.m",
            (packed([{"c": cell_id, "m": member_id} for cell_id, member_id in keys]),),
        )

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, MemberStatus]:
        return {(row[0], row[1]): MemberStatus(row[1], row[2]) for row in results[0]}


SHELVES: tuple[Shelf, ...] = (MemberShelf(), IdentityShelf(), MemberStatusShelf())


# Plain reading.


async def members_by_id(conn: Connection, cell_id: int, member_ids: Sequence[int]) -> list[MemberRow]:
    """In the order of the ids; those that don't exist are left out."""
    if not member_ids:
        return []
    ids = list(member_ids)
    rows = await conn.execute(
        f"select {_MEMBER} from member m where m.cell_id = %s and m.member_id = any(%s)", (cell_id, ids)
    )
    identities = await conn.execute(
        f"select {_HELD} from member_identity i where i.cell_id = %s and i.member_id = any(%s) "
        "order by i.kind, i.blind_index",
        (cell_id, ids),
    )
    found = _members(await rows.fetchall(), await identities.fetchall())
    return [found[cell_id, member_id] for member_id in ids if (cell_id, member_id) in found]


async def member_ids(conn: Connection, cell_id: int, before: int, limit: int) -> list[int]:
    """Newest first."""
    return await _ids(
        conn,
        "select member_id from member where cell_id = %s and member_id < %s order by member_id desc limit %s",
        (cell_id, before, limit),
    )


async def member_ids_by_tail(conn: Connection, cell_id: int, tail_index: bytes, before: int, limit: int) -> list[int]:
    return await _ids(
        conn,
        "select distinct member_id from member_identity "
        "where cell_id = %s and tail_index = %s and member_id < %s order by member_id desc limit %s",
        (cell_id, tail_index, before, limit),
    )


async def member_ids_by_tokens(
    conn: Connection, cell_id: int, tokens: Sequence[int], before: int, limit: int
) -> list[int]:
    """Members that have every token, newest first: candidates, as tokens are truncated."""
    return await _ids(
        conn,
        "select member_id from member_name_token where cell_id = %s and token = any(%s) and member_id < %s "
        "group by member_id having count(*) = %s order by member_id desc limit %s",
        (cell_id, list(tokens), before, len(tokens), limit),
    )


async def member_ids_by_identity(
    conn: Connection, cell_id: int, kind: int, blind_indexes: Sequence[bytes]
) -> dict[bytes, int]:
    cursor = await conn.execute(
        "select blind_index, member_id from member_identity where cell_id = %s and kind = %s and blind_index = any(%s)",
        (cell_id, kind, list(blind_indexes)),
    )
    return {bytes(row[0]): row[1] for row in await cursor.fetchall()}


async def member_ids_by_external(conn: Connection, cell_id: int, blind_indexes: Sequence[bytes]) -> dict[bytes, int]:
    """For imports: one statement for a whole chunk of rows."""
    return await member_ids_by_identity(conn, cell_id, KINDS["external_id"].code, blind_indexes)


async def _ids(conn: Connection, sql: str, params: tuple[Any, ...]) -> list[int]:
    return [row[0] for row in await (await conn.execute(sql, params)).fetchall()]
