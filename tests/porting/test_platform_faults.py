"""Platforms' files with something wrong in them: one bad thing costs one row there too, and nothing goes unsaid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from huimeng.porting.rules import platforms
from huimeng.porting.rules.columns import ORDER_FILE_COLUMNS
from huimeng.porting.service import ImportOptions, import_members, import_orders
from huimeng.porting.store.glance import glance
from huimeng.porting.store.intake import Wish, take_in
from tests.conftest import Shop
from tests.porting.conftest import SETTINGS, Bench, Found, error_rows, read_source
from tests.porting.test_platforms import DETAIL, OPTIONS, TAOBAO, stored, table, taobao_line, taobao_order

WORDS = TAOBAO.index("买家留言")
NUMBERS = [f"19306798581706{n:02d}" for n in range(20)]


def lines_of(header: Sequence[str], rows: Sequence[dict[str, str]]) -> list[list[str]]:
    """As platforms write them: cells as they are, with no quotes around them."""
    return [list(header), *([row.get(name, "") for name in header] for row in rows)]


def joined(lines: Sequence[Sequence[str]], encoding: str = "gb18030") -> bytes:
    return "".join(",".join(line) + "\r\n" for line in lines).encode(encoding)


def plain_orders(count: int = 20) -> list[list[str]]:
    rows = [taobao_order(number, "10.00", "交易成功", 店铺名称="s1") for number in NUMBERS[:count]]
    lines = lines_of(TAOBAO, rows)
    number = TAOBAO.index("订单编号")
    for line in lines[1:]:
        line[number] = line[number].strip('="')
    return lines


def read_file(folder: Path, data: bytes) -> Found:
    path = folder / "ExportOrderList.csv"
    path.write_bytes(data)
    return read_source(take_in(path, folder, Wish(ORDER_FILE_COLUMNS, {})).source, folder, SETTINGS)


def taken(found: Found) -> list[str]:
    return sorted(draft.order_no for drafts in found.orders.values() for draft in drafts)


@pytest.mark.parametrize("words", ['"快点发', '5" 碟"子', '"'])
@pytest.mark.parametrize("numbers", ['="{}"', "{}"])
def test_a_stray_quote_costs_its_row(tmp_path: Path, words: str, numbers: str) -> None:
    lines = plain_orders()
    for line in lines[1:]:
        line[0] = numbers.format(line[0])
    lines[4][WORDS] = words
    found = read_file(tmp_path, joined(lines))
    if words[0] == '"':
        assert [(f["line"], f["code"], f["order_no"]) for f in found.faults] == [("5", "bad_csv", NUMBERS[3])]
        assert taken(found) == NUMBERS[:3] + NUMBERS[4:]
    else:
        # Inside of a cell a quote is a sign like another.
        assert (found.faults, taken(found)) == ([], NUMBERS)
    assert found.result.rows == 20


def test_wrong_bytes_cost_their_row(tmp_path: Path) -> None:
    lines = joined(plain_orders(5)).split(b"\r\n")
    lines[3] = lines[3].replace("洗面奶".encode("gb18030"), b"\xff\xfe\x81")
    found = read_file(tmp_path, b"\r\n".join(lines))
    assert [(f["line"], f["code"], f["order_no"]) for f in found.faults] == [("4", "bad_encoding", NUMBERS[2])]
    assert taken(found) == NUMBERS[:2] + NUMBERS[3:5]


@pytest.mark.parametrize("length", [70_000, 200_000, 5_000_000])
def test_a_cell_without_end_costs_its_row(tmp_path: Path, length: int) -> None:
    lines = plain_orders(5)
    lines[3][WORDS] = "x" * length
    found = read_file(tmp_path, joined(lines))
    assert [(f["line"], f["code"], f["order_no"]) for f in found.faults] == [("4", "cell_too_long", NUMBERS[2])]
    assert taken(found) == NUMBERS[:2] + NUMBERS[3:5]


def test_a_row_of_another_width_is_not_read_under_wrong_names(tmp_path: Path) -> None:
    lines = plain_orders(6)
    lines[2][WORDS], lines[2][-1] = "快,点发", "否"
    lines[3] = lines[3][:-4]
    lines[4] = [*lines[4], "", ""]
    lines.append(["合计", "6"])
    found = read_file(tmp_path, joined(lines))
    assert [(f["line"], f["code"], f["order_no"], f["reason_en"][-7:]) for f in found.faults] == [
        ("3", "too_many_cells", NUMBERS[1], "42 / 41"),
        ("4", "too_few_cells", NUMBERS[2], "37 / 41"),
    ]
    assert taken(found) == [NUMBERS[0], *NUMBERS[3:6]]
    assert (found.result.rows, found.result.bad_rows, found.result.no_rows) == (6, 2, 1)


def test_a_header_that_ends_in_a_comma(tmp_path: Path) -> None:
    lines = plain_orders(3)
    lines[0].append("")
    assert taken(read_file(tmp_path, joined(lines))) == NUMBERS[:3]


def test_columns_are_read_by_the_names_they_are_known_by(tmp_path: Path) -> None:
    lines = plain_orders(2)
    written = {"订单编号": "订单编号*", "买家实际支付金额": "买家实际支付金额(元)", "总金额": "总金额\uff08元\uff09"}
    lines[0] = [written.get(name, name) for name in lines[0]]
    found = read_file(tmp_path, joined(lines))
    assert (found.faults, taken(found)) == ([], NUMBERS[:2])


def test_a_glance_passes_over_rows_that_are_lost(tmp_path: Path) -> None:
    lines = plain_orders(3)
    lines[1][WORDS] = '"快点发'
    path = tmp_path / "a.csv"
    path.write_bytes(joined(lines))
    seen = glance(path, tmp_path, None, {})
    assert (seen.platform, seen.samples[-1]) == ("taobao_orders", [])
    assert seen.samples[0] == NUMBERS[:3]


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("13500000000", "13500000000"),
        ("'13500000000", "13500000000"),
        ("86 13500000001", "13500000001"),
        ("135 0000 0002", "13500000002"),
        ("\uff11\uff13\uff15\uff10\uff10\uff10\uff10\uff10\uff10\uff10\uff13", "13500000003"),
        ("135-0000-0004", "13500000004"),
        ("8613500000005", "13500000005"),
        ("+86-13500000006", "13500000006"),
        ("+85291234567", "+85291234567"),
        ("135****0007", ""),
        ("$$v1wNXm8Hk+1$$", ""),
        ("##abc", ""),
        ("13500000008-1234", ""),
        ("0571-8888999", ""),
        ("23500000000", ""),
        ("", ""),
    ],
)
def test_phones(cell: str, number: str) -> None:
    place = list(platforms.OUT["taobao_orders"]).index("联系手机")
    assert platforms.translate("taobao_orders", {"联系手机": cell})[place] == number


async def test_members_are_found_by_any_spelling_of_their_number(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    members, orders = tmp_path / "members.csv", tmp_path / "orders.csv"
    members.write_text("手机号\n" + "".join(f"1350000000{n}\n" for n in range(3)), encoding="utf-8")
    await import_members(bench, shop.merchant_id, members)
    phones = ("86 13500000000", "135-0000-0001", "8613500000002", "135****0003")
    rows = [taobao_order(n, "10", "交易成功", 联系手机=phone) for n, phone in zip(NUMBERS, phones, strict=False)]
    orders.write_text(table(TAOBAO, rows), encoding="utf-8")
    await import_orders(bench, shop.merchant_id, orders, OPTIONS)
    assert [row[5] for row in await stored(bench.db, shop)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("交易成功", "已完成"),
        ("订单完成", "已完成"),
        ("已结算", "已完成"),
        ("待评价", "已完成"),
        ("已签收", "待付款"),
        ("待发货", "待付款"),
        ("部分退款", "部分退款"),
    ],
)
def test_status_words_of_platforms(word: str, status: str) -> None:
    """What has arrived may still be sent back; of a part that was refunded nobody knows here which."""
    place = list(platforms.OUT["taobao_orders"]).index("订单状态")
    assert platforms.translate("taobao_orders", {"订单状态": word})[place] == status


# Two reports.


async def take_pair(
    bench: Bench, shop: Shop, folder: Path, orders: bytes, details: bytes
) -> tuple[list[tuple[str, ...]], list[str]]:
    (folder / "orders.csv").write_bytes(orders)
    (folder / "details.csv").write_bytes(details)
    options = ImportOptions(store="s1", unknown_member="anonymous", with_file=folder / "details.csv")
    result = await import_orders(bench, shop.merchant_id, folder / "orders.csv", options)
    faults = [(f["line"], f["code"], f["order_no"]) for f in error_rows(result.error_file)]
    assert result.bad_rows == len([fault for fault in faults if fault[1] != "order_incomplete" or fault[0]])
    return sorted(faults), sorted({row[1] for row in await stored(bench.db, shop)})


def detail_lines() -> list[list[str]]:
    rows = [taobao_line(f"{n}{part}", NUMBERS[n], "5", "1", "5.00") for n in range(4) for part in (1, 2)]
    return lines_of(DETAIL, rows)


async def test_a_broken_row_of_the_order_report(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    orders = plain_orders(4)
    orders[2][WORDS] = '"快点发'
    faults, created = await take_pair(bench, shop, tmp_path, joined(orders), joined(detail_lines()))
    assert faults == [
        ("", "bad_csv", NUMBERS[1]),
        ("4", "order_missing", NUMBERS[1]),
        ("5", "order_missing", NUMBERS[1]),
    ]
    assert created == [NUMBERS[0], *NUMBERS[2:4]]


async def test_an_order_whose_number_is_spoilt(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    orders = plain_orders(4)
    orders[2][0] = "1.93068E+15"
    orders[3][0] = ""
    orders.append(["合计", *[""] * (len(TAOBAO) - 1)])
    faults, created = await take_pair(bench, shop, tmp_path, joined(orders), joined(detail_lines()))
    assert [fault[:2] for fault in faults if not fault[0]] == [("", "id_lost_digits"), ("", "required")]
    assert [fault[2] for fault in faults if fault[0]] == [NUMBERS[1]] * 2 + [NUMBERS[2]] * 2
    assert created == [NUMBERS[0], NUMBERS[3]]


PAID, STATUS = TAOBAO.index("买家实际支付金额"), TAOBAO.index("订单状态")


def repeated_orders(place: int, cell: str) -> list[list[str]]:
    """The second order once more at the end as it is; the third with another cell, and then as it was."""
    orders = plain_orders(4)
    other = [*orders[3]]
    other[place] = cell
    return [*orders, [*orders[2]], other, [*orders[3]]]


@pytest.mark.parametrize(("place", "cell"), [(PAID, "9.00"), (STATUS, "交易关闭"), (STATUS, "等待买家付款")])
async def test_a_number_twice_in_the_order_report(
    bench: Bench, shop: Shop, tmp_path: Path, place: int, cell: str
) -> None:
    """Once more with the same content it is harmless; with other content nobody can say which row is right."""
    orders = repeated_orders(place, cell)
    details = [*detail_lines(), detail_lines()[1]]
    faults, created = await take_pair(bench, shop, tmp_path, joined(orders), joined(details))
    told = [("", "order_repeated", NUMBERS[2])] * 3
    assert faults == [*told, ("6", "order_missing", NUMBERS[2]), ("7", "order_missing", NUMBERS[2])]
    assert any("4, 7" in row["reason_zh"] for row in error_rows(tmp_path / "orders.csv.errors.csv"))
    assert created == [NUMBERS[0], NUMBERS[1], NUMBERS[3]]
    assert [row[-1] for row in await stored(bench.db, shop)] == [500] * 6


@pytest.mark.parametrize(("place", "cell"), [(PAID, "9.00"), (STATUS, "等待买家付款")])
def test_a_number_twice_in_an_order_report_alone(tmp_path: Path, place: int, cell: str) -> None:
    found = read_file(tmp_path, joined(repeated_orders(place, cell)))
    assert found.codes() == [(line, "order_repeated") for line in ("4", "7", "8")]
    assert {fault["order_no"] for fault in found.faults} == {NUMBERS[2]}
    assert taken(found) == [NUMBERS[0], NUMBERS[1], NUMBERS[3]]
    assert {sum(line[3] for line in draft.lines) for drafts in found.orders.values() for draft in drafts} == {1000}


def test_what_nobody_reads_makes_no_difference(tmp_path: Path) -> None:
    orders = repeated_orders(WORDS, "快点发")
    found = read_file(tmp_path, joined(orders))
    assert (found.codes(), taken(found)) == ([], NUMBERS[:4])
    assert {len(draft.lines) for drafts in found.orders.values() for draft in drafts} == {1}


@pytest.mark.parametrize("paid", ["5.00", "0"])
async def test_a_broken_row_of_the_detail_report(bench: Bench, shop: Shop, tmp_path: Path, paid: str) -> None:
    """Its order is left out, also when what it says of money would not be missed."""
    orders, details = plain_orders(4), detail_lines()
    details[3][DETAIL.index("备注")] = '"送人'
    details[3][DETAIL.index("买家实际支付金额")] = paid
    orders[2][TAOBAO.index("买家实际支付金额")] = "10.00" if paid != "0" else "5.00"
    # Wherever its other line stands.
    details.append(details.pop(4))
    faults, created = await take_pair(bench, shop, tmp_path, joined(orders), joined(details))
    assert faults == [("4", "bad_csv", NUMBERS[1]), ("9", "order_incomplete", NUMBERS[1])]
    assert created == [NUMBERS[0], *NUMBERS[2:4]]


async def test_more_orders_without_lines_than_are_named(
    bench: Bench, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huimeng.porting.store.pairs._NAMED", 1)
    faults, created = await take_pair(bench, shop, tmp_path, joined(plain_orders(7)), joined(detail_lines()))
    assert faults == [("", "detail_missing", ""), ("", "detail_missing", NUMBERS[4])]
    rest = (tmp_path / "orders.csv.errors.csv").read_text(encoding="utf-8-sig")
    assert ",'+ 2," in rest and created == NUMBERS[:4]


# Nothing vanishes.


def test_a_quote_that_another_closes_costs_the_rows_between(tmp_path: Path) -> None:
    """The record is whole CSV, as wide as the header, and the rows in its cell would be gone."""
    lines = plain_orders(8)
    lines[3][WORDS], lines[6][WORDS] = '"快点发', '5"'
    found = read_file(tmp_path, joined(lines))
    assert [(f["line"], f["code"], f["order_no"]) for f in found.faults] == [
        (str(line), "bad_csv", NUMBERS[line - 2]) for line in range(4, 8)
    ]
    assert taken(found) == [*NUMBERS[:2], *NUMBERS[6:8]]
    assert found.result.rows == 8


def test_lines_in_a_cell_are_no_rows(tmp_path: Path) -> None:
    lines = plain_orders(4)
    commas = "," * (len(TAOBAO) - 1)
    lines[2][WORDS] = f'"茶\r\n大杯, 加冰, 热, 2024-01-02\r\n{commas}\r\n"'
    found = read_file(tmp_path, joined(lines))
    assert (found.faults, taken(found)) == ([], NUMBERS[:4])


_TEXTS = ('"', '"快', '快"', '5" 碟', '""', '"""', '","', "快,发", "\x00", "\t", "'", '="1"', "x" * 70_000)
_BYTES = (b"\xff", b"\x81", b"\xfe\xff")
_damage = st.lists(
    st.tuples(
        st.integers(1, 10),
        # The time stays, or a row could not be told from a line of a text.
        st.sampled_from([place for place, name in enumerate(TAOBAO) if name != "订单创建时间"]),
        st.sampled_from(_TEXTS) | st.sampled_from(_BYTES),
        st.sampled_from(("before", "behind", "alone")),
    ),
    max_size=5,
    # A row that is broken in several places may be told of as a part of another.
    unique_by=lambda damage: damage[0],
)


Damage = tuple[int, int, str | bytes, str]


@settings(max_examples=200)
@example([(2, WORDS, '"快', "alone"), (6, WORDS, '快"', "alone")], True, "gb18030")
@example([(2, WORDS, '"快', "alone"), (6, WORDS, '快"', "alone")], False, "utf-8")
@example([(2, WORDS, '"快', "alone"), (6, 3, '快"', "alone")], True, "gb18030")
@example([(3, 0, '"', "before"), (4, 3, '","', "before")], False, "gb18030")
@given(_damage, st.booleans(), st.sampled_from(["gb18030", "utf-8"]))
def test_every_row_is_taken_or_told(
    tmp_path_factory: pytest.TempPathFactory, damage: list[Damage], platform: bool, encoding: str
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    lines = [[cell.encode(encoding) for cell in line] for line in plain_orders(10)]
    if not platform:
        known = {"订单编号": "订单号", "订单创建时间": "下单时间", "店铺名称": "门店", "买家实际支付金额": "实付金额"}
        lines[0] = [known.get(name, f"{name}?").encode(encoding) for name in TAOBAO]
    for row, place, what, where in damage:
        given = what.encode(encoding) if isinstance(what, str) else what
        cell = lines[row][place]
        # Rows of one number would be one order.
        alone = cell + given if place == TAOBAO.index("订单编号") else given
        lines[row][place] = {"before": given + cell, "behind": cell + given, "alone": alone}[where]
    data = b"".join(b",".join(line) + b"\r\n" for line in lines)
    found = read_file(folder, data)

    first = [draft.first_line for drafts in found.orders.values() for draft in drafts]
    told = {int(fault["line"]) for fault in found.faults}
    assert sorted([*first, *told]) == list(range(2, 12))
    assert (found.result.rows, found.result.bad_rows) == (10, len(told))
