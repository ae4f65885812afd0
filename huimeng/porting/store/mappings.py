"""All SQL of what a merchant told of a source's files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

import msgspec

from huimeng.infra.database import Connection
from huimeng.infra.teller import packed


class SourceMapping(msgspec.Struct, frozen=True):
    """columns: column -> field; statuses: word of the status column -> what it means."""

    columns: dict[str, str] = {}
    statuses: dict[str, str] = {}


async def load_mappings(
    conn: Connection, merchant_id: int, kind: str, sources: Collection[str]
) -> Mapping[str, SourceMapping]:
    """By source; nothing was told of those that are not there."""
    cursor = await conn.execute(
        "select source, columns, statuses from import_mapping "
        "where merchant_id = %s and kind = %s and source = any(%s)",
        (merchant_id, kind, list(sources)),
    )
    return defaultdict(SourceMapping, {row[0]: SourceMapping(row[1], row[2]) for row in await cursor.fetchall()})


async def save_mapping(conn: Connection, merchant_id: int, kind: str, source: str, mapping: SourceMapping) -> None:
    await conn.execute(
        "insert into import_mapping (merchant_id, kind, source, columns, statuses, updated_at) "
        "values (%s, %s, %s, %s, %s, now()) on conflict (merchant_id, kind, source) do update set "
        "columns = excluded.columns, statuses = excluded.statuses, updated_at = now()",
        (merchant_id, kind, source, packed(mapping.columns), packed(mapping.statuses)),
    )
