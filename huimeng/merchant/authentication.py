"""Tokens to principals, from memory for at most 2 seconds: within them a revoked key stops."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import date, datetime
from weakref import WeakKeyDictionary

import msgspec

from huimeng.infra.database import Database
from huimeng.kernel.errors import PermissionDenied, Unauthorized
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import utc_now
from huimeng.merchant import rules, store
from huimeng.merchant.service import hash_secret
from huimeng.merchant.values import StoredKey

TTL_SECONDS = 2.0
# Unknown keys are remembered too, so the room is bounded: the oldest entry goes.
MAX_KEPT = 10_000


class Principal(msgspec.Struct, frozen=True):
    """The caller of a request: a key or a person of one merchant, what it may do, and in which stores (None: all).

    actor is "key:3" or "staff:7", as records name who did something.
    """

    merchant_id: int
    cell_id: int
    scopes: frozenset[str]
    actor: str
    key_id: int | None = None
    stores: frozenset[int] | None = None

    def allows(self, scope: str) -> bool:
        return scope in self.scopes or "*" in self.scopes

    def require(self, scope: str) -> None:
        """PermissionDenied when the key lacks the scope."""
        if not self.allows(scope):
            raise PermissionDenied(scope=scope)

    def sees(self, store_id: int) -> bool:
        return self.stores is None or store_id in self.stores

    def require_store(self, store_id: int) -> None:
        """PermissionDenied when the caller works in other stores only."""
        if not self.sees(store_id):
            raise PermissionDenied(store=store_id)


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
        self._monotonic = monotonic
        self._now = now
        self._kept: OrderedDict[_Id, tuple[float, StoredKey | None]] = OrderedDict()
        self._loading: dict[_Id, asyncio.Task[StoredKey | None]] = {}

    async def __call__(self, token: str) -> Principal:
        """Unauthorized, without a word about what was wrong; Unavailable when the database is away."""
        parsed = rules.parse_token(token)
        if parsed is None:
            raise Unauthorized()
        key_id = (parsed.merchant_id, parsed.key_id)
        key = await self._key(key_id)
        given = hash_secret(parsed.secret)
        if key is None or not hmac.compare_digest(given, key.secret_hash):
            raise Unauthorized()
        if not key.merchant_active or not rules.usable(self._now(), key.expires_at, key.revoked_at):
            raise Unauthorized()
        today = self._now().date()
        if key.last_used_day != today:
            await self._mark_used(key_id, key, today)
        number = parsed.key_id
        return Principal(parsed.merchant_id, cell_of(parsed.merchant_id), key.scopes, f"key:{number}", number)

    async def _key(self, key_id: _Id) -> StoredKey | None:
        kept = self._kept.get(key_id)
        if kept is not None and self._monotonic() - kept[0] < TTL_SECONDS:
            return kept[1]
        # When an entry ends under load, one look-up serves everybody who waits for it.
        loading = self._loading.get(key_id)
        if loading is None:
            loading = self._loading[key_id] = asyncio.create_task(self._load(key_id))
            loading.add_done_callback(lambda _: self._loading.pop(key_id, None))
        return await asyncio.shield(loading)

    async def _load(self, key_id: _Id) -> StoredKey | None:
        # Taken before the look-up: what was read can't be newer than this.
        read_at = self._monotonic()
        async with self._db.reader(key_id[0]) as conn:
            key = await store.stored_key(conn, *key_id)
        self._kept[key_id] = (read_at, key)
        self._kept.move_to_end(key_id)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return key

    async def _mark_used(self, key_id: _Id, key: StoredKey, today: date) -> None:
        """Once a day and process, and only for a token that was right."""
        kept = self._kept.get(key_id)
        if kept is not None and kept[1] is key:
            self._kept[key_id] = (kept[0], msgspec.structs.replace(key, last_used_day=today))
        async with self._db.tenant(key_id[0]) as conn:
            await store.mark_used(conn, *key_id, today)


_AUTHENTICATORS: WeakKeyDictionary[Database, Authenticator] = WeakKeyDictionary()


async def authenticate(db: Database, token: str) -> Principal:
    """The Principal of a token, through the process's Authenticator for this database; Unauthorized."""
    authenticator = _AUTHENTICATORS.get(db)
    if authenticator is None:
        authenticator = _AUTHENTICATORS[db] = Authenticator(db)
    return await authenticator(token)
