"""The plain door to PostgreSQL: pools by role, one transaction a request, tenants set inside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import msgspec
import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from huimeng.infra import metrics, tracing
from huimeng.infra.traced_cursor import TracedCursor
from huimeng.kernel.errors import Unavailable

Connection = AsyncConnection[TupleRow]

# A connection whose database went away raises one of these; the work itself was not refused.
CONNECTION_ERRORS = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.AdminShutdown,
    PoolTimeout,
    ConnectionError,
)


class DatabaseUrls(msgspec.Struct, frozen=True):
    """Connection strings of the three roles; role names are set when one login plays them all by SET ROLE."""

    owner: str
    runtime: str
    reader: str
    runtime_role: str | None = None
    reader_role: str | None = None


def tenant_setting(merchant_ids: Iterable[int]) -> str:
    """The literal statement that names the tenants of a transaction (Citus propagates SET LOCAL, not set_config)."""
    return f"set local huimeng.merchants = ',{','.join(str(int(m)) for m in sorted(set(merchant_ids)))},'"


class Database:
    """Pools for the runtime and the reader role; each `async with` is one transaction."""

    def __init__(self, urls: DatabaseUrls, pool_size: int = 6) -> None:
        self.urls = urls
        self._runtime = _Pool("runtime", urls.runtime, urls.runtime_role, pool_size)
        self._reader = _Pool("reader", urls.reader, urls.reader_role, max(2, pool_size // 2))

    @classmethod
    async def open(cls, urls: DatabaseUrls, pool_size: int = 6) -> Self:
        database = cls(urls, pool_size)
        await database._runtime.open()
        await database._reader.open()
        return database

    async def close(self) -> None:
        await self._runtime.close()
        await self._reader.close()

    @asynccontextmanager
    async def tenants(self, merchant_ids: Sequence[int]) -> AsyncIterator[Connection]:
        """A transaction of the runtime role that sees these merchants; Unavailable when the database is away."""
        async with _transaction(self._runtime) as conn:
            await conn.execute(tenant_setting(merchant_ids), prepare=False)
            yield conn

    def tenant(self, merchant_id: int) -> Any:
        return self.tenants((merchant_id,))

    @asynccontextmanager
    async def reader(self, merchant_id: int) -> AsyncIterator[Connection]:
        """A read-only transaction that sees one merchant, from one snapshot."""
        async with _transaction(self._reader) as conn:
            await conn.execute("set transaction isolation level repeatable read read only")
            await conn.execute(tenant_setting((merchant_id,)), prepare=False)
            yield conn

    @asynccontextmanager
    async def directory(self) -> AsyncIterator[Connection]:
        """A transaction that sees no tenant: for the tables of the deployment."""
        async with _transaction(self._runtime) as conn:
            yield conn

    async def ping(self) -> None:
        async with self.directory() as conn:
            await conn.execute("select 1")


@asynccontextmanager
async def _transaction(pool: _Pool) -> AsyncIterator[Connection]:
    try:
        async with pool.connection() as conn, conn.transaction():
            yield conn
    except CONNECTION_ERRORS as error:
        if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
            raise
        raise Unavailable() from error


class _Pool:
    """A pool that says at once when the database is away, and serves at once when it is back.

    The pool's own reconnecting backs off for seconds, so a request that gets no connection tries one of its own.
    """

    def __init__(self, name: str, url: str, role: str | None, size: int) -> None:
        self._url = url
        self._role = role
        self._size = size
        self._held = metrics.POOL_SIZE.labels(name)
        self._in_use = metrics.POOL_IN_USE.labels(name)
        self._waiting = metrics.POOL_WAITING.labels(name)
        self._direct = asyncio.Semaphore(2)
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=size,
            open=False,
            configure=self._configure,
            check=AsyncConnectionPool.check_connection,
            reconnect_timeout=60,
            kwargs=_SESSION,
        )

    async def open(self) -> None:
        await self._pool.open()
        self._held.inc(self._size)

    async def close(self) -> None:
        self._held.dec(self._size)
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        try:
            conn = await self._wait()
        except PoolTimeout:
            async with self._direct, await self._connect() as own:
                yield own
            return
        self._in_use.inc()
        try:
            yield conn
        finally:
            self._in_use.dec()
            await self._pool.putconn(conn)

    async def _wait(self) -> Connection:
        self._waiting.inc()
        try:
            # Without a single live connection there is nothing to wait for.
            return await self._pool.getconn(timeout=_WAIT_SECONDS if self._alive() else 0.05)
        finally:
            self._waiting.dec()

    def _alive(self) -> bool:
        return bool(self._pool.get_stats().get("pool_size", 0))

    async def _connect(self) -> Connection:
        conn = await AsyncConnection.connect(self._url, connect_timeout=2, **_SESSION)
        await self._configure(conn)
        return conn

    async def _configure(self, conn: Connection) -> None:
        if self._role is not None:
            await conn.execute(f'set role "{self._role}"')
        if tracing.switch.on:
            conn.cursor_factory = TracedCursor


_WAIT_SECONDS = 1.5
_SESSION: dict[str, Any] = {"autocommit": True, "prepare_threshold": 3, "options": "-c timezone=UTC"}
