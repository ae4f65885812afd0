"""The ledger operation that is measured: one earning, with lot, event and kept answer, in three ways."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
from psycopg import AsyncConnection

from bench.place import SESSION
from huimeng.infra.database import Connection, DatabaseUrls, tenant_setting
from huimeng.infra.heads import LOCK_HEADS, Head
from huimeng.infra.teller import Command, Needs, Rows
from huimeng.kernel.errors import IdempotencyKeyReused
from huimeng.kernel.ids import entity_id, merchant_of
from huimeng.ledger.commands import account_needs, earn, open_account
from huimeng.ledger.rules import Kind, System, Unit, account_id
from huimeng.ledger.values import Reference

EVENT = "points.adjusted"
# Everything earned here shares a lot, as what is earned in one month does.
EXPIRES_AT = datetime(2035, 1, 1, tzinfo=UTC)
OCCURRED_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Earned(msgspec.Struct, frozen=True):
    number: str
    balance: int


class Wanted(msgspec.Struct, frozen=True):
    """`holder` earns `amount` points, once for this key."""

    cell_id: int
    holder: int
    amount: int
    key: str
    fingerprint: bytes = b"0123456789abcdef"


class EarnPoints(Command):
    """Ours: through the Teller."""

    status = 201
    weight = 6

    def __init__(self, wanted: Wanted) -> None:
        self.cell_id = wanted.cell_id
        self.key = wanted.key
        self.fingerprint = wanted.fingerprint
        self.wanted = wanted

    def needs(self) -> Needs:
        return account_needs(self.cell_id, self.wanted.holder, Unit.POINTS)

    def decide(self, rows: Rows) -> Earned:
        wanted = self.wanted
        number = rows.take_id()
        account = open_account(rows, wanted.cell_id, wanted.holder, Unit.POINTS)
        why = Reference(Kind.ADJUST, number, OCCURRED_AT)
        earn(rows, account, wanted.amount, EXPIRES_AT, why, System.ADJUSTED)
        rows.emit(EVENT, number, {"holder": wanted.holder, "amount": wanted.amount})
        return Earned(str(number), account.balance)


async def connect(urls: DatabaseUrls) -> Connection:
    conn = await AsyncConnection.connect(urls.runtime, autocommit=True, prepare_threshold=0, options=SESSION)
    conn.prepared_max = 500
    return conn


async def earn_naive(conn: Connection, wanted: Wanted) -> bytes:
    """N1: a plain transaction, prepared statements, each its own round trip; the kept answer's bytes."""
    cell_id, account = wanted.cell_id, account_id(wanted.holder, Unit.POINTS)
    async with conn.transaction():
        await conn.execute(tenant_setting((merchant_of(cell_id),)), prepare=False)
        cursor = await conn.execute(LOCK_HEADS, ([cell_id],))
        row = await cursor.fetchone()
        assert row is not None
        head = Head(*row)
        cursor = await conn.execute(
            "select fingerprint, body from idempotency where cell_id = %s and key = %s", (cell_id, wanted.key)
        )
        kept = await cursor.fetchone()
        if kept is not None:
            if bytes(kept[0]) != wanted.fingerprint:
                raise IdempotencyKeyReused()
            return bytes(kept[1])
        head.entity_seq += 1
        number = entity_id(head.entity_seq, cell_id)
        balance, booked_on = await _book_naive(conn, head, account, wanted, number)
        await conn.execute(
            "insert into outbox (cell_id, seq, kind, ref_id, at, payload) values (%s, %s, %s, %s, now(), %s::jsonb)",
            (cell_id, head.outbox_seq + 1, EVENT, number, payload(wanted)),
        )
        body = msgspec.json.encode(Earned(str(number), balance))
        await conn.execute(
            "insert into idempotency (cell_id, key, fingerprint, status, body, created_at) "
            "values (%s, %s, %s, 201, %s, now())",
            (cell_id, wanted.key, wanted.fingerprint, body),
        )
        await conn.execute(
            "update cell_head set transfer_seq = %s, outbox_seq = %s, entity_seq = %s, open_day = %s "
            "where cell_id = %s",
            (head.transfer_seq + 1, head.outbox_seq + 1, head.entity_seq, booked_on, cell_id),
        )
    return body


async def _book_naive(conn: Connection, head: Head, account: int, wanted: Wanted, number: int) -> tuple[int, date]:
    """Account, lot and transfer: (balance, booking day)."""
    cell_id, amount = wanted.cell_id, wanted.amount
    today = datetime.now(UTC).date()
    booked_on = today if head.open_day is None else max(head.open_day, today)
    cursor = await conn.execute(
        "select balance, debt, next_lot from account where cell_id = %s and account_id = %s for update",
        (cell_id, account),
    )
    balance, debt, next_lot = await cursor.fetchone() or (0, 0, 1)
    assert not debt, "the bench makes no debts"
    cursor = await conn.execute(
        "select lot_id, expires_at, earned, remaining from lot "
        "where cell_id = %s and account_id = %s and not closed for update",
        (cell_id, account),
    )
    lots = [row for row in await cursor.fetchall() if row[1] == EXPIRES_AT]
    lot_id, _, earned, remaining = lots[0] if lots else (next_lot, None, 0, 0)
    next_lot += not lots
    balance += amount
    await conn.execute(
        "insert into account (cell_id, account_id, balance, debt, next_lot) values (%s, %s, %s, 0, %s) "
        "on conflict (cell_id, account_id) do update set balance = excluded.balance, next_lot = excluded.next_lot",
        (cell_id, account, balance, next_lot),
    )
    await conn.execute(
        "insert into lot (cell_id, account_id, lot_id, expires_at, earned, remaining, expired, closed) "
        "values (%s, %s, %s, %s, %s, %s, 0, false) on conflict (cell_id, account_id, lot_id) "
        "do update set earned = excluded.earned, remaining = excluded.remaining",
        (cell_id, account, lot_id, EXPIRES_AT, earned + amount, remaining + amount),
    )
    await conn.execute(
        "insert into transfer (cell_id, seq, unit, kind, debit_account, credit_account, amount, lot_id, ref_id, "
        "reverses, balance_after, occurred_at, booked_on) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, null, %s, %s, %s)",
        (
            cell_id,
            head.transfer_seq + 1,
            Unit.POINTS,
            Kind.ADJUST,
            account_id(System.ADJUSTED, Unit.POINTS),
            account,
            amount,
            lot_id,
            number,
            balance,
            OCCURRED_AT,
            booked_on,
        ),
    )
    return balance, booked_on


def payload(wanted: Wanted) -> str:
    return msgspec.json.encode({"holder": wanted.holder, "amount": wanted.amount}).decode()


CREATE_FUNCTION = f"""
create schema if not exists bench;
grant usage on schema bench to huimeng_runtime;
create or replace function bench.earn(
    p_cell bigint, p_holder bigint, p_amount bigint, p_key text, p_fingerprint bytea
) returns bytea language plpgsql as $$
declare
    head cell_head; kept record; acc account; l lot; answer bytea;
    v_account bigint := p_holder * 64 + {Unit.POINTS}; v_number bigint; v_today date;
begin
    perform set_config('huimeng.merchants', ',' || (p_cell >> 10)::text || ',', true);
    select * into head from cell_head where cell_id = p_cell for update;
    select fingerprint, body into kept from idempotency where cell_id = p_cell and key = p_key;
    if found then
        if kept.fingerprint <> p_fingerprint then raise exception 'idempotency_key_reused'; end if;
        return kept.body;
    end if;
    v_number := (head.entity_seq + 1) * 1024 + p_cell % 1024;
    v_today := greatest(head.open_day, (now() at time zone 'UTC')::date);
    select * into acc from account where cell_id = p_cell and account_id = v_account for update;
    if not found then acc := row(p_cell, v_account, 0, 0, 1); end if;
    select * into l from lot where cell_id = p_cell and account_id = v_account and not closed
        and expires_at = '{EXPIRES_AT.isoformat()}' for update;
    if found then
        update lot set earned = earned + p_amount, remaining = remaining + p_amount
            where cell_id = p_cell and account_id = v_account and lot_id = l.lot_id;
    else
        l.lot_id := acc.next_lot;
        acc.next_lot := acc.next_lot + 1;
        insert into lot (cell_id, account_id, lot_id, expires_at, earned, remaining, expired, closed)
            values (p_cell, v_account, l.lot_id, '{EXPIRES_AT.isoformat()}', p_amount, p_amount, 0, false);
    end if;
    insert into account (cell_id, account_id, balance, debt, next_lot)
        values (p_cell, v_account, acc.balance + p_amount, 0, acc.next_lot)
        on conflict (cell_id, account_id) do update
        set balance = excluded.balance, next_lot = excluded.next_lot returning balance into acc.balance;
    insert into transfer (cell_id, seq, unit, kind, debit_account, credit_account, amount, lot_id, ref_id,
        reverses, balance_after, occurred_at, booked_on)
        values (p_cell, head.transfer_seq + 1, {Unit.POINTS}, {Kind.ADJUST},
        {account_id(System.ADJUSTED, Unit.POINTS)}, v_account, p_amount, l.lot_id, v_number, null, acc.balance,
        '{OCCURRED_AT.isoformat()}', v_today);
    insert into outbox (cell_id, seq, kind, ref_id, at, payload) values (p_cell, head.outbox_seq + 1, '{EVENT}',
        v_number, now(), jsonb_build_object('holder', p_holder, 'amount', p_amount));
    answer := convert_to(format('{{"number":"%s","balance":%s}}', v_number, acc.balance), 'UTF8');
    insert into idempotency (cell_id, key, fingerprint, status, body, created_at)
        values (p_cell, p_key, p_fingerprint, 201, answer, now());
    update cell_head set transfer_seq = head.transfer_seq + 1, outbox_seq = head.outbox_seq + 1,
        entity_seq = head.entity_seq + 1, open_day = v_today where cell_id = p_cell;
    return answer;
end $$;
grant execute on function bench.earn to huimeng_runtime;
"""


async def earn_function(conn: Connection, wanted: Wanted) -> bytes:
    """N2: one call of a SQL function that does it all, committed by itself; the kept answer's bytes."""
    cursor = await conn.execute(
        "select bench.earn(%s::bigint, %s::bigint, %s::bigint, %s::text, %s::bytea)",
        (wanted.cell_id, wanted.holder, wanted.amount, wanted.key, wanted.fingerprint),
    )
    row = await cursor.fetchone()
    assert row is not None
    return bytes(row[0])
