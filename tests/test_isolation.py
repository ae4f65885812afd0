"""Tenants don't see each other: asserted from the catalogue, from both sides of a connection, and against itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import AsyncConnection

import huimeng.entry.tables  # noqa: F401  (all tables are known once it is imported)
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Connection, Database, DatabaseUrls, tenant_setting
from huimeng.infra.schema import READER_ROLE, RUNTIME_ROLE, metadata
from tests.conftest import Shop, make_shop

_OPEN = """
select t.relname || ': ' || case when not t.relrowsecurity then 'no row security'
                                 when not t.relforcerowsecurity then 'not forced'
                                 when p.polname is null then 'no policy'
                                 when not p.polpermissive or p.polcmd <> '*' then 'a policy that is not for all'
                                 when p.polwithcheck is null then 'writes are not checked'
                                 else 'the policy does not look at the tenant' end
from pg_class t
join pg_attribute a on a.attrelid = t.oid and a.attname in ('cell_id', 'merchant_id') and not a.attisdropped
left join pg_policy p on p.polrelid = t.oid
where t.relkind in ('r', 'p') and t.relnamespace = 'public'::regnamespace and t.relname <> all(%s)
and (not t.relrowsecurity or not t.relforcerowsecurity or p.polname is null or not p.polpermissive
     or p.polcmd <> '*' or p.polwithcheck is null
     or pg_get_expr(p.polqual, t.oid) not like '%%huimeng.merchants%%'
     or pg_get_expr(p.polwithcheck, t.oid) not like '%%huimeng.merchants%%')
order by 1
"""
_TENANT_TABLES = """
select distinct t.relname, a.attname from pg_class t
join pg_attribute a on a.attrelid = t.oid and a.attname in ('cell_id', 'merchant_id') and a.attnum = 1
where t.relkind in ('r', 'p') and t.relnamespace = 'public'::regnamespace and t.relrowsecurity order by 1
"""


async def rows(conn: Connection, query: str, *params: object) -> list[tuple[object, ...]]:
    return await (await conn.execute(query, params or None)).fetchall()


def shared_tables() -> list[str]:
    """Tables that are said to belong to nobody, though they name a merchant: the directory by which one is found."""
    return [table.name for table in metadata.tables.values() if table.info["tenant"] is None]


@pytest.fixture
async def owner(urls: DatabaseUrls) -> AsyncIterator[Connection]:
    """A transaction that is rolled back."""
    conn = await AsyncConnection.connect(urls.owner)
    yield conn
    await conn.rollback()
    await conn.close()


async def test_every_tenant_table_forces_its_policy(owner: Connection) -> None:
    shared = shared_tables()
    assert shared == ["merchant_directory"] or set(shared) <= {
        "merchant_directory",
        "deployment_key",
        "alembic_version",
    }
    assert await rows(owner, _OPEN, shared) == []
    assert len(await rows(owner, _TENANT_TABLES)) >= 20


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("drop policy tenant on transfer", "transfer: no policy"),
        ("alter table orders disable row level security", "orders: no row security"),
        ("alter table account no force row level security", "account: not forced"),
        ("create table leak (cell_id bigint primary key)", "leak: no row security"),
        (
            "drop policy tenant on lot; create policy tenant on lot using (true) with check (true)",
            "lot: the policy does not look at the tenant",
        ),
        (
            "drop policy tenant on member; create policy tenant on member for select using "
            "(strpos(current_setting('huimeng.merchants', true), cell_id::text) > 0)",
            "member: a policy that is not for all",
        ),
    ],
)
async def test_control_the_catalogue_check_sees_a_hole(owner: Connection, statement: str, told: str) -> None:
    await owner.execute(statement)
    assert await rows(owner, _OPEN, shared_tables()) == [(told,)]


async def test_the_roles_of_the_application_have_no_power(owner: Connection) -> None:
    found = await rows(
        owner,
        "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication from pg_roles "
        "where rolname = any(%s) order by 1",
        [READER_ROLE, RUNTIME_ROLE],
    )
    assert found == [(READER_ROLE, *[False] * 5), (RUNTIME_ROLE, *[False] * 5)]
    owned = await rows(
        owner, "select relname from pg_class where pg_get_userbyid(relowner) = any(%s)", [READER_ROLE, RUNTIME_ROLE]
    )
    assert owned == []
    members = await rows(
        owner,
        "select 1 from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname = any(%s)",
        [READER_ROLE, RUNTIME_ROLE],
    )
    assert members == []


async def test_the_reader_can_not_write(owner: Connection) -> None:
    found = await rows(
        owner,
        "select table_name, privilege_type from information_schema.role_table_grants "
        "where grantee = %s and privilege_type <> 'SELECT'",
        READER_ROLE,
    )
    assert found == []


async def test_every_key_begins_with_the_tenant(owner: Connection) -> None:
    """A unique index without it would let one tenant learn of another's rows by a violation."""
    found = await rows(
        owner,
        "select t.relname, i.relname from pg_index x join pg_class i on i.oid = x.indexrelid "
        "join pg_class t on t.oid = x.indrelid join pg_attribute a on a.attrelid = t.oid and a.attnum = x.indkey[0] "
        "where t.relrowsecurity and x.indisunique and a.attname not in ('cell_id', 'merchant_id')",
    )
    assert found == []


@pytest.fixture
async def two(db: Database, vault: Vault) -> tuple[Shop, Shop]:
    return await make_shop(db, vault), await make_shop(db, vault)


async def test_a_tenant_sees_its_own_rows_and_nobody_elses(
    db: Database, two: tuple[Shop, Shop], owner: Connection
) -> None:
    tables = await rows(owner, _TENANT_TABLES)
    mine, other = two
    for door in (db.tenant, db.reader):
        async with door(mine.merchant_id) as conn:
            for table, column in tables:
                tenant = "cell_id >> 10" if column == "cell_id" else "merchant_id"
                seen = {row[0] for row in await rows(conn, f"select distinct {tenant} from {table}")}
                assert seen <= {mine.merchant_id}, table
            assert await rows(conn, "select count(*) from store") == [(1,)]
            assert await rows(conn, "select * from store where merchant_id = %s", other.merchant_id) == []


async def test_no_tenant_sees_nothing(db: Database, two: tuple[Shop, Shop], owner: Connection) -> None:
    async with db.directory() as conn:
        for table, _ in await rows(owner, _TENANT_TABLES):
            assert await rows(conn, f"select count(*) from {table}") == [(0,)], table


@pytest.mark.parametrize("setting", ["", ",,", ",0,", ",%,", "1", ", 1 ,", ",1", "null"])
async def test_a_setting_that_names_nobody_shows_nothing(db: Database, two: tuple[Shop, Shop], setting: str) -> None:
    async with db.directory() as conn:
        await conn.execute("select set_config('huimeng.merchants', %s, true)", (setting,))
        assert await rows(conn, "select count(*) from cell_head") == [(0,)]


async def test_a_merchant_is_not_found_by_a_part_of_its_number(db: Database, two: tuple[Shop, Shop]) -> None:
    number = str(two[1].merchant_id)
    async with db.directory() as conn:
        for part in {number[:1], number[-1:], f"{number}0", f"0{number}"} - {number}:
            await conn.execute("select set_config('huimeng.merchants', %s, true)", (f",{part},",))
            found = await rows(conn, "select cell_id from cell_head where cell_id = %s", two[1].cell_id)
            assert found == []


async def test_rows_of_another_tenant_can_not_be_written(db: Database, two: tuple[Shop, Shop]) -> None:
    mine, other = two
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.tenant(mine.merchant_id) as conn:
            await conn.execute("insert into account values (%s, 1, 5, 0, 1)", (other.cell_id,))
    async with db.tenant(mine.merchant_id) as conn:
        await conn.execute("insert into account values (%s, 65600, 5, 0, 1)", (mine.cell_id,))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.tenant(mine.merchant_id) as conn:
            await conn.execute("update account set cell_id = %s", (other.cell_id,))
    async with db.tenant(other.merchant_id) as conn:
        assert (await conn.execute("update account set balance = 0")).rowcount == 0
        assert (await conn.execute("delete from account")).rowcount == 0
    async with db.tenant(mine.merchant_id) as conn:
        assert await rows(conn, "select balance from account") == [(5,)]


async def test_control_without_the_policy_the_others_are_seen(
    owner: Connection, two: tuple[Shop, Shop], db: Database
) -> None:
    """In a transaction that is rolled back: the same question with the policy off."""
    mine, other = two
    await owner.execute(tenant_setting([mine.merchant_id]))
    question = "select count(*) from store where merchant_id = %s"
    assert await rows(owner, question, other.merchant_id) == [(0,)]
    await owner.execute("alter table store no force row level security")
    assert await rows(owner, question, other.merchant_id) == [(1,)]


async def test_a_pooled_connection_forgets_its_tenant(urls: DatabaseUrls, two: tuple[Shop, Shop]) -> None:
    """After success, after an error, after a cancelled request: one connection, used again and again."""
    db = await Database.open(urls, pool_size=1)
    try:
        async with db.tenant(two[0].merchant_id) as conn:
            assert await rows(conn, "select count(*) from store") == [(1,)]
        assert await _left_behind(db) == ("", 0)
        with pytest.raises(psycopg.errors.DivisionByZero):
            async with db.tenant(two[0].merchant_id) as conn:
                await conn.execute("select 1/0")
        assert await _left_behind(db) == ("", 0)
        with pytest.raises(RuntimeError):
            async with db.tenant(two[0].merchant_id) as conn:
                raise RuntimeError
        assert await _left_behind(db) == ("", 0)

        async def long() -> None:
            async with db.tenant(two[0].merchant_id) as conn:
                await conn.execute("select pg_sleep(30)")

        request = asyncio.create_task(long())
        await asyncio.sleep(0.3)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert await _left_behind(db) == ("", 0)
    finally:
        await db.close()


async def _left_behind(db: Database) -> tuple[object, object]:
    """The tenants that the next user of the connection finds, and how many stores it sees."""
    async with db.directory() as conn:
        (row,) = await rows(
            conn, "select coalesce(current_setting('huimeng.merchants', true), ''), (select count(*) from store)"
        )
    return row[0], row[1]
