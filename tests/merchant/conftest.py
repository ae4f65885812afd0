"""Merchants of a test's own."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

import pytest

from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database
from huimeng.merchant import service
from huimeng.merchant.values import Merchant, MerchantInput

NewMerchant = Callable[..., Awaitable[Merchant]]


@pytest.fixture
def new_merchant(db: Database, vault: Vault) -> NewMerchant:
    async def make(**fields: object) -> Merchant:
        given = {"code": f"m-{uuid.uuid4().hex[:12]}", "name": "老王烧烤", **fields}
        return await service.create_merchant(db, vault, MerchantInput(**given))  # type: ignore[arg-type]

    return make


@pytest.fixture
async def shop(new_merchant: NewMerchant) -> Merchant:
    return await new_merchant()
