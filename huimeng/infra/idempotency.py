"""A write with a key happens once: the answer is kept in the transaction of the write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from huimeng.infra import metrics
from huimeng.infra.database import Connection
from huimeng.infra.heads import lock_head
from huimeng.kernel.errors import IdempotencyKeyReused


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    replayed: bool = False


async def once(
    conn: Connection,
    cell_id: int,
    key: str,
    fingerprint: bytes,
    produce: Callable[[], Awaitable[tuple[int, bytes]]],
) -> Answer:
    """Runs produce() -> (status, body) unless the key was used; a duplicate in flight waits on the head lock.

    IdempotencyKeyReused when the key was used with another fingerprint.
    """
    await lock_head(conn, cell_id)
    cursor = await conn.execute(
        "select fingerprint, status, body from idempotency where cell_id = %s and key = %s", (cell_id, key)
    )
    kept = await cursor.fetchone()
    if kept is not None:
        if bytes(kept[0]) != fingerprint:
            metrics.REPLAYED.labels("reused").inc()
            raise IdempotencyKeyReused()
        metrics.REPLAYED.labels("replayed").inc()
        return Answer(kept[1], bytes(kept[2]), replayed=True)
    status, body = await produce()
    await conn.execute(
        "insert into idempotency (cell_id, key, fingerprint, status, body, created_at) values (%s,%s,%s,%s,%s,now())",
        (cell_id, key, fingerprint, status, body),
    )
    return Answer(status, body)


async def kept_answer(conn: Connection, cell_id: int, key: str, fingerprint: bytes) -> Answer | None:
    """What the key was answered, for a request that would now be refused before it is decided."""
    cursor = await conn.execute(
        "select fingerprint, status, body from idempotency where cell_id = %s and key = %s", (cell_id, key)
    )
    kept = await cursor.fetchone()
    if kept is None or bytes(kept[0]) != fingerprint:
        return None
    metrics.REPLAYED.labels("replayed").inc()
    return Answer(kept[1], bytes(kept[2]), replayed=True)


KEPT_DAYS = 90


async def forget_old(conn: Connection, cell_id: int) -> int:
    """Drops answers older than 90 days, which is longer than any till stays offline."""
    cursor = await conn.execute(
        "delete from idempotency where cell_id = %s and created_at < now() - make_interval(days => %s)",
        (cell_id, KEPT_DAYS),
    )
    return cursor.rowcount
