"""A connection ends, keeps its turns and costs no more than it should, whatever is sent. Over real sockets."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import pytest

from huimeng.infra import doorway
from huimeng.infra.doorway import BODY_MAX, HEAD_MAX
from tests.infra.door import PATIENCE, UVLOOP, Caller, Room, get, large, open_room, place, post, stalled, until


@pytest.fixture(scope="module")
def anyio_backend() -> Any:
    return UVLOOP


async def goes_on(caller: Caller, piece: bytes, times: int, pause: float) -> bool:
    """Whether all of them are taken."""
    try:
        for _ in range(times):
            await caller.send(piece)
            await asyncio.sleep(pause)
    except (ConnectionError, RuntimeError):
        # Of the latter kind when it was cut before.
        return False
    return True


# -- whoever has nothing more to say goes in the end --


@pytest.mark.parametrize(
    "sent", [b"\r\n", post(b"", "/v1/imports", "X: y").replace(b": 0", b": 9")], ids=["blank line", "half a body"]
)
async def test_a_connection_ends_when_nothing_more_comes(sent: bytes) -> None:
    async def early(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async with place(early, idle_seconds=1, arrival_seconds=0.3) as here:
        caller = await here.caller()
        await caller.send(sent)
        if sent != b"\r\n":
            assert (await caller.answer()).status == 401
            await caller.send(b"x")
        assert await caller.closed()


async def test_nobody_waits_without_end_for_the_rest_of_what_was_answered() -> None:
    """A drop now and then is no reason to keep the connection."""

    async def early(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async with place(early, arrival_seconds=0.3) as here:
        caller = await here.caller()
        await caller.send(get("/v1/imports", "Content-Length: 1000000", method="POST"))
        assert (await caller.answer()).status == 413
        assert not await goes_on(caller, b"x", 20, 0.05)


async def test_a_connection_that_was_cut_leaves_nothing_behind() -> None:
    async with place(Room()) as here:
        raw = socket.create_connection(("127.0.0.1", here.port))
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await until(lambda: here.state.connections)
        door = here.door
        raw.close()
        await until(lambda: not here.state.connections)
        assert door.timeout_keep_alive_task is None


async def test_a_blank_line_now_and_then_is_no_request() -> None:
    async with place(Room(), idle_seconds=1) as here:
        caller = await here.caller()
        assert not await goes_on(caller, b"\r\n", 10, 0.3)


async def test_who_is_refused_slowly_is_told_why() -> None:
    async with place(Room(), inside_max=0, arrival_seconds=0.1) as here:
        caller = await here.caller()
        refusal = await caller.ask(post(b"{}")[:-1])
        assert (refusal.status, refusal.code) == (429, "too_busy")


def half_there(connection: object) -> bool:
    return isinstance(connection, doorway.Doorway) and connection._patience is not None


@pytest.mark.parametrize("sent", [b"GET /", post(b"{}")[:-1]], ids=["head", "body"])
async def test_who_is_half_there_at_the_end_may_send_it_again(sent: bytes) -> None:
    async with place(Room()) as here:
        caller, idle = await here.caller(), await here.caller()
        await caller.send(sent)
        await until(lambda: len(here.state.connections) == 2)
        await until(lambda: any(half_there(each) for each in here.state.connections))
        for connection in list(here.state.connections):
            connection.shutdown()
        assert (await caller.answer()).status == 429
        assert await caller.closed() and await idle.closed()


async def test_a_body_that_waits_for_its_turn_is_counted() -> None:
    room = Room()
    async with place(room) as here:
        caller = await here.caller()
        await caller.send(post(b"1", "/a") + post(b"x" * 1000, "/b"))
        await until(lambda: room.inside == 1)
        assert here.admission.held_bytes == 1000
        room.door.set()
        assert [(await caller.answer()).status for _ in range(2)] == [200, 200]
        assert here.admission.held_bytes == 0
        room.door.clear()
        await caller.send(post(b"1", "/a") + post(b"x" * 1000, "/b"))
        await until(lambda: room.inside == 1)
        # Nothing is read meanwhile, so it is seen when the first one is answered.
        caller.leave()
        room.door.set()
        await until(lambda: here.admission.held_bytes == 0 and not here.state.connections)


async def test_who_says_nothing_makes_room_for_who_does() -> None:
    """Else a few thousand idle connections take every file of the process, and nobody gets in."""
    room = Room()
    async with place(room, connections_max=3) as here:
        working, first, half = [await here.caller() for _ in range(3)]
        await working.send(get("/w"))
        await half.send(post(b"{}")[:-1])
        await until(lambda: room.inside == 1 and here.admission.held_bytes == 1)
        third = await here.caller()
        assert (await half.answer()).status == 429
        fourth = await here.caller()
        assert await first.closed()
        await third.send(get("/t"))
        await fourth.send(get("/f"))
        await until(lambda: room.inside == 3)
        # All are at work.
        assert await (await here.caller()).closed()
        room.door.set()
        assert [(await each.answer()).body for each in (working, third, fourth)] == [b"/w ", b"/t ", b"/f "]


# -- whoever does not read --


async def test_who_takes_no_answer_keeps_no_place() -> None:
    """Also while it still has a minute to take it in, and with more asked for behind it."""
    begun: list[str] = []

    async def one_size(scope: Any, receive: Any, send: Any) -> None:
        begun.append(scope["path"])
        await (large if scope["path"].startswith("/large") else open_room())(scope, receive, send)

    async with place(one_size, inside_max=1) as here:
        lazy = [await stalled(here) for _ in range(5)]
        for n, caller in enumerate(lazy, 1):
            await caller.send(get("/large") + get("/large/2"))
            await until(lambda n=n: len(begun) == n and here.admission.inside == 0)
        assert begun == ["/large"] * 5
        assert (await here.ask(get())).status == 200


async def test_who_takes_an_answer_slowly_gets_the_whole_of_it() -> None:
    async with place(large, reading_seconds=1.5) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(get())
        for _ in range(10):
            await asyncio.wait_for(reader.readexactly(2_000_000), PATIENCE)
            await asyncio.sleep(0.2)
        writer.transport.abort()


async def test_a_closed_connection_is_not_kept_for_who_does_not_read() -> None:
    async def whole(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"20000000"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * 20_000_000})

    async with place(whole, reading_seconds=0.2) as here:
        lazy = await stalled(here)
        await lazy.send(get())
        await until(lambda: here.state.total_requests == 1)
        assert here.state.connections
        await until(lambda: not here.state.connections)


async def test_an_answer_that_breaks_off_leaves_no_connection_behind() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        # Less than what is asked to wait for the reader, and more than goes on its way without it.
        here.door.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3000000")]})
        await send({"type": "http.response.body", "body": b"x" * 60_000, "more_body": True})
        raise RuntimeError("broken")

    async with place(broken, reading_seconds=0.3) as here:
        lazy = await stalled(here)
        await lazy.send(get())
        await until(lambda: here.state.connections)
        await until(lambda: not here.state.connections)
        assert here.admission.inside == 0


async def test_who_reads_on_has_a_place_again() -> None:
    done = asyncio.Event()

    async def long(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"20000001")]})
        await send({"type": "http.response.body", "body": b"x" * 20_000_000, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await done.wait()
        await send({"type": "http.response.body", "body": b"x"})

    async with place(long) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(get())
        await until(lambda: here.admission.inside == 0 and here.state.tasks)
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(20_000_000)
        await until(lambda: here.admission.inside == 1)
        done.set()
        await reader.readexactly(1)
        await until(lambda: here.admission.inside == 0)
        writer.transport.abort()


async def test_refusals_that_nobody_reads_fill_no_memory() -> None:
    async with place(Room(), inside_max=0, reading_seconds=60) as here:
        lazy = await stalled(here)
        door = here.door
        for _ in range(100):
            # Each of these would bring a hundred times as much.
            await asyncio.wait({asyncio.ensure_future(lazy.send(get() * 1000))}, timeout=0.02)
        await until(door.transport.is_closing)
        assert door.transport.get_write_buffer_size() < 200_000


# -- what a request is --


@pytest.mark.parametrize("pieces", [1, 2])
async def test_an_offer_of_another_protocol_changes_nothing(pieces: int) -> None:
    """Java's client offers HTTP/2 with its first request: the body is the body, and no request of its own."""
    room = open_room()
    body = get("/v1/smuggled")
    asked = post(body, "/a", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    async with place(room) as here:
        caller = await here.caller()
        if pieces == 1:
            await caller.send(asked + post(b"2", "/b"))
        else:
            await caller.send(asked[: -len(body)])
            await asyncio.sleep(0.05)
            await caller.send(body + post(b"2", "/b"))
        assert (await caller.answer()).body == b"/a " + body
        assert (await caller.answer()).body == b"/b 2"
        assert [path for path, _ in room.seen] == ["/a", "/b"]


async def test_many_offers_in_one_piece() -> None:
    room = open_room()
    async with place(room) as here:
        caller = await here.caller()
        await caller.send(get("/a", "Connection: upgrade", "Upgrade: x") * 16)
        assert [(await caller.answer()).body for _ in range(16)] == [b"/a "] * 16


@pytest.mark.parametrize("path", ["/v1/orders", "x:1"])
async def test_this_is_no_proxy(path: str) -> None:
    room = open_room()
    async with place(room) as here:
        assert (await here.ask(get(path, method="CONNECT"))).status == 400
        assert room.seen == []


async def test_an_address_without_a_path_is_none() -> None:
    room = open_room()
    async with place(room) as here:
        assert (await here.ask(get("http://x"))).status == 400
        caller = await here.caller()
        assert (await caller.ask(get("/a"))).status == 200
        assert (await caller.ask(get("http://x"))).status == 400
        assert await caller.closed()


@pytest.mark.parametrize(
    ("codings", "version", "status"),
    [
        (["chunked"], "1.1", 200),
        (["Chunked "], "1.1", 200),
        (["gzip, chunked"], "1.1", 501),
        (["gzip", "chunked"], "1.1", 501),
        (["x-thing;a=1 , CHUNKED"], "1.1", 501),
        # Where a body ends that is not chunked in the end nobody can say (RFC 9112, 6.3).
        (["gzip"], "1.1", 400),
        (["chunked, gzip"], "1.1", 400),
        (["identity"], "1.1", 400),
        # It has no chunks (RFC 9112, 6.1).
        (["chunked"], "1.0", 400),
        (["gzip, chunked"], "1.0", 400),
    ],
)
@pytest.mark.parametrize("path", ["/v1/orders", "/v1/imports", "/healthz"])
async def test_of_the_codings_of_a_body_chunks_are_known(
    path: str, codings: list[str], version: str, status: int
) -> None:
    room = open_room()
    async with place(room) as here:
        caller = await here.caller()
        lines = [f"Transfer-Encoding: {coding}" for coding in codings]
        head = get(path, *lines, method="POST").replace(b"HTTP/1.1", f"HTTP/{version}".encode())
        answer = await caller.ask(head + b"2\r\n{}\r\n0\r\n\r\n")
        assert answer.status == status
        if status == 200:
            assert room.seen == [(path, b"{}")]
        else:
            assert answer.code == ("transfer_coding_unknown" if status == 501 else "not_http")
            assert await caller.closed() and room.seen == []
        assert here.admission.inside == 0


async def test_what_follows_a_body_is_no_part_of_the_head() -> None:
    seen: list[Any] = []

    async def headers(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])
        await open_room()(scope, receive, send)

    async with place(headers) as here:
        head = get("/a", "X-Forwarded-For: 1.1.1.1", "Transfer-Encoding: chunked", method="POST")
        assert (await here.ask(head + b"2\r\n{}\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n")).body == b"/a {}"
        assert [value for name, value in seen if name == b"x-forwarded-for"] == [b"1.1.1.1"]


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/imports"])
@pytest.mark.parametrize("rest", [b"0\r\nX: ", b"1;", b"0\r\n"], ids=["trailer", "extension", "trailers"])
async def test_there_is_no_end_of_a_body_without_end(path: str, rest: bytes) -> None:
    async with place(Room()) as here:
        caller = await here.caller()
        await caller.send(get(path, "Transfer-Encoding: chunked", method="POST") + b"2\r\n{}\r\n" + rest)
        assert not await goes_on(caller, b"a:\r\n" * 1000 if rest == b"0\r\n" else b"x" * 4000, 200, 0.002)


async def test_a_head_may_be_large_and_no_larger() -> None:
    room = open_room()
    async with place(room) as here:
        assert (await here.ask(get("/a", "X: " + "x" * (HEAD_MAX - 100)))).status == 200
        refusal = await here.ask(get("/a", "X: " + "x" * HEAD_MAX))
        assert (refusal.status, refusal.code) == (431, "head_too_large")
        refusal = await here.ask(get("/a", *["X: x"] * (HEAD_MAX // 6)))
        assert (refusal.status, refusal.code) == (431, "head_too_large")
        assert len(room.seen) == 1


async def test_a_body_before_it_makes_no_head_large() -> None:
    room = open_room()
    async with place(room) as here:
        caller = await here.caller()
        body = b"x" * (3 * HEAD_MAX)
        await caller.send(post(body, "/a") + b"GET /b")
        assert (await caller.answer()).body == b"/a " + body
        assert (await caller.ask(b" HTTP/1.1\r\nHost: x\r\n\r\n")).body == b"/b "


# -- the counters --


async def test_whatever_happened_nothing_is_counted_that_is_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorway, "_HELD_MAX", 100_000)
    room = Room()
    sendings = [
        post(b"x" * 1000)[:-1],
        post(b"x" * 200_000)[:-1],
        post(b"x" * (BODY_MAX + 9))[:-1],
        post(b"1") + post(b"x" * 1000)[:-1],
        post(b"1") + b"\0",
        post(b"x" * 100)[:-1] + b"y" + b"\0",
        get("/a") * 100,
        get("/broken"),
        get("/v1/imports", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\nzz\r\n",
        get("/v1/orders", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\nzz\r\n",
        get("/a", "Connection: upgrade", "Upgrade: x") + post(b"xx")[:-1],
        post(b"{}", "/v1/orders", "Expect: 100-continue")[:-1],
        b"HEAD /a HTTP/1.0\r\n\r\n",
    ]
    async with place(room, inside_max=5, arrival_seconds=0.3) as here:
        for _ in range(3):
            callers = [await here.caller() for _ in sendings * 2]
            for caller, sent in zip(callers, sendings * 2, strict=True):
                await asyncio.wait({asyncio.ensure_future(caller.send(sent))}, timeout=0.1)
            await asyncio.sleep(0.1)
            for caller in callers[::2]:
                caller.leave()
            await asyncio.sleep(0.1)
            room.door.set()
            await asyncio.sleep(0.4)
            for caller in callers[1::2]:
                caller.leave()
            await until(lambda: not here.state.connections and not here.state.tasks)
            room.door.clear()
            assert (here.admission.inside, here.admission.held_bytes) == (0, 0)
