"""Refusals about orders."""

from typing import Any

from huimeng.kernel.currency import Lang, money_text
from huimeng.kernel.errors import BusinessError


class OrderExists(BusinessError):
    code = "order_exists"
    status = 409
    message_zh = "该门店当日已有此订单号"
    message_en = "This store already has an order with this number on that business day"


class OrderNotRefundable(BusinessError):
    code = "order_not_refundable"
    status = 409
    message_zh = "订单已全部退款或已作废"
    message_en = "The order is already refunded in full or void"


class RefundTooLarge(BusinessError):
    """left: a quantity as text, or an integer of fen, which comes with its currency."""

    code = "refund_too_large"
    status = 422
    message_zh = "第 {line_no} 行最多还能退 {left}"
    message_en = "Line {line_no} has only {left} left to refund"

    def told(self, lang: Lang) -> dict[str, Any]:
        currency, left = self.fields.get("currency"), self.fields["left"]
        return self.fields if currency is None else {**self.fields, "left": money_text(left, currency, lang)}


class TendersDontAddUp(BusinessError):
    code = "tenders_dont_add_up"
    status = 422
    message_zh = "支付合计 {tenders_fen} 与应付 {paid_fen} 不一致"
    message_en = "Tenders add up to {tenders_fen}, the lines to {paid_fen}"
