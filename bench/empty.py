"""The floor of the HTTP path: a handler that reads the same body and answers nothing."""

from __future__ import annotations

from litestar import Litestar, get, post

from bench.load import LINES
from huimeng.infra.http import Req, raw

_ANSWER = b'{"order_id":"1025024","lines":' + str(len(LINES)).encode() + b"}"


@get("/healthz")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@post("/v1/orders", status_code=201)
async def complete_order(request: Req) -> dict[str, str]:
    await request.body()
    return raw(_ANSWER, 201)  # type: ignore[return-value]


def create_app() -> Litestar:
    return Litestar(route_handlers=[health, complete_order], openapi_config=None, logging_config=None)
