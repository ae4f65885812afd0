"""`huimeng run`: the database, the web server and the background worker, looked after until Ctrl-C."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from huimeng.entry.binding import check_binding
from huimeng.entry.context import connected
from huimeng.entry.first_owner import owners_of_the_new
from huimeng.entry.migrate import upgrade
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.embedded import opened
from huimeng.infra.logs import configure_logging
from huimeng.infra.settings import Settings
from huimeng.kernel.errors import BusinessError
from huimeng.merchant.service import list_merchants, open_vault

log = logging.getLogger("huimeng.run")


class AlreadyServing(BusinessError):
    code = "already_serving"
    message_zh = "数据目录 {folder} 已有一个会盟在运行"
    message_en = "Huimeng is already serving the data folder {folder}"


class PortTaken(BusinessError):
    code = "port_taken"
    message_zh = "端口 {port} 已被占用，可用 PORT=9000 换一个"
    message_en = "Port {port} is taken; choose another one with PORT=9000"


class AddressUnusable(BusinessError):
    code = "address_unusable"
    message_zh = "不能在 {host} 的端口 {port} 上服务（{reason}）。请检查 HOST 与 PORT，1024 以下的端口需要系统许可"
    message_en = "{host} port {port} can't be served on ({reason}): check HOST and PORT; ports below 1024 need a permit"


_NO_MERCHANT = """
[bold yellow]还没有商户[/]：请在另一个终端新建，届时显示店主的登录名与一次性密码。
[bold yellow]There is no merchant yet[/]: make one in another terminal; the owner's log-in is shown there.
  [bold]huimeng merchant create --code myshop --name 我的店[/]
"""


def run(settings: Settings, console: Console, *, demo: bool = False) -> None:
    """Serves until a signal; everything that was started here ends with it.

    demo: the public demo data is imported first, unless it is there already.
    """
    configure_logging()
    check_binding(settings)
    os.environ.setdefault("HUIMENG_DATA", str(settings.data_dir))
    with _only_one(settings):
        _check_port(settings)
        with opened(settings) as urls:
            upgrade(urls.owner)
            if demo:
                asyncio.run(_load_demo(settings, urls, console))
            asyncio.run(_welcome(settings, urls, console))
            _serve(settings, console)
    console.print("会盟已停止，数据已保存。 Huimeng has stopped; everything is saved.")


async def _load_demo(settings: Settings, urls: DatabaseUrls, console: Console) -> None:
    from huimeng.entry.cli_import import show_demo
    from huimeng.entry.demo import is_loaded

    if is_loaded(settings.data_dir):
        return
    async with connected(settings, urls, importing=True) as context:
        await show_demo(context, console)


async def _welcome(settings: Settings, urls: DatabaseUrls, console: Console) -> None:
    db = await Database.open(urls)
    try:
        vault = await open_vault(db, settings.data_dir, settings.master_key)
        await owners_of_the_new(db, vault, console)
        if not await list_merchants(db, limit=1):
            console.print(_NO_MERCHANT)
    finally:
        await db.close()


def _serve(settings: Settings, console: Console) -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": _metrics_folder(settings)}
    if sys.stderr.isatty():
        # Somebody sits there: a line for each request would drown what is meant for a person.
        environment.setdefault("HUIMENG_LOG_LEVEL", "warning")
    modules = [*["huimeng.entry.serve"] * settings.workers, "huimeng.entry.worker"]
    children = [_Child(module, environment) for module in modules]
    threading.Thread(target=_announce, args=(settings, console), daemon=True).start()
    try:
        while not stop.wait(0.3):
            for child in children:
                child.look()
    finally:
        for child in children:
            child.ask_to_end()
        for child in children:
            child.wait()


def _announce(settings: Settings, console: Console) -> None:
    """Tells the address once it answers, not before."""
    # Nobody can go to "every address": the machine itself, and the one at which its neighbours reach it.
    host, *others = [settings.host] if settings.host not in _EVERY else [_EVERY[settings.host], *_own_address()]
    address = _address(settings, host)
    # Ourselves, at an address that our certificate need not name.
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    # No proxy leads to this machine, whatever the environment names for the rest of the world.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusting))
    while True:
        try:
            with direct.open(f"{address}/readyz", timeout=5):
                break
        except OSError:
            time.sleep(0.1)
    console.print("\n[bold green]会盟 Huimeng[/] 已就绪 is ready  (Ctrl-C 结束 to end)")
    for each in (address, *(_address(settings, other) for other in others)):
        console.print(f"  [bold]{each}/[/]\n  {each}/docs   API")
    console.print()


_EVERY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def _address(settings: Settings, host: str) -> str:
    told = f"[{host}]" if ":" in host else host
    return f"http{'s' if settings.tls_cert else ''}://{told}:{settings.port}"


def _own_address() -> list[str]:
    """That from which packets would go out into the network; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return []
        return [probe.getsockname()[0]]


# A process that dies at its start is not tried again without end, all day long, at full speed.
_START_AGAIN_SECONDS = 1.0


class _Child:
    """A process of ours, started again whenever it dies."""

    def __init__(self, module: str, environment: dict[str, str]) -> None:
        self._module = module
        self._environment = environment
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self._started = time.monotonic()
        # Its own session: Ctrl-C reaches the parent, which ends everybody in order.
        return subprocess.Popen([sys.executable, "-m", self._module], env=self._environment, start_new_session=True)

    def look(self) -> None:
        code = self._process.poll()
        if code is not None and time.monotonic() >= self._started + _START_AGAIN_SECONDS:
            log.warning("%s has ended (%d) and is started again", self._module, code)
            self._process = self._start()

    def ask_to_end(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    # As the embedded database makes it; what is inside is nobody else's to list.
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (settings.data_dir / "serve.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyServing(folder=str(settings.data_dir)) from error
        yield


def _metrics_folder(settings: Settings) -> str:
    """The processes' metrics are added up through files; those of an earlier run would be counted again."""
    folder = settings.data_dir / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return str(folder)


def _check_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(port=settings.port) from error
            raise AddressUnusable(host=settings.host, port=settings.port, reason=error.strerror) from error
