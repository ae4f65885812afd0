"""Refusals at the till."""

from huimeng.kernel.errors import BusinessError


class UnknownStore(BusinessError):
    code = "unknown_store"
    status = 422
    message_zh = "没有这家门店：{store}"
    message_en = "There is no store {store}"


class UnknownMember(BusinessError):
    code = "unknown_member"
    status = 422
    message_zh = "没有这位会员，或会员已注销"
    message_en = "There is no such member, or the member has left"


class QuoteExpired(BusinessError):
    code = "quote_expired"
    status = 409
    message_zh = "试算已过期或与本单不符，请重新试算"
    message_en = "The quote has expired or belongs to another bill; quote again"


class StoreChanged(BusinessError):
    code = "store_changed"
    status = 409
    message_zh = "门店设置刚刚变更，请重试"
    message_en = "The store was changed a moment ago; try again"
