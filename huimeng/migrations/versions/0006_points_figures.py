"""Figures of points, kept up from the transfers."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TENANT = "strpos(current_setting('huimeng.merchants', true), ',' || (cell_id >> 10)::text || ',') > 0"
_INFO = {"tenant": "cell_id", "append_only": False, "hot": True}


def _secured(table: str) -> list[str]:
    return [
        f"grant select, insert, update, delete on {table} to huimeng_runtime",
        f"grant select on {table} to huimeng_reader",
        f"alter table {table} set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)",
        f"alter table {table} enable row level security",
        f"alter table {table} force row level security",
        f"create policy tenant on {table} using ({_TENANT}) with check ({_TENANT})",
    ]


def upgrade() -> None:
    op.create_table(
        "points_cursor",
        sa.Column("cell_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False, comment="last transfer that the figures of points hold"),
        sa.PrimaryKeyConstraint("cell_id", name=op.f("points_cursor_pkey")),
        info=_INFO,
    )
    op.create_table(
        "points_day",
        sa.Column("cell_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="business day on which it happened"),
        sa.Column(
            "expires",
            sa.Date(),
            nullable=False,
            comment="first day of the month of expiry; 9999-12-01: never, or a debt",
        ),
        sa.Column("kind", sa.SmallInteger(), nullable=False, comment="kind of the transfers"),
        sa.Column(
            "added", sa.BigInteger(), nullable=False, comment="to members' points (kinds 5 and 7: to their debts)"
        ),
        sa.Column("removed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("cell_id", "day", "expires", "kind", name=op.f("points_day_pkey")),
        info=_INFO,
    )
    op.create_table(
        "points_store_day",
        sa.Column("cell_id", sa.BigInteger(), nullable=False),
        sa.Column("store_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("cell_id", "store_id", "day", "kind", name=op.f("points_store_day_pkey")),
        info=_INFO,
    )
    for table in ("points_cursor", "points_day", "points_store_day"):
        for statement in _secured(table):
            op.execute(statement)
