"""Orders are found by their number."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("orders_no_idx", "orders", ["cell_id", "order_no"], unique=False)
