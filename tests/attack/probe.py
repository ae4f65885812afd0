"""One merchant's caller tries another's ids everywhere; what it gets must be what a made-up id gets."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import psycopg

from huimeng.infra.database import tenant_setting
from tests.attack.stand import Operation, Stand, resolve
from tests.attack.world import World, names_an_object, secrets_of

_TENANT_TABLES = """
select t.relname, a.attname from pg_class t
join pg_attribute a on a.attrelid = t.oid and a.attname in ('cell_id', 'merchant_id') and not a.attisdropped
where t.relkind in ('r', 'p') and t.relnamespace = 'public'::regnamespace and t.relrowsecurity order by 1
"""
_numbers = itertools.count(1)
# Query parameters that say how to look, not at what.
PLAIN_QUERY = frozenset(
    [
        "limit",
        "unit",
        "include_closed",
        "from",
        "to",
        "grain",
        "by",
        "of",
        "within",
        "method",
        "figure",
        "rfm",
        "group",
        "cohort",
        "months_later",
        "percent",
        "days",
        "category",
        "product",
        "kept",
        "buyer",
        "name",
        "phone_last4",
        "action",
        "state",
        "status",
        "kind",
        "lang",
        "dry_run",
        "hold",
        "month",
        "earn",
        "create_stores",
        "unknown_member",
        "source",
        "source_timezone",
        "file_name",
        "sheet",
        "date_order",
        "mapping",
        "statuses",
        "status_column",
    ]
)


class Try(msgspec.Struct, frozen=True):
    """One request; `given` is the text in it that is not the caller's own."""

    operation: Operation
    place: str
    given: str
    path: str
    query: dict[str, str]
    body: Any


class Leak(msgspec.Struct, frozen=True):
    operation: str
    place: str
    what: str


def digest(stand: Stand, world: World) -> dict[str, str]:
    """Of all rows of a merchant, by table."""
    found: dict[str, str] = {}
    with psycopg.connect(stand.urls.owner) as conn:
        conn.execute(tenant_setting((world.merchant_id,)))
        for table, column in conn.execute(_TENANT_TABLES).fetchall():
            tenant = "cell_id / 1024" if column == "cell_id" else "merchant_id"
            rows = conn.execute(
                f"select t::text from {table} t where {tenant} = %s order by 1",
                (world.merchant_id,),
            ).fetchall()
            found[table] = hashlib.sha256(repr(rows).encode()).hexdigest()
    return found


def made_up(value: str) -> str:
    """Of the same shape, and nobody's."""
    if value.isdigit():
        return str(int(value) % 1024 + 1024 * 777_000_777_000) if len(value) > 6 else "999983"
    last = re.search(r"[A-Za-z0-9](?=[^A-Za-z0-9]*$)", value)
    assert last is not None, value
    # Digits stay digits and letters up to f stay such: an id in hexadecimal stays one.
    kind = next(kind for kind in ("0123456789", "abcdef", "ABCDEF", "ghijklmnopqrstuvwxyz", value) if last[0] in kind)
    other = next((sign for sign in kind if sign != last[0]), "Z")
    return value[: last.start()] + other + value[last.end() :]


def foreign(name: str, ours: World, theirs: World) -> str | None:
    """An object of theirs that we have none of by the same name; None when they have none."""
    ours_too = set(ours.ids.get(name, []))
    return next((value for value in theirs.ids.get(name, []) if value not in ours_too), None)


def path_tries(operation: Operation, ours: World, theirs: World) -> Iterator[tuple[Try, Try]]:
    """(theirs, made up) for each id in the path, the others being our own."""
    names = [given["name"] for given in operation.parameters("path")]
    for name in names:
        value = foreign(name, ours, theirs)
        assert value is not None, f"{operation.name}: no {name} known; let tests/attack/world.py make one"
        own = {other: ours.own(other) for other in names if other != name}
        yield tuple(  # type: ignore[misc]
            Try(operation, f"path {name}", given, _path(operation, {**own, name: given}), {}, ours.body(operation))
            for given in (value, made_up(value))
        )


def query_tries(operation: Operation, ours: World, theirs: World) -> Iterator[tuple[Try, Try]]:
    own = {given["name"]: ours.own(given["name"]) for given in operation.parameters("path")}
    path = _path(operation, own)
    for given in operation.parameters("query"):
        name = given["name"]
        if name in PLAIN_QUERY:
            continue
        value = theirs_cursor(operation, theirs) if name == "cursor" else _query_value(name, ours, theirs)
        if value is None and name == "cursor":
            continue
        assert value is not None, f"{operation.name}: is the query parameter {name} an id? tests/attack/probe.py"
        yield tuple(  # type: ignore[misc]
            Try(operation, f"query {name}", text, path, {name: text}, ours.body(operation))
            for text in (value, made_up(value))
        )


def _query_value(name: str, ours: World, theirs: World) -> str | None:
    known = {
        "phone": theirs.phone,
        "card_no": f"{theirs.mark}-C0",
        "external_id": f"{theirs.mark}-E0",
        "actor": f"key:{foreign('key_id', ours, theirs)}",
        "object": f"member:{theirs.own('member_id')}",
    }
    if name == "with_import":
        return foreign("import_id", ours, theirs)
    return known.get(name) or foreign(name, ours, theirs)


def theirs_cursor(operation: Operation, theirs: World) -> str | None:
    """The cursor that they would get for their second page."""
    own = {given["name"]: theirs.own(given["name"]) for given in operation.parameters("path")}
    answer = theirs.call("GET", _path(operation, own), params={"limit": "1"})
    found = answer.json().get("next_cursor") if answer.status_code == 200 else None
    return None if found is None else str(found)


def body_tries(operation: Operation, ours: World, theirs: World) -> Iterator[tuple[Try, Try]]:
    """(theirs, made up) for each place in our own body that names an object."""
    body = ours.body(operation)
    if body is None:
        return
    own = {given["name"]: ours.own(given["name"]) for given in operation.parameters("path")}
    for place, name in _named_places(body):
        # Staff have the numbers of stores, rules their codes.
        by_number = name == "stores" and isinstance(_at(body, place), int)
        value = foreign("store_id" if by_number else name, ours, theirs)
        if value is None:
            continue
        yield tuple(  # type: ignore[misc]
            Try(operation, f"body {'/'.join(map(str, place))}", given, _path(operation, own), {}, told)
            for given in (value, made_up(value))
            for told in [_fresh(_replaced(body, place, given), place)]
        )


def _fresh(body: Any, place: Sequence[Any]) -> Any:
    """A number that nobody has used, where only new ones are taken."""
    if isinstance(body, dict) and "order_no" in body and place != ("order_no",):
        return {**body, "order_no": f"fresh-{next(_numbers)}"}
    return body


def _named_places(body: Any, before: tuple[Any, ...] = (), name: str = "") -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(body, dict):
        if body.get("kind") in ("phone", "card_no", "external_id") and "value" in body:
            yield (*before, "value"), body["kind"]
        for key, inner in body.items():
            yield from _named_places(inner, (*before, key), key)
    elif isinstance(body, list):
        for index, inner in enumerate(body):
            yield from _named_places(inner, (*before, index), name)
    elif body is not None and names_an_object(name):
        yield before, name


def _at(body: Any, place: Sequence[Any]) -> Any:
    for step in place:
        body = body[step]
    return body


def _replaced(body: Any, place: Sequence[Any], value: str) -> Any:
    if not place:
        return int(value) if isinstance(body, int) else value
    first, rest = place[0], place[1:]
    if isinstance(body, dict):
        return {**body, first: _replaced(body[first], rest, value)}
    return [_replaced(inner, rest, value) if index == first else inner for index, inner in enumerate(body)]


def _path(operation: Operation, given: dict[str, str]) -> str:
    return operation.path.format(**{name: quote(value, safe="") for name, value in given.items()})


def send(caller: World, wanted: Try, key: str | None = None) -> httpx.Response:
    if wanted.operation.name == "POST /v1/imports":
        asked = {"kind": "orders", "dry_run": "true", **wanted.query}
        file = "订单号,门店,下单时间,实付金额\n1,x,2026-03-04 12:00,1\n".encode()
        return caller.call(
            "POST", wanted.path, None, key, params=asked, content=file, headers={"Content-Type": "text/csv"}
        )
    return caller.call(wanted.operation.method, wanted.path, wanted.body, key, params=wanted.query)


def unclassified(stand: Stand) -> list[str]:
    """Fields of bodies that look like ids of something this probe has no example of."""
    found = []
    for operation in stand.operations:
        schema = operation.body_schema(stand.document)
        found += [f"{operation.name} {name}" for name in _properties(stand, schema or {}) if re.search(r"_ids?$", name)]
    return found


def _properties(stand: Stand, schema: dict[str, Any], depth: int = 0) -> Iterator[str]:
    schema = resolve(stand.document, schema)
    if depth > 6:
        return
    for name, inner in schema.get("properties", {}).items():
        yield name
        yield from _properties(stand, inner, depth + 1)
    for inner in [schema.get("items"), *schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])]:
        if isinstance(inner, dict):
            yield from _properties(stand, inner, depth + 1)


class Outsider:
    """Goes through every operation and collects what it should not have been told."""

    def __init__(self, stand: Stand, ours: World, theirs: World) -> None:
        self.stand = stand
        self.ours = ours
        self.theirs = theirs
        self.ids = secrets_of(theirs, ours)
        self.tried = 0
        # What we wrote under their names is ours.
        self.borrowed: set[str] = set()

    def leaks(self) -> list[Leak]:
        found: list[Leak] = []
        for operation in self.stand.operations:
            if operation.path.startswith("/v1/"):
                found += self._operation(operation)
        return found

    def _operation(self, operation: Operation) -> list[Leak]:
        found: list[Leak] = []
        before = digest(self.stand, self.theirs)
        for tries in (path_tries, query_tries, body_tries):
            for foreign_one, nobodys in tries(operation, self.ours, self.theirs):
                found += self._pair(foreign_one, nobodys)
        after = digest(self.stand, self.theirs)
        changed = [table for table in after if after[table] != before[table]]
        return found + [Leak(operation.name, "rows", f"changed {table}") for table in changed]

    def _pair(self, foreign_one: Try, nobodys: Try) -> list[Leak]:
        self.tried += 1
        answer, control = send(self.ours, foreign_one), send(self.ours, nobodys)
        self.borrowed.add(nobodys.given)
        found = [Leak(foreign_one.operation.name, foreign_one.place, what) for what in self.told(answer, foreign_one)]
        if answer.status_code != control.status_code:
            found.append(
                Leak(
                    foreign_one.operation.name,
                    foreign_one.place,
                    f"{answer.status_code} where a made-up one gets {control.status_code}: {answer.text[:200]}",
                )
            )
        elif foreign_one.place.startswith("path") and answer.status_code != 404:
            found.append(
                Leak(foreign_one.operation.name, foreign_one.place, f"{answer.status_code} {answer.text[:200]}")
            )
        elif answer.status_code >= 400 and _plain(answer, foreign_one.given) != _plain(control, nobodys.given):
            found.append(Leak(foreign_one.operation.name, foreign_one.place, f"says more: {answer.text[:200]}"))
        return found

    def told(self, answer: httpx.Response, wanted: Try) -> list[str]:
        """Marks and ids of theirs in an answer, beyond what we have sent ourselves."""
        sent = json.dumps([wanted.path, wanted.query, wanted.body], ensure_ascii=False)
        self.borrowed.add(wanted.given)
        text = answer.text
        for given in sorted(self.borrowed, key=len, reverse=True):
            text = text.replace(given, "")
        found = [f"id {number}" for number in self.ids if number in text and number not in sent]
        if self.theirs.mark in text:
            at = text.index(self.theirs.mark)
            found.append(f"{answer.status_code} {text[max(0, at - 60) : at + 60]}")
        return found


def _plain(answer: httpx.Response, given: str) -> str:
    """Without what differs from answer to answer anyway."""
    text = re.sub(r'"request_id":"[^"]*",?', "", answer.text)
    return re.sub(rf"(?<![0-9A-Za-z]){re.escape(given)}(?![0-9A-Za-z])", "…", text)
