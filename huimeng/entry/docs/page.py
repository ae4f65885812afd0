"""The API document as a page: made here from the OpenAPI document, so that it needs no network and no script."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from litestar import MediaType, Response, get
from litestar.handlers import route

from huimeng.entry.docs.html import Html, document, html, security_headers, table, tag
from huimeng.entry.docs.style import STYLE
from huimeng.infra.http import Req
from huimeng.infra.settings import Settings

_METHODS = ("get", "post", "put", "patch", "delete")
_DOCS_STYLE = (
    STYLE
    + """
.method{display:inline-block;min-width:58px;text-align:center;border-radius:6px;padding:1px 8px;font-size:13px;
font-weight:700;background:var(--code);color:var(--main);margin-right:10px}
.path{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere;font-size:16px}
td{white-space:normal}td:first-child{white-space:nowrap}td:last-child{min-width:150px}
td code,dd code{overflow-wrap:anywhere}
nav.toc ul{list-style:none;padding:0;margin:0 0 14px;columns:2;column-gap:28px}nav.toc li{padding:2px 0;
break-inside:avoid;overflow-wrap:anywhere}
@media (max-width:760px){nav.toc ul{columns:1}}
pre.text{white-space:pre-wrap}
"""
)
_HEADERS = security_headers(_DOCS_STYLE)

_WORDS = {
    "title": ("接口文档", "API reference"),
    "source": ("由 OpenAPI 文件生成", "Made from the OpenAPI document"),
    "home": ("首页", "Home"),
    "other": ("English", "中文"),
    "parameters": ("参数", "Parameters"),
    "body": ("请求体", "Request body"),
    "answers": ("答复", "Responses"),
    "example": ("示例", "Example"),
    "schemas": ("数据结构", "Schemas"),
    "name": ("名称", "Name"),
    "in": ("位置", "In"),
    "type": ("类型", "Type"),
    "required": ("必填", "Required"),
    "about": ("说明", "About"),
    "yes": ("是", "yes"),
    "call": ("调用", "Call"),
}

Node = Mapping[str, Any]


class _Docs:
    """One rendering: the document and the language."""

    def __init__(self, document: Node, lang: str) -> None:
        self.document = document
        self.english = lang == "en"
        self.schemas: Node = document.get("components", {}).get("schemas", {})

    def word(self, key: str) -> str:
        return _WORDS[key][self.english]

    def page(self) -> str:
        info = self.document.get("info", {})
        groups = self._groups()
        other = "/docs" if self.english else "/docs?lang=en"
        nav = tag(
            "nav",
            tag("a", self.word("home"), href="/?lang=en" if self.english else "/"),
            tag("a", self.word("other"), href=other),
        )
        brand = tag("a", "会盟 ", tag("span", "Huimeng"), href="/?lang=en" if self.english else "/", class_="brand")
        intro = tag(
            "section",
            tag("pre", info.get("description", ""), class_="text") if info.get("description") else None,
            tag("p", self.word("source"), ": ", tag("a", self._source(), href=self._source()), class_="soft small"),
            tag("nav", [self._contents(name, group) for name, group in groups.items()], class_="toc"),
            class_="card",
        )
        return document(
            f"{self.word('title')} · 会盟",
            _DOCS_STYLE,
            "en" if self.english else "zh",
            tag("header", brand, nav),
            tag(
                "main",
                tag("h1", info.get("title", "API"), " ", tag("span", info.get("version", ""), class_="soft small")),
                intro,
                [self._group(name, group) for name, group in groups.items()],
                self._all_schemas(),
            ),
        )

    def _source(self) -> str:
        return "/openapi.json"

    def _groups(self) -> dict[str, list[tuple[str, str, Node]]]:
        groups: dict[str, list[tuple[str, str, Node]]] = {}
        for path, item in sorted(self.document.get("paths", {}).items()):
            for method in _METHODS:
                if method in item:
                    operation = item[method]
                    groups.setdefault((operation.get("tags") or ["-"])[0], []).append((method, path, operation))
        return groups

    def _contents(self, name: str, group: Iterable[tuple[str, str, Node]]) -> Html:
        links = [
            tag("li", tag("a", f"{method.upper()} {path}", href=f"#{_anchor(method, path)}"))
            for method, path, _ in group
        ]
        return html(tag("h3", name), tag("ul", links))

    def _group(self, name: str, group: Iterable[tuple[str, str, Node]]) -> Html:
        return html(tag("h2", name), [self._operation(*operation) for operation in group])

    def _operation(self, method: str, path: str, operation: Node) -> Html:
        head = tag("h3", tag("span", method.upper(), class_="method"), tag("span", path, class_="path"))
        body = operation.get("requestBody")
        parts: list[object] = [
            head,
            tag("p", tag("b", operation.get("summary", ""))),
            tag("p", _coded(operation["description"])) if operation.get("description") else None,
            self._parameters(operation.get("parameters", [])),
        ]
        example = None
        if body is not None:
            content = _content(body)
            example = self._example(content)
            parts += [tag("h3", self.word("body")), self._schema(content.get("schema", {})), _pre(example)]
        parts += [tag("h3", self.word("call")), tag("pre", tag("code", _curl(method, path, operation, example)))]
        parts += [tag("h3", self.word("answers")), self._answers(operation.get("responses", {}))]
        return tag("section", parts, class_="card", id=_anchor(method, path))

    def _parameters(self, parameters: Iterable[Node]) -> Html | None:
        rows = [
            (
                tag("code", parameter.get("name", "")),
                parameter.get("in", ""),
                self._type(parameter.get("schema", {})),
                self.word("yes") if parameter.get("required") else "",
                self._about({**parameter.get("schema", {}), **parameter}),
            )
            for parameter in parameters
        ]
        if not rows:
            return None
        names = [self.word(name) for name in ("name", "in", "type", "required", "about")]
        return html(tag("h3", self.word("parameters")), table(names, rows))

    def _answers(self, responses: Mapping[str, Node]) -> Html:
        parts: list[object] = []
        for status, response in sorted(responses.items()):
            content = _content(response)
            parts.append(tag("p", tag("b", status), " ", response.get("description", "")))
            if "schema" in content:
                shown = self._schema(content["schema"]) if status.startswith("2") else self._type(content["schema"])
                parts.append(shown)
                parts.append(_pre(self._example(content)) if status.startswith("2") else None)
        return html(parts)

    def _schema(self, schema: Node) -> Html:
        """A schema as a table of its fields, or just its type."""
        known = self._known(schema)
        name = tag("p", self._type(schema))
        fields = known.get("properties")
        return html(name, self._fields(known) if fields else None)

    def _fields(self, schema: Node) -> Html:
        required = set(schema.get("required", []))
        rows = [
            (
                tag("code", name),
                self._type(field),
                self.word("yes") if name in required else "",
                self._about(field),
            )
            for name, field in schema.get("properties", {}).items()
        ]
        return table([self.word(name) for name in ("name", "type", "required", "about")], rows)

    def _all_schemas(self) -> Html:
        shown = [
            tag(
                "section",
                tag("h3", tag("code", schema.get("title", name))),
                tag("p", _coded(schema["description"])) if schema.get("description") else None,
                self._fields(schema) if schema.get("properties") else tag("p", self._type(schema)),
                class_="card",
                id=f"schema-{name}",
            )
            for name, schema in sorted(self.schemas.items())
        ]
        return html(tag("h2", self.word("schemas")), shown)

    def _known(self, schema: Node) -> Node:
        """The schema itself behind a reference, also where the reference is the only one of its options."""
        for key in ("oneOf", "anyOf", "allOf"):
            if len(schema.get(key, ())) == 1:
                return self._known(schema[key][0])
        name = _reference(schema)
        known: Node = self.schemas.get(name, {}) if name else schema
        return known

    def _type(self, schema: Node) -> Html:
        name = _reference(schema)
        if name:
            title = self.schemas.get(name, {}).get("title", name)
            return tag("a", title, href=f"#schema-{name}")
        for key in ("oneOf", "anyOf", "allOf"):
            if key in schema:
                options = [self._type(option) for option in schema[key]]
                return html([html(" | ", option) if place else option for place, option in enumerate(options)])
        if "const" in schema:
            return tag("code", json.dumps(schema["const"], ensure_ascii=False))
        if "enum" in schema:
            return html([[" | " if place else "", tag("code", value)] for place, value in enumerate(schema["enum"])])
        kind = schema.get("type", "any")
        if kind == "array":
            return html("[", self._type(schema.get("items", {})), "]")
        kinds = kind if isinstance(kind, list) else [kind]
        text = " | ".join(kinds)
        return html(f"{text} ({schema['format']})" if schema.get("format") else text)

    def _about(self, field: Node) -> Html:
        limits = [
            f"{label} {field[key]}"
            for key, label in (
                ("minimum", ">="),
                ("maximum", "<="),
                ("minLength", "length >="),
                ("maxLength", "length <="),
                ("maxItems", "items <="),
                ("pattern", "pattern"),
                ("default", "="),
            )
            if field.get(key) not in (None, "", [])
        ]
        return html(
            field.get("description", ""), tag("div", ", ".join(limits), class_="soft small") if limits else None
        )

    def _example(self, content: Node) -> Any:
        for example in _examples(content):
            return example
        return next(iter(_examples(self._known(content.get("schema", {})))), None)


def _examples(node: Node) -> Iterable[Any]:
    if "example" in node:
        yield node["example"]
    examples = node.get("examples") or []
    for example in examples.values() if isinstance(examples, Mapping) else examples:
        yield example["value"] if isinstance(example, Mapping) and "value" in example else example


def _coded(text: str) -> list[Html]:
    """`name` as code; the rest as it is."""
    return [tag("code", part) if place % 2 else html(part) for place, part in enumerate(text.split("`"))]


def _reference(schema: Node) -> str | None:
    reference = schema.get("$ref")
    return reference.rpartition("/")[2] if isinstance(reference, str) else None


def _content(node: Node) -> Node:
    content: Node = next(iter((node.get("content") or {}).values()), {})
    return content


def _anchor(method: str, path: str) -> str:
    return f"{method}{path}".replace("/", "-").replace("{", "").replace("}", "").replace(":", "-")


def _pre(example: Any) -> Html | None:
    if example is None:
        return None
    return tag("pre", tag("code", json.dumps(example, ensure_ascii=False, indent=2, default=str)))


def _curl(method: str, path: str, operation: Node, body: Any) -> str:
    """A line for a shell; $HUIMENG_KEY is the key that `huimeng api-key create` printed."""
    address = path
    query = [
        f"{parameter['name']}={example}"
        for parameter in operation.get("parameters", [])
        if parameter.get("in") == "query" and (example := next(iter(_examples(parameter)), None)) is not None
    ]
    if query:
        address += "?" + "&".join(query)
    lines = [f"curl -X {method.upper()} '{_HERE}{address}'"]
    if path.startswith("/v1/"):
        lines.append('-H "Authorization: Bearer $HUIMENG_KEY"')
    if any(parameter.get("name", "").lower() == "idempotency-key" for parameter in operation.get("parameters", [])):
        lines.append('-H "Idempotency-Key: $(uuidgen)"')
    if "multipart/form-data" in operation.get("requestBody", {}).get("content", {}):
        lines.append("-F kind=orders -F dry_run=true -F file=@orders.csv")
    elif "requestBody" in operation:
        text = json.dumps(body if body is not None else {}, ensure_ascii=False, default=str).replace("'", "'\\''")
        lines += ["-H 'Content-Type: application/json'", f"-d '{text}'"]
    return " \\\n  ".join(lines)


def render(openapi: Node, lang: str = "zh") -> str:
    """The whole page out of the OpenAPI document as a dict."""
    return _Docs(openapi, lang).page()


# Stands in the page that is kept for the address, which each reader has an own one of.
_HERE = "http://address-of-huimeng"
_HOST = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII)
_rendered: dict[tuple[int, str], str] = {}
# To put it together takes a third of a second, in which nobody else would be served.
_documents: dict[int, bytes] = {}


@route("/docs", http_method=["GET", "HEAD"], include_in_schema=False, sync_to_thread=False)
def docs(request: Req) -> Response[str]:
    lang = "en" if request.query_params.get("lang") == "en" else "zh"
    schema = request.app.openapi_schema
    key = (id(schema), lang)
    if key not in _rendered:
        _rendered[key] = render(schema.to_schema(), lang)
    page = _rendered[key].replace(_HERE, _address(request))
    return Response(page, media_type=MediaType.HTML, headers=_HEADERS)


def _address(request: Req) -> str:
    """As the reader's browser calls us; what can't be an address stays out of the page and of shells."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        settings: Settings = request.app.state.settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        host += f":{settings.port}"
    return f"{'https' if request.scope['scheme'] == 'https' else 'http'}://{host}"


@get("/openapi.json", include_in_schema=False, sync_to_thread=False)
def openapi_json(request: Req) -> Response[bytes]:
    schema = request.app.openapi_schema
    body = _documents.get(id(schema))
    if body is None:
        body = _documents[id(schema)] = json.dumps(schema.to_schema(), ensure_ascii=False, default=str).encode()
    return Response(body, media_type="application/vnd.oai.openapi+json")


routes: list[Any] = [docs, openapi_json]
