"""OpenTelemetry spans: request, batch, statement. Nothing is made or imported unless somebody collects them."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from huimeng import __version__
from huimeng.infra import marks
from huimeng.infra.marks import Mark
from huimeng.infra.redaction import redact_text

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_MOST_LINKS = 128
# A collector that is away must not hold up the end of a process.
_END_SECONDS = 3.0
# The tenants of a transaction are numbers in its text.
_NUMBERS = re.compile(r"'[\d,]*'|\b\d{4,}\b")


class Switch:
    """Asked before anything else is done: when it is off, that is all that tracing costs."""

    on = False
    tracer: Tracer | None = None


switch = Switch()


def nobody() -> None:
    """Ends tracing that was never begun."""


def start_tracing(process: str) -> Callable[[], None]:
    """Exports by OTLP over HTTP when an endpoint is named in the environment; the answer sends what is left.

    Sampling, headers, time-outs and the service's name are taken from the usual OTEL_ variables.
    """
    named = any(os.environ.get(name, "").strip() for name in _ENDPOINTS)
    if not named or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return nobody
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    about = {"service.version": __version__, "huimeng.process": process}
    if not os.environ.get("OTEL_SERVICE_NAME", "").strip():
        about["service.name"] = "huimeng"
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    use(provider)

    def end() -> None:
        use(None)
        sending = threading.Thread(target=provider.shutdown, name="traces-end", daemon=True)
        sending.start()
        sending.join(_END_SECONDS)

    return end


def use(provider: TracerProvider | None) -> None:
    """Spans go to this provider from now on; None: no spans."""
    switch.tracer = None if provider is None else provider.get_tracer("huimeng", __version__)
    switch.on = provider is not None


def begin_request(headers: Iterable[tuple[bytes, bytes]], method: str, request_id: str) -> tuple[Span, object]:
    """The span of a request and what end_request needs; a caller's traceparent is honoured."""
    from opentelemetry import context, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {
        name.decode(): value.decode("latin-1") for name, value in headers if name in (b"traceparent", b"tracestate")
    }
    span = _started().start_span(
        method,
        context=TraceContextTextMapPropagator().extract(carrier),
        kind=trace.SpanKind.SERVER,
        attributes={"http.request.method": method, "huimeng.request_id": request_id},
    )
    return span, context.attach(trace.set_span_in_context(span))


def end_request(span: Span, token: Any, method: str, route: str, status: int, mark: Mark) -> None:
    from opentelemetry import context
    from opentelemetry.trace import StatusCode

    context.detach(token)
    span.update_name(f"{method} {route}")
    span.set_attributes({"http.route": route, "http.response.status_code": status})
    for name, value in mark.fields().items():
        if name in ("merchant_id", "actor", "batch_id"):
            span.set_attribute(f"huimeng.{name}", value)
    if status >= 500:
        span.set_status(StatusCode.ERROR)
    span.end()


@contextmanager
def batch_span(batch_id: str, waiting: Sequence[Mark | None], kinds: Sequence[str]) -> Iterator[None]:
    """A batch stands below the first traced request in it; it and the others are linked, both ways."""
    served = {
        mark.span: mark for mark in waiting if mark is not None and mark.span is not None and mark.span.is_recording()
    }
    if not served:
        yield
        return
    from opentelemetry.trace import Link, SpanKind, set_span_in_context

    first, *others = served
    links = [
        Link(span.get_span_context(), {"huimeng.request_id": mark.request_id or mark.job or ""})
        for span, mark in list(served.items())[:_MOST_LINKS]
    ]
    about: dict[str, Any] = {
        "huimeng.batch_id": batch_id,
        "huimeng.commands": len(waiting),
        "huimeng.kinds": sorted(set(kinds)),
    }
    with _started().start_as_current_span(
        "teller batch",
        context=set_span_in_context(first),
        kind=SpanKind.INTERNAL,
        attributes=about,
        links=links,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        for each in others:
            each.add_link(span.get_span_context(), {"huimeng.batch_id": batch_id})
        with _failing(span):
            yield


@contextmanager
def job(name: str, merchant_id: int | None = None, **about: str | int) -> Iterator[None]:
    """Work that nobody requested, such as a round or an import: log lines name it, and it has a span when traced."""
    mark = Mark(job=name, merchant=merchant_id)
    token = marks.current.set(mark)
    try:
        if not switch.on:
            yield
            return
        attributes: dict[str, str | int] = {f"huimeng.{key}": value for key, value in about.items()}
        if merchant_id is not None:
            attributes["huimeng.merchant_id"] = merchant_id
        with _started().start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            mark.span = span
            with _failing(span):
                yield
    finally:
        marks.current.reset(token)


@contextmanager
def statement(sql: Any) -> Iterator[Span]:
    """One statement of the plain door, named by its text without parameters."""
    text = sql_text(sql)
    with (
        _started().start_as_current_span(
            verb(text), attributes=about_statement(text), record_exception=False, set_status_on_exception=False
        ) as span,
        _failing(span),
    ):
        yield span


def recording() -> bool:
    """Whether the work under way is sampled."""
    if not switch.on:
        return False
    from opentelemetry import trace

    return trace.get_current_span().is_recording()


def tell_statement(sql: str, start_ns: int, end_ns: int, rows: int, failed: str | None) -> None:
    """A statement that has already run, below the current span."""
    from opentelemetry.trace import StatusCode

    text = sql_text(sql)
    span = _started().start_span(verb(text), attributes=about_statement(text), start_time=start_ns)
    span.set_attribute("db.response.returned_rows", rows)
    if failed is not None:
        span.set_attribute("db.response.status_code", failed)
        span.set_status(StatusCode.ERROR)
    span.end(end_ns)


def about_statement(text: str) -> dict[str, str]:
    return {"db.system.name": "postgresql", "db.operation.name": verb(text), "db.query.text": text}


def sql_text(sql: Any) -> str:
    """The template as it stands in the code; numbers and secrets that were written into it are left out."""
    if isinstance(sql, bytes):
        text = sql.decode("utf-8", "replace")
    else:
        text = sql if isinstance(sql, str) else sql.as_string(None)
    return redact_text(_NUMBERS.sub("?", text))[:4000]


def verb(text: str) -> str:
    return text.split(None, 1)[0].lower() if text.strip() else "statement"


@contextmanager
def _failing(span: Span) -> Iterator[None]:
    """Names the kind of a failure; its text may hold what the statement's values were."""
    from opentelemetry.trace import StatusCode

    try:
        yield
    except BaseException as error:
        span.set_attribute("error.type", getattr(error, "sqlstate", None) or type(error).__name__)
        span.set_status(StatusCode.ERROR)
        raise


def _started() -> Tracer:
    assert switch.tracer is not None
    return switch.tracer
