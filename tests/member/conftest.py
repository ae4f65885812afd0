"""A merchant with its keys, and a Teller that knows members."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest

from huimeng.infra.crypto import MerchantKeys, Vault
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.teller import Teller
from huimeng.kernel.ids import cell_of
from huimeng.member import service
from huimeng.member.store import SHELVES
from huimeng.member.values import IdentityInput, MemberInput, MemberView
from huimeng.merchant import service as merchant_service
from huimeng.merchant.values import MerchantInput

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


@pytest.fixture
async def shop_id(db: Database, vault: Vault) -> int:
    wanted = MerchantInput(code=f"m-{uuid.uuid4().hex[:12]}", name="老王烧烤")
    return (await merchant_service.create_merchant(db, vault, wanted)).merchant_id


@pytest.fixture
def cell(shop_id: int) -> int:
    return cell_of(shop_id)


@pytest.fixture
async def keys(db: Database, vault: Vault, shop_id: int) -> MerchantKeys:
    async with db.tenant(shop_id) as conn:
        return await merchant_service.merchant_keys(conn, vault, shop_id)


@pytest.fixture
async def teller(urls: DatabaseUrls) -> AsyncIterator[Teller]:
    async with Teller(urls, SHELVES, clock=lambda: NOW) as lane:
        yield lane


Join = Callable[..., Awaitable[MemberView]]


@pytest.fixture
def join(teller: Teller, cell: int, keys: MerchantKeys) -> Join:
    """join(phone, name=..., **fields of MemberInput)"""

    async def run(phone: str, **fields: object) -> MemberView:
        given = {"identities": [IdentityInput("phone", phone)], **fields}
        command = service.join_member(cell, keys, MemberInput(**given), now=NOW)  # type: ignore[arg-type]
        return (await teller.submit(command)).value  # type: ignore[no-any-return]

    return run
