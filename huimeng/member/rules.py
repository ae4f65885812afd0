"""Names, birthdays, tags; what may be shown of them; and what importing a known member means."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from huimeng.kernel.errors import InvalidInput
from huimeng.merchant.rules import clean_text

ACTIVE = 1
ERASED = 2
STATUS_NAMES = {ACTIVE: "active", ERASED: "erased"}

MAX_TAGS = 50
_OLDEST_BIRTHDAY = date(1900, 1, 1)
_OLDEST_TIME_YEAR = 1970


def clean_name(value: str) -> str:
    return clean_text("name", value, 64)


def check_birthday(value: date, now: datetime) -> date:
    # Today where the day begins first, so that nobody born today is refused.
    if not _OLDEST_BIRTHDAY <= value <= (now + timedelta(hours=14)).date():
        raise InvalidInput("birthday", "between 1900-01-01 and today", "须在 1900-01-01 与今天之间")
    return value


def check_time(field: str, value: datetime, now: datetime) -> datetime:
    """Past moments only (five minutes of clock difference are forgiven), with an offset; in UTC, as it will be read."""
    if value.tzinfo is None:
        raise InvalidInput(field, "needs an offset such as +08:00", "须带时区，如 +08:00")
    if value.year < _OLDEST_TIME_YEAR or (value - now).total_seconds() > 300:
        raise InvalidInput(field, "between 1970 and now", "须在 1970 年与现在之间")
    return value.astimezone(UTC)


def clean_tags(values: Iterable[str]) -> list[str]:
    tags = sorted({clean_text("tags", value, 40) for value in values})
    if len(tags) > MAX_TAGS:
        raise InvalidInput("tags", f"more than {MAX_TAGS} tags", f"超过 {MAX_TAGS} 个标签")
    return tags


def mask_name(name: str) -> str:
    """张三 -> 张*, 张小明 and longer -> 张**: the length of a long name would tell too much."""
    return name[0] + "*" * min(len(name) - 1, 2) if len(name) > 1 else "*"


def mask_birthday(birthday: str) -> str:
    """1990-03-15 -> ****-03-15: greeting a birthday needs no year."""
    return "****" + birthday[4:]


def search_form(name: str) -> str:
    """What names are compared by: NFKC, without case, spaces, dots and hyphens."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", name).casefold() if sign.isalnum())


def name_pieces(name: str) -> list[str]:
    """Single characters and bigrams of the search form, each once."""
    form = search_form(name)
    return sorted({*form, *(form[i : i + 2] for i in range(len(form) - 1))})


def query_pieces(query: str) -> list[str]:
    """Bigrams narrow best; a single character is asked for only when there is no more."""
    form = search_form(query)
    if len(form) < 2:
        return [form] if form else []
    return sorted({form[i : i + 2] for i in range(len(form) - 1)})
