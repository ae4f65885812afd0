"""One embedded database for the whole run; every test gets a merchant of its own in it.

HYPOTHESIS_PROFILE=nightly tries other examples each time, and many more of the book's.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from huimeng.entry.context import Context, shelves
from huimeng.entry.migrate import upgrade
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.embedded import EmbeddedPostgres
from huimeng.infra.settings import Settings
from huimeng.infra.teller import Teller
from huimeng.merchant.service import create_merchant, create_store, open_vault
from huimeng.merchant.values import MerchantInput, Store, StoreInput

_numbers = itertools.count(1)

# All that tests speak with is on this machine: no proxy of the environment leads there.
os.environ |= dict.fromkeys(("NO_PROXY", "no_proxy"), "*")

# The same examples in each run, however slow it is: what nobody's change has broken is looked for at night.
settings.register_profile(
    "same",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("nightly", parent=settings.get_profile("same"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="huimeng-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def server(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    embedded = EmbeddedPostgres(data_dir)
    urls = embedded.start()
    upgrade(urls.owner)
    yield embedded
    embedded.stop()


@pytest.fixture(scope="session")
def urls(server: EmbeddedPostgres) -> DatabaseUrls:
    return server.start()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def db(urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = await Database.open(urls, pool_size=6)
    yield database
    await database.close()


@pytest.fixture
async def vault(db: Database, data_dir: Path) -> Vault:
    return await open_vault(db, data_dir)


@pytest.fixture
async def teller(urls: DatabaseUrls) -> AsyncIterator[Teller]:
    async with Teller(urls, shelves()) as lane:
        yield lane


class Shop(msgspec.Struct, frozen=True):
    """A merchant with one store."""

    merchant_id: int
    cell_id: int
    code: str
    store: Store


@pytest.fixture
async def shop(db: Database, vault: Vault) -> Shop:
    return await make_shop(db, vault)


async def make_shop(db: Database, vault: Vault, day_cut_minutes: int = 0, currency: str = "CNY") -> Shop:
    code = f"shop{next(_numbers)}-{os.getpid()}"
    merchant = await create_merchant(
        db,
        vault,
        MerchantInput(code=code, name="测试小店", industry="retail", legal_form="individual", currency=currency),
    )
    async with db.tenant(merchant.merchant_id) as conn:
        store = await create_store(
            conn, merchant.merchant_id, StoreInput(code="s1", name="一号店", day_cut_minutes=day_cut_minutes)
        )
    return Shop(merchant.merchant_id, merchant.merchant_id * 1024, code, store)


@pytest.fixture
def context(db: Database, teller: Teller, vault: Vault, urls: DatabaseUrls, data_dir: Path) -> Context:
    settings = Settings(data_dir=data_dir, host="127.0.0.1", port=8000, workers=1)
    return Context(settings, urls, db, teller, vault)
