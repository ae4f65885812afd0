"""The last net before a log line is written: secrets and phone numbers that should never have come this far."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_HIDDEN = "[hidden]"
_DEEPEST = 6
# Field names whose value is never shown, whatever it is.
_SECRET_NAMES = re.compile(
    r"(?:^|[_.-])(?:password|passwd|pwd|pin|otp|secret|token|authorization|cookie|csrf|"
    r"api[_-]?key|master[_-]?key|private[_-]?key|phone|mobile)s?$|^(?:__host-huimeng|huimeng_session)$",
    re.IGNORECASE,
)
_SECRETS = re.compile(
    r"""
    hm_\d+_\d+_[\w-]+                                    # API keys
  | hm_[\w-]{16,}
  | hs_\d+_\d+_[\w-]+                                    # sessions of people
  | (?i:\b(?:bearer|basic)\s+[\w.~+/=-]{6,})             # what follows in an Authorization header
  | \$(?:argon2\w+|2[aby]|pbkdf2[\w-]*|scrypt)\$[^\s"']+ # hashes of passwords
  | (?<=://)[^/\s:@]*:[^/\s@]+(?=@)                      # user:password in a url
  | \beyJ[\w-]{8,}\.[\w-]+\.[\w-]*                       # web tokens
    """,
    re.VERBOSE,
)
_NAMED = re.compile(
    r"""(?P<name>(?i:(?:password|passwd|pwd|secret|token|authorization|(?:set-)?cookie|csrf|api[_-]?key|master[_-]?key|
          __host-huimeng|huimeng_session)))
        (?P<is>\\?["']?\s*[:=]\s*\\?["']?)
        (?P<value>[^\s"',;&})\\]+)(?P<more>(?:;\s*[\w.-]+=[^\s"',;&})\\]+)*)""",
    re.VERBOSE,
)
# Mobile numbers, also grouped, with +86, or in full-width digits; \d knows those. An id may hold such digits by chance,
# and a line without its id can't be found.
_PHONES = re.compile(
    r"""
    (?P<id>\b(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})\b)
  | (?<![\d])(?:(?:\+|00)?86[ -]?)?[1１][3-9３-９]\d[ -]?\d{4}[ -]?\d{4}(?!\d)
    """,
    re.VERBOSE,
)
# Most texts hold nothing that any of these could match, and one look tells.
_SUSPECT = re.compile(r"h[ms]_|://|\$|eyJ|\b(?:bearer|basic)\s", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"[a-z][\"'\\ ]*[:=]", re.IGNORECASE)
_DIGITS = re.compile(r"\d[ \d-]{9}")


def redact_text(text: str) -> str:
    if _SUSPECT.search(text):
        text = _SECRETS.sub(_HIDDEN, text)
    if _ASSIGNMENT.search(text):
        text = _NAMED.sub(lambda found: f"{found['name']}{found['is']}{_HIDDEN}", text)
    return _PHONES.sub(lambda found: found["id"] or _HIDDEN, text) if _DIGITS.search(text) else text


@lru_cache(maxsize=1024)
def _name(name: Any) -> tuple[str, bool]:
    """A field's name as it may be shown, and whether its value may not."""
    return redact_text(str(name)), _SECRET_NAMES.search(str(name)) is not None


def redact(value: Any, depth: int = 0) -> Any:
    """The value without secrets, in depth; keys that name a secret lose their value."""
    if isinstance(value, str):
        return redact_text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth > _DEEPEST:
        return _HIDDEN
    if isinstance(value, Mapping):
        return {
            shown: _HIDDEN if secret else redact(each, depth + 1)
            for (shown, secret), each in zip(map(_name, value), value.values(), strict=True)
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(each, depth + 1) for each in value]
    return redact_text(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))
