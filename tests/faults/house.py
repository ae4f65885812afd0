"""The real service in processes of its own, and customers who write down what they were promised."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec

COMMAND = [sys.executable, "-m", "huimeng.entry.cli"]


def free_port() -> int:
    """None of those that the system gives to whoever connects: such a one may be taken before it is listened on."""
    while True:
        port = 10_000 + int.from_bytes(os.urandom(2)) % 20_000
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class House:
    """`huimeng run` on a free port and a folder of its own, with one merchant, a rule and ten members."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.log = folder / "service.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_URL", "HUIMENG_"))},
            "HUIMENG_DATA": str(self.data),
            "PORT": str(self.port),
            "HUIMENG_WORKERS": "2",
        }
        # How certificates are checked, where it serves TLS.
        self.verify: Any = True
        self.token = ""
        self.members: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None

    def start_again(self, *options: str, seconds: float = 180) -> None:
        if self._process is not None:
            self._process.wait(120)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "run", *options], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        self.wait_ready(seconds)

    def start(self) -> None:
        self.start_again()
        self.huimeng("merchant", "create", "--code", "m", "--name", "m")
        self.huimeng("store", "create", "-m", "m", "--code", "s1", "--name", "s1")
        self.token = self.huimeng("api-key", "create", "-m", "m", "--rate-limit", "0").strip()
        with self.client() as client:
            rule = {"name": "积分", "points_per_yuan": "1", "effective_from": "2000-01-01T00:00:00Z"}
            self._sent(client.post("/v1/earning-rules", json=rule, headers={"Idempotency-Key": "rule"}))
            for number in range(10):
                member = {"identities": [{"kind": "phone", "value": f"1380000{number:04}"}]}
                answer = client.post("/v1/members", json=member, headers={"Idempotency-Key": f"m{number}"})
                self.members.append(self._sent(answer)["member_id"])

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)

    def wait_ready(self, seconds: float = 180) -> None:
        end = time.monotonic() + seconds
        while True:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5, verify=self.verify).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < end, self.log.read_text()[-2000:]
            time.sleep(0.1)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=60)

    def huimeng(self, *arguments: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run([*COMMAND, *arguments], env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def web_workers(self) -> list[int]:
        """Pids of the processes that answer requests, children of the service."""
        return [pid for pid in _children(self.pid()) if b"huimeng.entry.serve" in _line(pid)]

    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def everybody(self) -> list[int]:
        """Pids of the service's processes, itself left out."""
        found = _children(self.pid())
        return found + [pid for child in found for pid in _children(child)]

    def postmaster(self) -> int:
        return int((self.data / "pg" / "postmaster.pid").read_text().split()[0])

    @staticmethod
    def _sent(answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body


def _line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


class Promise(msgspec.Struct):
    """A request with its key, and what was answered to it."""

    path: str
    key: str
    body: dict[str, Any]
    answer: bytes = b""
    tries: int = 0


class Customers:
    """Send orders and refunds with keys; whatever goes wrong, they send the same again until it is acknowledged."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.random = random.Random(seed)
        self.kept: list[Promise] = []
        self.troubles: dict[str, int] = {}
        self.acknowledged_at = 0.0
        self._number = 0
        self._stop = asyncio.Event()
        self._name = f"s{seed}"

    async def shop(self, clients: int) -> None:
        """Until stop(); then what was begun is brought to its end."""
        headers = {"Authorization": f"Bearer {self.house.token}"}
        limits = httpx.Limits(max_connections=clients)
        async with httpx.AsyncClient(base_url=self.house.url, headers=headers, timeout=20, limits=limits) as client:
            await asyncio.gather(*(self._visit(client) for _ in range(clients)))

    def stop(self) -> None:
        self._stop.set()

    async def _visit(self, client: httpx.AsyncClient) -> None:
        while not self._stop.is_set():
            order = await self._keep(client, self._order())
            if self.random.random() < 0.3:
                path = f"/v1/orders/{msgspec.json.decode(order.answer)['order_id']}/refunds"
                wanted = {"lines": [{"line_no": 1, "quantity": "1"}]}
                await self._keep(client, Promise(path, f"r-{order.key}", wanted))

    def _order(self) -> Promise:
        self._number += 1
        number = f"{self._name}-{self._number}"
        body = {
            "store": "s1",
            "order_no": number,
            "ordered_at": "2026-03-04T12:00:00+08:00",
            "member_id": self.random.choice(self.house.members),
            "lines": [{"paid_fen": 2999, "quantity": "3"}, {"paid_fen": 1001}],
        }
        return Promise("/v1/orders", f"o-{number}", body)

    async def _keep(self, client: httpx.AsyncClient, promise: Promise) -> Promise:
        while True:
            promise.tries += 1
            try:
                answer = await client.post(promise.path, json=promise.body, headers={"Idempotency-Key": promise.key})
            except httpx.TransportError as error:
                self._trouble(type(error).__name__)
            else:
                if answer.status_code == 201:
                    promise.answer = answer.content
                    self.acknowledged_at = time.monotonic()
                    self.kept.append(promise)
                    return promise
                assert answer.status_code in (429, 503), (promise, answer.status_code, answer.text)
                self._trouble(answer.json()["code"])
            await asyncio.sleep(0.05)

    def _trouble(self, name: str) -> None:
        self.troubles[name] = self.troubles.get(name, 0) + 1


async def check_promises(house: House, kept: list[Promise]) -> None:
    """Every answer again, byte for byte; every order exactly once; nothing that nobody was promised."""
    headers = {"Authorization": f"Bearer {house.token}"}
    async with httpx.AsyncClient(base_url=house.url, headers=headers, timeout=30) as client:
        for first in range(0, len(kept), 16):
            some = kept[first : first + 16]
            answers = await asyncio.gather(
                *(client.post(p.path, json=p.body, headers={"Idempotency-Key": p.key}) for p in some)
            )
            for promise, answer in zip(some, answers, strict=True):
                assert (answer.status_code, answer.content) == (201, promise.answer), promise
                assert answer.headers["idempotent-replayed"] == "true"
        numbers: list[str] = []
        cursor = None
        while True:
            page = (
                await client.get("/v1/orders", params={"limit": 200, **({"cursor": cursor} if cursor else {})})
            ).json()
            numbers += [order["order_no"] for order in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
    promised = [promise.body["order_no"] for promise in kept if promise.path == "/v1/orders"]
    assert len(numbers) == len(set(numbers))
    assert sorted(numbers) == sorted(promised)
