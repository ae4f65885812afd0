"""API keys: shown once, checked fast, stopped within two seconds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from huimeng.infra import cache
from huimeng.infra.database import Database
from huimeng.kernel.errors import InvalidInput, PermissionDenied, Unauthorized
from huimeng.kernel.ids import cell_of
from huimeng.merchant import service, store
from huimeng.merchant.authentication import Authenticator, Principal, authenticate
from huimeng.merchant.errors import ApiKeyNotFound
from huimeng.merchant.values import ApiKey, ApiKeyInput, Merchant

TILL = ApiKeyInput(name="收银台", scopes=["orders:write", "members:read"])


class Clock:
    """Both clocks of the authenticator, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2030, 1, 1, 12, tzinfo=UTC) + timedelta(seconds=self.seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def check(db: Database, clock: Clock) -> Authenticator:
    return Authenticator(db, monotonic=clock.monotonic, now=clock.now)


async def new_key(db: Database, shop: Merchant, wanted: ApiKeyInput = TILL) -> tuple[ApiKey, str]:
    async with db.tenant(shop.merchant_id) as conn:
        return await service.create_api_key(conn, shop.merchant_id, wanted)


async def revoke(db: Database, shop: Merchant, key_id: int) -> ApiKey:
    async with db.tenant(shop.merchant_id) as conn:
        return await service.revoke_api_key(conn, shop.merchant_id, key_id)


async def test_a_token_says_who_calls_and_what_it_may_do(db: Database, shop: Merchant) -> None:
    key, token = await new_key(db, shop)
    assert await authenticate(db, token) == Principal(
        shop.merchant_id,
        cell_of(shop.merchant_id),
        frozenset({"orders:write", "members:read"}),
        f"key:{key.key_id}",
        key.key_id,
        name=key.name,
    )


async def test_the_secret_is_kept_nowhere(db: Database, shop: Merchant) -> None:
    key, token = await new_key(db, shop)
    secret = token.rsplit(f"hm_{shop.merchant_id}_{key.key_id}_")[1]
    async with db.tenant(shop.merchant_id) as conn:
        row = await (await conn.execute("select k::text, secret_hash from api_key k")).fetchone()
        listed = await service.list_api_keys(conn, shop.merchant_id)
    assert row is not None
    assert len(secret) == 43
    assert secret not in row[0]
    assert row[1] == service.hash_secret(secret)
    assert listed == [key]


@pytest.mark.parametrize("spoil", [lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"), lambda t: t + "x", lambda t: ""])
async def test_a_wrong_secret_is_refused(db: Database, shop: Merchant, check: Authenticator, spoil: Any) -> None:
    _, token = await new_key(db, shop)
    with pytest.raises(Unauthorized):
        await check(spoil(token))
    async with db.tenant(shop.merchant_id) as conn:
        assert (await service.list_api_keys(conn, shop.merchant_id))[0].last_used_day is None


async def test_a_key_works_for_its_own_merchant_only(
    db: Database, shop: Merchant, new_merchant: Any, check: Authenticator
) -> None:
    other = await new_merchant()
    key, token = await new_key(db, shop)
    await new_key(db, other)
    secret = token.split("_", 3)[3]
    with pytest.raises(Unauthorized):
        await check(f"hm_{other.merchant_id}_{key.key_id}_{secret}")


async def test_a_revoked_key_stops_within_two_seconds(
    db: Database, shop: Merchant, check: Authenticator, clock: Clock
) -> None:
    key, token = await new_key(db, shop)
    await check(token)
    await revoke(db, shop, key.key_id)
    clock.seconds = 1.99
    await check(token)
    clock.seconds = 2.0
    with pytest.raises(Unauthorized):
        await check(token)


async def test_revoking_again_keeps_the_first_time(db: Database, shop: Merchant) -> None:
    key, _ = await new_key(db, shop)
    first = await revoke(db, shop, key.key_id)
    assert first.revoked_at is not None
    assert await revoke(db, shop, key.key_id) == first
    with pytest.raises(ApiKeyNotFound):
        await revoke(db, shop, 99)


async def test_a_key_ends_at_its_time_even_from_memory(
    db: Database, shop: Merchant, check: Authenticator, clock: Clock
) -> None:
    ends = clock.now() + timedelta(seconds=1)
    _, token = await new_key(db, shop, ApiKeyInput(name="临时", scopes=["*"], expires_at=ends))
    await check(token)
    clock.seconds = 1.0
    with pytest.raises(Unauthorized):
        await check(token)


async def test_keys_of_a_suspended_merchant_stop(db: Database, shop: Merchant, check: Authenticator) -> None:
    _, token = await new_key(db, shop)
    async with db.tenant(shop.merchant_id) as conn:
        await conn.execute("update merchant set status = 'suspended' where merchant_id = %s", (shop.merchant_id,))
    with pytest.raises(Unauthorized):
        await check(token)


async def test_the_day_of_use_is_written_once_a_day(
    db: Database, shop: Merchant, check: Authenticator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[date] = []
    mark = store.mark_used

    async def counted(conn: Any, merchant_id: int, key_id: int, day: date) -> None:
        writes.append(day)
        await mark(conn, merchant_id, key_id, day)

    monkeypatch.setattr(store, "mark_used", counted)
    _, token = await new_key(db, shop)
    for clock.seconds in (0, 1, 5, 86400):
        await check(token)
    assert writes == [date(2030, 1, 1), date(2030, 1, 2)]
    async with db.tenant(shop.merchant_id) as conn:
        assert (await service.list_api_keys(conn, shop.merchant_id))[0].last_used_day == date(2030, 1, 2)


async def test_memory_of_unknown_keys_is_bounded(
    db: Database, shop: Merchant, check: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MAX_KEPT", 3)
    for key_id in range(1, 8):
        with pytest.raises(Unauthorized):
            await check(f"hm_{shop.merchant_id}_{key_id}_" + "a" * 43)
    assert list(check._keys.kept) == [(shop.merchant_id, key_id) for key_id in (5, 6, 7)]


async def test_a_scope_is_required_by_name_and_the_star_has_them_all() -> None:
    reader = Principal(1, 1024, frozenset({"members:read"}), "key:1", 1)
    reader.require("members:read")
    with pytest.raises(PermissionDenied) as caught:
        reader.require("members:write")
    assert caught.value.fields == {"scope": "members:write"}
    Principal(1, 1024, frozenset({"*"}), "key:1", 1).require("members:write")


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("scopes", ApiKeyInput(name="x", scopes=[])),
        ("name", ApiKeyInput(name=" ", scopes=["*"])),
        ("expires_at", ApiKeyInput(name="x", scopes=["*"], expires_at=datetime(2020, 1, 1, tzinfo=UTC))),
        ("expires_at", ApiKeyInput(name="x", scopes=["*"], expires_at=datetime(2099, 1, 1))),  # noqa: DTZ001
    ],
)
async def test_a_key_that_could_not_work_is_refused(
    db: Database, shop: Merchant, field: str, wanted: ApiKeyInput
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await new_key(db, shop, wanted)
    assert caught.value.fields["field"] == field
