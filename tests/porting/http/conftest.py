"""The whole application with a data folder of its own, and a worker that is told when to work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg
import pytest

from huimeng.entry.context import Context
from huimeng.entry.worker import importer
from huimeng.infra.database import DatabaseUrls
from huimeng.porting.jobs import Importer
from tests.conftest import Shop
from tests.served import application, caller, token


@pytest.fixture(autouse=True)
def nothing_waits(urls: DatabaseUrls) -> None:
    """A worker looks at every merchant, also at those of other tests."""
    with psycopg.connect(urls.owner, autocommit=True) as conn:
        conn.execute(
            "select set_config('huimeng.merchants', ',' || string_agg(merchant_id::text, ',') || ',', false) "
            "from merchant_directory"
        )
        conn.execute("delete from import_task")


@pytest.fixture
def context(context: Context, tmp_path: Path) -> Context:
    """With a data folder of its own."""
    return msgspec.structs.replace(context, settings=msgspec.structs.replace(context.settings, data_dir=tmp_path))


@pytest.fixture
async def app(context: Context) -> AsyncIterator[Any]:
    async with application(context) as running:
        yield running


@pytest.fixture
async def till(app: Any, context: Context, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(app, await token(context, shop)) as client:
        yield client


@pytest.fixture
def worker(context: Context) -> Importer:
    return importer(context)
