"""Alembic's entry: one transaction a migration, as the owner, never waiting long for a lock."""

from alembic import context
from sqlalchemy import create_engine, pool, text

import huimeng.entry.tables  # noqa: F401  (fills the metadata)
from huimeng.infra.schema import metadata

url = context.config.attributes["url"]


def run() -> None:
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        # Two processes that start at once must not migrate at once: the second waits for as long as the first takes.
        connection.execute(text("select pg_advisory_lock(4815162342)"))
        connection.execute(text("set lock_timeout = '5s'"))
        connection.commit()
        context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
