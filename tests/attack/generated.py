"""Requests that schemathesis makes from the document, carried in-process, the same ones in each run."""

from __future__ import annotations

import copy
import io
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import hypothesis
import requests
import schemathesis
from requests.adapters import HTTPAdapter
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from urllib3 import HTTPResponse

from tests.attack.stand import Stand
from tests.attack.world import World, names_an_object

BASE = "http://127.0.0.1"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Making a list of thousands takes schemathesis ten seconds an operation; that long ones are refused is tested by hand.
_LONGEST_LIST = 3


class Carrier(HTTPAdapter):
    """A transport of requests that hands them to the stand."""

    def __init__(self, stand: Stand) -> None:
        super().__init__()
        self.stand = stand
        self.carried = 0

    def send(self, request: requests.PreparedRequest, *_rest: Any, **_more: Any) -> requests.Response:
        self.carried += 1
        path, _, asked = str(request.path_url).partition("?")
        given: Any = request.body or b""
        body = given.encode() if isinstance(given, str) else bytes(given)
        headers = [(_bytes(name).lower(), _bytes(value)) for name, value in request.headers.items()]
        headers.append((b"host", BASE.removeprefix("http://").encode()))
        status, told, content = self.stand.raw(str(request.method), path.encode(), headers, body, asked.encode())
        raw = HTTPResponse(
            io.BytesIO(content),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in told.items()},
            status=status,
            preload_content=False,
            request_method=request.method,
        )
        return self.build_response(request, raw)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8" if not text.isascii() else "ascii")


class Fuzz:
    """One caller's requests over the whole document, and what was wrong with the answers."""

    def __init__(self, stand: Stand, world: World) -> None:
        self.world = world
        self.carrier = Carrier(stand)
        self.schema = schemathesis.openapi.from_dict(_shorter(copy.deepcopy(stand.document)))
        self.random = random.Random(20261122)
        self.statuses: dict[str, set[int]] = {}
        self.faults: dict[str, str] = {}

    def run(self, log_in: Callable[[], Mapping[str, str]], *, boundaries: int, examples: int) -> None:
        """boundaries: each how-manieth of the boundary values is tried; examples: of each operation and mode.

        log_in is called again when an operation has ended the caller's session, or revoked its key.
        """
        caller = log_in()
        for found in self.schema.get_all_operations():
            operation: Any = found.ok()  # type: ignore[union-attr]
            if not operation.path.startswith("/v1/"):
                continue
            session = requests.Session()
            session.mount(BASE, self.carrier)
            if session.get(f"{BASE}/v1/merchant", headers=caller).status_code != 200:
                caller = log_in()
            session.headers.clear()
            session.headers.update(caller)
            for number, case in enumerate(self._boundaries(operation)):
                if number % boundaries == 0:
                    self._try(case, session)
                if number == 0:
                    self._try_unknown(case, session)
            for mode in GenerationMode:
                self._generate(operation, mode, session, examples)

    def _boundaries(self, operation: Any) -> Iterator[Any]:
        return iter(
            self.schema.iter_coverage_cases(
                operation, generation_modes=list(GenerationMode), generation_config=self.schema.config.generation
            )
        )

    def _generate(self, operation: Any, mode: GenerationMode, session: requests.Session, examples: int) -> None:
        @hypothesis.settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate],
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def probe(case: Any) -> None:
            self._try(case, session)

        probe()

    def _try(self, case: Any, session: requests.Session) -> int:
        """The answer's status."""
        self._put_real_ids(case)
        for name in session.headers:
            # Who calls is not for the generator to say.
            if case.headers is not None and name in case.headers:
                del case.headers[name]
        case.cookies = {}
        label = case.operation.label
        answer = case.call(base_url=BASE, session=session)
        self.statuses.setdefault(label, set()).add(answer.status_code)
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                said = f"{label}: {failure.title}: {answer.status_code}"
                sent = f"{case.method} {case.path_parameters} {case.query} {str(case.body)[:300]}"
                self.faults.setdefault(said, f"{sent} -> {answer.content[:300]!r}")
        return int(answer.status_code)

    def _try_unknown(self, case: Any, session: requests.Session) -> None:
        """With a parameter that the document does not have."""
        case.query = {**(case.query or {}), "no_such": "1"}
        status = self._try(case, session)
        if status < 400:
            self.faults.setdefault(
                f"{case.operation.label}: an unknown parameter is ignored: {status}", str(case.query)
            )

    def _put_real_ids(self, case: Any) -> None:
        """Most made-up ids are nobody's; some shall be of objects that exist."""
        for name in case.path_parameters or {}:
            if name in self.world.ids and self.random.random() < 0.6:
                case.path_parameters[name] = self.random.choice(self.world.ids[name])
        if isinstance(case.body, dict):
            for name in case.body:
                known = names_an_object(name) and name in self.world.ids and isinstance(case.body[name], str)
                if known and self.random.random() < 0.6:
                    case.body[name] = self.random.choice(self.world.ids[name])


def _shorter(node: Any) -> Any:
    if isinstance(node, dict):
        if isinstance(node.get("maxItems"), int):
            node["maxItems"] = min(node["maxItems"], _LONGEST_LIST)
        for inner in node.values():
            _shorter(inner)
    elif isinstance(node, list):
        for inner in node:
            _shorter(inner)
    return node
