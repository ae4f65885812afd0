"""Tokens to principals, from memory for at most 2 seconds: within them a revoked key stops."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from datetime import date, datetime
from weakref import WeakKeyDictionary

import msgspec

from huimeng.infra.cache import Cache
from huimeng.infra.database import Database
from huimeng.kernel.errors import Unauthorized
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import utc_now
from huimeng.merchant import rules, store
from huimeng.merchant.authentication.principal import Principal
from huimeng.merchant.service import hash_secret
from huimeng.merchant.values import StoredKey

_Id = tuple[int, int]


class Authenticator:
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
        self._keys: Cache[_Id, StoredKey | None] = Cache(self._load, monotonic)

    async def __call__(self, token: str) -> Principal:
        """Unauthorized, without a word about what was wrong; Unavailable when the database is away."""
        parsed = rules.parse_token(token)
        if parsed is None:
            raise Unauthorized()
        key_id = (parsed.merchant_id, parsed.key_id)
        key = await self._keys.get(key_id)
        given = hash_secret(parsed.secret)
        if key is None or not hmac.compare_digest(given, key.secret_hash):
            raise Unauthorized()
        if not key.merchant_active or not rules.usable(self._now(), key.expires_at, key.revoked_at):
            raise Unauthorized()
        today = self._now().date()
        if key.last_used_day != today:
            await self._mark_used(key_id, key, today)
        number = parsed.key_id
        return Principal(
            parsed.merchant_id,
            cell_of(parsed.merchant_id),
            key.scopes,
            f"key:{number}",
            number,
            name=key.name,
            rate_limit=key.rate_limit,
        )

    async def _load(self, key_id: _Id) -> StoredKey | None:
        async with self._db.reader(key_id[0]) as conn:
            return await store.stored_key(conn, *key_id)

    async def _mark_used(self, key_id: _Id, key: StoredKey, today: date) -> None:
        """Once a day, and only for a token that was right."""
        self._keys.replace(key_id, key, msgspec.structs.replace(key, last_used_day=today))
        async with self._db.tenant(key_id[0]) as conn:
            await store.mark_used(conn, *key_id, today)


_AUTHENTICATORS: WeakKeyDictionary[Database, Authenticator] = WeakKeyDictionary()


async def authenticate(db: Database, token: str) -> Principal:
    """The Principal of a token, through the process's Authenticator for this database; Unauthorized."""
    authenticator = _AUTHENTICATORS.get(db)
    if authenticator is None:
        authenticator = _AUTHENTICATORS[db] = Authenticator(db)
    return await authenticator(token)
