"""What a cell means. Parsers raise CellFault; Memo makes a parser cheap for the values that come again and again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Generic, TypeVar

from huimeng.kernel.money import FEN_MAX, parse_fen
from huimeng.porting.rules.faults import CellFault

T = TypeVar("T")

CELL_CHARACTERS = 65_536
QUANTITY_MAX = 10**9 - 1
POINTS_MAX = 10**12
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_BAD = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SPACES = re.compile(r"\s+")
_TIME = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[ T]+(\d{1,2})[:时](\d{2})(?:[:分](\d{2})秒?(?:[.,](\d{1,9}))?)?分?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?\Z",
    re.IGNORECASE | re.ASCII,
)
_COMPACT_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})\Z", re.ASCII)
# Thousands are grouped by a comma, and only in threes: 1,23 is not 123.
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?\Z", re.ASCII)
_NUMBER = re.compile(r"([+-]?)(\d+)(?:\.(\d*))?\Z", re.ASCII)


class Memo(dict[str, T], Generic[T]):
    """Parsed values by the cell's text; forgets everything when it is full, so its memory is bounded."""

    def __init__(self, parse: Callable[[str], T], limit: int = 32_768) -> None:
        super().__init__()
        self.parse = parse
        self.limit = limit

    def __missing__(self, cell: str) -> T:
        value = self.parse(cell)
        if len(self) >= self.limit:
            self.clear()
        self[cell] = value
        return value


def text(cell: str, limit: int) -> str:
    """One line of text without surrounding space; control characters and lone surrogates are refused."""
    cell = cell.strip()
    if not cell.isprintable():
        if _BAD.search(cell):
            raise CellFault("bad_characters")
        cell = _SPACES.sub(" ", cell)
    if len(cell) > limit:
        raise CellFault("cell_too_long", str(limit))
    return cell


def code(cell: str, limit: int) -> str:
    """An identifier: like text, and full-width letters and digits become ordinary ones; '.0' of a spreadsheet stays."""
    cell = text(cell, limit)
    return cell if cell.isascii() else unicodedata.normalize("NFKC", cell).strip()


def required_code(cell: str, limit: int) -> str:
    value = code(cell, limit)
    if not value:
        raise CellFault("required")
    return value


def _plain(cell: str) -> str:
    """Digits and signs as ASCII; CellFault for characters that no number or time holds."""
    if cell.isascii() and cell.isprintable():
        return cell.strip()
    return unicodedata.normalize("NFKC", text(cell, 200)).replace("\N{MINUS SIGN}", "-").strip()


def money(cell: str) -> int:
    """Yuan to fen. Taken: 1,234.50, ¥12, full-width digits; more than 2 decimals only when the rest are zeros."""
    plain = _plain(cell).lstrip("¥$").removesuffix("元").strip()
    if not plain:
        raise CellFault("required")
    match = _NUMBER.match(plain.replace(",", "") if _GROUPED.match(plain) else plain)
    if match is None:
        raise CellFault("bad_amount")
    sign, whole, decimals = match.group(1), match.group(2).lstrip("0") or "0", (match.group(3) or "").rstrip("0")
    if len(decimals) > 2:
        raise CellFault("bad_amount")
    if len(whole) > 12:
        raise CellFault("amount_out_of_range")
    fen = parse_fen(f"{sign}{whole}.{decimals or '0'}")
    if abs(fen) > FEN_MAX:
        raise CellFault("amount_out_of_range")
    return fen


def quantity(cell: str) -> str:
    """Canonical decimal text without needless zeros; an empty cell is one piece."""
    plain = _plain(cell)
    if not plain:
        return "1"
    match = _NUMBER.match(plain.replace(",", "") if _GROUPED.match(plain) else plain)
    if match is None:
        raise CellFault("bad_quantity")
    sign, whole, decimals = match.group(1), match.group(2).lstrip("0") or "0", (match.group(3) or "").rstrip("0")
    if len(decimals) > 4:
        raise CellFault("bad_quantity")
    if len(whole) > 10 or int(whole) > QUANTITY_MAX:
        raise CellFault("quantity_out_of_range")
    value = f"{whole}.{decimals}" if decimals else whole
    return f"-{value}" if sign == "-" and value != "0" else value


def whole_number(cell: str) -> int:
    """Points or growth; an empty cell is 0, and 100.00 of a spreadsheet is 100."""
    plain = _plain(cell)
    if not plain:
        return 0
    match = _NUMBER.match(plain.replace(",", "") if _GROUPED.match(plain) else plain)
    if match is None or (match.group(3) or "").strip("0") or (match.group(1) == "-" and match.group(2).strip("0")):
        raise CellFault("bad_points")
    digits = match.group(2).lstrip("0") or "0"
    if len(digits) > 13 or int(digits) > POINTS_MAX:
        raise CellFault("points_out_of_range")
    return int(digits)


def moment(cell: str, source: tzinfo, latest: datetime) -> datetime:
    """A date, or date and time, in UTC; source is the zone of one written without a zone."""
    if len(cell) == 19 and cell[4] == "-" and cell[10] in " T" and cell[13] == cell[16] == ":" and cell.isascii():
        # The usual 2025-03-01 18:30:00, which C code reads much faster; what it refuses is looked at again below.
        try:
            at = datetime.fromisoformat(cell).replace(tzinfo=source).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        else:
            return _in_range(at, latest)
    plain = _plain(cell)
    if not plain:
        raise CellFault("required")
    match = _TIME.match(plain) or _COMPACT_DAY.match(plain)
    if match is None:
        raise CellFault("bad_time")
    parts = match.groups()
    year, month, day = int(parts[0]), int(parts[1]), int(parts[2])
    hour, minute, second, fraction, offset = parts[3:] if len(parts) > 3 else (None,) * 5
    micro = int((fraction or "0").ljust(6, "0")[:6])
    zone = source if offset is None else _offset(offset)
    try:
        local = datetime(year, month, day, int(hour or 0), int(minute or 0), int(second or 0), micro, zone)
        at = local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise CellFault("bad_time") from error
    return _in_range(at, latest)


def _in_range(at: datetime, latest: datetime) -> datetime:
    if not _EARLIEST <= at <= latest:
        raise CellFault("time_out_of_range")
    return at


def _offset(written: str) -> timezone:
    if written in "Zz":
        return UTC
    hours, minutes = int(written[1:3]), int(written[-2:])
    if hours > 18 or minutes > 59:
        raise CellFault("bad_time")
    delta = timedelta(hours=hours, minutes=minutes)
    return timezone(-delta if written[0] == "-" else delta)


def microseconds(at: datetime) -> int:
    """Since 1970, exactly: a float of seconds would not hold them."""
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)


def calendar_day(cell: str) -> date | None:
    """A date without a time of day; None for an empty cell."""
    plain = _plain(cell)
    if not plain:
        return None
    match = _TIME.match(plain) or _COMPACT_DAY.match(plain)
    if match is None:
        raise CellFault("bad_date")
    year, month, day = (int(part) for part in match.groups()[:3])
    try:
        return date(year, month, day)
    except ValueError as error:
        raise CellFault("bad_date") from error
