"""The HTTP door: Litestar behind a thin gate that authenticates and refuses what can't be queued."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
from litestar import Litestar, Response, get
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.handlers import route
from litestar.types import ASGIApp, Receive, Scope, Send
from prometheus_client import CONTENT_TYPE_LATEST

import huimeng.analytics.http
import huimeng.checkout.http
import huimeng.entry.docs
import huimeng.infra.audit.http
import huimeng.member.http
import huimeng.merchant.http
import huimeng.points.http
import huimeng.porting.http
from huimeng import __version__
from huimeng.checkout.service import Till
from huimeng.entry import openapi, queries
from huimeng.entry.console import Pages, load_bundle
from huimeng.entry.context import Context, open_context
from huimeng.entry.front import Front
from huimeng.infra.doorway import BODY_MAX
from huimeng.infra.http import PROBLEM, Req, on_business_error, on_fault, on_http_exception
from huimeng.infra.logs import configure_logging
from huimeng.infra.processes import end_with_parent
from huimeng.infra.rate import Rate, share_headers, with_share
from huimeng.infra.scrape import Checks
from huimeng.infra.teller import Teller
from huimeng.infra.tracing import start_tracing
from huimeng.infra.watch import Watch
from huimeng.kernel.currency import Lang
from huimeng.kernel.errors import BusinessError, RateLimited, TooBusy, Unavailable
from huimeng.merchant.authentication import Doorman
from huimeng.merchant.service.sessions import LogIns
from huimeng.porting.store.uploads import Uploads

# New objects, and turns of a generation before the next one's: hundreds of requests are under way, and end without it.
_COLLECT = (20_000, 20, 100)
# The framework adds the charset to every text.
_PAGE = CONTENT_TYPE_LATEST.removesuffix("; charset=utf-8")


@route("/healthz", http_method=["GET", "HEAD"], tags=["operations"], summary="存活 / The process is alive")
async def health() -> dict[str, str]:
    return {"status": "ok", "version": __version__}


@route("/readyz", http_method=["GET", "HEAD"], tags=["operations"], summary="就绪 / The database answers")
async def ready(request: Req) -> dict[str, str]:
    checks: Checks = request.app.state.checks
    if not await checks.ready():
        raise Unavailable()
    return {"status": "ok"}


@get("/metrics", include_in_schema=False, media_type="text/plain")
async def metrics(request: Req) -> Response[bytes]:
    checks: Checks = request.app.state.checks
    return Response(await checks.page(), media_type=_PAGE)


class Gate:
    """A full queue and a wrong key are answered before the framework is entered; the console goes its own way."""

    def __init__(self, app: ASGIApp, others: ASGIApp, state: Any) -> None:
        """others: what is no API; it hands on to app what isn't the console's either."""
        self._app = app
        self._others = others
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and not _is_plain(scope["path"]):
            await _refuse(NoSuchRoute(), scope, send)
            return
        if scope["type"] != ScopeType.HTTP or not scope["path"].startswith("/v1/"):
            await self._others(scope, receive, send)
            return
        try:
            teller: Teller = self._state.teller
            if teller.full and scope["method"] != "GET":
                raise TooBusy()
            _check_type(scope)
            if query := scope["query_string"]:
                queries.check_text(query)
            doorman: Doorman = self._state.authenticate
            called = scope["method"], scope["path"], scope["headers"]
            scope["principal"] = await doorman.authenticate_request(*called)  # type: ignore[typeddict-unknown-key]
            send = self._count(scope, send)
        except BusinessError as refusal:
            await _refuse(refusal, scope, send)
            return
        await self._app(scope, receive, send)

    def _count(self, scope: Any, send: Any) -> Any:
        """One request of the caller's share; RateLimited. The answer's headers say what is left."""
        principal = scope.get("principal")
        if principal is None:
            return send
        verdict = self._state.rate.take(f"{principal.merchant_id}:{principal.actor}", principal.rate_limit)
        if verdict is None:
            return send
        if not verdict.allowed:
            raise RateLimited(retry_after=verdict.retry_after, limit=verdict.limit)
        return with_share(send, verdict)


class NoSuchRoute(BusinessError):
    code = "no_such_route"
    status = 404
    message_zh = "没有这个地址"
    message_en = "There is no such address"


def _is_plain(path: str) -> bool:
    """The framework takes //v1 and v1 for /v1: what it takes for a route must be what was looked at here.

    No code or id holds a control character, and the database can't even be asked for one.
    """
    return path.startswith("/") and "//" not in path and path.isprintable()


class UnsupportedMediaType(BusinessError):
    code = "unsupported_media_type"
    status = 415
    message_zh = "请求体须为 application/json"
    message_en = "The body must be application/json"


class ContentCodingUnsupported(BusinessError):
    code = "content_coding_unsupported"
    status = 415
    message_zh = "请求体不能压缩，请去掉 Content-Encoding，按原样发送"
    message_en = "The body must not be compressed; leave Content-Encoding out and send it as it is"


_JSON = frozenset({b"application/json", b"application/merge-patch+json"})


def _check_type(scope: Any) -> None:
    for name, value in scope["headers"]:
        if name == b"content-type":
            # A file is of whatever kind; its route looks.
            if value.partition(b";")[0].strip().lower() not in _JSON and scope["path"] != "/v1/imports":
                raise UnsupportedMediaType()
        elif name == b"content-encoding" and value.strip().lower() != b"identity":
            # What it would be unpacked has no bound.
            raise ContentCodingUnsupported()


async def _refuse(refusal: BusinessError, scope: Any, send: Send) -> None:
    languages = [value for name, value in scope["headers"] if name == b"accept-language"]
    lang: Lang = "en" if languages and languages[0].strip().lower().startswith(b"en") else "zh"
    body = msgspec.json.encode(refusal.problem(lang))
    # Without its length it would go in chunks, which no HTTP/1.0 client understands.
    headers = [(b"content-type", PROBLEM.encode()), (b"content-length", str(len(body)).encode())]
    if refusal.status in (429, 503):
        headers.append((b"retry-after", str(refusal.fields.get("retry_after", 1)).encode()))
    if isinstance(refusal, RateLimited):
        headers += share_headers(refusal.fields["limit"], 0, refusal.fields["retry_after"])
    if isinstance(refusal, ContentCodingUnsupported):
        headers.append((b"accept-encoding", b"identity"))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def create_app(opened: AbstractAsyncContextManager[Context] | None = None) -> Any:
    """The ASGI application; it opens its own context unless one is given (tests)."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        end_tracing = None
        if opened is None:
            end_with_parent()
            configure_logging()
            end_tracing = start_tracing("web")
        async with opened or open_context(migrate=False) as context:
            app.state.db = context.db
            app.state.settings = context.settings
            app.state.checks = Checks(context.db, context.settings.data_dir)
            app.state.teller = context.teller
            app.state.vault = context.vault
            app.state.rate = Rate(context.settings.data_dir / "rate.counts")
            app.state.uploads = Uploads(context.settings.data_dir / "import")
            app.state.authenticate = Doorman(context.db, secure=context.settings.secure)
            app.state.logins = LogIns(context.db, context.vault)
            app.state.till = Till(context.db, context.vault.signing_key("quotes"))
            # What is here now stays: the collector need not walk over it again and again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_COLLECT)
            yield
        if end_tracing is not None:
            end_tracing()

    app = Litestar(
        route_handlers=[health, ready, metrics, *_routes()],
        lifespan=[lifespan],
        openapi_config=openapi.config(),
        exception_handlers={
            BusinessError: on_business_error,
            HTTPException: on_http_exception,
            Exception: on_fault,
        },
        before_request=queries.refuse_unknown,
        request_max_body_size=BODY_MAX,
        debug=False,
        logging_config=None,
    )
    openapi.complete(app)
    app.state.parameters = queries.known_parameters(app.openapi_schema)
    return Front(Watch(Gate(app, Pages(app, load_bundle()), app.state)), app.state)


def _routes() -> list[Any]:
    return [
        *huimeng.entry.docs.routes,
        *huimeng.merchant.http.routes,
        *huimeng.member.http.routes,
        *huimeng.points.http.routes,
        *huimeng.checkout.http.routes,
        *huimeng.porting.http.routes,
        *huimeng.analytics.http.routes,
        *huimeng.infra.audit.http.routes,
    ]
