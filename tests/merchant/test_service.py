"""Merchants, regions and stores in the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import psycopg
import pytest

from huimeng.infra.crypto import MasterKeyError, Vault
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.heads import lock_head
from huimeng.infra.teller import Command, Needs, Rows, Teller
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.ids import cell_of
from huimeng.merchant import service
from huimeng.merchant.errors import (
    MerchantCodeTaken,
    MerchantNotFound,
    RegionCodeTaken,
    RegionNotFound,
    StoreCodeTaken,
    StoreNotFound,
)
from huimeng.merchant.store import STORES, StoreShelf
from huimeng.merchant.values import Merchant, MerchantInput, Region, Store, StoreBook, StoreInput, StorePatch

NewMerchant = Callable[..., Awaitable[Merchant]]


async def config_version(db: Database, merchant: Merchant) -> int:
    async with db.tenant(merchant.merchant_id) as conn:
        return (await lock_head(conn, cell_of(merchant.merchant_id))).config_version


async def test_a_merchant_comes_with_a_cell_and_a_key(db: Database, vault: Vault, new_merchant: NewMerchant) -> None:
    made = await new_merchant(industry="bar", legal_form="individual", day_cut_minutes=240)
    async with db.tenant(made.merchant_id) as conn:
        assert await service.get_merchant(conn, made.merchant_id) == made
        head = await lock_head(conn, cell_of(made.merchant_id))
        keys = await service.merchant_keys(conn, vault, made.merchant_id)
    assert (made.industry, made.legal_form, made.day_cut_minutes) == ("bar", "individual", 240)
    assert (made.timezone, made.currency, made.status) == ("Asia/Shanghai", "CNY", "active")
    assert head.entity_seq == 0
    assert keys is vault.cached(made.merchant_id)
    assert await service.find_merchant_id(db, made.code) == made.merchant_id
    assert made in await service.list_merchants(db, after=made.merchant_id - 1)


async def test_a_merchant_code_belongs_to_one(db: Database, vault: Vault, shop: Merchant) -> None:
    with pytest.raises(MerchantCodeTaken):
        await service.create_merchant(db, vault, MerchantInput(code=shop.code, name="另一家"))
    with pytest.raises(MerchantNotFound):
        await service.find_merchant_id(db, "nobody-has-this")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timezone", "Mars/Olympus"),
        ("timezone", "../etc/passwd"),
        ("currency", "rmb"),
        ("day_cut_minutes", 1440),
    ],
)
async def test_a_merchant_with_impossible_settings_is_refused(
    db: Database, new_merchant: NewMerchant, field: str, value: object
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await new_merchant(code="never-made", **{field: value})
    assert caught.value.fields["field"] == field
    with pytest.raises(MerchantNotFound):
        await service.find_merchant_id(db, "never-made")


async def test_a_merchant_without_a_key_has_none_made_up(db: Database, vault: Vault) -> None:
    async with db.tenant(10**9) as conn:
        with pytest.raises(MerchantNotFound):
            await service.merchant_keys(conn, vault, 10**9)


async def test_a_store_takes_what_is_not_given_from_the_merchant(db: Database, new_merchant: NewMerchant) -> None:
    bar = await new_merchant(timezone="America/New_York", day_cut_minutes=240)
    async with db.tenant(bar.merchant_id) as conn:
        first = await service.create_store(conn, bar.merchant_id, StoreInput(code="001", name="一店"))
        second = await service.create_store(
            conn,
            bar.merchant_id,
            StoreInput(code="002", name="二店", timezone="Asia/Tokyo", day_cut_minutes=0),
        )
    assert first == Store(
        store_id=1,
        code="001",
        name="一店",
        region=None,
        legal_entity=None,
        uscc=None,
        timezone="America/New_York",
        day_cut_minutes=240,
    )
    assert (second.store_id, second.timezone, second.day_cut_minutes) == (2, "Asia/Tokyo", 0)


async def test_writing_configuration_bumps_its_version(db: Database, shop: Merchant) -> None:
    before = await config_version(db, shop)
    async with db.tenant(shop.merchant_id) as conn:
        store = await service.create_store(conn, shop.merchant_id, StoreInput(code="1", name="店"))
        await service.create_region(conn, shop.merchant_id, "east", "华东")
        await service.update_store(conn, shop.merchant_id, store.store_id, StorePatch(region="east"))
    assert await config_version(db, shop) == before + 3


async def test_a_patch_changes_what_it_names_and_null_clears(db: Database, shop: Merchant) -> None:
    async with db.tenant(shop.merchant_id) as conn:
        await service.create_region(conn, shop.merchant_id, "east", "华东")
        made = await service.create_store(
            conn,
            shop.merchant_id,
            StoreInput(code="1", name="店", region="east", legal_entity="某某公司", uscc="91350100M000100Y43"),
        )
        changed = await service.update_store(
            conn, shop.merchant_id, made.store_id, StorePatch(name="新店", region=None)
        )
        assert await service.get_store(conn, shop.merchant_id, made.store_id) == changed
    assert (changed.name, changed.region, changed.uscc) == ("新店", None, "91350100M000100Y43")


async def test_a_store_code_belongs_to_one_store_of_the_merchant(
    db: Database, shop: Merchant, new_merchant: NewMerchant
) -> None:
    other = await new_merchant()
    async with db.tenant(shop.merchant_id) as conn:
        await service.create_store(conn, shop.merchant_id, StoreInput(code="A1", name="店"))
        two = await service.create_store(conn, shop.merchant_id, StoreInput(code="A2", name="店"))
        with pytest.raises(StoreCodeTaken):
            await service.create_store(conn, shop.merchant_id, StoreInput(code="A1", name="店"))
        with pytest.raises(StoreCodeTaken):
            await service.update_store(conn, shop.merchant_id, two.store_id, StorePatch(code="A1"))
        with pytest.raises(RegionNotFound):
            await service.update_store(conn, shop.merchant_id, two.store_id, StorePatch(region="west"))
        with pytest.raises(StoreNotFound):
            await service.update_store(conn, shop.merchant_id, 99, StorePatch(name="x"))
    async with db.tenant(other.merchant_id) as conn:
        same_code = await service.create_store(conn, other.merchant_id, StoreInput(code="A1", name="店"))
    assert same_code.store_id == 1


async def test_two_stores_made_at_once_get_numbers_of_their_own(db: Database, shop: Merchant) -> None:
    async def make(code: str) -> int:
        async with db.tenant(shop.merchant_id) as conn:
            return (await service.create_store(conn, shop.merchant_id, StoreInput(code=code, name="店"))).store_id

    assert sorted(await asyncio.gather(*(make(str(n)) for n in range(6)))) == [1, 2, 3, 4, 5, 6]


async def test_stores_and_regions_are_listed_in_pages(db: Database, shop: Merchant) -> None:
    async with db.tenant(shop.merchant_id) as conn:
        for code in ("b", "a", "c"):
            await service.create_region(conn, shop.merchant_id, code, f"区{code}")
            await service.create_store(conn, shop.merchant_id, StoreInput(code=code, name="店"))
        with pytest.raises(RegionCodeTaken):
            await service.create_region(conn, shop.merchant_id, "a", "again")
        assert await service.list_regions(conn, shop.merchant_id, limit=2) == [
            Region("a", "区a"),
            Region("b", "区b"),
        ]
        assert await service.list_regions(conn, shop.merchant_id, after="b") == [Region("c", "区c")]
        page = await service.list_stores(conn, shop.merchant_id, after=1, limit=1)
        book = await service.load_stores(conn, shop.merchant_id)
    assert [store.code for store in page] == ["a"]
    assert book.by_code["c"] is book.by_id[3]


async def test_rows_of_another_merchant_are_invisible(db: Database, shop: Merchant, new_merchant: NewMerchant) -> None:
    other = await new_merchant()
    async with db.tenant(shop.merchant_id) as conn:
        await service.create_store(conn, shop.merchant_id, StoreInput(code="1", name="店"))
        await service.create_region(conn, shop.merchant_id, "east", "华东")
    for table in ("merchant", "merchant_key", "store", "region"):
        async with db.tenant(other.merchant_id) as conn:
            mine = await (await conn.execute(f"select distinct merchant_id from {table}")).fetchall()
        assert {row[0] for row in mine} <= {other.merchant_id}
    async with db.tenant(other.merchant_id) as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await conn.execute(
                "insert into region (merchant_id, code, name) values (%s, 'x', 'x')", (shop.merchant_id,)
            )


class AskStores(Command):
    """Answers with the codes that the store shelf knows."""

    def __init__(self, cell_id: int) -> None:
        self.cell_id = cell_id

    def needs(self) -> Needs:
        yield STORES, (self.cell_id,)

    def decide(self, rows: Rows) -> list[str]:
        book: StoreBook = rows.get(STORES, (self.cell_id,))
        return sorted(book.by_code)


async def test_commands_see_a_new_store_at_once(db: Database, shop: Merchant, urls: DatabaseUrls) -> None:
    ask = AskStores(cell_of(shop.merchant_id))
    async with Teller(urls, [StoreShelf()]) as teller:
        assert (await teller.submit(ask)).value == []
        async with db.tenant(shop.merchant_id) as conn:
            await service.create_store(conn, shop.merchant_id, StoreInput(code="001", name="店"))
        assert (await teller.submit(ask)).value == ["001"]


async def test_the_database_remembers_its_deployment_key(db: Database, tmp_path: Path) -> None:
    async with db.directory() as conn:
        await conn.execute("delete from deployment_key")
    try:
        first = await service.open_vault(db, tmp_path / "a")
        wrapped = first.new_merchant_key(1)
        again = await service.open_vault(db, tmp_path / "a")
        again.unlock(1, wrapped)
        with pytest.raises(MasterKeyError, match="restore"):
            await service.open_vault(db, tmp_path / "b")
        assert not (tmp_path / "b").exists()
    finally:
        async with db.directory() as conn:
            await conn.execute("delete from deployment_key")
