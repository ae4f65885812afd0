"""The seal of a day: it stands for the day's entries, their order, and every day before."""

from __future__ import annotations

import hmac
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from huimeng.infra.audit import reading
from huimeng.infra.audit.reading import DayRow
from huimeng.infra.audit.signing import begin_seal
from huimeng.infra.database import Connection, Database
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import utc_now

_VERSION = 1


async def seal_days(db: Database, merchant_id: int, today: date | None = None) -> list[date]:
    """Seals every booking day (UTC) before today that has entries and no seal; the answer is those days.

    It can be run again at any time, and by two at once. Numbers are given out under the head's lock, so what is
    visible has no gaps. An entry that was written when its day was already sealed belongs to the next seal.
    """
    today, sealed = today or utc_now().date(), []
    while (day := await _seal_oldest(db, merchant_id, today)) is not None:
        sealed.append(day)
    return sealed


async def overdue(conn: Connection, cell_id: int, today: date | None = None) -> date | None:
    """The oldest day without a seal, when it was over before yesterday was: it should have had one for a day."""
    yesterday = (today or utc_now().date()) - timedelta(days=1)
    newest = next(iter(await reading.days(conn, cell_id, newest=True)), None)
    return await _next_day(conn, cell_id, newest, yesterday)


async def _next_day(conn: Connection, cell_id: int, before: DayRow | None, until: date) -> date | None:
    """The day that is to be sealed next, if it is over when this one begins; before: the newest that was sealed."""
    last = 0 if before is None else before.last_seq
    oldest = await reading.oldest_unsealed(conn, cell_id, last, _begin(until))
    if oldest is None:
        return None
    day = oldest.astimezone(UTC).date()
    if before is None or day > before.day:
        return day
    # That day has its seal, so the next one takes what came late. When the newest is of no day yet, the clock was ahead
    # once: what is written now would otherwise wait until then.
    after = before.day + timedelta(days=1)
    return after if after < until or before.day >= until else None


async def _seal_oldest(db: Database, merchant_id: int, today: date) -> date | None:
    cell_id = cell_of(merchant_id)
    async with db.tenant(merchant_id) as conn:
        before = next(iter(await reading.days(conn, cell_id, newest=True)), None)
        day = await _next_day(conn, cell_id, before, today)
        if day is None:
            return None
        last = 0 if before is None else before.last_seq
        until = await reading.last_until(conn, cell_id, last, _begin(min(day + timedelta(days=1), today)))
        seal = start(cell_id, None if before is None else before.seal, day, last + 1, until)
        async for mac in reading.macs(conn, cell_id, last + 1, until):
            seal.update(mac)
        await reading.keep_day(conn, cell_id, DayRow(day, last + 1, until, seal.digest()))
    return day


def start(cell_id: int, before: bytes | None, day: date, first_seq: int, last_seq: int) -> hmac.HMAC:
    """A day's seal before the MACs of its entries; before is the seal of the last sealed day."""
    link = "" if before is None else before.hex()
    return begin_seal(msgspec.json.encode([_VERSION, cell_id, link, day, first_seq, last_seq]))


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
