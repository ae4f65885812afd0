"""Logs: one JSON object a line on stderr, whoever writes it; docs/watching.md says what a line holds."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, MutableMapping
from types import TracebackType
from typing import Any, TextIO

import msgspec
import structlog

from huimeng.infra import marks
from huimeng.infra.redaction import redact, redact_text

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_encode = msgspec.json.Encoder(enc_hook=str).encode
# JSON leaves these as they are, and a terminal or a viewer may obey them: C1 controls, line separators, text direction.
_UNSAFE = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_Line = MutableMapping[str, Any]


class _Access:
    """Where the lines of requests go; nowhere in a process that has not configured its logs."""

    write: Callable[[dict[str, Any]], None] | None = None


_access = _Access()


def access(fields: dict[str, Any]) -> None:
    """The one line of a request."""
    if _access.write is not None:
        _access.write(fields)


def configure_logging(usual: int = logging.INFO, stream: TextIO | None = None, *, faults: bool = True) -> None:
    """For a whole process. HUIMENG_LOG_LEVEL wins over `usual`; loggers of libraries say no more than info.

    faults: a traceback that ends the process is a line too; for a person at a terminal it is not.
    """
    stream = stream or sys.stderr
    level = _LEVELS.get(os.environ.get("HUIMENG_LOG_LEVEL", "").strip().lower(), usual)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                *_shared(),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _safe, _render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.INFO))
    logging.getLogger("huimeng").setLevel(level)
    # Alembic tells of every start, not only of what it does.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.captureWarnings(True)
    if faults:
        sys.excepthook = _on_fault
        threading.excepthook = _on_thread_fault
    _access.write = _access_lines(stream) if level <= logging.INFO else None


def _shared() -> list[structlog.typing.Processor]:
    return [
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        _add_mark,
    ]


def _access_lines(stream: TextIO) -> Callable[[dict[str, Any]], None]:
    """The line of each request takes the short way: through the standard library it would cost three times as much."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="time")
    log = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[stamp, _render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    ).bind(level="info", logger="huimeng.access")

    def write(fields: dict[str, Any]) -> None:
        # The one thing in it that a caller may have chosen; all else is out of the code or a number.
        fields["request_id"] = redact_text(fields["request_id"])
        try:
            log.info("request", **fields)
        except (OSError, ValueError):
            # Nobody reads the log any more; the request is answered all the same.
            return

    return write


def _add_mark(logger: Any, name: str, line: _Line) -> _Line:
    mark = marks.current.get()
    if mark is not None:
        for field, value in mark.fields().items():
            line.setdefault(field, value)
    return line


def _safe(logger: Any, name: str, line: _Line) -> _Line:
    """Without secrets; what is missing to a redacted line can be told by its fields' names."""
    found: _Line = redact(line)
    return found


def _render(logger: Any, name: str, line: _Line) -> str:
    try:
        text = _encode(line).decode()
    except (UnicodeEncodeError, TypeError, ValueError, msgspec.MsgspecError):
        # Half a surrogate pair, or a number that JSON doesn't have.
        return json.dumps(line, default=str)
    return text if text.isascii() else _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _on_fault(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, at)
        return
    logging.getLogger("huimeng").critical("the process ends by a fault", exc_info=(kind, error, at))


def _on_thread_fault(fault: threading.ExceptHookArgs) -> None:
    if fault.exc_value is not None and not issubclass(fault.exc_type, SystemExit):
        logging.getLogger("huimeng").error(
            "a thread ended by a fault", exc_info=(fault.exc_type, fault.exc_value, fault.exc_traceback)
        )
