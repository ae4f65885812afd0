"""The HTTP door: Litestar behind a thin gate that authenticates and refuses what can't be queued."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
import prometheus_client
from litestar import Litestar, Response, get
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, License, SecurityScheme
from litestar.types import ASGIApp, Receive, Scope, Send
from prometheus_client import multiprocess

import huimeng.analytics.http
import huimeng.checkout.http
import huimeng.entry.docs_page
import huimeng.entry.page
import huimeng.member.http
import huimeng.merchant.http
import huimeng.points.http
from huimeng import __version__
from huimeng.checkout.service import Till
from huimeng.entry.context import Context, open_context
from huimeng.infra.http import PROBLEM, on_business_error, on_fault, on_http_exception
from huimeng.infra.processes import end_with_parent
from huimeng.infra.teller import Teller
from huimeng.kernel.errors import BusinessError, Lang, TooBusy, Unauthorized
from huimeng.merchant.authentication import Authenticator

BODY_MAX_BYTES = 4 * 1024 * 1024


@get("/healthz", include_in_schema=True, tags=["operations"], summary="存活 / The process is alive")
async def health() -> dict[str, str]:
    return {"status": "ok", "version": __version__}


@get("/readyz", tags=["operations"], summary="就绪 / The database answers")
async def ready(request: Any) -> dict[str, str]:
    await request.app.state.db.ping()
    return {"status": "ok"}


@get("/metrics", include_in_schema=False, media_type="text/plain")
async def metrics() -> Response[bytes]:
    registry = prometheus_client.CollectorRegistry()
    try:
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    except ValueError:
        # A single process without a shared folder reports its own.
        registry = prometheus_client.REGISTRY
    return Response(prometheus_client.generate_latest(registry), media_type=prometheus_client.CONTENT_TYPE_LATEST)


class Gate:
    """Outermost: a full queue and a wrong key are answered before the framework is entered."""

    def __init__(self, app: ASGIApp, state: Any) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        try:
            teller: Teller = self._state.teller
            if teller.full and scope["method"] != "GET":
                raise TooBusy()
            _check_type(scope)
            scope["principal"] = await self._state.authenticate(_token(scope))  # type: ignore[typeddict-unknown-key]
        except BusinessError as refusal:
            await _refuse(refusal, scope, send)
            return
        await self._app(scope, receive, send)


class UnsupportedMediaType(BusinessError):
    code = "unsupported_media_type"
    status = 415
    message_zh = "请求体须为 application/json"
    message_en = "The body must be application/json"


def _check_type(scope: Any) -> None:
    for name, value in scope["headers"]:
        if name == b"content-type" and not value.lower().startswith((b"application/json", b"application/merge-patch")):
            raise UnsupportedMediaType()


def _token(scope: Any) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, token = value.partition(b" ")
            if kind.lower() == b"bearer" and len(token) <= 200:
                return str(token.strip().decode("latin-1"))
    raise Unauthorized()


async def _refuse(refusal: BusinessError, scope: Any, send: Send) -> None:
    languages = [value for name, value in scope["headers"] if name == b"accept-language"]
    lang: Lang = "en" if languages and languages[0].strip().lower().startswith(b"en") else "zh"
    headers = [(b"content-type", PROBLEM.encode())]
    if refusal.status in (429, 503):
        headers.append((b"retry-after", b"1"))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": msgspec.json.encode(refusal.problem(lang)), "more_body": False})


def create_app(opened: AbstractAsyncContextManager[Context] | None = None) -> Any:
    """The ASGI application; it opens its own context unless one is given (tests)."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        if opened is None:
            end_with_parent()
        async with opened or open_context(migrate=False) as context:
            app.state.db = context.db
            app.state.teller = context.teller
            app.state.vault = context.vault
            app.state.authenticate = Authenticator(context.db)
            app.state.till = Till(context.db, context.vault.signing_key("quotes"))
            yield

    app = Litestar(
        route_handlers=[health, ready, metrics, *_routes()],
        lifespan=[lifespan],
        openapi_config=_openapi(),
        exception_handlers={
            BusinessError: on_business_error,
            HTTPException: on_http_exception,
            Exception: on_fault,
        },
        request_max_body_size=BODY_MAX_BYTES,
        debug=False,
        logging_config=None,
    )
    return Gate(app, app.state)


def _routes() -> list[Any]:
    return [
        *huimeng.entry.page.routes,
        *huimeng.entry.docs_page.routes,
        *huimeng.merchant.http.routes,
        *huimeng.member.http.routes,
        *huimeng.points.http.routes,
        *huimeng.checkout.http.routes,
        *huimeng.analytics.http.routes,
    ]


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="会盟 Huimeng API",
        version="v1",
        description=(
            "金额单位为分,编号为数字文本,时间带时区。每个写操作须带 Idempotency-Key:"
            "同键同内容得到同一答复,只记一次。\n\n"
            "Amounts are in fen (1/100 yuan), ids are digits as text, times carry an offset. Every write takes an "
            "Idempotency-Key: the same key and body get the same answer and are booked once. Errors are RFC 9457 "
            "problem details with a stable `code`."
        ),
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        path="/openapi",
        components=Components(
            security_schemes={"api_key": SecurityScheme(type="http", scheme="bearer", description="hm_…")}
        ),
        security=[{"api_key": []}],
    )
