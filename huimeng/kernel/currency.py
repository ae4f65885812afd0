"""Amounts and counts as people read them; an amount is an integer of hundredths of the currency's unit."""

from __future__ import annotations

from typing import Literal

import msgspec

Lang = Literal["zh", "en"]


class _Currency(msgspec.Struct, frozen=True):
    """sign is for English, where it stands before the amount; digits of ISO 4217; written: other ways to write it."""

    zh: str
    en: str
    sign: str
    digits: int = 2
    written: tuple[str, ...] = ()


_KNOWN = {
    "CNY": _Currency("元", "yuan", "¥", written=("RMB", "人民币")),
    "HKD": _Currency("港元", "Hong Kong dollar", "HK$", written=("港币",)),
    "MOP": _Currency("澳门元", "Macanese pataca", "MOP$", written=("澳门币",)),
    "TWD": _Currency("新台币", "New Taiwan dollar", "NT$", written=("台币",)),
    "USD": _Currency("美元", "US dollar", "US$", written=("美金",)),
    "EUR": _Currency("欧元", "euro", "€"),
    "GBP": _Currency("英镑", "pound", "£"),
    "JPY": _Currency("日元", "Japanese yen", "JP¥", 0, written=("円", "日圆")),
    "KRW": _Currency("韩元", "South Korean won", "₩", 0, written=("원", "韩币")),
    "SGD": _Currency("新加坡元", "Singapore dollar", "S$"),
    "MYR": _Currency("林吉特", "ringgit", "RM"),
    "THB": _Currency("泰铢", "baht", "฿"),
    "VND": _Currency("越南盾", "dong", "₫", 0),
    "AUD": _Currency("澳元", "Australian dollar", "A$"),
    "CAD": _Currency("加元", "Canadian dollar", "CA$"),
}
# Of those without a name here (ISO 4217): what has no smaller unit, and what has one of a thousandth.
_WHOLE = frozenset(["BIF", "CLP", "DJF", "GNF", "ISK", "KMF", "PYG", "RWF", "UGX", "UYI", "VUV", "XAF", "XOF", "XPF"])
_THOUSANDTHS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


def _of(code: str) -> _Currency:
    digits = 0 if code in _WHOLE else 3 if code in _THOUSANDTHS else 2
    return _KNOWN.get(code) or _Currency(code, code, f"{code} ", digits)


def step_fen(currency: str) -> int:
    """The smallest amount there is, in hundredths of the unit: a currency without a smaller unit has whole ones."""
    return 100 if _of(currency).digits == 0 else 1


def money_text(fen: int, currency: str, lang: Lang) -> str:
    """1,234.50 港元, HK$1,234.50; a currency without a smaller unit is rounded half away from zero: 1,235 日元."""
    found = _of(currency)
    size = abs(fen)
    if found.digits == 0:
        size = (size + 50) // 100
        amount = f"{size:,}"
    else:
        amount = f"{size // 100:,}.{size % 100:02d}".ljust(len(f"{size // 100:,}") + 1 + found.digits, "0")
    minus = "-" if fen < 0 and size else ""
    return f"{minus}{amount} {found.zh}" if lang == "zh" else f"{minus}{found.sign}{amount}"


def counted(number: int | str, things: str) -> str:
    """In English: 1 point, 2 points, 1,250 members, 1 growth; a number that is text stands as it is."""
    text = number if isinstance(number, str) else f"{number:,}"
    return f"{text} {things.removesuffix('s') if text == '1' else things}"


def unit_text(currency: str, lang: Lang) -> str:
    """What one of it is called: 元, 港元; yuan, Hong Kong dollar; the code of what has no name here."""
    return _of(currency).zh if lang == "zh" else _of(currency).en


def written_as(currency: str) -> tuple[str, ...]:
    """What stands beside an amount of it in other programs' files: 1,200円, JPY 1,200, 日元."""
    found = _of(currency)
    return (currency, found.zh, found.sign.strip(), *found.written)
