"""Room on the disk for files that processes share as memory."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def open_with_room(path: Path, size: int) -> int:
    """A handle of the file, whose holes are filled with zeros; OSError, and no file, when the disk is full.

    A page of it that found no room later would end the process, and with it all that is under way there.
    """
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if os.fstat(handle).st_blocks * 512 < size and os.pwrite(handle, bytes(size), 0) < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        os.close(handle)
        path.unlink(missing_ok=True)
        raise
    return handle
