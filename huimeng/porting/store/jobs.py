"""All SQL of imports: their jobs, opening balances, and what a resumed one had already brought in."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from huimeng.infra.database import Connection
from huimeng.infra.teller import Key, Shelf, Statement, packed
from huimeng.kernel.ids import uuid7

OPENING = "opening_balance"


class Job(msgspec.Struct, frozen=True):
    """position: the last business day that is wholly imported; import_id: as which it was handed in over HTTP."""

    job_id: uuid.UUID
    position: date | None
    counts: dict[str, int]
    error_file: str
    started_at: datetime
    resumed: bool
    file_name: str
    import_id: str | None = None


async def begin_job(
    conn: Connection, merchant_id: int, kind: str, file_name: str, file_sha256: bytes, options: str, error_file: str
) -> Job:
    """The unfinished job of this very file and these options, or a new one."""
    cursor = await conn.execute(
        "select job_id, position, counts, error_file, started_at from import_job where merchant_id = %s and kind = %s "
        "and file_sha256 = %s and options = %s and status = 'running' order by started_at desc limit 1",
        (merchant_id, kind, file_sha256, options),
    )
    row = await cursor.fetchone()
    if row is not None:
        return Job(row[0], row[1], row[2], row[3], row[4], resumed=True, file_name=file_name)
    job_id = uuid7()
    cursor = await conn.execute(
        "insert into import_job (merchant_id, job_id, kind, file_name, file_sha256, options, status, counts, "
        "error_file, started_at, updated_at) values (%s, %s, %s, %s, %s, %s, 'running', '{}', %s, now(), now()) "
        "returning started_at",
        (merchant_id, job_id, kind, file_name, file_sha256, options, error_file),
    )
    started = await cursor.fetchone()
    assert started is not None
    return Job(job_id, None, {}, error_file, started[0], resumed=False, file_name=file_name)


async def save_job(
    conn: Connection,
    merchant_id: int,
    job_id: uuid.UUID,
    position: date | None,
    counts: Mapping[str, int],
    *,
    finished: bool = False,
) -> None:
    await conn.execute(
        "update import_job set position = coalesce(%s, position), counts = %s, updated_at = now(), "
        "status = case when %s then 'finished' else status end, "
        "finished_at = case when %s then now() end where merchant_id = %s and job_id = %s",
        (position, packed(dict(counts)), finished, finished, merchant_id, job_id),
    )


class Opening(msgspec.Struct, frozen=True):
    """(points, expires_at) of each lot, by expiry; what never expires comes last."""

    lots: tuple[tuple[int, datetime | None], ...]
    growth: int


class OpeningShelf(Shelf):
    """Key (cell_id, member_id): what the member brought along; written once, so that it is never earned twice."""

    name = OPENING

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        yield (
            "select t.cell_id, t.member_id, t.lots, t.growth from json_to_recordset(%s) as k(c bigint, m bigint) "
            "join opening_balance t on t.cell_id = k.c and t.member_id = k.m",
            (packed([{"c": cell, "m": member} for cell, member in keys]),),
        )

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, Any]:
        return {
            (row[0], row[1]): msgspec.convert({"lots": row[2], "growth": row[3]}, Opening, strict=False)
            for row in results[0]
        }

    def save(self, changed: Mapping[Key, Any], added: Sequence[Any]) -> Iterable[Statement]:
        if changed:
            yield (
                "insert into opening_balance (cell_id, member_id, lots, growth, opened_at) "
                "select c, m, l, g, now() from json_to_recordset(%s) as k(c bigint, m bigint, l jsonb, g bigint)",
                (
                    packed(
                        [
                            {"c": cell, "m": member, "l": opening.lots, "g": opening.growth}
                            for (cell, member), opening in changed.items()
                        ]
                    ),
                ),
            )
