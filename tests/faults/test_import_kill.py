"""kill -9 of the background worker in the middle of an import: the next one goes on, and nothing is taken twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.house import House, _children, _line

ORDERS = 30_000
# The lease runs out in 15 seconds; the rest is the work itself, on a busy machine.
DONE_SECONDS = 300.0


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


def worker(house: House) -> int:
    (pid,) = [pid for pid in _children(house.pid()) if b"huimeng.entry.worker" in _line(pid)]
    return pid


def written(folder: Path) -> Path:
    path = folder / "orders.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("order_no,ordered_at,store,sku,paid_amount\n")
        for number in range(ORDERS):
            file.write(f"K{number},2025-{number % 12 + 1:02}-{number % 28 + 1:02} 10:00:00,s1,tea,{number % 90}.00\n")
    return path


def until(client: httpx.Client, address: str, wanted: Any, seconds: float) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while True:
        told: dict[str, Any] = client.get(address).json()
        if wanted(told):
            return told
        assert time.monotonic() < end, told
        time.sleep(0.05)


def test_a_killed_workers_import_goes_on(house: House, tmp_path: Path) -> None:
    with house.client() as client:
        with written(tmp_path).open("rb") as file:
            answer = client.post(
                "/v1/imports",
                data={"kind": "orders", "earn": "false"},
                files={"file": ("orders.csv", file)},
                headers={"Idempotency-Key": "import"},
            )
        assert answer.status_code == 202, answer.text
        address = f"/v1/imports/{answer.json()['import_id']}"
        until(client, "/v1/orders?limit=1", lambda told: told["items"], DONE_SECONDS)
        before = client.get(address).json()
        os.kill(worker(house), signal.SIGKILL)
        done = until(client, address, lambda told: told["state"] not in ("queued", "running"), DONE_SECONDS)
        assert done["state"] == "done", done
        # Else it was over before it was killed, and the test has seen nothing.
        assert before["state"] == "running" and done["resumed"]
        assert (done["rows"], done["bad_rows"], done["counts"]["created"]) == (ORDERS, 0, ORDERS)
        numbers, cursor = [], None
        while True:
            query = {"limit": 200, **({"cursor": cursor} if cursor else {})}
            page = client.get("/v1/orders", params=query).json()
            numbers += [order["order_no"] for order in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(numbers) == len(set(numbers)) == ORDERS
