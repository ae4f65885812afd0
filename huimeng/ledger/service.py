"""The book as other packages see it: balances, lots, history, expiry, day closing, verification."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from huimeng.infra import audit
from huimeng.infra.database import Connection, Database
from huimeng.infra.heads import lock_head
from huimeng.infra.teller import Teller
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import utc_now
from huimeng.ledger import store
from huimeng.ledger.commands import ExpireAccount
from huimeng.ledger.rules import KIND_NAMES, UNIT_NAMES, Lot, account_id, holder_of, unit_of
from huimeng.ledger.store import Balance, HistoryRow

__all__ = ["Balance", "HistoryRow", "balances", "close_days", "expire", "history", "lots", "verify"]

_AT_ONCE = 200


async def balances(conn: Connection, cell_id: int, holder_id: int, units: Sequence[int]) -> list[Balance]:
    """Those that exist; an account begins with its first posting."""
    return await store.balances(conn, cell_id, [account_id(holder_id, unit) for unit in units])


async def lots(conn: Connection, cell_id: int, holder_id: int, unit: int, include_closed: bool = False) -> list[Lot]:
    return await store.lots(conn, cell_id, account_id(holder_id, unit), include_closed)


async def history(
    conn: Connection, cell_id: int, holder_id: int, unit: int, before_seq: int | None = None, limit: int = 50
) -> list[HistoryRow]:
    """Newest first; the next page begins before the last seq of this one."""
    return await store.history(conn, cell_id, account_id(holder_id, unit), before_seq, limit)


async def expire(db: Database, teller: Teller, merchant_id: int, at: datetime | None = None) -> int:
    """Writes off all that is no longer valid; the answer is the amount. It can be run again at any time.

    The audit log gets one entry for all of it, also when it is broken off: the book has each single one.
    """
    cell_id, at = cell_of(merchant_id), at or utc_now()
    gone: Counter[int] = Counter()
    try:
        while True:
            async with db.tenant(merchant_id) as conn:
                due = await store.due_accounts(conn, cell_id, at, _AT_ONCE)
            if not due:
                return gone.total()
            replies = await asyncio.gather(*(teller.submit(ExpireAccount(cell_id, account, at)) for account in due))
            gone.update({account: reply.value for account, reply in zip(due, replies, strict=True)})
    finally:
        if gone.total():
            async with db.tenant(merchant_id) as conn:
                await audit.record(conn, cell_id, "points.expired", ("merchant", merchant_id), after=_expired(gone))


def _expired(by_account: Counter[int]) -> dict[str, int]:
    """Of each unit how much, and of how many members."""
    lost = {account: amount for account, amount in by_account.items() if amount}
    by_unit: Counter[str] = Counter()
    for account, amount in lost.items():
        by_unit[UNIT_NAMES[unit_of(account)]] += amount
    return {**by_unit, "members": len({holder_of(account) for account in lost})}


async def close_days(db: Database, merchant_id: int, today: date | None = None) -> list[date]:
    """Sums up every booking day before today (UTC) that is not closed yet; the answer is those days."""
    cell_id, today = cell_of(merchant_id), today or utc_now().date()
    async with db.tenant(merchant_id) as conn:
        await lock_head(conn, cell_id)
        # From here on nothing can be booked on an earlier day, so the sums need no lock.
        await store.advance_open_day(conn, cell_id, today)
    async with db.tenant(merchant_id) as conn:
        days = await store.unclosed_days(conn, cell_id, today)
    for day in days:
        async with db.tenant(merchant_id) as conn:
            await lock_head(conn, cell_id)
            transfers = await store.close_day(conn, cell_id, day)
            if transfers:
                await audit.record(conn, cell_id, "day.closed", ("day", str(day)), after={"transfers": transfers})
    return days


class Difference(msgspec.Struct, frozen=True):
    """A place where what is stored is not what the transfers say."""

    check: str
    where: dict[str, Any]
    stored: Any
    computed: Any


Progress = Callable[[str, int, int], None]

_FULL = ("sequence", "accounts", "lots", "lot_sums", "chain", "days", "outbox")
_BY_DAY = ("sequence", "chain", "days")


async def verify(
    db: Database, merchant_id: int, day: date | None = None, progress: Progress | None = None
) -> list[Difference]:
    """Recomputes from the transfers, in one snapshot; nothing found means that every balance is right.

    With a booking day (UTC) only what was booked on it: its sequence, its running balances and its closing.
    """
    cell_id = cell_of(merchant_id)
    names = _FULL if day is None else _BY_DAY
    found: list[Difference] = []
    async with db.reader(merchant_id) as conn:
        for number, name in enumerate(names):
            if progress is not None:
                progress(name, number, len(names))
            for where, stored, computed in await store.differences(conn, name, cell_id, day):
                found.append(Difference(name, where, stored, computed))
    if progress is not None:
        progress("done", len(names), len(names))
    return found


def kind_name(kind: int) -> str:
    return KIND_NAMES[kind]
