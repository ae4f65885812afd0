"""Statements straight into libpq's pipeline: a cursor for each would cost a third of a batch's time in Python.

Results come back as tuples through psycopg's own loaders. After an error the connection is not used any more.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any, cast

import psycopg
from psycopg import generators, pq
from psycopg.adapt import Transformer
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

from huimeng.infra.database import Connection
from huimeng.infra.teller.shelf import Packed, Statement

Found = list[tuple[Any, ...]]
Waiting = Generator[Wait, Ready, Any]

_OK = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


class Wire:
    """One connection in pipeline mode, for good; its caller begins and ends transactions by statements."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._pgconn: PGconn = conn.pgconn
        self._pgconn.enter_pipeline_mode()
        self._names: dict[str, bytes] = {}
        # True for each statement on its way whose result somebody asked for; False for a preparation.
        self._asked: list[bool] = []

    async def send(self, statements: Iterable[Statement]) -> None:
        """Puts statements on their way, so that the server works while the caller goes on."""
        for sql, params in statements:
            self._put(sql, params)
        if self._asked:
            self._pgconn.send_flush_request()
        # Most often the socket takes all of it at once; waiting costs a turn of the loop.
        if self._pgconn.flush():
            await self._conn.wait(cast(Any, self._flushed()))

    async def run(self, statements: Iterable[Statement]) -> list[Found]:
        """Sends, then waits for all that is under way: the rows of each statement since the last run.

        Raises the first error of any of them.
        """
        for sql, params in statements:
            self._put(sql, params)
        self._pgconn.pipeline_sync()
        asked, self._asked = self._asked, []
        results = cast("list[PGresult]", await self._conn.wait(cast(Any, self._collected())))
        for result in results:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise psycopg.errors.error_from_result(result, encoding="utf-8")
        return [self._rows(result) for result, wanted in zip(results, asked, strict=True) if wanted]

    def _put(self, sql: str, params: Sequence[Any]) -> None:
        if not params:
            # Begin, commit, the tenants: their text differs or costs nothing to plan.
            self._pgconn.send_query_params(sql.encode(), None)
            self._asked.append(True)
            return
        name = self._names.get(sql)
        if name is None:
            name = self._names[sql] = f"h{len(self._names)}".encode()
            self._pgconn.send_prepare(name, _numbered(sql))
            self._asked.append(False)
        self._pgconn.send_query_prepared(name, [_text(param) for param in params])
        self._asked.append(True)

    def _flushed(self) -> Waiting:
        while self._pgconn.flush():
            # The server may have to get rid of results before it takes more.
            if (yield Wait.RW) & Ready.R:
                self._pgconn.consume_input()

    def _collected(self) -> Waiting:
        yield from self._flushed()
        results: list[PGresult] = []
        while True:
            fetched = yield from generators.fetch_many(self._pgconn)
            if fetched and fetched[0].status == pq.ExecStatus.PIPELINE_SYNC:
                return results
            results += fetched

    def _rows(self, result: PGresult) -> Found:
        if result.status not in _OK:
            raise psycopg.errors.OperationalError(f"unexpected result {result.status}")
        if not result.ntuples:
            return []
        loader = Transformer(self._conn)
        loader.set_pgresult(result)
        return loader.load_rows(0, result.ntuples, tuple)


def _numbered(sql: str) -> bytes:
    """%s to $1, $2, …; %% to %."""
    parts = sql.split("%s")
    text = parts[0] + "".join(f"${number}{part}" for number, part in enumerate(parts[1:], 1))
    return text.replace("%%", "%").encode()


def _text(param: Any) -> bytes | None:
    if isinstance(param, Packed):
        return param
    if param is None:
        return None
    if isinstance(param, list):
        return ("{" + ",".join(map(str, param)) + "}").encode()
    if isinstance(param, str | int):
        return str(param).encode()
    raise TypeError(f"a shelf's statement takes JSON, text or numbers, not {type(param).__name__}")
