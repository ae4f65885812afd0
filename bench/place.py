"""A scratch database with merchants, stores, rules, keys and members to measure on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg

from huimeng.entry.context import Context, connected
from huimeng.entry.migrate import upgrade
from huimeng.infra.database import DatabaseUrls
from huimeng.infra.embedded import EmbeddedPostgres
from huimeng.infra.embedded import opened as opened_database
from huimeng.infra.embedded.cluster import read_secrets
from huimeng.infra.embedded.roles import ADMIN_ROLE, socket_url
from huimeng.infra.settings import Settings
from huimeng.kernel.ids import cell_of
from huimeng.ledger.rules import Expiry, Unit
from huimeng.member.service import join_member
from huimeng.member.values import IdentityInput, MemberInput
from huimeng.merchant.service import create_api_key, create_merchant, create_store, merchant_keys
from huimeng.merchant.values import ApiKeyInput, MerchantInput, StoreInput
from huimeng.points.rules import Definition
from huimeng.points.service import RuleInput, create_rule

# Room for the baselines: they hold a connection for each request in flight.
CONNECTIONS = {"max_connections": "220"}
# With fsync on, every flush takes 1 ms longer: a disk as clouds have it, whatever this machine's is.
SLOW_DISK = {"commit_delay": "1000", "commit_siblings": "0"}
# Of every session of a baseline: statements are planned once, as the Teller's are.
SESSION = "-c timezone=UTC -c jit=off -c plan_cache_mode=force_generic_plan"
RULES_SINCE = datetime(2020, 1, 1, tzinfo=UTC)


class Place(msgspec.Struct, frozen=True):
    """admin_url is the superuser's: checkpoints, statistics and server-side COPY."""

    folder: Path
    urls: DatabaseUrls
    admin_url: str

    @property
    def settings(self) -> Settings:
        return Settings(data_dir=self.folder, host="127.0.0.1", port=1, workers=1)

    def admin(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.admin_url, autocommit=True) as conn:
            cursor = conn.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def database(folder: Path, slow_disk: bool = False) -> Iterator[Place]:
    """The folder's server, migrated; it is stopped at the end, whatever happens."""
    extra = {**CONNECTIONS, **(SLOW_DISK if slow_disk else {})}
    server = EmbeddedPostgres(folder, extra_settings=extra)
    try:
        urls = server.start()
        upgrade(urls.owner)
        password = read_secrets(server.folders).passwords[ADMIN_ROLE]
        socket = dict(part.split("=", 1) for part in urls.owner.partition("?")[2].split("&"))["host"]
        admin_url = socket_url(ADMIN_ROLE, password, socket.replace("%2F", "/"))
        yield Place(folder, urls, admin_url)
    finally:
        server.stop()


@contextmanager
def opened_urls() -> Iterator[DatabaseUrls]:
    """In a server's worker: the database of HUIMENG_DATA, which is running already."""
    with opened_database(Settings.from_env()) as urls:
        yield urls


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Context]:
    async with connected(place.settings, place.urls) as context:
        yield context


class Shop(msgspec.Struct, frozen=True):
    """A merchant with one store (code s1), two earning rules and an API key."""

    merchant_id: int
    cell_id: int
    token: str
    members: list[int]


async def make_shops(context: Context, prefix: str, count: int, members: int) -> list[Shop]:
    """Twins: the same calls in the same order give every shop the same ids within its cell."""
    return [await _make_shop(context, f"{prefix}-{number}", members) for number in range(1, count + 1)]


async def _make_shop(context: Context, code: str, members: int) -> Shop:
    merchant = await create_merchant(context.db, context.vault, MerchantInput(code=code, name="测试 bench"))
    merchant_id = merchant.merchant_id
    async with context.db.tenant(merchant_id) as conn:
        await create_store(conn, merchant_id, StoreInput(code="s1", name="一号店"))
        _, token = await create_api_key(conn, merchant_id, ApiKeyInput(name="bench", scopes=["*"], rate_limit=0))
        for name, unit, expiry in (
            ("积分", Unit.POINTS, Expiry("after", 12, "month", "month")),
            ("成长值", Unit.GROWTH, Expiry()),
        ):
            definition = Definition(unit=unit, rate_e4=10_000, expiry=expiry)
            wanted = RuleInput(name=name, definition=definition, effective_from=RULES_SINCE)
            await create_rule(conn, merchant_id, wanted, actor="bench", now=RULES_SINCE)
    return Shop(merchant_id, cell_of(merchant_id), token, await _join(context, merchant_id, members))


async def _join(context: Context, merchant_id: int, count: int) -> list[int]:
    async with context.db.tenant(merchant_id) as conn:
        keys = await merchant_keys(conn, context.vault, merchant_id)
    now = datetime.now(UTC)
    replies = await asyncio.gather(
        *(
            context.teller.submit(
                join_member(
                    cell_of(merchant_id),
                    keys,
                    MemberInput(identities=[IdentityInput("external_id", f"m{number}")], registered_at=RULES_SINCE),
                    now=now,
                )
            )
            for number in range(count)
        )
    )
    return [int(reply.value.member_id) for reply in replies]
