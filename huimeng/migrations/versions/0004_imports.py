"""Files handed in over HTTP."""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SECURITY: list[str] = []


def upgrade() -> None:
    pass
