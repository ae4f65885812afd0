"""Prometheus metrics of the infrastructure; workers share them through PROMETHEUS_MULTIPROC_DIR."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

TELLER_BATCH = Histogram(
    "huimeng_teller_batch_size", "Commands in a batch", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
)
TELLER_WAIT = Histogram("huimeng_teller_wait_seconds", "Longest wait in the queue of a batch", buckets=_SECONDS)
TELLER_FLUSH = Histogram("huimeng_teller_flush_seconds", "From taking a batch to its commit", buckets=_SECONDS)
TELLER_REFUSED = Counter("huimeng_teller_refused_total", "Commands refused because the queue was full")
TELLER_RETRIES = Counter("huimeng_teller_retries_total", "Transactions that were run again")
