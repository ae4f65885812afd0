"""What was read a moment ago is not read again; what ends under load is read once, whoever waits."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from huimeng.infra import cache
from huimeng.infra.cache import TTL_SECONDS, Cache


class Book:
    """Each reading takes its time, and says how many there were."""

    def __init__(self) -> None:
        self.readings: list[str] = []
        self.fails = False
        self.seconds = 0.0
        self.begun = asyncio.Event()
        self.cache: Cache[str, str] = Cache(self.read, lambda: self.seconds)

    async def read(self, key: str) -> str:
        self.readings.append(key)
        number = len(self.readings)
        self.begun.set()
        await asyncio.sleep(0.01)
        if self.fails:
            raise ConnectionError("away")
        return f"{key} {number}"


async def test_many_who_ask_at_once_cause_one_reading() -> None:
    book = Book()
    for round_ in (1, 2):
        found = await asyncio.gather(*(book.cache.get("a") for _ in range(50)))
        assert set(found) == {f"a {round_}"}
        book.seconds += TTL_SECONDS
    assert book.readings == ["a", "a"]


async def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    book = Book()
    first, second = (asyncio.create_task(book.cache.get("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "a 1"
    assert book.readings == ["a"]


async def test_a_reading_that_failed_is_told_to_all_and_tried_again() -> None:
    book = Book()
    book.fails = True
    found = await asyncio.gather(*(book.cache.get("a") for _ in range(3)), return_exceptions=True)
    assert all(isinstance(error, ConnectionError) for error in found)
    book.fails = False
    assert await book.cache.get("a") == "a 2"


async def test_a_refresh_does_not_join_a_reading_that_may_have_begun_too_early() -> None:
    book = Book()
    early = asyncio.create_task(book.cache.get("a"))
    await book.begun.wait()
    assert await book.cache.refresh("a") == "a 2"
    assert await early == "a 1"


async def test_a_late_reading_does_not_replace_a_newer_one() -> None:
    book = Book()
    slow = asyncio.Event()

    async def read(key: str) -> str:
        book.readings.append(key)
        number = len(book.readings)
        if number == 1:
            book.begun.set()
            await slow.wait()
        return f"{key} {number}"

    kept: Cache[str, str] = Cache(read, lambda: book.seconds)
    early = asyncio.create_task(kept.get("a"))
    await book.begun.wait()
    book.seconds += 0.5
    assert await kept.refresh("a") == "a 2"
    slow.set()
    assert await early == "a 1"
    assert await kept.get("a") == "a 2"


async def test_nobody_joins_a_reading_that_takes_too_long() -> None:
    book = Book()
    early = asyncio.create_task(book.cache.get("a"))
    await book.begun.wait()
    book.seconds += TTL_SECONDS
    late = await asyncio.gather(*(book.cache.get("a") for _ in range(3)))
    assert (await early, set(late)) == ("a 1", {"a 2"})


async def test_who_gave_up_is_not_told_that_it_failed() -> None:
    book = Book()
    book.fails = True
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    waiting = asyncio.create_task(book.cache.get("a"))
    await book.begun.wait()
    waiting.cancel()
    await asyncio.sleep(0.05)
    gc.collect()
    assert told == []


async def test_its_room_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_KEPT", 3)
    book = Book()
    for key in "abcde":
        await book.cache.get(key)
    assert list(book.cache.kept) == ["c", "d", "e"]
