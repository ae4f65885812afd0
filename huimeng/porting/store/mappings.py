"""All SQL of the columns that a merchant told for a source."""

from __future__ import annotations

from huimeng.infra.database import Connection
from huimeng.infra.teller import packed


async def load_mapping(conn: Connection, merchant_id: int, kind: str, source: str) -> dict[str, str]:
    """Column -> field; empty when nothing was told."""
    cursor = await conn.execute(
        "select columns from import_mapping where merchant_id = %s and kind = %s and source = %s",
        (merchant_id, kind, source),
    )
    row = await cursor.fetchone()
    return dict(row[0]) if row is not None else {}


async def save_mapping(conn: Connection, merchant_id: int, kind: str, source: str, columns: dict[str, str]) -> None:
    await conn.execute(
        "insert into import_mapping (merchant_id, kind, source, columns, updated_at) values (%s, %s, %s, %s, now()) "
        "on conflict (merchant_id, kind, source) do update set columns = excluded.columns, updated_at = now()",
        (merchant_id, kind, source, packed(columns)),  # type: ignore[arg-type]
    )
