"""Imports as metrics, log lines and spans see them, whichever door started them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol, get_args

from huimeng.infra import metrics
from huimeng.infra.tracing import job
from huimeng.kernel.errors import BusinessError
from huimeng.porting.service.importing import Context, ImportOptions, ImportResult, Progress, silent
from huimeng.porting.store.tasks import Kind


class Import(Protocol):
    async def __call__(
        self,
        context: Context,
        merchant_id: int,
        path: Path,
        options: ImportOptions | None = None,
        progress: Progress = silent,
    ) -> ImportResult: ...


_RESULTS = ("done", "checked", "refused", "failed")


def expect_imports() -> None:
    """Before the first: an alarm doesn't see the first failure of a counter that was not there before."""
    for kind in get_args(Kind):
        for result in _RESULTS:
            metrics.IMPORTS.labels(kind, result)


def watched(kind: str, work: Import) -> Import:
    """The same import; the file's name stays out of spans and metrics, it may be a person's."""

    async def run(
        context: Context,
        merchant_id: int,
        path: Path,
        options: ImportOptions | None = None,
        progress: Progress = silent,
    ) -> ImportResult:
        started = time.perf_counter()
        ended = "failed"
        try:
            with job(f"import {kind}", merchant_id):
                result = await work(context, merchant_id, path, options, progress)
            ended = "checked" if result.dry_run else "done"
            metrics.IMPORT_ROWS.labels(kind, "good").inc(max(0, result.rows - result.bad_rows))
            metrics.IMPORT_ROWS.labels(kind, "bad").inc(result.bad_rows)
            return result
        except BusinessError:
            ended = "refused"
            raise
        finally:
            metrics.IMPORTS.labels(kind, ended).inc()
            metrics.IMPORT_SECONDS.labels(kind).inc(time.perf_counter() - started)

    run.__doc__ = work.__doc__
    return run
