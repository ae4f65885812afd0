"""Refusals about points and the rules they are earned by."""

from huimeng.kernel.errors import BusinessError, Conflict, NotFound


class EarningRuleNotFound(NotFound):
    code = "earning_rule_not_found"
    message_zh = "找不到积分规则 {what}"
    message_en = "Earning rule {what} not found"


class EarningRuleChanged(Conflict):
    code = "earning_rule_changed"
    message_zh = "规则已被他人改为第 {version} 版，请重新查看后再改"
    message_en = "The rule was changed meanwhile and is now version {version}; look at it again"


class DraftNotFound(NotFound):
    code = "rule_draft_not_found"
    message_zh = "找不到规则草稿 {what}"
    message_en = "Rule draft {what} not found"


class DraftIsOver(Conflict):
    code = "rule_draft_is_over"
    message_zh = "草稿已发布或已放弃（{state}），不能再修改"
    message_en = "The draft is over ({state}) and can't be changed any more"


class TooManyDrafts(BusinessError):
    code = "too_many_rule_drafts"
    status = 422
    message_zh = "最多 {limit} 份未发布的草稿"
    message_en = "At most {limit} drafts at a time"


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
