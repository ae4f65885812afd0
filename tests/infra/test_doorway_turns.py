"""Requests that follow another before its answer keep their turn, and so do the refusals. Over real sockets."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.infra.door import UVLOOP, Room, get, large, open_room, place, post, stalled, until


@pytest.fixture(scope="module")
def anyio_backend() -> Any:
    return UVLOOP


async def test_no_refusal_is_taken_for_the_answer_to_what_came_before() -> None:
    for wrong, status in ((b"\0\1\r\n\r\n", 400), (b"GET /", 408), (b"GET /b HTTP/1.1\r\nX: " + b"x" * 900_000, 431)):
        room = Room()
        async with place(room, arrival_seconds=0.1) as here:
            caller = await here.caller()
            await caller.send(post(b"1", "/a"))
            await until(lambda room=room: room.inside == 1)
            await caller.send(wrong)
            await asyncio.sleep(0.3)
            room.door.set()
            assert (await caller.answer()).body == b"/a 1"
            refusal = await caller.answer()
            assert (refusal.status, refusal.headers["connection"]) == (status, "close")
            assert room.seen == [("/a", b"1")]


async def test_nobody_sends_more_ahead_than_can_be_looked_after() -> None:
    room = Room()
    async with place(room) as here:
        caller = await here.caller()
        await caller.send(get("/a") * 30)
        await until(lambda: room.inside == 1)
        door = here.door
        assert len(door.pipeline) == 16
        room.door.set()
        assert [(await caller.answer()).status for _ in range(18)] == [200] * 17 + [429]
        assert len(room.seen) == 17


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_last_word_answers_its_own_request_whatever_came_behind(method: str) -> None:
    """A body that is announced and does not come, or one that nobody expects, would belie the end of the answer."""
    room = open_room()
    async with place(room) as here:
        caller = await here.caller()
        behind = get("/c", method="GET" if method == "HEAD" else "HEAD")
        await caller.send(get("/a") * 17 + get("/b", "Accept-Language: en", method=method) + behind)
        for _ in range(17):
            assert (await caller.answer()).status == 200
        refusal = await caller.answer(body=method == "GET")
        assert refusal.status == 429
        assert method == "HEAD" or b"Too many" in refusal.body
        assert await caller.closed()


async def test_no_more_is_read_while_a_request_waits_for_its_turn() -> None:
    room = open_room()
    async with place(room) as here:
        caller = await here.caller()
        room.door.clear()
        await caller.send(get("/a") + get("/b"))
        await until(lambda: room.inside == 1)
        door = here.door
        # As the framework does that wants to know whether the caller is still there.
        door.flow.resume_reading()
        assert door.flow.read_paused
        room.door.set()
        assert [(await caller.answer()).body for _ in range(2)] == [b"/a ", b"/b "]
        assert (await caller.ask(get("/c"))).body == b"/c "


async def test_who_is_left_with_a_request_waiting_gets_no_more(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await large(scope, receive, send)

    async with place(noted, reading_seconds=0.2) as here:
        lazy = await stalled(here)
        with caplog.at_level(logging.ERROR):
            await lazy.send(get("/a") + get("/b"))
            await until(lambda: seen and not here.state.connections)
            await asyncio.sleep(0.05)
        assert seen == ["/a"]
        assert caplog.records == []


async def test_an_answer_is_refused_in_the_words_of_its_own_request() -> None:
    room = Room()
    async with place(room, inside_max=1) as here:
        caller = await here.caller()
        await caller.send(get("/a") + get("/b", "Accept-Language: en") + get("/c", method="HEAD"))
        await until(lambda: room.inside == 1)
        here.admission.inside += 1
        room.door.set()
        assert (await caller.answer()).status == 200
        assert b"Too many" in (await caller.answer()).body


async def test_who_asks_behind_another_whether_to_send_is_told_in_turn() -> None:
    room = Room()
    async with place(room) as here:
        caller = await here.caller()
        await caller.send(post(b"1", "/a") + post(b"2", "/b", "Expect: 100-continue")[:-1])
        await until(lambda: room.inside == 1)
        room.door.set()
        assert [(await caller.answer()).status for _ in range(2)] == [200, 100]
        assert (await caller.ask(b"2")).body == b"/b 2"
