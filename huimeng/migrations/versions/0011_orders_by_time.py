"""Orders are listed by their time."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("orders_time_idx", "orders", ["cell_id", "ordered_at", "order_id"], unique=False)
