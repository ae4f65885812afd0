"""The first pass over hostile and ordinary files: one bad thing costs one row, and says where it is."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huimeng.porting.errors import EmptyFile, FileUnreadable, ImportFileError, NotCsv
from huimeng.porting.rules.cells import microseconds
from huimeng.porting.store import blocks
from huimeng.porting.store.blocks import open_source
from tests.porting.conftest import SETTINGS, Reader, as_csv

HEAD = "order_no,ordered_at,store,paid_amount\n"
GOOD = "A1,2025-03-01 10:00:00,s1,10.00\n"


def test_an_order_of_two_lines(read: Reader) -> None:
    found = read(
        as_csv(
            [
                ["A1", "2025-03-01 18:30:00", "s1", "m1", "b", "面包", "烘焙", "2", "6.00"],
                ["A1", "2025-03-01 18:30:00", "s1", "m1", "a", "牛奶", "乳品", "", "4.50"],
            ]
        )
    )

    draft = found.only()
    assert list(found.orders) == [date(2025, 3, 1)]
    assert (draft.store, draft.order_no, draft.member, draft.status, draft.first_line) == (
        1,
        "A1",
        "m1",
        "completed",
        2,
    )
    assert draft.at == microseconds(datetime(2025, 3, 1, 10, 30, tzinfo=UTC))
    assert draft.lines == [
        (("a", "牛奶", "乳品"), "1", 450, 450, ""),
        (("b", "面包", "烘焙"), "2", 600, 600, ""),
    ]
    assert draft.tenders == [("other", 1050)]
    assert (found.faults, found.result.rows, found.result.bad_rows) == ([], 2, 0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings(read: Reader, encoding: str) -> None:
    text = "订单号,下单时间,门店,商品名称,实付金额\nA1,2025-03-01 10:00:00,一号店,鲜牛奶,10.00\n"
    assert read(text.encode(encoding)).only().lines[0][0][1] == "鲜牛奶"


def test_encoding_is_found_behind_the_first_block(read: Reader) -> None:
    rows = "".join(f"A{i},2025-03-01 10:00:00,s1,1.00,x\n" for i in range(40_000))
    text = f"order_no,ordered_at,store,paid_amount,product\n{rows}B1,2025-03-02 10:00:00,s1,1.00,牛奶\n"
    found = read(text.encode("gb18030"))
    assert found.orders[date(2025, 3, 2)][0].lines[0][0][1] == "牛奶"
    assert found.faults == []


def test_a_bar_ends_its_day_at_four(read: Reader) -> None:
    found = read(HEAD + "A1,2025-03-02 03:59:00,bar,10\nA1,2025-03-02 04:00:00,bar,20\n")
    assert {day: [d.lines[0][3] for d in drafts] for day, drafts in found.orders.items()} == {
        date(2025, 3, 1): [1000],
        date(2025, 3, 2): [2000],
    }


def test_times_of_a_source_in_utc(read: Reader) -> None:
    utc = msgspec.structs.replace(SETTINGS, source_timezone="UTC")
    found = read(HEAD + "A1,2025-03-01 20:00:00,s1,10\n", utc)
    assert list(found.orders) == [date(2025, 3, 2)]
    assert found.only().at == microseconds(datetime(2025, 3, 1, 20, tzinfo=UTC))


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        (",2025-03-01 10:00:00,s1,1", "order_no", "required"),
        ("B,soon,s1,1", "ordered_at", "bad_time"),
        ("B,2025-03-01 10:00:00,s9,1", "store", "unknown_store"),
        ("B,2025-03-01 10:00:00,两家,1", "store", "ambiguous_store"),
        ("B,2025-03-01 10:00:00,s1,1.234", "paid_amount", "bad_amount"),
        ("B,2025-03-01 10:00:00,s1,99999999999999", "paid_amount", "amount_out_of_range"),
        ("B\x00,2025-03-01 10:00:00,s1,1", "order_no", "bad_characters"),
        ("B" * 65 + ",2025-03-01 10:00:00,s1,1", "order_no", "cell_too_long"),
        ("B,2025-03-01 10:00:00,s1", "", "too_few_cells"),
        ("B,2025-03-01 10:00:00,s1,1,x", "", "too_many_cells"),
        ('B,2025-03-01 10:00:00,"s1"x,1', "", "bad_csv"),
        ("x" * 70_000 + ",2025-03-01 10:00:00,s1,1", "", "cell_too_long"),
    ],
)
def test_a_bad_row_is_reported_and_the_others_go_on(read: Reader, row: str, column: str, code: str) -> None:
    found = read(HEAD + GOOD + row + "\n" + GOOD.replace("A1", "A2"))

    (fault,) = found.faults
    assert (fault["line"], fault["column"], fault["code"]) == ("3", column, code)
    assert [d.order_no for d in found.orders[date(2025, 3, 1)]] == ["A1", "A2"]
    assert (found.result.rows, found.result.bad_rows) == (3, 1)


def test_every_bad_cell_of_a_row_is_reported(read: Reader) -> None:
    found = read(HEAD + "B,soon,s9,free\n")
    assert [(f["column"], f["code"]) for f in found.faults] == [
        ("ordered_at", "bad_time"),
        ("store", "unknown_store"),
        ("paid_amount", "bad_amount"),
    ]


@pytest.mark.parametrize(
    ("row", "number"),
    [
        (b"B1,soon,s9,free", "B1"),
        (b"B1,2025-03-01 10:00:00,s9,1", "B1"),
        (b"B1,2025-03-01 10:00:00,s1,ten", "B1"),
        (b"B1,2025-03-01 10:00:00,s1", "B1"),
        (b"B1,2025-03-01 10:00:00,s1,1,x", "B1"),
        (b'B1,2025-03-01 10:00:00,"s1"x,1', "B1"),
        (b'"B1","2025-03-01 10:00:00","s1"x,1', "B1"),
        (b"B1,2025-03-01 10:00:00,s\xff,1", "B1"),
        (b"B1,2025-03-01 10:00:00," + b"x" * 70_000 + b",1", "B1"),
        (b"B1,2025-03-01 10:00:00," + b"x" * 300_000 + b",1", "B1"),
        (b"3.12E+17,2025-03-01 10:00:00,s1,1", "3.12E+17"),
        (b"B\x00,2025-03-01 10:00:00,s1,1", "B\N{REPLACEMENT CHARACTER}"),
        (b",2025-03-01 10:00:00,s1,1", ""),
        (b'"B1,2025-03-01 10:00:00,s1,1', ""),
        (b'="B1",2025-03-01 10:00:00,"s1"x,1', "B1"),
        (b'"=""B1""","2025-03-01 10:00:00","s1"x,1', "B1"),
    ],
)
def test_a_bad_row_is_known_by_its_order_number(read: Reader, row: bytes, number: str) -> None:
    found = read((HEAD + GOOD).encode() + row + b"\n")
    assert found.faults and {fault["order_no"] for fault in found.faults} == {number}


def test_a_bad_row_that_only_has_the_original_order(read: Reader) -> None:
    (fault,) = read(HEAD.replace("order_no", "order_no,original_no") + ",A1,soon,s1,-1\n").faults
    assert (fault["code"], fault["order_no"]) == ("bad_time", "A1")


def test_wrong_bytes_cost_one_row(read: Reader) -> None:
    data = (HEAD + GOOD).encode() + b"B\xff\xfe,2025-03-01 10:00:00,s1,1\n" + GOOD.replace("A1", "A2").encode()
    found = read(data)
    assert found.codes() == [("3", "bad_encoding")]
    assert len(found.orders[date(2025, 3, 1)]) == 2


def test_a_lone_surrogate_in_bytes(read: Reader) -> None:
    found = read((HEAD + GOOD).encode() + b"B\xed\xa0\x80,2025-03-01 10:00:00,s1,1\n")
    assert found.codes() == [("3", "bad_encoding")]


def test_an_unclosed_quote_costs_its_row(read: Reader) -> None:
    rows = "".join(f"A{i},2025-03-01 10:00:00,s1,1.00\n" for i in range(20_000))
    found = read(HEAD + 'B,2025-03-01 10:00:00,"s1,1\n' + rows)
    assert found.codes() == [("2", "cell_too_long")]
    assert len(found.orders[date(2025, 3, 1)]) == 20_000


@pytest.mark.parametrize("block", [60, 1 << 20])
def test_quotes_that_were_not_doubled(read: Reader, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """Where all cells are quoted, their ends are plain all the same; a cell more or less, and nobody can say."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block)
    rows = [["A0", "茶"], ["A1", '说"好"的茶'], ["A2", '5" 碟'], ["A3", '"'], ["A4", '一","二'], ["A5", '""好"']]
    quoted = "".join(f'"{number}","2025-03-01 10:00:00","s1","{name}","1.00"\r\n' for number, name in rows)
    found = read("order_no,ordered_at,store,product,paid_amount\r\n" + quoted)
    names = {draft.order_no: draft.lines[0][0][1] for draft in found.orders[date(2025, 3, 1)]}
    assert names == {"A0": "茶", "A1": '说"好"的茶', "A2": '5" 碟', "A3": '"', "A5": '"好"'}
    assert [(f["line"], f["code"], f["order_no"]) for f in found.faults] == [("6", "too_many_cells", "A4")]


def test_a_truncated_file(read: Reader) -> None:
    assert read(HEAD + GOOD + "A2,2025-03-01 10:00:00,s").codes() == [("3", "too_few_cells")]
    assert read(HEAD + GOOD + 'A2,2025-03-01 10:00:00,"s1').codes() == [("3", "bad_csv")]


def test_line_breaks_in_cells_keep_line_numbers_physical(read: Reader) -> None:
    text = 'order_no,ordered_at,store,product,paid_amount\r\nA1,2025-03-01 10:00:00,s1,"a\r\nb",1\r\nA2,x,s1,c,1\r\n'
    found = read(text)
    assert found.only().lines[0][0][1] == "a b"
    assert found.codes() == [("4", "bad_time")]


@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(read: Reader, separator: str, end: str) -> None:
    text = (HEAD + GOOD).replace(",", separator).replace("\n", end)
    assert read(text).only().lines[0][3] == 1000


def test_records_that_cross_blocks(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1000)
    rows = "".join(f'A{i},2025-03-01 10:00:00,s1,"some\n{"x" * (i % 90)}, name",1.00\n' for i in range(200))
    found = read("order_no,ordered_at,store,product,paid_amount\n" + rows)
    assert found.faults == []
    assert len(found.orders[date(2025, 3, 1)]) == 200
    assert [d.first_line for d in found.orders[date(2025, 3, 1)]][:3] == [2, 4, 22]


def test_an_order_with_a_bad_line_is_not_taken_in_part(read: Reader) -> None:
    found = read(HEAD + "A1,2025-03-01 10:00:00,s1,1\nA1,2025-03-01 10:00:00,s1,free\nA1,2025-03-01 10:00:00,s1,2\n")
    assert found.orders == {}
    assert found.codes() == [("3", "bad_amount"), ("2", "order_incomplete")]


@pytest.mark.parametrize(
    "bad", ["A1,soon,s1,1", "A1,2025-03-01 10:00:00,nowhere,1", "A1", 'A1,"2025', "A1,2025-03-01 10:00:00,s1,1,2"]
)
@pytest.mark.parametrize("before", [True, False])
def test_a_bad_row_beside_its_order_keeps_the_order_out(read: Reader, bad: str, before: bool) -> None:
    good = "A1,2025-03-01 10:00:00,s1,1\n"
    other = "A2,2025-03-01 10:00:00,s1,1\n"
    rows = f"{bad}\n{good}" if before else f"{good}{bad}\n"
    found = read(HEAD + rows + other)
    assert [d.order_no for d in found.orders[date(2025, 3, 1)]] == ["A2"]
    assert found.faults[-1]["code"] == "order_incomplete"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", EmptyFile),
        (b"\n\n", EmptyFile),
        (b"\xef\xbb\xbf", EmptyFile),
        (b"PK\x03\x04rest", NotCsv),
        ("订单号\n".encode("utf-16"), NotCsv),
        (b'"order_no', NotCsv),
    ],
)
def test_what_is_no_csv_is_refused_before_anything(tmp_path: Path, data: bytes, error: type[ImportFileError]) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(data)
    with pytest.raises(error):
        open_source(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable):
        open_source(tmp_path / "nothing.csv")


@settings(max_examples=150)
@given(st.binary(max_size=400), st.integers(0, 120))
def test_garbage_never_crashes_the_reader(read: Reader, garbage: bytes, place: int) -> None:
    whole = (HEAD + GOOD * 3).encode()
    place = max(place, len(HEAD))
    found = read(whole[:place] + garbage + whole[place:])
    for fault in found.faults:
        assert fault["code"]


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_a_file_of_garbage_gives_a_clear_error(read: Reader, garbage: bytes) -> None:
    try:
        found = read(garbage)
    except ImportFileError as error:
        assert error.text("zh") and error.text("en")
    else:
        assert found.orders == {}
