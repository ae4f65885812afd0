"""Earning: rules in, a bill in, points and growth with their reasons out. No clock, no I/O."""

from huimeng.points.rules.definition import (
    DEFAULT_TENDERS,
    Definition,
    Rule,
    check_definition,
    check_name,
    definition_of,
)
from huimeng.points.rules.earning import Award, Bill, Earnings, earn
from huimeng.points.rules.reasons import CODES, Reason, Words, decimal_text, told_of
from huimeng.points.rules.ruleset import Plan, RuleSet, periods

__all__ = [
    "CODES",
    "DEFAULT_TENDERS",
    "Award",
    "Bill",
    "Definition",
    "Earnings",
    "Plan",
    "Reason",
    "Rule",
    "RuleSet",
    "Words",
    "check_definition",
    "check_name",
    "decimal_text",
    "definition_of",
    "earn",
    "periods",
    "told_of",
]
