"""Requests that no honest program sends: each is refused plainly, and changes nothing."""

from __future__ import annotations

import gzip
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.attack.probe import digest
from tests.attack.stand import Operation, Stand
from tests.attack.test_schemathesis import with_ids
from tests.attack.world import MADE_BY_HAND, World

_numbers = itertools.count(1)
# What an answer must never tell: code, queries, files, versions of what is inside.
TELLTALE = re.compile(
    rb"Traceback|File \"|\.py\b|psycopg|sqlalchemy|litestar|uvicorn|httptools|msgspec\.|relation \"|column \"|violates|"
    rb"(?i:select [\w*, ]+ from )|(?i:insert into)|/huimeng/|site-packages"
)


def send(world: World, operation: Operation, body: Any = None, **given: Any) -> httpx.Response:
    return world.call(operation.method, with_ids(operation, world), body, **given)


def with_bodies(stand: Stand) -> list[Operation]:
    return [op for op in stand.operations if op.body_schema(stand.document) is not None and op.path.startswith("/v1/")]


def refused(answer: httpx.Response, *statuses: int) -> str | None:
    """What is wrong with a refusal, None when it is as it should be."""
    if answer.status_code not in (statuses or range(400, 500)):
        return f"{answer.status_code} {answer.text[:300]}"
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return f"not a problem document: {answer.headers.get('content-type')} {answer.text[:100]}"
    return f"tells of its inside: {answer.text[:300]}" if TELLTALE.search(answer.content) else None


# Mass assignment.


def test_fields_that_are_not_the_callers_to_set_are_refused(stand: Stand, ours: World) -> None:
    """Each operation's own body, with one field more: unknown ones, and those that its answers show."""
    before = digest(stand, ours)
    wrong = []
    for operation in with_bodies(stand):
        body = ours.body(operation)
        if not isinstance(body, dict):
            body = {}
        known = _fields(stand, operation)
        shown = {name for name in ours.ids if name not in known}
        for name in ["merchant_id", "cell_id", "role", "scopes", "__proto__", "constructor", *sorted(shown)]:
            if name in known:
                continue
            answer = send(ours, operation, {**body, name: ours.ids.get(name, ["1"])[0]})
            fault = refused(answer, 400, 403)
            if fault is not None:
                wrong.append((operation.name, name, fault))
    assert wrong == [], "\n".join(map(str, wrong[:20]))
    assert _changed(before, digest(stand, ours)) <= {"staff", "api_key", "cell_head"}


def _fields(stand: Stand, operation: Operation) -> set[str]:
    return set((operation.body_schema(stand.document) or {}).get("properties", {}))


def _changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {table for table in after if before[table] != after[table]}


def test_query_parameters_given_twice_make_no_fault(stand: Stand, ours: World) -> None:
    wrong = []
    for operation in stand.operations:
        if operation.method != "GET" or not operation.path.startswith("/v1/"):
            continue
        for query in ("limit=1&limit=2", "cursor=&cursor=", "limit=1&limit=999999"):
            answer = send(ours, operation, params=query)
            if answer.status_code >= 500 or (answer.status_code >= 400 and refused(answer)):
                wrong.append((operation.name, query, answer.status_code, answer.text[:200]))
    assert wrong == []


def test_a_parameter_that_is_not_known_is_refused_by_its_name(stand: Stand, ours: World) -> None:
    """Each operation, with its own path and body: it would else answer everybody, or do what was to be tried."""
    before = digest(stand, ours)
    wrong = []
    for operation in stand.operations:
        if not operation.path.startswith("/v1/"):
            continue
        known = sorted(given["name"] for given in operation.parameters("query"))
        body = ours.body(operation) if operation.writes else None
        for name in ("merchant_id2", "teir", "Limit", "limit ", "dry_run[]", "dryrun", ""):
            answer = send(ours, operation, body, params={name: "1"})
            told = (answer.status_code, *map(answer.json().get, ("code", "field", "known")))
            if refused(answer, 400) or told != (400, "invalid_input", name or "query", known):
                wrong.append((operation.name, name, told))
    assert wrong == [], "\n".join(map(str, wrong[:20]))
    assert digest(stand, ours) == before


def test_a_file_whose_dry_run_is_mistyped_is_not_imported(stand: Stand, ours: World) -> None:
    held = len(ours.call("GET", "/v1/imports").json()["items"])
    file: dict[str, Any] = {"content": f"{ours.mark}".encode(), "headers": {"Content-Type": "text/csv"}}
    answer = ours.call("POST", "/v1/imports?kind=members&dryrun=1", **file)
    assert (answer.status_code, answer.json()["field"]) == (400, "dryrun")
    assert "dry_run" in answer.json()["detail"]
    assert len(ours.call("GET", "/v1/imports").json()["items"]) == held
    answer = ours.call("POST", "/v1/imports?kind=members&dry_run=1", **file)
    assert (answer.status_code, answer.json()["dry_run"]) == (202, True)


def test_what_is_no_part_of_the_api_takes_any_parameter(stand: Stand) -> None:
    """Probes add numbers so that nothing in between answers from memory."""
    for path in ("/healthz", "/readyz", "/docs", "/openapi/openapi.json"):
        assert stand.call("GET", f"{path}?_=1").status_code == 200


def test_no_key_makes_another(stand: Stand, ours: World) -> None:
    """Whatever it may do and whatever rate it has: n keys would have n times the rate, and outlive the one."""
    tokens = [ours.token, ours.key("*"), ours.key("settings:write", "orders:write")]
    before = digest(stand, ours)
    for token in tokens:
        for rate in (0, 1, None):
            wanted = {"name": "x", "scopes": ["orders:write"], "rate_limit": rate}
            headers = {"Idempotency-Key": f"{ours.mark}-{next(_numbers)}"}
            made = stand.call("POST", "/v1/api-keys", token, headers, json=wanted)
            raised = stand.call(
                "PATCH", f"/v1/api-keys/{ours.own('key_id')}", token, headers, json={"rate_limit": rate}
            )
            assert (made.json()["code"], raised.json()["code"]) == ("not_logged_in", "not_logged_in")
    assert _changed(before, digest(stand, ours)) <= {"api_key"}
    # And no operation's answer has one.
    for operation in stand.operations:
        if operation.writes and operation.path.startswith("/v1/"):
            answer = send(ours, operation, ours.body(operation))
            assert '"hm_' not in answer.text, operation.name


# Paths.

TRICKS = [
    b"//v1/merchant", b"///v1/merchant", b"/v1//merchant", b"v1/merchant", b"/V1/merchant", b"/v1/MERCHANT",
    b"/v1/../v1/merchant", b"/docs/../v1/merchant", b"/%2e%2e/v1/merchant", b"/./v1/merchant", b"/v1/./merchant",
    b"/docs/..%2fv1/merchant", b"/%76%31/merchant", b"/v1%2fmerchant", b"/v1%252fmerchant", b"/v1/merchant%00",
    b"/v1/merchant%0d%0aX: y", b"/v1/merchant;x", b"/v1;/merchant", b"/v1/merchant.", b"/v1./merchant",
    b"/v1/merchant/", b"\\v1\\merchant", b"/v1\\merchant", b"/v1/merchant%20", b"/v1/merchant.json",
    b"/\xef\xbc\x961/merchant", b"/%c0%ae%c0%ae/v1/merchant", b"/v1/stores/1/../../merchant", b"*", b"",
    b"http://127.0.0.1/v1/merchant",
]  # fmt: skip


@pytest.mark.parametrize("path", TRICKS)
def test_no_spelling_of_a_path_goes_round_the_gate(stand: Stand, busy: World, path: bytes) -> None:
    """Without a key 401 or 404, and with one never more than the plain path gives."""
    status, headers, body = stand.raw("GET", path, [])
    assert status in (401, 404), (status, body)
    assert busy.mark.encode() not in body
    assert headers[b"content-type"] == b"application/problem+json"
    keyed = [(b"authorization", f"Bearer {busy.token}".encode())]
    status, _, body = stand.raw("GET", path, keyed)
    assert status in (200, 400, 404), (status, body)
    assert not TELLTALE.search(body)


@pytest.mark.parametrize("text", ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "a" * 5000, "-1", "1e3", "０"])
def test_ids_that_are_paths_or_no_ids(stand: Stand, busy: World, text: str) -> None:
    for operation in stand.operations:
        names = [given["name"] for given in operation.parameters("path")]
        if names:
            path = operation.path.format(**dict.fromkeys(names, text))
            answer = busy.call(operation.method, path, busy.body(operation))
            assert answer.status_code in (400, 404, 405), (operation.name, answer.status_code, answer.text)
            assert not TELLTALE.search(answer.content)


# Headers.


def test_two_credentials_are_none(stand: Stand, ours: World, theirs: World) -> None:
    """Whoever stands before us may have looked at the other one."""
    mine, other = (f"Bearer {world.token}".encode() for world in (ours, theirs))
    for first, second in ((mine, other), (mine, b"Bearer x"), (b"Bearer x", mine), (mine, mine)):
        status, _, _ = stand.raw("GET", b"/v1/merchant", [(b"authorization", first), (b"authorization", second)])
        assert status == 401


FORGED = [
    {"X-HTTP-Method-Override": "DELETE"},
    {"X-Method-Override": "POST"},
    {"X-Original-URL": "/v1/api-keys"},
    {"X-Rewrite-URL": "/v1/api-keys"},
    {"X-Forwarded-Prefix": "/v1/api-keys"},
    {"Host": "evil.example"},
    {"Host": "127.0.0.1:1@evil.example"},
    {"X-Forwarded-Host": "evil.example"},
    {"Forwarded": "for=1.2.3.4;host=evil.example"},
    {"X-Forwarded-User": "admin"},
    {"X-Merchant-Id": "1"},
    {"Accept": "text/html"},
    {"Accept": "application/xml"},
    {"Accept-Language": "en\x7f, " + "x" * 4000},
    {"Accept-Encoding": "br;q=x"},
    {"Range": "bytes=0-0"},
    {"Expect": "100-continue"},
    {"X-Request-Id": 'x" onload="alert(1)'},
    {"Cookie": "huimeng_session=" + "x" * 7000},
]


@pytest.mark.parametrize("headers", FORGED, ids=str)
def test_headers_that_would_change_what_is_asked(stand: Stand, lasting: World, headers: dict[str, str]) -> None:
    plain = lasting.call("GET", "/v1/merchant")
    forged = lasting.call("GET", "/v1/merchant", headers=headers)
    assert (forged.status_code, forged.content) == (200, plain.content)
    assert "evil" not in str(forged.headers)
    assert "onload" not in str(forged.headers)


def test_an_address_is_believed_from_a_declared_proxy_only(stand: Stand, ours: World) -> None:
    """The audit log keeps where a change came from; a header that anybody can send does not decide it."""
    made = ours.call(
        "POST", "/v1/regions", {"code": f"{ours.mark}-ip", "name": "x"}, headers={"X-Forwarded-For": "6.6.6.6"}
    )
    assert made.status_code == 201
    assert "6.6.6.6" not in ours.call("GET", "/v1/audit").text


def test_other_methods_are_refused(stand: Stand, ours: World) -> None:
    paths: dict[str, set[str]] = {}
    for operation in stand.operations:
        paths.setdefault(with_ids(operation, ours), set()).add(operation.method)
    before = digest(stand, ours)
    for path, methods in paths.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "POSTX"} - methods:
            answer = ours.call(method, path)
            assert answer.status_code in (404, 405), (method, path, answer.status_code, answer.text)
    assert digest(stand, ours) == before


def test_other_origins_are_told_nothing(stand: Stand, lasting: World) -> None:
    """CORS is closed: no page of another site may read an answer, or is allowed to try."""
    for method in ("GET", "OPTIONS"):
        for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example"):
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            answer = lasting.call(method, "/v1/merchant", headers=headers)
            assert [name for name in answer.headers if name.startswith("access-control-")] == []


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "/%0d%0aLocation: x", "/login?next=//evil.example"]
)
def test_no_redirect_leads_away(stand: Stand, path: str) -> None:
    status, headers, _ = stand.raw("GET", path.partition("?")[0].encode(), [], query=path.partition("?")[2].encode())
    assert status < 300 or b"evil" not in headers.get(b"location", b"")
    assert headers.get(b"location") != b"x"


def test_every_answer_is_closed_to_browsers(stand: Stand, lasting: World) -> None:
    for path in ("/v1/merchant", "/v1/nothing", "/healthz", "/docs", "/"):
        for token in (lasting.token, None):
            headers = stand.call("GET", path, token).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            # With an ETag the browser may keep it for itself and has to ask each time.
            assert headers["cache-control"] in ("no-store", "private, no-cache") or path in ("/docs", "/")
            assert "referrer-policy" in headers
            assert "server" not in headers


# Bodies.

TYPES = [
    "text/plain",
    "text/html",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonx",
    "application/x-msgpack",
    "application/yaml",
    "image/png",
]


@pytest.mark.parametrize("kind", TYPES)
def test_a_body_is_json_and_says_so(stand: Stand, busy: World, kind: str) -> None:
    """A form of another site can send text and forms, never JSON under its own name."""
    for operation in with_bodies(stand):
        if operation.path in MADE_BY_HAND and operation.path != "/v1/staff":
            continue
        content = json.dumps(busy.body(operation)).encode()
        answer = send(busy, operation, content=content, headers={"Content-Type": kind})
        assert refused(answer, 400, 415) is None, (operation.name, refused(answer, 400, 415))


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip", "x"])
def test_no_body_is_unpacked(stand: Stand, busy: World, coding: str) -> None:
    """A few bytes may become any number: 415 says to send it as it is, and a packed file is no file to import."""
    before = digest(stand, busy)
    for operation in stand.operations:
        if operation.writes and operation.path.startswith("/v1/"):
            plain = json.dumps(busy.body(operation)).encode()
            headers = {"Content-Type": "application/json", "Content-Encoding": coding}
            answer = send(busy, operation, content=gzip.compress(plain), headers=headers)
            assert refused(answer, 415) is None, (operation.name, refused(answer, 415))
            assert answer.json()["code"] == "content_coding_unsupported"
            assert answer.headers["accept-encoding"] == "identity"
    assert digest(stand, busy) == before


def test_a_body_that_says_it_is_as_it_is(stand: Stand, ours: World) -> None:
    made = {"code": f"{ours.mark}-plain", "name": "x"}
    assert ours.call("POST", "/v1/regions", made, headers={"Content-Encoding": "identity"}).status_code == 201


DEEP = b'{"a":' * 20_000 + b"1" + b"}" * 20_000
BODIES = {
    "deep objects": DEEP,
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep in a field": b'{"name": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a huge number": b'{"amount": ' + b"9" * 100_000 + b"}",
    "a huge exponent": b'{"amount": 1e999999999, "name": 1e400}',
    "not utf-8": b'{"name": "\xff\xfe"}',
    "a lone surrogate": b'{"name": "\\ud800", "reason": "\\ud800", "amount": 1, "code": "\\udfff"}',
    "null": b"null",
    "a text": b'"x"',
    "a list": b"[]",
    "nothing": b"",
    "white space": b" " * 10_000,
    "two documents": b"{}{}",
    "a comment": b"{/* */}",
    "not a number": b'{"amount": NaN}',
    "a bomb of one field": b'{"name": "' + b"x" * 1_000_000 + b'"}',
    "many fields": b"{" + b",".join(b'"f%d":1' % n for n in range(50_000)) + b"}",
    "more than is taken": b'{"name": "' + b"x" * (5 * 1024 * 1024) + b'"}',
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_nobody_should_send(stand: Stand, busy: World, name: str) -> None:
    before = digest(stand, busy)
    for operation in with_bodies(stand):
        answer = send(busy, operation, content=BODIES[name], headers={"Content-Type": "application/json"})
        fault = refused(answer, 400, 401, 403, 404, 409, 413, 422)
        assert fault is None or (operation.name, name) in HARMLESS, (operation.name, fault)
    assert digest(stand, busy) == before


# An empty body that means "all of it", written down as such.
HARMLESS: set[tuple[str, str]] = set()


def test_a_field_given_twice_counts_once(stand: Stand, ours: World) -> None:
    """What stands before us and we must not understand two things by one body."""
    code = f"{ours.mark}-twice"
    body = f'{{"code": "{code}", "name": "x", "name": "{code}y"}}'.encode()
    answer = ours.call("POST", "/v1/regions", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 or answer.json()["name"] == f"{code}y"


HOSTILE_TEXT = [
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "a\x1b[31mb",
    "a\nb\r\nc",
    "\u202egnp.exe",
    "x" * 100_000,
    "\x7f",
    "\x85",
]


@pytest.mark.parametrize("text", HOSTILE_TEXT, ids=ascii)
def test_hostile_text_in_every_field(stand: Stand, busy: World, text: str) -> None:
    """Each place of a text in each body: refused, or taken and given back without a fault."""
    text = text[:2000] if len(text) > 2000 else text
    for operation in with_bodies(stand):
        body = busy.body(operation)
        for place in _texts(body):
            content = json.dumps(_put(body, place, text)).encode()
            answer = send(busy, operation, content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code < 500, (operation.name, place, answer.text)
            assert not TELLTALE.search(answer.content), (operation.name, place, answer.text)
            if "\0" in text or "\ud800" in text:
                assert answer.status_code >= 400 or answer.status_code == 207 or '"problem"' in answer.text, (
                    operation.name,
                    place,
                )


def _texts(body: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for step, value in inner:
        if isinstance(value, str):
            yield (*before, step)
        yield from _texts(value, (*before, step))


def _put(body: Any, place: tuple[Any, ...], text: str) -> Any:
    if not place:
        return text
    if isinstance(body, dict):
        return {**body, place[0]: _put(body[place[0]], place[1:], text)}
    return [_put(value, place[1:], text) if at == place[0] else value for at, value in enumerate(body)]
