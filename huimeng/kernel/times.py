"""Times are stored in UTC; a business day belongs to a place and may end after midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def utc_now() -> datetime:
    return datetime.now(UTC)


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """IANA name to zone; ValueError when there is no such zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ValueError(f"no such time zone: {name[:60]!r}") from error


def offset_text(at: datetime) -> str:
    """How far a zoned moment's clock is from UTC: UTC+8, UTC-3:30, UTC."""
    offset = at.utcoffset() or timedelta(0)
    minutes = abs(offset) // timedelta(minutes=1)
    sign = "-" if offset < timedelta(0) else "+"
    return "UTC" + (f"{sign}{minutes // 60}" + (f":{minutes % 60:02d}" if minutes % 60 else "") if minutes else "")


def business_day(at: datetime, timezone: str, day_cut_minutes: int = 0) -> date:
    """The day that a moment counts for: a bar with a cut of 240 minutes ends its day at 04:00 local time."""
    local = at.astimezone(zone(timezone))
    if not day_cut_minutes:
        return local.date()
    # The cut is on the wall clock, so subtract after dropping the zone: summer time must not move it.
    return (local.replace(tzinfo=None) - timedelta(minutes=day_cut_minutes)).date()


def end_of_day(day: date, timezone: str) -> datetime:
    """The first moment after a local day, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), zone(timezone)).astimezone(UTC)
