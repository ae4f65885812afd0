"""Text files as they are: other encodings, wrappers, lines that are no rows, and every way to write a date."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from huimeng.kernel.money import format_fen
from huimeng.porting.errors import ImportFileError, NotCsv
from huimeng.porting.rules import cells, words
from huimeng.porting.rules.columns import MEMBER_COLUMNS, ORDER_FILE_COLUMNS
from huimeng.porting.rules.faults import REASONS, CellFault, RowFault, mark_in, marked, shown
from huimeng.porting.rules.summary import is_no_row
from huimeng.porting.service import ImportOptions, import_members, import_orders
from huimeng.porting.store.intake import Wish, take_in
from tests.conftest import Shop
from tests.porting.conftest import Bench, Reader, as_csv, error_rows

SHANGHAI = ZoneInfo("Asia/Shanghai")
LATEST = datetime(2030, 1, 1, tzinfo=UTC)


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=SHANGHAI)  # type: ignore[misc, arg-type]


def clock(year: int, month: int = 1, day: int = 1) -> datetime:
    """Without a zone, as files have it."""
    return datetime(year, month, day, tzinfo=UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("cell", "at"),
    [
        ("2024-01-02 03:04:05", local(2024, 1, 2, 3, 4, 5)),
        ("2024/1/2", local(2024, 1, 2)),
        ("2024/1/2 3:04", local(2024, 1, 2, 3, 4)),
        ("2024年1月2日", local(2024, 1, 2)),
        ("2024年1月2日 下午3时04分05秒", local(2024, 1, 2, 15, 4, 5)),
        ("20240102", local(2024, 1, 2)),
        ("20240102030405", local(2024, 1, 2, 3, 4, 5)),
        ("20240102 03:04", local(2024, 1, 2, 3, 4)),
        ("2024.01.02", local(2024, 1, 2)),
        ("2024.1.2 03:04:05", local(2024, 1, 2, 3, 4, 5)),
        ("13/02/2024", local(2024, 2, 13)),
        ("02/13/2024 3:04 PM", local(2024, 2, 13, 15, 4)),
        ("02/02/2024", local(2024, 2, 2)),
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05+08:00", local(2024, 1, 2, 3, 4, 5)),
        ("45293.5", local(2024, 1, 2, 12)),
        ("45293", local(2024, 1, 2)),
        ("2024-01-02 上午 12:30", local(2024, 1, 2, 0, 30)),
        ("2024-01-02 中午12:30", local(2024, 1, 2, 12, 30)),
        ("2024/1/2 下午 3:04:05", local(2024, 1, 2, 15, 4, 5)),
        ("2024-01-02 15:04 下午", local(2024, 1, 2, 15, 4)),
        ("2024-01-02 星期二 03:04:05", local(2024, 1, 2, 3, 4, 5)),
        ('="2024-01-02"', local(2024, 1, 2)),
        ("\t'2024-01-02", local(2024, 1, 2)),
        ("\uff12\uff10\uff12\uff14年1月2日", local(2024, 1, 2)),
    ],
)
def test_dates(cell: str, at: datetime) -> None:
    assert cells.moment(cell, SHANGHAI, LATEST) == at
    assert cells.calendar_day(cell) == (at if cell.endswith("Z") else at.astimezone(SHANGHAI)).date()


@pytest.mark.parametrize("cell", ["2024-01-02 上午 15:00", "13/13/2024", "2024-13-01", "202401", "4529", "1" * 5000])
def test_no_dates(cell: str) -> None:
    with pytest.raises(CellFault) as fault:
        cells.moment(cell, SHANGHAI, LATEST)
    assert fault.value.code in ("bad_time", "ambiguous_date")


def test_month_and_day_are_not_guessed() -> None:
    with pytest.raises(CellFault) as fault:
        cells.moment("01/02/2024", SHANGHAI, LATEST)
    assert fault.value.code == "ambiguous_date"
    assert cells.moment("01/02/2024", SHANGHAI, LATEST, "mdy") == local(2024, 1, 2)
    assert cells.moment("01/02/2024", SHANGHAI, LATEST, "dmy") == local(2024, 2, 1)
    assert cells.calendar_day("01/02/2024", "dmy") == date(2024, 2, 1)


@given(st.datetimes(clock(1991), clock(2029)).map(lambda at: at.replace(microsecond=0)))
def test_every_form_means_the_same(at: datetime) -> None:
    known = at.replace(tzinfo=SHANGHAI)
    half = "上午" if at.hour < 12 else "下午"
    days = (at - clock(1899, 12, 30)).total_seconds() / 86400
    for written in (
        f"{at:%Y-%m-%d %H:%M:%S}",
        f"{at.year}/{at.month}/{at.day} {at.hour}:{at:%M:%S}",
        f"{at.year}年{at.month}月{at.day}日 {at.hour}时{at:%M}分{at:%S}秒",
        f"{at:%Y%m%d%H%M%S}",
        f"{at:%Y.%m.%d %H:%M:%S}",
        f"{at:%Y/%m/%d} {half} {at:%I:%M:%S}",
        f"{at:%Y-%m-%dT%H:%M:%S}+08:00",
        f"{days:.9f}",
    ):
        assert abs((cells.moment(written, ZoneInfo("Etc/GMT-8"), LATEST) - known).total_seconds()) in (0, 3600), written


@pytest.mark.parametrize(
    ("cell", "fen"),
    [
        ("￥1,234.50元", 123450),
        ("¥-12.00", -1200),
        ("-￥12", -1200),
        ("(12.00)", -1200),
        ("（1,200.00）", -120000),
        ("(¥12.00)", -1200),
        ("12.5 元", 1250),
        ("RMB 12", 1200),
        ("１，２３４．５", 123450),
        ('="12.00"', 1200),
        ("\t12", 1200),
        ("'12", 1200),
    ],
)
def test_amounts(cell: str, fen: int) -> None:
    assert cells.money(cell) == fen


@given(st.integers(-(10**13), 10**13), st.sampled_from(["{}", "¥{}", "{}元", '="{}"', "\t{} ", "'{}"]))
def test_amounts_come_back_out_of_their_wrappers(fen: int, wrapper: str) -> None:
    assert cells.money(wrapper.format(format_fen(fen))) == fen


@pytest.mark.parametrize("cell", ["(-12)", "--1", "¥", "1,23", "12元元", "-(12)", "(1)(2)", "9" * 70 + "x"])
def test_no_amounts(cell: str) -> None:
    with pytest.raises(CellFault) as fault:
        cells.money(cell)
    assert fault.value.code == "bad_amount"


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("\t312345678901234567", "312345678901234567"),
        ('="0123"', "0123"),
        ("'13800138000", "13800138000"),
        ("Ａ１２", "A12"),
        ("1E5", "1E5"),
        ("=1+1", "=1+1"),
    ],
)
def test_identifiers(cell: str, code: str) -> None:
    assert cells.code(cell, 64) == code


@pytest.mark.parametrize("cell", ["3.12E+17", "3.12e+17", "3E+18", '="3.12E+17"', "\t6.92146E+18"])
def test_identifiers_without_their_digits(cell: str) -> None:
    with pytest.raises(CellFault) as fault:
        cells.code(cell, 64)
    assert fault.value.code == "id_lost_digits"


@given(st.text(max_size=30), st.text(max_size=30))
@example("|", "\x1a")
def test_a_marked_cell_says_what_it_was_marked_with(note: str, value: str) -> None:
    cell = marked("sheet_error", note, value.replace("|", ""))
    fault = mark_in(cell)
    assert fault is not None and (fault.code, fault.note) == ("sheet_error", note.replace("|", "/"))
    assert shown(cell, 99) == value.replace("|", "")


@given(st.text(max_size=40))
def test_no_cell_crashes_its_parser(cell: str) -> None:
    parsers = (
        cells.money,
        cells.quantity,
        cells.whole_number,
        cells.calendar_day,
        words.status,
        words.tender,
        lambda text: cells.moment(text, SHANGHAI, LATEST),
        lambda text: cells.code(text, 64),
    )
    for parse in parsers:
        for text in (cell, f'="{cell}"', f"\x1a{cell}"):
            try:
                parse(text)
            except CellFault as fault:
                assert RowFault(1, fault.code, note=fault.note).reason("zh")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("交易成功", "completed"),
        ("已完成", "completed"),
        ("Completed", "completed"),
        ("交易关闭", "voided"),
        ("cancelled", "voided"),
        ("已退款", "refunded"),
        ("退款成功", "refunded"),
        ("refunded", "refunded"),
        ("待付款", "open"),
        ("等待买家付款", "open"),
        ("买家已付款，等待卖家发货", "open"),
        ("pending", "open"),
        ("已签收", "completed"),
        ("待评价", "completed"),
        ("已评价", "completed"),
        ("已结算", "completed"),
        ("订单完成", "completed"),
    ],
)
def test_status_words(word: str, status: str) -> None:
    assert words.status(word) == status


@pytest.mark.parametrize(
    ("row", "no_row"),
    [
        (["合计", "", "120.00"], True),
        (["", "总计:", "120.00"], True),
        (["共 1,200 条", "", ""], True),
        (["合计：共3笔", "", ""], True),
        (["Grand Total", "", "3"], True),
        (["本页小计", "", "3"], True),
        (["订单号", "下单时间", "实付金额"], True),
        (["合  计", "", "120.00"], True),
        (["合\u3000计", "", "120.00"], True),
        (["合计", "2笔", "120.00"], True),
        (["合计", "1,200 笔", "120.00"], True),
        (["合计金额", "2", "120.00"], True),
        (["打印时间\uff1a2025-03-01 10:00", "", ""], True),
        (["\u2014\u2014 第1页/共1页 \u2014\u2014", "", ""], True),
        (["Page 1 of 3", "", ""], True),
        (["制单人\uff1a张三", "审核人:", ""], True),
        (["打印时间\uff1a2025-03-01", "2025-03-01", ""], False),
        (["SUM001", "20250301", "1"], False),
        (["合计", "2025-03-01", "120.00"], False),
        (["共享单车", "", "1"], False),
        (["", "", ""], False),
    ],
)
def test_lines_that_are_no_rows(row: list[str], no_row: bool) -> None:
    assert is_no_row(row, ("订单号", "下单时间", "实付金额"), [1]) is no_row


MEMBERS = ("序号", "会员卡号", "姓名", "手机号", "积分余额")


@pytest.mark.parametrize(
    ("row", "no_row"),
    [
        (["合计", "2", "", "", "300"], True),
        (["合计", "", "", "2人", "300"], True),
        (["合计", "1,200", "1,200", "1,180", "300"], True),
        (["", "", "合计", "2", "300"], True),
        (["", "", "合计", "99", "300"], False),
        (["", "", "合计", "13800138000", "300"], False),
        (["合计", "0012", "", "", "300"], False),
        (["合计", "8001", "张三", "", "300"], False),
        (["合计", "", "", "13800138000", "300"], False),
    ],
)
def test_a_total_among_members_has_a_count_and_no_person(row: list[str], no_row: bool) -> None:
    """A name may be any word: beside one, only a number that the rows before come to is a count."""
    assert is_no_row(row, MEMBERS, [1, 2, 3], [2], rows=2) is no_row


HEAD = "订单号,下单时间,门店,实付金额"


def test_a_total_with_a_time_is_no_order(read: Reader) -> None:
    found = read(f"{HEAD}\nA1,2025-03-01,s1,10.00\n合计,2025-03-02,s1,10.00\n")
    assert (found.codes(), found.result.rows, found.result.no_rows) == ([], 1, 1)
    assert found.only().order_no == "A1"


def test_goods_of_that_name_are_sold(read: Reader) -> None:
    found = read(f"商品名称,{HEAD}\n合计,A1,2025-03-01,s1,10.00\n合计,A2,soon,s1,10.00\n合计,,3,,20.00\n")
    assert found.only().lines[0][0][1] == "合计"
    assert (set(found.codes()), found.result.no_rows) == ({("3", "bad_time"), ("4", "required"), ("4", "bad_time")}, 0)


def test_preamble_totals_and_empty_rows(read: Reader) -> None:
    text = (
        f'人民路店销售明细\n"导出时间: 2025-04-01, 操作员",店长\n\n{HEAD}\nA1,2025-03-01,s1,10.00\n,,,\n'
        f"{HEAD}\nA2,2025-03-01,s1,5.00\nA3,soon,s1,5.00\n合计,,,15.00\n共2条\n"
    )
    found = read(text)
    assert found.codes() == [("9", "bad_time")]
    assert (found.result.rows, found.result.bad_rows, found.result.no_rows) == (3, 1, 3)
    assert [(draft.order_no, draft.first_line) for draft in found.orders[date(2025, 3, 1)]] == [("A1", 5), ("A2", 8)]


def test_a_preamble_with_more_commas_than_the_header(read: Reader) -> None:
    text = "a;b;c;d;e;f,g\n" + HEAD.replace(",", "\t") + "\nA1\t2025-03-01\ts1\t1,234.00\n"
    assert read(text).only().lines[0][3] == 123400


def test_wrappers_of_cells(read: Reader) -> None:
    text = f'{HEAD},会员\n="0012",\t2025-03-01,s1,￥10.00元,\'13800138000\n"=""0013""",="2025-03-01",s1,(10.00),\n'
    drafts = read(text).orders[date(2025, 3, 1)]
    assert [(d.order_no, d.member, d.lines[0][3]) for d in drafts] == [
        ("0012", "13800138000", 1000),
        ("0013", "", -1000),
    ]


def test_an_id_in_scientific_notation_costs_its_row(read: Reader) -> None:
    found = read(f"{HEAD}\n3.12E+17,2025-03-01,s1,10.00\nA2,2025-03-01,s1,5.00\n")
    assert found.codes() == [("2", "id_lost_digits")]
    assert "文本" in found.faults[0]["reason_zh"] and "text" in found.faults[0]["reason_en"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    bom = "" if encoding == "utf-16" else "\ufeff"
    path.write_bytes((bom + f"{HEAD}\r\nA1,2025-03-01,一号店,1\r\n").replace(",", "\t").encode(encoding))
    source = take_in(path, tmp_path, Wish(ORDER_FILE_COLUMNS, {})).source
    assert (source.header, source.delimiter, source.header_lines) == (tuple(HEAD.split(",")), "\t", 1)


def test_broken_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xff\xfe\x00\xd8\x00\xd8x")
    with pytest.raises(NotCsv):
        take_in(path, tmp_path, Wish(ORDER_FILE_COLUMNS, {}))


@given(st.binary(max_size=200))
def test_garbage_is_a_source_or_a_clear_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("garbage")
    path = folder / "a.csv"
    path.write_bytes(data)
    for columns in (ORDER_FILE_COLUMNS, MEMBER_COLUMNS):
        try:
            take_in(path, folder, Wish(columns, {}))
        except ImportFileError as error:
            assert error.text("zh")


def test_every_reason_is_in_both_languages() -> None:
    for zh, en in REASONS.values():
        assert any("\u4e00" <= sign <= "\u9fff" for sign in zh)
        assert en.replace("{note}", "").isascii()


async def test_utf_16_orders_come_in(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"门店报表\n{HEAD}\nA1,2025-03-01,s1,1\nA1,x,s1,1\n".encode("utf-16"))
    result = await import_orders(bench, shop.merchant_id, path)
    assert [(f["line"], f["code"]) for f in error_rows(result.error_file)] == [
        ("4", "bad_time"),
        ("3", "order_incomplete"),
    ]


async def test_a_total_is_no_member_with_points(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    person, printed = ["1", "8001", "合计", "13800138000", "300"], "\u2014\u2014 第1页/共1页 \u2014\u2014"
    path.write_text(as_csv([person, ["合计", "2", "", "", "300"], [printed, "", "", "", ""]], MEMBERS))
    result = await import_members(bench, shop.merchant_id, path)
    assert (result.rows, result.counts["created"], result.counts["openings_created"]) == (1, 1, 1)
    assert (result.counts["no_rows"], result.error_file) == (2, None)


@pytest.mark.parametrize(
    "number", ["138****0008", "138\uff0a\uff0a\uff0a\uff0a0008", "138xxxx0008", "\t138****0008", "##aBc", "****0008"]
)
async def test_a_masked_number_is_nobodys(bench: Bench, shop: Shop, tmp_path: Path, number: str) -> None:
    orders = tmp_path / "o.csv"
    rows = [["A1", "2025-03-01", "s1", "10.00", number], ["A1", "2025-03-01", "s1", "5.00", number]]
    orders.write_text(as_csv([*rows, ["A2", "2025-03-01", "s1", "5.00", "13800138000"]], (*HEAD.split(","), "会员")))
    for unknown in ("error", "create"):
        options = ImportOptions(unknown_member=unknown)
        result = await import_orders(bench, shop.merchant_id, orders, options)
        assert (result.counts["members_created"], result.counts["masked_numbers"]) == (int(unknown == "create"), 1)
    async with bench.db.tenant(shop.merchant_id) as conn:
        sql = "select order_no, member_id is null from orders where cell_id = %s order by 1"
        found = await (await conn.execute(sql, (shop.cell_id,))).fetchall()
    assert found == [("A1", True), ("A2", False)]


async def test_a_member_is_known_by_a_whole_number_only(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(as_csv([["m1", "138****0008", "1"], ["", "138****0009", "2"]], ("会员编号", "手机号", "积分")))
    result = await import_members(bench, shop.merchant_id, path)
    assert (result.counts["created"], result.counts["masked_numbers"], result.bad_rows) == (1, 1, 1)
    told = [(f["line"], f["column"], f["value"], f["code"]) for f in error_rows(result.error_file)]
    assert told == [("3", "手机号", "138****0009", "masked_number")]


async def test_errors_of_members_are_in_one_language_each(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    header = ("会员编号", "姓名", "手机号", "生日", "积分")
    rows = [["m1", "张三", "13800138000", "1990-01-01", "5"], ["m2", "李四", "12", "", ""], ["共2人", "", "", "", ""]]
    path.write_text("会员名单\n" + as_csv(rows, header), encoding="gb18030")
    first = await import_members(bench, shop.merchant_id, path)
    assert (first.counts["created"], first.bad_rows, first.counts["no_rows"]) == (1, 1, 1)
    rows[0][3], rows[0][4] = "1991-01-01", "6"
    path.write_text("会员名单\n" + as_csv(rows, header), encoding="gb18030")
    again = await import_members(bench, shop.merchant_id, path, ImportOptions(date_order="dmy"))
    faults = error_rows(first.error_file) + error_rows(again.error_file)
    assert {f["code"] for f in faults} == {"bad_phone", "conflict"}
    for fault in faults:
        assert fault["reason_en"].isascii(), fault
        assert not any(word in fault["reason_zh"] for word in ("birthday", "points", "phone", "digits")), fault
