"""Why a rule gave what it gave, in the words and the money of the merchant."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from huimeng.points.rules import Reason, Rule, told_of

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
IN_CURRENCIES = [
    (
        "HKD",
        "计分金额 1,250.00 港元，每港元 1 积分，得 1250 积分",
        "HK$1,250.00 count at 1 a Hong Kong dollar: 1250 points",
        "计分金额 1,250.00 港元，未满 2,000.00 港元",
        "HK$1,250.00 count, HK$2,000.00 are needed",
        "每港元 1 积分，得 1250 积分",
        "1 point a Hong Kong dollar: 1250 points",
    ),
    (
        "JPY",
        "计分金额 1,250 日元，每 1 日元得 1 积分，得 1250 积分",
        "JP¥1,250 count at 1 a Japanese yen: 1250 points",
        "计分金额 1,250 日元，未满 2,000 日元",
        "JP¥1,250 count, JP¥2,000 are needed",
        "每 1 日元得 1 积分，得 1250 积分",
        "1 point a Japanese yen: 1250 points",
    ),
    (
        "CHF",
        "计分金额 1,250.00 CHF，每 1 CHF 得 1 积分，得 1250 积分",
        "CHF 1,250.00 count at 1 a CHF: 1250 points",
        "计分金额 1,250.00 CHF，未满 2,000.00 CHF",
        "CHF 1,250.00 count, CHF 2,000.00 are needed",
        "每 1 CHF 得 1 积分，得 1250 积分",
        "1 point a CHF: 1250 points",
    ),
]


@pytest.mark.parametrize(("currency", "zh", "en", "below_zh", "below_en", "told_zh", "told_en"), IN_CURRENCIES)
def test_money_is_told_in_the_merchants_currency(
    currency: str, zh: str, en: str, below_zh: str, below_en: str, told_zh: str, told_en: str
) -> None:
    rule = Rule(rule_id=1024, version=1, name="积分", effective_from=BEGIN, rate_e4=10_000, minimum_fen=200_000)
    applied = Reason.of(rule, "applied", {"eligible_fen": 125_000, "amount": 1250})
    below = Reason.of(rule, "below_minimum", {"eligible_fen": 125_000, "amount": 0})
    assert (applied.text("zh", currency), applied.text("en", currency)) == (zh, en)
    assert (below.text("zh", currency), below.text("en", currency)) == (below_zh, below_en)
    told = told_of(rule, 1250, currency)
    assert (told.zh, told.en) == (told_zh, told_en)


WHY_NOTHING = [
    ("no_member", {}, "没有会员，不计积分"),
    ("tender_not_counted", {}, "所用支付方式不计积分"),
    ("nothing_to_earn", {}, "计分金额不足以得到积分"),
    ("outside_dates", {"date_from": date(2026, 3, 1)}, "仅限 2026-03-01 及以后"),
    ("outside_dates", {"date_to": date(2026, 3, 9)}, "仅限 2026-03-09 及以前"),
    ("outside_dates", {"date_from": date(2026, 3, 1), "date_to": date(2026, 3, 9)}, "仅限 2026-03-01 至 2026-03-09"),
]


@pytest.mark.parametrize(("code", "says", "zh"), WHY_NOTHING)
def test_why_nothing_was_earned_reads_as_one_writes(code: str, says: dict[str, Any], zh: str) -> None:
    rule = Rule(rule_id=1024, version=1, name="积分", effective_from=BEGIN, rate_e4=10_000, **says)
    assert Reason.of(rule, code, {"eligible_fen": 0, "amount": 0}).text("zh", "CNY") == zh
