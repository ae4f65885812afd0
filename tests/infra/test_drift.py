"""Code and migrations say the same."""

from __future__ import annotations

import threading

import psycopg
import pytest

from huimeng.entry.migrate import DatabaseNewer, drift, upgrade
from huimeng.infra.database import DatabaseUrls
from huimeng.infra.schema import metadata, security_statements


def test_the_migrations_make_the_tables_of_the_code(urls: DatabaseUrls) -> None:
    assert drift(urls.owner) == []


def test_a_missing_column_is_seen(urls: DatabaseUrls) -> None:
    with psycopg.connect(urls.owner, autocommit=True) as conn:
        conn.execute("alter table idempotency add column stray int")
        try:
            assert any("stray" in difference for difference in drift(urls.owner))
        finally:
            conn.execute("alter table idempotency drop column stray")


def test_migrating_again_changes_nothing(urls: DatabaseUrls) -> None:
    upgrade(urls.owner)
    assert drift(urls.owner) == []


def test_who_starts_meanwhile_waits_for_a_long_migration(urls: DatabaseUrls) -> None:
    """Statements that wait for a lock of the running system give up in 5 seconds; waiting for one's turn does not."""
    with psycopg.connect(urls.owner, autocommit=True) as other:
        other.execute("select pg_advisory_lock(4815162342)")
        release = threading.Timer(5.5, other.execute, ["select pg_advisory_unlock(4815162342)"])
        release.start()
        try:
            upgrade(urls.owner)
        finally:
            release.join()


def test_a_database_of_a_newer_release_is_left_alone(urls: DatabaseUrls) -> None:
    with psycopg.connect(urls.owner, autocommit=True) as conn:
        (known,) = conn.execute("select version_num from alembic_version").fetchone() or ("",)
        conn.execute("update alembic_version set version_num = '9999'")
        try:
            with pytest.raises(DatabaseNewer, match="9999"):
                upgrade(urls.owner)
        finally:
            conn.execute("update alembic_version set version_num = %s", (known,))


def test_every_policy_and_grant_is_the_codes(urls: DatabaseUrls) -> None:
    """What autogeneration does not compare: row security and who may write."""
    with psycopg.connect(urls.owner, autocommit=True) as conn:
        for table in metadata.sorted_tables:
            given = conn.execute(
                "select relrowsecurity and relforcerowsecurity, "
                "has_table_privilege('huimeng_runtime', c.oid, 'update'), "
                "(select count(*) from pg_policy where polrelid = c.oid) from pg_class c where c.oid = %s::regclass",
                (table.name,),
            ).fetchone()
            statements = security_statements(table)
            wanted = (
                table.info["tenant"] is not None,
                any("update" in statement for statement in statements if statement.startswith("grant")),
                sum(statement.startswith("create policy") for statement in statements),
            )
            assert given == wanted, table.name
