"""The rule book in the database: versions, what commands see of them, isolation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import psycopg
import pytest

from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database
from huimeng.infra.teller import Command, Needs, Rows, Teller
from huimeng.kernel.errors import InvalidInput
from huimeng.ledger.rules import Expiry
from huimeng.points import service
from huimeng.points.commands import EARN_CAP, EARNING_RULES, EarnCap
from huimeng.points.errors import EarningRuleChanged, EarningRuleNotFound
from huimeng.points.rules import Definition
from huimeng.points.service import RuleInput
from tests.conftest import Shop, make_shop

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACTOR = "key:1"


def basic(name: str = "消费积分", rate_e4: int = 10_000, **given: object) -> RuleInput:
    definition = Definition(rate_e4=rate_e4, expiry=Expiry("after", 24, "month", "month"))
    return RuleInput(name=name, definition=definition, **given)  # type: ignore[arg-type]


class Look(Command):
    """Reads the configuration as commands see it, and counts one on a cap."""

    def __init__(self, cell_id: int) -> None:
        self.cell_id = cell_id
        self.cap = (cell_id, 1024, 2048, "d2026-03-01")

    def needs(self) -> Needs:
        return [(EARNING_RULES, (self.cell_id,)), (EARN_CAP, self.cap)]

    def decide(self, rows: Rows) -> list[object]:
        config = rows.get(EARNING_RULES, (self.cell_id,))
        if rows.get(EARN_CAP, self.cap) is None:
            rows.put(EARN_CAP, self.cap, EarnCap(0))
        counter = rows.edit(EARN_CAP, self.cap)
        counter.amount += 1
        versions = [list(pair) for pair in config.rules.in_force(NOW).versions]
        stores = [[number, store.timezone] for number, store in config.stores.items()]
        return [versions, stores, counter.amount]


async def test_a_change_is_a_new_version_that_commands_see_at_once(db: Database, teller: Teller, shop: Shop) -> None:
    async def look() -> list[object]:
        found: list[object] = (await teller.submit(Look(shop.cell_id))).value
        return found

    stores = [[shop.store.store_id, "Asia/Shanghai"]]
    assert await look() == [[], stores, 1]
    async with db.tenant(shop.merchant_id) as conn:
        made = await service.create_rule(conn, shop.merchant_id, basic(), actor=ACTOR, now=NOW)
    rule_id = made.current.rule.rule_id
    assert (made.state, made.current.rule.version) == ("in_force", 1)
    assert await look() == [[[rule_id, 1]], stores, 2]
    async with db.tenant(shop.merchant_id) as conn:
        later = basic(rate_e4=20_000, effective_from=NOW + timedelta(days=1))
        told = await service.change_rule(conn, shop.merchant_id, rule_id, later, actor=ACTOR, now=NOW)
        assert [stored.rule.version for stored in told.versions] == [2, 1]
        assert told.current.rule.version == 1
        with pytest.raises(EarningRuleChanged):
            await service.change_rule(
                conn, shop.merchant_id, rule_id, basic(), actor=ACTOR, now=NOW, expected_version=1
            )
    assert await look() == [[[rule_id, 1]], stores, 3]
    async with db.tenant(shop.merchant_id) as conn:
        earlier = basic(rate_e4=20_000, effective_from=NOW - timedelta(days=365))
        await service.change_rule(conn, shop.merchant_id, rule_id, earlier, actor=ACTOR, now=NOW)
    assert await look() == [[[rule_id, 3]], stores, 4]
    async with db.tenant(shop.merchant_id) as conn:
        off = await service.disable_rule(conn, shop.merchant_id, rule_id, actor=ACTOR, now=NOW)
        again = await service.disable_rule(conn, shop.merchant_id, rule_id, actor=ACTOR, now=NOW)
    assert off.state == again.state == "disabled"
    assert len(again.versions) == 4
    assert await look() == [[], stores, 5]


async def test_rules_are_kept_as_written(db: Database, shop: Shop) -> None:
    wanted = RuleInput(
        name="  周末双倍 ",
        definition=Definition(
            kind="multiplier",
            multiplier_bps=20_000,
            stores=(shop.store.store_id,),
            weekdays=(6, 7),
            date_from=NOW.date(),
            tenders=("cash",),
            cap_per_day=500,
        ),
        effective_until=NOW + timedelta(days=30),
    )
    async with db.tenant(shop.merchant_id) as conn:
        made = await service.create_rule(conn, shop.merchant_id, wanted, actor=ACTOR, now=NOW)
        read = await service.get_rule(conn, shop.merchant_id, made.current.rule.rule_id, now=NOW)
        config = await service.merchant_config(conn, shop.merchant_id)
        listed = await service.list_rules(conn, shop.merchant_id, now=NOW)
    assert read == made and listed == [made]
    assert made.current.rule.name == "周末双倍"
    assert made.current.rule == next(iter(config.rules.in_force(NOW)))
    assert config.stores[shop.store.store_id] == shop.store
    assert service.state_of(made.current.rule, NOW + timedelta(days=30)) == "ended"
    assert service.state_of(made.current.rule, NOW - timedelta(days=1)) == "scheduled"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"effective_until": NOW}, "effective_until"),
        ({"effective_from": datetime(2026, 1, 1)}, "effective_from"),  # noqa: DTZ001
        ({"definition": Definition(rate_e4=1, stores=(99,))}, "stores"),
        ({"definition": Definition(rate_e4=1, regions=("nowhere",))}, "regions"),
        ({"definition": Definition(rate_e4=0)}, "points_per_yuan"),
    ],
)
async def test_a_wrong_rule_names_its_field(db: Database, shop: Shop, given: dict[str, object], field: str) -> None:
    wanted = msgspec.structs.replace(basic(), **given)
    async with db.tenant(shop.merchant_id) as conn:
        with pytest.raises(InvalidInput) as refused:
            await service.create_rule(conn, shop.merchant_id, wanted, actor=ACTOR, now=NOW)
    assert refused.value.fields["field"] == field


async def test_unit_and_kind_stay(db: Database, shop: Shop) -> None:
    async with db.tenant(shop.merchant_id) as conn:
        made = await service.create_rule(conn, shop.merchant_id, basic(), actor=ACTOR, now=NOW)
        growth = RuleInput(name="成长值", definition=Definition(unit=2, rate_e4=1))
        with pytest.raises(InvalidInput):
            await service.change_rule(conn, shop.merchant_id, made.current.rule.rule_id, growth, actor=ACTOR, now=NOW)


async def test_other_merchants_do_not_see_it(db: Database, vault: Vault, teller: Teller, shop: Shop) -> None:
    other = await make_shop(db, vault)
    async with db.tenant(shop.merchant_id) as conn:
        made = await service.create_rule(conn, shop.merchant_id, basic(), actor=ACTOR, now=NOW)
    rule_id = made.current.rule.rule_id
    async with db.tenant(other.merchant_id) as conn:
        assert await service.list_rules(conn, other.merchant_id, now=NOW) == []
        with pytest.raises(EarningRuleNotFound):
            await service.get_rule(conn, other.merchant_id, rule_id, now=NOW)
        # Also when the filter is forgotten, or names somebody else.
        assert await service.list_rules(conn, shop.merchant_id, now=NOW) == []
    assert (await teller.submit(Look(other.cell_id))).value[0] == []


@pytest.mark.parametrize("statement", ["update {} set name = name", "delete from {}"])
async def test_a_version_can_not_be_rewritten(db: Database, shop: Shop, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.tenant(shop.merchant_id) as conn:
            await conn.execute(statement.format("earning_rule_version"))
