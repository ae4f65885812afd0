"""Drafts of earning rules."""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SECURITY: list[str] = []


def upgrade() -> None:
    pass
