"""Figures by category and product; first and last days by month. All figures are made anew from the orders."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TENANT = "strpos(current_setting('huimeng.merchants', true), ',' || (cell_id >> 10)::text || ',') > 0"
_INFO = {"tenant": "cell_id", "append_only": False, "hot": False}
_WHAT = "1: categories, 2: products"
_PRODUCT = "'' of a category"

# The background process makes anew the figures whose cursor stands at -1; until then answers say what they lack.
ANEW = [
    "truncate member_day, member_month, member_first",
    "alter table figure_cursor no force row level security",
    "update figure_cursor set seq = -1, at = null",
    "alter table figure_cursor force row level security",
]


def _secured(table: str) -> list[str]:
    return [
        f"grant select, insert, update, delete on {table} to huimeng_runtime",
        f"grant select on {table} to huimeng_reader",
        f"alter table {table} enable row level security",
        f"alter table {table} force row level security",
        f"create policy tenant on {table} using ({_TENANT}) with check ({_TENANT})",
    ]


def _counts() -> list[sa.Column[int]]:
    return [
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("net_fen", sa.BigInteger(), nullable=False),
    ]


def upgrade() -> None:
    op.alter_column(
        "figure_cursor",
        "seq",
        existing_type=sa.BigInteger(),
        comment="last event of the outbox in the figures; -1: make them anew",
        existing_comment="last event of the outbox that the figures hold",
    )
    for statement in ANEW:
        op.execute(statement)
    op.add_column("member_month", sa.Column("first_day", sa.Date(), comment="with an order that is kept; null without"))
    op.add_column("member_month", sa.Column("last_day", sa.Date()))
    op.create_table(
        "category_day",
        sa.Column("cell_id", sa.BigInteger(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False, comment="0: all anonymous orders together"),
        *_counts(),
        sa.PrimaryKeyConstraint(
            "cell_id", "category", "business_day", "store_id", "member_id", name=op.f("category_day_pkey")
        ),
        info=_INFO,
    )
    op.create_table(
        "sold_day",
        sa.Column("cell_id", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.SmallInteger(), nullable=False, comment=_WHAT),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False, comment=_PRODUCT),
        *_counts(),
        sa.PrimaryKeyConstraint("cell_id", "what", "business_day", "category", "product", name=op.f("sold_day_pkey")),
        info=_INFO,
    )
    op.create_table(
        "sold_month",
        sa.Column("cell_id", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.SmallInteger(), nullable=False, comment=_WHAT),
        sa.Column("store_id", sa.BigInteger(), nullable=False, comment="0: all stores together"),
        sa.Column("month", sa.Date(), nullable=False, comment="its first day"),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False, comment=_PRODUCT),
        *_counts(),
        sa.PrimaryKeyConstraint(
            "cell_id", "what", "store_id", "month", "category", "product", name=op.f("sold_month_pkey")
        ),
        info=_INFO,
    )
    for table in ("category_day", "sold_day", "sold_month"):
        for statement in _secured(table):
            op.execute(statement)
