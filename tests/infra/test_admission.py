"""Who comes when the process is full is told so at once; who is inside is not hurt. Over real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from huimeng.infra import doorway
from huimeng.infra.doorway import BODY_MAX, HEAD_MAX
from tests.infra.door import UVLOOP, Caller, Room, get, place, post, until


@pytest.fixture(scope="module")
def anyio_backend() -> Any:
    return UVLOOP


@pytest.mark.parametrize(("language", "word"), [("zh-CN", "请求过多"), ("en-US", "Too many"), ("", "请求过多")])
async def test_one_too_many_is_refused_without_being_let_in(language: str, word: str) -> None:
    room = Room()
    async with place(room, inside_max=2) as here:
        first = [await here.caller() for _ in range(2)]
        for caller in first:
            await caller.send(post())
        await until(lambda: room.inside == 2)
        refusal = await here.ask(post(b"{}", "/v1/orders", f"Accept-Language: {language}"))
        assert (refusal.status, refusal.headers["retry-after"], refusal.code) == (429, "1", "too_busy")
        assert word in msgspec.json.decode(refusal.body)["detail"]
        assert refusal.headers["content-type"] == "application/problem+json"
        assert refusal.headers["x-frame-options"] == "DENY"
        assert len(room.seen) == 2
        room.door.set()
        assert [(await caller.answer()).status for caller in first] == [200, 200]


async def test_whoever_comes_at_once_no_more_get_in_than_there_are_places() -> None:
    room = Room()
    async with place(room, inside_max=3) as here:
        callers = [await here.caller() for _ in range(50)]
        for caller in callers:
            await caller.send(post())
        answers = [asyncio.create_task(caller.answer()) for caller in callers]
        await until(lambda: sum(answer.done() for answer in answers) == 47)
        room.door.set()
        statuses = sorted([(await answer).status for answer in answers])
        assert (statuses, room.most) == ([200] * 3 + [429] * 47, 3)


async def test_who_was_refused_gets_in_later_on_the_same_connection() -> None:
    room = Room()
    async with place(room, inside_max=1) as here:
        first, second = await here.caller(), await here.caller()
        await first.send(post())
        await until(lambda: room.inside == 1)
        assert [(await second.ask(post())).status for _ in range(3)] == [429] * 3
        room.door.set()
        assert (await first.answer()).body == b"/v1/orders {}"
        assert (await second.ask(post(b"[]"))).body == b"/v1/orders []"


async def test_a_refusal_keeps_to_how_the_connection_is_used() -> None:
    async with place(Room(), inside_max=0) as here:
        caller = await here.caller()
        await caller.send(get(method="HEAD"))
        refusal = await caller.answer(body=False)
        assert (refusal.status, int(refusal.headers["content-length"]) > 0) == (429, True)
        assert (await caller.ask(get())).code == "too_busy"
        refusal = await caller.ask(get("/v1/orders", "Connection: close"))
        assert (refusal.status, refusal.headers["connection"]) == (429, "close")
        assert await caller.closed()
        old = await here.caller()
        assert (await old.ask(b"GET /v1/orders HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")).status == 429
        assert await old.closed()


async def test_a_place_is_free_again_whatever_happened_there() -> None:
    room = Room()
    room.door.set()
    async with place(room, inside_max=1) as here:
        for _ in range(3):
            assert (await here.ask(get("/broken"))).status == 500
        assert (await here.ask(get())).status == 200
        assert here.admission.inside == 0


async def test_who_left_leaves_the_place_when_the_work_is_done() -> None:
    room = Room()
    async with place(room, inside_max=1) as here:
        caller = await here.caller()
        await caller.send(post())
        await until(lambda: room.inside == 1)
        caller.leave()
        await asyncio.sleep(0.05)
        assert (await here.ask(get())).status == 429
        room.door.set()
        await until(lambda: room.inside == 0)
        assert (await here.ask(get())).status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/metrics?x=1"])
async def test_who_looks_after_it_always_gets_in(path: str) -> None:
    room = Room()
    room.door.set()
    async with place(room, inside_max=0) as here:
        assert (await here.ask(get(path))).status == 200
        assert (await here.ask(get())).status == 429
        assert here.admission.inside == 0


async def test_who_sends_drop_by_drop_takes_no_place() -> None:
    room = Room()
    room.door.set()
    async with place(room, inside_max=1) as here:
        slow = [await here.caller() for _ in range(100)]
        for caller in slow:
            await caller.send(post(b"{}")[:-1])
        assert (await here.ask(post(b"[1]"))).body == b"/v1/orders [1]"
        await slow[0].send(b"}")
        assert (await slow[0].answer()).body == b"/v1/orders {}"
        assert len(room.seen) == 2


@pytest.mark.parametrize("sent", [post(b"{}")[:-1], post(b"{}")[:30], b"G"], ids=["body", "head", "first byte"])
async def test_a_request_is_not_waited_for_without_end(sent: bytes) -> None:
    room = Room()
    async with place(room, arrival_seconds=0.1) as here:
        caller = await here.caller()
        refusal = await caller.ask(sent)
        assert (refusal.status, refusal.code, refusal.headers["connection"]) == (408, "request_too_slow", "close")
        assert await caller.closed()
        assert room.seen == []


async def test_a_drop_in_time_is_no_more_patience() -> None:
    """The whole request has so long, not each piece of it; the next one has as long again."""
    room = Room()
    room.door.set()
    async with place(room, arrival_seconds=2) as here:
        caller = await here.caller()
        for _ in range(3):
            await caller.send(post(b"{}")[:-1])
            await asyncio.sleep(0.7)
            assert (await caller.ask(b"}")).status == 200
        await caller.send(post(b"{" + b" " * 1000 + b"}")[:-1001])
        drops = asyncio.create_task(dropping(caller))
        assert (await caller.answer()).status == 408
        # A piece of it was still coming every now and then.
        assert not drops.done()
        drops.cancel()
        await asyncio.gather(drops, return_exceptions=True)


async def dropping(caller: Caller) -> None:
    for _ in range(100):
        await asyncio.sleep(0.1)
        await caller.send(b" ")


async def test_a_connection_on_which_nothing_comes_is_closed() -> None:
    room = Room()
    async with place(room, idle_seconds=2, inside_max=0) as here:
        silent, refused, trickling = [await here.caller() for _ in range(3)]
        assert (await refused.ask(get())).status == 429
        for _ in range(5):
            await asyncio.sleep(0.5)
            assert (await trickling.ask(get())).status == 429
        assert await silent.closed() and await refused.closed()
        assert (await trickling.ask(get())).status == 429


async def test_a_body_that_is_too_large_is_left_to_the_framework() -> None:
    seen: list[tuple[int, bool]] = []

    async def measure(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        seen.append((len(message["body"]), message["more_body"]))
        headers = [(b"content-length", b"0"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async with place(measure) as here:
        caller = await here.caller()
        await caller.send(get("/v1/orders", f"Content-Length: {3 * BODY_MAX}", method="POST"))
        await caller.send(b"x" * (BODY_MAX + 1))
        assert (await caller.answer()).status == 413
        assert seen[0][0] > BODY_MAX and seen[0][1]
        assert here.admission.held_bytes == 0


async def test_a_file_goes_through_piece_by_piece() -> None:
    pieces: list[bytes] = []

    async def take(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            pieces.append(message["body"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async with place(take, inside_max=1, arrival_seconds=0.1) as here:
        caller = await here.caller()
        await caller.send(get("/v1/imports?kind=orders", "Transfer-Encoding: chunked", method="POST"))
        await until(lambda: here.admission.inside == 1)
        assert (await here.ask(get())).status == 429
        for n in range(3):
            await caller.send(b"3\r\nab%d\r\n" % n)
            await until(lambda n=n: sum(map(len, pieces)) == 3 * (n + 1))
            await asyncio.sleep(0.06)
        assert (await caller.ask(b"0\r\n\r\n")).status == 200
        assert b"".join(pieces) == b"ab0ab1ab2"


async def test_half_a_body_is_nobodys_wish() -> None:
    room = Room()
    async with place(room) as here:
        caller = await here.caller()
        await caller.send(post(b"x" * 1000)[:-1])
        await until(lambda: here.admission.held_bytes == 999)
        caller.leave()
        await until(lambda: here.admission.held_bytes == 0)
        assert room.seen == []


async def test_bodies_that_are_not_whole_yet_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorway, "_HELD_MAX", 10_000)
    room = Room()
    room.door.set()
    async with place(room) as here:
        patient, slow = await here.caller(), await here.caller()
        await patient.send(post(b"x" * 9_000)[:-1])
        await until(lambda: here.admission.held_bytes == 8_999)
        await slow.send(post(b"x" * 20_000)[:-1])
        await asyncio.sleep(0.05)
        assert here.admission.held_bytes == 8_999
        # What comes in one piece is not in the way.
        assert (await here.ask(post())).status == 200
        assert (await slow.ask(b"x")).status == 429
        assert (await patient.ask(b"x")).status == 200
        assert here.admission.held_bytes == 0


async def test_requests_one_after_another_are_answered_in_turn() -> None:
    room = Room()
    async with place(room, inside_max=1) as here:
        caller = await here.caller()
        await caller.send(post(b"1", "/a") + post(b"2", "/b") + get("/c"))
        await until(lambda: room.seen == [("/a", b"1")])
        room.door.set()
        assert [(await caller.answer()).body for _ in range(3)] == [b"/a 1", b"/b 2", b"/c "]
        assert (room.most, here.admission.inside) == (1, 0)


async def test_whose_turn_comes_when_there_is_no_place_is_refused() -> None:
    room = Room()
    async with place(room, inside_max=1) as here:
        first, second = await here.caller(), await here.caller()
        await first.send(post(b"1", "/a") + post(b"2", "/b") + post(b"3", "/c"))
        await until(lambda: room.inside == 1)
        here.admission.inside += 1
        room.door.set()
        assert (await first.answer()).body == b"/a 1"
        refusal = await first.answer()
        assert (refusal.status, refusal.headers["connection"]) == (429, "close")
        assert await first.closed()
        here.admission.inside -= 1
        assert (await second.ask(get())).status == 200
        assert [path for path, _ in room.seen] == ["/a", "/v1/orders"]


async def test_who_asks_first_whether_to_send_the_body() -> None:
    room = Room()
    room.door.set()
    asking = post(b"{}", "/v1/orders", "Expect: 100-continue")[:-2]
    async with place(room, inside_max=1) as here:
        caller = await here.caller()
        assert (await caller.ask(asking)).status == 100
        assert (await caller.ask(b"{}")).body == b"/v1/orders {}"
        here.admission.inside += 1
        assert (await caller.ask(asking)).status == 429
        assert await caller.closed()


async def test_a_head_without_end_is_refused() -> None:
    room = Room()
    async with place(room) as here:
        caller = await here.caller()
        await caller.send(b"GET / HTTP/1.1\r\nX-A: a")
        await asyncio.sleep(0.05)
        await caller.send(b"a" * (HEAD_MAX + 1))
        refusal = await caller.answer()
        assert (refusal.status, refusal.code) == (431, "head_too_large")
        assert room.seen == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\0\1\2\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /\r\nHost: x\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n",
    ],
)
async def test_what_is_no_http(sent: bytes) -> None:
    room = Room()
    room.door.set()
    async with place(room) as here:
        caller = await here.caller()
        refusal = await caller.ask(sent)
        assert (refusal.status, refusal.code, refusal.headers["x-frame-options"]) == (400, "not_http", "DENY")
        assert await caller.closed()
        assert room.seen == []


async def test_the_older_http_names_no_host() -> None:
    room = Room()
    room.door.set()
    async with place(room) as here:
        assert (await here.ask(b"GET / HTTP/1.0\r\n\r\n")).status == 200


async def test_nothing_is_begun_on_a_connection_that_is_being_closed() -> None:
    room = Room()
    room.door.set()
    async with place(room) as here:
        caller = await here.caller()
        await caller.send(b"GET /\r\n\r\n" + post())
        assert (await caller.answer()).status == 400
        assert await caller.closed()
        await asyncio.sleep(0.05)
        assert room.seen == []
