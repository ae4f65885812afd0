"""Cookies to people, from memory for at most 2 seconds."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from datetime import datetime

import msgspec

from huimeng.infra.cache import Cache
from huimeng.infra.database import Database
from huimeng.kernel.errors import Unauthorized
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import utc_now
from huimeng.merchant.authentication.principal import Principal
from huimeng.merchant.rules import ROLES, people
from huimeng.merchant.rules.people import SessionToken
from huimeng.merchant.service import hash_secret
from huimeng.merchant.store import staff as store
from huimeng.merchant.values import StoredSession

_Id = tuple[int, int]


class Person(msgspec.Struct, frozen=True):
    """Who is logged in; until a one-time password is changed, that is all they may do."""

    principal: Principal
    token: SessionToken
    must_change_password: bool


class Sessions:
    """One a process and database; its clocks can be replaced in tests."""

    def __init__(
        self,
        db: Database,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._db = db
        self._now = now
        self._sessions: Cache[_Id, StoredSession | None] = Cache(self._load, monotonic)

    async def __call__(self, cookie: str, *, attended: bool = True) -> Person:
        """Unauthorized when the session is unknown, ended, idle for too long, or of somebody who left.

        attended: somebody is at the page that asks, so that the session is in use.
        """
        token = people.parse_session(cookie)
        if token is None:
            raise Unauthorized()
        number = (token.merchant_id, token.session_id)
        kept = await self._sessions.get(number)
        given = hash_secret(token.secret)
        if kept is None or not hmac.compare_digest(given, kept.secret_hash):
            raise Unauthorized()
        now = self._now()
        if not kept.staff_active or not kept.merchant_active:
            raise Unauthorized()
        if not people.session_alive(now, kept.role, kept.created_at, kept.seen_at, kept.ended_at):
            raise Unauthorized()
        if attended and now - kept.seen_at >= people.SEEN_EVERY:
            await self._mark_seen(number, kept, now)
        principal = Principal(
            token.merchant_id,
            cell_of(token.merchant_id),
            ROLES[kept.role],
            f"staff:{kept.staff_id}",
            stores=kept.stores,
            name=kept.name,
            staff_id=kept.staff_id,
            session_id=token.session_id,
        )
        return Person(principal, token, kept.must_change_password)

    def forget(self, merchant_id: int, session_id: int) -> None:
        """Ended here: other processes notice within 2 seconds, this one sooner, unless it is just looking it up."""
        self._sessions.forget((merchant_id, session_id))

    async def _load(self, number: _Id) -> StoredSession | None:
        async with self._db.reader(number[0]) as conn:
            return await store.stored_session(conn, *number)

    async def _mark_seen(self, number: _Id, kept: StoredSession, now: datetime) -> None:
        self._sessions.replace(number, kept, msgspec.structs.replace(kept, seen_at=now))
        async with self._db.tenant(number[0]) as conn:
            await store.mark_seen(conn, *number, now)
