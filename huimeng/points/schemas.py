"""Payloads of earning rules and of what a member holds: amounts in fen, ids as strings of digits, rates as decimals."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from litestar.openapi.spec import Example
from msgspec import Meta

from huimeng.kernel.errors import InvalidInput
from huimeng.ledger.rules import UNIT_NAMES, Expiry, Lot, Unit
from huimeng.merchant.values import StoreBook
from huimeng.points.commands import Adjusted
from huimeng.points.rules import Definition, Rule, decimal_text
from huimeng.points.service import BalanceView, HistoryItem, RuleHistory, RuleInput, State
from huimeng.points.store import Draft, DraftState, StoredRule

UnitName = Literal["points", "growth"]
TenderKind = Literal["cash", "wechat", "alipay", "card", "unionpay", "other", "stored_value", "points", "coupon"]
Rate = Annotated[str, Meta(pattern=r"^[0-9]{1,5}(\.[0-9]{1,4})?$", description="decimal, up to 4 places")]
Fen = Annotated[int, Meta(ge=0, le=10**13, description="分，币种单位的 1/100 / fen, 1/100 of the currency's unit")]
Cap = Annotated[int, Meta(ge=1, le=10**15, description="null: no cap")]
Sku = Annotated[str, Meta(min_length=1, max_length=64)]
Category = Annotated[str, Meta(min_length=1, max_length=100)]
Code = Annotated[str, Meta(min_length=1, max_length=64)]

UNITS: dict[str, int] = {"points": Unit.POINTS, "growth": Unit.GROWTH}


class RuleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Give points_per_yuan (what a yuan earns, or one of another currency) or multiplier, not both.

    A multiplier of "2" doubles what other rules give.

    Empty conditions let everything pass; tenders null: money really paid.
    """

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    unit: UnitName = "points"
    points_per_yuan: Rate | None = None
    multiplier: Rate | None = None
    priority: Annotated[int, Meta(ge=-1000, le=1000, description="the higher one takes a line first")] = 0
    minimum_fen: Fen = 0
    tenders: list[TenderKind] | None = None
    excluded_categories: list[Category] = []
    excluded_skus: list[Sku] = []
    stores: Annotated[list[Code], Meta(description="store codes")] = []
    regions: Annotated[list[Code], Meta(description="region codes")] = []
    categories: list[Category] = []
    skus: list[Sku] = []
    weekdays: Annotated[list[Annotated[int, Meta(ge=1, le=7)]], Meta(description="1 is Monday")] = []
    date_from: date | None = None
    date_to: Annotated[date | None, Meta(description="the last business day")] = None
    first_order: bool = False
    cap_per_order: Cap | None = None
    cap_per_day: Cap | None = None
    cap_per_month: Cap | None = None
    expiry: Expiry = Expiry()


class RuleIn(RuleBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule with its time; effective_from null: now."""

    effective_from: datetime | None = None
    effective_until: datetime | None = None
    enabled: bool = True


class DraftIn(RuleBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule that nobody earns by yet; from when on it counts is said when it is published.

    expected_version: the newest version that was seen of the rule that it would change; refuses when there is another.
    """

    effective_until: datetime | None = None
    expected_version: int | None = None


class NewDraftIn(DraftIn, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """rule_id: the rule that it would change; null: a new one."""

    rule_id: Annotated[str, Meta(max_length=19, description="digits as text")] | None = None


class PublishIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """at: from when on it counts, null is now; what lies in the past counts for orders that are imported later."""

    at: datetime | None = None


class RuleChange(RuleIn, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole rule as it shall be from effective_from on; expected_version refuses when another one came first."""

    expected_version: int | None = None


class RuleText(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule says."""

    name: str
    unit: UnitName
    kind: Literal["rate", "multiplier"]
    points_per_yuan: str | None
    multiplier: str | None
    priority: int
    minimum_fen: int
    tenders: list[str] | None
    excluded_categories: list[str]
    excluded_skus: list[str]
    stores: list[str]
    regions: list[str]
    categories: list[str]
    skus: list[str]
    weekdays: list[int]
    date_from: date | None
    date_to: date | None
    first_order: bool
    cap_per_order: int | None
    cap_per_day: int | None
    cap_per_month: int | None
    expiry: Expiry


class RuleVersion(RuleText, frozen=True, kw_only=True):
    """One version, as it was written."""

    version: int
    effective_from: datetime
    effective_until: datetime | None
    enabled: bool
    created_at: datetime
    created_by: str


class RuleOut(msgspec.Struct, frozen=True, kw_only=True):
    """current stands for the rule now (before it begins: the first to come); a higher version wins once it begins."""

    rule_id: str
    state: State
    newest_version: int
    current: RuleVersion


class RuleDetail(RuleOut, frozen=True, kw_only=True):
    """With all versions, newest first."""

    versions: list[RuleVersion]


class RulePage(msgspec.Struct, frozen=True):
    items: list[RuleOut]
    next_cursor: str | None


class DraftOut(RuleText, frozen=True, kw_only=True):
    """rule_id: the rule that it changes, or that it became; base_version: of that rule when the draft was saved."""

    draft_id: str
    state: DraftState
    rule_id: str | None
    base_version: int | None
    published_version: int | None
    effective_until: datetime | None
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


class DraftPage(msgspec.Struct, frozen=True):
    items: list[DraftOut]
    next_cursor: str | None


class BalancesOut(msgspec.Struct, frozen=True):
    """A member's points and growth value as of now."""

    member_id: str
    points: BalanceView
    growth: BalanceView


class LotOut(msgspec.Struct, frozen=True):
    """What shares an expiry: earned = remaining + expired + what was spent or taken back."""

    lot_id: int
    expires_at: datetime | None
    earned: int
    remaining: int
    expired: int
    closed: bool


class LotPage(msgspec.Struct, frozen=True):
    """All of them: earnings of equal expiry share a lot, so they are few."""

    items: list[LotOut]
    next_cursor: str | None = None


class HistoryOut(msgspec.Struct, frozen=True):
    """amount is signed; ref_id is the id of what ref_type names: order, refund, adjustment or lot."""

    seq: str
    kind: str
    amount: int
    balance_after: int
    lot_id: int | None
    ref_type: str
    ref_id: str
    reason: str | None
    occurred_at: datetime


class HistoryPage(msgspec.Struct, frozen=True):
    items: list[HistoryOut]
    next_cursor: str | None


class AdjustmentIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """amount adds (> 0) or takes (< 0); expires_at is for what is added, null is never."""

    amount: Annotated[int, Meta(ge=-(10**15), le=10**15)]
    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    unit: UnitName = "points"
    expires_at: datetime | None = None


def rule_input(given: RuleBody, stores: StoreBook) -> RuleInput:
    """InvalidInput names the field."""
    timed = {name: getattr(given, name) for name in _TIMES if hasattr(given, name)}
    return RuleInput(name=given.name, definition=_definition(given, stores), **timed)


_TIMES = ("effective_from", "effective_until", "enabled")


def _definition(given: RuleBody, stores: StoreBook) -> Definition:
    if (given.points_per_yuan is None) == (given.multiplier is None):
        raise InvalidInput(
            "points_per_yuan",
            "give either points_per_yuan or multiplier",
            "每一元（或其他币种的一个单位）得的积分与倍数，须填且只填一项",
        )
    return Definition(
        unit=UNITS[given.unit],
        kind="rate" if given.multiplier is None else "multiplier",
        rate_e4=_scaled(given.points_per_yuan),
        multiplier_bps=_scaled(given.multiplier),
        priority=given.priority,
        minimum_fen=given.minimum_fen,
        tenders=None if given.tenders is None else tuple(given.tenders),
        excluded_categories=tuple(given.excluded_categories),
        excluded_skus=tuple(given.excluded_skus),
        stores=tuple(_store_id(code, stores) for code in given.stores),
        regions=tuple(given.regions),
        categories=tuple(given.categories),
        skus=tuple(given.skus),
        weekdays=tuple(given.weekdays),
        date_from=given.date_from,
        date_to=given.date_to,
        first_order=given.first_order,
        cap_per_order=given.cap_per_order,
        cap_per_day=given.cap_per_day,
        cap_per_month=given.cap_per_month,
        expiry=given.expiry,
    )


def rule_out(told: RuleHistory, stores: StoreBook) -> RuleOut:
    return RuleOut(
        rule_id=str(told.current.rule.rule_id),
        state=told.state,
        newest_version=told.versions[0].rule.version,
        current=_version(told.current, stores),
    )


def rule_detail(told: RuleHistory, stores: StoreBook) -> RuleDetail:
    short = rule_out(told, stores)
    return RuleDetail(
        rule_id=short.rule_id,
        state=short.state,
        newest_version=short.newest_version,
        current=short.current,
        versions=[_version(stored, stores) for stored in told.versions],
    )


def lot_out(lot: Lot) -> LotOut:
    return LotOut(lot.lot_id, lot.expires_at, lot.earned, lot.remaining, lot.expired, lot.closed)


def history_out(item: HistoryItem) -> HistoryOut:
    row = item.row
    return HistoryOut(
        str(row.seq),
        item.kind,
        row.amount,
        row.balance_after,
        row.lot_id,
        item.reference,
        str(row.ref_id),
        item.reason,
        row.occurred_at,
    )


def _version(stored: StoredRule, stores: StoreBook) -> RuleVersion:
    rule: Rule = stored.rule
    return RuleVersion(
        **_text(rule.name, rule, stores),
        version=rule.version,
        effective_from=rule.effective_from,
        effective_until=rule.effective_until,
        enabled=rule.enabled,
        created_at=stored.created_at,
        created_by=stored.created_by,
    )


def draft_out(draft: Draft, stores: StoreBook) -> DraftOut:
    return DraftOut(
        **_text(draft.name, draft.definition, stores),
        draft_id=str(draft.draft_id),
        state=draft.state,
        rule_id=None if draft.rule_id is None else str(draft.rule_id),
        base_version=draft.base_version,
        published_version=draft.published_version,
        effective_until=draft.effective_until,
        created_at=draft.created_at,
        created_by=draft.created_by,
        changed_at=draft.changed_at,
        changed_by=draft.changed_by,
    )


def _text(name: str, rule: Definition, stores: StoreBook) -> dict[str, Any]:
    """The fields of RuleText."""
    return {
        "name": name,
        "unit": UNIT_NAMES[rule.unit],
        "kind": rule.kind,
        "points_per_yuan": decimal_text(rule.rate_e4) if rule.kind == "rate" else None,
        "multiplier": decimal_text(rule.multiplier_bps) if rule.kind == "multiplier" else None,
        "priority": rule.priority,
        "minimum_fen": rule.minimum_fen,
        "tenders": None if rule.tenders is None else list(rule.tenders),
        "excluded_categories": list(rule.excluded_categories),
        "excluded_skus": list(rule.excluded_skus),
        "stores": [stores.by_id[i].code if i in stores.by_id else str(i) for i in rule.stores],
        "regions": list(rule.regions),
        "categories": list(rule.categories),
        "skus": list(rule.skus),
        "weekdays": list(rule.weekdays),
        "date_from": rule.date_from,
        "date_to": rule.date_to,
        "first_order": rule.first_order,
        "cap_per_order": rule.cap_per_order,
        "cap_per_day": rule.cap_per_day,
        "cap_per_month": rule.cap_per_month,
        "expiry": rule.expiry,
    }


def _scaled(text: str | None) -> int:
    return 0 if text is None else int(Decimal(text).scaleb(4))


def _store_id(code: str, stores: StoreBook) -> int:
    store = stores.by_code.get(code)
    if store is None:
        raise InvalidInput("stores", f"no store {code[:64]}", f"没有门店 {code[:64]}")
    return store.store_id


RULE_EXAMPLES = [
    Example(
        summary="消费 1 元积 1 分，两年后月底到期 / 1 point a yuan, valid for 24 months to the end of the month",
        value={
            "name": "消费积分",
            "points_per_yuan": "1",
            "excluded_categories": ["烟草"],
            "expiry": {"kind": "after", "count": 24, "span": "month", "round_to": "month"},
        },
    ),
    Example(
        summary="周三生鲜双倍 / double points on fresh goods on Wednesdays",
        value={
            "name": "周三生鲜双倍",
            "multiplier": "2",
            "categories": ["生鲜"],
            "weekdays": [3],
            "cap_per_day": 500,
        },
    ),
    Example(summary="成长值 / growth value", value={"name": "成长值", "unit": "growth", "points_per_yuan": "1"}),
]
_VERSION = {
    "version": 1,
    "name": "消费积分",
    "unit": "points",
    "kind": "rate",
    "points_per_yuan": "1",
    "multiplier": None,
    "priority": 0,
    "minimum_fen": 0,
    "tenders": None,
    "excluded_categories": ["烟草"],
    "excluded_skus": [],
    "stores": [],
    "regions": [],
    "categories": [],
    "skus": [],
    "weekdays": [],
    "date_from": None,
    "date_to": None,
    "first_order": False,
    "cap_per_order": None,
    "cap_per_day": None,
    "cap_per_month": None,
    "expiry": {"kind": "after", "count": 24, "round_to": "month"},
    "effective_from": "2026-01-01T00:00:00Z",
    "effective_until": None,
    "enabled": True,
    "created_at": "2026-01-01T00:00:00Z",
    "created_by": "key:1",
}
_DRAFT = {name: value for name, value in _VERSION.items() if name not in ("version", "effective_from", "enabled")}
DRAFT_OUT_EXAMPLE = Example(
    summary="草稿 / a draft",
    value={
        "draft_id": "2048",
        "state": "draft",
        "rule_id": "1024",
        "base_version": 1,
        "published_version": None,
        **_DRAFT,
        "changed_at": "2026-01-02T00:00:00Z",
        "changed_by": "key:1",
    },
)
PUBLISH_EXAMPLES = [
    Example(summary="下月起 / from next month on", value={"at": "2026-04-01T00:00:00+08:00"}),
    Example(summary="即刻 / now", value={}),
]
RULE_OUT_EXAMPLE = Example(
    summary="规则 / a rule",
    value={"rule_id": "1024", "state": "in_force", "newest_version": 1, "current": _VERSION},
)
ADJUSTMENT_EXAMPLES = [
    Example(summary="补发积分 / make up for missed points", value={"amount": 100, "reason": "漏积补发"}),
    Example(summary="扣回 / take back", value={"amount": -50, "reason": "误发扣回"}),
]
ADJUSTED_EXAMPLE = Example(
    summary="已入账 / booked",
    value=msgspec.to_builtins(
        Adjusted("4096", "2048", "points", 100, 350, 0, 0, datetime.fromisoformat("2026-03-01T02:00:00+00:00"))
    ),
)
