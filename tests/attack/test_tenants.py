"""No merchant learns of another's objects, or changes them: every operation, every kind of id, from the document.

Two walls stand between merchants: each query names its merchant, and row security shows a connection no other's rows.
Each is tried alone as well, and each probe must see what it gives away when its wall is broken.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx
import psycopg
import pytest

import huimeng.infra.database
from huimeng.merchant.authentication import Doorman
from tests.attack.probe import Leak, Outsider, digest, unclassified
from tests.attack.stand import Operation, Stand
from tests.attack.world import MADE_BY_HAND, World, secrets_of

_numbers = itertools.count(1)
# Fields of bodies that name objects in the merchant's own numbering or of other systems: there is nothing to look up.
BODY_IDS = {"external_id", "store_id", "member_id"}


def shown(leaks: list[Leak]) -> str:
    return "\n".join(map(str, leaks))


def test_no_operation_gives_away_another_merchant(stand: Stand, ours: World, theirs: World) -> None:
    outsider = Outsider(stand, ours, theirs)
    leaks = outsider.leaks()
    assert leaks == [], shown(leaks)
    assert outsider.tried > 30


def test_the_probe_gets_through_with_ids_of_its_own(stand: Stand, ours: World, theirs: World) -> None:
    """A request that would be refused for another reason proves nothing."""
    stuck = []
    for operation in stand.operations:
        if "{" not in operation.path:
            continue
        answer = _with_own(ours, operation)
        if answer.status_code == 404:
            # Something before has ended it.
            answer = _with_own(World(stand, "Wu", rounds=1), operation)
        if answer.status_code in (400, 404, 405, 415):
            stuck.append((operation.name, ours.body(operation), answer.status_code, answer.text))
    assert stuck == [], "\n".join(map(str, stuck))


def _with_own(world: World, operation: Operation) -> httpx.Response:
    own = {given["name"]: world.own(given["name"]) for given in operation.parameters("path")}
    return world.call(operation.method, operation.path.format(**own), world.body(operation))


def test_every_id_of_a_body_is_known(stand: Stand, ours: World) -> None:
    """A new field that names an object has to be tried: put an example of it into the document or world.py."""
    tried = set(BODY_IDS)
    for operation in stand.operations:
        tried |= set(_names(ours.body(operation)))
    assert [found for found in unclassified(stand) if found.split()[-1] not in tried] == []


def _names(body: Any) -> Iterator[str]:
    if isinstance(body, dict):
        for name, inner in body.items():
            yield name
            yield from _names(inner)
    elif isinstance(body, list):
        for inner in body:
            yield from _names(inner)


def test_a_key_of_theirs_replays_nothing(stand: Stand, ours: World, theirs: World) -> None:
    """The same Idempotency-Key and the same body: each merchant has keys of its own."""
    for operation in _plain_writes(stand):
        key, other_key = f"shared-{next(_numbers)}", f"shared-{next(_numbers)}"
        body = theirs.body(operation)
        first = theirs.call("POST", operation.path, body, key)
        theirs.call("POST", operation.path, body, other_key)
        before = digest(stand, theirs)
        same = ours.call("POST", operation.path, body, key)
        other = ours.call("POST", operation.path, ours.body(operation), other_key)
        assert first.status_code < 300, (operation.name, first.text)
        for answer in (same, other):
            assert "idempotent-replayed" not in answer.headers, operation.name
            assert "idempotency_key_reused" not in answer.text, operation.name
        assert theirs.mark not in other.text, operation.name
        assert digest(stand, theirs) == before


def _plain_writes(stand: Stand) -> list[Operation]:
    return [
        operation
        for operation in stand.operations
        if operation.method == "POST"
        and operation.path.startswith("/v1/")
        and "{" not in operation.path
        and operation.body_schema(stand.document) is not None
        and operation.path not in {*MADE_BY_HAND, "/v1/api-keys", "/v1/earning-rules/try"}
        and not operation.path.endswith(("/quote", "/search"))
    ]


def test_a_token_of_theirs_is_no_token_of_ours(stand: Stand, ours: World, theirs: World) -> None:
    """The merchant's number stands in the token; putting another's there gives nothing."""
    _, merchant, key, secret = theirs.token.split("_", 3)
    for forged in (
        f"hm_{ours.merchant_id}_{key}_{secret}",
        f"hm_0{merchant}_{key}_{secret}",
        f"hm_{merchant}_{int(key) + 1}_{secret}",
        f"hm_{merchant}_{key}_{ours.token.split('_', 3)[3]}",
        f"hm_{merchant}.0_{key}_{secret}",
    ):
        answer = stand.call("GET", "/v1/merchant", forged)
        assert answer.status_code == 401 or forged.startswith("hm_0"), forged
        assert ours.mark not in answer.text


# Row security alone: the application asks for the wrong merchant everywhere, and the database says no.

_astray: ContextVar[bool] = ContextVar("astray", default=False)


@contextmanager
def application_gone_astray(monkeypatch: pytest.MonkeyPatch, ours: World, theirs: World) -> Iterator[None]:
    """Every query that an authenticated request makes names `theirs`; the connection is that of `ours`."""
    setting = huimeng.infra.database.tenant_setting
    authenticate = Doorman.authenticate_request

    def for_ours(merchants: Any) -> str:
        known = list(merchants)
        return setting([ours.merchant_id if m == theirs.merchant_id else m for m in known] if _astray.get() else known)

    def for_ours_always(merchants: Any) -> str:
        return setting([ours.merchant_id if m == theirs.merchant_id else m for m in merchants])

    async def authenticated(*given: Any) -> Any:
        principal = await authenticate(*given)
        _astray.set(True)
        return principal

    with monkeypatch.context() as patch:
        patch.setattr(Doorman, "authenticate_request", authenticated)
        for name, module in list(sys.modules.items()):
            if name.startswith("huimeng.") and getattr(module, "tenant_setting", None) is setting:
                # The Teller's own task serves no one request.
                patch.setattr(module, "tenant_setting", for_ours_always if ".teller" in name else for_ours)
        yield


def seen_astray(stand: Stand, theirs: World, bodies: dict[str, Any], ids: frozenset[str]) -> list[Leak]:
    """Their own requests, served as described above: what of them the database lets out."""
    found: list[Leak] = []
    for operation in stand.operations:
        if not operation.path.startswith("/v1/") or operation.path == "/v1/orders/quote":
            # A quote is made in memory, from the configuration read before.
            continue
        own = {given["name"]: theirs.own(given["name"]) for given in operation.parameters("path")}
        body = bodies[operation.name]
        answer = theirs.call(operation.method, operation.path.format(**own), body)
        if answer.status_code >= 300:
            continue
        sent = f"{own} {body}"
        text = answer.text
        told = theirs.mark in text and theirs.mark not in sent
        told = told or any(number in text and number not in sent for number in ids)
        if told:
            found.append(Leak(operation.name, "", text[:300]))
    return found


@pytest.fixture
def astray(
    stand: Stand, lasting: World, ours: World, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], list[Leak]]]:
    """What gets out of `lasting` while the application asks for it and the connection is of `ours`."""
    ids = secrets_of(lasting, ours)
    bodies = {operation.name: lasting.body(operation) for operation in stand.operations}
    with application_gone_astray(monkeypatch, ours, lasting):
        yield lambda: seen_astray(stand, lasting, bodies, ids)


def test_row_security_alone_keeps_merchants_apart(astray: Callable[[], list[Leak]]) -> None:
    leaks = astray()
    assert leaks == [], shown(leaks)


@pytest.mark.parametrize("table", ["store", "staff", "api_key", "member", "orders"])
def test_control_one_policy_dropped_is_seen(stand: Stand, astray: Callable[[], list[Leak]], table: str) -> None:
    with without_row_security(stand, [table]):
        assert astray() != []


def test_the_queries_alone_keep_merchants_apart(stand: Stand, ours: World, theirs: World) -> None:
    with without_row_security(stand, tenant_tables(stand)):
        leaks = Outsider(stand, ours, theirs).leaks()
    assert leaks == [], shown(leaks)


def test_control_without_both_walls_everything_is_seen(stand: Stand, astray: Callable[[], list[Leak]]) -> None:
    with without_row_security(stand, tenant_tables(stand)):
        assert len(astray()) > 10


def tenant_tables(stand: Stand) -> list[str]:
    with psycopg.connect(stand.urls.owner) as conn:
        rows = conn.execute("select relname from pg_class where relrowsecurity and relkind in ('r', 'p')").fetchall()
    return [row[0] for row in rows]


@contextmanager
def without_row_security(stand: Stand, tables: list[str]) -> Iterator[None]:
    def switch(word: str) -> None:
        with psycopg.connect(stand.urls.owner) as conn:
            for table in tables:
                conn.execute(f"alter table {table} {word} row level security")

    switch("disable")
    try:
        yield
    finally:
        switch("enable")
