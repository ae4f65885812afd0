"""What a cell means. Parsers raise CellFault; Memo makes a parser cheap for the values that come again and again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Generic, TypeVar

from huimeng.kernel.currency import step_fen, written_as
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.money import FEN_MAX, parse_fen
from huimeng.member.kinds import normalise_phone
from huimeng.porting.rules import dates
from huimeng.porting.rules.faults import CellFault, mark_in

T = TypeVar("T")

CELL_CHARACTERS = 65_536
QUANTITY_MAX = 10**9 - 1
POINTS_MAX = 10**12
_PHONE_DIGITS = 7
_LEAP_YEAR = 2000
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# What no text may hold: control characters, lone surrogates.
UNTEXT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MOBILE = re.compile(r"1[3-9]\d{9}\Z", re.ASCII)
_SPACES = re.compile(r"\s+")
# Thousands are grouped by a comma, and only in threes: 1,23 is not 123.
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?\Z", re.ASCII)
_NUMBER = re.compile(r"([+-]?)(\d+)(?:\.(\d*))?\Z", re.ASCII)
# Signs of more than one currency.
_MONEY_SIGNS = ("¥", "$", "元", "圆")
_BRACKETS = re.compile(r"\(([^()+-]+)\)\Z")
# 138****0008, 138xxxx0008, and what platforms give out instead of a number.
_MASKED = re.compile(r"[*\u2022\u25cf]{2}|\A'?\d+[xX\u00d7]{3,}\d*\Z|\A(?:##|\$\$)")
# ="0123" is how a file keeps a spreadsheet from reading a number.
_WRAPPED = re.compile(r'="?(.*?)"?\Z', re.DOTALL)
_POINTS_UNIT = re.compile(r"(?<=\d)\s*(?:积?分|点|points?|pts?)\Z", re.IGNORECASE)
# How a database writes that there is no date.
_NO_DATE = re.compile(r"0000[-/.]?00[-/.]?00(?:[ T]00:00(?::00(?:\.0+)?)?)?\Z", re.ASCII)
_NO_YEAR = re.compile(r"(?:--|0000[-/])?(\d{1,2})[-/.月](\d{1,2})日?\Z", re.ASCII)
_SCIENTIFIC = re.compile(r"-?\d(?:\.\d+)?E\+\d{2,3}\Z", re.IGNORECASE | re.ASCII)


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
        if UNTEXT.search(cell):
            raise mark_in(cell) or CellFault("bad_characters")
        cell = _SPACES.sub(" ", cell)
    if "=" in cell:
        cell = _unwrapped(cell)
    if len(cell) > limit:
        raise CellFault("cell_too_long", str(limit))
    return cell


def _unwrapped(cell: str) -> str:
    """What is inside of ="..."; a formula is left as it is."""
    inner = _WRAPPED.match(cell) if cell.startswith('="') and cell.endswith('"') and len(cell) > 2 else None
    return cell if inner is None else inner[1].replace('""', '"').strip()


def code(cell: str, limit: int) -> str:
    """An identifier: like text, and full-width letters and digits become ordinary ones; '.0' of a spreadsheet stays.

    One that a spreadsheet made a number of 3.12E+17 has lost its digits.
    """
    cell = text(cell, limit)
    if "'" in cell:
        cell = cell.removeprefix("'").strip()
    if not cell.isascii():
        cell = unicodedata.normalize("NFKC", cell).strip()
    if "+" in cell and _SCIENTIFIC.match(cell):
        raise CellFault("id_lost_digits")
    return cell


def required_code(cell: str, limit: int) -> str:
    value = code(cell, limit)
    if not value:
        raise CellFault("required")
    return value


def is_masked(cell: str) -> bool:
    """Whether a number is nobody's, because a part of it is hidden."""
    plain = cell if cell.isascii() else unicodedata.normalize("NFKC", cell)
    return _MASKED.search(plain.strip()) is not None


def person_code(cell: str, limit: int) -> str:
    """An identifier of somebody; "" for one that is masked."""
    return "" if is_masked(cell) else code(cell, limit)


def _plain(cell: str) -> str:
    """Digits and signs as ASCII; CellFault for characters that no number or time holds."""
    if not (cell.isascii() and cell.isprintable()):
        cell = unicodedata.normalize("NFKC", text(cell, 200)).replace("\N{MINUS SIGN}", "-")
    cell = cell.strip()
    if "=" in cell:
        cell = _unwrapped(cell)
    return cell.removeprefix("'").strip() if "'" in cell else cell


def money(cell: str, currency: str = "CNY") -> int:
    """Units to fen. Taken: 1,234.50, ¥12, 12元, (12.00) as -12.00; more decimals than there are only when zeros."""
    plain = _plain(cell)
    if not plain:
        raise CellFault("required")
    match = _NUMBER.match(plain) or _NUMBER.match(_bare_amount(plain, currency))
    places = 2 if step_fen(currency) == 1 else 0
    wrong = "bad_amount" if places else "not_whole"
    if match is None:
        raise CellFault(wrong)
    sign, whole, decimals = match.group(1), match.group(2).lstrip("0") or "0", (match.group(3) or "").rstrip("0")
    if len(decimals) > places:
        raise CellFault(wrong)
    if len(whole) > 12:
        raise CellFault("amount_out_of_range")
    fen = parse_fen(f"{sign}{whole}.{decimals or '0'}")
    if abs(fen) > FEN_MAX:
        raise CellFault("amount_out_of_range")
    return fen


@lru_cache(maxsize=64)
def _money_pattern(currency: str) -> re.Pattern[str]:
    # The longest first: HK$ begins like no sign, but ends like $.
    names = sorted({*_MONEY_SIGNS, *(unicodedata.normalize("NFKC", name) for name in written_as(currency))}, key=len)
    word = "|".join(map(re.escape, reversed(names)))
    return re.compile(rf"([+-]?)\s*(?:{word})?\s*([+-]?)\s*([\d,]+(?:\.\d*)?)\s*(?:{word})?\Z", re.ASCII)


def _bare_amount(plain: str, currency: str = "CNY") -> str:
    """Without currency, brackets and thousands; "" for what is no amount."""
    if len(plain) > 64:
        return ""
    bracketed = _BRACKETS.match(plain)
    match = _money_pattern(currency).match(bracketed[1].strip() if bracketed else plain)
    if match is None or (match[1] and match[2]):
        return ""
    digits = match[3]
    if "," in digits:
        if not _GROUPED.match(digits):
            return ""
        digits = digits.replace(",", "")
    return f"{'-' if bracketed else match[1] or match[2]}{digits}"


def quantity(cell: str) -> str:
    """Canonical decimal text without needless zeros; an empty cell is one piece."""
    plain = _plain(cell)
    if not plain:
        return "1"
    match = _NUMBER.match(plain) or _NUMBER.match(_bare_amount(plain))
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
    """Points or growth; an empty cell is 0, 100.00 of a spreadsheet is 100, and so is 100分."""
    plain = _plain(cell)
    if not plain:
        return 0
    plain = _POINTS_UNIT.sub("", plain)
    match = _NUMBER.match(plain.replace(",", "") if _GROUPED.match(plain) else plain)
    if match is None or (match.group(3) or "").strip("0") or (match.group(1) == "-" and match.group(2).strip("0")):
        raise CellFault("bad_points")
    digits = match.group(2).lstrip("0") or "0"
    if len(digits) > 13 or int(digits) > POINTS_MAX:
        raise CellFault("points_out_of_range")
    return int(digits)


def moment(cell: str, source: tzinfo, latest: datetime, order: str = "") -> datetime:
    """A date, or date and time, in UTC; source is the zone of one written without a zone, order: see dates.read."""
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
    written = dates.read(plain, order, "bad_time")
    try:
        at = written.at.replace(tzinfo=written.offset or source).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise CellFault("bad_time") from error
    return _in_range(at, latest)


def _in_range(at: datetime, latest: datetime) -> datetime:
    if not _EARLIEST <= at <= latest:
        raise CellFault("time_out_of_range")
    return at


def microseconds(at: datetime) -> int:
    """Since 1970, exactly: a float of seconds would not hold them."""
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)


def calendar_day(cell: str, order: str = "") -> date | None:
    """A date without a time of day; None for an empty cell, or one of a database."""
    plain = _plain(cell)
    return None if not plain or _NO_DATE.match(plain) else dates.read(plain, order, "bad_date").at.date()


def is_no_date(cell: str) -> bool:
    """Whether a date is left empty, as a file or a database does it."""
    plain = _plain(cell)
    return not plain or _NO_DATE.match(plain) is not None


def has_no_year(cell: str) -> bool:
    """Whether a birthday tells month and day only."""
    match = _NO_YEAR.match(_plain(cell))
    try:
        return match is not None and bool(date(_LEAP_YEAR, int(match[1]), int(match[2])))
    except ValueError:
        return False


def phone(cell: str, *, mainland: bool) -> str:
    """A phone number as written; "" for an empty or masked one.

    CellFault for what can't be anybody's: too short (12345), the same digit throughout, and in mainland China a 1 that
    begins no mobile number of 11 digits.
    """
    value = person_code(cell, 40)
    if value:
        try:
            number = normalise_phone(value)
        except InvalidInput as error:
            raise CellFault("bad_phone") from error
        short, same = len(number) < _PHONE_DIGITS, len(set(number.lstrip("+"))) == 1
        if short or same or (mainland and number[0] == "1" and not _MOBILE.match(number)):
            raise CellFault("bad_phone")
    return value
