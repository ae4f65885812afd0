"""What a cell means, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huimeng.kernel.money import format_fen
from huimeng.porting.rules import cells, words
from huimeng.porting.rules.cells import Memo
from huimeng.porting.rules.faults import CellFault, RowFault, fault_cells

SHANGHAI = ZoneInfo("Asia/Shanghai")
LATEST = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "fen"),
    [
        ("12.34", 1234),
        ("12", 1200),
        ("12.5", 1250),
        (" 0.00 ", 0),
        ("-3.20", -320),
        ("1,234.50", 123450),
        ("12.3400", 1234),  # a spreadsheet's zeros
        ("¥12.00", 1200),
        ("12元", 1200),
        ("123.45", 12345),
        ("−1.00", -100),
        ("007.10", 710),
        ("5.", 500),
        ("\uff11\uff12\uff0e\uff13\uff14", 1234),  # full-width digits
    ],
)
def test_money(cell: str, fen: int) -> None:
    assert cells.money(cell) == fen


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("", "required"),
        ("   ", "required"),
        ("12.345", "bad_amount"),
        ("1,23", "bad_amount"),
        ("12.3.4", "bad_amount"),
        ("1e5", "bad_amount"),
        ("nan", "bad_amount"),
        ("--1", "bad_amount"),
        ("twelve", "bad_amount"),
        ("٣", "bad_amount"),  # digits of another script are not money
        ("1\x0012", "bad_characters"),
        ("9999999999999999999999", "amount_out_of_range"),
        ("100000000000.01", "amount_out_of_range"),
        ("9" * 5000, "amount_out_of_range"),
    ],
)
def test_money_refused(cell: str, code: str) -> None:
    with pytest.raises(CellFault) as refusal:
        cells.money(cell)
    assert refusal.value.code == code


def test_money_of_a_currency_without_decimals() -> None:
    assert [cells.money(cell, "JPY") for cell in ("1,000.00", "-12")] == [100_000, -1_200]
    for cell in ("10.5", "ten"):
        with pytest.raises(CellFault) as refusal:
            cells.money(cell, "JPY")
        assert refusal.value.code == "not_whole"


@pytest.mark.parametrize(
    ("currency", "written"),
    [
        ("JPY", ("1,200円", "¥1,200", "\uffe51,200", "1200 日元", "JPY 1200", "JP¥1,200", "1,200元", "1200日圆")),
        ("KRW", ("₩1,200", "\uffe61,200", "1,200원", "1200韩元")),
        ("HKD", ("HK$1,200", "$1,200.00", "1200港币", "1,200 HKD")),
        ("CNY", ("RMB 1200", "人民币1,200.00", "1200CNY", "1,200 RMB")),
        ("CHF", ("CHF 1,200",)),
    ],
)
def test_money_beside_its_own_sign(currency: str, written: tuple[str, ...]) -> None:
    assert {cell: cells.money(cell, currency) for cell in written} == dict.fromkeys(written, 120_000)
    minus = [f"-{written[0]}", f"({written[0]})"]
    assert [cells.money(cell, currency) for cell in minus] == [-120_000, -120_000]


@pytest.mark.parametrize(("cell", "currency"), [("1,200円", "CNY"), ("HK$12", "CNY"), ("RMB 12", "HKD"), ("$", "USD")])
def test_money_of_another_currency(cell: str, currency: str) -> None:
    with pytest.raises(CellFault):
        cells.money(cell, currency)


@given(st.integers(-(10**13), 10**13))
def test_money_comes_back(fen: int) -> None:
    assert cells.money(format_fen(fen)) == fen


@pytest.mark.parametrize(
    ("cell", "quantity"),
    [
        ("", "1"),
        ("1", "1"),
        ("2.0", "2"),
        ("0.4550", "0.455"),
        ("0", "0"),
        ("-0", "0"),
        ("-1", "-1"),
        ("1,000", "1000"),
        ("3.25", "3.25"),
    ],
)
def test_quantity(cell: str, quantity: str) -> None:
    assert cells.quantity(cell) == quantity


@pytest.mark.parametrize(
    ("cell", "code"),
    [("0.12345", "bad_quantity"), ("x", "bad_quantity"), ("1000000000", "quantity_out_of_range")],
)
def test_quantity_refused(cell: str, code: str) -> None:
    with pytest.raises(CellFault) as refusal:
        cells.quantity(cell)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("cell", "at"),
    [
        ("2025-03-01 18:30:00", datetime(2025, 3, 1, 10, 30, tzinfo=UTC)),
        ("2025-03-01T18:30:00", datetime(2025, 3, 1, 10, 30, tzinfo=UTC)),
        ("2025-03-01 18:30", datetime(2025, 3, 1, 10, 30, tzinfo=UTC)),
        ("2025/3/1 8:05", datetime(2025, 3, 1, 0, 5, tzinfo=UTC)),
        ("2025-03-01", datetime(2025, 2, 28, 16, 0, tzinfo=UTC)),
        ("20250301", datetime(2025, 2, 28, 16, 0, tzinfo=UTC)),
        ("2025-03-01T18:30:00Z", datetime(2025, 3, 1, 18, 30, tzinfo=UTC)),
        ("2025-03-01T18:30:00.250+02:00", datetime(2025, 3, 1, 16, 30, 0, 250_000, tzinfo=UTC)),
        ("2025-03-01T11:53+01", None),  # 19 characters, but no time that ends in seconds
        ("2025年3月1日 18:30:00", datetime(2025, 3, 1, 10, 30, tzinfo=UTC)),
        ("2025-03-01 18:30:00", datetime(2025, 3, 1, 10, 30, tzinfo=UTC)),
        ("\uff12\uff10\uff12\uff15-03-01 18:30:00", datetime(2025, 3, 1, 10, 30, tzinfo=UTC)),
        ("2025-02-30 10:00:00", None),
        ("2025-03-01 25:00:00", None),
        ("2025-03-01 18:30:61", None),
        ("45000.5", datetime(2023, 3, 15, 4, 0, tzinfo=UTC)),  # a spreadsheet's day number
        ("yesterday", None),
        # A clock or an offset: nobody can say, and either would be a wrong hour of somebody's file.
        ("2025/03/01-18:30", None),
        ("2025-03-01-08:00", None),
        ("2025-03-01 +08:00", None),
        ("20250301-1830", None),
        ("20250301+0800", None),
        ("2025-03-01Z", None),
        ("01/13/2025-18:30", None),
        ("2025-03-01 星期六", datetime(2025, 2, 28, 16, 0, tzinfo=UTC)),
        ("2025-03-01 18:30 星期六", datetime(2025, 3, 1, 10, 30, tzinfo=UTC)),
        ("2025-03-01 18:30 星期六 +02:00", datetime(2025, 3, 1, 16, 30, tzinfo=UTC)),
        ("20250301 18:30-0400", datetime(2025, 3, 1, 22, 30, tzinfo=UTC)),
        ("2025年3月1日 下午6时30分Z", datetime(2025, 3, 1, 18, 30, tzinfo=UTC)),
    ],
)
def test_moment(cell: str, at: datetime | None) -> None:
    if at is None:
        with pytest.raises(CellFault) as refusal:
            cells.moment(cell, SHANGHAI, LATEST)
        assert refusal.value.code == "bad_time"
    else:
        assert cells.moment(cell, SHANGHAI, LATEST) == at


@pytest.mark.parametrize("cell", ["1989-12-31 00:00:00", "2031-01-01 00:00:00", "1900-01-01", "9999-12-30 23:59"])
def test_moment_out_of_range(cell: str) -> None:
    with pytest.raises(CellFault) as refusal:
        cells.moment(cell, SHANGHAI, LATEST)
    assert refusal.value.code == "time_out_of_range"


def test_source_zone_is_only_for_times_without_one() -> None:
    assert cells.moment("2017-07-01 12:00:00", UTC, LATEST) == datetime(2017, 7, 1, 12, tzinfo=UTC)
    assert cells.moment("2017-07-01 12:00:00-04:00", UTC, LATEST) == datetime(2017, 7, 1, 16, tzinfo=UTC)


@given(st.integers(700_000_000, 1_800_000_000))
def test_both_ways_of_reading_a_time_agree(seconds: int) -> None:
    local = datetime.fromtimestamp(seconds, SHANGHAI)
    usual, other = local.strftime("%Y-%m-%d %H:%M:%S"), local.strftime("%Y/%m/%d %H:%M:%S")
    assert cells.moment(usual, SHANGHAI, LATEST) == cells.moment(other, SHANGHAI, LATEST)


def test_microseconds_come_back() -> None:
    at = datetime(2025, 3, 1, 18, 30, 0, 123_457, tzinfo=UTC)
    assert cells.from_microseconds(cells.microseconds(at)) == at


@pytest.mark.parametrize(
    ("cell", "day"), [("1990-3-5", date(1990, 3, 5)), ("", None), ("1990年03月05日", date(1990, 3, 5))]
)
def test_calendar_day(cell: str, day: date | None) -> None:
    assert cells.calendar_day(cell) == day


@pytest.mark.parametrize(("cell", "points"), [("", 0), ("120", 120), ("1,200", 1200), ("80.00", 80), ("-0", 0)])
def test_whole_number(cell: str, points: int) -> None:
    assert cells.whole_number(cell) == points


@pytest.mark.parametrize("cell", ["-1", "1.5", "x", "10000000000000"])
def test_whole_number_refused(cell: str) -> None:
    with pytest.raises(CellFault):
        cells.whole_number(cell)


@pytest.mark.parametrize(
    ("cell", "code"),
    [("A12", "A12"), (" 000123 ", "000123"), ("\uff21\uff11\uff12", "A12"), ("会员①", "会员1"), ("=1+1", "=1+1")],
)
def test_code(cell: str, code: str) -> None:
    assert cells.code(cell, 64) == code


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("a\x00b", "bad_characters"),
        ("a\ud800", "bad_characters"),
        ("\x1b[31m", "bad_characters"),
        ("x" * 65, "cell_too_long"),
    ],
)
def test_text_refused(cell: str, code: str) -> None:
    with pytest.raises(CellFault) as refusal:
        cells.text(cell, 64)
    assert refusal.value.code == code


def test_text_is_one_line() -> None:
    assert cells.text(" 牛奶\n 250ml\t盒 ", 64) == "牛奶 250ml 盒"


@given(st.text(max_size=80))
def test_no_text_crashes_a_parser(cell: str) -> None:
    for parse in (
        cells.money,
        cells.quantity,
        cells.whole_number,
        cells.calendar_day,
        words.status,
        words.tender,
        lambda text: cells.code(text, 64),
        lambda text: cells.moment(text, SHANGHAI, LATEST),
    ):
        try:
            parse(cell)
        except CellFault as fault:
            assert RowFault(1, fault.code, value=cell, note=fault.note).reason("zh")


@pytest.mark.parametrize(
    ("cell", "status"),
    [
        ("", "completed"),
        ("已完成", "completed"),
        ("Refunded", "refunded"),
        ("交易关闭", "voided"),
        ("已退款", "refunded"),
    ],
)
def test_status(cell: str, status: str) -> None:
    assert words.status(cell) == status


def test_unknown_status_is_a_fault() -> None:
    with pytest.raises(CellFault) as refusal:
        words.status("待发货?")
    assert refusal.value.code == "unknown_status"


@pytest.mark.parametrize(
    ("cell", "kind"),
    [("", ""), ("微信支付", "wechat"), ("WeChat Pay", "wechat"), ("云闪付", "unionpay"), ("美团", "other")],
)
def test_tender(cell: str, kind: str) -> None:
    assert words.tender(cell) == kind


def test_memo_is_bounded_and_keeps_no_faults() -> None:
    memo = Memo(cells.money, limit=3)
    for cell in ("1", "2", "3", "4"):
        memo[cell]
    assert dict(memo) == {"4": 400}
    for _ in range(2):
        with pytest.raises(CellFault):
            memo["x"]
    assert len(memo) == 1


@pytest.mark.parametrize("value", ["=HYPERLINK(1)", "+1", "-1", "@x"])
def test_a_value_in_the_error_file_is_no_formula(value: str) -> None:
    row = fault_cells(RowFault(7, "bad_amount", "实付金额", value))
    assert row[:4] == ("7", "实付金额", "'" + value, "bad_amount")


def test_a_value_in_the_error_file_can_always_be_written() -> None:
    row = fault_cells(RowFault(7, "bad_characters", "sku", "a\ud800\x00b" + "x" * 10_000))
    "".join(row).encode()
    assert all(len(cell) < 500 for cell in row)


@pytest.mark.parametrize(
    "cell", ["12345", "11111111111", "1380013800", "138001380001", "12345678901", "call me", "+1 23"]
)
def test_what_can_be_no_phone(cell: str) -> None:
    with pytest.raises(CellFault) as fault:
        cells.phone(cell, mainland=True)
    assert fault.value.code == "bad_phone"


@pytest.mark.parametrize(
    "cell",
    [
        "13800138000",
        "+86 138 0013 8000",
        "021-12345678",
        "62345678",
        "400-812-3456",
        "+1 202 555 0123",
        "85291234567",
        "",
    ],
)
def test_what_can_be_a_phone(cell: str) -> None:
    assert cells.phone(cell, mainland=True) == cell


def test_other_countries_have_phones_of_their_own() -> None:
    assert cells.phone("12025550123", mainland=False) == "12025550123"
