"""The audit log."""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SECURITY: list[str] = []


def upgrade() -> None:
    pass
