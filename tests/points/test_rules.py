"""Earning: the worked numbers of docs/rules/earning.md, read from its tables, and what must hold for any bill."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huimeng.kernel.currency import Lang
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.money import allocate, format_fen, parse_fen
from huimeng.kernel.times import zone
from huimeng.ledger.rules import Expiry
from huimeng.order.rules import LineInput, TenderInput
from huimeng.points.errors import EarningRuleNotFound
from huimeng.points.rules import (
    CODES,
    Bill,
    Definition,
    Earnings,
    Rule,
    RuleSet,
    check_definition,
    definition_of,
    earn,
)
from huimeng.points.rules.earning import split

DOC = Path(__file__).parents[2] / "docs" / "rules" / "earning.md"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
WEDNESDAY = date(2026, 3, 4)


def table(section: int) -> list[list[str]]:
    """Rows of a section's table, without its head."""
    text = re.split(r"^## \d+\. ", DOC.read_text(encoding="utf-8"), flags=re.MULTILINE)[section]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def a_rule(rule_id: int = 1024, **given: Any) -> Rule:
    given.setdefault("rate_e4", 0 if given.get("kind") == "multiplier" else 10_000)
    given.setdefault("effective_from", BEGIN)
    return Rule(**{"rule_id": rule_id, "version": 1, "name": f"rule {rule_id}", **given})


def a_bill(lines: Sequence[LineInput | int], tenders: dict[str, int] | None = None, **given: Any) -> Bill:
    made = tuple(LineInput(paid_fen=line) if isinstance(line, int) else line for line in lines)
    paid = sum(line.paid_fen for line in made)
    kinds = {"cash": paid} if tenders is None else tenders
    return Bill(
        given.get("store_id", 1),
        given.get("region", "east"),
        given.get("business_day", WEDNESDAY),
        made,
        tuple(TenderInput(kind, amount) for kind, amount in kinds.items()),
    )


def run(rules: Sequence[Rule], bill: Bill, **given: Any) -> Earnings:
    options: dict[str, Any] = {
        "member": True,
        "first_order": False,
        "used": {},
        "occurred_at": datetime(2026, 3, 4, 4, tzinfo=UTC),
        "timezone": "Asia/Shanghai",
        "explain": True,
    }
    return earn(rules, bill, **{**options, **given})


def goods(fresh: str, other: str) -> list[LineInput]:
    return [
        LineInput(category="fresh", paid_fen=parse_fen(fresh)),
        LineInput(category="dry", paid_fen=parse_fen(other)),
    ]


def by_rule(found: Earnings) -> dict[int, int]:
    return {reason.rule_id: reason.amount for reason in found.explanation}


def code_of(found: Earnings, rule_id: int = 1024) -> str:
    return next(reason.code for reason in found.explanation if reason.rule_id == rule_id)


# The page's tables.


@pytest.mark.parametrize("row", table(1))
def test_money_that_counts(row: list[str]) -> None:
    cash, wechat, stored_value, coupon, counted, points, *lines = row
    paid = {"cash": cash, "wechat": wechat, "stored_value": stored_value, "coupon": coupon}
    found = run([a_rule()], a_bill([6000, 4000], {kind: parse_fen(fen) for kind, fen in paid.items()}))
    assert sum(found.points_by_line) == int(points)
    assert found.points_by_line == [int(line) for line in lines]
    fields = found.explanation[0].fields
    assert fields.get("eligible_fen", 0) == parse_fen(counted)


@pytest.mark.parametrize("row", table(2))
def test_rounding_and_dirty_lines(row: list[str]) -> None:
    lines, points, shares = row
    found = run([a_rule()], a_bill([parse_fen(line) for line in lines.split(", ")]))
    assert sum(award.amount for award in found.awards) == int(points)
    assert found.points_by_line == [int(share) for share in shares.split(", ")]


@pytest.mark.parametrize("row", table(3))
def test_one_line_one_rate_rule(row: list[str]) -> None:
    rules = [
        a_rule(1024),
        a_rule(2048, rate_e4=30_000, categories=("fresh",), minimum_fen=1500, priority=10),
    ]
    found = run(rules, a_bill(goods(row[0], row[1])))
    assert by_rule(found) == {1024: int(row[2]), 2048: int(row[3])}
    assert sum(found.points_by_line) == int(row[4])


@pytest.mark.parametrize("row", table(4))
def test_multipliers(row: list[str]) -> None:
    rules = [
        a_rule(1024),
        a_rule(2048, kind="multiplier", multiplier_bps=20_000, categories=("fresh",)),
        a_rule(3072, kind="multiplier", multiplier_bps=30_000),
    ]
    found = run(rules, a_bill(goods(row[0], row[1])))
    assert by_rule(found) == {1024: int(row[2]), 2048: int(row[3]), 3072: int(row[4])}
    assert sum(award.amount for award in found.awards) == int(row[5])
    assert found.points_by_line == [int(row[6]), int(row[7])]


def test_caps() -> None:
    rule = a_rule(cap_per_order=100, cap_per_day=150, cap_per_month=220)
    counters: dict[tuple[int, str], int] = {}
    for day, paid, points, code in table(5):
        keys: dict[Literal["d", "m"], tuple[int, str]] = {"d": (1024, day), "m": (1024, day[:7])}
        used = {(1024, span): counters.get(key, 0) for span, key in keys.items()}
        found = run([rule], a_bill([parse_fen(paid)], business_day=date.fromisoformat(day)), used=used)
        assert (sum(found.points_by_line), code_of(found)) == (int(points), code)
        for (_, span), amount in found.used.items():
            counters[keys[span]] = counters.get(keys[span], 0) + amount


@pytest.mark.parametrize("row", table(6))
def test_versions(row: list[str]) -> None:
    at, version, points, code = row
    rules = RuleSet(
        [
            a_rule(version=1),
            a_rule(
                version=2,
                rate_e4=20_000,
                effective_from=datetime(2026, 3, 1, tzinfo=UTC),
                effective_until=datetime(2026, 4, 1, tzinfo=UTC),
            ),
            a_rule(version=3, rate_e4=30_000, effective_from=datetime(2026, 5, 1, tzinfo=UTC)),
            a_rule(version=4, effective_from=datetime(2026, 6, 1, tzinfo=UTC), enabled=False),
        ]
    )
    plan = rules.in_force(datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert [str(rule.version) for rule in plan] == ([] if version == "-" else [version])
    found = run(plan, a_bill([1000]))
    assert (sum(found.points_by_line), code_of(found)) == (int(points), code)


def expiry_of(words: str) -> Expiry:
    if match := re.fullmatch(r"after (\d+) (\w+)(?:, end of (\w+))?", words):
        count, span, round_to = match.groups()
        return msgspec.convert(
            {"kind": "after", "count": int(count), "span": span, "round_to": round_to or "day"}, Expiry
        )
    if match := re.fullmatch(r"date (\d\d)-(\d\d)", words):
        return Expiry("date", month=int(match[1]), day=int(match[2]))
    return Expiry()


@pytest.mark.parametrize("row", table(7))
def test_expiry(row: list[str]) -> None:
    words, ordered_on, last_day = row
    # Late in the evening at the place, when the day in UTC is another one.
    at = datetime.combine(date.fromisoformat(ordered_on), time(0, 30), zone("Asia/Shanghai"))
    (award,) = run([a_rule(expiry=expiry_of(words))], a_bill([1000]), occurred_at=at.astimezone(UTC)).awards
    if last_day == "-":
        assert award.expires_at is None
    else:
        assert award.expires_at is not None
        last_moment = (award.expires_at - timedelta(seconds=1)).astimezone(zone("Asia/Shanghai"))
        assert last_moment.isoformat() == f"{last_day}T23:59:59+08:00"


def test_every_code_is_in_the_page_and_has_words() -> None:
    assert sorted(row[0] for row in table(8)) == sorted(CODES)


# Reasons.

CONDITIONS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"stores": (1, 2)}, {}, "applied"),
    ({"stores": (7,)}, {}, "other_store"),
    ({"regions": ("east",)}, {}, "applied"),
    ({"regions": ("west",)}, {}, "other_region"),
    ({"regions": ("west",)}, {"region": None}, "other_region"),
    ({"weekdays": (3,)}, {}, "applied"),
    ({"weekdays": (6, 7)}, {}, "other_weekday"),
    ({"date_from": WEDNESDAY, "date_to": WEDNESDAY}, {}, "applied"),
    ({"date_from": date(2026, 3, 5)}, {}, "outside_dates"),
    ({"date_to": date(2026, 3, 3)}, {}, "outside_dates"),
    ({"first_order": True}, {}, "not_first_order"),
    ({"minimum_fen": 1000}, {}, "applied"),
    ({"minimum_fen": 1001}, {}, "below_minimum"),
    ({"tenders": ("wechat",)}, {}, "tender_not_counted"),
    ({"rate_e4": 999}, {}, "nothing_to_earn"),
    ({"cap_per_order": 9}, {}, "capped_by_order"),
    ({"categories": ("fresh",)}, {}, "other_goods"),
    ({"skus": ("egg",)}, {}, "applied"),
    ({"categories": ("fresh",), "skus": ("egg",)}, {}, "applied"),
    ({"excluded_skus": ("egg",)}, {}, "other_goods"),
    ({"excluded_categories": ("dry",), "skus": ("egg",)}, {}, "other_goods"),
]


@pytest.mark.parametrize(("says", "bill", "code"), CONDITIONS)
def test_a_rule_says_why(says: dict[str, Any], bill: dict[str, Any], code: str) -> None:
    line = LineInput(sku="egg", category="dry", paid_fen=1000)
    found = run([a_rule(**says)], a_bill([line], **bill))
    (reason,) = found.explanation
    assert reason.code == code
    assert (reason.amount > 0) == bool(found.awards) == (code in ("applied", "capped_by_order"))
    langs: tuple[Lang, ...] = ("zh", "en")
    for lang in langs:
        text = reason.text(lang, "CNY")
        assert text and "{" not in text
    assert found == msgspec.structs.replace(
        run([a_rule(**says)], a_bill([line], **bill), explain=False), explanation=found.explanation
    )


def test_words_are_filled_with_the_numbers() -> None:
    rules = [
        a_rule(1024, name="基础"),
        a_rule(2048, priority=-1),
        a_rule(3072, kind="multiplier", multiplier_bps=15_000, cap_per_day=3),
        a_rule(4096, unit=2, minimum_fen=100_000),
    ]
    found = run(rules, a_bill([1250]))
    words = {reason.rule_id: (reason.text("zh", "CNY"), reason.text("en", "CNY")) for reason in found.explanation}
    assert words[1024] == (
        "计分金额 12.50 元，每元 1 积分，得 12 积分",
        "¥12.50 count at 1 a yuan: 12 points",
    )
    assert words[2048][0] == "这些商品已按优先的规则“基础”计算"
    assert words[3072][1] == "6 points, at most 3 a day; left for today: 3 points"
    (one,) = run([a_rule()], a_bill([100])).explanation
    assert one.text("en", "CNY") == "¥1.00 count at 1 a yuan: 1 point"
    assert words[4096][0] == "计分金额 12.50 元，未满 1,000.00 元"


def test_without_a_member_nothing_is_earned() -> None:
    found = run([a_rule(), a_rule(2048, unit=2)], a_bill([1000, 2000]), member=False)
    assert found.awards == () and found.used == {}
    assert (found.points_by_line, found.growth_by_line) == ([0, 0], [0, 0])
    assert [reason.code for reason in found.explanation] == ["no_member", "no_member"]


def test_a_first_order_rule_applies_once() -> None:
    rules = RuleSet([a_rule(first_order=True, rate_e4=50_000, priority=5), a_rule(2048)])
    plan = rules.in_force(BEGIN)
    assert rules.needs_first_order and plan.needs_first_order
    assert by_rule(run(plan, a_bill([1000]), first_order=True)) == {1024: 50, 2048: 0}
    assert by_rule(run(plan, a_bill([1000]))) == {1024: 0, 2048: 10}


def test_units_are_calculated_apart_and_lots_gather_equal_expiry() -> None:
    year = Expiry("after", 1, "year")
    rules = [
        a_rule(1024, expiry=year, cap_per_month=1000),
        a_rule(2048, unit=2, rate_e4=20_000),
        a_rule(3072, kind="multiplier", multiplier_bps=20_000, expiry=year),
        a_rule(4096, kind="multiplier", multiplier_bps=20_000, expiry=Expiry("after", 7, "day")),
    ]
    found = run(rules, a_bill([1000, 500]))
    assert sorted((a.unit, a.amount, a.parts) for a in found.awards) == [
        (1, 15, ((4096, 1, 15),)),
        (1, 30, ((1024, 1, 15), (3072, 1, 15))),
        (2, 30, ((2048, 1, 30),)),
    ]
    assert found.points_by_line == [30, 15]
    assert found.growth_by_line == [20, 10]
    assert found.used == {(1024, "m"): 15}


def test_a_multiplier_with_tenders_counts_only_what_they_paid() -> None:
    rules = [a_rule(1024), a_rule(2048, kind="multiplier", multiplier_bps=20_000, tenders=("wechat",))]
    found = run(rules, a_bill([1000, 1000], {"wechat": 1500, "cash": 500}))
    assert by_rule(found) == {1024: 20, 2048: 15}
    found = run(rules, a_bill([1000, 1000], {"cash": 2000}))
    assert code_of(found, 2048) == "tender_not_counted"


def test_a_quote_is_honoured_with_its_versions() -> None:
    rules = RuleSet(
        [
            a_rule(1024, version=1),
            a_rule(1024, version=2, rate_e4=20_000, effective_from=BEGIN + timedelta(days=9)),
            a_rule(2048),
        ]
    )
    later = BEGIN + timedelta(days=10)
    assert rules.in_force(later).versions == ((1024, 2), (2048, 1))
    assert rules.in_force(later) is rules.in_force(later + timedelta(days=300))
    quoted = rules.by_versions([(1024, 1)])
    assert quoted is rules.by_versions([(1024, 1)])
    found = run(quoted, a_bill([1000]))
    assert by_rule(found) == {1024: 10, 2048: 0}
    assert code_of(found, 2048) == "not_in_force"
    with pytest.raises(EarningRuleNotFound):
        rules.by_versions([(1024, 3)])


# What must hold for any bill.

amounts = st.integers(-5_000, 500_000)
words = st.sampled_from(["", "a", "b", "c"])
lines = st.lists(st.builds(LineInput, sku=words, category=words, paid_fen=amounts), min_size=1, max_size=12)
some_words = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2, unique=True).map(tuple)
cap = st.none() | st.integers(1, 2_000)
definitions = st.fixed_dictionaries(
    {
        "unit": st.sampled_from([1, 2]),
        "priority": st.integers(-2, 2),
        "minimum_fen": st.sampled_from([0, 0, 5_000]),
        "tenders": st.sampled_from([None, None, ("cash",), ("stored_value", "cash")]),
        "categories": some_words,
        "skus": some_words,
        "excluded_categories": some_words,
        "cap_per_order": cap,
        "cap_per_day": cap,
        "cap_per_month": cap,
        "expiry": st.sampled_from([Expiry(), Expiry("after", 1, "year")]),
    }
)


@st.composite
def some_rules(draw: st.DrawFn) -> list[Rule]:
    rules = []
    for number, says in enumerate(draw(st.lists(definitions, max_size=5)), 1):
        if draw(st.booleans()):
            rules.append(a_rule(number * 1024, **says, rate_e4=draw(st.integers(1, 50_000))))
        else:
            bps = draw(st.integers(10_001, 50_000))
            rules.append(a_rule(number * 1024, **says, kind="multiplier", multiplier_bps=bps))
    return rules


def paid_by(made: Sequence[LineInput], cash_bps: int) -> dict[str, int]:
    total = sum(line.paid_fen for line in made)
    cash = total * cash_bps // 10_000
    return {"cash": cash, "stored_value": total - cash}


@settings(max_examples=150)
@given(rules=some_rules(), made=lines, cash_bps=st.integers(0, 10_000), used=st.integers(0, 3_000))
def test_sums_hold_and_caps_hold(rules: list[Rule], made: list[LineInput], cash_bps: int, used: int) -> None:
    before = {(rule.rule_id, span): used for rule in rules for span in ("d", "m")}
    found = run(rules, a_bill(made, paid_by(made, cash_bps)), used=before)
    for unit, by_line in ((1, found.points_by_line), (2, found.growth_by_line)):
        assert sum(by_line) == sum(award.amount for award in found.awards if award.unit == unit)
        assert min(by_line) >= 0
        assert all(share == 0 for share, line in zip(by_line, made, strict=True) if line.paid_fen <= 0)
    assert all(award.amount == sum(part[2] for part in award.parts) > 0 for award in found.awards)
    gave = by_rule(found)
    assert len(gave) == len(rules) == len(found.explanation)
    assert sum(gave.values()) == sum(award.amount for award in found.awards)
    for rule in rules:
        assert gave[rule.rule_id] <= (rule.cap_per_order or 10**18)
        for span, limit in (("d", rule.cap_per_day), ("m", rule.cap_per_month)):
            grown = found.used.get((rule.rule_id, cast(Literal["d", "m"], span)), 0)
            assert grown == (gave[rule.rule_id] if limit is not None else 0)
            assert limit is None or grown <= max(0, limit - used)


@settings(max_examples=100)
@given(rules=some_rules(), made=lines, data=st.data())
def test_the_order_of_lines_changes_no_total(rules: list[Rule], made: list[LineInput], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(made))
    one, other = run(rules, a_bill(made)), run(rules, a_bill(shuffled))
    # Shares of a bill with negative lines are rounded to a fen on each line, so the lines' order may move one.
    if min(line.paid_fen for line in made) >= 0:
        assert one.awards == other.awards
    assert by_rule(run(list(reversed(rules)), a_bill(made))) == by_rule(one)


@settings(max_examples=100)
@given(
    rule=definitions,
    rate=st.integers(1, 50_000),
    made=st.lists(st.builds(LineInput, sku=words, category=words, paid_fen=st.integers(0, 500_000)), min_size=1),
    more=st.integers(0, 100_000),
    data=st.data(),
)
def test_paying_more_never_earns_less(
    rule: dict[str, Any], rate: int, made: list[LineInput], more: int, data: st.DataObject
) -> None:
    rules = [
        a_rule(1024, **rule, rate_e4=rate),
        a_rule(2048, unit=rule["unit"], kind="multiplier", multiplier_bps=25_000),
    ]
    place = data.draw(st.integers(0, len(made) - 1))
    dearer = list(made)
    dearer[place] = msgspec.structs.replace(made[place], paid_fen=made[place].paid_fen + more)
    before, after = by_rule(run(rules, a_bill(made))), by_rule(run(rules, a_bill(dearer)))
    assert all(after[rule_id] >= before[rule_id] for rule_id in before)


@settings(max_examples=200)
@given(total=st.integers(0, 10**12), weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
def test_the_fast_split_is_the_kernels(total: int, weights: list[int]) -> None:
    if sum(weights) > 0:
        assert split(total, weights) == allocate(total, weights)


@settings(max_examples=100)
@given(cash=st.integers(0, 10**9))
def test_one_yuan_one_point(cash: int) -> None:
    (points,) = run([a_rule()], a_bill([cash])).points_by_line
    assert points == int(format_fen(cash).split(".")[0])


# Definitions.

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"unit": 3}, "unit"),
    ({"rate_e4": 0}, "points_per_yuan"),
    ({"rate_e4": 10**8 + 1}, "points_per_yuan"),
    ({"multiplier_bps": 20_000}, "multiplier"),
    ({"kind": "multiplier", "rate_e4": 0, "multiplier_bps": 10_000}, "multiplier"),
    ({"kind": "multiplier", "multiplier_bps": 20_000}, "points_per_yuan"),
    ({"priority": 1001}, "priority"),
    ({"minimum_fen": -1}, "minimum_fen"),
    ({"tenders": ()}, "tenders"),
    ({"tenders": ("gold",)}, "tenders"),
    ({"skus": ("",)}, "skus"),
    ({"categories": ("a\x00",)}, "categories"),
    ({"excluded_categories": ("\ud800",)}, "excluded_categories"),
    ({"regions": ("x" * 65,)}, "regions"),
    ({"stores": tuple(range(1001))}, "stores"),
    ({"weekdays": (0,)}, "weekdays"),
    ({"date_from": date(2026, 2, 1), "date_to": date(2026, 1, 31)}, "date_to"),
    ({"cap_per_day": 0}, "cap_per_day"),
    ({"expiry": Expiry("after", 0)}, "expiry.count"),
    ({"expiry": Expiry("after", 101, "year")}, "expiry.count"),
    ({"expiry": Expiry("date", month=2, day=30)}, "expiry"),
]


@pytest.mark.parametrize(("says", "field"), WRONG)
def test_a_wrong_definition_names_its_field(says: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_definition(Definition(**{"rate_e4": 10_000, **says}))
    assert refused.value.fields["field"] == field
    assert refused.value.text("zh") and refused.value.text("en")


def test_a_definition_survives_its_json() -> None:
    rule = a_rule(
        skus=("a",),
        weekdays=(1, 2),
        date_from=WEDNESDAY,
        tenders=("cash",),
        expiry=Expiry("date", month=12, day=31),
    )
    stored = msgspec.json.encode(definition_of(rule))
    assert msgspec.json.decode(stored, type=Definition) == check_definition(definition_of(rule))
