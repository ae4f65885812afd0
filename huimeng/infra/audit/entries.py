"""Entries of the log, and the one encoding that their MACs stand for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import msgspec

from huimeng.infra.audit.signing import entry_mac
from huimeng.infra.audit.who import By

# Stable: a code is never renamed, since entries keep it. docs/audit.md says what each means.
Action = Literal[
    "api_key.changed",
    "api_key.created",
    "api_key.revoked",
    "day.closed",
    "export.audit",
    "export.import_result",
    "figures.rebuilt",
    "import.cancelled",
    "import.discarded",
    "import.finished",
    "import.queued",
    "import.started",
    "login.failed",
    "login.locked",
    "login.succeeded",
    "logout",
    "member.changed",
    "member.joined",
    "member.revealed",
    "merchant.changed",
    "merchant.created",
    "order.refunded",
    "order.voided",
    "password.changed",
    "password.reset",
    "points.adjusted",
    "points.expired",
    "region.changed",
    "region.created",
    "rule.changed",
    "rule.created",
    "rule.disabled",
    "rule.draft_changed",
    "rule.draft_dropped",
    "rule.published",
    "session.revoked",
    "staff.changed",
    "staff.created",
    "store.changed",
    "store.created",
]
ACTIONS: tuple[str, ...] = get_args(Action)

# What it was done to: ("member", 2048), ("store", 1), ("merchant", 7).
Object = tuple[str, int | str]
Values = Mapping[str, Any]

_VERSION = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT_MAX = 200
_MICROSECOND = timedelta(microseconds=1)
_encode = msgspec.json.Encoder(order="deterministic").encode


class Entry(msgspec.Struct, frozen=True):
    """One thing that was done; before and after hold personal data in its masked form only."""

    cell_id: int
    seq: int
    at: datetime
    actor: str
    actor_name: str
    ip: str
    agent: str
    request_id: str
    action: str
    object_kind: str
    object_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    def mac(self) -> bytes:
        at = (self.at - _EPOCH) // _MICROSECOND
        fields = [_VERSION, self.cell_id, self.seq, at, *(getattr(self, name) for name in _AFTER_TIME)]
        return entry_mac(_encode(fields))


_AFTER_TIME = Entry.__struct_fields__[3:]


def make_entry(
    cell_id: int,
    seq: int,
    at: datetime,
    by: By,
    action: Action,
    what: Object,
    before: Values | None,
    after: Values | None,
) -> Entry:
    """With text that PostgreSQL can store and gives back the same; TypeError for a float."""
    kind, number = what
    return Entry(
        cell_id,
        seq,
        at.astimezone(UTC),
        _text(by.actor),
        _text(by.name),
        _text(by.ip),
        _text(by.agent),
        _text(by.request_id),
        action,
        kind,
        _text(str(number)),
        None if before is None else _plain(before),
        None if after is None else _plain(after),
    )


def differing(before: Any, after: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of two Structs or mappings the fields in which they differ, as they were and as they are."""
    old, new = _fields(before), _fields(after)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {name: old.get(name) for name in names}, {name: new.get(name) for name in names}


def _fields(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else msgspec.structs.asdict(value)


def _text(value: str) -> str:
    return "".join(sign for sign in value[:_TEXT_MAX] if sign.isprintable())


def _plain(value: Any) -> Any:
    """As JSON has it, so that what is read back from jsonb has the MAC of what was written."""
    return _checked(msgspec.to_builtins(value, str_keys=True))


def _checked(value: Any) -> Any:
    if isinstance(value, dict):
        return {_checked(key): _checked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_checked(item) for item in value]
    if isinstance(value, float):
        raise TypeError("no float is recorded: it does not come back from the database as it went in")
    if isinstance(value, str):
        # jsonb refuses NUL, and a lone surrogate is no text.
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return value
