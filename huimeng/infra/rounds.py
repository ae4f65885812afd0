"""Rounds of the background process as metrics, log lines and spans see them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from huimeng.infra import metrics, tracing

FIGURES = "figures"
HOUSEKEEPING = "housekeeping"


def expect_round(name: str) -> None:
    """Before its first: an alarm doesn't see the first failure of a counter that was not there before."""
    metrics.ROUND_FAILURES.labels(name)


@contextmanager
def watched_round(name: str) -> Iterator[None]:
    """Its span and log lines carry the name; a failure is counted and goes on to the caller."""
    with tracing.job(name), counted_round(name):
        yield


@contextmanager
def counted_round(name: str) -> Iterator[None]:
    """Without a span of its own, for what looks twice a second and mostly finds nothing to do."""
    started = time.perf_counter()
    try:
        yield
    except Exception:
        metrics.ROUND_FAILURES.labels(name).inc()
        raise
    finally:
        metrics.ROUND_SECONDS.labels(name).inc(time.perf_counter() - started)
    metrics.ROUND_SUCCESS.labels(name).set(time.time())
