"""`huimeng run`: the database, the web workers and the background worker, looked after until Ctrl-C."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels
from rich.console import Console

from huimeng.entry.context import connected
from huimeng.entry.migrate import upgrade
from huimeng.infra.database import DatabaseUrls
from huimeng.infra.embedded import opened
from huimeng.infra.logs import configure_logging
from huimeng.infra.settings import Settings
from huimeng.kernel.errors import BusinessError


class AlreadyServing(BusinessError):
    code = "already_serving"
    message_zh = "数据目录 {folder} 已有一个会盟在运行"
    message_en = "Huimeng is already serving the data folder {folder}"


class PortTaken(BusinessError):
    code = "port_taken"
    message_zh = "端口 {port} 已被占用,可用 PORT=9000 换一个"
    message_en = "Port {port} is taken; choose another one with PORT=9000"


def run(settings: Settings, console: Console, *, demo: bool = False) -> None:
    """Serves until a signal; everything that was started here ends with it.

    demo: the public demo data is imported first, unless it is there already.
    """
    configure_logging()
    os.environ.setdefault("HUIMENG_DATA", str(settings.data_dir))
    with _only_one(settings), _metrics_folder(settings):
        _check_port(settings)
        with opened(settings) as urls:
            upgrade(urls.owner)
            if demo:
                asyncio.run(_load_demo(settings, urls, console))
            background = _Background()
            background.start()
            threading.Thread(target=_announce, args=(settings, console), daemon=True).start()
            try:
                serve(settings)
            finally:
                background.stop()
                console.print("会盟已停止,数据已保存。 Huimeng has stopped; everything is saved.")


async def _load_demo(settings: Settings, urls: DatabaseUrls, console: Console) -> None:
    from huimeng.entry.cli_import import show_demo
    from huimeng.entry.demo import is_loaded

    if is_loaded(settings.data_dir):
        return
    async with connected(settings, urls, importing=True) as context:
        await show_demo(context, console)


def _announce(settings: Settings, console: Console) -> None:
    """Tells the address once it answers, not before."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{settings.port}"
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=5):
                break
        except OSError:
            time.sleep(0.1)
    console.print("\n[bold green]会盟 Huimeng[/] 已就绪 is ready  (Ctrl-C 结束 to end)")
    console.print(f"  [bold]{address}/[/]\n  {address}/docs   API\n")


def serve(settings: Settings) -> None:
    """The web workers; granian replaces one that dies, and gives up when it dies again soon: then all begin anew."""
    while True:
        server = Granian(
            "huimeng.entry.api:create_app",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGI,
            workers=settings.workers,
            factory=True,
            respawn_failed_workers=True,
            respawn_interval=0.5,
            workers_kill_timeout=10,
            log_enabled=True,
            log_level=LogLevels.warning,
        )
        try:
            server.serve()
        except SystemExit:
            time.sleep(0.5)
            if server.interrupt_signal:
                raise
        else:
            return


class _Background:
    """The worker process, started again whenever it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="background", daemon=True)

    def start(self) -> None:
        self._launch()
        self._thread.start()

    def _launch(self) -> None:
        # Its own session: Ctrl-C reaches the parent, which ends it in order.
        self._process = subprocess.Popen([sys.executable, "-m", "huimeng.entry.worker"], start_new_session=True)

    def _watch(self) -> None:
        while not self._stopping.wait(0.5):
            if self._process is not None and self._process.poll() is not None:
                self._launch()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with (settings.data_dir / "serve.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyServing(folder=str(settings.data_dir)) from error
        yield


@contextmanager
def _metrics_folder(settings: Settings) -> Iterator[None]:
    """The workers' metrics are added up through files; those of an earlier run would be counted again."""
    folder = settings.data_dir / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    yield


def _check_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise PortTaken(port=settings.port) from error
