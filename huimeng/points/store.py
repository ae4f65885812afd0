"""All SQL of points, and the shelves that commands take rules, caps and adjustments from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from huimeng.infra.database import Connection
from huimeng.infra.teller import Key, Shelf, Statement, packed
from huimeng.kernel.ids import merchant_of
from huimeng.member.store import MemberStatusShelf
from huimeng.merchant.store import StoreShelf
from huimeng.merchant.values import Store
from huimeng.points.rules import Definition, Rule, RuleSet, definition_of

EARNING_RULES = "earning_rules"  # (cell_id,) -> MerchantConfig, read only
EARN_CAP = "earn_cap"  # (cell_id, member_id, rule_id, period) -> EarnCap
ADJUSTMENT = "adjustment"  # append only: rows are Adjustment

DraftState = Literal["draft", "published", "discarded"]

_DRAFT = (
    "draft_id, rule_id, base_version, name, definition, effective_until, state, published_version, created_at, "
    "created_by, changed_at, changed_by"
)
_RULE = "r.rule_id, r.version, r.name, r.definition, r.effective_from, r.effective_until, r.enabled"


class MerchantConfig(msgspec.Struct, frozen=True):
    """What orders of a merchant are calculated by, of one version of its configuration."""

    rules: RuleSet
    stores: Mapping[int, Store]
    currency: str


class StoredRule(msgspec.Struct, frozen=True):
    """A version with who made it and when."""

    rule: Rule
    created_at: datetime
    created_by: str


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A row of earning_rule_draft; rule_id and base_version of the rule that it would change, None for a new one."""

    draft_id: int
    rule_id: int | None
    base_version: int | None
    name: str
    definition: Definition
    effective_until: datetime | None
    state: DraftState
    published_version: int | None
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


class EarnCap(msgspec.Struct):
    """What a member has earned by a rule in a business day or month."""

    amount: int


class Adjustment(msgspec.Struct, frozen=True):
    """A row of adjustment."""

    cell_id: int
    adjustment_id: int
    member_id: int
    unit: int
    amount: int
    expires_at: datetime | None
    reason: str
    actor: str
    created_at: datetime


def _rule(row: Sequence[Any]) -> Rule:
    rule_id, version, name, definition, effective_from, effective_until, enabled = row
    return msgspec.convert(
        {
            **definition,
            "rule_id": rule_id,
            "version": version,
            "name": name,
            "effective_from": effective_from,
            "effective_until": effective_until,
            "enabled": enabled,
        },
        Rule,
    )


class EarningRulesShelf(Shelf):
    """Rules in all versions, the stores, which say where and when a business day ends, and the currency."""

    name = EARNING_RULES
    cached = True
    _stores = StoreShelf()

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        cells = packed([{"c": cell_id, "m": merchant_of(cell_id)} for (cell_id,) in keys])
        yield from self._stores.load(keys)
        yield (
            f"select k.c, {_RULE} from json_to_recordset(%s) as k(c bigint, m bigint) "
            "join earning_rule_version r on r.merchant_id = k.m",
            (cells,),
        )
        yield (
            "select k.c, m.currency from json_to_recordset(%s) as k(c bigint, m bigint) "
            "join merchant m on m.merchant_id = k.m",
            (cells,),
        )

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, MerchantConfig]:
        *of_stores, of_rules, of_merchant = results
        rules: dict[Key, list[Rule]] = {}
        for cell_id, *row in of_rules:
            rules.setdefault((cell_id,), []).append(_rule(row))
        books = self._stores.read(of_stores)
        currencies = {(cell_id,): currency for cell_id, currency in of_merchant}
        return {
            key: MerchantConfig(RuleSet(rules.get(key, ())), book.by_id, currencies[key]) for key, book in books.items()
        }


class EarnCapShelf(Shelf):
    """A counter begins with the first order that it counts."""

    name = EARN_CAP

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        yield (
            "select t.cell_id, t.member_id, t.rule_id, t.period, t.amount "
            "from json_to_recordset(%s) as k(c bigint, m bigint, r bigint, p text) "
            "join earn_cap t on t.cell_id = k.c and t.member_id = k.m and t.rule_id = k.r and t.period = k.p",
            (packed([{"c": c, "m": m, "r": r, "p": p} for c, m, r, p in keys]),),
        )

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, EarnCap]:
        return {(row[0], row[1], row[2], row[3]): EarnCap(row[4]) for row in results[0]}

    def save(self, changed: Mapping[Key, EarnCap], added: Sequence[Any]) -> Iterable[Statement]:
        rows = [{"c": c, "m": m, "r": r, "p": p, "a": row.amount} for (c, m, r, p), row in changed.items()]
        yield (
            "insert into earn_cap (cell_id, member_id, rule_id, period, amount) "
            "select c, m, r, p, a "
            "from json_to_recordset(%s) as k(c bigint, m bigint, r bigint, p text, a bigint) "
            "on conflict (cell_id, member_id, rule_id, period) do update set amount = excluded.amount",
            (packed(rows),),
        )


class AdjustmentShelf(Shelf):
    """Append only."""

    name = ADJUSTMENT

    def save(self, changed: Mapping[Key, Any], added: Sequence[Adjustment]) -> Iterable[Statement]:
        yield (
            "insert into adjustment (cell_id, adjustment_id, member_id, unit, amount, expires_at, reason, actor, "
            "created_at) select cell_id, adjustment_id, member_id, unit, amount, expires_at, reason, actor, "
            "created_at from json_to_recordset(%s) as k(cell_id bigint, adjustment_id bigint, member_id bigint, "
            "unit smallint, amount bigint, expires_at timestamptz, reason text, actor text, created_at timestamptz)",
            (packed(added),),
        )


SHELVES: tuple[Shelf, ...] = (EarningRulesShelf(), EarnCapShelf(), AdjustmentShelf())


async def insert_version(conn: Connection, merchant_id: int, stored: StoredRule) -> None:
    rule = stored.rule
    await conn.execute(
        "insert into earning_rule_version (merchant_id, rule_id, version, name, definition, effective_from, "
        "effective_until, enabled, created_at, created_by) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            merchant_id,
            rule.rule_id,
            rule.version,
            rule.name,
            msgspec.json.encode(definition_of(rule)).decode(),
            rule.effective_from,
            rule.effective_until,
            rule.enabled,
            stored.created_at,
            stored.created_by,
        ),
    )


async def count_rules(conn: Connection, merchant_id: int) -> int:
    cursor = await conn.execute(
        "select count(distinct rule_id) from earning_rule_version where merchant_id = %s", (merchant_id,)
    )
    row = await cursor.fetchone()
    return row[0] if row else 0


async def rule_ids(conn: Connection, merchant_id: int, after: int, limit: int) -> list[int]:
    cursor = await conn.execute(
        "select distinct rule_id from earning_rule_version where merchant_id = %s and rule_id > %s "
        "order by rule_id limit %s",
        (merchant_id, after, limit),
    )
    return [row[0] for row in await cursor.fetchall()]


async def versions(conn: Connection, merchant_id: int, rules: Sequence[int]) -> list[StoredRule]:
    """Of these rules, by rule and then newest first."""
    cursor = await conn.execute(
        f"select {_RULE}, r.created_at, r.created_by from earning_rule_version r "
        "where r.merchant_id = %s and r.rule_id = any(%s) order by r.rule_id, r.version desc",
        (merchant_id, list(rules)),
    )
    return [StoredRule(_rule(row[:-2]), row[-2], row[-1]) for row in await cursor.fetchall()]


async def save_draft(conn: Connection, merchant_id: int, draft: Draft) -> None:
    values = {**msgspec.structs.asdict(draft), "definition": msgspec.json.encode(draft.definition).decode()}
    changed = [f"{name} = excluded.{name}" for name in values if name not in ("draft_id", "created_at", "created_by")]
    await conn.execute(
        f"insert into earning_rule_draft (merchant_id, {_DRAFT}) values (%s{', %s' * len(values)}) "
        f"on conflict (merchant_id, draft_id) do update set {', '.join(changed)}",
        (merchant_id, *(values[name] for name in _DRAFT.split(", "))),
    )


async def find_draft(conn: Connection, merchant_id: int, draft_id: int) -> Draft | None:
    cursor = await conn.execute(
        f"select {_DRAFT} from earning_rule_draft where merchant_id = %s and draft_id = %s", (merchant_id, draft_id)
    )
    row = await cursor.fetchone()
    return None if row is None else _draft(row)


async def drafts(conn: Connection, merchant_id: int, state: DraftState, after: int, limit: int) -> list[Draft]:
    """In the order in which they were begun."""
    cursor = await conn.execute(
        f"select {_DRAFT} from earning_rule_draft where merchant_id = %s and state = %s and draft_id > %s "
        "order by draft_id limit %s",
        (merchant_id, state, after, limit),
    )
    return [_draft(row) for row in await cursor.fetchall()]


def _draft(row: Sequence[Any]) -> Draft:
    return msgspec.convert(dict(zip(_DRAFT.split(", "), row, strict=True)), Draft)


async def config(conn: Connection, cell_id: int) -> MerchantConfig:
    """The shelf's row, for use outside of commands."""
    shelf, results = EarningRulesShelf(), []
    for sql, params in shelf.load([(cell_id,)]):
        results.append(await (await conn.execute(sql, params)).fetchall())
    return shelf.read(results)[(cell_id,)]


async def adjustment_reasons(conn: Connection, cell_id: int, ids: Sequence[int]) -> dict[int, str]:
    if not ids:
        return {}
    cursor = await conn.execute(
        "select adjustment_id, reason from adjustment where cell_id = %s and adjustment_id = any(%s)",
        (cell_id, list(ids)),
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}


async def has_member(conn: Connection, cell_id: int, member_id: int) -> bool:
    shelf = MemberStatusShelf()
    results = []
    for sql, params in shelf.load([(cell_id, member_id)]):
        results.append(await (await conn.execute(sql, params)).fetchall())
    return (cell_id, member_id) in shelf.read(results)
