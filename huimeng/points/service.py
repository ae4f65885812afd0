"""Use cases of points: the rule book and its history, and what a member holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from huimeng.infra import audit
from huimeng.infra.database import Connection
from huimeng.infra.heads import bump_config, lock_head, take_entity_ids
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.ids import cell_of, cell_of_entity
from huimeng.ledger import service as ledger
from huimeng.ledger.rules import Kind, Lot, Unit
from huimeng.ledger.service import HistoryRow
from huimeng.member.errors import MemberNotFound
from huimeng.merchant.service import EVERYTHING, get_merchant, list_regions, load_stores
from huimeng.order.rules import check_money
from huimeng.points import store
from huimeng.points.errors import (
    DraftIsOver,
    DraftNotFound,
    EarningRuleChanged,
    EarningRuleNotFound,
    TooManyDrafts,
    TooManyRules,
)
from huimeng.points.rules import Definition, Rule, check_definition, check_name, definition_of
from huimeng.points.store import Draft, DraftState, MerchantConfig, StoredRule

__all__ = [
    "BalanceView",
    "Draft",
    "DraftState",
    "HistoryItem",
    "MerchantConfig",
    "RuleHistory",
    "RuleInput",
    "balance",
    "candidate",
    "candidate_of",
    "change_rule",
    "create_rule",
    "disable_rule",
    "discard_draft",
    "get_draft",
    "get_rule",
    "history",
    "list_drafts",
    "list_rules",
    "lots",
    "merchant_config",
    "publish_draft",
    "rule_versions",
    "save_draft",
    "state_of",
]

RULES_MAX = 200
DRAFTS_MAX = 100
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
VERSIONS_MAX = 1000
State = Literal["in_force", "scheduled", "ended", "disabled"]


class RuleInput(msgspec.Struct, frozen=True, kw_only=True):
    """A new rule, or a new version of one; effective_from None is now, and it may lie in the past."""

    name: str
    definition: Definition
    effective_from: datetime | None = None
    effective_until: datetime | None = None
    enabled: bool = True


class RuleHistory(msgspec.Struct, frozen=True):
    """All versions, newest first; current is the one that stands for the rule now, or else the first to come."""

    current: StoredRule
    state: State
    versions: Sequence[StoredRule]


async def merchant_config(conn: Connection, merchant_id: int) -> MerchantConfig:
    """Rules and stores, for a quote; commands use the shelf `earning_rules`."""
    return await store.config(conn, cell_of(merchant_id))


# The rule book.


async def create_rule(
    conn: Connection, merchant_id: int, wanted: RuleInput, *, actor: str, now: datetime
) -> RuleHistory:
    """InvalidInput names the field; TooManyRules."""
    cell_id = cell_of(merchant_id)
    await lock_head(conn, cell_id)
    if await store.count_rules(conn, merchant_id) >= RULES_MAX:
        raise TooManyRules(limit=RULES_MAX)
    (rule_id,) = await take_entity_ids(conn, cell_id)
    rule = await _checked(conn, merchant_id, wanted, (rule_id, 1), now)
    return await _keep(conn, merchant_id, rule, [], actor=actor, now=now)


async def change_rule(
    conn: Connection,
    merchant_id: int,
    rule_id: int,
    wanted: RuleInput,
    *,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
) -> RuleHistory:
    """Writes a new version; EarningRuleNotFound, InvalidInput, EarningRuleChanged when another one came first."""
    await lock_head(conn, cell_of(merchant_id))
    before = await _versions(conn, merchant_id, rule_id)
    newest = before[0].rule
    _check_version(newest, expected_version)
    _check_kind(newest, wanted)
    rule = await _checked(conn, merchant_id, wanted, (rule_id, newest.version + 1), now)
    return await _keep(conn, merchant_id, rule, before, actor=actor, now=now)


async def disable_rule(conn: Connection, merchant_id: int, rule_id: int, *, actor: str, now: datetime) -> RuleHistory:
    """From now on the rule earns nothing; a later version switches it on again. EarningRuleNotFound."""
    await lock_head(conn, cell_of(merchant_id))
    before = await _versions(conn, merchant_id, rule_id)
    newest = before[0].rule
    if not newest.enabled and newest.effective_from <= now:
        return _told(before, now)
    _check_room(before)
    off = msgspec.structs.replace(
        newest, version=newest.version + 1, effective_from=now, effective_until=None, enabled=False
    )
    return await _keep(conn, merchant_id, off, before, actor=actor, now=now)


# Drafts: rules that nobody earns by yet.


async def save_draft(
    conn: Connection,
    merchant_id: int,
    wanted: RuleInput,
    *,
    rule_id: int | None = None,
    draft_id: int | None = None,
    expected_version: int | None = None,
    actor: str,
    now: datetime,
) -> Draft:
    """A new draft (draft_id None: of a new rule, or of a change to rule_id), or the whole of a draft anew.

    InvalidInput, EarningRuleNotFound, EarningRuleChanged, DraftNotFound, DraftIsOver, TooManyDrafts.
    """
    cell_id = cell_of(merchant_id)
    await lock_head(conn, cell_id)
    before = None if draft_id is None else await _open_draft(conn, merchant_id, draft_id)
    if before is None:
        if len(await store.drafts(conn, merchant_id, "draft", 0, DRAFTS_MAX)) >= DRAFTS_MAX:
            raise TooManyDrafts(limit=DRAFTS_MAX)
        (draft_id,) = await take_entity_ids(conn, cell_id)
    else:
        rule_id = before.rule_id
    newest = None if rule_id is None else (await _versions(conn, merchant_id, rule_id))[0].rule
    if newest is not None:
        _check_version(newest, expected_version)
        _check_kind(newest, wanted)
    elif expected_version is not None:
        raise InvalidInput("expected_version", "a new rule has no version yet", "新规则还没有版本")
    # From when on it counts is said when it is published, and checked then.
    rule = await _checked(conn, merchant_id, msgspec.structs.replace(wanted, effective_from=_EARLIEST), (0, 0), now)
    assert draft_id is not None
    draft = Draft(
        draft_id=draft_id,
        rule_id=rule_id,
        base_version=None if newest is None else newest.version,
        name=rule.name,
        definition=definition_of(rule),
        effective_until=rule.effective_until,
        state="draft",
        published_version=None,
        created_at=now if before is None else before.created_at,
        created_by=actor if before is None else before.created_by,
        changed_at=now,
        changed_by=actor,
    )
    await store.save_draft(conn, merchant_id, draft)
    old, new = audit.differing(before, draft) if before is not None else ({}, msgspec.structs.asdict(draft))
    await audit.record(conn, cell_id, "rule.draft_changed", ("rule_draft", draft_id), before=old, after=new)
    return draft


async def discard_draft(conn: Connection, merchant_id: int, draft_id: int, *, actor: str, now: datetime) -> Draft:
    """DraftNotFound, DraftIsOver."""
    cell_id = cell_of(merchant_id)
    await lock_head(conn, cell_id)
    before = await _open_draft(conn, merchant_id, draft_id)
    draft = msgspec.structs.replace(before, state="discarded", changed_at=now, changed_by=actor)
    await store.save_draft(conn, merchant_id, draft)
    await audit.record(conn, cell_id, "rule.draft_dropped", ("rule_draft", draft_id), before={"name": draft.name})
    return draft


async def publish_draft(
    conn: Connection, merchant_id: int, draft_id: int, *, at: datetime | None, actor: str, now: datetime
) -> RuleHistory:
    """The draft becomes a version that counts from then on (None: now).

    DraftNotFound, DraftIsOver, TooManyRules, InvalidInput; EarningRuleChanged when the rule it would change has a
    newer version than the draft was begun with.
    """
    cell_id = cell_of(merchant_id)
    await lock_head(conn, cell_id)
    draft = await _open_draft(conn, merchant_id, draft_id)
    wanted = RuleInput(
        name=draft.name, definition=draft.definition, effective_from=at, effective_until=draft.effective_until
    )
    if draft.rule_id is None:
        told = await create_rule(conn, merchant_id, wanted, actor=actor, now=now)
    else:
        told = await change_rule(
            conn, merchant_id, draft.rule_id, wanted, actor=actor, now=now, expected_version=draft.base_version
        )
    newest = told.versions[0].rule
    published = msgspec.structs.replace(
        draft,
        state="published",
        rule_id=newest.rule_id,
        published_version=newest.version,
        changed_at=now,
        changed_by=actor,
    )
    await store.save_draft(conn, merchant_id, published)
    after = {"rule_id": newest.rule_id, "version": newest.version, "effective_from": newest.effective_from}
    await audit.record(conn, cell_id, "rule.published", ("rule_draft", draft_id), after=after)
    return told


async def get_draft(conn: Connection, merchant_id: int, draft_id: int) -> Draft:
    """DraftNotFound."""
    draft = await store.find_draft(conn, merchant_id, draft_id)
    if draft is None:
        raise DraftNotFound(str(draft_id))
    return draft


async def list_drafts(
    conn: Connection, merchant_id: int, state: DraftState = "draft", *, after: int = 0, limit: int = 50
) -> list[Draft]:
    return await store.drafts(conn, merchant_id, state, after, limit)


async def candidate(conn: Connection, merchant_id: int, wanted: RuleInput, number: int, now: datetime) -> Rule:
    """A rule that is only tried, checked like one that is kept; InvalidInput."""
    return await _checked(conn, merchant_id, wanted, (number, 0), now)


async def candidate_of(conn: Connection, merchant_id: int, draft_id: int, now: datetime) -> Rule:
    """What the draft would make of its rule, or as a new rule under the draft's id; DraftNotFound, DraftIsOver."""
    draft = await _open_draft(conn, merchant_id, draft_id)
    wanted = RuleInput(name=draft.name, definition=draft.definition)
    version = 1 if draft.base_version is None else draft.base_version + 1
    return await _checked(conn, merchant_id, wanted, (draft.rule_id or draft_id, version), now)


async def _open_draft(conn: Connection, merchant_id: int, draft_id: int) -> Draft:
    draft = await get_draft(conn, merchant_id, draft_id)
    if draft.state != "draft":
        raise DraftIsOver(state=draft.state)
    return draft


async def list_rules(
    conn: Connection, merchant_id: int, *, now: datetime, after: int = 0, limit: int = 50
) -> list[RuleHistory]:
    """In the order in which they were made."""
    ids = await store.rule_ids(conn, merchant_id, after, limit)
    grouped: dict[int, list[StoredRule]] = {rule_id: [] for rule_id in ids}
    for stored in await store.versions(conn, merchant_id, ids):
        grouped[stored.rule.rule_id].append(stored)
    return [_told(found, now) for found in grouped.values()]


async def get_rule(conn: Connection, merchant_id: int, rule_id: int, *, now: datetime) -> RuleHistory:
    """EarningRuleNotFound."""
    return _told(await _versions(conn, merchant_id, rule_id), now)


async def rule_versions(
    conn: Connection, merchant_id: int, rule_ids: Collection[int]
) -> Mapping[tuple[int, int], Rule]:
    """By rule and version, all versions of these rules."""
    found = await store.versions(conn, merchant_id, sorted(rule_ids)) if rule_ids else []
    return {(stored.rule.rule_id, stored.rule.version): stored.rule for stored in found}


def state_of(rule: Rule, now: datetime) -> State:
    """Of the version that stands for the rule now."""
    if rule.effective_from > now:
        return "scheduled"
    if rule.effective_until is not None and rule.effective_until <= now:
        return "ended"
    return "in_force" if rule.enabled else "disabled"


async def _versions(conn: Connection, merchant_id: int, rule_id: int) -> list[StoredRule]:
    found = await store.versions(conn, merchant_id, [rule_id])
    if not found:
        raise EarningRuleNotFound(str(rule_id))
    return found


def _told(versions: list[StoredRule], now: datetime) -> RuleHistory:
    begun = [stored for stored in versions if stored.rule.effective_from <= now]
    current = begun[0] if begun else min(versions, key=lambda stored: stored.rule.effective_from)
    return RuleHistory(current, state_of(current.rule, now), versions)


async def _keep(
    conn: Connection, merchant_id: int, rule: Rule, before: list[StoredRule], *, actor: str, now: datetime
) -> RuleHistory:
    _check_room(before)
    stored = StoredRule(rule, now, actor)
    await store.insert_version(conn, merchant_id, stored)
    await bump_config(conn, cell_of(merchant_id))
    await _record(conn, merchant_id, rule, before[0].rule if before else None)
    return _told([stored, *before], now)


async def _record(conn: Connection, merchant_id: int, rule: Rule, before: Rule | None) -> None:
    what, cell_id = ("rule", rule.rule_id), cell_of(merchant_id)
    if before is None:
        await audit.record(conn, cell_id, "rule.created", what, after=msgspec.structs.asdict(rule))
        return
    old, new = audit.differing(before, rule)
    action: audit.Action = "rule.disabled" if before.enabled and not rule.enabled else "rule.changed"
    await audit.record(conn, cell_id, action, what, before=old, after=new)


def _check_version(newest: Rule, expected_version: int | None) -> None:
    if expected_version is not None and newest.version != expected_version:
        raise EarningRuleChanged(version=newest.version)


def _check_kind(newest: Rule, wanted: RuleInput) -> None:
    if newest.unit != wanted.definition.unit or newest.kind != wanted.definition.kind:
        raise InvalidInput("kind", "unit and kind stay as they are", "类型与计量单位不可修改")


def _check_room(before: Sequence[StoredRule]) -> None:
    if len(before) >= VERSIONS_MAX:
        raise TooManyRules(limit=VERSIONS_MAX)


async def _checked(
    conn: Connection, merchant_id: int, wanted: RuleInput, identity: tuple[int, int], now: datetime
) -> Rule:
    name = check_name(wanted.name)
    definition = check_definition(wanted.definition)
    check_money("minimum_fen", definition.minimum_fen, (await get_merchant(conn, merchant_id)).currency)
    begins = now if wanted.effective_from is None else _time("effective_from", wanted.effective_from)
    ends = None if wanted.effective_until is None else _time("effective_until", wanted.effective_until)
    if ends is not None and ends <= begins:
        raise InvalidInput("effective_until", "not after effective_from", "须晚于生效时间")
    await _check_places(conn, merchant_id, definition)
    rule_id, version = identity
    return Rule(
        **{field: getattr(definition, field) for field in Definition.__struct_fields__},
        rule_id=rule_id,
        version=version,
        name=name,
        effective_from=begins,
        effective_until=ends,
        enabled=wanted.enabled,
    )


def _time(field: str, at: datetime) -> datetime:
    if at.tzinfo is None:
        raise InvalidInput(field, "needs an offset such as +08:00", "须带时区，如 +08:00")
    if not 1990 <= at.year <= 2200:
        raise InvalidInput(field, "year 1990 to 2200", "年份须在 1990 到 2200 之间")
    return at.astimezone(UTC)


async def _check_places(conn: Connection, merchant_id: int, definition: Definition) -> None:
    if definition.stores:
        known = (await load_stores(conn, merchant_id)).by_id
        for store_id in definition.stores:
            if store_id not in known:
                raise InvalidInput("stores", f"no store {store_id}", f"没有门店 {store_id}")
    if definition.regions:
        regions = {region.code for region in await list_regions(conn, merchant_id, limit=EVERYTHING)}
        for region in definition.regions:
            if region not in regions:
                raise InvalidInput("regions", f"no region {region}", f"没有区域 {region}")


# What a member holds.


class BalanceView(msgspec.Struct, frozen=True):
    """Of one unit: available now, owed back, and what stops being valid soon if it isn't used."""

    available: int = 0
    debt: int = 0
    expiring_30_days: int = 0
    expiring_90_days: int = 0
    next_expiry_at: datetime | None = None
    next_expiry_amount: int = 0


class HistoryItem(msgspec.Struct, frozen=True):
    """A transfer as the member sees it; reason is that of an adjustment."""

    row: HistoryRow
    kind: str
    reference: str
    reason: str | None


async def balance(conn: Connection, merchant_id: int, member_id: int, now: datetime) -> Mapping[int, BalanceView]:
    """By unit, points and growth; what has expired counts no more, written off or not. MemberNotFound."""
    cell_id = cell_of_entity(merchant_id, member_id)
    await _check_member(conn, cell_id, member_id)
    units = (Unit.POINTS, Unit.GROWTH)
    debts = {row.unit: row.debt for row in await ledger.balances(conn, cell_id, member_id, units)}
    return {unit: _view(await ledger.lots(conn, cell_id, member_id, unit), debts.get(unit, 0), now) for unit in units}


async def lots(
    conn: Connection, merchant_id: int, member_id: int, unit: int, *, include_closed: bool = False
) -> list[Lot]:
    """Earliest expiry first, those that never expire last; MemberNotFound."""
    cell_id = cell_of_entity(merchant_id, member_id)
    await _check_member(conn, cell_id, member_id)
    return await ledger.lots(conn, cell_id, member_id, unit, include_closed)


async def history(
    conn: Connection,
    merchant_id: int,
    member_id: int,
    unit: int,
    *,
    before_seq: int | None = None,
    limit: int = 50,
) -> list[HistoryItem]:
    """Newest first; the next page begins before the last seq of this one. MemberNotFound."""
    cell_id = cell_of_entity(merchant_id, member_id)
    await _check_member(conn, cell_id, member_id)
    rows = await ledger.history(conn, cell_id, member_id, unit, before_seq, limit)
    # A debt is repaid by whatever comes in: an order or an adjustment.
    adjusted = [row.ref_id for row in rows if row.kind in _ADJUSTING]
    reasons = await store.adjustment_reasons(conn, cell_id, adjusted)
    return [_item(row, reasons.get(row.ref_id) if row.kind in _ADJUSTING else None) for row in rows]


def _item(row: HistoryRow, reason: str | None) -> HistoryItem:
    reference = "adjustment" if reason is not None else _REFERENCES.get(row.kind, "order")
    return HistoryItem(row, ledger.kind_name(row.kind), reference, reason)


_ADJUSTING = (Kind.ADJUST, Kind.OPENING, Kind.DEBT_REPAID)
# What ref_id of a transfer is, where it isn't an order.
_REFERENCES = {
    Kind.EARN_REVERSED: "refund",
    Kind.REFUND_TAKEN: "refund",
    Kind.EXPIRY_REVERSED: "refund",
    Kind.DEBT: "refund",
    Kind.EXPIRE: "lot",
}


def _view(lots: Sequence[Lot], debt: int, now: datetime) -> BalanceView:
    valid = [lot for lot in lots if lot.remaining and lot.valid(now)]
    ending = sorted((lot.expires_at, lot.remaining) for lot in valid if lot.expires_at is not None)
    next_at = ending[0][0] if ending else None
    return BalanceView(
        available=sum(lot.remaining for lot in valid),
        debt=debt,
        expiring_30_days=_until(ending, now + timedelta(days=30)),
        expiring_90_days=_until(ending, now + timedelta(days=90)),
        next_expiry_at=next_at,
        next_expiry_amount=sum(amount for at, amount in ending if at == next_at),
    )


def _until(ending: Sequence[tuple[datetime, int]], at: datetime) -> int:
    return sum(amount for expires_at, amount in ending if expires_at <= at)


async def _check_member(conn: Connection, cell_id: int, member_id: int) -> None:
    if not await store.has_member(conn, cell_id, member_id):
        raise MemberNotFound(str(member_id))
