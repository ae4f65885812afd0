"""The whole document, made into requests: no fault of ours, no answer that the document doesn't have."""

from __future__ import annotations

import pytest

from tests.attack.generated import Fuzz
from tests.attack.stand import Operation, Stand
from tests.attack.world import World

# The stand's own thread draws random numbers while hypothesis watches for that.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the:hypothesis.errors.HypothesisDeprecationWarning")

FEW_SCOPES = ("members:read", "orders:read", "settings:read")
# Where nobody is logged in yet.
OPEN = {"GET /healthz", "GET /readyz", "POST /v1/session"}


def test_a_key_that_may_do_everything(stand: Stand, ours: World) -> None:
    fuzz = Fuzz(stand, ours)
    fuzz.run(lambda: {"Authorization": f"Bearer {ours.key('*')}"}, boundaries=4, examples=3)
    assert fuzz.faults == {}, shown(fuzz)
    assert [label for label, seen in fuzz.statuses.items() if seen <= {401} and label not in OPEN] == []


def test_a_key_that_may_do_little(stand: Stand, ours: World) -> None:
    fuzz = Fuzz(stand, ours)
    fuzz.run(lambda: {"Authorization": f"Bearer {ours.key(*FEW_SCOPES)}"}, boundaries=30, examples=1)
    assert fuzz.faults == {}, shown(fuzz)
    refused = {label for label, seen in fuzz.statuses.items() if 403 in seen}
    assert len(refused) > 20
    assert [label for label in refused if 200 in fuzz.statuses[label] or 201 in fuzz.statuses[label]] == []


@pytest.mark.parametrize("role", ["owner", "cashier"])
def test_a_person_in_a_browser(stand: Stand, ours: World, role: str) -> None:
    fuzz = Fuzz(stand, ours)
    fuzz.run(lambda: ours.log_in(role), boundaries=30, examples=1)
    assert fuzz.faults == {}, shown(fuzz)
    refused = {label for label, seen in fuzz.statuses.items() if 403 in seen}
    assert (len(refused) > 20) == (role == "cashier"), refused


def shown(fuzz: Fuzz) -> str:
    return "\n".join(f"{said}\n    {how}" for said, how in fuzz.faults.items())


def wrong_credentials(world: World) -> list[dict[str, str]]:
    token = world.token
    return [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {token}"},
        {"Authorization": token},
        {"Authorization": f"Bearer {token}x"},
        {"Authorization": f"Bearer {token[:-1]}"},
        {"Authorization": f"Bearer {token.upper()}"},
        {"Authorization": f"Bearer hm_{world.merchant_id}_999999_{'A' * 43}"},
        {"Authorization": f"Bearer {'x' * 5000}"},
        {"Cookie": f"huimeng_session={token}; __Host-huimeng={token}"},
        {"X-Api-Key": token},
    ]


def test_no_operation_ignores_who_calls(stand: Stand, ours: World) -> None:
    """Asked for without a credential, with a wrong one, or with the right one in a wrong place: 401, whatever else."""
    let_in = []
    for operation in stand.operations:
        if operation.name in OPEN:
            continue
        path = with_ids(operation, ours)
        for headers in wrong_credentials(ours):
            sent = {"Idempotency-Key": "nobody", **headers}
            body = ours.body(operation) if operation.writes else None
            answer = stand.call(operation.method, path, None, sent, json=body, params={"token": ours.token})
            if answer.status_code != 401 or answer.json()["code"] != "unauthorized":
                let_in.append((operation.name, headers, answer.status_code, answer.text))
    assert let_in == [], "\n".join(map(str, let_in))


def test_the_document_says_who_may_call(stand: Stand) -> None:
    open_ones = {op.name for op in stand.operations if {} in op.told.get("security", [])}
    assert open_ones | {"GET /healthz", "GET /readyz"} == OPEN
    assert stand.document["security"] == [{"api_key": []}] or "session" in str(stand.document["security"])


def with_ids(operation: Operation, world: World) -> str:
    return operation.path.format(**{given["name"]: world.own(given["name"]) for given in operation.parameters("path")})
