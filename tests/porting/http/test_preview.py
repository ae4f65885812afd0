"""A file that is held: looked at, checked with one mapping and another, and only then imported."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from huimeng.entry.context import Context
from huimeng.infra.audit import reading
from huimeng.porting.jobs import Importer
from tests.conftest import Shop
from tests.porting.handing import BAD, MEMBERS, ORDERS, hand_in, incoming, look
from tests.served import caller, fresh, token

STRANGE = "单据,成交于,门店,收到,谁\nA1,2026-03-01 10:00:00,s1,12.00,13800009901\nA2,2026-03-01 11:00:00,s1,3.00,\n"
MAPPING = {"单据": "order_no", "成交于": "ordered_at", "收到": "paid_amount", "谁": "-"}


async def _preview(till: httpx.AsyncClient, held: dict[str, Any], **params: str) -> dict[str, Any]:
    answer = await till.get(f"/v1/imports/{held['import_id']}/preview", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _check(till: httpx.AsyncClient, held: dict[str, Any], **options: Any) -> httpx.Response:
    return await till.post(
        f"/v1/imports/{held['import_id']}/check", json={"kind": "orders", **options}, headers=fresh()
    )


async def test_a_held_file_waits_and_shows_its_columns(till: httpx.AsyncClient, worker: Importer) -> None:
    held = await hand_in(till, STRANGE, hold=True)
    assert (held["state"], held["dry_run"]) == ("held", True)
    assert await worker.run_waiting() == 0
    seen = await _preview(till, held)
    assert (seen["kind"], seen["likely_kind"], seen["platform"], seen["header_line"]) == ("orders", "orders", None, 1)
    columns = [(each["name"], each["field"]) for each in seen["columns"]]
    assert columns == [("单据", None), ("成交于", None), ("门店", "store"), ("收到", None), ("谁", None)]
    # Of a column that nobody knows, days and amounts are shown, of anything else how it begins.
    assert [each["samples"] for each in seen["columns"]] == [
        ["A*", "A*"],
        ["2026-03-01 10:00:00", "2026-03-01 11:00:00"],
        ["s1"],
        ["12.00", "3.00"],
        ["138****9901"],
    ]
    assert {each["field"] for each in seen["fields"] if each["required"]} == {
        *("order_no", "ordered_at", "store", "paid_amount")
    }


async def test_checked_with_a_mapping_which_is_remembered(till: httpx.AsyncClient, worker: Importer) -> None:
    held = await hand_in(till, STRANGE, hold=True)
    assert (await _check(till, held)).status_code == 202
    await worker.run_waiting()
    assert (await look(till, held))["error"]["code"] == "import_columns_missing"
    checked = await _check(till, held, mapping=MAPPING, source="meituan")
    assert checked.json()["settings"]["mapping"] == MAPPING
    await worker.run_waiting()
    told = await look(till, held)
    assert (told["state"], told["dry_run"], told["counts"]["created"], told["error"]) == ("done", True, 2, None)
    await till.post(f"/v1/imports/{held['import_id']}/start", headers=fresh())
    await worker.run_waiting()
    assert (await look(till, held))["counts"]["created"] == 2
    assert (await _check(till, held)).json()["code"] == "import_not_checkable"
    again = await hand_in(till, STRANGE, hold=True)
    columns = (await _preview(till, again, source="meituan"))["columns"]
    assert [each["looks_like"] for each in columns] == [None] * 5
    alike = await hand_in(till, STRANGE.replace("收到", "实收款").replace("谁", "会员电话"), hold=True)
    columns_alike = (await _preview(till, alike))["columns"]
    assert [each["looks_like"] for each in columns_alike] == [None, None, None, "paid_amount", "member"]
    assert [(each["field"], each["told"], each["left_out"]) for each in columns] == [
        ("order_no", True, False),
        ("ordered_at", True, False),
        ("store", False, False),
        ("paid_amount", True, False),
        (None, True, True),
    ]


async def test_members_are_known_by_their_header_and_masked(till: httpx.AsyncClient) -> None:
    held = await hand_in(till, MEMBERS, hold=True)
    seen = await _preview(till, held)
    assert (held["kind"], seen["kind"], seen["likely_kind"]) == ("orders", "members", "members")
    samples = {each["name"]: each["samples"] for each in seen["columns"]}
    assert samples == {"external_id": ["V1"], "phone": ["138****9901"], "name": ["张*"], "points": ["120"]}


async def _hold(till: httpx.AsyncClient, content: bytes, **options: str) -> httpx.Response:
    given = {"hold": "true", "file_name": "表.xlsx", **options}
    headers = fresh(**{"Content-Type": "application/octet-stream"})
    return await till.post("/v1/imports", params=given, content=content, headers=headers)


async def test_a_held_file_is_what_its_header_looks_like(till: httpx.AsyncClient, context: Context, shop: Shop) -> None:
    assert (await _hold(till, MEMBERS.encode())).json()["kind"] == "members"
    assert (await _hold(till, STRANGE.encode())).json()["kind"] == "orders"
    assert (await _hold(till, MEMBERS.encode(), kind="orders")).json()["kind"] == "orders"
    refused = await _hold(till, MEMBERS.encode(), hold="false")
    assert (refused.status_code, refused.json()["field"]) == (400, "kind")
    async with context.db.reader(shop.merchant_id) as conn:
        found = await reading.entries(conn, shop.cell_id, reading.Filter(action="import.queued"), reading.NEWEST, 9)
    said = [((each.after or {})["kind"], (each.after or {})["held"]) for each in found]
    assert said == [(kind, True) for kind in ("orders", "orders", "members")]


async def test_what_can_not_be_read_is_not_taken_in(till: httpx.AsyncClient, context: Context, shop: Shop) -> None:
    for content, code in (
        (b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8, "import_not_csv"),
        (b"PK\x03\x04" + b"rest" * 100, "import_sheet_damaged"),
        (b"\n\n", "import_file_empty"),
    ):
        refused = await _hold(till, content)
        assert (refused.status_code, refused.json()["code"]) == (400, code)
        assert "zip" not in refused.json()["detail"]
    assert (await till.get("/v1/imports")).json()["items"] == []
    assert incoming(context) == []
    async with context.db.reader(shop.merchant_id) as conn:
        queued = reading.Filter(action="import.queued")
        assert await reading.entries(conn, shop.cell_id, queued, reading.NEWEST, 9) == []


async def test_a_platforms_export_is_known(till: httpx.AsyncClient) -> None:
    header = "主订单编号,子订单编号,选购商品,商品数量,订单应付金额,订单提交时间,订单状态"
    text = f"{header}\n1,2,茶,1,9.9,2026-03-01,已完成\n"
    seen = await _preview(till, await hand_in(till, text, hold=True))
    assert (seen["platform"], seen["columns"][0]["field"]) == ("douyin", "order_no")


async def test_bad_rows_with_counts(till: httpx.AsyncClient, worker: Importer) -> None:
    held = await hand_in(till, BAD.replace("s1,,milk", "s1,13800009901,milk"), hold=True)
    address = f"/v1/imports/{held['import_id']}/bad-rows"
    assert (await till.get(address)).json()["code"] == "import_not_over"
    await _check(till, held)
    await worker.run_waiting()
    told = (await till.get(address)).json()
    assert {each["code"]: each["rows"] for each in told["by_code"]} == {"bad_amount": 1, "unknown_member": 1}
    values = {row["code"]: (row["line"], row["value"]) for row in told["items"]}
    assert values == {"bad_amount": (3, "ten"), "unknown_member": (2, "138****9901")}
    assert told["counted_all"] is True
    first = (await till.get(address, params={"limit": 1})).json()
    assert len(first["items"]) == 1 and len(first["by_code"]) == 2


async def test_nothing_is_bad(till: httpx.AsyncClient, worker: Importer) -> None:
    started = await hand_in(till, ORDERS)
    await worker.run_waiting()
    told = (await till.get(f"/v1/imports/{started['import_id']}/bad-rows")).json()
    assert told == {"items": [], "by_code": [], "unknown_statuses": [], "counted_all": True}


WORDS = "订单号,下单时间,门店,实付金额,状态,收货人\n" + "".join(
    f"A{n},2026-03-01 10:00:00,s1,5.00,{word},李雷雷\n"
    for n, word in enumerate(("挂账", "已完成", "挂账", "13911112222"))
)


async def test_words_of_status_are_told_and_remembered(till: httpx.AsyncClient, worker: Importer) -> None:
    held = await hand_in(till, WORDS, hold=True)
    seen = await _preview(till, held, source="pos")
    assert (seen["status_column"], seen["statuses_whole"]) == ("状态", True)
    # A phone is no word that anybody would tell, and not shown.
    known = {"word": "已完成", "rows": 1, "status": "completed", "told": False}
    assert seen["statuses"] == [{"word": "挂账", "rows": 2, "status": None, "told": False}, known]
    await _check(till, held, source="pos")
    await worker.run_waiting()
    bad = (await till.get(f"/v1/imports/{held['import_id']}/bad-rows")).json()
    assert bad["unknown_statuses"] == [{"column": "状态", "word": "挂账", "rows": 2}]
    told = {"挂账": "voided"}
    assert (await _check(till, held, source="pos", statuses=told)).json()["settings"]["statuses"] == told
    await worker.run_waiting()
    assert (await look(till, held))["counts"]["created"] == 3
    await till.post(f"/v1/imports/{held['import_id']}/start", headers=fresh())
    await worker.run_waiting()
    again = await hand_in(till, WORDS, hold=True)
    remembered = [{"word": "挂账", "rows": 2, "status": "voided", "told": True}, known]
    assert (await _preview(till, again, source="pos"))["statuses"] == remembered
    assert (await _preview(till, again))["statuses"][0]["status"] is None
    assert (await _preview(till, again, kind="members"))["statuses"] == []


async def test_words_of_another_column(till: httpx.AsyncClient) -> None:
    held = await hand_in(till, WORDS, hold=True)
    assert [each["word"] for each in (await _preview(till, held, status_column="门店"))["statuses"]] == ["s1"]
    shown = await _preview(till, held, status_column="收货人")
    assert (shown["status_column"], shown["statuses"]) == ("收货人", [])
    assert (await _preview(till, held, status_column="没有"))["status_column"] is None


async def test_words_of_a_platform(till: httpx.AsyncClient) -> None:
    header = "主订单编号,子订单编号,选购商品,商品数量,订单应付金额,订单提交时间,订单状态"
    rows = "".join(f"{n},{n},茶,1,9.9,2026-03-01,{word}\n" for n, word in enumerate(("已发货", "已关闭", "挂账")))
    seen = await _preview(till, await hand_in(till, f"{header}\n{rows}", hold=True))
    assert {each["word"]: each["status"] for each in seen["statuses"]} == {
        "挂账": None,
        "已发货": "open",
        "已关闭": "closed",
    }


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ('{"挂账": "paid"}', "import_status_invalid"),
        ('{"挂账": 1}', "invalid_input"),
        ("[]", "invalid_input"),
        ('{"a\\u0000": "open"}', "import_status_invalid"),
    ],
)
async def test_words_that_are_none(till: httpx.AsyncClient, statuses: str, code: str) -> None:
    answer = await till.post(
        "/v1/imports",
        params={"kind": "orders", "statuses": statuses},
        content=WORDS.encode(),
        headers=fresh(**{"Content-Type": "text/csv"}),
    )
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_words_come_with_the_file(till: httpx.AsyncClient, worker: Importer) -> None:
    started = await hand_in(till, WORDS, dry_run=True, statuses='{"挂账": "open"}')
    assert started["settings"]["statuses"] == {"挂账": "open"}
    await worker.run_waiting()
    counts = (await look(till, started))["counts"]
    assert (counts["created"], counts["left_out"]) == (1, 2)
    held = await hand_in(till, WORDS, hold=True)
    assert (await _check(till, held, statuses={"挂账": "paid"})).status_code == 400


async def test_a_held_file_can_be_dropped_and_taken_up_again(till: httpx.AsyncClient) -> None:
    held = await hand_in(till, hold=True)
    start = f"/v1/imports/{held['import_id']}/start"
    assert (await till.post(start, headers=fresh())).json()["code"] == "import_not_startable"
    dropped = await till.post(f"/v1/imports/{held['import_id']}/cancel", headers=fresh())
    assert dropped.json()["state"] == "cancelled"
    assert (await _check(till, held)).json()["state"] == "queued"
    assert (await _check(till, held)).json()["code"] == "import_not_checkable"
    wrong = await hand_in(till, hold=True)
    assert (await _check(till, wrong, source_timezone="Nowhere")).json()["code"] == "import_option_invalid"
    assert (await _check(till, wrong, with_import="nonsense")).json()["code"] == "import_not_found"


async def test_who_only_reads_sees_no_file(till: httpx.AsyncClient, app: Any, context: Any, shop: Any) -> None:
    held = await hand_in(till, hold=True)
    async with caller(app, await token(context, shop, "imports:read")) as reader:
        assert (await reader.get(f"/v1/imports/{held['import_id']}/preview")).status_code == 403
        assert (await reader.get(f"/v1/imports/{held['import_id']}")).status_code == 200


async def test_what_was_told_of_another_file_leaves_a_platforms_export_known(
    till: httpx.AsyncClient, worker: Importer
) -> None:
    """Also when a column has the same name."""
    told = '{"单据":"order_no","成交于":"ordered_at","收到":"paid_amount","所属门店ID":"-"}'
    first = await hand_in(till, STRANGE, mapping=told)
    await worker.run_waiting()
    assert (await look(till, first))["state"] == "done"
    header = "主订单编号,子订单编号,选购商品,商品数量,订单应付金额,订单提交时间,订单状态,所属门店ID"
    held = await hand_in(till, f"{header}\n1,2,茶,1,9.9,2026-03-01 10:00:00,已完成,s1\n", hold=True)
    seen = await _preview(till, held)
    assert seen["platform"] == "douyin" and not any(column["told"] for column in seen["columns"])
    await _check(till, held)
    await worker.run_waiting()
    assert (await look(till, held))["counts"]["created"] == 1


TAOBAO = {
    "订单编号": '="3120001112223334445"',
    "买家会员名": "tb_lilei",
    "买家支付宝账号": "lilei@example.com",
    "买家实际支付金额": "10.50",
    "订单状态": "交易成功",
    "买家留言": "请给李雷打电话",
    "收货人姓名": "李雷雷",
    "收货地址 ": "上海市某路5号",
    "运送方式": "快递",
    "联系电话 ": "021-55556666",
    "联系手机": "'13911112222",
    "订单创建时间": "2026-11-01 10:00:00",
    "订单付款时间 ": "2026-11-01 10:01:00",
    "宝贝标题 ": "红茶",
    "宝贝总数量": "2",
    "店铺名称": "小店",
}


def _samples(seen: dict[str, Any]) -> dict[str, str]:
    return {each["name"].strip(): " ".join(each["samples"]) for each in seen["columns"]}


async def test_a_platforms_export_shows_nobody(till: httpx.AsyncClient) -> None:
    cells = ['"' + cell.replace('"', '""') + '"' for cell in TAOBAO.values()]
    text = ",".join(TAOBAO) + "\n" + ",".join(cells) + "\n"
    seen = await _preview(till, await hand_in(till, text, hold=True))
    assert seen["platform"] == "taobao_orders"
    assert _samples(seen) == {
        "订单编号": "3120001112223334445",
        "买家会员名": "t**",
        "买家支付宝账号": "****.com",
        "买家实际支付金额": "10.50",
        "订单状态": "交易成功",
        "买家留言": "请**",
        "收货人姓名": "李**",
        "收货地址": "上**",
        "运送方式": "快*",
        "联系电话": "021****6666",
        "联系手机": "139****2222",
        "订单创建时间": "2026-11-01 10:00:00",
        "订单付款时间": "2026-11-01 10:01:00",
        "宝贝标题": "红茶",
        "宝贝总数量": "2",
        "店铺名称": "小店",
    }


async def test_columns_with_unusual_names_show_nobody(till: httpx.AsyncClient) -> None:
    text = "编号,客户,联系方式,生辰,入会,积分\nE1,李雷雷,13911112222,2011-01-02,2026-01-02,30\n"
    held = await hand_in(till, text, kind="members", hold=True)
    assert _samples(await _preview(till, held, kind="members")) == {
        "编号": "E*",
        "客户": "李**",
        "联系方式": "139****2222",
        "生辰": "****-01-02",
        "入会": "2026-01-02",
        "积分": "30",
    }
    header = "门店,订单号,下单时间,商品,实付金额,会员,联系人,备注"
    text = f"{header}\ns1,C1,2026-11-01 10:00,茶,10,13911112222,李雷雷,电话13911112223 李雷\n"
    samples = _samples(await _preview(till, await hand_in(till, text, hold=True)))
    assert (samples["会员"], samples["联系人"], samples["备注"]) == ("139****2222", "李**", "电**")
    assert (samples["商品"], samples["订单号"]) == ("茶", "C1")


async def test_a_file_without_a_header_shows_nobody(till: httpx.AsyncClient, worker: Importer) -> None:
    text = "李雷雷,13911112222,120\n韩梅梅,13911113333,30\n"
    held = await hand_in(till, text, hold=True)
    told = str(await _preview(till, held))
    await _check(till, held)
    await worker.run_waiting()
    failed = await look(till, held)
    assert failed["error"]["code"] == "import_columns_missing"
    members = await hand_in(till, text, kind="members", dry_run=True)
    await worker.run_waiting()
    for seen in (told, str(failed), str(await look(till, members))):
        assert not any(secret in seen for secret in ("李雷", "韩梅", "13911112222", "13911113333")), seen


async def test_bad_rows_show_nobody(till: httpx.AsyncClient, worker: Importer) -> None:
    header = "会员,订单号,下单时间,门店,实付金额,备注"
    rows = [
        "13800009901,D1,2026-03-01 10:00:00,s1,1.00,",
        "13800009902,D1,2026-03-01 10:00:00,s1,1.00,",
        "13800009903,D2,2026-03-01 10:00:00,s1",
    ]
    started = await hand_in(till, "\n".join([header, *rows, ""]), dry_run=True)
    await worker.run_waiting()
    told = (await till.get(f"/v1/imports/{started['import_id']}/bad-rows")).json()["items"]
    assert {row["code"] for row in told} >= {"members_differ", "too_few_cells"}
    assert "1380000" not in str(told), told
    (differ,) = (row for row in told if row["code"] == "members_differ")
    assert differ["reason_zh"].endswith("138****9901, 138****9902") and "138****9901" in differ["reason_en"]


async def test_a_bad_phone_is_told_masked_with_its_line(till: httpx.AsyncClient, worker: Importer) -> None:
    text = "姓名,手机号\n甲,12345\n乙,138001380001\n丙,138****0008\n"
    started = await hand_in(till, text, kind="members", dry_run=True)
    await worker.run_waiting()
    told = (await till.get(f"/v1/imports/{started['import_id']}/bad-rows")).json()["items"]
    assert [(each["line"], each["column"], each["value"], each["code"]) for each in told] == [
        (2, "手机号", "****45", "bad_phone"),
        (3, "手机号", "138****0001", "bad_phone"),
        (4, "手机号", "138****0008", "masked_number"),
    ]
