"""Entity tags: a tag stands for the bytes of an answer, so that a change can be refused that was made blindly."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from huimeng.kernel.errors import PreconditionFailed

_HEADER_MAX = 2000
Tags = frozenset[str]


def etag(body: bytes) -> str:
    """A strong one."""
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


def tags_of(header: str | None) -> Tags | None:
    """The tags of If-Match or If-None-Match; None: there is no such header."""
    return None if header is None else frozenset(each.strip() for each in header[:_HEADER_MAX].split(","))


def known(tags: Tags | None, tag: str) -> bool:
    """Whether the client has it already; whether it calls it weak does not matter for that."""
    return tags is not None and ("*" in tags or tag in {each.removeprefix("W/") for each in tags})


def check_expected(tags: Tags | None, value: Any) -> None:
    """PreconditionFailed when this isn't what the client has read; None: it may be anything."""
    if tags is not None and "*" not in tags and etag(msgspec.json.encode(value)) not in tags:
        raise PreconditionFailed()
