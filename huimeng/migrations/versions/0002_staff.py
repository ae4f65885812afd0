"""Staff, their sessions and log-ins."""

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SECURITY: list[str] = []


def upgrade() -> None:
    pass
