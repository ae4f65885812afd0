"""What every door needs, opened together: database, Teller, vault."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from huimeng.checkout.store import EarningShelf
from huimeng.entry.migrate import upgrade
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.embedded import opened
from huimeng.infra.settings import Settings
from huimeng.infra.teller import Shelf, Teller
from huimeng.ledger.store import AccountShelf, ClosedLotShelf, TransferShelf
from huimeng.member.store import IdentityShelf, MemberShelf, MemberStatusShelf
from huimeng.merchant.service import open_vault
from huimeng.order.store import FirstOrderShelf, OrderNoShelf, OrderShelf
from huimeng.points.store import AdjustmentShelf, EarnCapShelf, EarningRulesShelf
from huimeng.porting.store.jobs import OpeningShelf


class Context(msgspec.Struct, frozen=True):
    settings: Settings
    urls: DatabaseUrls
    db: Database
    teller: Teller
    vault: Vault


def shelves() -> list[Shelf]:
    """All shelves, in the order in which a batch saves them."""
    return [
        EarningRulesShelf(),
        MemberShelf(),
        IdentityShelf(),
        MemberStatusShelf(),
        OrderNoShelf(),
        FirstOrderShelf(),
        OrderShelf(),
        EarningShelf(),
        EarnCapShelf(),
        AdjustmentShelf(),
        OpeningShelf(),
        AccountShelf(),
        ClosedLotShelf(),
        TransferShelf(),
    ]


@asynccontextmanager
async def open_context(
    settings: Settings | None = None, *, migrate: bool = True, importing: bool = False
) -> AsyncIterator[Context]:
    """Starts the embedded database when this process is its first user, and stops it when it is the last."""
    settings = settings or Settings.from_env()
    with opened(settings) as urls:
        if migrate:
            upgrade(urls.owner)
        async with connected(settings, urls, importing=importing) as context:
            yield context


@asynccontextmanager
async def connected(settings: Settings, urls: DatabaseUrls, *, importing: bool = False) -> AsyncIterator[Context]:
    """On a database that is running and migrated; importing: the Teller of a process that only imports."""
    db = await Database.open(urls)
    try:
        vault = await open_vault(db, settings.data_dir, settings.master_key)
        async with Teller(urls, shelves(), durable=not importing) as teller:
            yield Context(settings, urls, db, teller, vault)
    finally:
        await db.close()
