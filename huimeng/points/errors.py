"""Refusals about points and the rules they are earned by."""

from huimeng.kernel.errors import BusinessError, Conflict, NotFound


class EarningRuleNotFound(NotFound):
    code = "earning_rule_not_found"
    message_zh = "找不到积分规则 {what}"
    message_en = "Earning rule {what} not found"


class EarningRuleChanged(Conflict):
    code = "earning_rule_changed"
    message_zh = "规则已被他人改为第 {version} 版,请重新查看后再改"
    message_en = "The rule was changed meanwhile and is now version {version}; look at it again"


class AdjustmentIsZero(BusinessError):
    code = "adjustment_is_zero"
    status = 422
    message_zh = "调整数额不能为 0"
    message_en = "The amount of an adjustment may not be 0"


class TooManyRules(BusinessError):
    code = "too_many_rules"
    status = 422
    message_zh = "最多 {limit} 条积分规则"
    message_en = "At most {limit} earning rules"
