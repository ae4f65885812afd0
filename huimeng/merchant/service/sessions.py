"""Logging in and out, and changing one's own password."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime

import msgspec

from huimeng.infra import audit
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Connection, Database
from huimeng.infra.heads import lock_head
from huimeng.kernel.errors import InvalidInput, TooBusy, Unauthorized
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import utc_now
from huimeng.merchant.errors import (
    LoginFailed,
    MerchantNotFound,
    OneTimePasswordExpired,
    StaffNotFound,
    WeakPassword,
    WrongPassword,
)
from huimeng.merchant.rules import people
from huimeng.merchant.rules.people import SessionToken
from huimeng.merchant.service import find_merchant_id, get_merchant, hash_secret, merchant_keys
from huimeng.merchant.service.passwords import PASSWORDS, Passwords
from huimeng.merchant.service.staff import get_staff, phone_index
from huimeng.merchant.store import staff as store
from huimeng.merchant.values import Merchant, Session, Staff, StoredPassword

# A refused log-in takes at least this long, whatever there was to look up.
REFUSAL_SECONDS = 0.5
log = logging.getLogger("huimeng.login")
_TEXT_MOST = 200


class Opened(msgspec.Struct, frozen=True):
    """A new session: its cookie is `token`, which is kept nowhere."""

    token: SessionToken
    staff: Staff
    merchant: Merchant


class From(msgspec.Struct, frozen=True):
    """Where a log-in comes from."""

    ip: str = ""
    agent: str = ""
    request_id: str = ""


class WhoAmI(msgspec.Struct, frozen=True):
    """Who is logged in, and by which session."""

    staff: Staff
    merchant: Merchant
    session: Session


def csrf_token(token: SessionToken) -> str:
    """Of one session; derived, so there is nothing to keep and nothing to plant."""
    digest = hmac.digest(token.secret.encode(), b"huimeng csrf v1", hashlib.sha256)
    return urlsafe_b64encode(digest).decode().rstrip("=")


class LogIns:
    """One a process; its clock and its hashing can be replaced in tests."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        *,
        passwords: Passwords = PASSWORDS,
        now: Callable[[], datetime] = utc_now,
        refusal_seconds: float = REFUSAL_SECONDS,
    ) -> None:
        self._db = db
        self._vault = vault
        self._passwords = passwords
        self._now = now
        self._refusal_seconds = refusal_seconds

    async def log_in(
        self, merchant_code: str, login: str, password: str, came: From, previous: SessionToken | None = None
    ) -> Opened:
        """Always a new session; the one that the browser had ends. LoginFailed, OneTimePasswordExpired, TooBusy."""
        began = time.monotonic()
        try:
            return await self._log_in(merchant_code, login, password, came, previous)
        except LoginFailed:
            await asyncio.sleep(self._refusal_seconds - (time.monotonic() - began))
            raise

    async def _log_in(
        self, merchant_code: str, login: str, password: str, came: From, previous: SessionToken | None
    ) -> Opened:
        merchant_id = await self._merchant_id(merchant_code)
        with self._passwords.turn():
            kept, admitted = await self._attempt(merchant_id, login)
            right = await self._passwords.verify(password, None if kept is None else kept.password_hash)
        if kept is None or not admitted or not kept.active or not right:
            if kept is not None and admitted:
                await self._record_failure(merchant_id, kept, came)
            else:
                log.warning("log-in refused", extra={"merchant_id": merchant_id, "ip": came.ip})
            raise LoginFailed()
        now = self._now()
        async with self._db.tenant(merchant_id) as conn:
            await lock_head(conn, cell_of(merchant_id))
            merchant = await get_merchant(conn, merchant_id)
            # Changed since it was read: a reset, a new password or a dismissal has overtaken this one.
            newest = await store.lock_password_of(conn, merchant_id, kept.staff_id)
            if merchant.status != "active" or newest is None or not newest.active:
                raise LoginFailed()
            if newest.password_hash != kept.password_hash:
                raise LoginFailed()
            await store.mark_login(conn, merchant_id, kept.staff_id, now)
            expired = kept.must_change_password and now - kept.password_set_at >= people.ONE_TIME_PASSWORD_FOR
            if not expired:
                await _end_previous(conn, merchant_id, previous, now)
                await _record(conn, merchant_id, "login.succeeded", kept, came)
                return await self._open(conn, merchant, kept.staff_id, came, now)
        raise OneTimePasswordExpired()

    async def _record_failure(self, merchant_id: int, kept: StoredPassword, came: From) -> None:
        attempt = people.attempt(self._now(), kept.failed_logins, kept.locked_until)
        action: audit.Action = "login.failed" if attempt.locked_until is None else "login.locked"
        async with self._db.tenant(merchant_id) as conn:
            await _record(conn, merchant_id, action, kept, came)

    async def _merchant_id(self, code: str) -> int:
        """0, which is nobody's, for a code that nobody has."""
        try:
            return await find_merchant_id(self._db, code.strip().lower()[:_TEXT_MOST])
        except MerchantNotFound:
            return 0

    async def _attempt(self, merchant_id: int, login: str) -> tuple[StoredPassword | None, bool]:
        """Counts first and looks at the password later, and asks the database the same for every name."""
        try:
            name = people.login_name(login[:_TEXT_MOST])
        except InvalidInput:
            name = ""
        async with self._db.tenant(merchant_id) as conn:
            index = await self._phone_index(conn, merchant_id, login)
            kept = await store.lock_password(conn, merchant_id, name, index)
            return kept, kept is not None and await self._count(conn, merchant_id, kept)

    async def _phone_index(self, conn: Connection, merchant_id: int, login: str) -> bytes | None:
        try:
            keys = await merchant_keys(conn, self._vault, merchant_id)
            return phone_index(keys, people.phone_in(login))
        except MerchantNotFound:
            return None

    async def _count(self, conn: Connection, merchant_id: int, kept: StoredPassword) -> bool:
        attempt = people.attempt(self._now(), kept.failed_logins, kept.locked_until)
        if attempt.admitted:
            await store.count_attempt(conn, merchant_id, kept.staff_id, attempt)
        return attempt.admitted

    async def change_password(self, merchant_id: int, staff_id: int, current: str, new: str, came: From) -> Opened:
        """Ends all sessions and opens a new one; WrongPassword, WeakPassword, TooBusy."""
        with self._passwords.turn():
            async with self._db.tenant(merchant_id) as conn:
                kept = await store.lock_password_of(conn, merchant_id, staff_id)
                if kept is None:
                    raise StaffNotFound(str(staff_id))
                merchant = await get_merchant(conn, merchant_id)
                admitted = await self._count(conn, merchant_id, kept)
            right = await self._passwords.verify(current, kept.password_hash)
        if not right or not admitted:
            if admitted:
                await self._record_failure(merchant_id, kept, came)
            raise WrongPassword()
        try:
            people.check_password(new, kept.login, merchant.code)
            if new == current:
                raise WeakPassword(reason="it is the old one", reason_zh="不能与原密码相同")
            hashed = await self._passwords.hash(new)
        except (WeakPassword, TooBusy):
            async with self._db.tenant(merchant_id) as conn:
                # The current one was right.
                await store.unlock(conn, merchant_id, staff_id)
            raise
        now = self._now()
        async with self._db.tenant(merchant_id) as conn:
            await lock_head(conn, cell_of(merchant_id))
            newest = await store.lock_password_of(conn, merchant_id, staff_id)
            if newest is None or newest.password_hash != kept.password_hash or not newest.active:
                raise WrongPassword()
            await store.set_password(conn, merchant_id, staff_id, hashed, one_time=False, now=now)
            await store.end_sessions(conn, merchant_id, staff_id, now)
            await _record(conn, merchant_id, "password.changed", kept, came)
            return await self._open(conn, merchant, staff_id, came, now)

    async def log_out(self, merchant_id: int, staff_id: int, session_id: int) -> None:
        async with self._db.tenant(merchant_id) as conn:
            await lock_head(conn, cell_of(merchant_id))
            if await store.end_session(conn, merchant_id, staff_id, session_id, self._now()):
                await audit.record(conn, cell_of(merchant_id), "logout", ("staff", staff_id))

    async def who_am_i(self, merchant_id: int, staff_id: int, session_id: int) -> WhoAmI:
        """Unauthorized when the session has ended."""
        async with self._db.reader(merchant_id) as conn:
            staff = await get_staff(conn, merchant_id, staff_id)
            merchant = await get_merchant(conn, merchant_id)
            rows = await store.open_sessions(conn, merchant_id, staff_id)
        row = next((row for row in rows if row[0] == session_id), None)
        if row is None:
            # Ended since the cookie was looked at.
            raise Unauthorized()
        _, created_at, seen_at, ip, agent = row
        ends = people.session_ends(staff.role, created_at, seen_at)
        session = Session(
            session_id=str(session_id),
            created_at=created_at,
            seen_at=seen_at,
            expires_at=ends,
            ip=ip,
            agent=agent,
            current=True,
        )
        return WhoAmI(staff, merchant, session)

    async def _open(self, conn: Connection, merchant: Merchant, staff_id: int, came: From, now: datetime) -> Opened:
        merchant_id = merchant.merchant_id
        token = SessionToken(merchant_id, secrets.randbelow(2**53), secrets.token_urlsafe(32))
        secret_hash = hash_secret(token.secret)
        await store.insert_session(conn, token, staff_id, secret_hash, ip=came.ip, agent=came.agent, now=now)
        await store.end_oldest_sessions(conn, merchant_id, staff_id, people.SESSIONS_MOST, now)
        await store.forget_sessions(conn, merchant_id, staff_id, now - people.SESSIONS_KEPT_FOR)
        return Opened(token, await get_staff(conn, merchant_id, staff_id), merchant)


async def _record(conn: Connection, merchant_id: int, action: audit.Action, kept: StoredPassword, came: From) -> None:
    """Under the name of the account, which is all that is known of who tried."""
    by = audit.By(f"staff:{kept.staff_id}", kept.name, came.ip, came.agent, came.request_id)
    await audit.record(conn, cell_of(merchant_id), action, ("staff", kept.staff_id), by=by)


async def _end_previous(conn: Connection, merchant_id: int, previous: SessionToken | None, now: datetime) -> None:
    """Of the same merchant only, and only with its secret; anything else runs out by itself."""
    if previous is None or previous.merchant_id != merchant_id:
        return
    kept = await store.stored_session(conn, merchant_id, previous.session_id)
    if kept is not None and hmac.compare_digest(kept.secret_hash, hash_secret(previous.secret)):
        await store.end_session(conn, merchant_id, kept.staff_id, previous.session_id, now)
