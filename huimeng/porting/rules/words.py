"""Words of order status and of means of payment, as tills and shop systems write them."""

from __future__ import annotations

from typing import Literal

from huimeng.porting.rules.cells import code
from huimeng.porting.rules.faults import CellFault

# open: not completed yet; closed: ended without the goods, whether they were paid before or not.
OrderStatus = Literal["completed", "refunded", "voided", "open", "closed"]

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


def status(cell: str) -> OrderStatus:
    """An empty cell is a completed order; a word that is not known is a fault."""
    known = _STATUS_OF.get(_word(cell))
    if known is None:
        raise CellFault("unknown_status")
    return known


def tender(cell: str) -> str:
    """The kind of tender; "" where the file says nothing, other for a word that is not known."""
    word = _word(cell)
    return _TENDER_OF.get(word, "other") if word else ""


def _word(cell: str) -> str:
    return code(cell, 200).lower().replace(" ", "").replace("_", "").replace("-", "")
