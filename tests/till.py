"""Fixtures around a Desk, taken into the conftest of each package that needs one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from huimeng.entry.context import shelves
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.teller import Teller
from huimeng.merchant.service import merchant_keys
from tests.conftest import Shop
from tests.desk import Clock, Desk


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def desk(db: Database, vault: Vault, urls: DatabaseUrls, shop: Shop, clock: Clock) -> AsyncIterator[Desk]:
    async with db.tenant(shop.merchant_id) as conn:
        keys = await merchant_keys(conn, vault, shop.merchant_id)
    async with Teller(urls, shelves(), clock=clock) as teller:
        yield Desk(db, teller, shop, keys, clock)
