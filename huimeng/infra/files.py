"""Files that are whole or not there, and files that have their room on the disk."""

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


def write_whole(path: Path, content: bytes) -> None:
    """All or nothing, mode 0600, on the disk when it returns, whoever else writes it meanwhile; OSError."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with open(os.open(part, flags, 0o600), "wb") as file:
            leave_to_owner(file.fileno(), path.parent)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def private_folder(path: Path) -> None:
    """Mode 0700 when it is new."""
    if path.is_dir():
        return
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        leave_to_owner(handle, path.parent)
    finally:
        os.close(handle)


def leave_to_owner(handle: int, folder: Path) -> None:
    """As root: what is new there is for whom the folder belongs to, who may start the next time."""
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != os.fstat(handle).st_uid:
        os.fchown(handle, owner.st_uid, owner.st_gid)
