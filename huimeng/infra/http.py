"""What all routes share: who calls, idempotency, problem details, pages."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import msgspec
import psycopg
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException

from huimeng.infra.audit import By, act_as
from huimeng.infra.database import Database
from huimeng.infra.etags import Tags, etag, known, tags_of
from huimeng.infra.idempotency import Answer, kept_answer, once
from huimeng.infra.teller import Command, Teller
from huimeng.kernel.currency import Lang
from huimeng.kernel.errors import (
    BusinessError,
    IdempotencyKeyRequired,
    InvalidInput,
    Unauthorized,
    Unavailable,
)

T = TypeVar("T")
Req = Request[Any, Any, Any]
PROBLEM = "application/problem+json"
_KEY_MAX = 200
log = logging.getLogger("huimeng.http")


class Caller(Protocol):
    """The part of a principal that routes use."""

    @property
    def merchant_id(self) -> int: ...
    @property
    def cell_id(self) -> int: ...
    @property
    def actor(self) -> str: ...
    @property
    def name(self) -> str: ...
    def require(self, scope: str) -> None: ...


class Origin(msgspec.Struct, frozen=True):
    """Where a request came from, as records keep it."""

    ip: str
    agent: str
    request_id: str


def caller(request: Req, scope: str) -> Any:
    """The principal, if its key has the scope; PermissionDenied, or Unauthorized when nobody was let in."""
    principal: Caller | None = request.scope.get("principal")  # type: ignore[assignment]
    if principal is None:
        raise Unauthorized()
    act_as(lambda: by(request, principal))
    principal.require(scope)
    return principal


def by(request: Req, principal: Caller) -> By:
    """The caller as the audit log names it."""
    where = origin(request)
    return By(principal.actor, principal.name, where.ip, where.agent, where.request_id)


def origin(request: Req) -> Origin:
    agent = "".join(c for c in request.headers.get("user-agent", "")[:200] if c.isprintable())
    ip = request.client.host if request.client is not None else ""
    return Origin(ip, agent, str(request.scope.get("request_id", "")))


def database(request: Req) -> Database:
    db: Database = request.app.state.db
    return db


def teller(request: Req) -> Teller:
    lane: Teller = request.app.state.teller
    return lane


def language(request: Req) -> Lang:
    """zh unless the client asks for English first."""
    return "en" if request.headers.get("accept-language", "").strip().lower().startswith("en") else "zh"


def idempotency_key(request: Req) -> str:
    """IdempotencyKeyRequired when there is no usable one."""
    given = request.headers.get("idempotency-key", "")
    if not 0 < len(given) <= _KEY_MAX or not (given.isascii() and given.isprintable()):
        raise IdempotencyKeyRequired()
    return str(given)


async def write_key(request: Req) -> tuple[str, bytes]:
    """(key, fingerprint of method, path and body) of a write; IdempotencyKeyRequired when there is no usable key."""
    given = idempotency_key(request)
    digest = hashlib.blake2b(f"{request.method} {request.url.path}\n".encode(), digest_size=16)
    digest.update(await request.body())
    return given, digest.digest()


def tagged(request: Req, value: Any) -> Response[Any]:
    """The value with its tag; 304 without it when the client has it already."""
    body = msgspec.json.encode(value)
    tag = etag(body, type(value))
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if known(tags_of(request.headers.get("if-none-match")), tag):
        return Response(None, status_code=304, headers=headers)
    return Response(body, media_type=MediaType.JSON, headers=headers)


def with_tag(response: Response[bytes], kind: type[Any] | None = None) -> Response[bytes]:
    """For a write that answers what reading would; kind is needed where it has fields that move by themselves."""
    response.headers["ETag"] = etag(response.content, kind)
    return response


def expected(request: Req) -> Tags | None:
    """The tags of which what is changed must have one (check_expected); None: it may have any."""
    return tags_of(request.headers.get("if-match"))


async def run_command(request: Req, command: Command | Answer) -> Response[bytes]:
    """Hands a command to the Teller; the answer's bytes are those kept for a replay."""
    if isinstance(command, Answer):
        return raw(command.body, command.status, command.replayed)
    reply = await teller(request).submit(command)
    return raw(reply.body, reply.status, reply.replayed)


async def command_or_kept(
    request: Req, principal: Any, key: tuple[str, bytes], prepare: Callable[[], Awaitable[Command]]
) -> Command | Answer:
    """The command, or, when preparing it is refused (a quote has run out meanwhile), the answer kept for its key."""
    try:
        return await prepare()
    except BusinessError:
        async with database(request).tenant(principal.merchant_id) as conn:
            kept = await kept_answer(conn, principal.cell_id, *key)
        if kept is None:
            raise
        return kept


async def run_write(
    request: Req, principal: Any, produce: Callable[[Any], Awaitable[Any]], status: int = 200
) -> Response[bytes]:
    """Runs produce(conn) -> Struct once for the request's idempotency key, in one transaction with the kept answer."""
    key, fingerprint = await write_key(request)
    async with database(request).tenant(principal.merchant_id) as conn:

        async def answer() -> tuple[int, bytes]:
            return status, msgspec.json.encode(await produce(conn))

        kept = await once(conn, principal.cell_id, key, fingerprint, answer)
    return raw(kept.body, kept.status, kept.replayed)


async def strict(request: Req, kind: type[T]) -> T:
    """The body once more, without the framework's leniency: an amount is a number, not the text of one."""
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.ValidationError as error:
        raise InvalidInput("body", str(error)[:300], _WRONG_ZH) from error


def raw(body: bytes, status: int = 200, replayed: bool = False) -> Response[bytes]:
    headers = {"Idempotent-Replayed": "true"} if replayed else {}
    return Response(body, status_code=status, media_type=MediaType.JSON, headers=headers)


def parse_id(text: str, field: str = "id") -> int:
    """An entity id out of its text; InvalidInput when it can't be one."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or int(text) >= 2**63:
        raise InvalidInput(field, "digits as text, as the API gave them", "应为接口返回的数字编号")
    return int(text)


def cursor_id(text: str | None) -> int | None:
    return None if text is None else parse_id(text, "cursor")


def problem(error: BusinessError, lang: Lang, **more: str) -> Response[bytes]:
    """more: headers."""
    headers = {"Content-Language": "en" if lang == "en" else "zh-CN", **more}
    if error.status in (429, 503):
        headers["Retry-After"] = str(error.fields.get("retry_after", 1))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = msgspec.json.encode(error.problem(lang))
    return Response(body, status_code=error.status, media_type=PROBLEM, headers=headers)


class _Refused(BusinessError):
    """A refusal of the framework (no such route, wrong method, too large), in our shape."""

    def __init__(self, code: str, status: int, zh: str, en: str) -> None:
        super().__init__()
        self.code = code  # type: ignore[misc]
        self.status = status  # type: ignore[misc]
        self.message_zh = zh.replace("{", "{{").replace("}", "}}")  # type: ignore[misc]
        self.message_en = en.replace("{", "{{").replace("}", "}}")  # type: ignore[misc]


_REFUSALS = {
    404: ("no_such_route", "没有这个地址", "There is no such address"),
    405: ("method_not_allowed", "此地址不支持该方法", "This address does not take that method"),
    413: ("body_too_large", "请求体过大", "The request body is too large"),
}


# Names of handlers' arguments that callers don't know.
_FIELDS = {"data": "body", "first": "from", "last": "to", "since": "from", "until": "to", "key": "Idempotency-Key"}
# The framework's words for a body that isn't there.
_NO_BODY = "'data'"
_WRONG_ZH = "格式或取值不符合接口要求"


def on_business_error(request: Req, error: Exception) -> Response[bytes]:
    assert isinstance(error, BusinessError)
    return problem(error, language(request))


def on_http_exception(request: Req, error: Exception) -> Response[bytes]:
    assert isinstance(error, HTTPException)
    lang = language(request)
    if isinstance(error, ValidationException) or error.status_code == 400:
        return problem(_invalid(error), lang)
    if error.status_code >= 500:
        return on_fault(request, error)
    code, zh, en = _REFUSALS.get(error.status_code, ("refused", "请求被拒绝", "The request was refused"))
    allow = (error.headers or {}).get("allow")
    more = {} if allow is None else {"Allow": ", ".join(sorted(allow.split(", ")))}
    return problem(_Refused(code, error.status_code, zh, en), lang, **more)


def _invalid(error: HTTPException) -> InvalidInput:
    extra = error.extra if isinstance(error.extra, list) else []
    if extra and isinstance(extra[0], dict):
        first = extra[0]
        field, reason = str(first.get("key") or "body"), str(first.get("message", "not valid"))
        if reason == _NO_BODY:
            return _no_body()
        return InvalidInput(_FIELDS.get(field, field)[:100], reason[:300], _WRONG_ZH)
    if str(error.detail) == _NO_BODY:
        return _no_body()
    return InvalidInput("body", str(error.detail)[:300], _WRONG_ZH)


def _no_body() -> InvalidInput:
    return InvalidInput("body", "a body is missing", "缺少请求体")


def on_fault(request: Req, error: Exception) -> Response[bytes]:
    """Anything unexpected: logged with its traceback, answered without its text."""
    if isinstance(error, psycopg.OperationalError):
        return problem(Unavailable(), language(request))
    if isinstance(error, RecursionError):
        return problem(InvalidInput("body", "nested too deeply", "嵌套过深"), language(request))
    if isinstance(error, UnicodeError):
        return problem(InvalidInput("body", "not UTF-8", "不是 UTF-8 编码"), language(request))
    # The route and not the address: that may hold whose request it was.
    log.error("fault in %s %s", request.method, request.scope.get("path_template") or "-", exc_info=error)
    fault = _Refused("internal_error", 500, "系统出错，已记录", "Something went wrong on our side; it is logged")
    return problem(fault, language(request))
