"""A merchant set up at the terminal, also one that has more of everything than a page holds."""

from __future__ import annotations

from huimeng.infra.database import Database
from huimeng.merchant.service import create_api_key, create_region, load_stores
from huimeng.merchant.values import ApiKeyInput
from tests.conftest import Shop
from tests.entry.house import Huimeng


async def test_a_store_goes_to_the_region_that_there_is(huimeng: Huimeng, db: Database, shop: Shop) -> None:
    async with db.tenant(shop.merchant_id) as conn:
        for number in range(101):
            await create_region(conn, shop.merchant_id, f"r{number:03}", "区")
    for code, region in (("s2", "r100"), ("s3", "\uff52100"), ("s4", "new")):
        ended, said = await huimeng(
            "store", "create", "-m", shop.code, "--code", code, "--name", code, "--region", region
        )
        assert ended == 0, said
    async with db.reader(shop.merchant_id) as conn:
        stores = (await load_stores(conn, shop.merchant_id)).by_code
    assert [stores[code].region for code in ("s2", "s3", "s4")] == ["r100", "r100", "new"]


async def test_every_key_is_listed(huimeng: Huimeng, db: Database, shop: Shop) -> None:
    async with db.tenant(shop.merchant_id) as conn:
        for number in range(101):
            await create_api_key(conn, shop.merchant_id, ApiKeyInput(name=f"till-{number}", scopes=["members:read"]))
    _, said = await huimeng("api-key", "list", "-m", shop.code)
    assert "till-0 " in said and "till-100 " in said
