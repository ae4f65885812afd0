"""Whole-file locks that end with the last process that holds the file open, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from huimeng.infra.files import leave_to_owner


class FileLock:
    """An flock; a child that inherits `fd` holds it too, so it tells whether any of them still lives."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        leave_to_owner(self.fd, path.parent)

    def try_exclusive(self) -> bool:
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        return self._try(fcntl.LOCK_SH)

    def _try(self, kind: int) -> bool:
        try:
            fcntl.flock(self.fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Leave; the lock stays held while another process holds the same open file."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock at this moment."""
    lock = FileLock(path)
    try:
        return lock.try_shared()
    finally:
        lock.close()
