"""Prometheus metrics; the processes of `huimeng run` share them through PROMETHEUS_MULTIPROC_DIR.

No label names a merchant, a member, a store or a key: their number has no bound.
"""

from __future__ import annotations

import logging
import os
import platform
from pathlib import Path

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, values
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from huimeng import __version__
from huimeng.infra.files import open_with_room

# Of each kind of file that a process shares; a histogram of every route takes less than 300 kB.
_ROOM = {"counter": 1 << 20, "histogram": 1 << 20} | dict.fromkeys(
    ("gauge_livesum", "gauge_max", "gauge_mostrecent"), 1 << 16
)
log = logging.getLogger("huimeng.metrics")


def _share(folder: Path) -> None:
    """Takes the room for this process's files; without it the metrics stay in this process, where nobody asks."""
    try:
        for kind, size in _ROOM.items():
            os.close(open_with_room(folder / f"{kind}_{os.getpid()}.db", size))
    except OSError as error:
        log.warning("this process's metrics are not shared: %s", error)
        values.ValueClass = values.MutexValue


if _shared := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    _share(Path(_shared))

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

HTTP_REQUESTS = Counter(
    "huimeng_http_requests_total", "Requests answered, by class of status", ("method", "route", "status")
)
HTTP_SECONDS = Histogram(
    "huimeng_http_request_seconds",
    "From a request's head to the end of its answer",
    ("method", "route"),
    buckets=_SECONDS,
)
REFUSED = Counter(
    "huimeng_refused_total",
    "Requests answered with 429 or 503, or refused before they were whole, by the code of the refusal",
    ("reason",),
)

TELLER_BATCH = Histogram(
    "huimeng_teller_batch_size", "Commands in a batch", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
)
TELLER_WAIT = Histogram("huimeng_teller_wait_seconds", "Longest wait in the queue of a batch", buckets=_SECONDS)
TELLER_FLUSH = Histogram("huimeng_teller_flush_seconds", "From taking a batch to its commit", buckets=_SECONDS)
TELLER_REFUSED = Counter("huimeng_teller_refused_total", "Commands refused because the queue was full")
TELLER_RETRIES = Counter("huimeng_teller_retries_total", "Transactions that were run again")

REPLAYED = Counter(
    "huimeng_idempotency_total", "Keys seen before: replayed (same request) or reused (another one)", ("outcome",)
)

POOL_SIZE = Gauge(
    "huimeng_database_pool_size", "Connections that the pools may hold", ("pool",), multiprocess_mode="livesum"
)
POOL_IN_USE = Gauge(
    "huimeng_database_pool_in_use", "Connections at work in a transaction", ("pool",), multiprocess_mode="livesum"
)
POOL_WAITING = Gauge(
    "huimeng_database_pool_waiting", "Who waits for a connection", ("pool",), multiprocess_mode="livesum"
)

LAG_EVENTS = Gauge(
    "huimeng_outbox_lag_events",
    "Events that a follower has not taken yet",
    ("follower",),
    multiprocess_mode="mostrecent",
)
LAG_SECONDS = Gauge(
    "huimeng_outbox_lag_seconds",
    "Age of the oldest event that a follower has not taken yet",
    ("follower",),
    multiprocess_mode="mostrecent",
)
ROUND_SUCCESS = Gauge(
    "huimeng_round_success_timestamp_seconds", "When a round ended well last", ("round",), multiprocess_mode="max"
)
ROUND_FAILURES = Counter("huimeng_round_failures_total", "Rounds that failed", ("round",))
ROUND_SECONDS = Counter("huimeng_round_seconds_total", "Time spent in rounds", ("round",))

# Counters only: a command hands them over when it ends, see carry().
IMPORTS = Counter("huimeng_imports_total", "Imports by how they ended", ("kind", "result"))
IMPORT_ROWS = Counter("huimeng_import_rows_total", "Rows of imported files", ("kind", "result"))
IMPORT_SECONDS = Counter("huimeng_import_seconds_total", "Time spent in imports", ("kind",))

BUILD = Gauge("huimeng_build_info", "1, with what is running", ("version", "python"), multiprocess_mode="max")
BUILD.labels(__version__, platform.python_version()).set(1)

_CARRIED = ("huimeng_import",)
_CARRIED_ROOM = 1 << 16


def carry(folder: Path) -> None:
    """Leaves this process's counters of imports for the running system to add up, where there is one.

    A command has no part in PROMETHEUS_MULTIPROC_DIR, which the client library wants to know when it is imported.
    """
    if not os.access(folder, os.W_OK) or "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        return
    path = folder / f"counter_{os.getpid()}.db"
    try:
        os.close(open_with_room(path, _CARRIED_ROOM))
    except OSError as error:
        log.warning("the counters of this import are lost: %s", error)
        return
    kept = MmapedDict(str(path))  # type: ignore[no-untyped-call]
    try:
        for metric in REGISTRY.collect():
            if metric.type != "counter" or not metric.name.startswith(_CARRIED):
                continue
            for sample in metric.samples:
                if sample.name.endswith("_total"):
                    names, values = list(sample.labels), list(sample.labels.values())
                    key = mmap_key(metric.name, sample.name, names, values, metric.documentation)
                    kept.write_value(key, sample.value, 0.0)  # type: ignore[no-untyped-call]
    finally:
        kept.close()  # type: ignore[no-untyped-call]
