"""SQL of staff, their passwords and their sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from huimeng.infra.database import Connection
from huimeng.merchant.rules.people import Attempt, SessionToken
from huimeng.merchant.store import _all, _columns, _one
from huimeng.merchant.values import Staff, StoredPassword, StoredSession

_STAFF = "staff_id, login, name, role, stores, phone, active, must_change_password, locked_until, last_login_at"
_STAFF += ", created_at"
_STAFF_SQL = _STAFF.replace("phone,", "phone_masked,")
_STORED = "staff_id, login, name, password_hash, password_set_at, must_change_password, active, failed_logins"
_STORED += ", locked_until"


async def next_staff_id(conn: Connection, merchant_id: int) -> int:
    """The head must be locked."""
    row = await _one(conn, "select coalesce(max(staff_id), 0) + 1 from staff where merchant_id = %s", merchant_id)
    assert row is not None
    return int(row[0])


async def has_staff(conn: Connection, merchant_id: int) -> bool:
    return await _one(conn, "select 1 from staff where merchant_id = %s limit 1", merchant_id) is not None


async def names_of_others(conn: Connection, merchant_id: int, staff_id: int) -> list[tuple[str, bytes | None]]:
    """(login, phone_index) of everybody else."""
    rows = await _all(
        conn, "select login, phone_index from staff where merchant_id = %s and staff_id <> %s", merchant_id, staff_id
    )
    return [(login, None if index is None else bytes(index)) for login, index in rows]


async def insert_staff(
    conn: Connection, merchant_id: int, staff: Staff, phone_index: bytes | None, password_hash: str
) -> None:
    await conn.execute(
        "insert into staff (merchant_id, staff_id, login, name, role, stores, phone_index, phone_masked, active, "
        "password_hash, password_set_at, must_change_password, created_at) "
        "values (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s)",
        (
            merchant_id,
            staff.staff_id,
            staff.login,
            staff.name,
            staff.role,
            staff.stores,
            phone_index,
            staff.phone,
            staff.active,
            password_hash,
            staff.created_at,
            staff.must_change_password,
            staff.created_at,
        ),
    )


async def update_staff(conn: Connection, merchant_id: int, staff: Staff) -> None:
    """Everything but login, phone and password."""
    await conn.execute(
        "update staff set name = %s, role = %s, stores = %s, active = %s where merchant_id = %s and staff_id = %s",
        (staff.name, staff.role, staff.stores, staff.active, merchant_id, staff.staff_id),
    )


async def set_phone(
    conn: Connection, merchant_id: int, staff_id: int, phone_index: bytes | None, masked: str | None
) -> None:
    await conn.execute(
        "update staff set phone_index = %s, phone_masked = %s where merchant_id = %s and staff_id = %s",
        (phone_index, masked, merchant_id, staff_id),
    )


async def find_staff(conn: Connection, merchant_id: int, staff_id: int) -> Staff | None:
    row = await _one(
        conn, f"select {_STAFF_SQL} from staff where merchant_id = %s and staff_id = %s", merchant_id, staff_id
    )
    return None if row is None else _columns(Staff, _STAFF, row)


async def find_staff_by_login(conn: Connection, merchant_id: int, login: str) -> Staff | None:
    row = await _one(conn, f"select {_STAFF_SQL} from staff where merchant_id = %s and login = %s", merchant_id, login)
    return None if row is None else _columns(Staff, _STAFF, row)


async def list_staff(conn: Connection, merchant_id: int, after: int, limit: int) -> list[Staff]:
    rows = await _all(
        conn,
        f"select {_STAFF_SQL} from staff where merchant_id = %s and staff_id > %s order by staff_id limit %s",
        merchant_id,
        after,
        limit,
    )
    return [_columns(Staff, _STAFF, row) for row in rows]


async def other_active_owners(conn: Connection, merchant_id: int, staff_id: int) -> int:
    row = await _one(
        conn,
        "select count(*) from staff where merchant_id = %s and staff_id <> %s and role = 'owner' and active",
        merchant_id,
        staff_id,
    )
    assert row is not None
    return int(row[0])


# Passwords.


async def lock_password(
    conn: Connection, merchant_id: int, login: str, phone_index: bytes | None
) -> StoredPassword | None:
    """By login name or phone; the row stays locked, so attempts are counted one after the other."""
    row = await _one(
        conn,
        f"select {_STORED} from staff where merchant_id = %s and (login = %s or phone_index = %s) "
        "order by login = %s desc limit 1 for update",
        merchant_id,
        login,
        phone_index,
        login,
    )
    return None if row is None else StoredPassword(*row)


async def lock_password_of(conn: Connection, merchant_id: int, staff_id: int) -> StoredPassword | None:
    row = await _one(
        conn,
        f"select {_STORED} from staff where merchant_id = %s and staff_id = %s for update",
        merchant_id,
        staff_id,
    )
    return None if row is None else StoredPassword(*row)


async def count_attempt(conn: Connection, merchant_id: int, staff_id: int, attempt: Attempt) -> None:
    await conn.execute(
        "update staff set failed_logins = %s, locked_until = %s where merchant_id = %s and staff_id = %s",
        (attempt.failed, attempt.locked_until, merchant_id, staff_id),
    )


async def unlock(conn: Connection, merchant_id: int, staff_id: int) -> None:
    await conn.execute(
        "update staff set failed_logins = 0, locked_until = null where merchant_id = %s and staff_id = %s",
        (merchant_id, staff_id),
    )


async def mark_login(conn: Connection, merchant_id: int, staff_id: int, now: datetime) -> None:
    await conn.execute(
        "update staff set last_login_at = %s, failed_logins = 0, locked_until = null "
        "where merchant_id = %s and staff_id = %s",
        (now, merchant_id, staff_id),
    )


async def set_password(
    conn: Connection, merchant_id: int, staff_id: int, password_hash: str, *, one_time: bool, now: datetime
) -> None:
    await conn.execute(
        "update staff set password_hash = %s, password_set_at = %s, must_change_password = %s, failed_logins = 0, "
        "locked_until = null where merchant_id = %s and staff_id = %s",
        (password_hash, now, one_time, merchant_id, staff_id),
    )


# Sessions.


async def insert_session(
    conn: Connection, token: SessionToken, staff_id: int, secret_hash: bytes, *, ip: str, agent: str, now: datetime
) -> None:
    await conn.execute(
        "insert into staff_session (merchant_id, session_id, staff_id, secret_hash, created_at, seen_at, ip, agent) "
        "values (%s,%s,%s,%s,%s,%s,%s,%s)",
        (token.merchant_id, token.session_id, staff_id, secret_hash, now, now, ip, agent),
    )


async def stored_session(conn: Connection, merchant_id: int, session_id: int) -> StoredSession | None:
    row = await _one(
        conn,
        "select t.staff_id, s.name, t.secret_hash, t.created_at, t.seen_at, t.ended_at, s.role, s.stores, s.active, "
        "s.must_change_password, m.status = 'active' from staff_session t "
        "join staff s on s.merchant_id = t.merchant_id and s.staff_id = t.staff_id "
        "join merchant m on m.merchant_id = t.merchant_id where t.merchant_id = %s and t.session_id = %s",
        merchant_id,
        session_id,
    )
    if row is None:
        return None
    staff_id, name, secret_hash, created_at, seen_at, ended_at, role, stores, *flags = row
    limited = None if stores is None else frozenset(stores)
    return StoredSession(staff_id, name, bytes(secret_hash), created_at, seen_at, ended_at, role, limited, *flags)


async def mark_seen(conn: Connection, merchant_id: int, session_id: int, now: datetime) -> None:
    """Never back: processes' clocks differ by a little."""
    await conn.execute(
        "update staff_session set seen_at = greatest(seen_at, %s) where merchant_id = %s and session_id = %s",
        (now, merchant_id, session_id),
    )


async def open_sessions(conn: Connection, merchant_id: int, staff_id: int) -> list[tuple[Any, ...]]:
    """(session_id, created_at, seen_at, ip, agent), newest first, also those whose time has run out."""
    return await _all(
        conn,
        "select session_id, created_at, seen_at, ip, agent from staff_session "
        "where merchant_id = %s and staff_id = %s and ended_at is null order by created_at desc, session_id desc",
        merchant_id,
        staff_id,
    )


async def end_session(conn: Connection, merchant_id: int, staff_id: int, session_id: int, now: datetime) -> bool:
    """False when this person has no such open session."""
    row = await _one(
        conn,
        "update staff_session set ended_at = %s where merchant_id = %s and staff_id = %s and session_id = %s "
        "and ended_at is null returning session_id",
        now,
        merchant_id,
        staff_id,
        session_id,
    )
    return row is not None


async def end_sessions(conn: Connection, merchant_id: int, staff_id: int, now: datetime) -> None:
    await conn.execute(
        "update staff_session set ended_at = %s where merchant_id = %s and staff_id = %s and ended_at is null",
        (now, merchant_id, staff_id),
    )


async def end_oldest_sessions(conn: Connection, merchant_id: int, staff_id: int, most: int, now: datetime) -> None:
    """Leaves the newest open."""
    await conn.execute(
        "update staff_session set ended_at = %s where merchant_id = %s and session_id in (select session_id "
        "from staff_session where merchant_id = %s and staff_id = %s and ended_at is null "
        "order by created_at desc, session_id desc offset %s)",
        (now, merchant_id, merchant_id, staff_id, most),
    )


async def forget_sessions(conn: Connection, merchant_id: int, staff_id: int, before: datetime) -> None:
    await conn.execute(
        "delete from staff_session where merchant_id = %s and staff_id = %s and created_at < %s",
        (merchant_id, staff_id, before),
    )
