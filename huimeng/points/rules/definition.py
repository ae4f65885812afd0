"""What an earning rule says, and which definitions make sense."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Literal

import msgspec

from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.money import FEN_MAX
from huimeng.ledger.rules import AMOUNT_MAX, Expiry, Unit
from huimeng.order.rules import TENDER_KINDS, check_text

# Money that is really paid, once: a top-up has earned already, points and coupons are not money.
DEFAULT_TENDERS = frozenset(("cash", "wechat", "alipay", "card", "unionpay", "other"))

RATE_MAX = 10**8
MULTIPLIER_MAX = 10**6
LIST_MAX = 1000


class Definition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """rate_e4: points per yuan x 10^4; multiplier_bps: 20000 doubles; empty conditions let everything pass.

    A line matches when its category or its SKU is listed (or neither list is given) and it isn't excluded.
    tenders None: for a rate DEFAULT_TENDERS, for a multiplier whatever its base counted.
    """

    unit: int = Unit.POINTS
    kind: Literal["rate", "multiplier"] = "rate"
    rate_e4: int = 0
    multiplier_bps: int = 0
    priority: int = 0
    minimum_fen: int = 0
    tenders: tuple[str, ...] | None = None
    excluded_categories: tuple[str, ...] = ()
    excluded_skus: tuple[str, ...] = ()
    stores: tuple[int, ...] = ()
    regions: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    weekdays: tuple[int, ...] = ()
    date_from: date | None = None
    date_to: date | None = None
    first_order: bool = False
    cap_per_order: int | None = None
    cap_per_day: int | None = None
    cap_per_month: int | None = None
    expiry: Expiry = Expiry()


class Rule(Definition, frozen=True, kw_only=True):
    """One version of a rule; it stands for the rule from effective_from until a higher version takes over."""

    rule_id: int
    version: int
    name: str
    effective_from: datetime
    effective_until: datetime | None = None
    enabled: bool = True


def definition_of(rule: Rule) -> Definition:
    return Definition(**{name: getattr(rule, name) for name in Definition.__struct_fields__})


def check_name(name: str) -> str:
    """The name trimmed; InvalidInput."""
    text = name.strip()
    check_text("name", text, 100, required=True)
    return text


def check_definition(wanted: Definition) -> Definition:
    """The definition as it is; InvalidInput names the first field that is wrong."""
    _check_value(wanted)
    _check_lists(wanted)
    _check_dates(wanted)
    for field in ("cap_per_order", "cap_per_day", "cap_per_month"):
        cap = getattr(wanted, field)
        if cap is not None and not 0 < cap <= AMOUNT_MAX:
            raise InvalidInput(field, f"1 to {AMOUNT_MAX}, or none", f"须为 1 到 {AMOUNT_MAX}，或不填")
    _check_expiry(wanted.expiry)
    return wanted


def _check_value(wanted: Definition) -> None:
    if wanted.unit not in (Unit.POINTS, Unit.GROWTH):
        raise InvalidInput("unit", "points or growth", "须为积分或成长值")
    if wanted.kind == "rate":
        if not 0 < wanted.rate_e4 <= RATE_MAX:
            raise InvalidInput("points_per_yuan", "0.0001 to 10000", "须在 0.0001 到 10000 之间")
        if wanted.multiplier_bps:
            raise InvalidInput("multiplier", "belongs to a rule of kind multiplier", "只用于倍数规则")
    else:
        if not 10_000 < wanted.multiplier_bps <= MULTIPLIER_MAX:
            raise InvalidInput("multiplier", "more than 1, at most 100", "须大于 1，不超过 100")
        if wanted.rate_e4:
            raise InvalidInput("points_per_yuan", "belongs to a rule of kind rate", "只用于比例规则")
    if not -1000 <= wanted.priority <= 1000:
        raise InvalidInput("priority", "-1000 to 1000", "须在 -1000 到 1000 之间")
    if not 0 <= wanted.minimum_fen <= FEN_MAX:
        raise InvalidInput("minimum_fen", f"0 to {FEN_MAX}", f"须在 0 到 {FEN_MAX} 之间")


def _check_lists(wanted: Definition) -> None:
    if wanted.tenders is not None:
        if not wanted.tenders:
            raise InvalidInput("tenders", "at least one, or leave it out", "至少一种支付方式，或不填")
        if not set(wanted.tenders) <= set(TENDER_KINDS):
            raise InvalidInput("tenders", f"each one of {', '.join(TENDER_KINDS)}", "含有未知的支付方式")
    for field, longest in (
        ("excluded_categories", 100),
        ("excluded_skus", 64),
        ("regions", 64),
        ("categories", 100),
        ("skus", 64),
    ):
        _check_texts(field, getattr(wanted, field), longest)
    _check_count("stores", wanted.stores)
    if not set(wanted.weekdays) <= set(range(1, 8)):
        raise InvalidInput("weekdays", "1 (Monday) to 7 (Sunday)", "须为 1（周一）到 7（周日）")


def _check_texts(field: str, values: Collection[str], longest: int) -> None:
    _check_count(field, values)
    for value in values:
        check_text(field, value, longest, required=True)


def _check_count(field: str, values: Collection[object]) -> None:
    if len(values) > LIST_MAX:
        raise InvalidInput(field, f"at most {LIST_MAX} entries", f"最多 {LIST_MAX} 项")


def _check_dates(wanted: Definition) -> None:
    if wanted.date_from is not None and wanted.date_to is not None and wanted.date_to < wanted.date_from:
        raise InvalidInput("date_to", "lies before date_from", "早于开始日期")


def _check_expiry(expiry: Expiry) -> None:
    if expiry.kind == "after" and not 0 < expiry.count <= 36_500:
        raise InvalidInput("expiry.count", "1 to 36500", "须在 1 到 36500 之间")
    if expiry.kind == "after" and expiry.count > {"day": 36_500, "month": 1_200, "year": 100}[expiry.span]:
        raise InvalidInput("expiry.count", "at most 100 years", "最长 100 年")
    if expiry.kind == "date":
        try:
            # A leap year: 29 February is a day, and means the last of February in other years.
            date(2000, expiry.month, expiry.day)
        except ValueError:
            raise InvalidInput("expiry", "not a calendar day", "月、日不是有效的日期") from None
