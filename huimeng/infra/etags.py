"""Entity tags: a tag stands for the bytes of an answer, so that a change can be refused that was made blindly."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from huimeng.kernel.errors import PreconditionFailed

_HEADER_MAX = 2000
Tags = frozenset[str]


def etag(body: bytes, kind: type[Any] | None = None) -> str:
    """A strong one. Where a kind's `moving` fields are left out of it, it goes on behind a dot with all of them: what
    nobody edits, such as the day of last use, makes another answer but no conflict.
    """
    moving = getattr(kind, "moving", None)
    if moving is None:
        return f'"{_digest(body)}"'
    edited = {name: value for name, value in msgspec.json.decode(body).items() if name not in moving}
    return f'"{_digest(msgspec.json.encode(edited))}.{_digest(body)}"'


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def tags_of(header: str | None) -> Tags | None:
    """The tags of If-Match or If-None-Match; None: there is no such header."""
    return None if header is None else frozenset(each.strip() for each in header[:_HEADER_MAX].split(","))


def known(tags: Tags | None, tag: str) -> bool:
    """Whether the client has it already; whether it calls it weak does not matter for that."""
    return tags is not None and ("*" in tags or tag in {each.removeprefix("W/") for each in tags})


def check_expected(tags: Tags | None, value: Any) -> None:
    """PreconditionFailed when this isn't what the client has read; None: it may be anything."""
    if tags is None or "*" in tags:
        return
    if _edited(etag(msgspec.json.encode(value), type(value))) not in map(_edited, tags):
        raise PreconditionFailed()


def _edited(tag: str) -> str:
    """What of it stands for what people edit."""
    return tag.partition(".")[0]
