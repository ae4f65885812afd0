"""Words of order status and of means of payment, as tills and shop systems write them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from huimeng.porting.errors import BadStatusWord
from huimeng.porting.rules.cells import UNTEXT, code
from huimeng.porting.rules.faults import SHOWN_CHARACTERS, CellFault

# open: not completed yet; closed: ended without the goods, whether they were paid before or not; partly_refunded:
# completed, and a part of it refunded that the file has to name.
OrderStatus = Literal["completed", "refunded", "partly_refunded", "voided", "open", "closed"]
# What a merchant can say that a word of a file means.
ToldStatus = Literal["completed", "refunded", "partly_refunded", "voided", "open"]
TOLD_STATUSES: Mapping[str, ToldStatus] = {each: each for each in get_args(ToldStatus)}
# Words as they are compared, of those that a merchant told.
StatusWords = Mapping[str, OrderStatus]

_STATUSES: dict[OrderStatus, tuple[str, ...]] = {
    "completed": (
        "",
        *("completed", "complete", "paid", "done", "success", "finished", "closed", "shipped", "delivered"),
        *("已完成", "完成", "已支付", "已付款", "支付成功", "交易成功", "交易完成", "已收货", "已发货", "正常"),
        *("已签收", "订单完成", "待评价", "已评价", "已结算"),
    ),
    "refunded": (
        *("refunded", "returned", "refund", "return"),
        *("已退款", "退款", "全额退款", "退款成功", "已退货", "退货", "退款完成", "已全额退款", "退货退款"),
    ),
    "partly_refunded": (
        *("partlyrefunded", "partiallyrefunded", "partialrefund", "partialrefunded"),
        *("部分退款", "部分退货", "部分退款成功", "已部分退款", "部分已退款", "部分退货退款", "部分退款完成"),
    ),
    "voided": (
        *("voided", "void", "cancelled", "canceled"),
        *("已作废", "作废", "已取消", "取消", "已撤销", "撤销", "交易关闭", "已关闭"),
    ),
    "open": (
        *("pending", "unpaid", "open", "processing", "awaitingpayment", "pendingpayment", "waiting", "refunding"),
        *("待付款", "待支付", "未付款", "未支付", "等待付款", "等待买家付款", "等待支付", "支付中", "待确认", "进行中"),
        *("待发货", "待收货", "待自提", "待核销", "备货中", "配送中", "处理中", "退款中", "部分发货"),
        *("买家已付款,等待卖家发货", "卖家已发货,等待买家确认", "卖家部分发货", "付款确认中"),
    ),
    # No word of a file by itself: readers of a platform's files give it.
    "closed": ("closedontheplatform",),
}
_TENDERS = {
    "cash": ("cash", "现金"),
    "wechat": ("wechat", "wechatpay", "weixin", "wx", "微信", "微信支付"),
    "alipay": ("alipay", "支付宝", "支付宝支付"),
    "card": ("card", "bankcard", "creditcard", "debitcard", "银行卡", "刷卡", "信用卡", "借记卡"),
    "unionpay": ("unionpay", "银联", "云闪付", "银联支付"),
    "stored_value": ("storedvalue", "储值", "储值卡", "余额", "余额支付", "会员卡", "会员余额", "预存款"),
    "points": ("points", "积分", "积分抵扣"),
    "coupon": ("coupon", "voucher", "券", "优惠券", "代金券", "团购券"),
    "other": ("other", "其他", "其它"),
}
# What readers of platforms' files write as a status.
OPEN_WORD, CLOSED_WORD, COMPLETED_WORD = "待付款", "closed_on_the_platform", "已完成"
_STATUS_OF = {word: status for status, words in _STATUSES.items() for word in words}
_TENDER_OF = {word: kind for kind, words in _TENDERS.items() for word in words}


def status(cell: str, told: StatusWords = MappingProxyType({})) -> OrderStatus:
    """An empty cell is a completed order; a word that is neither told nor known is a fault."""
    word = plain_word(cell)
    known = told.get(word) or _STATUS_OF.get(word)
    if known is None:
        raise CellFault("unknown_status")
    return known


def is_told(cell: str, told: StatusWords) -> bool:
    try:
        return bool(told) and plain_word(cell) in told
    except CellFault:
        return False


def told_words(statuses: Mapping[str, str]) -> dict[str, OrderStatus]:
    """As they are compared; BadStatusWord for what is no word of a cell, or is told twice otherwise."""
    found: dict[str, OrderStatus] = {}
    for word, meaning in statuses.items():
        known = TOLD_STATUSES.get(meaning)
        try:
            plain = plain_word(word) if len(word) <= SHOWN_CHARACTERS else ""
        except CellFault:
            plain = ""
        if not plain or known is None or found.get(plain, known) != known:
            told = UNTEXT.sub("", f"{word[:SHOWN_CHARACTERS]}={meaning[:40]}")
            raise BadStatusWord(value=told, statuses=", ".join(TOLD_STATUSES))
        found[plain] = known
    return found


def together(kept: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """What is told now beside what was told before."""
    words = {plain_word(word) for word in told}
    return {**{word: meaning for word, meaning in kept.items() if plain_word(word) not in words}, **told}


def tender(cell: str) -> str:
    """The kind of tender; "" where the file says nothing, other for a word that is not known."""
    word = plain_word(cell)
    return _TENDER_OF.get(word, "other") if word else ""


def plain_word(cell: str) -> str:
    """A word as it is compared; CellFault for what is no text."""
    return code(cell, 200).lower().replace(" ", "").replace("_", "").replace("-", "")
