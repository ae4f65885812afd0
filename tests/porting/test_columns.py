"""Headers in Chinese and English, in any order."""

from __future__ import annotations

import pytest

from huimeng.porting.errors import DuplicateColumn, EmptyFile, MissingColumns
from huimeng.porting.rules.columns import (
    MEMBER_COLUMNS,
    ORDER_COLUMNS,
    ORDER_REQUIRED,
    fields_of,
    looks_like,
    match_header,
)

CHINESE = "订单号,子订单号,下单时间,门店,会员,商品编码,商品名称,分类,数量,原价金额,实付金额,支付方式,状态"
ENGLISH = "order_no,line_no,ordered_at,store,member,sku,product,category,quantity,list_amount,paid_amount,tender,status"


@pytest.mark.parametrize("header", [CHINESE, ENGLISH])
def test_every_column_of_an_orders_file(header: str) -> None:
    found = match_header(header.split(","), ORDER_COLUMNS, ORDER_REQUIRED)
    assert found.places == {field: place for place, field in enumerate(ORDER_COLUMNS)}
    assert found.unknown == ()


@pytest.mark.parametrize(
    "header",
    [
        "会员编号,姓名,手机号,卡号,生日,注册时间,来源,积分,积分有效期,成长值,标签,授权时间",
        "external_id,name,phone,card_no,birthday,registered_at,join_source,points,points_expires_at,growth,tags,consent_at",
    ],
)
def test_every_column_of_a_members_file(header: str) -> None:
    assert match_header(header.split(","), MEMBER_COLUMNS).places == {f: i for i, f in enumerate(MEMBER_COLUMNS)}


@pytest.mark.parametrize(
    ("cell", "field"),
    [
        ("Order No", "order_no"),
        ("ORDER_NO", "order_no"),
        (" 订单号 ", "order_no"),
        ("*实付金额(元)", "paid_amount"),
        ("实收\uff08元\uff09", "paid_amount"),
        ("用户实付(\uffe5)", "paid_amount"),
        ("实付金额/元", "paid_amount"),
        ("商品总价 [元]", "list_amount"),
        ("会员手机", "member"),
        ("实付金额(元)", "paid_amount"),
        ("Ordered-At", "ordered_at"),
    ],
)
def test_spelling_of_a_column(cell: str, field: str) -> None:
    assert match_header([cell], ORDER_COLUMNS).places == {field: 0}


@pytest.mark.parametrize(
    ("cell", "field"),
    [
        ("会员手机", "phone"),
        ("会员生日", "birthday"),
        ("当前积分", "points"),
        ("积分余额(分)", "points"),
        ("开卡日期", "registered_at"),
        ("开卡时间", "registered_at"),
    ],
)
def test_everyday_columns_of_members(cell: str, field: str) -> None:
    assert match_header([cell], MEMBER_COLUMNS).places == {field: 0}


@pytest.mark.parametrize("unit", ["(分)", "\uff08分\uff09", "(万元)", "/分", "[千元]"])
def test_an_amount_in_another_unit_is_not_taken_for_one_in_yuan(unit: str) -> None:
    assert match_header([f"实付金额{unit}"], ORDER_COLUMNS).unknown == (f"实付金额{unit}",)
    assert fields_of([f"实付金额{unit}"], ORDER_COLUMNS) == [None]


def test_what_an_unknown_column_looks_like() -> None:
    assert looks_like("会员剩余积分数", MEMBER_COLUMNS, ["phone", None]) == "points"
    assert looks_like("累计积分", MEMBER_COLUMNS, ["points"]) is None
    assert looks_like("积分抵扣", ORDER_COLUMNS, []) is None
    assert looks_like("顾客实付款", ORDER_COLUMNS, []) == "paid_amount"
    assert looks_like("备注", MEMBER_COLUMNS, []) is None


def test_unknown_columns_are_listed() -> None:
    found = match_header(["订单号", "收银员", "", "下单时间"], ORDER_COLUMNS)
    assert found.unknown == ("收银员",)
    assert found.places == {"order_no": 0, "ordered_at": 3}


def test_missing_columns_are_named() -> None:
    with pytest.raises(MissingColumns) as refusal:
        match_header(["订单号", "金额"], ORDER_COLUMNS, ORDER_REQUIRED)
    assert refusal.value.fields["missing"] == "ordered_at/下单时间, store/门店, paid_amount/实付金额"
    assert "订单号, 金额" in refusal.value.text("zh")


def test_the_same_column_twice() -> None:
    with pytest.raises(DuplicateColumn):
        match_header(["order_no", "订单号"], ORDER_COLUMNS)


def test_no_header() -> None:
    with pytest.raises(EmptyFile):
        match_header(["", " "], ORDER_COLUMNS)
