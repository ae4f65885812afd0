"""The API's contract: the document as it is, the one that was promised (docs/openapi.json), and what breaks between.

`make openapi` renews the promise; it refuses while docs/api-changelog.md does not name what would break.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from litestar import Litestar
from litestar.serialization import encode_json

from huimeng.entry.api import create_app

ROOT = Path(__file__).parent.parent
PROMISE = ROOT / "docs" / "openapi.json"
CHANGELOG = ROOT / "docs" / "api-changelog.md"
_METHODS = ("get", "post", "put", "patch", "delete")

Node = Mapping[str, Any]


def document() -> dict[str, Any]:
    app = create_app()
    while not isinstance(app, Litestar):
        app = app._app
    found: dict[str, Any] = json.loads(encode_json(app.openapi_schema.to_schema()))
    return found


def written(node: Node) -> str:
    return json.dumps(node, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def breaking(old: Node, new: Node) -> list[str]:
    """What a client that keeps to the old document would stumble over; each begins with the operation: `GET /v1/x`."""
    found: list[str] = []
    for path, item in old["paths"].items():
        for method in _METHODS:
            if method not in item:
                continue
            name = f"{method.upper()} {path}"
            after = new["paths"].get(path, {}).get(method)
            if after is None:
                found.append(f"{name}: gone")
            else:
                found += [f"{name}: {each}" for each in _operation(old, new, item[method], after)]
    return found


def unnamed(breaks: list[str], changelog: str) -> list[str]:
    """Those that the changelog's chapters do not name, by their operation, under "Breaking"."""
    named = set(re.findall(r"^- Breaking: `([A-Z]+ /[^`]*)`", changelog, re.MULTILINE))
    return [each for each in breaks if each.partition(":")[0] not in named]


def _operation(old: Node, new: Node, before: Node, after: Node) -> Iterator[str]:
    if before.get("operationId") != after.get("operationId"):
        yield f"operationId {before.get('operationId')} became {after.get('operationId')}"
    theirs = {(p["in"], p["name"]): p for p in before.get("parameters", [])}
    ours = {(p["in"], p["name"]): p for p in after.get("parameters", [])}
    for place, name in theirs.keys() - ours.keys():
        yield f"parameter {name} in {place} is gone"
    for key, parameter in ours.items():
        if parameter.get("required") and not theirs.get(key, {}).get("required"):
            yield f"parameter {key[1]} is required now"
        if key in theirs:
            yield from _taken(old, new, theirs[key].get("schema", {}), parameter.get("schema", {}), key[1], 0)
    bodies = before.get("requestBody", {}).get("content", {}), after.get("requestBody", {}).get("content", {})
    if bodies[1] and not bodies[0]:
        yield "a body is needed now"
    for kind, content in bodies[0].items():
        if kind not in bodies[1]:
            yield f"a body of {kind} is not taken any more"
        else:
            yield from _taken(old, new, content.get("schema", {}), bodies[1][kind].get("schema", {}), "body", 0)
    for status, answer in before.get("responses", {}).items():
        if not status.startswith("2"):
            continue
        if status not in after.get("responses", {}):
            yield f"answer {status} is gone"
            continue
        contents = answer.get("content", {}), after["responses"][status].get("content", {})
        for kind, content in contents[0].items():
            if kind not in contents[1]:
                yield f"answer {status} is not {kind} any more"
            else:
                given = content.get("schema", {}), contents[1][kind].get("schema", {})
                yield from _given(old, new, *given, f"answer {status}", 0)


def _resolved(document: Node, schema: Node) -> Node:
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        elif len(schema.get("allOf", [])) == 1:
            schema = schema["allOf"][0]
        else:
            return schema


def _variants(document: Node, schema: Node) -> list[Node]:
    """The schemas of which a value may have one, without null."""
    schema = _resolved(document, schema)
    choices = schema.get("oneOf") or schema.get("anyOf") or [schema]
    return [each for each in (_resolved(document, choice) for choice in choices) if each.get("type") != "null"]


def _types(document: Node, schema: Node) -> set[str]:
    schema = _resolved(document, schema)
    found: set[str] = set()
    for choice in schema.get("oneOf") or schema.get("anyOf") or [schema]:
        kind = _resolved(document, choice).get("type")
        found |= set(kind) if isinstance(kind, list) else {kind} if kind else set()
    return found


def _enum(document: Node, schema: Node) -> set[str] | None:
    found = [each["enum"] for each in _variants(document, schema) if "enum" in each]
    return set(map(str, found[0])) - {"None"} if found else None


def _taken(old: Node, new: Node, before: Node, after: Node, at: str, depth: int) -> Iterator[str]:
    """What is sent: all that was allowed must be allowed still."""
    if depth > 8:
        return
    types = _types(old, before), _types(new, after)
    if types[1] and types[0] - types[1] - ({"integer"} if "number" in types[1] else set()):
        yield f"{at}: {sorted(types[0])} became {sorted(types[1])}"
    allowed = _enum(old, before), _enum(new, after)
    if allowed[1] is not None and (allowed[0] is None or allowed[0] - allowed[1]):
        yield f"{at}: fewer values are allowed"
    for first, second in _pairs(_variants(old, before), _variants(new, after)):
        yield from _narrower(first, second, at)
        for name in first.get("properties", {}).keys() - second.get("properties", {}).keys():
            yield f"{at}.{name}: not taken any more"
        for name in set(second.get("required", [])) - set(first.get("required", [])):
            yield f"{at}.{name}: required now"
        for name in first.get("properties", {}).keys() & second.get("properties", {}).keys():
            pair = first["properties"][name], second["properties"][name]
            yield from _taken(old, new, *pair, f"{at}.{name}", depth + 1)
        if "items" in first and "items" in second:
            yield from _taken(old, new, first["items"], second["items"], f"{at}[]", depth + 1)


def _narrower(first: Node, second: Node, at: str) -> Iterator[str]:
    for limit in ("maximum", "maxLength", "maxItems"):
        if limit in second and second[limit] < first.get(limit, float("inf")):
            yield f"{at}: {limit} is lower"
    for limit in ("minimum", "minLength", "minItems"):
        if limit in second and second[limit] > first.get(limit, float("-inf")):
            yield f"{at}: {limit} is higher"
    if "pattern" in second and second["pattern"] != first.get("pattern"):
        yield f"{at}: another pattern"


def _given(old: Node, new: Node, before: Node, after: Node, at: str, depth: int) -> Iterator[str]:
    """What is answered: all that was promised must come still, and be nothing else."""
    if depth > 8:
        return
    types = _types(old, before), _types(new, after)
    if types[0] and types[1] - types[0]:
        yield f"{at}: {sorted(types[0])} became {sorted(types[1])}"
    for first, second in _pairs(_variants(old, before), _variants(new, after)):
        for name in set(first.get("required", [])) - set(second.get("required", [])):
            yield f"{at}.{name}: may be missing now"
        for name in first.get("properties", {}).keys() - second.get("properties", {}).keys():
            yield f"{at}.{name}: gone"
        for name in first.get("properties", {}).keys() & second.get("properties", {}).keys():
            pair = first["properties"][name], second["properties"][name]
            yield from _given(old, new, *pair, f"{at}.{name}", depth + 1)
        if "items" in first and "items" in second:
            yield from _given(old, new, first["items"], second["items"], f"{at}[]", depth + 1)


def _pairs(before: list[Node], after: list[Node]) -> Iterator[tuple[Node, Node]]:
    """Variants that belong together: of the same type, in their order."""
    for number, first in enumerate(before):
        same = [second for second in after if second.get("type") == first.get("type")]
        if same:
            yield first, same[min(number, len(same) - 1)]


def main() -> int:
    new = document()
    if PROMISE.exists():
        breaks = unnamed(breaking(json.loads(PROMISE.read_text("utf-8")), new), CHANGELOG.read_text("utf-8"))
        if breaks:
            print("docs/api-changelog.md has to name these, each as - Breaking: `METHOD /path` …", *breaks, sep="\n  ")
            return 1
    PROMISE.write_text(written(new), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
