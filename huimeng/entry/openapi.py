"""The OpenAPI document: what the routes say themselves, and what holds for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import (
    Components,
    Example,
    License,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.openapi.spec.base import BaseSchemaObject
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.types import Method

from huimeng.infra.http import PROBLEM
from huimeng.kernel.errors import BusinessError
from huimeng.merchant.authentication import PLAIN_COOKIE
from huimeng.porting.schemas import ImportRequest

# Where the handler's name does not say what it is about when it stands alone, as it does in a client.
_NAMES = {
    "read_merchant": "get_merchant",
    "read_stores": "list_stores",
    "add_store": "create_store",
    "read_regions": "list_regions",
    "add_region": "create_region",
    "read_api_keys": "list_api_keys",
    "add_api_key": "create_api_key",
    "read_session": "get_session",
    "read_staff": "list_staff",
    "add_staff": "create_staff",
    "reset_password": "reset_staff_password",
    "unlock": "unlock_staff",
    "read_sessions": "list_staff_sessions",
    "revoke_sessions": "revoke_staff_sessions",
    "read_permissions": "list_permissions",
    "join": "join_member",
    "search": "search_members",
    "read": "get_member",
    "change": "change_member",
    "reveal": "reveal_member",
    "list_identities": "list_member_identities",
    "add_identity": "add_member_identity",
    "change_identity": "change_member_identity",
    "remove_identity": "remove_member_identity",
    "list_rules": "list_earning_rules",
    "create_rule": "create_earning_rule",
    "read_rule": "get_earning_rule",
    "change_rule": "change_earning_rule",
    "disable_rule": "disable_earning_rule",
    "try_rules": "try_earning_rules",
    "list_drafts": "list_rule_drafts",
    "create_draft": "create_rule_draft",
    "get_draft": "get_rule_draft",
    "change_draft": "change_rule_draft",
    "publish_draft": "publish_rule_draft",
    "discard_draft": "discard_rule_draft",
    "read_balance": "get_points_balance",
    "read_lots": "list_point_lots",
    "read_history": "list_point_history",
    "adjust": "adjust_points",
    "read_orders": "list_orders",
    "read_order": "get_order",
    "read_audit": "list_audit_entries",
    "health": "get_health",
    "ready": "get_readiness",
}
# Nobody has to have logged in.
_OPEN = frozenset({"get_health", "get_readiness", "log_in"})
# They write nothing, or nothing that could be written twice.
_NO_KEY = frozenset(
    {
        "search_members",
        "quote_order",
        "quote_refund",
        "try_earning_rules",
        "reveal_member",
        "log_in",
        "log_out",
        "change_password",
    }
)
_TAGGED = frozenset(
    {
        "get_merchant",
        "list_stores",
        "get_store",
        "get_region",
        "get_api_key",
        "get_staff",
        "get_member",
        "get_order",
        "list_earning_rules",
        "get_earning_rule",
        "get_rule_draft",
    }
)
_WORDS = {
    304: "与客户端已有的相同 / the client has it already (If-None-Match)",
    400: "请求有误 / something in the request is wrong",
    401: "未登录或密钥无效 / no valid key or session",
    403: "没有权限 / not permitted",
    404: "不存在 / there is no such thing",
    408: "请求在 10 秒内没有传完 / the request took longer than 10 seconds to arrive",
    409: "与现状冲突 / conflicts with what is there",
    410: "已不存在 / gone",
    412: "已被他人修改 / changed meanwhile (If-Match)",
    413: "请求体过大 / too large",
    415: "请求体类型不支持 / the body is of the wrong kind",
    422: "不能照办 / understood, but refused",
    429: "请求过多，Retry-After 秒后重试 / too many; again after Retry-After seconds",
    431: "请求头过大 / the head is too large",
    501: "不支持的传输编码 / a transfer coding other than chunked",
    503: "暂时不可用，Retry-After 秒后重试 / not available; again after Retry-After seconds",
    507: "磁盘空间不足 / no room on the disk",
}
_ERRORS = re.compile(r"Errors: ([^.]*)\.")
_PROBLEM = "Problem"
# What is answered as it was kept, or as it would be refused: the schema of each such field.
_SHAPES = {("BatchItemOut", "result"): "CompletedOut", ("BatchItemOut", "problem"): _PROBLEM}
_TEXT = Schema(type=OpenAPIType.STRING)
_NUMBER = Schema(type=OpenAPIType.INTEGER)


def config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="会盟 Huimeng API",
        version="v1",
        description=(
            "金额单位为分，编号为数字文本，时间带时区。会记下东西的操作须带 Idempotency-Key（登录、退出、改密码除外）："
            "同键同内容得到同一答复，只记一次。\n\n"
            "Amounts are in fen (1/100 of the unit of the merchant's currency), ids are digits as text, times carry "
            "an offset. What writes takes an Idempotency-Key, but logging in and out and changing one's password: the "
            "same key and body get the same answer and are "
            "booked once. Errors are RFC 9457 problem details with a stable `code`."
        ),
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        path="/openapi",
        components=Components(
            security_schemes={
                "api_key": SecurityScheme(type="http", scheme="bearer", description="hm_…"),
                "session": SecurityScheme(
                    type="apiKey",
                    security_scheme_in="cookie",
                    name=PLAIN_COOKIE,
                    description="POST /v1/session 设置；写操作还须带 X-CSRF-Token。"
                    "Set by POST /v1/session, over TLS as "
                    "__Host-huimeng; whatever changes something needs X-CSRF-Token too.",
                ),
            }
        ),
        security=[{"api_key": []}, {"session": []}],
        operation_id_creator=_operation_id,
    )


def _operation_id(handler: HTTPRouteHandler, method: Method, path: list[Any]) -> str:
    name = _NAMES.get(handler.handler_name, handler.handler_name)
    return name if method != "HEAD" else f"head_{name}"


def complete(app: Litestar) -> None:
    """Writes into the application's document what every operation has: who may call, headers, refusals."""
    document = app.openapi_schema
    assert document.components is not None and document.paths is not None
    document.components.schemas = {**(document.components.schemas or {}), _PROBLEM: _problem()}
    _mend(document)
    for (of, field), shape in _SHAPES.items():
        properties = document.components.schemas[of].properties
        assert properties is not None and field in properties
        properties[field] = Schema(one_of=[_reference(shape), Schema(type=OpenAPIType.NULL)])
    statuses = _statuses()
    for path, item in document.paths.items():
        # It is asked for by those who watch, not by clients.
        item.head = None
        for method in ("get", "post", "put", "patch", "delete"):
            operation: Operation | None = getattr(item, method)
            if operation is not None:
                _complete(method, path, operation, statuses)


class _Literal(BaseSchemaObject):
    """A value that is written as it is: the framework leaves every null out of what it takes for its own."""

    def __init__(self, value: Any) -> None:
        self._value = msgspec.to_builtins(value)

    def to_schema(self) -> Any:
        return self._value


def _mend(document: BaseSchemaObject) -> None:
    """Examples keep their nulls; of tuple[X, ...] the framework takes the dots for a type too, that of anything."""
    for node in _objects(document):
        if isinstance(node, OpenAPIMediaType) and node.examples is not None:
            # Copies: several answers show one example.
            node.examples = {
                name: replace(example, value=_Literal(example.value)) if isinstance(example, Example) else example
                for name, example in node.examples.items()
            }
        elif isinstance(node, Schema):
            if node.examples is not None:
                node.examples = [_Literal(value) for value in node.examples]
            if isinstance(node.items, Schema) and node.items.one_of is not None:
                kinds = [each for each in node.items.one_of if each.to_schema()]
                node.items = kinds[0] if len(kinds) == 1 else Schema(one_of=kinds)


def _objects(value: Any) -> Iterator[BaseSchemaObject]:
    """All that a part of the document is made of, from the inside out."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _objects(each)
    elif isinstance(value, BaseSchemaObject) and not isinstance(value, _Literal):
        for field in fields(value):
            yield from _objects(getattr(value, field.name))
        yield value


def _complete(method: str, path: str, operation: Operation, statuses: dict[str, int]) -> None:
    name = operation.operation_id or ""
    if name in _OPEN:
        operation.security = [{}]
    if not path.startswith("/v1/"):
        refusals = {str(status): _refusal(status) for status in (400, 408, 429, 431, 501, 503)}
        operation.responses = {**(operation.responses or {}), **refusals}
        return
    writes = method != "get"
    said = operation.description or ""
    if name == "create_import":
        operation.request_body = _upload()
    _parameters(name, writes, "If-Match" in said, operation)
    wanted = {400, 401, 403, 408, 415, 429, 431, 501, 503}
    if writes:
        # Also where no body is asked for: what is sent counts for the key.
        wanted |= {404, 409, 413, 422}
    if "{" in path:
        wanted.add(404)
    listed = _ERRORS.search(said)
    for code in [] if listed is None else re.findall(r"[a-z_]{4,}", listed[1]):
        if code in statuses:
            wanted.add(statuses[code])
    answers: dict[str, OpenAPIResponse | Reference] = {
        code: answer for code, answer in (operation.responses or {}).items() if code.startswith("2")
    }
    if isinstance(empty := answers.get("204"), OpenAPIResponse):
        empty.content = None
    if name in _TAGGED:
        answers["304"] = OpenAPIResponse(description=_WORDS[304])
    operation.responses = answers | {str(status): _refusal(status) for status in sorted(wanted)}


def _parameters(name: str, writes: bool, matches: bool, operation: Operation) -> None:
    given = list(operation.parameters or [])
    there = {each.name.lower() for each in given if isinstance(each, Parameter)}
    if writes and name not in _NO_KEY and "idempotency-key" not in there:
        given.append(_header("Idempotency-Key", "同一键只记一次 / written once", required=True))
    if matches:
        given.append(_header("If-Match", "读到的 ETag；已被修改则拒绝 / the ETag that was read; refused when changed"))
    if name in _TAGGED:
        given.append(_header("If-None-Match", "已有的 ETag；未变则 304 / the ETag at hand; 304 when it is the same"))
    operation.parameters = given or None


def _header(name: str, about: str, required: bool = False) -> Parameter:
    schema = Schema(type=OpenAPIType.STRING, min_length=1, max_length=200) if required else _TEXT
    return Parameter(name=name, param_in="header", required=required, description=about, schema=schema)


def _refusal(status: int) -> OpenAPIResponse:
    headers: dict[str, OpenAPIHeader | Reference] | None = None
    if status in (429, 503):
        headers = {"Retry-After": OpenAPIHeader(schema=_NUMBER, description="秒 / seconds")}
    content = {PROBLEM: OpenAPIMediaType(schema=_reference(_PROBLEM))}
    return OpenAPIResponse(description=_WORDS[status], headers=headers, content=content)


def _reference(name: str) -> Reference:
    return Reference(ref=f"#/components/schemas/{name}")


def _problem() -> Schema:
    return Schema(
        title=_PROBLEM,
        description="RFC 9457 problem details; code stays, detail is for people. Other members are the error's own.",
        type=OpenAPIType.OBJECT,
        required=["type", "title", "status", "code", "detail"],
        properties={
            "type": _TEXT,
            "title": _TEXT,
            "status": _NUMBER,
            "code": _TEXT,
            "detail": _TEXT,
            "request_id": _TEXT,
        },
        additional_properties=True,
    )


def _upload() -> RequestBody:
    file = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="CSV, XLSX")
    fields = {name: _TEXT for name in ImportRequest.__struct_fields__ if name != "file_name"}
    form = Schema(type=OpenAPIType.OBJECT, required=["file"], properties={"file": file, **fields})
    return RequestBody(
        required=True,
        content={
            "multipart/form-data": OpenAPIMediaType(schema=form),
            "application/octet-stream": OpenAPIMediaType(
                schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
            ),
        },
    )


def _statuses() -> dict[str, int]:
    """Code to status of every named error."""
    found: dict[str, int] = {}
    waiting: list[type[BusinessError]] = [BusinessError]
    while waiting:
        for error in waiting.pop().__subclasses__():
            waiting.append(error)
            found[error.code] = error.status
    return found
