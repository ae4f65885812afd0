"""The rate of a caller: exact for all processes together, refused before the framework, and free for who may."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from huimeng.entry.context import Context
from huimeng.infra.rate import _SLOT, _SLOTS, BURST_SECONDS, RATE, Rate, _number
from tests.conftest import Shop
from tests.entry.house import state_of
from tests.served import application, caller, fresh, token


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def allowed(rate: Rate, name: str, wanted: int, per_second: int | None = None) -> int:
    verdicts = [rate.take(name, per_second) for _ in range(wanted)]
    return sum(verdict is not None and verdict.allowed for verdict in verdicts)


def test_a_burst_then_the_rate() -> None:
    time = Time()
    rate = Rate(None, time)
    assert allowed(rate, "a", 300) == RATE * BURST_SECONDS == 200
    time.now += 1
    assert allowed(rate, "a", 300) == RATE
    time.now += 0.1
    assert allowed(rate, "a", 300) == RATE // 10
    time.now += 3600
    assert allowed(rate, "a", 300) == 200


def test_what_is_left_and_when_to_come_again() -> None:
    time = Time()
    rate = Rate(None, time)
    first = rate.take("a", 1)
    assert first is not None and (first.limit, first.remaining, first.reset, first.retry_after) == (4, 3, 1, 0)
    assert allowed(rate, "a", 3, 1) == 3
    refused = rate.take("a", 1)
    assert refused is not None and not refused.allowed
    assert (refused.remaining, refused.retry_after, refused.reset) == (0, 1, 4)
    time.now += refused.retry_after
    assert allowed(rate, "a", 2, 1) == 1


def test_one_caller_takes_nothing_from_another() -> None:
    rate = Rate(None, Time())
    assert allowed(rate, "a", 300) == 200
    assert allowed(rate, "b", 300) == 200
    assert rate.take("a", 0) is None


def test_a_refused_request_costs_nothing() -> None:
    time = Time()
    rate = Rate(None, time)
    allowed(rate, "a", 5000)
    time.now += 1
    assert allowed(rate, "a", 100) == RATE


def test_after_a_new_start_of_the_machine_nobody_is_locked_out(tmp_path: Path) -> None:
    time = Time()
    time.now = 10.0**6
    allowed(Rate(tmp_path / "rate", time), "a", 300)
    time.now = 5.0
    assert allowed(Rate(tmp_path / "rate", time), "a", 300) == 200


def test_a_full_table_forgets_who_needs_it_least() -> None:
    time = Time()
    rate = Rate(None, time)
    same = [name for name in map(str, range(3_000_000)) if _number(name) % 65536 == 77][:12]
    for name in same:
        allowed(rate, name, 200)
        time.now += 0.01
    assert len(same) == 12 and allowed(rate, same[-1], 10) <= 1


def _spend(path: str, wanted: int, found: Any) -> None:
    rate = Rate(Path(path), lambda: 1000.0)
    found.put(allowed(rate, "a", wanted))


def test_processes_share_one_count(tmp_path: Path) -> None:
    """One after the other the count is exact; with a count of its own each would allow 200."""
    context = multiprocessing.get_context("spawn")
    found = context.SimpleQueue()
    total = 0
    for _ in range(2):
        process = context.Process(target=_spend, args=(str(tmp_path / "rate"), 150, found))
        process.start()
        process.join(60)
        total += found.get()
    assert total == 200


def _ask_on_and_on(path: Path) -> None:
    times = itertools.count(1.0)
    rate = Rate(path, lambda: next(times))
    while True:
        rate.take("a", 50)


def test_nobody_reads_half_of_what_another_writes(tmp_path: Path) -> None:
    """A slot that is empty for a moment would give its caller a whole new share."""
    context = multiprocessing.get_context("spawn")
    writer = context.Process(target=_ask_on_and_on, args=(tmp_path / "rate",), daemon=True)
    writer.start()
    try:
        slots = Rate(tmp_path / "rate")._slots
        place = _number("a") % _SLOTS * _SLOT.size
        until = time.monotonic() + 120
        while slots[place : place + 8] == bytes(8) and time.monotonic() < until:
            time.sleep(0.01)
        who = slots[place : place + 8]
        assert who != bytes(8)
        assert all(slots[place : place + 8] == who for _ in range(3_000_000))
    finally:
        writer.kill()
        writer.join()


def test_a_count_has_its_room_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page without room on the disk would end the process at a request; who has none counts alone."""
    Rate(tmp_path / "rate")
    found = (tmp_path / "rate").stat()
    assert found.st_blocks * 512 >= found.st_size == 1 << 20
    monkeypatch.setattr(os, "pwrite", lambda *_: 4096)
    assert allowed(Rate(tmp_path / "full", lambda: 1000.0), "a", 300) == 200
    assert not (tmp_path / "full").exists()


@pytest.fixture
async def app(context: Context, tmp_path: Path) -> AsyncIterator[Any]:
    settings = msgspec.structs.replace(context.settings, data_dir=tmp_path)
    async with application(msgspec.structs.replace(context, settings=settings)) as running:
        # A clock that stands still gives nothing back.
        state_of(running).rate = Rate(None, Time())
        yield running


async def test_the_gate_refuses_and_says_when(app: Any, context: Context, shop: Shop) -> None:
    async with caller(app, await token(context, shop, rate_limit=1)) as client:
        answers = [await client.get("/v1/merchant") for _ in range(8)]
    passed, refused = answers[:4], answers[4:]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 4
    assert [int(answer.headers["ratelimit-remaining"]) for answer in passed] == [3, 2, 1, 0]
    assert passed[0].headers["ratelimit-limit"] == "4"
    assert refused[0].json()["code"] == "rate_limited"
    assert int(refused[0].headers["retry-after"]) >= 1
    assert refused[0].headers["ratelimit-remaining"] == "0"


async def test_a_key_without_limit_is_not_counted(app: Any, context: Context, shop: Shop) -> None:
    async with caller(app, await token(context, shop, rate_limit=0)) as client:
        answers = [await client.get("/v1/merchant") for _ in range(250)]
    assert {answer.status_code for answer in answers} == {200}
    assert "ratelimit-limit" not in answers[0].headers


async def test_the_usual_rate(app: Any, context: Context, shop: Shop) -> None:
    async with caller(app, await token(context, shop, rate_limit=None)) as client:
        answer = await client.get("/v1/merchant")
    assert (answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]) == ("200", "199")


async def test_a_wrong_key_counts_for_nobody(app: Any, context: Context, shop: Shop) -> None:
    right = await token(context, shop, rate_limit=1)
    async with caller(app, right[:-1] + ("a" if right[-1] != "a" else "b")) as stranger:
        assert {(await stranger.get("/v1/merchant")).status_code for _ in range(10)} == {401}
    async with caller(app, right) as client:
        assert (await client.get("/v1/merchant")).headers["ratelimit-remaining"] == "3"


@pytest.mark.parametrize("own", [30, None, 0])
async def test_a_key_gets_no_more_rate_by_any_number_of_keys(
    app: Any, context: Context, shop: Shop, own: int | None
) -> None:
    """It makes none, of whatever rate, and changes no rate, not even to less; its name it may change."""
    async with caller(app, await token(context, shop, rate_limit=own)) as client:
        before = (await client.get("/v1/api-keys")).json()["items"]
        for wanted in ({"rate_limit": 0}, {"rate_limit": 31}, {"rate_limit": None}, {"rate_limit": 1}, {}):
            body = {"name": "x", "scopes": ["orders:read"], **wanted}
            made = await client.post("/v1/api-keys", json=body, headers=fresh())
            assert (made.status_code, made.json()["code"]) == (403, "not_logged_in")
            if wanted:
                mine = f"/v1/api-keys/{before[0]['key_id']}"
                changed = await client.patch(mine, json={"name": "y", **wanted}, headers=fresh())
                assert (changed.status_code, changed.json()["code"]) == (403, "not_logged_in")
        assert (await client.get("/v1/api-keys")).json()["items"] == before
        renamed = await client.patch(f"/v1/api-keys/{before[0]['key_id']}", json={"name": "y"}, headers=fresh())
        assert (renamed.json()["name"], renamed.json()["rate_limit"]) == ("y", own)
