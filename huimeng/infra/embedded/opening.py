"""The database that the settings name, embedded or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from huimeng.infra.database import DatabaseUrls
from huimeng.infra.embedded.lifecycle import EmbeddedPostgres, Progress, tell_stderr
from huimeng.infra.embedded.roles import ensure_roles
from huimeng.infra.settings import Settings


@contextmanager
def opened(settings: Settings, on_progress: Callable[[Progress], None] = tell_stderr) -> Iterator[DatabaseUrls]:
    """Urls that work until the block ends; the migrations are the caller's to run."""
    if settings.database_url is not None:
        yield ensure_roles(settings.database_url, settings.runtime_url, settings.reader_url)
        return
    with EmbeddedPostgres(settings.data_dir, on_progress=on_progress) as urls:
        yield urls
