"""The whole application in this process, with its gate, and keys to it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from litestar import Litestar

from huimeng.entry.api import create_app
from huimeng.entry.context import Context
from huimeng.merchant.service import create_api_key
from huimeng.merchant.values import ApiKeyInput
from tests.conftest import Shop

_keys = itertools.count(1)


@asynccontextmanager
async def application(context: Context) -> AsyncIterator[Any]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Context]:
        yield context

    app = create_app(opened())
    inner = app
    while not isinstance(inner, Litestar):
        inner = inner._app
    async with inner.lifespan():
        yield app


async def token(context: Context, shop: Shop, *scopes: str, rate_limit: int | None = 0) -> str:
    """No scope: all of them."""
    wanted = ApiKeyInput(name="test", scopes=list(scopes or ("*",)), rate_limit=rate_limit)  # type: ignore[arg-type]
    async with context.db.tenant(shop.merchant_id) as conn:
        return (await create_api_key(conn, shop.merchant_id, wanted))[1]


def caller(app: Any, key: str) -> httpx.AsyncClient:
    """A client of that key; every write of it needs a key of its own: fresh()."""
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {key}", "Accept-Language": "en"}
    return httpx.AsyncClient(transport=transport, base_url="http://huimeng.test", headers=headers, timeout=30)


def fresh(**headers: str) -> dict[str, str]:
    return {"Idempotency-Key": f"k{next(_keys)}", **headers}
