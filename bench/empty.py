"""The floors of the HTTP path: a handler that reads the same body and answers nothing, and one that only refuses."""

from __future__ import annotations

from typing import Any

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


def create_refusing() -> Any:
    """Below any framework: all that is left to save is the server itself."""
    body = b'{"code":"too_busy","status":429}'
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", b"1"),
    ]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        status = 200 if scope["path"] == "/healthz" else 429
        await send({"type": "http.response.start", "status": status, "headers": [*headers]})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return app
