"""What of a cell is shown to somebody who only has to recognise its column."""

from __future__ import annotations

import pytest

from huimeng.porting.rules.masking import hidden_cell, is_data, masked_cell
from huimeng.porting.rules.personal import like_of

CELLS = [
    ("", ""),
    ("李雷雷", "李**"),
    ("A1", "A*"),
    ("上海市某路5号", "上**"),
    ("lilei@example.com", "l**"),
    ("13800009901", "138****9901"),
    ("'13800009901", "138****9901"),
    ("138 0000 9901", "****9901"),
    ("021-55556666", "021****6666"),
    ("55556666", "****6666"),
    ("310101199001021234", "****1234"),
    ("1990-01-02", "****-01-02"),
    ("1990/1/2 00:00:00", "****/1/2 00:00:00"),
    ("19900102", "****0102"),
    ("01/02/1990", "01/02/****"),
]
SHOWN = [
    *("12", "12.00", "-3.5", "1,234.50元", "80%", "1234567.00", "18:30"),
    *("2026-03-01", "2026/3/1 10:00", "03/04/2026", "20260301", "45000"),
    *("交易成功", "已完成", "微信", "paid"),
]


@pytest.mark.parametrize(("cell", "seen"), [*CELLS, *zip(SHOWN, SHOWN, strict=True)])
def test_a_cell_of_a_column_that_nobody_knows(cell: str, seen: str) -> None:
    assert hidden_cell(cell) == seen


@pytest.mark.parametrize(
    ("column", "like"),
    [
        *(("收货人姓名", "text"), ("收货地址 ", "text"), ("收件人", "text"), ("买家会员名", "text"), ("客户", "text")),
        *(("联系电话 ", "phone"), ("手机号", "phone"), ("收件人手机号", "phone"), ("联系方式", "phone")),
        *(("生辰", "birthday"), ("生日", "birthday"), ("身份证号", "card_no"), ("会员卡号", "card_no")),
        *(("姓名", "name"), ("会员", "member"), ("会员编号", None), ("订单号", None), ("宝贝标题", None)),
    ],
)
def test_whose_a_column_is(column: str, like: str | None) -> None:
    assert like_of(column) == like


@pytest.mark.parametrize(
    ("cell", "seen"), [("1990-03-15", "****-03-15"), ("90-3-15", "****"), ("1990-13-45", "****-13-45")]
)
def test_a_birthday_shows_no_year(cell: str, seen: str) -> None:
    assert masked_cell("birthday", cell) == seen


def test_a_row_is_no_header() -> None:
    assert is_data(["张三", "13800009901"]) and is_data(["张三", "2026-03-01"]) and is_data(["茶", "12.00"])
    assert not is_data(["订单编号", "实付金额(元)", "", "微信", "line_2"])
