"""What a merchant's own data must look like: text, codes, time zones, scopes, tokens."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, get_args

import msgspec

from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.times import zone

LegalForm = Literal["individual", "company", "franchise"]
Industry = Literal[
    "retail",
    "catering",
    "bar",
    "beauty",
    "fitness",
    "education",
    "hotel",
    "entertainment",
    "health",
    "auto",
    "other",
]
Scope = Literal[
    "*",
    "members:read",
    "members:write",
    "members:reveal",
    "orders:read",
    "orders:write",
    "orders:refund",
    "points:read",
    "points:write",
    "rules:read",
    "rules:write",
    "analytics:read",
    "settings:read",
    "settings:write",
    "staff:read",
    "staff:write",
    "imports:read",
    "imports:write",
    "audit:read",
]
SCOPES: frozenset[str] = frozenset(get_args(Scope))

Role = Literal["owner", "cashier"]
# What a role may do; a cashier's stores limit where.
ROLES: Mapping[str, frozenset[str]] = {
    "owner": frozenset({"*"}),
    "cashier": frozenset(
        {
            "members:read",
            "members:write",
            "orders:read",
            "orders:write",
            "points:read",
            "rules:read",
            "settings:read",
        }
    ),
}

# Controls, lone surrogates (PostgreSQL can't store them) and what turns the direction of the text.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_MERCHANT_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_TOKEN = re.compile(r"hm_(\d{1,15})_(\d{1,9})_([A-Za-z0-9_-]{43})", re.ASCII)
_USCC_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def clean_text(field: str, value: str, max_length: int) -> str:
    """NFC, trimmed, inner white space single; InvalidInput when empty, too long, or with control characters."""
    if len(value) > max_length * 2:
        raise InvalidInput(field, f"longer than {max_length} characters", f"超过 {max_length} 个字符")
    if _FORBIDDEN.search(value):
        raise InvalidInput(field, "control characters are not allowed", "含有不允许的控制字符")
    text = " ".join(unicodedata.normalize("NFC", value).split())
    if not text:
        raise InvalidInput(field, "empty", "不能为空")
    if len(text) > max_length:
        raise InvalidInput(field, f"longer than {max_length} characters", f"超过 {max_length} 个字符")
    return text


def merchant_code(value: str) -> str:
    if not _MERCHANT_CODE.fullmatch(value):
        raise InvalidInput(
            "code", "1 to 40 lower-case letters, digits and hyphens", "须为 1 到 40 个小写字母、数字或连字符"
        )
    return value


def place_code(field: str, value: str) -> str:
    """Codes of stores and regions come from the merchant's other systems: any text, full-width to ASCII."""
    return unicodedata.normalize("NFKC", clean_text(field, value, 64))


def time_zone(value: str) -> str:
    try:
        zone(value)
    except ValueError:
        raise InvalidInput("timezone", "not an IANA time zone such as Asia/Shanghai", "不是有效的时区名") from None
    return value


def currency(value: str) -> str:
    if not _CURRENCY.fullmatch(value):
        raise InvalidInput("currency", "three capital letters such as CNY", "须为三个大写字母，如 CNY")
    return value


def day_cut(value: int) -> int:
    if not 0 <= value < 1440:
        raise InvalidInput("day_cut_minutes", "0 to 1439 minutes after midnight", "须为 0 到 1439 分钟")
    return value


def uscc(value: str) -> str:
    """Unified social credit code with its check character (GB 32100-2015: powers of 3, modulo 31)."""
    text = unicodedata.normalize("NFKC", value).strip().upper()
    if len(text) == 18 and all(sign in _USCC_SIGNS for sign in text):
        total = sum(_USCC_SIGNS.index(sign) * pow(3, i, 31) for i, sign in enumerate(text[:17]))
        if _USCC_SIGNS[-total % 31] == text[17]:
            return text
    raise InvalidInput("uscc", "not a unified social credit code", "不是有效的统一社会信用代码")


def scopes(values: Iterable[str]) -> list[str]:
    wanted = sorted(set(values))
    if not wanted:
        raise InvalidInput("scopes", "at least one scope", "至少选择一个权限")
    for scope in wanted:
        if scope not in SCOPES:
            raise InvalidInput("scopes", "unknown scope", "未知的权限", known=sorted(SCOPES))
    return ["*"] if "*" in wanted else wanted


class Token(msgspec.Struct, frozen=True):
    merchant_id: int
    key_id: int
    secret: str


def parse_token(text: str) -> Token | None:
    match = _TOKEN.fullmatch(text)
    return None if match is None else Token(int(match[1]), int(match[2]), match[3])


def format_token(merchant_id: int, key_id: int, secret: str) -> str:
    return f"hm_{merchant_id}_{key_id}_{secret}"


def usable(now: datetime, expires_at: datetime | None, revoked_at: datetime | None) -> bool:
    return revoked_at is None and (expires_at is None or now < expires_at)
