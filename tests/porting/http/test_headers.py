"""Headers that hold what no name may, or are written in another encoding; an end that can't be kept."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import msgspec
import pytest

from huimeng.infra.database import Connection
from huimeng.porting.jobs import Importer
from huimeng.porting.store import tasks
from huimeng.porting.store.tasks import ImportFailure, Progress, State, Task
from tests.porting.handing import ORDERS, hand_in, look
from tests.served import fresh


async def hand_in_bytes(till: httpx.AsyncClient, content: bytes, **options: Any) -> dict[str, Any]:
    answer = await till.post(
        "/v1/imports",
        params={"kind": "orders", **options},
        content=content,
        headers=fresh(**{"Content-Type": "text/csv"}),
    )
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_control_characters_of_a_header_are_left_out(till: httpx.AsyncClient, worker: Importer) -> None:
    """The database can't keep a NUL; it has no business in a column's name."""
    text = ORDERS.replace("paid_amount", "paid\0_amount,no\0te\x1b").replace("12.00", "12.00,x")
    started = await hand_in(till, text)
    await worker.run_waiting()
    done = await look(till, started)
    assert (done["state"], done["counts"]["created"], done["unknown_columns"]) == ("done", 1, ["note"])
    started = await hand_in(till, text, hold=True)
    seen = (await till.get(f"/v1/imports/{started['import_id']}/preview")).json()
    assert [(column["name"], column["field"]) for column in seen["columns"]][-2:] == [
        ("paid_amount", "paid_amount"),
        ("note", None),
    ]
    # By its whole name a column is told, however long.
    started = await hand_in(till, text.replace("no\0te", "n" * 100), hold=True)
    seen = (await till.get(f"/v1/imports/{started['import_id']}/preview")).json()
    assert seen["columns"][-1]["name"] == "n" * 100


async def test_a_header_that_is_wrong_is_named_without_control_characters(
    till: httpx.AsyncClient, worker: Importer
) -> None:
    missing = await hand_in_bytes(till, b"order_no,a\0b,c\n1,2,3\n")
    twice = await hand_in_bytes(till, ORDERS.replace("member", "order\0_no").encode())
    await worker.run_waiting()
    for started, code, name in (
        (missing, "import_columns_missing", "ab"),
        (twice, "import_column_repeated", "order_no"),
    ):
        error = (await look(till, started))["error"]
        assert error["code"] == code and name in error["detail_en"] and "\0" not in error["detail_zh"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [ORDERS, "订单号,下单时间,门店,实付金额\nA1,2026-03-01 10:00:00,s1,12.00\n"])
async def test_utf16_that_does_not_say_so_is_refused_by_name(
    till: httpx.AsyncClient, worker: Importer, encoding: str, text: str
) -> None:
    started = await hand_in_bytes(till, text.encode(encoding))
    await worker.run_waiting()
    told = await look(till, started)
    assert (told["state"], told["error"]["code"]) == ("failed", "import_not_csv")
    assert "UTF-8" in told["error"]["detail_zh"] and "UTF-8" in told["error"]["detail_en"]
    preview = await till.get(f"/v1/imports/{started['import_id']}/preview")
    assert (preview.status_code, preview.json()["code"]) == (400, "import_not_csv")


async def test_an_end_that_can_not_be_kept_is_a_failure(
    till: httpx.AsyncClient, worker: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not an import that seems to run until its lease is out, and is then begun again."""
    finish = tasks.finish
    calls: list[State] = []

    async def first_spoilt(
        conn: Connection, task: Task, worker: uuid.UUID, state: State, told: Progress, error: ImportFailure | None
    ) -> bool:
        calls.append(state)
        if len(calls) == 1:
            told = msgspec.structs.replace(told, unknown_columns=("a\0b",))
        return await finish(conn, task, worker, state, told, error)

    monkeypatch.setattr(tasks, "finish", first_spoilt)
    started = await hand_in(till)
    await worker.run_waiting()
    told = await look(till, started)
    assert (told["state"], told["error"]["code"], calls) == ("failed", "internal_error", ["done", "failed"])
    assert told["counts"]["created"] == 1 and told["finished_at"] is not None
