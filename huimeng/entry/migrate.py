"""Brings a database to this version's schema, and checks that code and schema agree."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import URL, make_url

import huimeng.entry.tables
import huimeng.migrations
from huimeng import __version__
from huimeng.infra.schema import metadata
from huimeng.kernel.errors import BusinessError


class DatabaseNewer(BusinessError):
    """A newer release has worked here; what it changed this one does not know."""

    code = "database_newer"
    status = 503
    message_zh = (
        "数据库由更新版本的会盟升级过（表结构 {found}），本版本 {release} 不认识，未作任何改动。请用更新的版本启动"
    )
    message_en = (
        "The database was used by a newer Huimeng (schema {found}), which this release {release} does not know; "
        "nothing was changed. Use the newer release"
    )


def upgrade(owner_url: str) -> None:
    """Runs what is missing; several processes may call it at once. DatabaseNewer."""
    config = _config(owner_url)
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        found = _schema_of(owner_url)
        known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
        if found is None or found in known:
            raise
        raise DatabaseNewer(found=found, release=__version__) from error


def _schema_of(owner_url: str) -> str | None:
    engine = create_engine(_url(owner_url), poolclass=pool.NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


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
