"""Rules of a merchant made ready: which versions are in force when, and what each needs to be checked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal

from huimeng.ledger.rules import Unit
from huimeng.points.errors import EarningRuleNotFound
from huimeng.points.rules.definition import DEFAULT_TENDERS, Rule

Span = Literal["d", "m"]
_QUOTES_KEPT = 256


def periods(business_day: date) -> dict[Span, str]:
    """The day and the month that caps count in: {"d": "d2017-01-01", "m": "m2017-01"}."""
    day = business_day.isoformat()
    return {"d": "d" + day, "m": "m" + day[:7]}


class Ready:
    """A rule with its lists as sets, and flags that let the usual case skip every check."""

    __slots__ = (
        "all_lines",
        "capped",
        "categories",
        "conditional",
        "excluded_categories",
        "excluded_skus",
        "regions",
        "rule",
        "skus",
        "spans",
        "stores",
        "tenders",
        "weekdays",
    )

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.categories = frozenset(rule.categories)
        self.skus = frozenset(rule.skus)
        self.excluded_categories = frozenset(rule.excluded_categories)
        self.excluded_skus = frozenset(rule.excluded_skus)
        self.stores = frozenset(rule.stores)
        self.regions = frozenset(rule.regions)
        self.weekdays = frozenset(rule.weekdays)
        if rule.tenders is not None:
            self.tenders: frozenset[str] | None = frozenset(rule.tenders)
        else:
            self.tenders = DEFAULT_TENDERS if rule.kind == "rate" else None
        self.all_lines = not (rule.categories or rule.skus or rule.excluded_categories or rule.excluded_skus)
        self.conditional = bool(
            rule.stores
            or rule.regions
            or rule.weekdays
            or rule.date_from is not None
            or rule.date_to is not None
            or rule.first_order
        )
        self.spans: tuple[tuple[Span, int], ...] = tuple((span, cap) for span, cap in _caps(rule) if cap is not None)
        self.capped = rule.cap_per_order is not None or bool(self.spans)

    def matches(self, category: str, sku: str) -> bool:
        if category in self.excluded_categories or sku in self.excluded_skus:
            return False
        return not (self.categories or self.skus) or category in self.categories or sku in self.skus


def _caps(rule: Rule) -> tuple[tuple[Span, int | None], tuple[Span, int | None]]:
    return ("d", rule.cap_per_day), ("m", rule.cap_per_month)


class Plan(tuple[Rule, ...]):
    """The rules that a bill is calculated by, at most one version each, made ready once.

    units: (unit, rates by falling priority, multipliers); idle: rules that take no part, with the code why.
    """

    units: tuple[tuple[int, tuple[Ready, ...], tuple[Ready, ...]], ...]
    idle: tuple[tuple[Rule, str], ...]
    needs_first_order: bool
    # Rules with a cap a day or month, and the spans of each.
    capped: tuple[tuple[int, tuple[Span, ...]], ...]
    versions: tuple[tuple[int, int], ...]

    def __new__(cls, rules: Iterable[Rule], idle: Iterable[tuple[Rule, str]] = ()) -> Plan:
        # A rule that is only tried (version 0) stands where it will stand once it is kept: behind its equals.
        plan = super().__new__(cls, sorted(rules, key=lambda rule: (-rule.priority, rule.version == 0, rule.rule_id)))
        ready = [Ready(rule) for rule in plan]
        plan.units = tuple(
            (
                unit,
                tuple(r for r in ready if r.rule.unit == unit and r.rule.kind == "rate"),
                tuple(r for r in ready if r.rule.unit == unit and r.rule.kind == "multiplier"),
            )
            for unit in (Unit.POINTS, Unit.GROWTH)
            if any(r.rule.unit == unit for r in ready)
        )
        plan.idle = tuple(idle)
        plan.needs_first_order = any(rule.first_order for rule in plan)
        plan.capped = tuple((r.rule.rule_id, tuple(span for span, _ in r.spans)) for r in ready if r.spans)
        plan.versions = tuple(sorted((rule.rule_id, rule.version) for rule in plan))
        return plan


class RuleSet:
    """All versions of all rules of a merchant, of one version of its configuration."""

    def __init__(self, versions: Iterable[Rule]) -> None:
        self._rules: dict[int, list[Rule]] = {}
        for rule in sorted(versions, key=lambda rule: (rule.rule_id, -rule.version)):
            self._rules.setdefault(rule.rule_id, []).append(rule)
        everything = [rule for found in self._rules.values() for rule in found]
        self._by_version = {(rule.rule_id, rule.version): rule for rule in everything}
        edges = {rule.effective_from for rule in everything}
        edges |= {rule.effective_until for rule in everything if rule.effective_until is not None}
        self._edges = sorted(edges)
        self._plans: dict[int, Plan] = {}
        self._quoted: dict[tuple[tuple[int, int], ...], Plan] = {}
        self.needs_first_order = any(rule.first_order for rule in everything)
        self.has_period_caps = any(
            rule.cap_per_day is not None or rule.cap_per_month is not None for rule in everything
        )

    def in_force(self, at: datetime) -> Plan:
        """For each rule the highest version that has begun by then, if it is enabled and not over."""
        interval = bisect_right(self._edges, at)
        plan = self._plans.get(interval)
        if plan is None:
            plan = self._plans[interval] = self._plan(at)
        return plan

    def by_versions(self, versions: Sequence[tuple[int, int]]) -> Plan:
        """Exactly these (rule_id, version), whatever is in force now; EarningRuleNotFound."""
        wanted = tuple(sorted(versions))
        plan = self._quoted.get(wanted)
        if plan is None:
            missing = [pair for pair in wanted if pair not in self._by_version]
            if missing:
                raise EarningRuleNotFound(str(missing[0][0]))
            chosen = dict(wanted)
            idle = [(kept[0], "not_in_force") for number, kept in self._rules.items() if number not in chosen]
            if len(self._quoted) >= _QUOTES_KEPT:
                self._quoted.clear()
            plan = self._quoted[wanted] = Plan((self._by_version[pair] for pair in chosen.items()), idle)
        return plan

    def _plan(self, at: datetime) -> Plan:
        active: list[Rule] = []
        idle: list[tuple[Rule, str]] = []
        for versions in self._rules.values():
            rule = next((rule for rule in versions if rule.effective_from <= at), None)
            if rule is None:
                idle.append((versions[-1], "not_in_force"))
            elif rule.effective_until is not None and rule.effective_until <= at:
                idle.append((rule, "not_in_force"))
            elif not rule.enabled:
                idle.append((rule, "disabled"))
            else:
                active.append(rule)
        return Plan(active, idle)
