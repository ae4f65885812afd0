"""Spans from request to batch to statement, with the text of statements and nothing of anybody's data."""

from __future__ import annotations

import asyncio
import gzip
import http.server
import itertools
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler

from huimeng.analytics.jobs import follow
from huimeng.checkout.http import routes
from huimeng.checkout.service import Till
from huimeng.entry.context import Context, shelves
from huimeng.infra import logs, tracing
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.heads import lock_head
from huimeng.infra.http import on_business_error
from huimeng.infra.settings import Settings
from huimeng.infra.teller import Teller
from huimeng.infra.watch import Watch
from huimeng.kernel.errors import BusinessError
from huimeng.merchant.authentication import Principal
from huimeng.porting.service import import_members
from tests.conftest import Shop, make_shop
from tests.infra.door import until
from tests.infra.steps import Count, StepShelf, stumble

PHONE = "13812345678"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0{sampled}"


class Traces:
    """What was exported, by name."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self, name: str = "") -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name == name or not name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.all(name)
        return span

    def below(self, parent: ReadableSpan) -> list[ReadableSpan]:
        number = id_of(parent)
        return [span for span in self.all() if span.parent is not None and span.parent.span_id == number]

    def clear(self) -> None:
        self._exporter.clear()


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    number: int = span.context.span_id
    return number


def about(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@contextmanager
def tracing_to_memory(sampler: Sampler | None = None) -> Iterator[Traces]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    try:
        yield Traces(exporter)
    finally:
        tracing.use(None)
        provider.shutdown()


@pytest.fixture
def traces() -> Iterator[Traces]:
    with tracing_to_memory() as found:
        yield found


class Web:
    """Checkout behind the watch, on connections of its own: what was connected before tracing began isn't traced."""

    def __init__(self, urls: DatabaseUrls, shop: Shop) -> None:
        self._urls = urls
        self._shop = shop

    async def __aenter__(self) -> httpx.AsyncClient:
        self._db = await Database.open(self._urls, pool_size=2)
        self._teller = await Teller(self._urls, shelves()).__aenter__()
        app = Litestar(routes, exception_handlers={BusinessError: on_business_error}, logging_config=None)
        app.state.db, app.state.teller, app.state.till = self._db, self._teller, Till(self._db, b"secret")

        async def called(scope: Any, receive: Any, send: Any) -> None:
            scope["principal"] = Principal(self._shop.merchant_id, self._shop.cell_id, frozenset("*"), "key:1", 1)
            await app(scope, receive, send)

        transport = httpx.ASGITransport(app=Watch(called))
        self._client = httpx.AsyncClient(transport=transport, base_url="http://test")
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        await self._teller.__aexit__()
        await self._db.close()


@pytest.fixture
async def web(urls: DatabaseUrls, shop: Shop, traces: Traces) -> AsyncIterator[httpx.AsyncClient]:
    async with Web(urls, shop) as client:
        yield client


async def sell(client: httpx.AsyncClient, number: int, **headers: str) -> httpx.Response:
    body = {"store": "s1", "order_no": f"T{number}", "lines": [{"sku": "茶", "paid_fen": 1000}]}
    sent = {"Idempotency-Key": f"{PHONE}-{number}", "X-Request-Id": f"r-{number}", **headers}
    answer = await client.post("/v1/orders", json=body, headers=sent)
    assert answer.status_code in (200, 201), answer.text
    return answer


async def test_a_request_leads_to_its_batch_and_to_each_statement(web: httpx.AsyncClient, traces: Traces) -> None:
    await sell(web, 1)
    request = traces.one("POST /v1/orders")
    batch = traces.one("teller batch")
    assert batch in traces.below(request)
    assert about(request)["huimeng.batch_id"] == about(batch)["huimeng.batch_id"]
    assert about(request)["huimeng.request_id"] == "r-1"
    statements = traces.below(batch)
    texts = [about(span)["db.query.text"] for span in statements]
    assert texts[0] == "begin" and texts[-1] == "commit"
    assert texts[1] == "set local huimeng.merchants = ?"
    heads = [span for span, text in zip(statements, texts, strict=True) if "from cell_head h" in text]
    assert about(heads[0])["db.response.returned_rows"] == 1
    assert any("insert into outbox" in text and "%s" in text for text in texts)
    times = [(span.start_time or 0, span.end_time or 0) for span in statements]
    assert all(batch.start_time <= start <= end <= batch.end_time for start, end in times)  # type: ignore[operator]
    # One after the other, as the server works: the time of each is its own.
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(times))


async def test_a_batch_of_many_is_linked_with_all_of_them(web: httpx.AsyncClient, traces: Traces) -> None:
    await asyncio.gather(*(sell(web, number) for number in range(2, 32)))
    requests = {id_of(span): span for span in traces.all("POST /v1/orders")}
    batches = traces.all("teller batch")
    assert len(requests) == 30 and len(batches) < 30
    linked = [link.context.span_id for batch in batches for link in batch.links]
    assert sorted(linked) == sorted(requests)
    for batch in batches:
        assert about(batch)["huimeng.commands"] == len(batch.links)
        for link in batch.links:
            request = requests[link.context.span_id]
            back = [each.context.span_id for each in request.links]
            assert back == [id_of(batch)] or (batch.parent is not None and batch.parent.span_id == id_of(request))
            assert about(request)["huimeng.batch_id"] == about(batch)["huimeng.batch_id"]
            assert (link.attributes or {})["huimeng.request_id"] == about(request)["huimeng.request_id"]


async def test_nothing_of_a_request_but_its_shape_is_in_a_span(web: httpx.AsyncClient, traces: Traces) -> None:
    await sell(web, 40)
    await web.get(f"/v1/orders/{PHONE}?phone={PHONE}")
    everything = [span.to_json() for span in traces.all()]
    assert len(everything) > 10
    assert not [text for text in everything if PHONE in text or "茶" in text or "T40" in text]
    assert traces.all("GET /v1/orders/{order_id}")


async def test_a_callers_trace_is_continued(web: httpx.AsyncClient, traces: Traces) -> None:
    await sell(web, 50, traceparent=PARENT.format(sampled=1))
    assert {span.context.trace_id for span in traces.all() if span.context} == {0x0AF7651916CD43DD8448EB211C80319C}
    parent = traces.one("POST /v1/orders").parent
    assert parent is not None and parent.span_id == 0xB7AD6B7169203331
    traces.clear()
    await sell(web, 51, traceparent=PARENT.format(sampled=0))
    assert traces.all() == []
    await sell(web, 52, traceparent="00-nonsense-\x7f-01")
    assert traces.one("POST /v1/orders").parent is None


async def test_a_batch_with_one_sampled_request_is_traced_for_it_alone(urls: DatabaseUrls, shop: Shop) -> None:
    with tracing_to_memory(ParentBased(ALWAYS_OFF)) as traces:
        async with Web(urls, shop) as client:
            sampled = PARENT.format(sampled=1)
            await asyncio.gather(
                *(
                    sell(client, number, **({"traceparent": sampled} if number == 65 else {}))
                    for number in range(60, 80)
                )
            )
        batch = traces.one("teller batch")
        assert [(link.attributes or {})["huimeng.request_id"] for link in batch.links] == ["r-65"]
        assert traces.one("POST /v1/orders")


async def test_reading_has_statement_spans_with_rows(web: httpx.AsyncClient, traces: Traces) -> None:
    sold = (await sell(web, 80)).json()
    traces.clear()
    await web.get(f"/v1/orders/{sold['order_id']}")
    request = traces.one("GET /v1/orders/{order_id}")
    texts = {about(span)["db.query.text"]: about(span)["db.response.returned_rows"] for span in traces.below(request)}
    assert "set transaction isolation level repeatable read read only" in texts
    assert "statement" not in {span.name for span in traces.all()}
    assert 1 in texts.values()


async def test_a_failing_batch_is_told_by_kind_not_by_text(urls: DatabaseUrls, shop: Shop, traces: Traces) -> None:
    async with Teller(urls, [StepShelf()]) as lane:
        with pytest.raises(ZeroDivisionError), tracing.job("try", shop.merchant_id):
            await lane.submit(Count(shop.cell_id, trouble=stumble))
    batch = traces.one("teller batch")
    assert about(batch)["error.type"] == "ZeroDivisionError"
    assert not batch.status.is_ok and not batch.events
    assert about(traces.one("try"))["error.type"] == "ZeroDivisionError"


async def test_a_failing_statement_has_its_state(urls: DatabaseUrls, traces: Traces) -> None:
    db = await Database.open(urls, pool_size=1)
    with tracing.job("try"), pytest.raises(ZeroDivisionError):
        async with db.directory() as conn:
            try:
                await conn.execute("select 1 / %s, %s", (0, PHONE))
            finally:
                raise ZeroDivisionError
    await db.close()
    failed = traces.one("select")
    assert about(failed)["error.type"] == "22012"
    assert PHONE not in failed.to_json()


async def test_figures_and_imports_have_spans(
    urls: DatabaseUrls, db: Database, vault: Vault, data_dir: Path, traces: Traces, tmp_path: Path
) -> None:
    shop = await make_shop(db, vault)
    traced = await Database.open(urls, pool_size=3)
    stop = asyncio.Event()
    async with Teller(urls, shelves()) as teller:
        settings = Settings(data_dir=data_dir, host="127.0.0.1", port=8000, workers=1)
        context = Context(settings, urls, traced, teller, vault)
        path = tmp_path / f"{PHONE}.csv"
        path.write_text(f"手机号,姓名\n{PHONE},王小明\n", encoding="utf-8")
        result = await import_members(context, shop.merchant_id, path)
        assert result.counts["created"] == 1
        follower = asyncio.create_task(follow(traced, stop, 0.05))
        await until(lambda: traces.all("figures"))
        stop.set()
        await follower
    await traced.close()
    work = traces.one("import members")
    assert about(work)["huimeng.merchant_id"] == shop.merchant_id
    assert [span for span in traces.below(work) if span.name == "teller batch"]
    assert traces.all("figures")
    assert not [span for span in traces.all() if PHONE in span.to_json() or "王小明" in span.to_json()]


async def test_without_a_collector_nothing_is_made(urls: DatabaseUrls, shop: Shop) -> None:
    assert not tracing.switch.on
    async with Teller(urls, [StepShelf()]) as lane:
        with tracing.job("try"):
            await lane.submit(Count(shop.cell_id))
        assert type(lane._wire).__name__ == "Wire"
    db = await Database.open(urls, pool_size=1)
    async with db.directory() as conn:
        assert conn.cursor_factory.__name__ == "AsyncCursor"
    await db.close()


def test_without_a_collector_nothing_is_imported() -> None:
    code = (
        "import sys, huimeng.infra.teller, huimeng.infra.watch; from huimeng.infra import tracing; "
        "tracing.start_tracing('web')(); assert not tracing.switch.on; "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], env={"PATH": ""}, check=False).returncode == 0


class Receiver:
    """A collector of OTLP over HTTP, as small as can be."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.process = ""
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.take(self.path, body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def take(self, path: str, body: bytes) -> None:
        assert path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            told = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.process = f"{told['service.name']} {told['huimeng.process']}"
            for scope in resource.scope_spans:
                self.spans += scope.spans

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


async def test_spans_reach_a_collector_over_http(
    urls: DatabaseUrls, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        end = tracing.start_tracing("web")
        try:
            async with Web(urls, shop) as client:
                await sell(client, 90)
        finally:
            await asyncio.to_thread(end)
    names = {span.name for span in receiver.spans}
    assert {"POST /v1/orders", "teller batch", "insert", "commit"} <= names
    assert receiver.process == "huimeng web"
    assert len({span.trace_id for span in receiver.spans}) == 1
    assert not tracing.switch.on


def test_it_can_be_switched_off_beside_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert tracing.start_tracing("web") is tracing.nobody


async def test_a_line_of_a_traced_request_names_its_trace(
    web: httpx.AsyncClient, traces: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(logs._access, "write", lines.append)
    await sell(web, 95)
    request = traces.one("POST /v1/orders")
    assert request.context is not None
    assert lines[0]["trace_id"] == f"{request.context.trace_id:032x}"
    assert lines[0]["batch_id"] == about(request)["huimeng.batch_id"]


async def test_a_slow_request_leads_to_the_statement_that_waited(
    web: httpx.AsyncClient, db: Database, shop: Shop, traces: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example of docs/watching.md: from the id on the till to the lock on the merchant's head."""
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(logs._access, "write", lines.append)
    async with db.tenant(shop.merchant_id) as conn:
        await lock_head(conn, shop.cell_id)
        sale = asyncio.create_task(sell(web, 96))
        waiting = "select count(*) from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))"
        while True:
            if await (await conn.execute(waiting)).fetchone() != (0,):
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.4)
    await sale
    (line,) = [each for each in lines if each["request_id"] == "r-96"]
    assert line["ms"] > 300
    (batch,) = [each for each in traces.all("teller batch") if about(each)["huimeng.batch_id"] == line["batch_id"]]
    slowest = max(traces.below(batch), key=lambda span: (span.end_time or 0) - (span.start_time or 0))
    assert "from cell_head h" in about(slowest)["db.query.text"] and "for update" in about(slowest)["db.query.text"]
    assert (slowest.end_time or 0) - (slowest.start_time or 0) > 300_000_000


def test_a_collector_that_is_away_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(tracing, "_END_SECONDS", 0.3)
    end = tracing.start_tracing("web")
    with tracing.job("try"):
        pass
    started = time.monotonic()
    end()
    # Without that end it tries for a minute.
    assert time.monotonic() - started < 20
