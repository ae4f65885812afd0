"""What this machine can do at all: the physical limits beside the figures."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psycopg

from bench.load import Client, Plan, order_body
from bench.measure import Figure, Options
from bench.orders import load
from bench.place import Place
from bench.serve import server
from huimeng.checkout.values import OrderIn

_PROBE_BYTES = 16 << 20
_PAGE = 8192


async def measured(place: Place, options: Options) -> list[Figure]:
    return [
        _spread("limit_flush", _flushes(place.folder, options.count(300, 20)), "ms", 1e3),
        _spread("limit_loopback", _loopback(options.count(4000, 100)), "us", 1e6),
        _spread("limit_select_1", _select_1(place, options.count(2000, 50)), "us", 1e6),
        _spread("limit_json_parse", _timed(_parse(), options.count(3000, 50)), "us", 1e6),
        _spread("limit_json_encode", _timed(_encode(), options.count(3000, 50)), "us", 1e6),
        *await _empty_handler(place, options),
    ]


def _spread(name: str, seconds: list[float], unit: str, scale: float) -> Figure:
    """p50, with p10 and p90 as its range."""
    ordered = sorted(seconds)
    low, high = ordered[len(ordered) // 10], ordered[len(ordered) * 9 // 10]
    return Figure(name, statistics.median(ordered) * scale, unit, low * scale, high * scale)


def _flushes(folder: Path, count: int) -> list[float]:
    """A page written and flushed, where the database writes its log."""
    path = folder / "flush.probe"
    fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
    page, found = b"x" * _PAGE, []
    try:
        os.pwrite(fd, b"\0" * _PROBE_BYTES, 0)
        os.fsync(fd)
        for number in range(count):
            begun = time.perf_counter()
            os.pwrite(fd, page, number * _PAGE % _PROBE_BYTES)
            sync(fd)
            found.append(time.perf_counter() - begun)
    finally:
        os.close(fd)
        path.unlink()
    return found


_ECHO = (
    "import socket, sys\n"
    "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
    "s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)\n"
    "while data := s.recv(256): s.sendall(data)\n"
)


def _loopback(count: int) -> list[float]:
    """64 bytes to another process and back."""
    with socket.create_server(("127.0.0.1", 0)) as server_socket:
        echo = subprocess.Popen([sys.executable, "-c", _ECHO, str(server_socket.getsockname()[1])])
        try:
            sock, _ = server_socket.accept()
            with sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

                def there_and_back() -> bytes:
                    sock.sendall(b"x" * 64)
                    return sock.recv(256)

                return _timed(there_and_back, count)
        finally:
            echo.kill()
            echo.wait()


def _select_1(place: Place, count: int) -> list[float]:
    """Over the socket that the server is used by, prepared."""
    with psycopg.connect(place.urls.runtime, autocommit=True, prepare_threshold=0) as conn:
        return _timed(lambda: conn.execute("select 1").fetchone(), count)


def _parse() -> Callable[[], object]:
    body = order_body(1025024, "000000000001")
    decoder = msgspec.json.Decoder(OrderIn)
    return lambda: decoder.decode(body)


def _encode() -> Callable[[], object]:
    order = msgspec.json.decode(order_body(1025024, "000000000001"), type=OrderIn)
    return lambda: msgspec.json.encode(order)


def _timed(call: Callable[[], object], count: int) -> list[float]:
    found = []
    for _ in range(count):
        begun = time.perf_counter()
        call()
        found.append(time.perf_counter() - begun)
    return found


async def _empty_handler(place: Place, options: Options) -> list[Figure]:
    """The web server and framework alone, with the same requests from the same generator."""
    with server("empty", place.folder) as port:
        clients = [Client("hm_1_1_" + "x" * 43, [1025024])] * options.count(64, 4)
        result = await load(Plan(port, clients, options.seconds(2.0), 1, warm_up=options.seconds(0.5)))
    return [
        Figure("limit_empty_handler", result.answers / result.seconds, "/s", note="uvicorn and Litestar, 2 processes"),
        Figure("limit_generator_cpu", result.cpu_us, "us", note="bench/load.py: raw sockets and epoll, a request"),
    ]
