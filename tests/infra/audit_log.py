"""A log with sealed days to be damaged as the database's owner, and what is found then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from psycopg import AsyncConnection

from huimeng.infra.audit import By, record
from huimeng.infra.audit.sealing import seal_days
from huimeng.infra.audit.verifying import Finding, verify
from huimeng.infra.audit.witness import Witness
from huimeng.infra.database import DatabaseUrls, tenant_setting
from tests.desk import Desk

ANNA = By("staff:7", "安娜", "10.0.0.9", "curl/8", "r-1")
Damage = Callable[..., Awaitable[int]]
MONDAY = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)
TODAY = date(2026, 3, 7)


async def write(desk: Desk, at: datetime | None = None, count: int = 1) -> None:
    """Entries of a moment; None is now."""
    for number in range(count):
        async with desk.db.tenant(desk.shop.merchant_id) as conn:
            what = ("store", number)
            if at is None:
                await record(conn, desk.shop.cell_id, "store.changed", what, before={"n": 1}, after={"n": 2}, by=ANNA)
            else:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr("huimeng.infra.audit.recording.utc_now", lambda: at)
                    await record(conn, desk.shop.cell_id, "store.changed", what, after={"n": 2}, by=ANNA)


async def found_in(desk: Desk, witness: Witness | None = None, today: date = TODAY) -> list[Finding]:
    return await verify(desk.db, desk.shop.merchant_id, witness=witness, today=today)


async def checks(desk: Desk, witness: Witness | None = None, today: date = TODAY) -> list[str]:
    return sorted({each.check for each in await found_in(desk, witness, today)})


@pytest.fixture
def damage(desk: Desk, urls: DatabaseUrls) -> Damage:
    """Runs a statement as the owner; the answer is the rows it touched. {cell} stands for the cell."""

    async def run(statement: str, *params: Any) -> int:
        async with await AsyncConnection.connect(urls.owner) as conn:
            await conn.execute(tenant_setting([desk.shop.merchant_id]))
            return (await conn.execute(statement.replace("{cell}", str(desk.shop.cell_id)), params)).rowcount

    return run


@pytest.fixture
async def log(desk: Desk, damage: Damage) -> Desk:
    """Three sealed days and an open one: 1-4, 5-7, 8-9, then 10-12. It is TODAY, the day after."""
    await damage("delete from audit_entry where cell_id = {cell}")
    await damage("update cell_head set audit_seq = 0 where cell_id = {cell}")
    for day, count in ((0, 4), (1, 3), (3, 2), (4, 3)):
        await write(desk, MONDAY + timedelta(days=day), count)
    assert len(await seal_days(desk.db, desk.shop.merchant_id, date(2026, 3, 6))) == 3
    assert await found_in(desk) == []
    return desk
