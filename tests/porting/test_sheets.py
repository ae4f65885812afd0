"""Excel files: what a cell shows is what is read, line numbers are the sheet's, and no file harms the reader."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC
from datetime import datetime as aware
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from huimeng.infra.database import Database
from huimeng.porting.errors import (
    ImportFileError,
    NotCsv,
    OldExcel,
    SheetDamaged,
    SheetEmpty,
    SheetNotFound,
    SheetProtected,
    SheetTooBig,
    SheetUnsafe,
)
from huimeng.porting.rules.columns import ORDER_FILE_COLUMNS
from huimeng.porting.rules.faults import REASONS, marked
from huimeng.porting.service import ImportOptions, import_members, import_orders
from huimeng.porting.store.intake import Taken, Wish, take_in
from huimeng.porting.store.sheet import number_text, serial_text
from huimeng.porting.store.workbook import is_date_format
from tests.conftest import Shop
from tests.porting.conftest import Bench, error_rows


def at(*parts: int) -> aware:
    """A clock without a zone, as a sheet has it."""
    return aware(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[misc, arg-type]


HEADER = ("订单号", "下单时间", "会员", "商品名称", "数量", "实付金额", "状态")
Fill = Callable[[Any, Any], None]


def book(path: Path, fill: Fill, name: str = "订单", **options: Any) -> Path:
    with xlsxwriter.Workbook(str(path), options) as workbook:
        fill(workbook, workbook.add_worksheet(name))
    return path


def grid(path: Path, rows: Sequence[Sequence[Any]], **options: Any) -> Path:
    def fill(_: Any, sheet: Any) -> None:
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)

    return book(path, fill, **options)


def lines(path: Path, folder: Path, sheet: str | None = None) -> tuple[Taken, list[str]]:
    folder.mkdir(exist_ok=True)
    taken = take_in(path, folder, Wish(ORDER_FILE_COLUMNS, {}, sheet))
    return taken, Path(taken.source.path).read_text(encoding="utf-8").splitlines()


def rewritten(path: Path, part: str, change: Callable[[str], str]) -> Path:
    """One part of the container replaced."""
    with zipfile.ZipFile(path) as old:
        parts = {info.filename: old.read(info) for info in old.infolist()}
    parts[part] = change(parts[part].decode()).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in parts.items():
            new.writestr(name, data)
    return path


SHEET = "xl/worksheets/sheet1.xml"


def test_cells_of_every_type(tmp_path: Path) -> None:
    def fill(workbook: Any, sheet: Any) -> None:
        day, clock = workbook.add_format({"num_format": "yyyy/m/d"}), workbook.add_format({"num_format": "h:mm AM/PM"})
        sheet.write_row(0, 0, HEADER)
        sheet.write(1, 0, 31198570044)
        sheet.write_datetime(1, 1, at(2024, 1, 2, 3, 4, 5), workbook.add_format({"num_format": "m/d/yy h:mm"}))
        sheet.write_boolean(1, 2, True)
        sheet.write_rich_string(1, 3, "牛", day, "奶")
        sheet.write(1, 4, 2.0)
        sheet.write(1, 5, 0.1 + 0.2)
        sheet.write_formula(2, 5, "=1+1", None, 2)
        sheet.write(2, 1, 45293.5)  # a number in a column of times
        sheet.write(2, 3, "一行\n两行")
        sheet.write_datetime(2, 2, at(2024, 1, 2), day)
        sheet.write(3, 1, 20240102)
        sheet.write_formula(3, 5, "=NA()", None, "#N/A")
        sheet.write_datetime(3, 6, at(1899, 12, 31, 18, 30), clock)

    _, found = lines(book(tmp_path / "a.xlsx", fill), tmp_path / "w")
    assert found[0] == "31198570044,2024-01-02 03:04:05,TRUE,牛奶,2,0.3,"
    assert found[1] == ",2024-01-02 12:00:00,45293,一行 两行,,2,"
    assert found[2].split(",")[1] == "20240102"
    assert found[2].split(",")[5] == marked("sheet_error", "#N/A", "#N/A")


def test_inline_strings_and_no_references(tmp_path: Path) -> None:
    """As other programs write them: no shared strings, no cell names, another prefix."""
    path = grid(tmp_path / "a.xlsx", [HEADER])

    def change(xml: str) -> str:
        cells = "".join(f'<x:c t="inlineStr"><x:is><x:t>{name}</x:t></x:is></x:c>' for name in HEADER)
        row = '<x:row><x:c t="str"><x:v>A1</x:v></x:c><x:c t="d"><x:v>2024-01-02T10:00:00</x:v></x:c></x:row>'
        space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        return f'<x:worksheet xmlns:x="{space}"><x:sheetData><x:row>{cells}</x:row>{row}</x:sheetData></x:worksheet>'

    taken, found = lines(rewritten(path, SHEET, change), tmp_path / "w")
    assert taken.source.header == HEADER
    assert found == ["A1,2024-01-02T10:00:00,,,,,"]


def test_an_epoch_of_1904(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "a.xlsx"), {"date_1904": True}) as workbook:
        workbook.set_size(1, 1)
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        sheet.write_datetime(1, 1, at(2024, 1, 2), workbook.add_format({"num_format": "yyyy-mm-dd"}))
        sheet.write(2, 1, 45293 - 1462)
    assert [row.split(",")[1] for row in lines(tmp_path / "a.xlsx", tmp_path / "w")[1]] == ["2024-01-02"] * 2


def test_preamble_hidden_rows_gaps_and_totals(tmp_path: Path) -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.merge_range("A1:G1", "人民路店 2024年1月 订单导出")
        sheet.write_row(3, 0, HEADER)
        sheet.write_row(4, 0, ["A1", "2024-01-02", "", "茶", 1, 5, ""])
        sheet.write_row(7, 0, ["A2", "2024-01-02", "", "茶", 1, 5, ""])
        sheet.set_row(7, None, None, {"hidden": True})

    taken, found = lines(book(tmp_path / "a.xlsx", fill), tmp_path / "w")
    assert (taken.source.header_lines, len(found)) == (4, 4)
    assert [row[:2] for row in found] == ["A1", "", "", "A2"]


def test_a_merged_cell_belongs_to_all_its_rows(tmp_path: Path) -> None:
    def fill(workbook: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, HEADER)
        for row, name in enumerate(("茶", "面包", "牛奶", "蛋"), 1):
            sheet.write_row(row, 3, [name, 1, row] if row > 2 else [name, 1])
        sheet.merge_range("A2:A4", "A1")
        sheet.merge_range("B2:B4", "2024-01-02")
        sheet.write_row(4, 0, ["A2", "2024-01-03"])
        # Of an amount it would be counted three times.
        sheet.merge_range("F2:F3", 9)

    found = lines(book(tmp_path / "a.xlsx", fill), tmp_path / "w")[1]
    assert found == [
        "A1,2024-01-02,,茶,1,9,",
        "A1,2024-01-02,,面包,1,,",
        "A1,2024-01-02,,牛奶,1,3,",
        "A2,2024-01-03,,蛋,1,4,",
    ]


def test_the_sheet_that_is_asked_for(tmp_path: Path) -> None:
    def fill(workbook: Any, sheet: Any) -> None:
        sheet.write(0, 0, "说明")
        for name, number in (("一月", "A1"), ("二月", "A2")):
            other = workbook.add_worksheet(name)
            other.write_row(0, 0, HEADER)
            other.write(1, 0, number)

    path = book(tmp_path / "a.xlsx", fill, "封面")
    assert lines(path, tmp_path / "w")[1] == ["A1,,,,,,"]
    assert lines(path, tmp_path / "v", "二月")[1] == ["A2,,,,,,"]
    with pytest.raises(SheetNotFound) as refusal:
        lines(path, tmp_path / "u", "三月")
    assert refusal.value.fields["sheets"] == "封面, 一月, 二月"


@pytest.mark.parametrize(
    ("raw", "kind", "text"),
    [
        ("13800138000", "id", "13800138000"),
        ("13800138000.0", "id", "13800138000"),
        ("1.3800138E10", "id", "13800138000"),
        ("999999999999999", "id", "999999999999999"),
        ("-999999999999999", "id", "-999999999999999"),
        ("1000000000000000", "id", "1.00000000000000E+15"),
        ("4321098765432100", "id", "4.32109876543210E+15"),
        ("4321098765432100", "number", "4321098765432100"),
        ("4321098765432100", "", "4321098765432100"),
        ("3.12345678901234E+17", "id", "3.12345678901234E+17"),
        ("12.5", "id", "12.5"),
        ("12.300000000000001", "number", "12.3"),
        ("1E-3", "number", "0.001"),
        ("45293", "time", "2024-01-02"),
        ("45293", "number", "45293"),
        ("nan", "number", marked("sheet_error", "nan", "nan")),
    ],
)
def test_numbers(raw: str, kind: str, text: str) -> None:
    assert number_text(raw, kind, False, False) == text


@given(st.datetimes(at(1990, 1, 1), at(2100, 1, 1)).map(lambda time: time.replace(microsecond=0)))
def test_times_come_back(time: aware) -> None:
    serial = (time - at(1899, 12, 30)).total_seconds() / 86400
    assert aware.fromisoformat(serial_text(float(f"{serial:.15g}"), False)) == time


@given(st.integers(-(10**13), 10**13))
def test_amounts_come_back(fen: int) -> None:
    assert round(float(number_text(repr(fen / 100), "number", False, False)) * 100) == fen


@pytest.mark.parametrize(
    ("code", "date"),
    [
        ("yyyy-mm-dd", True),
        ('yyyy"年"m"月"d"日"', True),
        ("[h]:mm", True),
        ("General", False),
        ("0.00", False),
        ('0.00"d"', False),
        ("[Red]0.00", False),
        ("#,##0.00\\d", False),
    ],
)
def test_date_formats(code: str, date: bool) -> None:
    assert is_date_format(code) is date


def bomb(path: Path, part: str, data: bytes, times: int) -> Path:
    grid(path, [HEADER])
    with zipfile.ZipFile(path) as old:
        parts = {info.filename: old.read(info) for info in old.infolist() if info.filename != part}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name, content in parts.items():
            new.writestr(name, content)
        with new.open(part, "w", force_zip64=True) as out:
            out.write(b'<worksheet><sheetData><row r="1">')
            for _ in range(times):
                out.write(data)
    return path


def truncated(path: Path) -> Path:
    data = grid(path, [HEADER]).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def raw(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def with_entity(path: Path) -> Path:
    entity = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    return rewritten(grid(path, [HEADER]), SHEET, lambda xml: xml.replace("<worksheet", f"{entity}<worksheet", 1))


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504
MANY = io.BytesIO()
with zipfile.ZipFile(MANY, "w") as _many:
    for _number in range(10_001):
        _many.writestr(f"p{_number}", b"")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (truncated, SheetDamaged),
        (with_entity, SheetUnsafe),
        (lambda p: raw(p, b"PK\x03\x04rest"), SheetDamaged),
        (lambda p: raw(p, OLE), OldExcel),
        (lambda p: raw(p, OLE + "EncryptedPackage".encode("utf-16-le")), SheetProtected),
        (lambda p: raw(p, MANY.getvalue()), SheetTooBig),
        (lambda p: grid(p, []), SheetEmpty),
        (
            lambda p: rewritten(grid(p, [HEADER, ["A1"], ["A2"]]), SHEET, lambda xml: xml.replace('r="3"', 'r="2"')),
            SheetDamaged,
        ),
        (lambda p: rewritten(grid(p, [HEADER]), "_rels/.rels", lambda xml: xml.replace("officeDocument", "x")), NotCsv),
        (lambda p: rewritten(grid(p, [HEADER]), SHEET, lambda xml: xml[:200]), SheetDamaged),
        (lambda p: rewritten(grid(p, [HEADER]), SHEET, lambda xml: xml.replace('r="A1"', 'r="ZZZZ1"')), SheetDamaged),
        (lambda p: rewritten(grid(p, [HEADER]), SHEET, lambda xml: xml.replace("<v>0<", "<v>99<")), SheetDamaged),
        (lambda p: bomb(p, SHEET, b"<c><v>1</v></c>" * 50_000, 100), SheetTooBig),
        # Poorly packed, as a bomb would be that hides: the cell itself is too long.
        (lambda p: bomb(p, SHEET, b'<c r="A1" t="str"><v>' + b"xyzw" * 30_000, 1), SheetTooBig),
        (lambda p: bomb(p, SHEET, b'<c r="' + b"A" * 6_000_000, 1), SheetTooBig),
    ],
)
def test_malformed_files(tmp_path: Path, make: Callable[[Path], Path], error: type[ImportFileError]) -> None:
    with pytest.raises(error) as refusal:
        lines(make(tmp_path / "a.xlsx"), tmp_path / "w")
    assert any("\u4e00" <= sign <= "\u9fff" for sign in refusal.value.text("zh"))
    assert refusal.value.text("en").replace("订单", "").isascii()


@settings(max_examples=80)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_bytes_never_crash_the_reader(tmp_path: Path, changes: list[tuple[float, int]]) -> None:
    path = grid(tmp_path / "a.xlsx", [HEADER, ["A1", "2024-01-02", "", "茶", 1, 5, ""]])
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[int(place * len(content))] = value
    path.write_bytes(bytes(content))
    folder = tmp_path / "w"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        take_in(path, folder, Wish(ORDER_FILE_COLUMNS, {}))
    except ImportFileError as error:
        assert error.text("zh")


_MEASURE = (
    "import resource, sys; from pathlib import Path; from huimeng.porting.store.intake import Wish, take_in; "
    "from huimeng.porting.rules.columns import ORDER_FILE_COLUMNS as C; "
    "take_in(Path(sys.argv[1]), Path(sys.argv[2]), Wish(C, {})); "
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for rows in (500, 20_000):
        path = grid(
            tmp_path / f"{rows}.xlsx",
            [HEADER, *([f"R{n:07d}", "2024-01-02", f"m{n}", f"商品 {n} " + "x" * 200, 1, 5, ""] for n in range(rows))],
        )
        folder = tmp_path / f"w{rows}"
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", _MEASURE, str(path), str(folder)], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 40, peaks


async def order_numbers(db: Database, shop: Shop) -> list[str]:
    async with db.tenant(shop.merchant_id) as conn:
        cursor = await conn.execute("select order_no from orders where cell_id = %s order by 1", (shop.cell_id,))
        return [row[0] for row in await cursor.fetchall()]


async def test_orders_of_a_sheet(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows = [
        ["某某店订单"],
        [],
        HEADER,
        ["A1", "2024-01-02 10:00", "", "茶", 1, 5, "已完成"],
        ["A1", "2024-01-02 10:00", "", "面包", 2, "¥1,000.50元", "已完成"],
        [312345678901234567, "2024-01-02 10:00", "", "茶", 1, 5, "已完成"],
        ["A3", "2024-01-02 10:00", "", "茶", 1, 5, "待付款"],
        ["A4", "01/02/2024", "", "茶", 1, 5, "已完成"],
        ["合计", "", "", "", 5, 1015.5, ""],
        ["共 4 笔", "", "", "", "", "", ""],
    ]
    path = grid(tmp_path / "a.xlsx", rows)

    result = await import_orders(bench, shop.merchant_id, path)

    assert (result.rows, result.counts["created"], result.counts["left_out"], result.counts["no_rows"]) == (5, 1, 1, 2)
    assert [(f["line"], f["column"], f["code"]) for f in error_rows(result.error_file)] == [
        ("6", "订单号", "id_lost_digits"),
        ("8", "下单时间", "ambiguous_date"),
    ]
    assert await order_numbers(bench.db, shop) == ["A1"]
    told = await import_orders(bench, shop.merchant_id, path, ImportOptions(date_order="dmy"))
    assert (told.counts["created"], told.counts["unchanged"]) == (1, 1)


LONG = "4321098765432101"


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        # As programs write a text: in place, in pieces, as a formula's, with a style of its own.
        (f'<c r="A2" t="inlineStr"><is><t>{LONG}</t></is></c>', LONG),
        (f'<c r="A2" t="inlineStr"><is><t xml:space="preserve"> {LONG} </t></is></c>', f" {LONG} "),
        (f'<c r="A2" t="inlineStr"><is><r><t>{LONG[:8]}</t></r><r><t>{LONG[8:]}</t></r></is></c>', LONG),
        (f'<c r="A2" t="str"><v>{LONG}</v></c>', LONG),
        (f'<c r="A2" t="str"><f>T("{LONG}")</f><v>{LONG}</v></c>', LONG),
        # As a number nobody knows whether a spreadsheet has had it.
        (f'<c r="A2"><v>{LONG}</v></c>', "4.32109876543210E+15"),
        (f'<c r="A2" t="n"><v>{LONG}.0</v></c>', "4.32109876543210E+15"),
        ('<c r="A2"><v>4.321098765432101E15</v></c>', "4.32109876543210E+15"),
        ('<c r="A2"><v>432109876543210</v></c>', "432109876543210"),
    ],
)
def test_a_long_number_is_taken_as_text_whoever_wrote_it(tmp_path: Path, cell: str, said: str) -> None:
    path = grid(tmp_path / "a.xlsx", [["订单号", "下单时间", "实付金额"], ["x", "2024-01-02", 5]])
    rewritten(path, SHEET, lambda text: re.sub(r'<c r="A2".*?</c>', cell, text))
    assert lines(path, tmp_path / "w")[1][-1] == f"{said},2024-01-02,5"


def test_the_reason_says_how_to_get_by() -> None:
    zh, en = REASONS["id_lost_digits"]
    assert "文本" in zh and "CSV" in zh and "as text" in en and "CSV" in en


async def test_numbers_of_sixteen_digits_are_refused_and_texts_are_not(
    bench: Bench, shop: Shop, tmp_path: Path
) -> None:
    """Of two orders a spreadsheet has made one number; of two cards one."""
    rows: list[list[Any]] = [
        ["订单号", "下单时间", "商品编码", "实付金额"],
        [4321098765432100, "2024-01-02 10:00", "茶", 5],
        [4321098765432100, "2024-01-02 10:00", "面包", 6],
        ["4321098765432101", "2024-01-02 10:00", 6901234567890123, 5],
        ["4321098765432101", "2024-01-02 10:00", "6901234567890123", 6],
        ["4321098765432103", "2024-01-02 10:00", 690123456789012, 7],
    ]
    result = await import_orders(bench, shop.merchant_id, grid(tmp_path / "a.xlsx", rows))
    assert [(f["line"], f["column"], f["code"]) for f in error_rows(result.error_file)][:3] == [
        ("2", "订单号", "id_lost_digits"),
        ("3", "订单号", "id_lost_digits"),
        ("4", "商品编码", "id_lost_digits"),
    ]
    assert await order_numbers(bench.db, shop) == ["4321098765432103"]
    cards: list[list[Any]] = [
        ["姓名", "卡号"],
        ["甲", 6222021234567890],
        ["乙", 6222021234567890],
        ["丙", "6222021234567891"],
    ]
    result = await import_members(bench, shop.merchant_id, grid(tmp_path / "m.xlsx", cards))
    assert (result.counts["created"], result.counts.get("linked", 0)) == (1, 0)
    assert [(f["line"], f["column"], f["code"]) for f in error_rows(result.error_file)] == [
        ("2", "卡号", "id_lost_digits"),
        ("3", "卡号", "id_lost_digits"),
    ]


async def test_a_sheet_with_a_header_only(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    result = await import_orders(bench, shop.merchant_id, grid(tmp_path / "a.xlsx", [HEADER]))
    assert (result.rows, result.counts["created"], result.error_file) == (0, 0, None)


async def test_a_formula_without_a_value_is_named(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = grid(tmp_path / "a.xlsx", [HEADER, ["A1", "2024-01-02", "", "茶", 1, 5, ""]])
    rewritten(path, SHEET, lambda xml: xml.replace('<c r="F2"><v>5</v></c>', '<c r="F2"><f>E2*5</f></c>'))
    result = await import_orders(bench, shop.merchant_id, path)
    assert [(f["line"], f["column"], f["value"], f["code"]) for f in error_rows(result.error_file)] == [
        ("2", "实付金额", "", "formula_without_value")
    ]
    assert result.counts["created"] == 0


async def test_a_file_that_can_not_be_read_writes_nothing(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = truncated(tmp_path / "a.xlsx")
    for work in (import_orders, import_members):
        with pytest.raises(SheetDamaged):
            await work(bench, shop.merchant_id, path, ImportOptions(work_dir=tmp_path / "work"))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.xlsx", "work"]  # noqa: ASYNC240
    assert list((tmp_path / "work").iterdir()) == []
    async with bench.db.tenant(shop.merchant_id) as conn:
        cursor = await conn.execute("select count(*) from import_job where merchant_id = %s", (shop.merchant_id,))
        assert await cursor.fetchone() == (0,)


async def test_members_of_a_sheet(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    def fill(workbook: Any, sheet: Any) -> None:
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ["会员编号", "姓名", "手机号", "生日", "积分", "积分有效期"])
        sheet.write_row(1, 0, ["m1", "张三", 13800138000])
        sheet.write_datetime(1, 3, at(1990, 5, 6), day)
        sheet.merge_range("A2:A3", "m1")
        sheet.merge_range("B2:B3", "张三")
        sheet.merge_range("C2:C3", 13800138000)
        sheet.merge_range("D2:D3", at(1990, 5, 6), day)
        for row, (points, until) in enumerate(((100, "2030-12-31"), (50, "永久")), 1):
            sheet.write_row(row, 4, [points, until])
        sheet.write_row(3, 0, ["总计", "", "", "", 150])

    path = book(tmp_path / "m.xlsx", fill)
    result = await import_members(bench, shop.merchant_id, path)
    assert (result.counts["created"], result.counts["openings_created"], result.counts["no_rows"]) == (1, 1, 1)
    assert result.error_file is None


async def test_a_total_below_a_column_that_is_not_used(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["序号", "", "会员卡号", "备注", "积分余额"],
        [1, "", "8001", "老客", 300],
        [2, "", "", "", ""],
        ["合  计", "", 1, "", 300],
    ]
    result = await import_members(bench, shop.merchant_id, grid(tmp_path / "m.xlsx", rows))
    assert (result.rows, result.counts["created"], result.counts["openings_created"]) == (1, 1, 1)
    assert (result.counts["no_rows"], result.unknown_columns, result.error_file) == (1, ("序号", "备注"), None)
