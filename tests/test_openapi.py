"""The API document: it is the promised one, every operation says what it may answer, and a break is seen."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs
import pytest

from tests.contract import CHANGELOG, PROMISE, breaking, document, unnamed, written


@cache
def current() -> dict[str, Any]:
    return document()


def promised() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PROMISE.read_text("utf-8"))
    return found


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, each) for path, item in current()["paths"].items() for method, each in item.items()]


def test_nothing_breaks_that_the_changelog_does_not_name() -> None:
    assert unnamed(breaking(promised(), current()), CHANGELOG.read_text("utf-8")) == []


def test_the_promise_is_up_to_date() -> None:
    assert written(current()) == PROMISE.read_text("utf-8"), "run make openapi"


def body_of(node: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = node["components"]["schemas"][name]
    return found


def without_operation(node: dict[str, Any]) -> None:
    del node["paths"]["/v1/orders"]["post"]


def without_field(node: dict[str, Any]) -> None:
    del body_of(node, "CompletedOut")["properties"]["points"]


def field_needed(node: dict[str, Any]) -> None:
    body_of(node, "OrderIn")["required"].append("source")


def field_not_taken(node: dict[str, Any]) -> None:
    del body_of(node, "OrderIn")["properties"]["quote"]


def fewer_values(node: dict[str, Any]) -> None:
    unit = body_of(node, "RuleIn")["properties"]["unit"]
    unit["enum"] = ["points"]


def other_type(node: dict[str, Any]) -> None:
    body_of(node, "CompletedOut")["properties"]["order_id"] = {"type": "integer"}


def shorter(node: dict[str, Any]) -> None:
    body_of(node, "OrderIn")["properties"]["order_no"]["maxLength"] = 10


def parameter_gone(node: dict[str, Any]) -> None:
    node["paths"]["/v1/orders"]["get"]["parameters"] = []


def parameter_needed(node: dict[str, Any]) -> None:
    node["paths"]["/v1/orders"]["get"]["parameters"][0]["required"] = True


def renamed(node: dict[str, Any]) -> None:
    node["paths"]["/v1/orders"]["get"]["operationId"] = "orders"


BREAKS = [
    without_operation,
    without_field,
    field_needed,
    field_not_taken,
    fewer_values,
    other_type,
    shorter,
    parameter_gone,
    parameter_needed,
    renamed,
]


@pytest.mark.parametrize("change", BREAKS, ids=lambda change: change.__name__)
def test_a_break_is_seen_unless_the_changelog_names_it(change: Any) -> None:
    changed = copy.deepcopy(current())
    change(changed)
    found = breaking(current(), changed)
    assert found
    assert unnamed(found, "nothing") == found
    named = "\n".join({f"- Breaking: `{each.partition(':')[0]}` for a reason" for each in found})
    assert unnamed(found, named) == []


def test_what_is_added_breaks_nothing() -> None:
    changed = copy.deepcopy(current())
    body_of(changed, "CompletedOut")["properties"]["stamps"] = {"type": "integer"}
    body_of(changed, "OrderIn")["properties"]["table_no"] = {"type": "string"}
    changed["paths"]["/v1/orders"]["get"]["parameters"].append(
        {"in": "query", "name": "till", "required": False, "schema": {"type": "string"}}
    )
    changed["paths"]["/v1/stamps"] = copy.deepcopy(changed["paths"]["/v1/orders"])
    assert breaking(current(), changed) == []


def test_operations_have_names_that_a_client_can_use() -> None:
    names = [each["operationId"] for _, _, each in operations()]
    assert len(names) == len(set(names))
    assert [name for name in names if not (name.isidentifier() and name == name.lower())] == []


def test_every_operation_says_what_it_is_and_how_it_refuses() -> None:
    for method, path, each in operations():
        assert each.get("summary") and each.get("tags"), path
        if not path.startswith("/v1/"):
            assert {"200", "400", "408", "429", "431", "501", "503"} == each["responses"].keys(), path
            continue
        assert each.get("description"), (method, path)
        wanted = {"400", "401", "403", "415", "429", "503"} | (
            {"404", "409", "413", "422"} if method != "get" else set()
        )
        assert wanted <= each["responses"].keys(), (method, path)
        for status, answer in each["responses"].items():
            if status >= "400":
                content = answer["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, (method, path, status)
        assert "Retry-After" in each["responses"]["429"]["headers"]


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body that is sent or answered, and the operation that it belongs to."""
    for method, path, each in operations():
        for way in (each.get("requestBody", {}), *each["responses"].values()):
            for content in way.get("content", {}).values():
                yield f"{method} {path}", content


def examples(content: dict[str, Any]) -> list[Any]:
    named = content.get("examples", {}).values()
    return [*content["schema"].get("examples", []), *(each["value"] for each in named)]


def wrong(schema: dict[str, Any], value: Any) -> list[str]:
    whole = {**schema, "components": current()["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [f"{error.instance_path}: {error.message}"[:300] for error in validator.iter_errors(value)]


def test_every_example_keeps_to_its_schema() -> None:
    checked = [(of, wrong(content["schema"], value)) for of, content in contents() for value in examples(content)]
    assert [each for each in checked if each[1]] == []
    shown = {of for of, _ in checked}
    assert len(checked) > 60 and {"post /v1/orders", "post /v1/orders/quote", "post /v1/orders/batch"} <= shown


def nodes(value: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield at, value
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from nodes(part, f"{at}/{name}")


def test_no_choice_is_anything() -> None:
    """Of oneOf exactly one may fit: beside a schema of anything, nothing else ever does."""
    choices = [
        (at, choice) for at, node in nodes(current()) for kind in ("oneOf", "anyOf") for choice in node.get(kind, ())
    ]
    assert len(choices) > 100
    assert [at for at, choice in choices if choice.keys() <= {"description", "title", "default"}] == []


def test_an_order_of_a_batch_has_a_result_or_a_problem() -> None:
    item = {"$ref": "#/components/schemas/BatchItemOut"}
    fields = body_of(current(), "BatchItemOut")["properties"]
    assert [each["oneOf"][0]["$ref"].rsplit("/", 1)[1] for each in (fields["result"], fields["problem"])] == [
        "CompletedOut",
        "Problem",
    ]
    refused = {"type": "x", "title": "x", "status": 409, "code": "order_exists", "detail": "x", "order_no": "1"}
    assert wrong(item, {"order_no": "1", "status": 409, "result": None, "problem": refused}) == []
    assert wrong(item, {"order_no": "1", "status": 201, "result": {}, "problem": None}) != []


def test_every_write_takes_an_idempotency_key() -> None:
    free = {
        each["operationId"]
        for method, path, each in operations()
        if method != "get"
        and not any(p["name"].lower() == "idempotency-key" and p["required"] for p in each.get("parameters", []))
    }
    assert free == {
        "search_members",
        "quote_order",
        "quote_refund",
        "try_earning_rules",
        "reveal_member",
        "log_in",
        "log_out",
        "change_password",
    }


def test_who_may_call() -> None:
    node = current()
    assert node["components"]["securitySchemes"].keys() == {"api_key", "session"}
    assert node["components"]["securitySchemes"]["session"]["in"] == "cookie"
    assert node["security"] == [{"api_key": []}, {"session": []}]
    assert {each["operationId"] for _, _, each in operations() if each.get("security") == [{}]} == {
        "get_health",
        "get_readiness",
        "log_in",
    }
