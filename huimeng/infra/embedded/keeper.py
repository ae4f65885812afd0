"""What goes on beside the work while a process uses the database: watch the server, bound its log."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from huimeng.infra.embedded.locks import FileLock

log = logging.getLogger("huimeng.postgres")

MOST_BYTES = 16 << 20
EVERY_SECONDS = 0.5
PATIENCE_SECONDS = 10.0


def trim(log: Path, lock_path: Path, most: int = MOST_BYTES) -> None:
    """Copy to <log>.1 and empty; the server writes in append mode, so it goes on in the emptied file."""
    try:
        if log.stat().st_size <= most:
            return
        lock = FileLock(lock_path)
    except OSError:
        return
    try:
        if lock.try_exclusive():
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)
    except OSError:
        # A full disk: dropping the old lines is what helps now.
        os.truncate(log, 0)
    finally:
        lock.close()


class Keeper:
    """A thread that calls `look` twice a second; after a failure it waits longer and tries again."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="postgres-keeper", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        pause = EVERY_SECONDS
        while not self._stop.wait(pause):
            try:
                self._look()
                pause = EVERY_SECONDS
            except Exception as error:  # Whatever it was, the next look may find it mended.
                if not self._stop.is_set():
                    log.error("%s", error)
                pause = PATIENCE_SECONDS

    def close(self) -> None:
        """Returns when a look that is under way has ended."""
        self._stop.set()
        self._thread.join()
