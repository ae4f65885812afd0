"""Why a rule gave what it gave, or nothing: stable codes, and words that a cashier can read out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from huimeng.kernel.currency import Lang, counted, money_text, unit_text
from huimeng.ledger.rules import Unit
from huimeng.points.rules.definition import Rule


class Words(msgspec.Struct, frozen=True):
    zh: str
    en: str


# {amount}, {base} and {uncapped} bring their unit along in English, where it follows the number.
_TEXTS: dict[str, Words] = {
    "applied": Words(
        "计分金额 {eligible}，每{currency} {rate} {unit}，得 {amount} {unit}",
        "{eligible} count at {rate} a {currency}: {amount}",
    ),
    "applied_multiplier": Words(
        "基础 {base} {unit} 的 {multiplier} 倍，多得 {amount} {unit}",
        "{multiplier} times the base of {base}: {amount} more",
    ),
    "capped_by_order": Words(
        "应得 {uncapped} {unit}，每单上限 {cap_per_order}，得 {amount} {unit}",
        "{uncapped}, at most {cap_per_order} an order: {amount}",
    ),
    "capped_by_day": Words(
        "应得 {uncapped} {unit}，每日上限 {cap_per_day}，今日还可得 {amount} {unit}",
        "{uncapped}, at most {cap_per_day} a day; left for today: {amount}",
    ),
    "capped_by_month": Words(
        "应得 {uncapped} {unit}，每月上限 {cap_per_month}，本月还可得 {amount} {unit}",
        "{uncapped}, at most {cap_per_month} a month; left for this month: {amount}",
    ),
    "not_in_force": Words("规则在下单时未生效或已结束", "The rule was not in force at the time of the order"),
    "disabled": Words("规则已停用", "The rule is switched off"),
    "other_store": Words("不适用于本门店", "Not for this store"),
    "other_region": Words("不适用于本区域", "Not for this region"),
    "other_goods": Words("没有适用的商品", "None of the goods are covered by the rule"),
    "other_weekday": Words("仅限{weekdays}", "Only on {weekdays}"),
    "outside_dates": Words("仅限 {dates}", "Only {dates}"),
    "not_first_order": Words("仅限首单", "Only for a member's first order"),
    "below_minimum": Words("计分金额 {eligible}，未满 {minimum}", "{eligible} count, {minimum} are needed"),
    "covered_by_rule": Words(
        "这些商品已按优先的规则“{by_name}”计算", 'These goods earn by "{by_name}", which comes first'
    ),
    "tender_not_counted": Words("所用支付方式不计{unit}", "The way of payment earns no {unit}"),
    "no_member": Words("没有会员，不计{unit}", "No member, so no {unit}"),
    "nothing_to_earn": Words("计分金额不足以得到{unit}", "Too little counts to earn {unit}"),
}
CODES: tuple[str, ...] = tuple(code for code in _TEXTS if code != "applied_multiplier")

_UNITS = {Unit.POINTS: Words("积分", "points"), Unit.GROWTH: Words("成长值", "growth")}
_COUNTED = ("amount", "base", "uncapped")
_DAYS_ZH = "一二三四五六日"
_DAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Reason(msgspec.Struct, frozen=True):
    """One rule's part in a bill; fields are the numbers that its words are filled with."""

    rule_id: int
    version: int
    name: str
    unit: int
    code: str
    amount: int
    fields: dict[str, Any]

    @classmethod
    def of(cls, rule: Rule, code: str, fields: dict[str, Any]) -> Reason:
        told = {name: value for name, value in fields.items() if name != "amount"}
        told |= _told(rule, code)
        return cls(rule.rule_id, rule.version, rule.name, rule.unit, code, fields["amount"], told)

    def text(self, lang: Lang, currency: str) -> str:
        code = "applied_multiplier" if self.code == "applied" and "multiplier" in self.fields else self.code
        words, unit = _TEXTS[code], _UNITS[self.unit]
        fields = self.fields
        shown = {
            **fields,
            "amount": self.amount,
            "unit": unit.zh if lang == "zh" else unit.en,
            "currency": _each(currency, lang),
            "eligible": money_text(fields.get("eligible_fen", 0), currency, lang),
            "minimum": money_text(fields.get("minimum_fen", 0), currency, lang),
            "weekdays": _weekdays(fields.get("weekdays", ()), lang),
        }
        if lang == "en":
            shown |= {name: counted(str(shown[name]), unit.en) for name in _COUNTED if name in shown}
        if code == "outside_dates":
            shown["dates"] = _dates(fields["date_from"], fields["date_to"], lang)
        return (words.zh if lang == "zh" else words.en).format(**shown)


def told_of(rule: Rule, amount: int, currency: str) -> Words:
    """What the rule gave an order that is told long after, when the bill's own numbers are gone."""
    unit = _UNITS[rule.unit]
    if rule.kind == "rate":
        rate = decimal_text(rule.rate_e4)
        return Words(
            f"每{_each(currency, 'zh')} {rate} {unit.zh}，得 {amount} {unit.zh}",
            f"{counted(rate, unit.en)} a {_each(currency, 'en')}: {counted(str(amount), unit.en)}",
        )
    times = decimal_text(rule.multiplier_bps)
    return Words(f"{times} 倍{unit.zh}，多得 {amount} {unit.zh}", f"{times} times the {unit.en}: {amount} more")


def _each(currency: str, lang: Lang) -> str:
    """The unit after 每; counted where 每 would make something else of it: 每 CHF 2 is an amount, 每日元 every day."""
    name = unit_text(currency, lang)
    if lang == "en":
        return name
    if name.isascii():
        return f" 1 {name} 得"
    return f" 1 {name}得" if name.startswith("日") else name


def _told(rule: Rule, code: str) -> dict[str, Any]:
    """What of the rule itself belongs to the reason."""
    if code == "applied":
        if rule.kind == "rate":
            return {"rate": decimal_text(rule.rate_e4)}
        return {"multiplier": decimal_text(rule.multiplier_bps)}
    if code.startswith("capped_by_"):
        cap = "cap_per_" + code.removeprefix("capped_by_")
        return {cap: getattr(rule, cap)}
    if code == "below_minimum":
        return {"minimum_fen": rule.minimum_fen}
    if code == "other_weekday":
        return {"weekdays": sorted(rule.weekdays)}
    if code == "outside_dates":
        return {
            "date_from": rule.date_from.isoformat() if rule.date_from else None,
            "date_to": rule.date_to.isoformat() if rule.date_to else None,
        }
    return {}


def decimal_text(scaled: int) -> str:
    """A number kept x 10^4 as the shortest decimal: 15000 -> "1.5"."""
    text = f"{Decimal(scaled).scaleb(-4):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _weekdays(days: list[int] | tuple[int, ...], lang: Lang) -> str:
    if lang == "zh":
        return "、".join("周" + _DAYS_ZH[day - 1] for day in days)
    return ", ".join(_DAYS_EN[day - 1] for day in days)


def _dates(first: str | None, last: str | None, lang: Lang) -> str:
    """One of them may be missing."""
    if first and last:
        return f"{first} 至 {last}" if lang == "zh" else f"from {first} to {last}"
    if first:
        return f"{first} 及以后" if lang == "zh" else f"from {first}"
    return f"{last} 及以前" if lang == "zh" else f"until {last}"
