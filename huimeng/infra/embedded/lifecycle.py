"""The embedded PostgreSQL of a data folder: shared by the processes that use it, stopped by the last one."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec
import psycopg

from huimeng.infra.database import DatabaseUrls
from huimeng.infra.embedded import cluster as clusters
from huimeng.infra.embedded.errors import FolderInUse, FolderNotWritable
from huimeng.infra.embedded.folders import CONF, Folders, program, socket_folder
from huimeng.infra.embedded.keeper import Keeper, trim
from huimeng.infra.embedded.locks import FileLock
from huimeng.infra.embedded.privileges import Account, account_for, with_reach
from huimeng.infra.embedded.roles import ADMIN_ROLE, OWNER_ROLE, create_cluster_roles, socket_url
from huimeng.infra.embedded.server import Server
from huimeng.infra.embedded.tuning import conf_text
from huimeng.infra.schema import READER_ROLE, RUNTIME_ROLE

log = logging.getLogger("huimeng.postgres")

POLL_SECONDS = 0.02
TELL_SECONDS = 3.0
FAST_STOP_SECONDS = 120.0
ORPHAN_SECONDS = 2.0
ATTEMPTS = 3

Phase = Literal["creating", "waiting", "starting", "stopping"]
WORDS: Mapping[Phase, tuple[str, str]] = {
    "creating": ("正在创建数据库", "creating the database"),
    "waiting": ("正在等待另一个进程", "waiting for another process of this data folder"),
    "starting": (
        "数据库正在启动，上次未正常关闭时会先恢复",
        "the database is starting, recovering if it was cut off",
    ),
    "stopping": ("数据库正在停止", "the database is stopping"),
}


class Progress(msgspec.Struct, frozen=True):
    """Told every few seconds while somebody has to wait; detail is the server's latest log line."""

    phase: Phase
    seconds: int
    detail: str = ""

    def text(self, lang: Literal["zh", "en"] = "zh") -> str:
        words = WORDS[self.phase][0 if lang == "zh" else 1]
        return f"{words} ({self.seconds} s) {self.detail}".rstrip()


def tell_stderr(progress: Progress) -> None:
    """To a person in words; where nobody sits, it is a line of the log like any other."""
    if not sys.stderr.isatty():
        log.info(progress.text("en"), extra={"phase": progress.phase})
        return
    print(f"{progress.text('zh')} / {progress.text('en')}", file=sys.stderr, flush=True)


class EmbeddedPostgres:
    """`start()` gives the urls and counts this process as a user; `stop()` leaves, the last one stops it.

    extra_settings: server settings that win over ours; they hold when this process starts the server.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        extra_settings: Mapping[str, str] | None = None,
        on_progress: Callable[[Progress], None] = tell_stderr,
    ) -> None:
        self.folders = Folders(Path(data_dir).expanduser().resolve())
        self._extra = dict(extra_settings or {})
        self._tell = on_progress
        self._server = Server(self.folders)
        self._users: FileLock | None = None
        self._urls: DatabaseUrls | None = None
        self._leaving = threading.Event()
        self._keeper: Keeper | None = None
        self._process = 0

    def __enter__(self) -> DatabaseUrls:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the postmaster; 0 when it is not running."""
        return 0 if self._server.is_dead() else self._server.pid()

    def start(self) -> DatabaseUrls:
        """Urls of the three roles, once the server accepts them; waits out a crash recovery of any length."""
        if self._urls is not None:
            return self._urls
        self.folders.create()
        with self._alone():
            trim(self.folders.log, self.folders.lock("log"))
            self._users = FileLock(self.folders.lock("users"))
            try:
                self._urls = urls = self._start_server()
            except BaseException:
                self._leave()
                raise
            self._users.try_shared()
        self._process = os.getpid()
        self._keeper = Keeper(self._look_after)
        atexit.register(self.stop)
        return urls

    def stop(self) -> None:
        """Leave; the server is stopped (mode fast) if nobody else uses it. Doing it twice is harmless."""
        if self._users is None or self._process != os.getpid():
            return  # A forked child shares our locks and must not speak for us.
        atexit.unregister(self.stop)
        if self._keeper is not None:
            self._leaving.set()
            self._keeper.close()
            self._leaving.clear()
            self._keeper = None
        with self._alone():
            self._leave()

    def _alone(self) -> _Turn:
        return _Turn(self.folders.lock("start"), self._wait)

    def _leave(self) -> None:
        users, self._users, self._urls = self._users, None, None
        if users is None:
            return
        try:
            if users.try_exclusive():
                self._stop_server()
        finally:
            users.close()

    def _look_after(self) -> None:
        """Called every moment by the keeper: a killed server is started again, its log is kept small."""
        trim(self.folders.log, self.folders.lock("log"))
        if not self._server.is_dead() and self._server.status() != "gone":
            return
        with self._alone():
            assert self._users is not None
            try:
                self._start_server()
            finally:
                self._users.try_shared()

    def _start_server(self) -> DatabaseUrls:
        assert self._users is not None
        account = account_for(self.folders.cluster, self.folders.data)
        exists = self.folders.has_cluster()
        secrets = clusters.read_secrets(self.folders)
        alone = self._users.try_exclusive()
        if self._server.is_dead() and (stranger := self._server.stranger()):
            raise FolderInUse(path=str(self.folders.cluster), pid=stranger)
        if alone and self._is_outdated(secrets):
            self._stop_server()
        for attempt in range(1, ATTEMPTS + 1):
            self._wait_for_end()
            if self._server.is_dead():
                exists = exists or self._create(account, secrets)
                self._launch(account, secrets)
            self._wait("starting", lambda: self._server.is_dead() or self._server.status() in ("ready", "gone"))
            if self._server.is_dead():
                if attempt < ATTEMPTS and self._server.was_killed():
                    continue
                raise self._server.cause_of_death()
            try:
                self._prepare(secrets)
                break
            except psycopg.OperationalError:
                # It died, or its socket was swept away; whoever uses it can't reach it either.
                if attempt == ATTEMPTS:
                    raise self._server.cause_of_death() from None
                if alone:
                    self._stop_server()
        return self._urls_of(secrets)

    def _wait_for_end(self) -> None:
        """Until a server that is on its way out is gone with all its backends."""
        begun = time.monotonic()

        def settled() -> bool:
            if self._server.is_dead():
                return True
            status = self._server.status()
            if status == "gone" and time.monotonic() - begun > ORPHAN_SECONDS:
                self._server.end_orphans()
            return status in ("ready", "starting")

        self._wait("stopping", settled)

    def _create(self, account: Account, secrets: clusters.Secrets) -> bool:
        self._tell(Progress("creating", 0))
        account = with_reach(account, self.folders.data, program("postgres"))
        clusters.create_cluster(self.folders, account, secrets.passwords[ADMIN_ROLE])
        return True

    def _is_outdated(self, secrets: clusters.Secrets) -> bool:
        """A server that outlived its users, but runs with other settings or does not know the passwords."""
        if self._server.is_dead():
            return False
        found = self._server.socket_folder()
        try:
            written = (self.folders.cluster / CONF).read_text()
        except OSError:
            return True
        return secrets.renewed or written != conf_text(Path(found), self._extra)

    def _launch(self, account: Account, secrets: clusters.Secrets) -> None:
        folder = socket_folder(self.folders.data, account)
        if account.switch and self.folders.cluster.stat().st_uid != account.uid:
            account.own(self.folders.cluster)
        account = with_reach(account, self.folders.cluster, program("postgres"))
        clusters.write_conf(self.folders, account, folder, self._extra)
        if secrets.renewed:
            clusters.reset_admin(self.folders, account, secrets.passwords[ADMIN_ROLE])
        self._server.launch(account, folder)

    def _prepare(self, secrets: clusters.Secrets) -> None:
        """Also for a server that runs already: who started it may have been killed before this."""
        url = socket_url(ADMIN_ROLE, secrets.passwords[ADMIN_ROLE], self._server.socket_folder(), "postgres")
        with psycopg.connect(url, autocommit=True) as conn:
            create_cluster_roles(conn, secrets.passwords, renew=secrets.renewed)
        if secrets.renewed:
            clusters.write_secrets(self.folders, clusters.Secrets(secrets.passwords))

    def _urls_of(self, secrets: clusters.Secrets) -> DatabaseUrls:
        folder = self._server.socket_folder()
        owner, runtime, reader = (
            socket_url(role, secrets.passwords[role], folder) for role in (OWNER_ROLE, RUNTIME_ROLE, READER_ROLE)
        )
        return DatabaseUrls(owner=owner, runtime=runtime, reader=reader)

    def _stop_server(self) -> None:
        folder = self._server.socket_folder()
        begun = time.monotonic()
        self._server.signal(signal.SIGINT)
        self._wait("stopping", lambda: self._server.is_dead() or time.monotonic() - begun > FAST_STOP_SECONDS)
        # Immediate: as safe as a crash, recovery at the next start.
        self._server.signal(signal.SIGQUIT)
        self._wait("stopping", self._server.is_dead)
        if folder and not Path(folder).is_relative_to(self.folders.data):
            shutil.rmtree(folder, ignore_errors=True)

    def _wait(self, phase: Phase, done: Callable[[], bool]) -> None:
        begun = told = time.monotonic()
        pause = POLL_SECONDS
        while not done():
            if self._leaving.is_set():
                raise InterruptedError
            now = time.monotonic()
            if now - told >= TELL_SECONDS:
                told = now
                detail = "" if phase == "waiting" else self._server.last_words()
                self._tell(Progress(phase, int(now - begun), detail))
            time.sleep(pause)
            pause = min(pause * 1.2, 0.2)


class _Turn:
    """Starting and stopping, one process at a time."""

    def __init__(self, path: Path, wait: Callable[[Phase, Callable[[], bool]], None]) -> None:
        self._path = path
        self._wait = wait

    def __enter__(self) -> None:
        try:
            self._lock = FileLock(self._path)
        except OSError as error:
            raise FolderNotWritable(path=str(self._path), reason=error.strerror) from error
        try:
            self._wait("waiting", self._lock.try_exclusive)
        except BaseException:
            self._lock.close()
            raise

    def __exit__(self, *_: object) -> None:
        self._lock.close()
