"""Files over HTTP: handed in as a stream, worked off under a lease, answered for until they are deleted."""

from __future__ import annotations

import asyncio
import fcntl
import uuid
from datetime import datetime
from typing import Any

import httpx
import pytest

from huimeng.entry.context import Context
from huimeng.entry.worker import importer
from huimeng.infra.audit import reading
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database
from huimeng.merchant.service import create_store
from huimeng.merchant.values import StoreInput
from huimeng.porting.jobs import ATTEMPTS_MAX, Importer
from huimeng.porting.service import tasks as use_cases
from huimeng.porting.store import tasks
from huimeng.porting.store.tasks import Task
from tests.conftest import Shop, make_shop
from tests.porting.handing import BAD, ORDERS, hand_in, look
from tests.served import caller, fresh, token


async def test_a_file_is_taken_in_the_background(till: httpx.AsyncClient, worker: Importer) -> None:
    started = await hand_in(till, earn=False)
    assert (started["state"], started["file_name"], started["settings"]["earn"]) == ("queued", "三月.csv", False)
    assert await worker.run_waiting() == 1
    done = await look(till, started)
    assert (done["state"], done["rows"], done["bad_rows"], done["counts"]["created"]) == ("done", 1, 0, 1)
    assert done["started_at"] and done["finished_at"] and done["error"] is None
    orders = (await till.get("/v1/orders")).json()["items"]
    assert [order["order_no"] for order in orders] == ["A1"]
    errors = await till.get(f"/v1/imports/{started['import_id']}/errors")
    assert errors.status_code == 200 and errors.text.lstrip("\ufeff").count("\n") == 1


async def test_a_dry_run_writes_nothing_and_is_then_started(till: httpx.AsyncClient, worker: Importer) -> None:
    started = await hand_in(till, BAD, dry_run=True)
    await worker.run_waiting()
    told = await look(till, started)
    assert (told["state"], told["dry_run"], told["counts"]["created"], told["has_errors"]) == ("done", True, 1, True)
    assert (await till.get("/v1/orders")).json()["items"] == []
    address = f"/v1/imports/{started['import_id']}/start"
    again = fresh()
    queued = await till.post(address, headers=again)
    assert (queued.status_code, queued.json()["state"], queued.json()["dry_run"]) == (202, "queued", False)
    assert (await till.post(address, headers=again)).content == queued.content
    assert (await till.post(address, headers=fresh())).json()["code"] == "import_not_startable"
    await worker.run_waiting()
    assert (await look(till, started))["state"] == "done"
    assert len((await till.get("/v1/orders")).json()["items"]) == 1
    assert (await till.post(address, headers=fresh())).json()["code"] == "import_not_startable"


async def test_no_cell_of_the_error_file_is_a_formula(till: httpx.AsyncClient, worker: Importer) -> None:
    started = await hand_in(till, BAD)
    address = f"/v1/imports/{started['import_id']}/errors"
    assert (await till.get(address)).json()["code"] == "import_not_over"
    await worker.run_waiting()
    answer = await till.get(address)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "'=cmd|calc" in answer.text and ",=cmd" not in answer.text and "\n=" not in answer.text
    (shown,) = (await till.get(f"/v1/imports/{started['import_id']}/bad-rows")).json()["items"]
    assert (shown["value"], shown["order_no"]) == ("ten", "=cmd|calc")


@pytest.mark.parametrize(
    ("given", "plain", "encoded"),
    [
        ("members.xlsx", "members-errors.csv", None),
        ("会员.xlsx", "orders-errors.csv", "%E4%BC%9A%E5%91%98-%E9%94%99%E8%AF%AF.csv"),
        ('a";x=é\r\nSet-Cookie: b.csv', "orders-errors.csv", "a%3Bx%3D%C3%A9Set-Cookie%20b-errors.csv"),
        ("../../" + "长" * 300 + ".csv", "orders-errors.csv", "%E9%95%BF" * 80 + "-%E9%94%99%E8%AF%AF.csv"),
    ],
)
async def test_the_error_file_is_called_like_the_file(
    till: httpx.AsyncClient, worker: Importer, given: str, plain: str, encoded: str | None
) -> None:
    for text in (BAD, ORDERS.replace("A1", "A2")):
        started = await hand_in(till, text, file_name=given)
        await worker.run_waiting()
        answer = await till.get(f"/v1/imports/{started['import_id']}/errors")
        more = f"; filename*=UTF-8''{encoded}" if encoded else ""
        assert answer.headers.get_list("content-disposition") == [f'attachment; filename="{plain}"{more}']


async def test_the_error_file_has_a_header_in_chinese_for_who_asks(till: httpx.AsyncClient, worker: Importer) -> None:
    started, fine = await hand_in(till, BAD, file_name="bad-orders.csv"), await hand_in(till)
    await worker.run_waiting()
    address = f"/v1/imports/{started['import_id']}/errors"
    plain, chinese, english = [await till.get(address, params=given) for given in ({}, {"lang": "zh"}, {"lang": "en"})]
    header, rows = plain.text.split("\r\n", 1)
    assert header == "\ufeffline,column,value,code,reason_zh,reason_en,business_day,order_no"
    assert rows.count("\r\n") == 1 and "bad_amount" in rows
    assert chinese.text == "\ufeff行号,列,内容,代码,原因,原因（英文）,营业日,订单号\r\n" + rows
    assert english.text == plain.text
    assert "bad-orders-%E9%94%99%E8%AF%AF.csv" in chinese.headers["content-disposition"]
    assert chinese.headers["content-type"] == "text/csv; charset=utf-8"
    empty = await till.get(f"/v1/imports/{fine['import_id']}/errors", params={"lang": "zh"})
    assert empty.text == "\ufeff行号,列,内容,代码,原因,原因（英文）,营业日,订单号\r\n"


async def test_bad_rows_come_in_the_order_of_their_lines(till: httpx.AsyncClient, worker: Importer) -> None:
    rows = [f"B{n},2026-03-01 10:00:00,s1,{member},milk,{paid}" for n, member, paid in _MIXED]
    started = await hand_in(till, ORDERS + "\n".join(rows) + "\n")
    await worker.run_waiting()
    address = f"/v1/imports/{started['import_id']}/bad-rows"
    found = [(await till.get(address, params={"limit": limit})).json()["items"] for limit in (9, 2)]
    assert [[(each["line"], each["code"]) for each in items] for items in found] == [
        [(3, "unknown_member"), (4, "bad_amount"), (5, "unknown_member"), (6, "bad_amount")],
        [(3, "unknown_member"), (4, "bad_amount")],
    ]


# Amounts are seen while the file is read, members only afterwards.
_MIXED = ((1, "13800009901", "1"), (2, "", "ten"), (3, "13800009901", "1"), (4, "", "ten"))


async def test_pages_newest_first(till: httpx.AsyncClient) -> None:
    ids = [(await hand_in(till))["import_id"] for _ in range(3)]
    page = (await till.get("/v1/imports", params={"limit": 2})).json()
    assert [each["import_id"] for each in page["items"]] == ids[:0:-1]
    rest = (await till.get("/v1/imports", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert ([each["import_id"] for each in rest["items"]], rest["next_cursor"]) == (ids[:1], None)
    assert (await till.get("/v1/imports", params={"cursor": "nonsense"})).json()["code"] == "invalid_input"


async def test_another_merchants_import_is_not_there(
    till: httpx.AsyncClient, app: Any, context: Context, db: Database, vault: Vault
) -> None:
    started = await hand_in(till)
    other = await make_shop(db, vault)
    async with caller(app, await token(context, other)) as stranger:
        address = f"/v1/imports/{started['import_id']}"
        answers = [await stranger.get(address), await stranger.get(f"{address}/errors")]
        answers += [await stranger.post(f"{address}/{verb}", headers=fresh()) for verb in ("start", "cancel")]
        answers.append(await stranger.delete(address, headers=fresh()))
        answers.append(await stranger.get(f"/v1/imports/{uuid.uuid4()}"))
        answers.append(await stranger.get("/v1/imports/nonsense"))
        assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "import_not_found")}
        assert (await stranger.get("/v1/imports")).json()["items"] == []
    assert (await look(till, started))["state"] == "queued"


async def test_scopes(app: Any, context: Context, shop: Shop) -> None:
    async with caller(app, await token(context, shop, "imports:read", "orders:write")) as reader:
        refused = await reader.post("/v1/imports", params={"kind": "orders"}, content=b"x", headers=fresh())
        assert refused.json()["code"] == "permission_denied"
        assert (await reader.get("/v1/imports")).status_code == 200
    async with caller(app, await token(context, shop, "orders:read")) as stranger:
        assert (await stranger.get("/v1/imports")).status_code == 403


async def test_too_many_waiting(till: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_cases, "WAITING_MAX", 1)
    first = await hand_in(till)
    headers = fresh(**{"Content-Type": "text/csv"})
    refused = await till.post("/v1/imports", params={"kind": "orders"}, content=BAD.encode(), headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_imports")
    await till.post(f"/v1/imports/{first['import_id']}/cancel", headers=fresh())
    taken = await till.post("/v1/imports", params={"kind": "orders"}, content=BAD.encode(), headers=headers)
    assert taken.status_code == 202


async def test_a_file_that_is_none_fails_by_name(till: httpx.AsyncClient, worker: Importer) -> None:
    started = await hand_in(till, "name,colour\nx,y\n")
    await worker.run_waiting()
    failed = await look(till, started)
    assert failed["state"] == "failed" and failed["error"]["code"] == "import_columns_missing"
    assert "order_no" in failed["error"]["detail_en"]
    again = await till.post(f"/v1/imports/{started['import_id']}/start", headers=fresh())
    assert again.json()["state"] == "queued" and again.json()["error"] is None


async def test_cancelled_before_it_began(till: httpx.AsyncClient, worker: Importer) -> None:
    started = await hand_in(till)
    address = f"/v1/imports/{started['import_id']}/cancel"
    assert (await till.post(address, headers=fresh())).json()["state"] == "cancelled"
    assert await worker.run_waiting() == 0
    assert (await till.post(address, headers=fresh())).json()["code"] == "import_is_over"


def files(context: Context, shop: Shop) -> list[str]:
    """Folders of imports whose files are there."""
    folder = context.settings.data_dir / "import" / "uploads" / str(shop.merchant_id)
    return sorted(each.name for each in folder.iterdir())


async def recorded(context: Context, shop: Shop) -> list[tuple[str, str, Any]]:
    async with context.db.reader(shop.merchant_id) as conn:
        found = await reading.entries(conn, shop.cell_id, reading.Filter(), reading.NEWEST, 100)
    return [(each.action, each.object_id, (each.after or {}).get("file_name")) for each in found]


async def test_what_was_not_imported_is_discarded(
    till: httpx.AsyncClient, worker: Importer, context: Context, shop: Shop
) -> None:
    held = await hand_in(till, hold=True)
    checked = await hand_in(till, BAD, dry_run=True)
    await worker.run_waiting()
    cancelled = await hand_in(till, hold=True)
    await till.post(f"/v1/imports/{cancelled['import_id']}/cancel", headers=fresh())
    for number, task in enumerate((held, checked, cancelled)):
        address, again = f"/v1/imports/{task['import_id']}", fresh()
        gone = await till.delete(address, headers=again)
        assert (gone.status_code, gone.json()["import_id"]) == (200, task["import_id"]), gone.text
        assert gone.json()["files_deleted_at"]
        assert (await till.delete(address, headers=again)).content == gone.content
        assert (await till.delete(address, headers=fresh())).json()["code"] == "import_not_found"
        assert (await till.get(address)).status_code == 404
        assert len(files(context, shop)) == len((await till.get("/v1/imports")).json()["items"]) == 2 - number
    discarded = [each for each in await recorded(context, shop) if each[0] == "import.discarded"]
    assert discarded == [("import.discarded", each["import_id"], "三月.csv") for each in (cancelled, checked, held)]


async def test_what_runs_or_was_imported_is_not_discarded(
    till: httpx.AsyncClient, held: Held, worker: Importer, context: Context, shop: Shop
) -> None:
    async def refused(task: dict[str, Any], state: str) -> None:
        before = (await look(till, task), files(context, shop), await recorded(context, shop))
        answer = await till.delete(f"/v1/imports/{task['import_id']}", headers=fresh())
        assert (answer.status_code, answer.json()["code"]) == (409, "import_not_discardable")
        assert before == (await look(till, task), files(context, shop), await recorded(context, shop))
        assert before[0]["state"] == state

    started = await hand_in(till)
    await refused(started, "queued")
    running = asyncio.create_task(held.run_waiting())
    await held.begun.wait()
    await refused(started, "running")
    held.go_on.set()
    await running
    await refused(started, "done")
    checking = await hand_in(till, dry_run=True)
    await refused(checking, "queued")
    failed = await hand_in(till, "name,colour\nx,y\n")
    await till.post(f"/v1/imports/{checking['import_id']}/cancel", headers=fresh())
    await worker.run_waiting()
    await refused(failed, "failed")


async def test_a_report_that_another_import_reads_is_not_discarded(till: httpx.AsyncClient, worker: Importer) -> None:
    detail = await hand_in(till, hold=True)
    orders = await hand_in(till, dry_run=True, with_import=detail["import_id"].upper())
    address = f"/v1/imports/{detail['import_id']}"
    assert (await till.delete(address, headers=fresh())).json()["code"] == "import_file_in_use"
    await worker.run_waiting()
    assert (await look(till, orders))["state"] == "failed"
    assert (await till.delete(address, headers=fresh())).status_code == 200


async def test_who_only_reads_discards_nothing(till: httpx.AsyncClient, app: Any, context: Context, shop: Shop) -> None:
    task = await hand_in(till, hold=True)
    async with caller(app, await token(context, shop, "imports:read")) as reader:
        refused = await reader.delete(f"/v1/imports/{task['import_id']}", headers=fresh())
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert (await look(till, task))["state"] == "held"


class Held(Importer):
    """Stands still in the middle of an import until it is let go."""

    begun: asyncio.Event
    go_on: asyncio.Event

    async def _import(self, *given: Any) -> None:
        self.begun.set()
        await self.go_on.wait()
        await super()._import(*given)


@pytest.fixture
def held(context: Context) -> Held:
    base = importer(context)
    slow = Held(context.db, base._uploads, base._opened, lease_seconds=600, beat_seconds=0.05)
    slow.begun, slow.go_on = asyncio.Event(), asyncio.Event()
    return slow


async def test_cancelled_while_it_runs(till: httpx.AsyncClient, held: Held) -> None:
    started = await hand_in(till)
    running = asyncio.create_task(held.run_waiting())
    await held.begun.wait()
    asked = await till.post(f"/v1/imports/{started['import_id']}/cancel", headers=fresh())
    assert (asked.json()["state"], asked.json()["cancelling"]) == ("running", True)
    await running
    over = await look(till, started)
    assert (over["state"], over["cancelling"]) == ("cancelled", False)
    assert (await till.post(f"/v1/imports/{started['import_id']}/start", headers=fresh())).status_code == 202


async def lease(context: Context, shop: Shop, take: int = 0) -> datetime:
    """Until when the import is its worker's, so many seconds taken off."""
    async with context.db.tenant(shop.merchant_id) as conn:
        cursor = await conn.execute(
            "update import_task set leased_until = leased_until - make_interval(secs => %s) returning leased_until",
            (take,),
        )
        ((until,),) = await cursor.fetchall()
    assert isinstance(until, datetime)
    return until


async def test_a_lease_that_is_kept_is_not_taken_over(
    till: httpx.AsyncClient, held: Held, worker: Importer, context: Context, shop: Shop
) -> None:
    await hand_in(till)
    running = asyncio.create_task(held.run_waiting())
    await held.begun.wait()
    # Ten seconds are over, and it is kept for as long again.
    before = await lease(context, shop, take=10)
    while True:
        if await lease(context, shop) > before:
            break
        await asyncio.sleep(0.01)
    assert await worker.run_waiting() == 0
    held.go_on.set()
    assert await running == 1


async def test_a_dead_workers_import_goes_on_with_another(
    till: httpx.AsyncClient, held: Held, worker: Importer, context: Context, shop: Shop
) -> None:
    started = await hand_in(till)
    running = asyncio.create_task(held.run_waiting())
    await held.begun.wait()
    # As dead as kill -9 makes it: no heartbeat, nothing given back.
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await look(till, started))["state"] == "running"
    assert await worker.run_waiting() == 0
    await lease(context, shop, take=600)
    assert await worker.run_waiting() == 1
    assert (await look(till, started))["state"] == "done"


async def test_a_worker_that_lost_its_lease_stops(
    till: httpx.AsyncClient, held: Held, worker: Importer, context: Context, shop: Shop
) -> None:
    started = await hand_in(till)
    running = asyncio.create_task(held.run_waiting())
    await held.begun.wait()
    async with context.db.tenant(shop.merchant_id) as conn:
        await conn.execute("update import_task set leased_until = now() - interval '1 s', worker = null")
    assert await worker.run_waiting() == 1
    await asyncio.wait_for(running, 60)
    assert (await look(till, started))["state"] == "done"


async def test_a_worker_that_ends_gives_its_import_back(till: httpx.AsyncClient, held: Held) -> None:
    started = await hand_in(till)
    stop = asyncio.Event()
    running = asyncio.create_task(held.work(stop))
    await held.begun.wait()
    stop.set()
    await asyncio.wait_for(running, 60)
    assert (await look(till, started))["state"] == "queued"


async def test_what_kills_every_worker_is_given_up(
    till: httpx.AsyncClient, worker: Importer, context: Context, shop: Shop
) -> None:
    started = await hand_in(till)
    async with context.db.tenant(shop.merchant_id) as conn:
        await conn.execute("update import_task set attempts = %s", (ATTEMPTS_MAX,))
    await worker.run_waiting()
    assert (await look(till, started))["error"]["code"] == "import_broke_off"


async def test_two_workers_never_get_the_same_one(till: httpx.AsyncClient, context: Context) -> None:
    for _ in range(4):
        await hand_in(till)
    claims = await asyncio.gather(*(importer(context).claim() for _ in range(8)))
    taken = [claim.import_id for claim in claims if isinstance(claim, Task)]
    assert len(taken) == len(set(taken)) == 4


async def test_files_are_deleted_after_a_week(
    till: httpx.AsyncClient, worker: Importer, context: Context, shop: Shop
) -> None:
    started = await hand_in(till)
    await worker.run_waiting()
    waiting = await hand_in(till)
    folder = context.settings.data_dir / "import" / "uploads" / str(shop.merchant_id)
    async with context.db.tenant(shop.merchant_id) as conn:
        await conn.execute("update import_task set finished_at = finished_at - interval '6 days 23 hours'")
    await worker.delete_old()
    assert len(list(folder.iterdir())) == 2
    async with context.db.tenant(shop.merchant_id) as conn:
        await conn.execute("update import_task set finished_at = finished_at - interval '2 hours'")
    await worker.delete_old()
    assert [each.name for each in folder.iterdir()] == [waiting["import_id"]]
    over = await look(till, started)
    assert over["files_deleted_at"] and over["state"] == "done"
    gone = await till.get(f"/v1/imports/{started['import_id']}/errors")
    assert (gone.status_code, gone.json()["code"]) == (410, "import_files_deleted")


async def test_the_import_goes_on_where_a_kill_left_it(till: httpx.AsyncClient, context: Context, shop: Shop) -> None:
    """The importing service's own resume is what a second worker uses: nothing is taken twice."""
    async with context.db.tenant(shop.merchant_id) as conn:
        await create_store(conn, shop.merchant_id, StoreInput(code="s2", name="二号店"))
    rows = "".join(f"B{n},2026-03-{n % 28 + 1:02} 10:00:00,s2,,tea,{n}.00\n" for n in range(1, 300))
    started = await hand_in(till, "order_no,ordered_at,store,member,sku,paid_amount\n" + rows)

    class Dies(Importer):
        async def _look_after(self, task: Any, work: Any, watched: Any, stop: Any) -> str:
            while not watched.progress.counts.get("created"):
                await asyncio.sleep(0)
                if work.done():
                    break
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            raise KeyboardInterrupt

    base = importer(context)
    with pytest.raises(KeyboardInterrupt):
        await Dies(context.db, base._uploads, base._opened, lease_seconds=0.1).run_waiting()
    await asyncio.sleep(0.2)
    assert await importer(context).run_waiting() == 1
    done = await look(till, started)
    assert done["state"] == "done"
    async with context.db.reader(shop.merchant_id) as conn:
        cursor = await conn.execute("select count(*) from orders where cell_id = %s", (shop.cell_id,))
        assert await cursor.fetchone() == (299,)


async def test_a_file_that_a_paused_worker_holds_waits(
    till: httpx.AsyncClient, worker: Importer, context: Context, shop: Shop
) -> None:
    started = await hand_in(till)
    other = await hand_in(till, BAD)
    folder = context.settings.data_dir / "import" / "uploads"
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    with worker._uploads.errors(shop.merchant_id, uuid.UUID(started["import_id"]), False).open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        await worker.run_waiting()
        assert (await look(till, started))["state"] == "queued"
        assert (await look(till, other))["state"] == "done"
    await worker.run_waiting()
    assert (await look(till, started))["state"] == "done"


async def test_a_check_that_did_not_end_is_not_started(till: httpx.AsyncClient, worker: Importer) -> None:
    cancelled = await hand_in(till, dry_run=True)
    await till.post(f"/v1/imports/{cancelled['import_id']}/cancel", headers=fresh())
    failed = await hand_in(till, "no,columns\n1,2\n", dry_run=True)
    await worker.run_waiting()
    for started, state in ((cancelled, "cancelled"), (failed, "failed")):
        assert (await look(till, started))["state"] == state
        answer = await till.post(f"/v1/imports/{started['import_id']}/start", headers=fresh())
        assert (answer.status_code, answer.json()["code"]) == (409, "import_not_startable")


async def test_a_file_whose_import_is_started_meanwhile_stays(
    till: httpx.AsyncClient, worker: Importer, context: Context, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await hand_in(till, dry_run=True)
    await worker.run_waiting()
    async with context.db.tenant(shop.merchant_id) as conn:
        await conn.execute(
            "update import_task set finished_at = now() - interval '8 days' where merchant_id = %s",
            (shop.merchant_id,),
        )
    real = tasks.files_deleted

    async def meanwhile(conn: Any, merchant_id: int, import_ids: Any) -> list[uuid.UUID]:
        if merchant_id == shop.merchant_id:
            async with context.db.tenant(shop.merchant_id) as other:
                await use_cases.start(other, shop.merchant_id, started["import_id"])
        return await real(conn, merchant_id, import_ids)

    monkeypatch.setattr(tasks, "files_deleted", meanwhile)
    await worker.delete_old()
    await worker.run_waiting()
    assert (await look(till, started))["state"] == "done"
