"""Whose work is under way: what every log line and span says about it without being told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


def process_name() -> str:
    """Eight letters of this process alone; digits before a number could make a phone's, which no log line shows."""
    return os.urandom(4).hex().translate(_LETTERS)


class Mark:
    """One request, job or batch; `scope` is a request's, whose principal becomes known while it is worked on."""

    __slots__ = ("batch_id", "job", "merchant", "request_id", "scope", "span")

    def __init__(
        self,
        request_id: str | None = None,
        scope: Mapping[str, Any] | None = None,
        job: str | None = None,
        merchant: int | None = None,
    ) -> None:
        self.request_id = request_id
        self.scope = scope
        self.job = job
        self.merchant = merchant
        self.batch_id: str | None = None
        # An OpenTelemetry span when this work is traced.
        self.span: Any = None

    def fields(self) -> dict[str, Any]:
        """request_id, merchant_id, actor, batch_id, job, trace_id: those that exist."""
        principal = None if self.scope is None else self.scope.get("principal")
        found = {
            "request_id": self.request_id,
            "merchant_id": getattr(principal, "merchant_id", self.merchant),
            "actor": getattr(principal, "actor", None),
            "batch_id": self.batch_id,
            "job": self.job,
        }
        if self.span is not None:
            found["trace_id"] = f"{self.span.get_span_context().trace_id:032x}"
        return {name: value for name, value in found.items() if value is not None}


current: ContextVar[Mark | None] = ContextVar("huimeng_mark", default=None)
