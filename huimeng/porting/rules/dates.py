"""The ways in which files write a date or a time; every function takes plain ASCII digits."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import msgspec

from huimeng.porting.rules.faults import CellFault

_WEEKDAY = r"(?:\s*\(?(?:星期|周)[一二三四五六日天]\)?)?"
_HALF = r"上午|下午|凌晨|早上|中午|晚上|[AP]\.?M\.?"
# An offset belongs to a clock: of 2026-03-04-08:00 nobody can say which of the two it has.
_CLOCK = (
    rf"(?:[ T]*{_WEEKDAY}\s*(?P<half>{_HALF})?\s*(?P<hour>\d{{1,2}})[:时点](?P<minute>\d{{2}})?"
    rf"(?:[:分](?P<second>\d{{2}})秒?(?:[.,](?P<fraction>\d{{1,9}}))?)?分?\s*(?P<half2>{_HALF})?"
    rf"{_WEEKDAY}\s*(?P<offset>Z|[+-]\d{{2}}:?\d{{2}})?)?{_WEEKDAY}\Z"
)
_FLAGS = re.IGNORECASE | re.ASCII
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})日?" + _CLOCK, _FLAGS
)
_YEAR_LAST = re.compile(r"(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<year>\d{4})" + _CLOCK, _FLAGS)
_COMPACT = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})" + _CLOCK, _FLAGS)
_COMPACT_TIME = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?\Z", re.ASCII
)
# A spreadsheet's day number of the years 1990 to 2199; a date of eight digits is longer.
_SERIAL = re.compile(r"(\d{5,6})(?:\.(\d{1,15}))?\Z", re.ASCII)
_SERIAL_FROM, _SERIAL_TO = 32_874, 109_574
_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_LATE = {"下午", "晚上", "PM"}
_NOON = "中午"


class Written(msgspec.Struct, frozen=True):
    """The clock as it is written, with UTC in place of a zone; offset None: none is given."""

    at: datetime
    offset: timezone | None


def read(plain: str, order: str, bad: str) -> Written:
    """order: mdy or dmy where the year comes last, "" when only an unambiguous one is taken; CellFault(bad)."""
    if len(plain) > 64:
        raise CellFault(bad)
    match = _YEAR_FIRST.match(plain) or _COMPACT.match(plain) or _YEAR_LAST.match(plain) or _COMPACT_TIME.match(plain)
    if match is None:
        return _serial(plain, bad)
    parts = match.groupdict()
    if "a" in parts:
        month, day = _by_order(int(parts["a"]), int(parts["b"]), order)
    else:
        month, day = int(parts["month"]), int(parts["day"])
    micro = int((parts.get("fraction") or "0").ljust(6, "0")[:6])
    try:
        hour = _hour(int(parts["hour"] or 0), parts.get("half") or parts.get("half2"))
        minute, second = int(parts["minute"] or 0), int(parts["second"] or 0)
        at = datetime(int(parts["year"]), month, day, hour, minute, second, micro, UTC)
    except ValueError as error:
        raise CellFault(bad) from error
    written = parts.get("offset")
    return Written(at, _offset(written, bad) if written else None)


def _by_order(first: int, second: int, order: str) -> tuple[int, int]:
    """(month, day) of 01/02/2024."""
    if order == "mdy" or (not order and second > 12 >= first):
        return first, second
    if order == "dmy" or (not order and first > 12 >= second):
        return second, first
    if first == second:
        return first, second
    raise CellFault("ambiguous_date")


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    half = half.upper().replace(".", "")
    if hour > 12:
        # 下午 15:04 is what it says twice.
        if half not in _LATE:
            raise ValueError
        return hour
    if half in _LATE:
        return hour % 12 + 12
    if half == _NOON:
        return hour + 12 if hour < 3 else hour
    return hour % 12


def _serial(plain: str, bad: str) -> Written:
    match = _SERIAL.match(plain)
    if match is None or not _SERIAL_FROM <= int(match[1]) <= _SERIAL_TO:
        raise CellFault(bad)
    fraction = match[2] or ""
    milliseconds = round(int(fraction or 0) * 86_400_000 / 10 ** len(fraction)) if fraction else 0
    at = _EPOCH + timedelta(days=int(match[1]), milliseconds=milliseconds)
    near = (at + timedelta(milliseconds=500)).replace(microsecond=0)
    return Written(near if fraction else at, None)


def _offset(written: str, bad: str) -> timezone:
    if written in "Zz":
        return UTC
    hours, minutes = int(written[1:3]), int(written[-2:])
    if hours > 18 or minutes > 59:
        raise CellFault(bad)
    delta = timedelta(hours=hours, minutes=minutes)
    return timezone(-delta if written[0] == "-" else delta)
