"""Refusals of the book."""

from huimeng.kernel.errors import BusinessError


class InsufficientBalance(BusinessError):
    code = "insufficient_balance"
    status = 409
    message_zh = "余额不足：可用 {available}，需要 {wanted}"
    message_en = "Not enough balance: {available} available, {wanted} wanted"


class AmountOutOfRange(BusinessError):
    code = "amount_out_of_range"
    status = 422
    message_zh = "数额超出允许范围"
    message_en = "The amount is out of range"
