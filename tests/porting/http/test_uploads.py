"""Files over HTTP arrive as streams: forms, names, options, sizes, and whatever a hostile sender thinks of."""

from __future__ import annotations

import asyncio
import io
import tracemalloc
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest
import xlsxwriter  # type: ignore[import-untyped]

from huimeng.entry.context import Context
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database
from huimeng.porting import http as porting_http
from huimeng.porting.errors import NoRoomForImport
from huimeng.porting.jobs import Importer
from huimeng.porting.rules.names import shown_name
from huimeng.porting.store import uploads
from tests.conftest import Shop, make_shop
from tests.porting.handing import BAD, MEMBERS, ORDERS, hand_in, incoming, look, part
from tests.porting.test_platforms import TAOBAO, table, taobao_order
from tests.served import caller, fresh, token


async def test_members_as_a_form(till: httpx.AsyncClient, worker: Importer) -> None:
    answer = await till.post(
        "/v1/imports",
        files={"file": ("会员.csv", MEMBERS.encode(), "text/csv")},
        data={"kind": "members", "dry_run": "false"},
        headers=fresh(),
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["file_name"] == "会员.csv"
    await worker.run_waiting()
    assert (await look(till, answer.json()))["counts"]["openings_created"] == 1


async def test_the_same_key_takes_one_file_once(till: httpx.AsyncClient, context: Context) -> None:
    headers = fresh(**{"Content-Type": "text/csv"})
    params = {"kind": "orders"}
    first = await till.post("/v1/imports", params=params, content=ORDERS.encode(), headers=headers)
    again = await till.post("/v1/imports", params=params, content=ORDERS.encode(), headers=headers)
    assert again.content == first.content and again.headers["idempotent-replayed"] == "true"
    other = await till.post("/v1/imports", params=params, content=BAD.encode(), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len((await till.get("/v1/imports")).json()["items"]) == 1
    assert incoming(context) == []


@pytest.mark.parametrize(
    ("params", "content_type", "body", "code"),
    [
        ({}, "text/csv", ORDERS, "invalid_input"),
        ({"kind": "staff"}, "text/csv", ORDERS, "invalid_input"),
        ({"kind": "orders", "colour": "red"}, "text/csv", ORDERS, "invalid_input"),
        ({"kind": "orders", "source": "a b\x00"}, "text/csv", ORDERS, "invalid_input"),
        ({"kind": "orders", "source": "a b\x07"}, "text/csv", ORDERS, "import_option_invalid"),
        ({"kind": "orders", "mapping": '{"a\\u0000": "sku"}'}, "text/csv", ORDERS, "import_option_invalid"),
        ({"kind": "orders", "source_timezone": "../../etc/passwd"}, "text/csv", ORDERS, "import_option_invalid"),
        ({"kind": "orders"}, "text/csv", "", "import_file_empty"),
        ({"kind": "orders"}, "application/json", "{}", "upload_type_unsupported"),
        ({"kind": "orders"}, "image/png", "x", "upload_type_unsupported"),
        ({"kind": "orders"}, "multipart/form-data", "x", "upload_broken"),
        ({"kind": "orders"}, "multipart/form-data; boundary=b", "no boundary here at all", "upload_broken"),
        ({"kind": "orders"}, "multipart/form-data; boundary=b", "--b\r\n", "upload_broken"),
    ],
)
async def test_what_is_refused_leaves_nothing(
    till: httpx.AsyncClient, context: Context, params: dict[str, str], content_type: str, body: str, code: str
) -> None:
    answer = await till.post(
        "/v1/imports", params=params, content=body.encode(), headers=fresh(**{"Content-Type": content_type})
    )
    assert answer.json()["code"] == code, answer.text
    assert (await till.get("/v1/imports")).json()["items"] == []
    assert incoming(context) == []


@pytest.mark.parametrize(
    "body",
    [
        part("kind", "orders") + "--b--\r\n",
        part("file", ORDERS, "a.csv") + part("file", ORDERS, "b.csv") + "--b--\r\n",
        part("file", ORDERS, "a.csv") + part("extra", "x", "c.csv") + "--b--\r\n",
        part("file", ORDERS, "a.csv"),
        part("file", ORDERS, "a.csv") + part("kind", "x" * 5000) + "--b--\r\n",
        part("file", ORDERS, "a.csv") + "".join(part(f"f{n}", "x") for n in range(30)) + "--b--\r\n",
    ],
)
async def test_a_malformed_form_is_refused(till: httpx.AsyncClient, context: Context, body: str) -> None:
    headers = fresh(**{"Content-Type": "multipart/form-data; boundary=b"})
    answer = await till.post("/v1/imports", params={"source": "x"}, content=body.encode(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "upload_broken"), answer.text
    assert incoming(context) == []


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\订单.csv", "订单.csv"),
        ("..", "orders"),
        ("", "orders"),
        ("a\x00b\n<c>.csv", "abc.csv"),
        ("x" * 500, "x" * 200),
    ],
)
async def test_a_given_name_is_no_path(
    till: httpx.AsyncClient, context: Context, shop: Shop, given: str, shown: str
) -> None:
    assert shown_name(given, "orders") == shown
    place = uploads.Uploads(context.settings.data_dir).file(1, uuid.uuid4(), shown)
    assert place.name in ("data", "data.csv") and place.parent.parent.name == "1"


async def test_a_file_larger_than_allowed(
    till: httpx.AsyncClient, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "IMPORT_MAX_BYTES", 3 * 1024 * 1024)

    async def much() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 1024 * 1024

    answer = await till.post(
        "/v1/imports", params={"kind": "orders"}, content=much(), headers=fresh(**{"Content-Type": "text/csv"})
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    assert incoming(context) == []


@pytest.mark.parametrize("as_form", [True, False])
async def test_a_large_file_is_never_held_in_memory(till: httpx.AsyncClient, as_form: bool) -> None:
    size = 64 * 1024 * 1024

    async def much() -> AsyncIterator[bytes]:
        if as_form:
            yield part("file", ORDERS, "a.csv").removesuffix("\r\n").encode()
        piece = b"\n" * 65536
        for _ in range(size // len(piece)):
            yield piece
        if as_form:
            yield b"\r\n--b--\r\n"

    kind = "multipart/form-data; boundary=b" if as_form else "text/csv"
    tracemalloc.start()
    try:
        answer = await till.post(
            "/v1/imports", params={"kind": "orders"}, content=much(), headers=fresh(**{"Content-Type": kind})
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status_code == 202 and answer.json()["file_size"] >= size
    assert peak < 16 * 1024 * 1024


async def test_only_uploads_may_be_large(till: httpx.AsyncClient) -> None:
    body = b'{"name":"' + b"x" * (5 * 1024 * 1024) + b'"}'
    headers = fresh(**{"Content-Type": "application/json"})
    assert (await till.post("/v1/regions", content=body, headers=headers)).status_code == 413
    headers = fresh(**{"Content-Type": "text/csv"})
    large = ORDERS.encode() + b"\n" * (5 * 1024 * 1024)
    answer = await till.post("/v1/imports", params={"kind": "orders"}, content=large, headers=headers)
    assert answer.status_code == 202


async def test_files_that_come_at_once_leave_the_database_its_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for one of them: each sees what the others have taken meanwhile."""
    place = uploads.Uploads(tmp_path)
    piece, pieces = 1024 * 1024, 20

    def free(folder: Path) -> int:
        taken = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
        return (pieces + 4) * piece - taken

    async def body() -> AsyncIterator[bytes]:
        for _ in range(pieces):
            yield bytes(piece)

    monkeypatch.setattr(uploads, "_room", free)
    ended = await asyncio.gather(*(place.receive(7, body(), "text/csv") for _ in range(3)), return_exceptions=True)
    assert any(isinstance(each, NoRoomForImport) for each in ended)
    assert free(tmp_path) >= 0


async def test_a_disk_without_room(till: httpx.AsyncClient, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_FREE_BYTES", 2**62)
    headers = fresh(**{"Content-Type": "text/csv"})
    answer = await till.post("/v1/imports", params={"kind": "orders"}, content=ORDERS.encode(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (507, "import_no_room")
    assert incoming(context) == []


async def test_a_silent_sender_is_let_go(
    till: httpx.AsyncClient, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(porting_http, "_SILENCE_SECONDS", 0.1)

    async def slow() -> AsyncIterator[bytes]:
        yield b"order_no"
        await asyncio.sleep(5)
        yield b"x"

    headers = fresh(**{"Content-Type": "text/csv"})
    answer = await till.post("/v1/imports", params={"kind": "orders"}, content=slow(), headers=headers)
    assert answer.json()["code"] == "upload_broken"
    assert porting_http._Receiving.of.total() == 0 and incoming(context) == []


@pytest.mark.parametrize(
    ("piece", "pause", "first", "code"),
    [
        # 10 kB/s is what a poor line has.
        (5_000, 0.5, 0, None),
        (1, 0.2, 0, "request_too_slow"),
        # What came quickly before does not count for ever.
        (1, 0.2, 2_000_000, "request_too_slow"),
    ],
)
async def test_a_sender_that_takes_for_ever_is_let_go(
    till: httpx.AsyncClient,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
    piece: int,
    pause: float,
    first: int,
    code: str | None,
) -> None:
    seconds = 0.0
    monkeypatch.setattr(porting_http, "time", SimpleNamespace(monotonic=lambda: seconds))

    async def slow() -> AsyncIterator[bytes]:
        nonlocal seconds
        yield ORDERS.encode() + b"\n" * first
        while seconds < 4 * porting_http._LOOK_SECONDS:
            seconds += pause
            yield b"\n" * piece

    headers = fresh(**{"Content-Type": "text/csv"})
    answer = await till.post("/v1/imports", params={"kind": "orders"}, content=slow(), headers=headers)
    assert (answer.status_code, answer.json().get("code")) == ((202, None) if code is None else (408, code))
    assert porting_http._Receiving.of.total() == 0 and incoming(context) == []


async def test_one_merchant_does_not_use_up_all_places(
    till: httpx.AsyncClient, app: Any, context: Context, db: Database, vault: Vault
) -> None:
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        yield ORDERS.encode()
        begun.release()
        await go_on.wait()

    def post(client: httpx.AsyncClient, content: Any) -> Any:
        headers = fresh(**{"Content-Type": "text/csv"})
        return client.post("/v1/imports", params={"kind": "orders"}, content=content, headers=headers)

    waiting = [asyncio.create_task(post(till, held())) for _ in range(porting_http._RECEIVING_OF_ONE)]
    for _ in waiting:
        await begun.acquire()
    refused = await asyncio.gather(*(post(till, held()) for _ in range(16)))
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(429, "too_busy")}
    other = await make_shop(db, vault)
    async with caller(app, await token(context, other)) as stranger:
        assert (await post(stranger, ORDERS.encode())).status_code == 202
    go_on.set()
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [202, 202]
    assert (await post(till, ORDERS.encode())).status_code == 202
    assert not porting_http._Receiving.of


async def test_columns_are_named_by_the_request(till: httpx.AsyncClient, worker: Importer) -> None:
    text = "单据,日子,店,钱\nM1,2026-03-01 10:00:00,s1,12.00\n"
    names = {"单据": "order_no", "日子": "ordered_at", "店": "store", "钱": "paid_amount"}
    started = await hand_in(till, text, mapping=msgspec.json.encode(names).decode())
    assert started["settings"]["mapping"] == names
    await worker.run_waiting()
    assert (await look(till, started))["counts"]["created"] == 1


async def test_a_workbook(till: httpx.AsyncClient, worker: Importer) -> None:
    book = io.BytesIO()
    with xlsxwriter.Workbook(book) as written:
        sheet = written.add_worksheet("三月")
        for number, row in enumerate(
            [("order_no", "ordered_at", "store", "paid_amount"), ("X1", "2026-03-01", "s1", 5)]
        ):
            sheet.write_row(number, 0, row)
    answer = await till.post(
        "/v1/imports",
        files={"file": ("三月.xlsx", book.getvalue())},
        data={"kind": "orders", "sheet": "三月"},
        headers=fresh(),
    )
    await worker.run_waiting()
    done = await look(till, answer.json())
    assert (done["state"], done["counts"].get("created")) == ("done", 1), done


@pytest.mark.parametrize("mapping", ["{", "[]", '{"a": 1}', '{"a": ["b"]}', "null", "x" * 4000])
async def test_a_mapping_that_is_none(till: httpx.AsyncClient, mapping: str) -> None:
    headers = fresh(**{"Content-Type": "text/csv"})
    params = {"kind": "orders", "mapping": mapping}
    answer = await till.post("/v1/imports", params=params, content=ORDERS.encode(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


async def test_the_other_report_must_be_the_merchants_own(
    till: httpx.AsyncClient, app: Any, context: Context, db: Database, vault: Vault
) -> None:
    theirs = await hand_in(till)
    other = await make_shop(db, vault)
    async with caller(app, await token(context, other)) as stranger:
        for wanted in (theirs["import_id"], str(uuid.uuid4()), "../../etc/passwd"):
            headers = fresh(**{"Content-Type": "text/csv"})
            params = {"kind": "orders", "with_import": wanted}
            answer = await stranger.post("/v1/imports", params=params, content=ORDERS.encode(), headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "import_not_found")


async def test_the_other_report_is_read_with_it(till: httpx.AsyncClient, worker: Importer, tmp_path: Path) -> None:
    first = await hand_in(till, dry_run=True)
    second = await hand_in(till, with_import=first["import_id"])
    assert second["settings"]["with_import"] == first["import_id"]
    await worker.run_waiting()
    # These two are no pair; that it says so shows that it has read both.
    error = (await look(till, second))["error"]
    assert error["code"] == "import_files_do_not_match"
    # Nobody typed a command.
    assert "--" not in error["detail_zh"] + error["detail_en"]


async def test_a_platforms_orders_are_of_its_source(till: httpx.AsyncClient, worker: Importer) -> None:
    text = table(TAOBAO, [taobao_order("1", "5.00", "交易成功")])
    started = await hand_in(till, text, store="s1", unknown_member="anonymous", dry_run=True)
    told = await hand_in(till, text, store="s1", unknown_member="anonymous", dry_run=True, source="tmall")
    plain = await hand_in(till, dry_run=True)
    await worker.run_waiting()
    assert [(await look(till, each))["settings"]["source"] for each in (started, told, plain)] == [
        "taobao",
        "tmall",
        "import",
    ]
    await till.post(f"/v1/imports/{started['import_id']}/start", headers=fresh())
    await worker.run_waiting()
    (order,) = (await till.get("/v1/orders")).json()["items"]
    assert order["source"] == (await look(till, started))["settings"]["source"] == "taobao"
