"""An import is recorded as one thing, with who handed it in; so is the download of its bad rows."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

import huimeng.porting.http
from huimeng.entry.context import Context
from huimeng.infra.audit import SYSTEM, By, Entry, act_as, at_terminal, reading
from huimeng.infra.audit.verifying import verify
from huimeng.merchant.authentication import Principal
from huimeng.porting.jobs import Importer
from huimeng.porting.service import ImportOptions, import_members, tasks
from huimeng.porting.store.uploads import Uploads
from tests.conftest import Shop
from tests.desk import new_key
from tests.merchant.doors import served

MEMBERS = "手机号,姓名\n13800001234,张小明\n13800001235,李四\nnot-a-phone,王五\n".encode()


async def entries(context: Context, shop: Shop) -> list[Entry]:
    """Oldest first, without those of the new merchant."""
    async with context.db.reader(shop.merchant_id) as conn:
        found = await reading.entries(conn, shop.cell_id, reading.Filter(), reading.NEWEST, 100)
    return found[::-1][2:]


async def test_at_the_terminal(context: Context, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    path.write_bytes(MEMBERS)
    act_as(at_terminal())
    await import_members(context, shop.merchant_id, path, ImportOptions(dry_run=True))
    assert await entries(context, shop) == []
    await import_members(context, shop.merchant_id, path, ImportOptions())
    started, finished = await entries(context, shop)
    assert (started.action, finished.action) == ("import.started", "import.finished")
    assert started.object_id == finished.object_id
    assert {each.actor for each in (started, finished)} == {"cli"}
    for each in (started, finished):
        assert each.after is not None and each.after["file_name"] == "members.csv"
    assert finished.after is not None and finished.after["counts"]["created"] == 2
    assert "1380000" not in str(await entries(context, shop))
    assert await verify(context.db, shop.merchant_id) == []


async def test_over_http_it_is_its_callers_and_so_are_its_bad_rows(
    context: Context, shop: Shop, tmp_path: Path
) -> None:
    act_as(SYSTEM)
    uploads = Uploads(tmp_path)
    importer = Importer(context.db, uploads, lambda: nullcontext(context))
    principal = Principal(shop.merchant_id, shop.cell_id, frozenset("*"), "key:3", 3)
    async with served(huimeng.porting.http.routes, principal, db=context.db, uploads=uploads) as client:
        headers = {"Idempotency-Key": new_key("import"), "Content-Type": "text/csv"}
        params = {"kind": "members", "file_name": "C:\\x\\三月\u202e会员.csv"}
        made = await client.post("/v1/imports", content=MEMBERS, headers=headers, params=params)
        assert made.status_code == 202, made.text
        act_as(SYSTEM)
        await importer.run_waiting()
        bad = await client.get(f"/v1/imports/{made.json()['import_id']}/errors")
        assert "bad_phone" in bad.text and "not-a-phone" not in bad.text
    found = await entries(context, shop)
    assert [(each.action, each.actor) for each in found] == [
        ("import.queued", "key:3"),
        ("import.started", "key:3"),
        ("import.finished", "key:3"),
        ("export.import_result", "key:3"),
    ]
    assert [each.after and each.after.get("file_name") for each in found] == ["三月会员.csv"] * 4
    # All are found by the id that the caller knows.
    assert {(each.object_kind, each.object_id) for each in found} == {("import", made.json()["import_id"])}
    assert [each.after and "job_id" in each.after for each in found] == [False, True, True, False]


async def test_the_worker_writes_who_started_it_with_all_that_is_known(
    context: Context, shop: Shop, tmp_path: Path
) -> None:
    """Not who handed the file in: somebody else looked at the check and had it imported."""

    uploads = Uploads(tmp_path)
    importer = Importer(context.db, uploads, lambda: nullcontext(context))
    wang = By("staff:9", "王芳", "10.0.0.9", "Firefox", "r-9")
    principal = Principal(shop.merchant_id, shop.cell_id, frozenset("*"), "key:3", 3)
    async with served(huimeng.porting.http.routes, principal, db=context.db, uploads=uploads) as client:
        headers = {"Idempotency-Key": new_key("import"), "Content-Type": "text/csv"}
        params = {"kind": "members", "file_name": "members.csv", "dry_run": "true"}
        made = await client.post("/v1/imports", content=MEMBERS, headers=headers, params=params)
        assert made.status_code == 202, made.text
    act_as(SYSTEM)
    await importer.run_waiting()
    act_as(wang)
    async with context.db.tenant(shop.merchant_id) as conn:
        await tasks.start(conn, shop.merchant_id, made.json()["import_id"])
    act_as(SYSTEM)
    await importer.run_waiting()
    checked, queued, started, finished = await entries(context, shop)
    assert (checked.action, checked.actor) == ("import.queued", "key:3")
    assert (queued.action, started.action, finished.action) == ("import.queued", "import.started", "import.finished")
    for each in (queued, started, finished):
        assert By(each.actor, each.actor_name, each.ip, each.agent, each.request_id) == wang
    assert await verify(context.db, shop.merchant_id) == []


@pytest.mark.parametrize("error", [KeyError("no such user"), OSError("no name")])
def test_a_terminal_without_a_user(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def unknown() -> str:
        raise error

    monkeypatch.setattr("huimeng.infra.audit.who.getpass.getuser", unknown)
    assert (at_terminal().actor, at_terminal().name) == ("cli", "")
