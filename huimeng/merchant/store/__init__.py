"""All SQL of the merchant, and the shelf that gives commands its stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from huimeng.infra.database import Connection
from huimeng.infra.teller import Key, Shelf, Statement, packed
from huimeng.kernel.ids import merchant_of
from huimeng.merchant.values import ApiKey, Merchant, Region, Store, StoreBook, StoredKey

STORES = "stores"

_MERCHANT = "merchant_id, code, name, industry, legal_form, timezone, currency, day_cut_minutes, status, created_at"
_STORE = "store_id, code, name, region, legal_entity, uscc, timezone, day_cut_minutes"
_API_KEY = "key_id, name, scopes, created_at, expires_at, revoked_at, last_used_day, rate_limit"


def _columns(struct: type, columns: str, row: Sequence[Any]) -> Any:
    return struct(**dict(zip(columns.split(", "), row, strict=True)))


async def _one(conn: Connection, sql: str, *params: Any) -> tuple[Any, ...] | None:
    return await (await conn.execute(sql, params)).fetchone()


async def _all(conn: Connection, sql: str, *params: Any) -> list[tuple[Any, ...]]:
    return await (await conn.execute(sql, params)).fetchall()


# Deployment.


async def register_merchant(conn: Connection, code: str) -> int | None:
    """The new merchant's id; None when the code is taken."""
    row = await _one(
        conn,
        "insert into merchant_directory (code) values (%s) on conflict (code) do nothing returning merchant_id",
        code,
    )
    return None if row is None else int(row[0])


async def directory(conn: Connection, after: int, limit: int) -> list[tuple[int, str]]:
    rows = await _all(
        conn,
        "select merchant_id, code from merchant_directory where merchant_id > %s order by merchant_id limit %s",
        after,
        limit,
    )
    return [(row[0], row[1]) for row in rows]


async def merchant_id_of(conn: Connection, code: str) -> int | None:
    row = await _one(conn, "select merchant_id from merchant_directory where code = %s", code)
    return None if row is None else int(row[0])


async def key_check(conn: Connection) -> bytes | None:
    row = await _one(conn, "select check_value from deployment_key where slot = 1")
    return None if row is None else bytes(row[0])


async def keep_key_check(conn: Connection, check_value: bytes) -> None:
    """The first one stays."""
    await conn.execute(
        "insert into deployment_key (slot, check_value) values (1, %s) on conflict do nothing", (check_value,)
    )


# Merchant.


async def insert_merchant(conn: Connection, merchant: Merchant, wrapped_key: bytes) -> None:
    await conn.execute(
        f"insert into merchant ({_MERCHANT}) values (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s)",
        (
            merchant.merchant_id,
            merchant.code,
            merchant.name,
            merchant.industry,
            merchant.legal_form,
            merchant.timezone,
            merchant.currency,
            merchant.day_cut_minutes,
            merchant.status,
            merchant.created_at,
        ),
    )
    await conn.execute(
        "insert into merchant_key (merchant_id, wrapped, created_at) values (%s, %s, %s)",
        (merchant.merchant_id, wrapped_key, merchant.created_at),
    )


async def find_merchant(conn: Connection, merchant_id: int) -> Merchant | None:
    row = await _one(conn, f"select {_MERCHANT} from merchant where merchant_id = %s", merchant_id)
    return None if row is None else _columns(Merchant, _MERCHANT, row)


async def find_merchants(conn: Connection, merchant_ids: Sequence[int]) -> list[Merchant]:
    rows = await _all(
        conn,
        f"select {_MERCHANT} from merchant where merchant_id = any(%s) order by merchant_id",
        list(merchant_ids),
    )
    return [_columns(Merchant, _MERCHANT, row) for row in rows]


async def change_merchant(conn: Connection, merchant: Merchant) -> None:
    await conn.execute(
        "update merchant set name = %s, industry = %s, legal_form = %s, timezone = %s, day_cut_minutes = %s "
        "where merchant_id = %s",
        (
            merchant.name,
            merchant.industry,
            merchant.legal_form,
            merchant.timezone,
            merchant.day_cut_minutes,
            merchant.merchant_id,
        ),
    )


async def wrapped_key(conn: Connection, merchant_id: int) -> bytes | None:
    row = await _one(conn, "select wrapped from merchant_key where merchant_id = %s", merchant_id)
    return None if row is None else bytes(row[0])


# Regions and stores.


async def insert_region(conn: Connection, merchant_id: int, region: Region) -> bool:
    """False when the code is taken."""
    row = await _one(
        conn,
        "insert into region (merchant_id, code, name) values (%s,%s,%s) on conflict do nothing returning code",
        merchant_id,
        region.code,
        region.name,
    )
    return row is not None


async def regions(conn: Connection, merchant_id: int, after: str, limit: int) -> list[Region]:
    rows = await _all(
        conn,
        "select code, name from region where merchant_id = %s and code > %s order by code limit %s",
        merchant_id,
        after,
        limit,
    )
    return [Region(*row) for row in rows]


async def find_region(conn: Connection, merchant_id: int, code: str) -> Region | None:
    row = await _one(conn, "select code, name from region where merchant_id = %s and code = %s", merchant_id, code)
    return None if row is None else Region(*row)


async def rename_region(conn: Connection, merchant_id: int, region: Region) -> None:
    await conn.execute(
        "update region set name = %s where merchant_id = %s and code = %s", (region.name, merchant_id, region.code)
    )


async def has_region(conn: Connection, merchant_id: int, code: str) -> bool:
    return await _one(conn, "select 1 from region where merchant_id = %s and code = %s", merchant_id, code) is not None


async def next_store_id(conn: Connection, merchant_id: int) -> int:
    """Small numbers of the merchant's own; the head must be locked."""
    row = await _one(conn, "select coalesce(max(store_id), 0) + 1 from store where merchant_id = %s", merchant_id)
    assert row is not None
    return int(row[0])


async def save_store(conn: Connection, merchant_id: int, store: Store) -> None:
    await conn.execute(
        f"insert into store (merchant_id, {_STORE}) values (%s,%s,%s,%s,%s,%s,%s,%s,%s) "
        "on conflict (merchant_id, store_id) do update set code = excluded.code, name = excluded.name, "
        "region = excluded.region, legal_entity = excluded.legal_entity, uscc = excluded.uscc, "
        "timezone = excluded.timezone, day_cut_minutes = excluded.day_cut_minutes",
        (
            merchant_id,
            store.store_id,
            store.code,
            store.name,
            store.region,
            store.legal_entity,
            store.uscc,
            store.timezone,
            store.day_cut_minutes,
        ),
    )


async def find_store(conn: Connection, merchant_id: int, store_id: int) -> Store | None:
    row = await _one(
        conn, f"select {_STORE} from store where merchant_id = %s and store_id = %s", merchant_id, store_id
    )
    return None if row is None else _columns(Store, _STORE, row)


async def find_store_by_code(conn: Connection, merchant_id: int, code: str) -> Store | None:
    row = await _one(conn, f"select {_STORE} from store where merchant_id = %s and code = %s", merchant_id, code)
    return None if row is None else _columns(Store, _STORE, row)


async def stores(conn: Connection, merchant_id: int, after: int, limit: int) -> list[Store]:
    rows = await _all(
        conn,
        f"select {_STORE} from store where merchant_id = %s and store_id > %s order by store_id limit %s",
        merchant_id,
        after,
        limit,
    )
    return [_columns(Store, _STORE, row) for row in rows]


def store_book(rows: Iterable[Store]) -> StoreBook:
    by_id = {store.store_id: store for store in rows}
    return StoreBook(by_id, {store.code: store for store in by_id.values()})


class StoreShelf(Shelf):
    """Key (cell_id,): the merchant's StoreBook, part of the configuration snapshot."""

    name = STORES
    cached = True

    def load(self, keys: Sequence[Key]) -> Iterable[Statement]:
        columns = ", ".join(f"s.{column}" for column in _STORE.split(", "))
        yield (
            f"select k.c, {columns} from json_to_recordset(%s) as k(c bigint, m bigint) "
            "left join store s on s.merchant_id = k.m",
            (packed([{"c": cell_id, "m": merchant_of(cell_id)} for (cell_id,) in keys]),),
        )

    def read(self, results: Sequence[Sequence[tuple[Any, ...]]]) -> Mapping[Key, StoreBook]:
        found: dict[Key, list[Store]] = {}
        for cell_id, *row in results[0]:
            stores_of_cell = found.setdefault((cell_id,), [])
            if row[0] is not None:
                stores_of_cell.append(_columns(Store, _STORE, row))
        return {key: store_book(rows) for key, rows in found.items()}


# API keys.


async def next_key_id(conn: Connection, merchant_id: int) -> int:
    """The head must be locked."""
    row = await _one(conn, "select coalesce(max(key_id), 0) + 1 from api_key where merchant_id = %s", merchant_id)
    assert row is not None
    return int(row[0])


async def insert_api_key(conn: Connection, merchant_id: int, key: ApiKey, secret_hash: bytes) -> None:
    await conn.execute(
        "insert into api_key (merchant_id, key_id, name, secret_hash, scopes, created_at, expires_at, rate_limit) "
        "values (%s,%s,%s,%s,%s,%s,%s,%s)",
        (
            merchant_id,
            key.key_id,
            key.name,
            secret_hash,
            list(key.scopes),
            key.created_at,
            key.expires_at,
            key.rate_limit,
        ),
    )


async def api_keys(conn: Connection, merchant_id: int, after: int, limit: int) -> list[ApiKey]:
    rows = await _all(
        conn,
        f"select {_API_KEY} from api_key where merchant_id = %s and key_id > %s order by key_id limit %s",
        merchant_id,
        after,
        limit,
    )
    return [_columns(ApiKey, _API_KEY, row) for row in rows]


async def api_key(conn: Connection, merchant_id: int, key_id: int) -> ApiKey | None:
    row = await _one(
        conn, f"select {_API_KEY} from api_key where merchant_id = %s and key_id = %s", merchant_id, key_id
    )
    return None if row is None else _columns(ApiKey, _API_KEY, row)


async def change_api_key(conn: Connection, merchant_id: int, key: ApiKey) -> None:
    await conn.execute(
        "update api_key set name = %s, rate_limit = %s where merchant_id = %s and key_id = %s",
        (key.name, key.rate_limit, merchant_id, key.key_id),
    )


async def revoke_api_key(conn: Connection, merchant_id: int, key_id: int, now: datetime) -> ApiKey | None:
    """The first revocation's time stays."""
    row = await _one(
        conn,
        "update api_key set revoked_at = coalesce(revoked_at, %s) where merchant_id = %s and key_id = %s "
        f"returning {_API_KEY}",
        now,
        merchant_id,
        key_id,
    )
    return None if row is None else _columns(ApiKey, _API_KEY, row)


async def stored_key(conn: Connection, merchant_id: int, key_id: int) -> StoredKey | None:
    row = await _one(
        conn,
        "select k.secret_hash, k.scopes, k.expires_at, k.revoked_at, k.last_used_day, m.status = 'active', k.name, "
        "k.rate_limit "
        "from api_key k join merchant m on m.merchant_id = k.merchant_id "
        "where k.merchant_id = %s and k.key_id = %s",
        merchant_id,
        key_id,
    )
    return None if row is None else StoredKey(bytes(row[0]), frozenset(row[1]), *row[2:])


async def mark_used(conn: Connection, merchant_id: int, key_id: int, day: date) -> None:
    await conn.execute(
        "update api_key set last_used_day = %s "
        "where merchant_id = %s and key_id = %s and last_used_day is distinct from %s",
        (day, merchant_id, key_id, day),
    )
