"""A shop with members, and the routes of points behind a caller who may do everything."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest
from litestar import Litestar
from litestar.exceptions import HTTPException

from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database
from huimeng.infra.http import on_business_error, on_fault, on_http_exception
from huimeng.infra.teller import Teller
from huimeng.kernel.errors import BusinessError
from huimeng.member.service import join_member
from huimeng.member.values import IdentityInput, MemberInput
from huimeng.merchant.authentication import Principal
from huimeng.merchant.service import merchant_keys
from huimeng.points.http import routes
from tests.conftest import Shop

NOW = datetime(2026, 3, 4, 4, tzinfo=UTC)
_phones = itertools.count(13800000000)

Join = Callable[[], Awaitable[int]]


@pytest.fixture
async def join(db: Database, vault: Vault, teller: Teller, shop: Shop) -> Join:
    """A new member's id."""
    async with db.tenant(shop.merchant_id) as conn:
        keys = await merchant_keys(conn, vault, shop.merchant_id)

    async def run() -> int:
        given = MemberInput(identities=[IdentityInput("phone", str(next(_phones)))])
        reply = await teller.submit(join_member(shop.cell_id, keys, given, now=NOW))
        return int(reply.value.member_id)

    return run


@pytest.fixture
async def client(db: Database, teller: Teller, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    app = Litestar(
        route_handlers=routes,
        exception_handlers={
            BusinessError: on_business_error,
            HTTPException: on_http_exception,
            Exception: on_fault,
        },
    )
    app.state.db = db
    app.state.teller = teller

    async def called(scope, receive, send):  # type: ignore[no-untyped-def]
        scope["principal"] = Principal(shop.merchant_id, shop.cell_id, frozenset("*"), "key:1", 1)
        await app(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=called), base_url="http://test") as opened:
        yield opened
