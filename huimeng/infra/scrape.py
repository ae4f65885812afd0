"""What /readyz and /metrics answer: whether the database does, the sums over all processes, what can be seen now."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from huimeng.infra.cache import Cache
from huimeng.infra.database import Database
from huimeng.infra.verified import last_verified
from huimeng.kernel.errors import BusinessError

FRESH_SECONDS = 1.0
_PING_SECONDS = 2.0


class Moment(Collector):
    """Gauges read when they are asked for; they are the same whichever process answers."""

    def __init__(self, data_dir: Path, database_up: bool) -> None:
        self._data_dir = data_dir
        self._database_up = database_up

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("huimeng_database_up", "1 when the database answers", value=float(self._database_up))
        room = shutil.disk_usage(self._data_dir)
        yield GaugeMetricFamily("huimeng_disk_free_bytes", "Room left for the data folder", value=room.free)
        yield GaugeMetricFamily("huimeng_disk_size_bytes", "Size of the data folder's disk", value=room.total)
        verified = last_verified(self._data_dir)
        if verified is not None:
            yield GaugeMetricFamily(
                "huimeng_verify_timestamp_seconds", "When the book was verified last", value=verified.at.timestamp()
            )
            yield GaugeMetricFamily(
                "huimeng_verify_differences", "What the last verification found wrong", value=verified.differences
            )


class Checks:
    """Anybody may ask, also when nobody else gets in: so a process looks no more than once a second."""

    def __init__(self, db: Database, data_dir: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._data_dir = data_dir
        self._up: Cache[Database, bool] = Cache(_answers, monotonic, FRESH_SECONDS)
        self._pages: Cache[Path, bytes] = Cache(self._look, monotonic, FRESH_SECONDS)

    async def ready(self) -> bool:
        return await self._up.get(self._db)

    async def page(self) -> bytes:
        """In the text format of Prometheus."""
        return await self._pages.get(self._data_dir)

    async def _look(self, data_dir: Path) -> bytes:
        up = await self.ready()
        return await asyncio.to_thread(page, data_dir, up, os.environ.get("PROMETHEUS_MULTIPROC_DIR"))


def page(data_dir: Path, database_up: bool, shared: str | None) -> bytes:
    return generate_latest(registry_of(data_dir, database_up, shared))


def registry_of(data_dir: Path, database_up: bool, shared: str | None) -> CollectorRegistry:
    """shared: the processes' common folder; without one a process reports its own."""
    registry = CollectorRegistry()
    if shared is not None and os.path.isdir(shared):
        _bury(Path(shared))
        MultiProcessCollector(registry, shared)  # type: ignore[no-untyped-call]
    else:
        registry.register(REGISTRY)
    registry.register(Moment(data_dir, database_up))
    return registry


def _bury(shared: Path) -> None:
    """A process that was killed leaves its gauges behind, and they would be added up for ever."""
    for number in {path.stem.rpartition("_")[2] for path in shared.glob("gauge_live*.db")}:
        if number.isdigit() and not _lives(int(number)):
            # Whoever answers somebody else at this moment may be doing the same.
            with contextlib.suppress(FileNotFoundError):
                mark_process_dead(int(number), str(shared))  # type: ignore[no-untyped-call]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def _answers(db: Database) -> bool:
    try:
        await asyncio.wait_for(db.ping(), _PING_SECONDS)
    except (BusinessError, TimeoutError):
        return False
    return True
