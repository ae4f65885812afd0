"""The load generator: raw sockets and epoll in a process of its own, `python -m bench.load < plan.json`.

A request is three prebuilt pieces joined around a running number; a few microseconds of processor time each.
"""

from __future__ import annotations

import os
import re
import select
import socket
import sys
import time
from collections import deque

import msgspec

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEADERS_END = b"\r\n\r\n"
_DIGITS = 12
_PATIENCE_SECONDS = 20.0
# What a latency of an open loop may be too long by.
_TICK_SECONDS = 0.001


class Client(msgspec.Struct):
    """One keep-alive connection of one merchant; every member's bill is prebuilt."""

    token: str
    members: list[int]
    store: str = "s1"


class Plan(msgspec.Struct):
    """rate 0: closed loop; else requests a second, sent when they are due, measured from then.

    `first` is the number of the first order: plans that follow each other don't repeat numbers. impatient: 429 is an
    answer like another, and who finds no free connection goes away.
    """

    port: int
    clients: list[Client]
    seconds: float
    first: int
    rate: float = 0.0
    warm_up: float = 0.0
    impatient: bool = False


class Result(msgspec.Struct):
    """Latencies in seconds, sorted, of orders taken and of those refused; `away` found no connection; cpu_us is the
    generator's own processor time for a request."""

    answers: int
    seconds: float
    latencies: list[float]
    cpu_us: float
    sent: int
    failures: list[str]
    refused: list[float] = []
    away: int = 0


ORDERED_AT = "2026-03-10T11:30:00+08:00"
LINES = [
    {"sku": "milk-1l", "product": "鲜牛奶 1L", "category": "乳品", "quantity": "2", "paid_fen": 2580},
    {"sku": "egg-10", "product": "鸡蛋 10 枚", "category": "生鲜", "quantity": "1", "paid_fen": 1290},
    {"sku": "rice-5k", "product": "大米 5 kg", "category": "粮油", "quantity": "1.5", "paid_fen": 5999},
]


def order_body(member_id: int, order_no: str, store: str = "s1") -> bytes:
    order = {
        "store": store,
        "order_no": order_no,
        "ordered_at": ORDERED_AT,
        "member_id": str(member_id),
        "lines": LINES,
        "tenders": [{"kind": "wechat", "amount_fen": 9869}],
    }
    return msgspec.json.encode(order)


def pieces(client: Client) -> list[tuple[bytes, bytes, bytes]]:
    """For each member what stands before, between and after the two places of the number (key, order number)."""
    found = []
    for member_id in client.members:
        body = order_body(member_id, "#" * _DIGITS, client.store)
        head = (
            "POST /v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {client.token}\r\nContent-Length: {len(body)}\r\nIdempotency-Key: "
        )
        before, after = body.split(b"#" * _DIGITS)
        found.append((head.encode(), _HEADERS_END + before, after))
    return found


class Connection:
    """A socket, the bills it sends in turn, and what has arrived of an answer."""

    __slots__ = ("arrived", "bills", "due", "sock", "turn", "wanted")

    def __init__(self, port: int, client: Client) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bills = pieces(client)
        self.turn = 0
        self.arrived = b""
        self.wanted = 0
        self.due = 0.0

    def send(self, number: int, due: float) -> None:
        head, middle, tail = self.bills[self.turn]
        self.turn = (self.turn + 1) % len(self.bills)
        digits = b"%012d" % number
        self.due = due
        self.sock.sendall(head + digits + middle + digits + tail)

    def receive(self) -> bytes | None:
        """The whole answer, or None while some of it is missing; ConnectionError when the server hung up."""
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        if self.arrived:
            data = self.arrived + data
        if not self.wanted:
            end = data.find(_HEADERS_END)
            if end >= 0:
                length = _LENGTH.search(data, 0, end + 2)
                if length is None:
                    raise ConnectionError(f"no length in {data[:200]!r}")
                self.wanted = end + 4 + int(length[1])
        if not self.wanted or len(data) < self.wanted:
            self.arrived = data
            return None
        self.arrived, self.wanted = b"", 0
        return data


class Load:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._number = plan.first
        self._latencies: list[float] = []
        self._failures: list[str] = []
        self._refused: list[float] = []
        self._away = 0
        self._poll = select.epoll()
        self._by_fd: dict[int, Connection] = {}
        for client in plan.clients:
            connection = Connection(plan.port, client)
            self._by_fd[connection.sock.fileno()] = connection
            self._poll.register(connection.sock.fileno(), select.EPOLLIN)

    def run(self) -> Result:
        if self._plan.warm_up:
            self._closed(self._plan.warm_up)
            self._latencies.clear()
        first, cpu, begun = self._number, time.process_time(), time.perf_counter()
        if self._plan.rate:
            self._open(self._plan.rate, self._plan.seconds)
        else:
            self._closed(self._plan.seconds)
        elapsed = time.perf_counter() - begun
        sent = self._number - first
        used = (time.process_time() - cpu) / max(sent, 1) * 1e6
        return Result(
            len(self._latencies),
            elapsed,
            sorted(self._latencies),
            used,
            sent,
            self._failures[:3],
            sorted(self._refused),
            self._away,
        )

    def _closed(self, seconds: float) -> None:
        """Each connection sends its next order when the last one was answered."""
        now = time.perf_counter()
        end = now + seconds
        for connection in self._by_fd.values():
            self._next(connection, now)
        pending = len(self._by_fd)
        while pending:
            events = self._poll.poll(_PATIENCE_SECONDS)
            if not events:
                raise TimeoutError("the server does not answer")
            now = time.perf_counter()
            for fd, _ in events:
                connection = self._by_fd[fd]
                if self._done(connection, now):
                    if now < end and not self._failures:
                        self._next(connection, now)
                    else:
                        pending -= 1

    def _open(self, rate: float, seconds: float) -> None:
        """Orders are due at fixed times, whatever the server does; one that finds no free connection waits.

        It looks once a tick: woken for each answer, it would take the server's processors from it.
        """
        free = deque(self._by_fd.values())
        begun = time.perf_counter()
        due, end, step = begun, begun + seconds, 1 / rate
        while due < end or len(free) < len(self._by_fd):
            now = time.perf_counter()
            while due <= now and due < end and free:
                self._next(free.popleft(), due)
                due += step
            if self._plan.impatient:
                while due <= now and due < end:
                    self._away += 1
                    due += step
            if now > end + _PATIENCE_SECONDS:
                raise TimeoutError("the server does not answer")
            time.sleep(_TICK_SECONDS)
            for fd, _ in self._poll.poll(0):
                connection = self._by_fd[fd]
                if self._done(connection, time.perf_counter()):
                    free.append(connection)

    def _next(self, connection: Connection, due: float) -> None:
        connection.send(self._number, due)
        self._number += 1

    def _done(self, connection: Connection, now: float) -> bool:
        answer = connection.receive()
        if answer is None:
            return False
        if answer[9:12] == b"429" and self._plan.impatient:
            self._refused.append(now - connection.due)
            return True
        if answer[9:12] != b"201":
            self._failures.append(answer[-400:].decode(errors="replace"))
        self._latencies.append(now - connection.due)
        return True


def main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    os.write(1, msgspec.json.encode(Load(plan).run()))


if __name__ == "__main__":
    main()
