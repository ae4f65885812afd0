"""Who comes when the process is full is told so at once; who is inside is not hurt."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from huimeng.infra.admission import Admission


class Room:
    """An application that keeps everybody until the door is opened."""

    def __init__(self) -> None:
        self.door = asyncio.Event()
        self.inside = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        await self.door.wait()
        if scope["path"] == "/broken":
            raise RuntimeError("broken")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


async def call(app: Any, path: str = "/v1/orders", language: bytes = b"zh") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        raise AssertionError("a refusal reads no body")

    await app(
        {"type": "http", "method": "GET", "path": path, "headers": [(b"accept-language", language)]}, receive, send
    )
    return sent


@pytest.mark.parametrize(("language", "word"), [(b"zh-CN", "请求过多"), (b"en-US", "Too many")])
async def test_one_too_many_is_refused_without_being_let_in(language: bytes, word: str) -> None:
    room = Room()
    app = Admission(room, inside_max=2)
    first = [asyncio.create_task(call(app)) for _ in range(2)]
    await asyncio.sleep(0)
    start, body = await call(app, language=language)
    problem = msgspec.json.decode(body["body"])
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (429, b"1")
    assert problem["code"] == "too_busy" and word in problem["detail"]
    assert int(dict(start["headers"])[b"content-length"]) == len(body["body"])
    assert room.inside == 2
    room.door.set()
    assert [(await task)[0]["status"] for task in first] == [200, 200]


async def test_a_place_is_free_again_whatever_happened_there() -> None:
    room = Room()
    room.door.set()
    app = Admission(room, inside_max=1)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            await call(app, "/broken")
    assert (await call(app))[0]["status"] == 200


async def test_who_left_leaves_the_place() -> None:
    room = Room()
    app = Admission(room, inside_max=1)
    task = asyncio.create_task(call(app))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    room.door.set()
    assert (await call(app))[0]["status"] == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_who_looks_after_it_always_gets_in(path: str) -> None:
    room = Room()
    room.door.set()
    assert (await call(Admission(room, inside_max=0), path))[0]["status"] == 200
    assert (await call(Admission(room, inside_max=0)))[0]["status"] == 429


class Drops:
    """A body that comes in pieces; the last one only when it is let go."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.go = asyncio.Event()

    async def __call__(self) -> dict[str, Any]:
        if len(self.pieces) == 1:
            await self.go.wait()
        piece = self.pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}


async def post(app: Any, receive: Any) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app({"type": "http", "method": "POST", "path": "/v1/session", "headers": []}, receive, send)
    return sent


async def echo(scope: Any, receive: Any, send: Any) -> None:
    message = await receive()
    assert message["more_body"] is False
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


async def test_who_sends_drop_by_drop_takes_no_place() -> None:
    app = Admission(echo, inside_max=1)
    slow = [Drops(b"{", b"}") for _ in range(100)]
    waiting = [asyncio.create_task(post(app, each)) for each in slow]
    await asyncio.sleep(0.05)
    quick = Drops(b"[", b"1", b"]")
    quick.go.set()
    assert (await post(app, quick))[1]["body"] == b"[1]"
    slow[0].go.set()
    assert (await waiting[0])[1]["body"] == b"{}"
    for task in waiting:
        task.cancel()


async def test_a_body_is_not_waited_for_without_end() -> None:
    start, body = await post(Admission(echo, body_seconds=0.05), Drops(b"{", b"}"))
    assert start["status"] == 408 and msgspec.json.decode(body["body"])["code"] == "body_too_slow"


async def test_a_body_that_is_too_large_is_left_to_the_framework() -> None:
    seen: list[int] = []

    async def measure(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        seen.append(len(message["body"]))
        assert message["more_body"] is True

    await post(Admission(measure), Drops(b"x" * 3_000_000, b"x" * 3_000_000, b"never asked for"))
    assert seen == [6_000_000]


async def test_half_a_body_is_nobodys_wish() -> None:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    room = Room()
    room.door.set()
    assert await post(Admission(room), receive) == [] and room.inside == 0
