"""All SQL of the book: the shelves of the Teller, reading, day closing and verification."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from huimeng.infra.database import Connection
from huimeng.infra.teller import Key, Shelf, Statement, packed
from huimeng.ledger.rules import Lot
from huimeng.ledger.values import ACCOUNT, CLOSED_LOT, TRANSFER, Account

_KEYS = "json_to_recordset(%s) as k(c bigint, a bigint)"


class AccountShelf(Shelf):
    """Key (cell_id, account_id): the account with its open lots. No row locks: the head's lock covers the cell."""

    name = ACCOUNT
    kept = True

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        param = (packed([{"c": cell, "a": account} for cell, account in keys]),)
        return [
            (
                "select t.cell_id, t.account_id, t.balance, t.debt, t.next_lot "
                f"from {_KEYS} join account t on t.cell_id = k.c and t.account_id = k.a",
                param,
            ),
            (
                "select t.cell_id, t.account_id, t.lot_id, t.expires_at, t.earned, t.remaining, t.expired, t.closed "
                f"from {_KEYS} join lot t on t.cell_id = k.c and t.account_id = k.a and not t.closed",
                param,
            ),
        ]

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, Any]:
        accounts, lots = results
        found: dict[Key, Account] = {(row[0], row[1]): Account(*row) for row in accounts}
        for row in lots:
            found[row[0], row[1]].lots[row[2]] = Lot(*row[2:])
        return found

    def save(self, changed: Mapping[Key, Any], added: Sequence[Any]) -> Iterable[Statement]:
        accounts, lots = [], []
        for account in changed.values():
            cell, number = account.cell_id, account.account_id
            accounts.append({"c": cell, "a": number, "b": account.balance, "d": account.debt, "n": account.next_lot})
            for lot_id in account.dirty:
                lot = account.lots[lot_id]
                lots.append(
                    {
                        "c": cell,
                        "a": number,
                        "l": lot_id,
                        "x": lot.expires_at,
                        "e": lot.earned,
                        "r": lot.remaining,
                        "g": lot.expired,
                        "z": lot.closed,
                    }
                )
            account.dirty = set()
        yield (
            "insert into account (cell_id, account_id, balance, debt, next_lot) "
            "select c, a, b, d, n from json_to_recordset(%s) as k(c bigint, a bigint, b bigint, d bigint, n int) "
            "on conflict (cell_id, account_id) do update "
            "set balance = excluded.balance, debt = excluded.debt, next_lot = excluded.next_lot",
            (packed(accounts),),
        )
        if lots:
            yield (
                "insert into lot (cell_id, account_id, lot_id, expires_at, earned, remaining, expired, closed) "
                "select c, a, l, x, e, r, g, z from json_to_recordset(%s) as k"
                "(c bigint, a bigint, l int, x timestamptz, e bigint, r bigint, g bigint, z bool) "
                "on conflict (cell_id, account_id, lot_id) do update set earned = excluded.earned, "
                "remaining = excluded.remaining, expired = excluded.expired, closed = excluded.closed",
                (packed(lots),),
            )


class ClosedLotShelf(Shelf):
    """Key (cell_id, account_id, lot_id): one lot whatever its state, for refunds of what expired."""

    name = CLOSED_LOT

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        yield (
            "select t.cell_id, t.account_id, t.lot_id, t.expires_at, t.earned, t.remaining, t.expired, t.closed "
            "from json_to_recordset(%s) as k(c bigint, a bigint, l int) "
            "join lot t on t.cell_id = k.c and t.account_id = k.a and t.lot_id = k.l",
            (packed([{"c": c, "a": a, "l": lot} for c, a, lot in keys]),),
        )

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, Any]:
        return {(row[0], row[1], row[2]): Lot(*row[2:]) for row in results[0]}


class TransferShelf(Shelf):
    """Append only."""

    name = TRANSFER

    def save(self, changed: Mapping[Key, Any], added: Sequence[Any]) -> Iterable[Statement]:
        yield (
            "insert into transfer (cell_id, seq, unit, kind, debit_account, credit_account, amount, lot_id, ref_id, "
            "reverses, balance_after, occurred_at, booked_on) "
            "select c, s, u, k, d, cr, a, l, r, v, b, o, n from json_to_recordset(%s) as j(c bigint, s bigint, "
            "u smallint, k smallint, d bigint, cr bigint, a bigint, l int, r bigint, v bigint, b bigint, "
            "o timestamptz, n date)",
            (packed(added),),
        )


class Balance(msgspec.Struct, frozen=True):
    unit: int
    balance: int
    debt: int


class HistoryRow(msgspec.Struct, frozen=True):
    """amount is signed as the holder sees it; balance_after is of the holder's account in that unit."""

    seq: int
    unit: int
    kind: int
    amount: int
    lot_id: int | None
    ref_id: int
    reverses: int | None
    balance_after: int
    occurred_at: datetime
    booked_on: date


async def balances(conn: Connection, cell_id: int, accounts: Sequence[int]) -> list[Balance]:
    cursor = await conn.execute(
        "select (account_id %% 64)::int, balance, debt from account where cell_id = %s and account_id = any(%s) "
        "order by account_id",
        (cell_id, list(accounts)),
    )
    return [Balance(*row) for row in await cursor.fetchall()]


async def lots(conn: Connection, cell_id: int, account: int, include_closed: bool) -> list[Lot]:
    cursor = await conn.execute(
        "select lot_id, expires_at, earned, remaining, expired, closed from lot "
        "where cell_id = %s and account_id = %s and (%s or not closed) order by expires_at nulls last, lot_id",
        (cell_id, account, include_closed),
    )
    return [Lot(*row) for row in await cursor.fetchall()]


async def history(conn: Connection, cell_id: int, account: int, before_seq: int | None, limit: int) -> list[HistoryRow]:
    """Newest first."""
    cursor = await conn.execute(
        "select seq, unit, kind, case when credit_account = %s then amount else -amount end, lot_id, ref_id, "
        "reverses, balance_after, occurred_at, booked_on from transfer "
        "where cell_id = %s and greatest(debit_account, credit_account) = %s and seq < %s order by seq desc limit %s",
        (account, cell_id, account, 2**63 - 1 if before_seq is None else before_seq, limit),
    )
    return [HistoryRow(*row) for row in await cursor.fetchall()]


async def due_accounts(conn: Connection, cell_id: int, at: datetime, limit: int) -> list[int]:
    cursor = await conn.execute(
        "select distinct account_id from (select account_id from lot where cell_id = %s and expires_at is not null "
        "and not closed and expires_at <= %s order by expires_at limit %s) due",
        (cell_id, at, limit),
    )
    return [row[0] for row in await cursor.fetchall()]


async def advance_open_day(conn: Connection, cell_id: int, today: date) -> None:
    await conn.execute(
        "update cell_head set open_day = %s where cell_id = %s and (open_day is null or open_day < %s)",
        (today, cell_id, today),
    )


async def unclosed_days(conn: Connection, cell_id: int, before: date) -> list[date]:
    """Booking days with transfers after the last closed one, oldest first."""
    cursor = await conn.execute(
        "select distinct booked_on from transfer where cell_id = %s and booked_on < %s "
        "and seq > coalesce((select max(last_seq) from ledger_close where cell_id = %s), 0) order by 1",
        (cell_id, before, cell_id),
    )
    return [row[0] for row in await cursor.fetchall()]


async def close_day(conn: Connection, cell_id: int, day: date) -> int:
    """Sums of a day that can get no more transfers, whose number is the answer; closing it twice does nothing: 0."""
    cursor = await conn.execute(
        "insert into ledger_close (cell_id, day, first_seq, last_seq, closed_at) "
        "select %s, %s, min(seq), max(seq), now() from transfer where cell_id = %s and booked_on = %s "
        "having count(*) > 0 on conflict do nothing returning last_seq - first_seq + 1",
        (cell_id, day, cell_id, day),
    )
    closed = await cursor.fetchone()
    if closed is None:
        return 0
    await conn.execute(
        f"insert into ledger_day (cell_id, day, unit, kind, debit_system, credit_system, amount, transfers) "
        f"select %s, %s, {_DAY_GROUP} from transfer where cell_id = %s and booked_on = %s group by 3, 4, 5, 6",
        (cell_id, day, cell_id, day),
    )
    return int(closed[0])


# Ids of system accounts are below 1024 x 64; all holders together count as 0.
_DAY_GROUP = (
    "unit, kind, case when debit_account < 65536 then debit_account else 0 end, "
    "case when credit_account < 65536 then credit_account else 0 end, sum(amount), count(*)"
)

# Each check selects (where as json, stored, computed) for every difference; %(cell)s and %(day)s are given.
_CHECKS = {
    "sequence": """
        select json_build_object('first', min(seq), 'last', max(seq)), max(seq) - min(seq) + 1, count(*) from transfer
        where cell_id = %(cell)s and (%(day)s::date is null or booked_on = %(day)s)
        having max(seq) - min(seq) + 1 <> count(*)
        union all
        select json_build_object('head', 'transfer_seq'), h.transfer_seq, t.last from cell_head h,
        (select coalesce(max(seq), 0) as last, coalesce(min(seq), 1) as first from transfer where cell_id = %(cell)s) t
        where h.cell_id = %(cell)s and (h.transfer_seq <> t.last or t.first <> 1)""",
    "accounts": """
        with moved as (
            select account, sum(amount) as amount from (
                select credit_account as account, amount from transfer where cell_id = %(cell)s
                union all
                select debit_account, -amount from transfer where cell_id = %(cell)s) t
            where account >= 65536 group by account),
        held as (
            select account_id as account, balance as amount from account where cell_id = %(cell)s
            union all
            select account_id + 10, debt from account where cell_id = %(cell)s)
        select json_build_object('holder_id', coalesce(h.account, m.account) / 64,
                                 'unit', coalesce(h.account, m.account) %% 64), h.amount, coalesce(m.amount, 0)
        from held h full join moved m using (account) where h.amount is distinct from coalesce(m.amount, 0)""",
    "lots": """
        with moved as (
            select greatest(debit_account, credit_account) as account_id, lot_id,
                   sum(amount) filter (where credit_account >= 65536 and kind <> 4) as earned,
                   sum(case when credit_account >= 65536 then amount else -amount end) as remaining,
                   coalesce(sum(case kind when 8 then amount when 4 then -amount end), 0) as expired
            from transfer where cell_id = %(cell)s and lot_id is not null group by 1, 2)
        select json_build_object('holder_id', coalesce(l.account_id, m.account_id) / 64, 'unit',
               coalesce(l.account_id, m.account_id) %% 64, 'lot_id', coalesce(l.lot_id, m.lot_id)),
               json_build_array(l.earned, l.remaining, l.expired), json_build_array(m.earned, m.remaining, m.expired)
        from (select * from lot where cell_id = %(cell)s) l
        full join moved m on m.account_id = l.account_id and m.lot_id = l.lot_id
        where (l.earned, l.remaining, l.expired) is distinct from (m.earned, m.remaining, m.expired)""",
    "lot_sums": """
        select json_build_object('holder_id', a.account_id / 64, 'unit', a.account_id %% 64), a.balance,
               coalesce(l.remaining, 0)
        from (select * from account where cell_id = %(cell)s) a
        left join (select account_id, sum(remaining) as remaining from lot where cell_id = %(cell)s group by 1) l
        on l.account_id = a.account_id where a.balance <> coalesce(l.remaining, 0)""",
    "chain": """
        with steps as (
            select seq, balance_after, greatest(debit_account, credit_account) as account_id,
                   case when credit_account >= 65536 then amount else -amount end as step
            from transfer where cell_id = %(cell)s and (%(day)s::date is null or booked_on = %(day)s)),
        chained as (select *, lag(balance_after) over (partition by account_id order by seq) as before from steps),
        linked as (
            select seq, balance_after, step, coalesce(before, (
                select p.balance_after from transfer p where p.cell_id = %(cell)s
                and greatest(p.debit_account, p.credit_account) = chained.account_id and p.seq < chained.seq
                and %(day)s::date is not null order by p.seq desc limit 1), 0) as before from chained)
        select json_build_object('seq', seq), balance_after, before + step from linked
        where balance_after <> before + step""",
    "days": """
        with moved as (
            select booked_on as day, unit, kind,
                   case when debit_account < 65536 then debit_account else 0 end as debit_system,
                   case when credit_account < 65536 then credit_account else 0 end as credit_system,
                   sum(amount) as amount, count(*) as transfers
            from transfer where cell_id = %(cell)s and (%(day)s::date is null or booked_on = %(day)s)
            and booked_on in (select day from ledger_close where cell_id = %(cell)s) group by 1, 2, 3, 4, 5)
        select json_build_object('day', coalesce(d.day, m.day), 'unit', coalesce(d.unit, m.unit),
               'kind', coalesce(d.kind, m.kind)), d.amount, m.amount
        from (select * from ledger_day where cell_id = %(cell)s and (%(day)s::date is null or day = %(day)s)) d
        full join moved m on m.day = d.day and m.unit = d.unit and m.kind = d.kind
        and m.debit_system = d.debit_system and m.credit_system = d.credit_system
        where (d.amount, d.transfers) is distinct from (m.amount, m.transfers)""",
    "outbox": """
        select json_build_object('head', 'outbox_seq'), h.outbox_seq, o.events from cell_head h,
        (select count(*) as events, coalesce(max(seq), 0) as last from outbox where cell_id = %(cell)s) o
        where h.cell_id = %(cell)s and (h.outbox_seq <> o.last or o.events <> o.last)""",
}


async def differences(
    conn: Connection, check: str, cell_id: int, day: date | None
) -> list[tuple[dict[str, Any], Any, Any]]:
    """At most 100 of them; none means that what is stored is what the transfers say."""
    cursor = await conn.execute(
        f"select * from ({_CHECKS[check]}) found limit 100", {"cell": cell_id, "day": day}, prepare=False
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]
