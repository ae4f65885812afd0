"""Who the database runs as: the caller, or as root an unprivileged user with just enough reach."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from huimeng.infra.embedded.errors import FolderNotReachable, NoUnprivilegedUser

LAUNCHER = Path(__file__).with_name("launcher.py")
USER_VARIABLE = "HUIMENG_PG_USER"
CANDIDATES = ("huimeng", "postgres", "nobody")

# Numbers of linux/capability.h. READ_SEARCH is the lesser power; containers often have only the greater.
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2


@dataclass(frozen=True)
class Account:
    """The system user of the server; `switch` when the caller is root and must become that user."""

    uid: int
    gid: int
    name: str
    switch: bool
    capability: int | None = None

    def command(self, program: Sequence[str], detach: bool = False) -> list[str]:
        line = [sys.executable, "-I", "-S", str(LAUNCHER)]
        if detach:
            line.append("--detach")
        if self.switch:
            line += ["--user", str(self.uid), str(self.gid)]
            if self.capability is not None:
                line += ["--keep", str(self.capability)]
        return [*line, "--", *program]

    def own(self, path: Path) -> None:
        """Give a folder and what is in it to the server's user."""
        if not self.switch:
            return
        try:
            os.chown(path, self.uid, self.gid)
            for folder, folders, files in os.walk(path):
                for name in (*folders, *files):
                    os.chown(os.path.join(folder, name), self.uid, self.gid, follow_symlinks=False)
        except OSError as error:
            raise NoUnprivilegedUser(reason=f"chown {path}: {error.strerror}") from error


def account_for(cluster: Path, data: Path) -> Account:
    """As root: HUIMENG_PG_USER, else who owns the data already, else the first candidate that exists."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), str(os.geteuid()), switch=False)
    named = os.environ.get(USER_VARIABLE)
    if named:
        return _by_name(named)
    for path in (cluster, data):
        if path.exists() and (found := path.stat()).st_uid != 0:
            return Account(found.st_uid, found.st_gid, _name_of(found.st_uid), switch=True)
    for name in CANDIDATES:
        try:
            return _by_name(name)
        except NoUnprivilegedUser:
            continue
    raise NoUnprivilegedUser(reason=f"none of {', '.join(CANDIDATES)} exists")


def _by_name(name: str) -> Account:
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise NoUnprivilegedUser(reason=f"user {name} does not exist") from error
    if entry.pw_uid == 0:
        raise NoUnprivilegedUser(reason=f"user {name} is root itself")
    return Account(entry.pw_uid, entry.pw_gid, name, switch=True)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def with_reach(account: Account, cluster: Path, program: Path) -> Account:
    """The account with the least capability by which it enters the cluster's folder and runs the program.

    Tried rather than computed: access lists, mounts and user namespaces all have a say.
    """
    if not account.switch:
        return account
    last = ""
    for capability in (None, CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if capability is not None and not _may_keep(capability):
            continue
        attempt = replace(account, capability=capability)
        script = 'cd "$1" && [ -x "$2" ] && exec "$2" --version'
        command = attempt.command(["/bin/sh", "-c", script, "sh", str(cluster), str(program)])
        result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if result.returncode == 0:
            return attempt
        last = result.stderr.strip().rpartition("\n")[2]
    if last.startswith("launcher:") and "setres" not in last and "Permission denied" not in last:
        raise NoUnprivilegedUser(reason=last)
    raise FolderNotReachable(user=account.name, path=f"{cluster}, {program}", reason=last)


def _may_keep(capability: int) -> bool:
    """Whether this process has the capability and the bounding set lets a child have it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return False
    sets = {key: int(value, 16) for key, _, value in (line.partition(":\t") for line in lines) if key[:3] == "Cap"}
    wanted = 1 << capability
    return bool(sets.get("CapPrm", 0) & wanted and sets.get("CapBnd", 0) & wanted)
