"""Every request has an id, one line and its metrics; neither a caller nor a path can make more of them."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from huimeng.entry.api import create_app
from huimeng.entry.context import Context
from huimeng.infra import logs, marks, scrape
from huimeng.infra.redaction import redact_text
from huimeng.infra.watch import Watch
from huimeng.kernel.errors import Unavailable
from huimeng.merchant.authentication import Principal
from huimeng.merchant.service import create_api_key
from huimeng.merchant.values import ApiKeyInput
from tests.conftest import Shop

PROBLEM = [(b"content-type", b"application/problem+json"), (b"content-length", b"17")]


class Inner:
    """An application that answers what it is told to, as the framework does."""

    def __init__(self, status: int = 200, body: bytes = b"{}", headers: Any = ()) -> None:
        self.start = {"type": "http.response.start", "status": status, "headers": list(headers)}
        self.body = {"type": "http.response.body", "body": body}
        self.seen: list[dict[str, Any]] = []
        self.route: str | None = "/v1/members/{member_id}"
        self.fails: BaseException | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope)
        if self.route is not None:
            scope["path_template"] = self.route
        scope["principal"] = Principal(7, 7168, frozenset("*"), "key:3", 3)
        if self.fails is not None:
            raise self.fails
        await send(self.start)
        await send(self.body)


async def call(
    app: Any, *headers: tuple[bytes, bytes], method: str = "GET", path: str = "/v1/members/5", query: bytes = b""
) -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": list(headers)}
    await app(scope, None, send)
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message["body"] for message in sent[1:])


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(logs._access, "write", found.append)
    yield found


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize("given", ["a", "POS-7_2026.11", "x" * 64])
async def test_a_fit_id_of_the_caller_is_kept(given: str, lines: list[dict[str, Any]]) -> None:
    inner = Inner()
    _, headers, _ = await call(Watch(inner), (b"x-request-id", given.encode()))
    assert headers[b"x-request-id"].decode() == inner.seen[0]["request_id"] == lines[0]["request_id"] == given


@pytest.mark.parametrize("given", [b"", b"x" * 65, b"a b", b"a\nb", b"a;b", "编号".encode(), b'"', b"a\x00", b"\xff"])
async def test_an_unfit_one_is_replaced(given: bytes, lines: list[dict[str, Any]]) -> None:
    _, headers, _ = await call(Watch(Inner()), (b"x-request-id", given))
    assert headers[b"x-request-id"] != given
    assert lines[0]["request_id"].encode() == headers[b"x-request-id"]


async def test_two_ids_are_none(lines: list[dict[str, Any]]) -> None:
    _, headers, _ = await call(Watch(Inner()), (b"x-request-id", b"a"), (b"x-request-id", b"b"))
    assert headers[b"x-request-id"] not in (b"a", b"b")


async def test_made_ids_differ_also_between_processes(lines: list[dict[str, Any]]) -> None:
    for app in (Watch(Inner()), Watch(Inner())):
        for _ in range(50):
            await call(app)
    assert len({line["request_id"] for line in lines}) == 100


@pytest.mark.parametrize("drawn", [bytes.fromhex("a1381234"), bytes.fromhex("13812345"), b"\0" * 4])
async def test_no_made_id_is_taken_for_a_phone_number(drawn: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huimeng.infra.marks.os.urandom", lambda size: drawn[:size])
    made = [f"{marks.process_name()}-{number}" for number in (1, 678, 5678, 13812345678 // 10)]
    assert [redact_text(each) for each in made] == made


async def test_a_problem_names_the_request_and_its_length_is_right(lines: list[dict[str, Any]]) -> None:
    inner = Inner(429, b'{"code":"too_busy"}', PROBLEM)
    before = value("huimeng_refused_total", reason="too_busy")
    for number in (b"r-1", b"r-2"):
        status, headers, body = await call(Watch(inner), (b"x-request-id", number))
        assert (status, body) == (429, b'{"request_id":"' + number + b'","code":"too_busy"}')
        assert int(headers[b"content-length"]) == len(body)
    # The answer of another request may be the very same object.
    assert inner.start["headers"] == PROBLEM
    assert (lines[0]["code"], lines[0]["bytes"]) == ("too_busy", len(body))
    assert value("huimeng_refused_total", reason="too_busy") == before + 2


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"not json"])
async def test_what_is_no_problem_object_goes_through_as_it_is(body: bytes) -> None:
    assert (await call(Watch(Inner(500, body, PROBLEM))))[2] == body


async def test_the_line_holds_no_path_no_query_and_no_header(lines: list[dict[str, Any]]) -> None:
    secret = (b"authorization", b"Bearer hm_1_1_secret")
    await call(Watch(Inner()), secret, path="/v1/members/13812345678", query=b"phone=13812345678")
    assert lines == [
        {
            "method": "GET",
            "route": "/v1/members/{member_id}",
            "status": 200,
            "ms": lines[0]["ms"],
            "bytes": 2,
            "request_id": lines[0]["request_id"],
            "merchant_id": 7,
            "actor": "key:3",
        }
    ]


async def test_a_fault_is_a_500_and_a_caller_who_left_is_told_apart(lines: list[dict[str, Any]]) -> None:
    for fails in (ValueError(), asyncio.CancelledError()):
        inner = Inner()
        inner.fails = fails
        with pytest.raises(type(fails)):
            await call(Watch(inner))
    assert [line["status"] for line in lines] == [500, 499]
    assert marks.current.get() is None


async def test_callers_can_make_no_new_time_series(lines: list[dict[str, Any]]) -> None:
    inner = Inner(404)
    inner.route = None
    series = sum(len(metric.samples) for metric in REGISTRY.collect())
    for number in range(50):
        await call(Watch(inner), method=f"M{number}", path=f"/v1/{number}")
    # One more route and method, "-" and OTHER, with its buckets.
    assert sum(len(metric.samples) for metric in REGISTRY.collect()) <= series + 22


async def test_requests_and_seconds_are_counted(lines: list[dict[str, Any]]) -> None:
    labels = {"method": "GET", "route": "/v1/members/{member_id}"}
    before = value("huimeng_http_requests_total", status="2xx", **labels)
    timed = value("huimeng_http_request_seconds_count", **labels)
    await call(Watch(Inner(201)))
    assert value("huimeng_http_requests_total", status="2xx", **labels) == before + 1
    assert value("huimeng_http_request_seconds_count", **labels) == timed + 1


async def test_a_rate_sees_the_first_fault_of_a_route_and_the_first_refusal(lines: list[dict[str, Any]]) -> None:
    inner = Inner()
    inner.route = "/v1/first-fault"
    await call(Watch(inner))
    labels = {"method": "GET", "route": "/v1/first-fault", "status": "5xx"}
    assert REGISTRY.get_sample_value("huimeng_http_requests_total", labels) == 0
    assert REGISTRY.get_sample_value("huimeng_refused_total", {"reason": Unavailable.code}) is not None


async def test_what_is_no_request_goes_through() -> None:
    inner = Inner()
    await Watch(inner)({"type": "lifespan"}, None, lambda message: asyncio.sleep(0))
    assert "request_id" not in inner.seen[0]


@asynccontextmanager
async def running(context: Context) -> AsyncIterator[Any]:
    """The whole application, begun and ended as a server does."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Context]:
        yield context

    app = create_app(opened())
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan", "asgi": {}, "state": {}}, told.get, heard.put))
    await told.put({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"
    yield app
    await told.put({"type": "lifespan.shutdown"})
    await life


async def test_the_application_has_it_outermost(context: Context, lines: list[dict[str, Any]]) -> None:
    """Also what is refused before the framework, and what the framework refuses, has an id in its body."""
    async with running(context) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for path, status in (("/nowhere", 404), ("/v1/members", 401)):
                answer = await client.get(path, headers={"X-Request-Id": "r-9"})
                assert answer.status_code == status
                assert answer.headers["x-request-id"] == answer.json()["request_id"] == "r-9"
            page = (await client.get("/metrics")).text
    assert [(line["route"], line["status"]) for line in lines] == [("-", 404), ("-", 401), ("/metrics", 200)]
    assert "\nhuimeng_database_up 1.0" in page


async def test_a_refusal_is_a_line_with_caller_route_and_code(
    context: Context, shop: Shop, lines: list[dict[str, Any]]
) -> None:
    """Whoever has a key that may not do so, or sends what is no value, is known by it; a made-up key is nobody's."""
    async with context.db.tenant(shop.merchant_id) as conn:
        wanted = ApiKeyInput(name="till", scopes=["members:write"])
        key, token = await create_api_key(conn, shop.merchant_id, wanted)
    asked = (("GET", "/v1/audit", token), ("POST", "/v1/members", token), ("GET", "/v1/audit", token[:-1] + "!"))
    async with running(context) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for method, path, bearer in asked:
                headers = {"Authorization": f"Bearer {bearer}", "Idempotency-Key": "k-1"}
                await client.request(method, path, headers=headers, json={"phone": 5} if method == "POST" else None)
    about = ("merchant_id", "actor", "route", "status", "code")
    who = (shop.merchant_id, f"key:{key.key_id}")
    assert [tuple(line.get(name) for name in about) for line in lines] == [
        (*who, "/v1/audit", 403, "permission_denied"),
        (*who, "/v1/members", 400, "invalid_input"),
        (None, None, "-", 401, "unauthorized"),
    ]
    assert token.split("_", 3)[3] not in str(lines)


async def test_who_asks_on_and_on_whether_it_is_ready_costs_no_more(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings: list[bool] = []

    async def ping() -> None:
        pings.append(True)
        raise Unavailable()

    monkeypatch.setattr(context.db, "ping", ping)
    monkeypatch.setattr(scrape, "FRESH_SECONDS", 600.0)
    async with running(context) as app:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answers = await asyncio.gather(*(client.get("/readyz") for _ in range(20)), client.get("/metrics"))
    assert [answer.status_code for answer in answers] == [503] * 20 + [200]
    assert answers[0].json()["code"] == "database_unavailable"
    assert "\nhuimeng_database_up 0.0" in answers[-1].text
    assert len(pings) == 1


async def test_requests_at_the_same_time_keep_apart(lines: list[dict[str, Any]]) -> None:
    seen: dict[str, set[str]] = {}

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(3):
            mark = marks.current.get()
            assert mark is not None and mark.request_id is not None
            seen.setdefault(scope["request_id"], set()).add(mark.request_id)
            await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    app = Watch(inner)
    await asyncio.gather(*(call(app, (b"x-request-id", f"r-{n}".encode())) for n in range(30)))
    assert seen == {f"r-{n}": {f"r-{n}"} for n in range(30)}


async def test_watching_costs_little() -> None:
    """The aim is 30 millionths of a second a request, of this process's own; a slow machine gets ten times that."""
    inner = Inner(body=b"x" * 300)
    watched = Watch(inner)
    scope = {"type": "http", "method": "GET", "path": "/v1/x", "headers": [(b"accept", b"*/*")] * 8}

    async def send(message: Any) -> None:
        return

    async def seconds(app: Any) -> float:
        best = 1.0
        for _ in range(5):
            gc.collect()
            started = time.process_time()
            for _ in range(200):
                await app(dict(scope), None, send)
            best = min(best, (time.process_time() - started) / 200)
        return best

    assert await seconds(watched) - await seconds(inner) < 300e-6
