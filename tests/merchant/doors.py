"""A small application of some routes, with the gate's part of it: the principal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Receive, Scope, Send

from huimeng.infra.http import on_business_error, on_fault, on_http_exception
from huimeng.kernel.errors import BusinessError


@asynccontextmanager
async def served(routes: list[Any], principal: Any, **state: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose every request comes from this principal."""
    app = Litestar(
        routes,
        state=State(state),
        exception_handlers={
            BusinessError: on_business_error,
            HTTPException: on_http_exception,
            Exception: on_fault,
        },
        logging_config=None,
    )
    transport = httpx.ASGITransport(app=_as(principal, app))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://huimeng") as client:
        yield client


def _as(principal: Any, app: ASGIApp) -> ASGIApp:
    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        scope["principal"] = principal  # type: ignore[typeddict-unknown-key]
        await app(scope, receive, send)

    return gate
