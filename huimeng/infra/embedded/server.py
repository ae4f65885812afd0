"""One postmaster seen from outside: launch, state, signal, and why it did not come up."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

from huimeng.infra.embedded.cluster import server_environment
from huimeng.infra.embedded.errors import EmbeddedError, SocketFailed, StartFailed
from huimeng.infra.embedded.folders import SOCKET_NAME, Folders, disk_full, free_mb, program
from huimeng.infra.embedded.locks import FileLock, is_free
from huimeng.infra.embedded.privileges import Account

LOG_TAIL = 64 * 1024
LITTLE_SPACE_MB = 64
SOCKET_TROUBLE = re.compile(r"could not .*(Unix|\.s\.PGSQL).*")
# The line prefix names the user between pid and level: a client's failure is not the server's.
OWN_FATAL = re.compile(r"^launcher:|^postgres:|\] +(FATAL|PANIC):(?!  terminating)")
PID_LINE, SOCKET_LINE, STATUS_LINE = 0, 4, 7


class Server:
    """The postmaster and all its children hold `alive.lock` through an inherited file: free means none lives.

    This also covers backends that outlive a killed postmaster, zombies and reused process ids.
    """

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._alive = folders.lock("alive")
        self._log_start = 0

    def is_dead(self) -> bool:
        return is_free(self._alive)

    def launch(self, account: Account, socket_folder: Path) -> None:
        """Start it in a session of its own, as nobody's child; it is not ready yet when this returns."""
        log = self._folders.log
        lock = FileLock(self._alive)
        try:
            if not lock.try_exclusive():
                raise StartFailed(reason="another server of this folder is still alive", log=str(log))
            self._forget_stale_pids(socket_folder)
            with open(log, "ab") as output:
                self._folders.share(log)
                self._log_start = log.stat().st_size
                line = [str(program("postgres")), "-D", str(self._folders.cluster)]
                subprocess.run(
                    account.command(line, detach=True),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(lock.fd,),
                    env=server_environment(),
                    check=True,
                )
        except OSError as error:
            raise StartFailed(reason=str(error), log=str(log)) from error
        finally:
            lock.close()

    def status(self) -> str:
        """What the server says of itself: '', 'starting', 'ready', 'stopping'; 'gone' when it was killed."""
        pid = self.pid()
        if pid and _works_in(pid, self._folders.cluster) is False:
            return "gone"
        return self._pid_line(STATUS_LINE)

    def end_orphans(self) -> None:
        """Backends of a killed postmaster notice it only between statements; none may start before."""
        for entry in Path("/proc").glob("[0-9]*"):
            pid = int(entry.name)
            if _works_in(pid, self._folders.cluster):
                try:
                    os.kill(pid, signal.SIGQUIT)
                except OSError:
                    continue

    def pid(self) -> int:
        """0 when unknown."""
        text = self._pid_line(PID_LINE)
        return int(text) if text.isdigit() else 0

    def socket_folder(self) -> str:
        return self._pid_line(SOCKET_LINE)

    def signal(self, number: signal.Signals) -> None:
        """To the postmaster of this folder and to nothing else that may have its number by now."""
        pid = self.pid()
        if pid and not self.is_dead() and _works_in(pid, self._folders.cluster) is not False:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return

    def stranger(self) -> int:
        """The pid of a postmaster on this folder that was started elsewhere, else 0; ask when ours is dead."""
        pid = self.pid()
        return pid if pid and _works_in(pid, self._folders.cluster) else 0

    def last_words(self) -> str:
        """The last line of progress in the log since the launch."""
        lines = self._log_lines()
        return lines[-1] if lines else ""

    def cause_of_death(self) -> EmbeddedError:
        lines = self._log_lines()
        text = "\n".join(lines)
        full = "No space left on device" in text or "Disk quota exceeded" in text
        if full or (self._folders.data.exists() and free_mb(self._folders.data) < LITTLE_SPACE_MB):
            return disk_full(self._folders.data)
        if failed := SOCKET_TROUBLE.search(text):
            return SocketFailed(path=str(self._folders.data), reason=failed.group())
        return StartFailed(reason=_reason(lines) or "it was killed", log=str(self._folders.log))

    def was_killed(self) -> bool:
        """Whether it went without a fatal word of its own: then another start is worth trying."""
        return not _reason(self._log_lines())

    def _pid_line(self, number: int) -> str:
        try:
            lines = (self._folders.cluster / "postmaster.pid").read_text().splitlines()
        except (OSError, UnicodeDecodeError):
            return ""
        return lines[number].strip() if len(lines) > number else ""

    def _forget_stale_pids(self, socket_folder: Path) -> None:
        """PostgreSQL refuses to start while a number in its pid files is a zombie or another program."""
        pid = self.pid()
        if not pid or _works_in(pid, self._folders.cluster) is False:
            (self._folders.cluster / "postmaster.pid").unlink(missing_ok=True)
            (socket_folder / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)

    def _log_lines(self) -> list[str]:
        try:
            with open(self._folders.log, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(min(self._log_start, size), size - LOG_TAIL))
                return [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
        except OSError:
            return []


def _reason(lines: list[str]) -> str:
    """Its own fatal line, with the one before where it only says that errors were found; "" when killed."""
    for number, line in enumerate(lines):
        if OWN_FATAL.search(line):
            first = number - 1 if "contains errors" in line and number else number
            return "; ".join(words.rpartition(":  ")[2] for words in lines[first : number + 1])
    return ""


def _works_in(pid: int, folder: Path) -> bool | None:
    """Whether the process lives and has this working folder, as a postmaster has; None: can't be told."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", folder)
    except FileNotFoundError:
        return None if not os.path.exists("/proc/self") else False
    except OSError:
        return None
