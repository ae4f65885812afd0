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

    await app({"type": "http", "path": path, "headers": [(b"accept-language", language)]}, receive, send)
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
