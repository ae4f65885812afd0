"""What stands behind the question mark of an address: text that can be asked for, by names that the route knows."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from litestar.openapi.spec import OpenAPI, Operation, Parameter

from huimeng.infra.http import Req
from huimeng.kernel.errors import InvalidInput

# By method and path of an operation, the names in its query.
Known = Mapping[tuple[str, str], frozenset[str]]


def check_text(query: bytes) -> None:
    """InvalidInput: the database can't be asked for a NUL, and what is no UTF-8 would be read as something else."""
    if b"%" not in query and query.isascii():
        return
    for part in query.split(b"&"):
        given = unquote_to_bytes(part)
        name = given.partition(b"=")[0].decode(errors="replace").replace("\0", "")[:100] or "query"
        if b"\0" in given:
            raise InvalidInput(name, "holds a NUL", "不能含有空字符")
        try:
            given.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(name, "not UTF-8", "不是 UTF-8 编码") from error


def known_parameters(document: OpenAPI) -> Known:
    """Of the API's operations, as their routes have told the document."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for path, item in (document.paths or {}).items():
        for method in ("get", "post", "put", "patch", "delete"):
            operation: Operation | None = getattr(item, method)
            if operation is not None and path.startswith("/v1/"):
                given = [each for each in operation.parameters or () if isinstance(each, Parameter)]
                names = frozenset(each.name for each in given if each.param_in == "query")
                found[method.upper(), path] = names
    return found


async def refuse_unknown(request: Req) -> None:
    """InvalidInput: by a name that is mistyped everybody would be listed, or done what was only to be tried."""
    if not request.scope["query_string"]:
        return
    parameters: Known = request.app.state.parameters
    known = parameters.get((request.method, request.scope["path_template"]))
    if known is None:
        return
    for name in request.query_params:
        if name not in known:
            raise _unknown(name, sorted(known))


def _unknown(name: str, known: list[str]) -> InvalidInput:
    if known:
        reason, reason_zh = (
            f"there is no such parameter; known: {', '.join(known)}",
            "没有这个参数，可用的有：" + "、".join(known),
        )
    else:
        reason, reason_zh = "this address takes no parameters", "这个地址不接受参数"
    return InvalidInput(name[:100] or "query", reason, reason_zh, known=known)
