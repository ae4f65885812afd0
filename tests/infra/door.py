"""The doorway over real sockets, with an application that the test holds up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from uvicorn import Config
from uvicorn.server import ServerState

from huimeng.infra.admission import Admission
from huimeng.infra.doorway import Doorway

ALWAYS = [(b"x-frame-options", b"DENY")]
# As it is served; the standard library's loop tells of a stalled reader at other moments.
UVLOOP = ("asyncio", {"use_uvloop": True})
# Seconds for what comes at once, also on a machine that has much else to do.
PATIENCE = 60


class Room:
    """An application that answers with the body, once the door is open."""

    def __init__(self) -> None:
        self.door = asyncio.Event()
        self.inside = 0
        self.most = 0
        self.seen: list[tuple[str, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            message = await receive()
            self.seen.append((scope["path"], message.get("body", b"")))
            await self.door.wait()
            if scope["path"] == "/broken":
                raise RuntimeError("broken")
            body = f"{scope['path']} ".encode() + message["body"]
            length = (b"content-length", str(len(body)).encode())
            await send({"type": "http.response.start", "status": 200, "headers": [length]})
            await send({"type": "http.response.body", "body": body})
        finally:
            self.inside -= 1


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        code: str = msgspec.json.decode(self.body)["code"]
        return code


class Caller:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, text: bytes) -> None:
        self._writer.write(text)
        await self._writer.drain()

    async def answer(self, *, body: bool = True) -> Answer:
        head = (await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), PATIENCE)).decode()
        line, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
        length = int(headers.get("content-length", 0)) if body else 0
        return Answer(int(line.split()[1]), headers, await self._reader.readexactly(length))

    async def ask(self, text: bytes) -> Answer:
        await self.send(text)
        return await self.answer()

    async def closed(self) -> bool:
        """Nothing more comes."""
        return await asyncio.wait_for(self._reader.read(), PATIENCE) == b""

    def leave(self) -> None:
        self._writer.transport.abort()


class Place:
    def __init__(self, app: Any, admission: Admission, idle_seconds: int) -> None:
        self.config = Config(app, http="httptools", ws="none", log_config=None, timeout_keep_alive=idle_seconds)
        self.config.load()
        self.state = ServerState()
        self.admission = admission
        self.port = 0
        self.callers: list[Caller] = []

    def doorway(self) -> Doorway:
        return Doorway(self.config, self.state, {}, admission=self.admission)

    @property
    def door(self) -> Doorway:
        """The one there is."""
        (found,) = self.state.connections
        assert isinstance(found, Doorway)
        return found

    async def caller(self) -> Caller:
        made = Caller(*await asyncio.open_connection("127.0.0.1", self.port))
        self.callers.append(made)
        return made

    async def ask(self, text: bytes) -> Answer:
        return await (await self.caller()).ask(text)

    async def close(self) -> None:
        """Also from here: a connection that is left to the collector makes some later test fail."""
        for caller in self.callers:
            caller.leave()
        for connection in list(self.state.connections):
            connection.transport.abort()
        await until(lambda: not self.state.connections)


@asynccontextmanager
async def place(app: Any, idle_seconds: int = 75, **given: Any) -> AsyncIterator[Place]:
    made = Place(app, Admission(ALWAYS, **given), idle_seconds)
    server = await asyncio.get_running_loop().create_server(made.doorway, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.close()


def open_room() -> Room:
    room = Room()
    room.door.set()
    return room


async def large(scope: Any, receive: Any, send: Any) -> None:
    """More than a socket takes that nobody reads from."""
    piece = b"x" * 1_000_000
    headers = [(b"content-length", b"%d" % (20 * len(piece)))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for n in range(20):
        await send({"type": "http.response.body", "body": piece, "more_body": n < 19})


async def stalled(here: Place) -> Caller:
    """It takes some of what it is sent, and no more."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", here.port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=1024)
    caller = Caller(reader, writer)
    here.callers.append(caller)
    return caller


async def until(found: Any) -> None:
    end = asyncio.get_running_loop().time() + PATIENCE
    while not found():
        if asyncio.get_running_loop().time() > end:
            raise TimeoutError
        await asyncio.sleep(0.005)


def get(path: str = "/v1/orders", *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *lines, "", ""]).encode()


def post(body: bytes = b"{}", path: str = "/v1/orders", *lines: str) -> bytes:
    return get(path, f"Content-Length: {len(body)}", *lines, method="POST") + body
