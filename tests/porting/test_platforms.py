"""Order exports of Taobao and Douyin with their real headers, and columns that are told once for a source."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import xlsxwriter  # type: ignore[import-untyped]

from huimeng.infra.database import Database
from huimeng.merchant.service import create_store
from huimeng.merchant.values import StoreInput
from huimeng.porting.errors import BadImportOption, BadMapping, MissingColumns, NotAPair
from huimeng.porting.rules import platforms
from huimeng.porting.service import ImportOptions, import_members, import_orders
from tests.conftest import Shop
from tests.porting.conftest import Bench, as_csv, error_rows


def names(header: str) -> list[str]:
    return header.split(",")


TAOBAO = names(
    "订单编号,买家会员名,买家支付宝账号,买家应付货款,买家应付邮费,买家支付积分,总金额,返点积分,买家实际支付金额,买家实际支付积分,"
    "订单状态,买家留言,收货人姓名,收货地址,运送方式,联系电话,联系手机,订单创建时间,订单付款时间,宝贝标题,宝贝种类,物流单号,物流公司,"
    "订单备注,宝贝总数量,店铺Id,店铺名称,订单关闭原因,卖家服务费,买家服务费,发票抬头,是否手机订单,分阶段订单信息,特权订金订单id,"
    "定金排名,修改后的sku,修改后的收货地址,异常信息,天猫卡券抵扣,集分宝抵扣,是否是O2O交易"
)
DETAIL = names(
    "子订单编号,主订单编号,标题,价格,购买数量,外部系统编号,商品属性,套餐信息,备注,订单状态,商家编码,支付单号,买家应付货款,"
    "买家实际支付金额,退款状态,退款金额,订单创建时间,订单付款时间"
)
DOUYIN = names(
    "主订单编号,子订单编号,选购商品,商品规格,商品数量,商品ID,商家编码,商品单价,订单应付金额,运费,优惠总金额,平台优惠,商家优惠,达人优惠,"
    "商家改价,支付优惠,红包抵扣,支付方式,手续费,收件人,收件人手机号,省,市,区,街道,详细地址,是否修改过地址,地址修改时段,买家留言,"
    "订单提交时间,旗帜颜色,商家备注,订单完成时间,支付完成时间,APP渠道,流量来源,订单状态,承诺发货时间,订单类型,鲁班落地页ID,达人ID,"
    "达人昵称,所属门店ID,售后状态,取消原因,预约发货时间,仓库ID,仓库名称,是否安心购,广告渠道,流量类型,流量体裁,流量渠道,发货主体,"
    "发货主体明细,发货时间,降价类优惠,平台实际承担优惠金额,商家实际承担优惠金额,达人实际承担优惠金额,预计送达时间,是否平台仓自流转,车型,"
    "商品69码,发货SN码,发货IMEI码1,发货IMEI码2,预约送达时间,建议发货时间（起）,建议发货时间（止）,物流SN码,物流IMEI码1,物流IMEI码2"
)
ONE, TWO, THREE, FOUR = "1930679858170647", "3120679858170648123", "3120679858170649123", "3120679858170650123"


def table(header: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([row.get(name, "") for name in header] for row in rows)
    return text.getvalue()


def taobao_order(number: str, paid: str, status: str, **more: str) -> dict[str, str]:
    return {
        "订单编号": f'="{number}"',
        "买家会员名": "幸福蔓岩1627",
        "买家应付邮费": "0",
        "总金额": paid,
        "买家实际支付金额": paid,
        "订单状态": status,
        "联系手机": "'13843218765",
        "订单创建时间": "2024/5/23 22:02",
        "宝贝标题": "日本直邮洗面奶+化妆水",
        "宝贝总数量": "2",
        "店铺名称": "Funny宝贝快乐购",
        "卖家服务费": "0元",
        **more,
    }


def taobao_line(number: str, order: str, price: str, count: str, paid: str, **more: str) -> dict[str, str]:
    return {
        "子订单编号": f'="{number}"',
        "主订单编号": f'="{order}"',
        "标题": "洗面奶",
        "价格": price,
        "购买数量": count,
        "商家编码": "\tMK-01",
        "订单状态": "交易成功",
        "买家实际支付金额": paid,
        "退款状态": "没有申请退款",
        "退款金额": "0",
        "订单创建时间": "2024-05-23 22:02:10",
        **more,
    }


async def stored(db: Database, shop: Shop) -> list[tuple[Any, ...]]:
    async with db.tenant(shop.merchant_id) as conn:
        cursor = await conn.execute(
            "select o.source, o.order_no, o.status, o.paid_fen, o.refunded_fen, o.member_id is not null, "
            "l.line_key, l.sku, l.product, l.quantity::int, l.list_fen, l.paid_fen from orders o "
            "join order_line l using (cell_id, order_id) where o.cell_id = %s order by o.order_no, l.line_no",
            (shop.cell_id,),
        )
        return [tuple(row) for row in await cursor.fetchall()]


@pytest.fixture
async def member(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    path.write_text("手机号\n13843218765\n", encoding="utf-8")
    await import_members(bench, shop.merchant_id, path)


OPTIONS = ImportOptions(store="s1", unknown_member="anonymous")
ORDERS = [
    taobao_order(ONE, "69.00元", "交易成功", 买家应付邮费="10.00", 买家实际支付金额="79.00"),
    taobao_order(TWO, "598.00", "等待买家付款"),
    taobao_order(THREE, "30.00", "买家已付款，等待卖家发货"),
    taobao_order(FOUR, "0", "交易关闭", 订单关闭原因="买家取消"),
]
LINES = [
    taobao_line("11", ONE, "24.50", "2", "49.00"),
    taobao_line("12", ONE, "20.00", "1", "20.00", 退款状态="退款成功", 退款金额="5.00", 标题="化妆水", 商家编码=""),
    taobao_line("21", TWO, "598.00", "1", "598.00"),
    taobao_line("31", THREE, "30.00", "1", "30.00"),
    taobao_line("41", FOUR, "30.00", "1", "0"),
]
TAKEN = [
    ("taobao", ONE, 2, 6900, 500, True, "11", "MK-01", "洗面奶", 2, 4900, 4900),
    ("taobao", ONE, 2, 6900, 500, True, "12", "", "化妆水", 1, 2000, 2000),
]


@pytest.mark.usefixtures("member")
@pytest.mark.parametrize("swapped", [True, False])
async def test_taobao_in_two_files(bench: Bench, shop: Shop, tmp_path: Path, swapped: bool) -> None:
    """Found by the names of their columns, in any order; postage is no goods."""
    orders, detail = tmp_path / "ExportOrderList.csv", tmp_path / "ExportOrderDetailList.csv"
    orders.write_bytes(table(sorted(TAOBAO), ORDERS).encode("gb18030"))
    detail.write_bytes(table(list(reversed(DETAIL)), [*LINES, {"子订单编号": "合计"}]).encode("gbk"))
    first, second = (detail, orders) if swapped else (orders, detail)

    options = ImportOptions(store="s1", unknown_member="anonymous", with_file=second, source="taobao")
    result = await import_orders(bench, shop.merchant_id, first, options)

    assert (result.platform, result.error_file) == ("taobao", None)
    assert (result.counts["created"], result.counts["left_out"], result.counts["refunds_created"]) == (1, 3, 1)
    assert await stored(bench.db, shop) == TAKEN
    again = await import_orders(bench, shop.merchant_id, first, options)
    assert (again.counts["created"], again.counts["unchanged"], again.counts["refunds_unchanged"]) == (0, 1, 1)
    # Paid orders come in when they are done, and one that was taken is voided when the platform closes it.
    closed = [{**ORDERS[0], "订单状态": "交易关闭"}, ORDERS[1], {**ORDERS[2], "订单状态": "交易成功"}]
    orders.write_bytes(table(TAOBAO, closed).encode("gb18030"))
    detail.write_bytes(table(DETAIL, LINES[:4]).encode("gb18030"))
    later = await import_orders(bench, shop.merchant_id, first, options)
    assert (later.counts["created"], later.counts["refunds_created"], later.counts["left_out"]) == (1, 1, 1)
    assert {(row[1], row[2]) for row in await stored(bench.db, shop)} == {(ONE, 4), (THREE, 1)}


async def test_taobao_files_that_do_not_fit_each_other(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    orders, detail = tmp_path / "orders.csv", tmp_path / "detail.csv"
    rows = [
        taobao_order(ONE, "50.00", "交易成功"),
        taobao_order(TWO, "20.00", "交易成功"),
        taobao_order(THREE, "20.00", "交易成功"),
    ]
    orders.write_text(table(TAOBAO, rows), encoding="utf-8")
    parts = [
        taobao_line("11", ONE, "24.50", "2", "49.00"),
        taobao_line("21", TWO, "20", "1", "20.00"),
        taobao_line("91", FOUR, "20", "1", "20.00"),
    ]
    detail.write_text(table(DETAIL, parts), encoding="utf-8-sig")
    options = ImportOptions(store="s1", unknown_member="anonymous", with_file=detail)
    result = await import_orders(bench, shop.merchant_id, orders, options)
    assert result.counts["created"] == 1
    assert sorted((f["line"], f["code"], f["value"]) for f in error_rows(result.error_file)) == [
        ("", "detail_missing", THREE),
        ("2", "amounts_differ", "49.00"),
        ("4", "order_missing", FOUR),
    ]
    with pytest.raises(NotAPair):
        await import_orders(bench, shop.merchant_id, orders, ImportOptions(store="s1", with_file=orders))


@pytest.mark.usefixtures("member")
async def test_taobao_order_report_alone(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(table(TAOBAO, ORDERS).encode("gb18030"))
    result = await import_orders(bench, shop.merchant_id, path, OPTIONS)
    assert (result.counts["created"], result.counts["left_out"]) == (1, 3)
    (row,) = await stored(bench.db, shop)
    assert row == ("taobao", ONE, 1, 7900, 0, True, "", "", "日本直邮洗面奶+化妆水", 2, 6900, 7900)


def douyin_row(main: str, sub: str, status: str, **more: str) -> dict[str, str]:
    row = dict.fromkeys(DOUYIN, "\t-") | {
        "主订单编号": f"\t{main}",
        "子订单编号": f"\t{sub}",
        "选购商品": "纯棉童装T恤",
        "商品数量": "2",
        "商家编码": "\tTX-110",
        "商品单价": "30.00",
        "订单应付金额": "55.00",
        "支付方式": "支付宝",
        "收件人手机号": "$$v1wNXm8Hk+1$$",
        "订单提交时间": "\t2026-03-01 10:00:00",
        "订单状态": status,
        "所属门店ID": "0",
    }
    return row | more


@pytest.mark.parametrize("sheet", [True, False])
async def test_douyin(bench: Bench, shop: Shop, tmp_path: Path, sheet: bool) -> None:
    numbers = [f"69214567890123456{n:02d}" for n in range(6)]
    rows = [
        douyin_row(numbers[0], "61", "已完成"),
        douyin_row(numbers[0], "62", "已完成", 售后状态="同意退款，退款成功", 订单应付金额="20.00", 商品数量="1"),
        douyin_row(numbers[1], "63", "待支付"),
        douyin_row(numbers[2], "64", "已关闭", 支付完成时间="-"),
        douyin_row(numbers[3], "65", "已发货"),
        douyin_row(numbers[4], "66", "已完成", 售后状态="售后关闭", 订单应付金额="¥1,055.00"),
    ]
    path = tmp_path / ("orders.xlsx" if sheet else "orders.csv")
    if sheet:
        with xlsxwriter.Workbook(str(path)) as workbook:
            page = workbook.add_worksheet("抖音订单")
            for number, row in enumerate([dict(zip(DOUYIN, DOUYIN, strict=True)), *rows]):
                page.write_row(number, 0, [row[name] for name in DOUYIN])
    else:
        path.write_text(table(DOUYIN, rows), encoding="utf-8-sig")

    result = await import_orders(bench, shop.merchant_id, path)

    assert (result.platform, result.error_file) == ("douyin", None)
    assert (result.counts["created"], result.counts["left_out"], result.counts["refunds_created"]) == (2, 3, 1)
    assert await stored(bench.db, shop) == [
        ("douyin", numbers[0], 2, 7500, 2000, False, "61", "TX-110", "纯棉童装T恤", 2, 6000, 5500),
        ("douyin", numbers[0], 2, 7500, 2000, False, "62", "TX-110", "纯棉童装T恤", 1, 3000, 2000),
        ("douyin", numbers[4], 1, 105500, 0, False, "66", "TX-110", "纯棉童装T恤", 2, 6000, 105500),
    ]
    again = await import_orders(bench, shop.merchant_id, path)
    assert (again.counts["unchanged"], again.counts["refunds_unchanged"]) == (2, 1)


async def test_an_id_of_douyin_that_became_a_number(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    rows = [douyin_row("6.92146E+18", "61", "已完成")]
    path.write_text(table(DOUYIN, rows), encoding="utf-8-sig")
    result = await import_orders(bench, shop.merchant_id, path)
    assert [(f["column"], f["code"]) for f in error_rows(result.error_file)] == [("主订单编号", "id_lost_digits")]


@pytest.mark.parametrize(
    ("header", "kind"),
    [(TAOBAO, "taobao_orders"), (DETAIL, "taobao_detail"), (DOUYIN, "douyin"), (["订单编号", "实付金额"], None)],
)
def test_platforms_are_known_by_their_names(header: Sequence[str], kind: str | None) -> None:
    assert platforms.recognise(header) == platforms.recognise([f"\t{name} " for name in reversed(header)]) == kind


# Columns that are told.

MEITUAN = ("单据号", "成交于", "买家", "品", "实收", "备注栏")
TOLD = {"单据号": "order_no", "成交于": "ordered_at", "实收": "paid_amount", "品": "product"}


def meituan(path: Path, number: str) -> Path:
    path.write_text(as_csv([[number, "2025-03-01 10:00:00", "李", "茶", "5.00", ""]], MEITUAN), encoding="utf-8")
    return path


async def test_columns_are_told_once_for_a_source(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    first, second = meituan(tmp_path / "a.csv", "A1"), meituan(tmp_path / "b.csv", "A2")
    source = ImportOptions(source="meituan")
    with pytest.raises(MissingColumns):
        await import_orders(bench, shop.merchant_id, first, source)
    dry = ImportOptions(source="meituan", mapping=TOLD, dry_run=True)
    assert (await import_orders(bench, shop.merchant_id, first, dry)).counts["created"] == 1
    with pytest.raises(MissingColumns):  # a dry run remembers nothing
        await import_orders(bench, shop.merchant_id, first, source)
    told = await import_orders(bench, shop.merchant_id, first, ImportOptions(source="meituan", mapping=TOLD))
    assert (told.counts["created"], told.unknown_columns) == (1, ("买家", "备注栏"))
    assert (await import_orders(bench, shop.merchant_id, second, source)).counts["created"] == 1
    with pytest.raises(MissingColumns):  # another source
        await import_orders(bench, shop.merchant_id, second, ImportOptions(source="eleme"))
    # Told otherwise, a field comes from its new column only.
    other = ImportOptions(source="meituan", mapping={"备注栏": "product"})
    assert (await import_orders(bench, shop.merchant_id, second, other)).unknown_columns == ("买家", "品")


ERP = ("单号", "下单时间", "店铺名称", "实付金额", "订单编号")
OF_ERP = {"店铺名称": "store", "订单编号": "-"}


async def test_what_was_told_for_another_file_leaves_a_platform_s_alone(
    bench: Bench, shop: Shop, tmp_path: Path
) -> None:
    """Both come without a source, and each has columns that are called like the other's."""
    path = tmp_path / "erp.csv"
    path.write_text(as_csv([["E1", "2025-03-01", "一号店", "5", "x"]], ERP), encoding="utf-8")
    assert (await import_orders(bench, shop.merchant_id, path, ImportOptions(mapping=OF_ERP))).counts["created"] == 1
    path = tmp_path / "taobao.csv"
    path.write_text(table(TAOBAO, [taobao_order(ONE, "9.00", "交易成功")]), encoding="utf-8")
    options = ImportOptions(store="s1", unknown_member="anonymous")
    result = await import_orders(bench, shop.merchant_id, path, options)
    assert (result.platform, result.source, result.counts["created"]) == ("taobao", "taobao", 1)
    # Where all that is needed was told, that is how the file is read, also the next time.
    told = {"订单编号": "order_no", "订单创建时间": "ordered_at", "买家实际支付金额": "paid_amount", "店铺名称": "-"}
    for mapping in (told, {}):
        options = msgspec.structs.replace(options, mapping=mapping)
        result = await import_orders(bench, shop.merchant_id, path, options)
        assert (result.platform, result.source) == (None, "import")


async def test_a_column_that_is_not_wanted(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    header = ("订单号", "单号", "下单时间", "实付金额", "会员")
    path.write_text(as_csv([["A1", "7", "2025-03-01", "5", "某人"]], header), encoding="utf-8")
    options = ImportOptions(mapping={"单号": "-", "会员": "-"})
    result = await import_orders(bench, shop.merchant_id, path, options)
    assert (result.counts["created"], result.unknown_columns) == (1, ("单号", "会员"))


@pytest.mark.parametrize("mapping", [{"单号": "number"}, {"a": "sku", "b": "sku"}, {" ": "sku"}])
async def test_a_mapping_is_checked(bench: Bench, shop: Shop, tmp_path: Path, mapping: dict[str, str]) -> None:
    with pytest.raises(BadMapping):
        await import_orders(bench, shop.merchant_id, meituan(tmp_path / "a.csv", "A1"), ImportOptions(mapping=mapping))


async def test_all_rows_belong_to_one_store(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    async with bench.db.tenant(shop.merchant_id) as conn:
        await create_store(conn, shop.merchant_id, StoreInput(code="s2", name="二号店"))
    path = tmp_path / "a.csv"
    header = ("订单号", "下单时间", "门店", "实付金额")
    path.write_text(as_csv([["A1", "2025-03-01", "某平台店", "5"]], header), encoding="utf-8")
    assert (await import_orders(bench, shop.merchant_id, path, ImportOptions(store="s2"))).counts["created"] == 1
    with pytest.raises(BadImportOption):
        await import_orders(bench, shop.merchant_id, path, ImportOptions(store="s3"))
