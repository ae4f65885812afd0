"""Receipts that only give back are returns, and no orders in the figures of those who have some."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLES = ("orders", "order_line", "figure_cursor")
# The background process makes anew the figures whose cursor stands at -1; until then answers say what they lack.
RETURNS = (
    "update orders o set status = 5 where o.status in (1, 2) and o.paid_fen <= 0 and not exists "
    "(select from order_line l where l.cell_id = o.cell_id and l.order_id = o.order_id and l.paid_fen > 0) and exists "
    "(select from order_line l where l.cell_id = o.cell_id and l.order_id = o.order_id "
    "and (l.paid_fen < 0 or l.quantity < 0))",
    "update figure_cursor f set seq = -1, at = null where exists "
    "(select from orders o where o.cell_id = f.cell_id and o.status = 5)",
)


def upgrade() -> None:
    for table in _TABLES:
        op.execute(f"alter table {table} no force row level security")
    for statement in RETURNS:
        op.execute(statement)
    for table in _TABLES:
        op.execute(f"alter table {table} force row level security")
