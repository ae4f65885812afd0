"""Merchants, regions, stores and API keys; writers lock the head of the merchant's cell."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import msgspec

from huimeng.infra import audit
from huimeng.infra.crypto import MerchantKeys, Vault, key_check_value, load_master_key
from huimeng.infra.database import Connection, Database, tenant_setting
from huimeng.infra.heads import bump_config, create_head, lock_head
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import utc_now
from huimeng.merchant import rules, store
from huimeng.merchant.errors import (
    ApiKeyNotFound,
    MerchantCodeTaken,
    MerchantNotFound,
    RegionCodeTaken,
    RegionNotFound,
    StoreCodeTaken,
    StoreNotFound,
)
from huimeng.merchant.values import (
    ApiKey,
    ApiKeyInput,
    Merchant,
    MerchantInput,
    Region,
    Store,
    StoreBook,
    StoreInput,
    StorePatch,
)

EVERYTHING = 1_000_000


async def open_vault(db: Database, data_dir: Path, master_key: str | None = None) -> Vault:
    """The vault of this deployment; MasterKeyError when its key is missing or is another one.

    master_key: what HUIMENG_MASTER_KEY says, if anything.
    """
    async with db.directory() as conn:
        check_value = await store.key_check(conn)
        key = load_master_key(data_dir, check_value, master_key)
        if check_value is None:
            await store.keep_key_check(conn, key_check_value(key))
    async with db.directory() as conn:
        # Of two first runs with different keys one lost: it must not go on.
        key = load_master_key(data_dir, await store.key_check(conn), master_key)
    vault = Vault(key)
    audit.sign_with(vault)
    return vault


async def merchant_keys(conn: Connection, vault: Vault, merchant_id: int) -> MerchantKeys:
    """From memory, or unwrapped from the merchant's row; MerchantNotFound."""
    keys = vault.cached(merchant_id)
    if keys is None:
        wrapped = await store.wrapped_key(conn, merchant_id)
        if wrapped is None:
            raise MerchantNotFound(str(merchant_id))
        keys = vault.unlock(merchant_id, wrapped)
    return keys


async def create_merchant(db: Database, vault: Vault, wanted: MerchantInput) -> Merchant:
    """Registers the merchant with its cell and its key, all or nothing; InvalidInput, MerchantCodeTaken."""
    code = rules.merchant_code(wanted.code)
    name = rules.clean_text("name", wanted.name, 100)
    timezone = rules.time_zone(wanted.timezone)
    currency = rules.currency(wanted.currency)
    day_cut = rules.day_cut(wanted.day_cut_minutes)
    async with db.directory() as conn:
        merchant_id = await store.register_merchant(conn, code)
        if merchant_id is None:
            raise MerchantCodeTaken(merchant=code)
        merchant = Merchant(
            merchant_id=merchant_id,
            code=code,
            name=name,
            industry=wanted.industry,
            legal_form=wanted.legal_form,
            timezone=timezone,
            currency=currency,
            day_cut_minutes=day_cut,
            status="active",
            created_at=utc_now(),
        )
        # The tenant is known only now; the rest of the transaction belongs to it.
        await conn.execute(tenant_setting((merchant_id,)), prepare=False)
        await create_head(conn, cell_of(merchant_id))
        await store.insert_merchant(conn, merchant, vault.new_merchant_key(merchant_id))
        what = ("merchant", merchant_id)
        await audit.record(conn, cell_of(merchant_id), "merchant.created", what, after=msgspec.structs.asdict(merchant))
    return merchant


async def find_merchant_id(db: Database, code: str) -> int:
    """MerchantNotFound."""
    if not code.isprintable():
        raise MerchantNotFound(code[:40])
    async with db.directory() as conn:
        merchant_id = await store.merchant_id_of(conn, code)
    if merchant_id is None:
        raise MerchantNotFound(code[:40])
    return merchant_id


async def get_merchant(conn: Connection, merchant_id: int) -> Merchant:
    """MerchantNotFound."""
    merchant = await store.find_merchant(conn, merchant_id)
    if merchant is None:
        raise MerchantNotFound(str(merchant_id))
    return merchant


async def list_merchants(db: Database, *, after: int = 0, limit: int = 1000) -> list[Merchant]:
    """For the operator of the deployment."""
    async with db.directory() as conn:
        known = [merchant_id for merchant_id, _ in await store.directory(conn, after, limit)]
        if not known:
            return []
        await conn.execute(tenant_setting(known), prepare=False)
        return await store.find_merchants(conn, known)


async def every_merchant(db: Database) -> AsyncIterator[Merchant]:
    """All merchants of the deployment, a page at a time."""
    after = 0
    while found := await list_merchants(db, after=after):
        for merchant in found:
            yield merchant
        after = found[-1].merchant_id


async def create_region(conn: Connection, merchant_id: int, code: str, name: str) -> Region:
    """InvalidInput, RegionCodeTaken."""
    region = Region(rules.place_code("code", code), rules.clean_text("name", name, 100))
    await lock_head(conn, cell_of(merchant_id))
    if not await store.insert_region(conn, merchant_id, region):
        raise RegionCodeTaken(region=region.code)
    await bump_config(conn, cell_of(merchant_id))
    what, after = ("region", region.code), msgspec.structs.asdict(region)
    await audit.record(conn, cell_of(merchant_id), "region.created", what, after=after)
    return region


async def list_regions(conn: Connection, merchant_id: int, *, after: str = "", limit: int = 100) -> list[Region]:
    return await store.regions(conn, merchant_id, after, limit)


def region_cursor(cursor: str | None) -> str:
    """The code after which a page begins; InvalidInput."""
    return "" if cursor is None else rules.place_code("cursor", cursor)


async def create_store(conn: Connection, merchant_id: int, wanted: StoreInput) -> Store:
    """InvalidInput, RegionNotFound, StoreCodeTaken."""
    await lock_head(conn, cell_of(merchant_id))
    merchant = await get_merchant(conn, merchant_id)
    created = Store(
        store_id=await store.next_store_id(conn, merchant_id),
        code=wanted.code,
        name=wanted.name,
        region=wanted.region,
        legal_entity=wanted.legal_entity,
        uscc=wanted.uscc,
        timezone=merchant.timezone if wanted.timezone is None else wanted.timezone,
        day_cut_minutes=merchant.day_cut_minutes if wanted.day_cut_minutes is None else wanted.day_cut_minutes,
    )
    saved = await _save_store(conn, merchant_id, created)
    what, after = ("store", saved.store_id), msgspec.structs.asdict(saved)
    await audit.record(conn, cell_of(merchant_id), "store.created", what, after=after)
    return saved


async def update_store(conn: Connection, merchant_id: int, store_id: int, patch: StorePatch) -> Store:
    """StoreNotFound, InvalidInput, RegionNotFound, StoreCodeTaken."""
    await lock_head(conn, cell_of(merchant_id))
    changes = {name: value for name, value in msgspec.structs.asdict(patch).items() if value is not msgspec.UNSET}
    found = await get_store(conn, merchant_id, store_id)
    saved = await _save_store(conn, merchant_id, msgspec.structs.replace(found, **changes))
    before, after = audit.differing(found, saved)
    if after:
        what = ("store", store_id)
        await audit.record(conn, cell_of(merchant_id), "store.changed", what, before=before, after=after)
    return saved


async def _save_store(conn: Connection, merchant_id: int, wanted: Store) -> Store:
    checked = Store(
        store_id=wanted.store_id,
        code=rules.place_code("code", wanted.code),
        name=rules.clean_text("name", wanted.name, 100),
        region=None if wanted.region is None else rules.place_code("region", wanted.region),
        legal_entity=None
        if wanted.legal_entity is None
        else rules.clean_text("legal_entity", wanted.legal_entity, 100),
        uscc=None if wanted.uscc is None else rules.uscc(wanted.uscc),
        timezone=rules.time_zone(wanted.timezone),
        day_cut_minutes=rules.day_cut(wanted.day_cut_minutes),
    )
    if checked.region is not None and not await store.has_region(conn, merchant_id, checked.region):
        raise RegionNotFound(checked.region)
    namesake = await store.find_store_by_code(conn, merchant_id, checked.code)
    if namesake is not None and namesake.store_id != checked.store_id:
        raise StoreCodeTaken(store=checked.code)
    await store.save_store(conn, merchant_id, checked)
    await bump_config(conn, cell_of(merchant_id))
    return checked


async def get_store(conn: Connection, merchant_id: int, store_id: int) -> Store:
    """StoreNotFound."""
    found = await store.find_store(conn, merchant_id, store_id)
    if found is None:
        raise StoreNotFound(str(store_id))
    return found


async def list_stores(conn: Connection, merchant_id: int, *, after: int = 0, limit: int = 100) -> list[Store]:
    return await store.stores(conn, merchant_id, after, limit)


async def load_stores(conn: Connection, merchant_id: int) -> StoreBook:
    """Every store, for look-ups outside of commands (import); commands use the shelf `store.STORES`."""
    return store.store_book(await store.stores(conn, merchant_id, 0, EVERYTHING))


async def create_api_key(conn: Connection, merchant_id: int, wanted: ApiKeyInput) -> tuple[ApiKey, str]:
    """The key and its token, which can't be shown again; InvalidInput."""
    now = utc_now()
    name = rules.clean_text("name", wanted.name, 100)
    scopes = rules.scopes(wanted.scopes)
    if wanted.expires_at is not None and wanted.expires_at.tzinfo is None:
        raise InvalidInput("expires_at", "needs an offset such as +08:00", "须带时区，如 +08:00")
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise InvalidInput("expires_at", "lies in the past", "不能早于现在")
    await lock_head(conn, cell_of(merchant_id))
    secret = secrets.token_urlsafe(32)
    key = msgspec.convert(
        {
            "key_id": await store.next_key_id(conn, merchant_id),
            "name": name,
            "scopes": scopes,
            "created_at": now,
            "expires_at": wanted.expires_at,
            "revoked_at": None,
            "last_used_day": None,
            "rate_limit": wanted.rate_limit,
        },
        ApiKey,
    )
    await store.insert_api_key(conn, merchant_id, key, hash_secret(secret))
    after = {"name": name, "scopes": scopes, "expires_at": key.expires_at, "rate_limit": key.rate_limit}
    await audit.record(conn, cell_of(merchant_id), "api_key.created", ("api_key", key.key_id), after=after)
    return key, rules.format_token(merchant_id, key.key_id, secret)


async def list_api_keys(conn: Connection, merchant_id: int, *, after: int = 0, limit: int = 100) -> list[ApiKey]:
    return await store.api_keys(conn, merchant_id, after, limit)


async def revoke_api_key(conn: Connection, merchant_id: int, key_id: int, now: datetime | None = None) -> ApiKey:
    """Workers forget the key within 2 seconds (authentication.TTL_SECONDS); ApiKeyNotFound."""
    await lock_head(conn, cell_of(merchant_id))
    key = await store.revoke_api_key(conn, merchant_id, key_id, now or utc_now())
    if key is None:
        raise ApiKeyNotFound(str(key_id))
    after = {"name": key.name, "revoked_at": key.revoked_at}
    await audit.record(conn, cell_of(merchant_id), "api_key.revoked", ("api_key", key_id), after=after)
    return key


def hash_secret(secret: str) -> bytes:
    """Plain SHA-256: a slow hash protects secrets that can be guessed; this one has 256 random bits, and every
    request pays for its hash.
    """
    return hashlib.sha256(secret.encode()).digest()
