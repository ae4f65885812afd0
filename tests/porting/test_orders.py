"""Rows to orders: the same orders whatever the order of the rows; contradictions are faults."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huimeng.order.rules import Line, LineInput, Order, OrderInput, Status, Tender, TenderInput
from huimeng.porting.rules.order_rows import Run
from huimeng.porting.rules.orders import differences
from huimeng.porting.store import spill
from huimeng.porting.store.spill import Spill, SpillWriter
from tests.porting.conftest import Reader, as_csv

rows = st.lists(
    st.tuples(
        st.sampled_from(["A1", "A2", "B9"]),
        st.sampled_from(["2025-03-01 10:00:00", "2025-03-01 10:05:00", "2025-03-02 09:00:00"]),
        st.sampled_from(["s1", "bar"]),
        st.just("m1"),
        st.sampled_from(["x", "y"]),
        st.sampled_from(["", "牛奶"]),
        st.just("c"),
        st.sampled_from(["1", "2.5"]),
        st.sampled_from(["1.00", "0", "-2.50"]),
    ),
    max_size=12,
)


@settings(max_examples=80)
@given(rows, st.randoms(use_true_random=False))
def test_a_re_sorted_file_has_the_same_orders(
    read: Reader, given_rows: list[tuple[str, ...]], chance: random.Random
) -> None:
    def orders(sorted_rows: list[tuple[str, ...]]) -> object:
        found = read(as_csv(sorted_rows))
        assert found.faults == []
        return [
            (day, d.store, d.order_no, d.at, d.member, d.status, list(d.lines), list(d.tenders))
            for day, drafts in found.orders.items()
            for d in drafts
        ]

    shuffled = list(given_rows)
    chance.shuffle(shuffled)
    assert orders(shuffled) == orders(given_rows)


LINES = ("order_no", "line_no", "ordered_at", "store", "paid_amount")


def test_lines_are_sorted_by_their_ids(read: Reader) -> None:
    rows = [
        ["A1", number, "2025-03-01 10:00:00", "s1", amount] for number, amount in (("10", "1"), ("9", "2"), ("2", "3"))
    ]
    assert [line[4] for line in read(as_csv(rows, LINES)).only().lines] == ["2", "9", "10"]


def test_a_row_that_comes_twice_is_one_line_when_it_has_an_id(read: Reader) -> None:
    row = ["A1", "1", "2025-03-01 10:00:00", "s1", "5"]
    assert len(read(as_csv([row, row], LINES)).only().lines) == 1
    assert len(read(as_csv([[*row[:1], "", *row[2:]]] * 2, LINES)).only().lines) == 2


def test_a_line_id_with_two_contents(read: Reader) -> None:
    found = read(as_csv([["A1", "1", "2025-03-01 10:00:00", "s1", amount] for amount in ("5", "6")], LINES))
    assert found.orders == {}
    assert found.codes() == [("2", "line_repeated")]


FULL = ("order_no", "ordered_at", "store", "member", "tender", "status", "paid_amount")


def test_tenders_are_summed_over_lines(read: Reader) -> None:
    rows = [["A1", "2025-03-01 10:00:00", "s1", "m", tender, "", "5"] for tender in ("微信", "现金", "微信", "")]
    assert read(as_csv(rows, FULL)).only().tenders == [("cash", 500), ("other", 500), ("wechat", 1000)]


def test_the_earliest_time_is_the_orders(read: Reader) -> None:
    rows = [["A1", f"2025-03-01 10:0{i}:00", "s1", "", "", "", "5"] for i in (3, 1, 2)]
    assert read(as_csv(rows, FULL)).only().at % 3_600_000_000 == 60_000_000


def test_a_member_named_once_is_the_orders(read: Reader) -> None:
    rows = [["A1", "2025-03-01 10:00:00", "s1", member, "", "", "5"] for member in ("m1", "", "")]
    assert read(as_csv(rows, FULL)).only().member == "m1"


@pytest.mark.parametrize(
    ("members", "statuses", "code"),
    [(("m1", "m2"), ("", ""), "members_differ"), (("m1", "m1"), ("已完成", "已作废"), "statuses_differ")],
)
def test_contradictions(read: Reader, members: tuple[str, str], statuses: tuple[str, str], code: str) -> None:
    rows = [
        ["A1", "2025-03-01 10:00:00", "s1", member, "", status, "5"]
        for member, status in zip(members, statuses, strict=True)
    ]
    found = read(as_csv(rows, FULL))
    assert found.orders == {}
    assert found.codes() == [("2", code)]


def test_too_many_lines(read: Reader) -> None:
    rows = [["A1", "2025-03-01 10:00:00", "s1", "", "", "", "1"]] * 2001
    assert read(as_csv(rows, FULL)).codes() == [("2", "too_many_lines")]


def test_an_order_that_comes_to_too_much(read: Reader) -> None:
    row = ["A1", "2025-03-01 10:00:00", "s1", "", "", ""]
    assert read(as_csv([[*row, "100000000000"]], FULL)).codes() == []
    assert read(as_csv([[*row, "100000000000"], [*row, "0.01"]], FULL)).codes() == [("2", "amount_out_of_range")]


def test_orders_of_a_day_come_by_time(read: Reader) -> None:
    rows = [["A1", "2025-03-01 12:00:00", "s1", "", "", "", "1"], ["A2", "2025-03-01 11:00:00", "s1", "", "", "", "1"]]
    assert [d.order_no for d in read(as_csv(rows, FULL)).orders[date(2025, 3, 1)]] == ["A2", "A1"]


def test_a_huge_day_is_taken_in_parts_with_whole_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "PART_LINES", 50)
    writer = SpillWriter(tmp_path / "spill", 0)
    for _ in range(2):
        for number in range(100):
            run: Run = (1, f"A{number}", number, "", "completed", "", 1, [(("", "", ""), "1", 1, 1, "")])
            writer.add(7, run)
    writer.close()
    kept = Spill([tmp_path / "spill"], writer.chunks)
    parts = list(kept.parts(7))
    kept.close()
    assert len(parts) > 4
    assert sum(len(part) for part in parts) == 200
    for part in parts:
        assert all([run[1] for run in part].count(run[1]) == 2 for run in part)


def test_what_differs() -> None:
    at = datetime(2025, 3, 1, tzinfo=UTC)
    kept = Order(
        cell_id=1024,
        order_id=1,
        source="import",
        store_id=1,
        business_day=date(2025, 3, 1),
        order_no="A1",
        member_id=5,
        ordered_at=at,
        list_fen=1000,
        paid_fen=900,
        refunded_fen=0,
        status=Status.COMPLETED,
        created_at=at,
        lines={1: Line(1, "", "a", "牛奶", "乳品", Decimal("2.0000"), 1000, 900, Decimal(0), 0, 0, 0, 0, 0)},
        tenders=[Tender("cash", 900)],
    )
    line = LineInput("a", "牛奶", "乳品", "2", 1000, 900)
    same = OrderInput("import", 1, "A1", date(2025, 3, 1), at, 5, (line,), (TenderInput("cash", 900),))
    assert differences(kept, same, "completed") == "content"
    dearer = LineInput("a", "牛奶", "乳品", "2", 1000, 950)
    other = OrderInput("import", 1, "A1", date(2025, 3, 1), at, None, (dearer,), (TenderInput("cash", 950),))
    assert differences(kept, other, "completed") == (
        "member 5 -> -; paid 9.00 -> 9.50; tenders cash 9.00 -> cash 9.50; "
        "line 1: a 牛奶 (乳品) x 2 = 9.00 -> a 牛奶 (乳品) x 2 = 9.50"
    )
