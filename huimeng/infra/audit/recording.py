"""Writing entries: one for a use case, many at once for a batch of the Teller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from huimeng.infra.audit.entries import Action, Entry, Object, Values, make_entry
from huimeng.infra.audit.who import By, acting
from huimeng.infra.database import Connection
from huimeng.kernel.times import utc_now

# One JSON parameter, as the Teller's statements have it; psycopg gets it as text.
SAVE_ENTRIES = (
    "insert into audit_entry (cell_id, seq, at, actor, actor_name, ip, agent, request_id, action, object_kind, "
    "object_id, before, after, mac) select c, s, t, a, n, i, g, r, d, k, o, b, f, decode(m, 'hex') "
    "from json_to_recordset(%s) as j(c bigint, s bigint, t timestamptz, a text, n text, i text, g text, r text, "
    "d text, k text, o text, b jsonb, f jsonb, m text)"
)
_FIELDS = tuple(zip("cstanigrdkobf", Entry.__struct_fields__, strict=True))


async def record(
    conn: Connection,
    cell_id: int,
    action: Action,
    what: Object,
    *,
    before: Values | None = None,
    after: Values | None = None,
    by: By | None = None,
) -> int:
    """In the transaction of what it records; the answer is the entry's number. It locks the cell's head.

    before and after: what changed, personal data masked. by: who, when it is not who acts in this task (a login).
    """
    cursor = await conn.execute(
        "update cell_head set audit_seq = audit_seq + 1 where cell_id = %s returning audit_seq", (cell_id,)
    )
    taken = await cursor.fetchone()
    if taken is None:
        raise RuntimeError(f"cell {cell_id} has no head, or belongs to a merchant that this transaction doesn't see")
    entry = make_entry(cell_id, taken[0], utc_now(), by or acting(), action, what, before, after)
    await conn.execute(SAVE_ENTRIES, (msgspec.json.encode([entry_row(entry)]).decode(),))
    return entry.seq


def entry_row(entry: Entry) -> dict[str, Any]:
    return {short: getattr(entry, name) for short, name in _FIELDS} | {"m": entry.mac().hex()}


def entry_rows(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    return [entry_row(entry) for entry in entries]
