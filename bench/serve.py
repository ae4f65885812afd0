"""A server under test, in processes of its own; a rival's are `python -m bench.serve APP PORT`, ended by SIGTERM."""

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
from importlib import import_module
from pathlib import Path

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bench.refusing import Refusing
from huimeng.entry import serve

START_SECONDS = 60.0
STOP_SECONDS = 20.0


def main(name: str, port: int) -> None:
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    # The rivals' is the server's own, as everybody uses it.
    protocol = Refusing if name == "refusing" else HttpToolsProtocol
    app = import_module("bench.empty" if name == "refusing" else f"bench.{name}").create_app()
    with serve.listening("127.0.0.1", port) as sock:
        serve.server(app, protocol).run([sock])


def _end_with_parent(parent: int) -> None:
    """A bench that was killed can't end its servers."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def server(name: str, folder: Path, workers: int = 2) -> Iterator[int]:
    """Its port; every process answers when the block begins, and none is left when it ends."""
    port = _free_port()
    metrics = folder / f"metrics-{name}"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir()
    given = {"HOST": "127.0.0.1", "PORT": str(port), "HUIMENG_DATA": str(folder)}
    command = ["huimeng.entry.serve"] if name == "ours" else ["bench.serve", name, str(port)]
    with (folder / f"{name}.log").open("ab") as log:
        processes = [
            # A session of its own: Ctrl-C reaches the bench, which ends its servers in order.
            subprocess.Popen(
                [sys.executable, "-m", *command],
                env={**os.environ, **given, "PROMETHEUS_MULTIPROC_DIR": str(metrics)},
                stderr=log,
                start_new_session=True,
            )
            for _ in range(workers)
        ]
    try:
        _wait_ready(processes, port)
        yield port
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_ready(processes: list[subprocess.Popen[bytes]], port: int) -> None:
    """Connections go to the workers in turn or at random: many good answers in a row mean that all are there."""
    end = time.monotonic() + START_SECONDS
    good = 0
    while good < 8 * len(processes):
        for process in processes:
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
    main(sys.argv[1], int(sys.argv[2]))
