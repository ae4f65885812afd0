"""A cursor whose statements are spans; connections have it only while tracing is on."""

from __future__ import annotations

from typing import Any, Self

from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from huimeng.infra import tracing


class TracedCursor(AsyncCursor[TupleRow]):
    async def execute(self, query: Any, params: Any = None, **how: Any) -> Self:
        # The pool asks with an empty statement whether a connection is alive.
        if not query or not tracing.recording():
            return await super().execute(query, params, **how)
        with tracing.statement(query) as span:
            await super().execute(query, params, **how)
            span.set_attribute("db.response.returned_rows", max(self.rowcount, 0))
        return self

    async def executemany(self, query: Any, params_seq: Any, *, returning: bool = False) -> None:
        if not tracing.recording():
            await super().executemany(query, params_seq, returning=returning)
            return
        with tracing.statement(query) as span:
            await super().executemany(query, params_seq, returning=returning)
            span.set_attribute("db.response.returned_rows", max(self.rowcount, 0))
