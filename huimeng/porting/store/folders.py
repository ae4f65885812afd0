"""The folder of one import, readable by nobody else: its spill holds what members bought."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "huimeng-import-"
_LOCK = "lock"


@contextmanager
def work_folder(parent: Path | None) -> Iterator[Path]:
    """Gone when the block ends; one that a killed import left behind goes when the next begins."""
    base = Path(tempfile.gettempdir()) if parent is None else parent
    base.mkdir(parents=True, exist_ok=True)
    _clear(base)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    # The lock ends with the process, whatever ends it.
    lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def _clear(base: Path) -> None:
    for folder in base.glob(f"{_PREFIX}*"):
        # Somebody else's folder, or one that is just being made or removed.
        with suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
