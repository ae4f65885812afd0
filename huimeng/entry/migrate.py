"""Brings a database to this version's schema, and checks that code and schema agree."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import URL, make_url

import huimeng.entry.tables
import huimeng.migrations
from huimeng.infra.schema import metadata


def upgrade(owner_url: str) -> None:
    """Runs what is missing; several processes may call it at once."""
    command.upgrade(_config(owner_url), "head")


def drift(owner_url: str) -> list[str]:
    """Differences between the migrated schema and the tables of the code; none when they agree."""
    engine = create_engine(_url(owner_url), poolclass=pool.NullPool)
    with engine.connect() as connection:
        return [str(difference) for difference in compare_metadata(MigrationContext.configure(connection), metadata)]


def _config(owner_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(huimeng.migrations.__file__).parent))
    config.attributes["url"] = _url(owner_url)
    return config


def _url(owner_url: str) -> URL:
    return make_url(owner_url).set(drivername="postgresql+psycopg")
