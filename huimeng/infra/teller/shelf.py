"""A shelf is how the Teller loads and saves one kind of row, set-based."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

from huimeng.infra.database import Connection
from huimeng.infra.teller.command import Key

Statement = tuple[str, tuple[Any, ...]]

_JSON_OID = 114
_encode = msgspec.json.Encoder(decimal_format="string").encode


class Packed(bytes):
    """JSON text that goes to PostgreSQL as it is."""


class _PackedDumper(Dumper):
    format = Format.TEXT
    oid = _JSON_OID

    def dump(self, obj: Packed) -> Packed:
        return obj


def register(context: psycopg.abc.AdaptContext) -> None:
    context.adapters.register_dumper(Packed, _PackedDumper)


# Everywhere in the process: a connection that doesn't know Packed would send it as bytea.
psycopg.adapters.register_dumper(Packed, _PackedDumper)


def packed(rows: Sequence[Any] | Mapping[str, Any]) -> Packed:
    """Rows (Structs or dicts) as the one JSON parameter of a statement on json_to_recordset, or one JSON object."""
    return Packed(_encode(rows))


class Shelf:
    """Loads rows by keys and saves what a batch changed; one object serves all batches, so it keeps no state."""

    name: str
    # A cached shelf holds configuration: its rows are kept while the cell's config_version stays the same.
    cached: bool = False
    # A lane that imports keeps the rows of a kept shelf until somebody else writes in the cell. Its rows are written by
    # commands only.
    kept: bool = False

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        """Statements that read the rows of these (sorted) keys."""
        raise NotImplementedError

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, Any]:
        """Rows by key out of the statements' results; a key that is not there has no row."""
        raise NotImplementedError

    def save(self, changed: Mapping[Key, Any], added: Sequence[Any]) -> Iterable[Statement]:
        """Statements that write the changed rows and the appended ones; a read-only shelf has none."""
        return ()


async def read_rows(conn: Connection, shelf: Shelf, keys: Sequence[Key]) -> Mapping[Key, Any]:
    """Rows of a shelf outside of a batch, for reading only."""
    results = []
    for sql, params in shelf.load(sorted(keys)):
        cursor = await conn.execute(sql, params)
        results.append(await cursor.fetchall())
    return shelf.read(results)
