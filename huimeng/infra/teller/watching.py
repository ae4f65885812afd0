"""Batches as logs and traces see them: an id for each, the requests that were in it, its statements."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import generators, pq
from psycopg.pq.abc import PGresult

from huimeng.infra import marks, tracing
from huimeng.infra.database import Connection
from huimeng.infra.marks import Mark, process_name
from huimeng.infra.teller.command import Command
from huimeng.infra.teller.shelf import Statement
from huimeng.infra.teller.wire import Found, Waiting, Wire

log = logging.getLogger("huimeng.teller")


class BatchWatch:
    """One a lane. A request's mark remembers the batch that it was in last."""

    def __init__(self) -> None:
        self._name = process_name()
        self._number = 0

    @contextmanager
    def batch(self, waiting: Sequence[Mark | None], commands: Sequence[Command]) -> Iterator[None]:
        self._number += 1
        batch_id = f"{self._name}-{self._number}"
        for mark in waiting:
            if mark is not None:
                mark.batch_id = batch_id
        own = Mark()
        own.batch_id = batch_id
        token = marks.current.set(own)
        try:
            if log.isEnabledFor(logging.DEBUG):
                requests = [mark.request_id or mark.job for mark in waiting if mark is not None]
                kinds = sorted({type(command).__name__ for command in commands})
                log.debug("batch", extra={"commands": len(commands), "kinds": kinds, "requests": requests})
            if tracing.switch.on:
                with tracing.batch_span(batch_id, waiting, [type(command).__name__ for command in commands]):
                    yield
            else:
                yield
        finally:
            marks.current.reset(token)


def wire_of(conn: Connection) -> Wire:
    return TracedWire(conn) if tracing.switch.on else Wire(conn)


class TracedWire(Wire):
    """Of a sampled batch each statement becomes a span.

    The server is asked to send each result at once, or all would come together at the end and no statement had a time.
    """

    def __init__(self, conn: Connection) -> None:
        super().__init__(conn)
        # (text, when it was sent, whether it is a statement and not a preparation), and what came back, in this order.
        self._sent: list[tuple[str, int, bool]] = []
        self._came: list[tuple[int, PGresult]] = []

    async def run(self, statements: Iterable[Statement]) -> list[Found]:
        try:
            return await super().run(statements)
        finally:
            self._tell()

    def _put(self, sql: str, params: Sequence[Any]) -> None:
        before = len(self._asked)
        super()._put(sql, params)
        if tracing.recording():
            self._pgconn.send_flush_request()
            now = time.time_ns()
            self._sent += [(sql, now, wanted) for wanted in self._asked[before:]]

    def _collected(self) -> Waiting:
        yield from self._flushed()
        results: list[PGresult] = []
        while True:
            fetched = yield from generators.fetch_many(self._pgconn)
            if fetched and fetched[0].status == pq.ExecStatus.PIPELINE_SYNC:
                return results
            results += fetched
            now = time.time_ns()
            self._came += [(now, result) for result in fetched]

    def _tell(self) -> None:
        sent, came = self._sent, self._came
        self._sent, self._came = [], []
        if not sent or len(sent) != len(came):
            return
        last = 0
        for (sql, sent_ns, wanted), (came_ns, result) in zip(sent, came, strict=True):
            if not wanted:
                # Its time is part of that of the statement that it prepares: they are sent and answered together.
                continue
            if result.status != pq.ExecStatus.PIPELINE_ABORTED:
                rows = result.ntuples or result.command_tuples or 0
                failed = result.error_field(pq.DiagnosticField.SQLSTATE)
                tracing.tell_statement(sql, max(sent_ns, last), came_ns, rows, failed.decode() if failed else None)
            last = came_ns
