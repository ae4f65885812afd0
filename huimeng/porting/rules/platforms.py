"""Order exports of Taobao and Douyin, known by the names of their columns, as rows that any orders file could have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Literal

from huimeng.kernel.errors import InvalidInput
from huimeng.member.kinds import normalise_phone
from huimeng.porting.rules.cells import money
from huimeng.porting.rules.columns import plain_name
from huimeng.porting.rules.faults import CellFault, marked
from huimeng.porting.rules.words import (
    CLOSED_WORD,
    COMPLETED_WORD,
    OPEN_WORD,
    OrderStatus,
    StatusWords,
    is_told,
    status,
)

Kind = Literal["taobao_orders", "taobao_detail", "douyin"]
# What is needed to know a platform's file, and all of it that is read.
_MARKS: Mapping[Kind, tuple[str, ...]] = {
    "taobao_orders": ("订单编号", "买家会员名", "买家实际支付金额", "订单状态", "订单创建时间"),
    "taobao_detail": ("主订单编号", "子订单编号", "标题", "购买数量", "买家实际支付金额", "订单创建时间"),
    "douyin": ("主订单编号", "子订单编号", "选购商品", "商品数量", "订单应付金额", "订单提交时间", "订单状态"),
}
USED: Mapping[Kind, tuple[str, ...]] = {
    "taobao_orders": (
        *_MARKS["taobao_orders"],
        *("总金额", "买家应付邮费", "宝贝标题", "宝贝总数量", "店铺名称", "联系手机"),
    ),
    "taobao_detail": (
        *_MARKS["taobao_detail"],
        *("价格", "商家编码", "外部系统编号", "订单状态", "退款状态", "退款金额"),
    ),
    "douyin": (
        *_MARKS["douyin"],
        *("商家编码", "商品单价", "商品金额", "支付方式", "收件人手机号", "所属门店ID", "售后状态"),
    ),
}
SOURCES: Mapping[Kind, str] = {"taobao_orders": "taobao", "taobao_detail": "taobao", "douyin": "douyin"}
# The source of a file of which nobody said where it comes from.
NO_SOURCE = "import"
STATUS_COLUMN = "订单状态"
# The columns of the rows that come out, under the platform's own names, and what they are.
OUT: Mapping[Kind, Mapping[str, str]] = {
    "taobao_orders": {
        "订单编号": "order_no",
        "订单创建时间": "ordered_at",
        "店铺名称": "store",
        "联系手机": "member",
        "宝贝标题": "product",
        "宝贝总数量": "quantity",
        "总金额": "list_amount",
        "买家实际支付金额": "paid_amount",
        "支付方式": "tender",
        "订单状态": "status",
    },
    "taobao_detail": {
        "主订单编号": "order_no",
        "子订单编号": "line_no",
        "订单创建时间": "ordered_at",
        "店铺名称": "store",
        "联系手机": "member",
        "商家编码": "sku",
        "标题": "product",
        "购买数量": "quantity",
        "价格": "list_amount",
        "买家实际支付金额": "paid_amount",
        "支付方式": "tender",
        "订单状态": "status",
        "退款金额": "refund_amount",
    },
    "douyin": {
        "主订单编号": "order_no",
        "子订单编号": "line_no",
        "订单提交时间": "ordered_at",
        "所属门店ID": "store",
        "收件人手机号": "member",
        "商家编码": "sku",
        "选购商品": "product",
        "商品数量": "quantity",
        "商品单价": "list_amount",
        "订单应付金额": "paid_amount",
        "支付方式": "tender",
        "订单状态": "status",
        "售后状态": "refund_amount",
    },
}
# Spreadsheet cells of these names are numbers of their own kind.
KINDS: Mapping[str, str] = {
    **dict.fromkeys(("订单编号", "主订单编号", "子订单编号", "商家编码"), "id"),
    **dict.fromkeys(("联系手机", "收件人手机号", "所属门店ID"), "id"),
    **dict.fromkeys(("订单创建时间", "订单提交时间"), "time"),
    **dict.fromkeys(("买家实际支付金额", "总金额", "买家应付邮费", "价格", "退款金额", "购买数量"), "number"),
    **dict.fromkeys(("宝贝总数量", "商品数量", "商品单价", "商品金额", "订单应付金额"), "number"),
}
# For finding the header: every name is a field of its own.
NAMES: Mapping[str, tuple[str, ...]] = {name: (name,) for names in USED.values() for name in names}
# The name under which a row that can't be read says why: see faults.marked.
FAULT = ""

# 待评价: all that is left is the buyer's opinion.
_PAID_TO_THE_END = ("交易成功", "已完成", "交易完成", "订单完成", "已结算", "待评价", "已评价")
_ENDED = ("交易关闭", "已关闭", "已取消", "交易取消")
_UNDER_WAY = (
    *("等待", "待", "买家已付款", "卖家已发货", "卖家部分发货", "付款确认"),
    *("已支付", "备货", "已发货", "部分发货", "派送", "已签收"),
)
_GIVEN_BACK = ("退款成功", "已退款", "退款完成", "全额退款", "退款退货成功", "退货退款成功")
_PART_GIVEN_BACK = ("部分退款", "部分退货")

Cells = Mapping[str, str]


def recognise(header: Iterable[str]) -> Kind | None:
    """By the names alone, whatever their order and number."""
    names = {plain_name(cell) for cell in header}
    for kind, marks in _MARKS.items():
        if all(plain_name(mark) in names for mark in marks):
            return kind
    return None


def source_of(told: str, platform: str | None) -> str:
    """Numbers of a platform are its own, whether somebody said so or not."""
    return platform if platform is not None and told == NO_SOURCE else told


def translate(kind: Kind, cells: Cells, told: StatusWords = MappingProxyType({})) -> list[str]:
    """A row of the file (name -> cell) as the cells of OUT[kind]; of one that is lost, its fault stands before them."""
    row = _translated(kind, {name: _bare(cell) for name, cell in cells.items()}, told)
    return [cells[FAULT], *row] if FAULT in cells else row


def joined(order: Cells, detail: Cells, told: StatusWords) -> list[str]:
    """A line of Taobao's detail report with what its order's row says, as the cells of OUT["taobao_detail"]."""
    both = {name: _bare(cell) for name, cell in detail.items()}
    for name in (STATUS_COLUMN, "订单创建时间", "店铺名称", "联系手机"):
        both[name] = _bare(order.get(name, "")) or both.get(name, "")
    return _translated("taobao_detail", both, told)


def status_of(kind: Kind, word: str, told: StatusWords) -> OrderStatus:
    """What a word means in a platform's file; CellFault when nobody knows."""
    row = translate(kind, {STATUS_COLUMN: word}, told)
    return status(row[list(OUT[kind]).index(STATUS_COLUMN)], told)


def _translated(kind: Kind, cells: Cells, told: StatusWords) -> list[str]:
    """A word that the merchant told is left as it is: it goes before what the platform means by it."""
    row = _TRANSLATORS[kind](cells)
    word = cells.get(STATUS_COLUMN, "")
    if is_told(word, told):
        row[list(OUT[kind]).index(STATUS_COLUMN)] = word
    return row


def _taobao_orders(cells: Cells) -> list[str]:
    get = cells.get
    return [
        *(get("订单编号", ""), get("订单创建时间", ""), get("店铺名称", ""), _phone(get("联系手机", ""))),
        *(get("宝贝标题", ""), get("宝贝总数量", ""), get("总金额", ""), get("买家实际支付金额", "")),
        *("支付宝", _status(get("订单状态", ""))),
    ]


def _taobao_detail(cells: Cells) -> list[str]:
    get = cells.get
    state = get("退款状态", "")
    refunded = _told_amount(get("退款金额", ""), state, get(STATUS_COLUMN, "")) if _given_back(state) else ""
    return [
        *(get("主订单编号", ""), get("子订单编号", ""), get("订单创建时间", "")),
        *(get("店铺名称", ""), _phone(get("联系手机", ""))),
        *(get("商家编码", "") or get("外部系统编号", ""), get("标题", ""), get("购买数量", "")),
        *(_times(get("价格", ""), get("购买数量", "")), get("买家实际支付金额", "")),
        *("支付宝", _status(get("订单状态", "")), refunded),
    ]


def _douyin(cells: Cells) -> list[str]:
    get = cells.get
    paid, state = get("订单应付金额", ""), get("售后状态", "")
    return [
        *(get("主订单编号", ""), get("子订单编号", ""), get("订单提交时间", "")),
        # 0: sold by no shop of its own.
        "" if get("所属门店ID", "") == "0" else get("所属门店ID", ""),
        *(_phone(get("收件人手机号", "")), get("商家编码", ""), get("选购商品", ""), get("商品数量", "")),
        *(_times(get("商品单价", ""), get("商品数量", "")) or get("商品金额", ""), paid),
        *(get("支付方式", ""), _status(get("订单状态", ""))),
        # The file does not say how much: what was refunded is the whole of the line, unless it says that it isn't.
        _told_amount("" if "部分" in state else paid, state, get(STATUS_COLUMN, "")) if _given_back(state) else "",
    ]


_TRANSLATORS: Mapping[Kind, Callable[[Cells], list[str]]] = {
    "taobao_orders": _taobao_orders,
    "taobao_detail": _taobao_detail,
    "douyin": _douyin,
}


def _bare(cell: str) -> str:
    """Without the tab or wrapper in front; a single - is how these files leave a cell empty."""
    cell = cell.strip()
    if cell.startswith('="') and cell.endswith('"'):
        cell = cell[2:-1].strip()
    cell = cell.removeprefix("'").strip()
    return "" if cell in ("-", "--", "null", "NULL") else cell


def _phone(cell: str) -> str:
    """Only a whole number is anybody's; the platforms give out masked and encrypted ones, and numbers of their own
    with an extension."""
    if len(cell) == 11 and cell.isascii() and cell.isdigit():
        # Most are written so, and need no closer look.
        return cell if cell[0] == "1" else ""
    try:
        number = normalise_phone(cell)
    except InvalidInput:
        return ""
    return number if number.startswith("+") or (len(number) == 11 and number[0] == "1") else ""


def _status(cell: str) -> str:
    """The word that any file could have for it; one that is not known as it is."""
    if cell.startswith(_PAID_TO_THE_END):
        return COMPLETED_WORD
    if cell.startswith(_ENDED):
        return CLOSED_WORD
    # What is under way may still be refunded: it is taken when it is done.
    return OPEN_WORD if cell.startswith(_UNDER_WAY) else cell or OPEN_WORD


def _given_back(cell: str) -> bool:
    return any(word in cell for word in _GIVEN_BACK) or cell in _PART_GIVEN_BACK


def _told_amount(amount: str, state: str, status: str) -> str:
    """How much was refunded; a row that doesn't say it can't be taken, unless its order ended anyway."""
    return amount if amount or _status(status) == CLOSED_WORD else marked("refund_amount_missing", "", state)


def _times(price: str, quantity: str) -> str:
    """Price times quantity; "" when one of them is no number."""
    try:
        total = money(price) * Decimal(quantity.strip() or "1") / 100
    except (CellFault, InvalidOperation):
        return ""
    return format(total.quantize(Decimal("0.01")), "f")
