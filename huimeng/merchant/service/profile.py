"""Changing what is there: the merchant's own data, names of regions and keys."""

from __future__ import annotations

import msgspec

from huimeng.infra import audit
from huimeng.infra.database import Connection
from huimeng.infra.heads import bump_config, lock_head
from huimeng.kernel.ids import cell_of
from huimeng.merchant import rules, store
from huimeng.merchant.errors import ApiKeyNotFound, RegionNotFound
from huimeng.merchant.service import get_merchant
from huimeng.merchant.values import ApiKey, ApiKeyPatch, Merchant, MerchantPatch, Region, RegionPatch


async def change_merchant(conn: Connection, merchant_id: int, patch: MerchantPatch) -> Merchant:
    """Stores and what was booked stay as they are; InvalidInput, MerchantNotFound."""
    cell_id = cell_of(merchant_id)
    await lock_head(conn, cell_id)
    before = await get_merchant(conn, merchant_id)
    wanted = msgspec.structs.replace(before, **_given(patch))
    after = msgspec.structs.replace(
        wanted,
        name=rules.clean_text("name", wanted.name, 100),
        timezone=rules.time_zone(wanted.timezone),
        day_cut_minutes=rules.day_cut(wanted.day_cut_minutes),
    )
    if after != before:
        await store.change_merchant(conn, after)
        await bump_config(conn, cell_id)
        old, new = audit.differing(before, after)
        await audit.record(conn, cell_id, "merchant.changed", ("merchant", merchant_id), before=old, after=new)
    return after


async def get_region(conn: Connection, merchant_id: int, code: str) -> Region:
    """RegionNotFound."""
    found = await store.find_region(conn, merchant_id, code)
    if found is None:
        raise RegionNotFound(code[:64])
    return found


async def rename_region(conn: Connection, merchant_id: int, code: str, patch: RegionPatch) -> Region:
    """RegionNotFound, InvalidInput."""
    cell_id = cell_of(merchant_id)
    await lock_head(conn, cell_id)
    before = await get_region(conn, merchant_id, code)
    after = Region(before.code, rules.clean_text("name", patch.name, 100))
    if after != before:
        await store.rename_region(conn, merchant_id, after)
        await bump_config(conn, cell_id)
        old, new = audit.differing(before, after)
        await audit.record(conn, cell_id, "region.changed", ("region", before.code), before=old, after=new)
    return after


async def get_api_key(conn: Connection, merchant_id: int, key_id: int) -> ApiKey:
    """ApiKeyNotFound."""
    found = await store.api_key(conn, merchant_id, key_id)
    if found is None:
        raise ApiKeyNotFound(str(key_id))
    return found


async def change_api_key(conn: Connection, merchant_id: int, key_id: int, patch: ApiKeyPatch) -> ApiKey:
    """Another rate counts within 2 seconds; ApiKeyNotFound, InvalidInput."""
    cell_id = cell_of(merchant_id)
    await lock_head(conn, cell_id)
    before = await get_api_key(conn, merchant_id, key_id)
    wanted = msgspec.structs.replace(before, **_given(patch))
    after = msgspec.structs.replace(wanted, name=rules.clean_text("name", wanted.name, 100))
    if after != before:
        await store.change_api_key(conn, merchant_id, after)
        old, new = audit.differing(before, after)
        await audit.record(conn, cell_id, "api_key.changed", ("api_key", key_id), before=old, after=new)
    return after


def _given(patch: msgspec.Struct) -> dict[str, object]:
    return {name: value for name, value in msgspec.structs.asdict(patch).items() if value is not msgspec.UNSET}
