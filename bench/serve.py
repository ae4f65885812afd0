"""A server under test, in processes of its own: `python -m bench.serve APP PORT WORKERS`, ended by SIGTERM."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

APPS = {
    "ours": "huimeng.entry.api:create_app",
    "plain": "bench.plain:create_app",
    "orm": "bench.orm:create_app",
    "empty": "bench.empty:create_app",
    "refusing": "bench.empty:create_refusing",
}
START_SECONDS = 60.0
STOP_SECONDS = 20.0


def main(name: str, port: int, workers: int) -> None:
    """Granian as `huimeng run` sets it up."""
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    Granian(
        APPS[name],
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        factory=True,
        workers_kill_timeout=10,
        log_enabled=True,
        log_level=LogLevels.warning,
    ).serve()


def _end_with_parent(parent: int) -> None:
    """A bench that was killed can't end its servers."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def server(name: str, folder: Path, workers: int = 2) -> Iterator[int]:
    """Its port; every worker answers when the block begins, and none is left when it ends."""
    port = _free_port()
    metrics = folder / f"metrics-{name}"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir()
    with (folder / f"{name}.log").open("ab") as log:
        # A session of its own: Ctrl-C reaches the bench, which ends its servers in order.
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.serve", name, str(port), str(workers)],
            env={**os.environ, "HUIMENG_DATA": str(folder), "PROMETHEUS_MULTIPROC_DIR": str(metrics)},
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_ready(process, port, workers)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_ready(process: subprocess.Popen[bytes], port: int, workers: int) -> None:
    """Connections go to the workers in turn or at random: many good answers in a row mean that all are there."""
    end = time.monotonic() + START_SECONDS
    good = 0
    while good < 8 * workers:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        if time.monotonic() > end:
            raise TimeoutError("the server did not start")
        good = good + 1 if _healthy(port) else 0
        time.sleep(0.01 if good else 0.05)


def _healthy(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as sock:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return sock.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
