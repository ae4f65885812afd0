"""Whether two ways of doing the same wrote the same: every row of two merchants, ids of cells and clocks aside."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table

import huimeng.entry.tables  # noqa: F401  (fills the metadata)
from bench.measure import NotRight
from huimeng.infra.database import Connection, Database
from huimeng.infra.schema import metadata
from huimeng.ledger.service import verify

# When something was written down, which two runs can't share; when it happened is compared.
_CLOCKS = {"created_at", "at", "joined_at", "registered_at"}
# Sealed with random nonces, signed with what names the merchant, or the same by construction of the shops.
_NOT_COMPARED = {"member", "member_identity", "member_name_token", "audit_entry", "audit_day"}


async def written(db: Database, merchant_id: int) -> dict[str, list[tuple[Any, ...]]]:
    """Rows by table, in the order of their keys, without cell and clocks."""
    async with db.reader(merchant_id) as conn:
        return {
            table.name: await _rows(conn, table, merchant_id)
            for table in metadata.sorted_tables
            if table.info["tenant"] == "cell_id" and table.name not in _NOT_COMPARED
        }


async def _rows(conn: Connection, table: Table, merchant_id: int) -> list[tuple[Any, ...]]:
    columns = [column.name for column in table.columns if column.name not in _CLOCKS | {"cell_id"}]
    keys = ", ".join(column.name for column in table.primary_key.columns if column.name != "cell_id") or "1"
    cursor = await conn.execute(
        f"select {', '.join(columns)} from {table.name} where cell_id between %s and %s order by {keys}",
        (merchant_id * 1024, merchant_id * 1024 + 1023),
        prepare=False,
    )
    return await cursor.fetchall()


async def compare(db: Database, ours: int, others: dict[str, int], least: int) -> int:
    """The number of rows, which are the same for all merchants; NotRight with the first difference."""
    wanted = await written(db, ours)
    rows = sum(len(found) for found in wanted.values())
    if rows < least:
        raise NotRight(f"only {rows} rows were written")
    for name, merchant_id in others.items():
        found = await written(db, merchant_id)
        for table, expected in wanted.items():
            if len(found[table]) != len(expected):
                raise NotRight(f"{name} wrote {len(found[table])} rows of {table}, not {len(expected)}")
            for mine, theirs in zip(expected, found[table], strict=True):
                if mine != theirs:
                    raise NotRight(f"{name} wrote {theirs} into {table} where it should be {mine}")
    return rows


async def verified(db: Database, merchants: list[int]) -> None:
    """`huimeng verify` for each; NotRight with the first difference."""
    for merchant_id in merchants:
        differences = await verify(db, merchant_id)
        if differences:
            raise NotRight(f"verify of merchant {merchant_id}: {differences[0]}")
