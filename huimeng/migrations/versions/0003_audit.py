"""The audit log: entries without gaps, sealed day by day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Who may do what, and row security, as they were at this version.
SECURITY = [
    "grant select, insert on audit_entry to huimeng_runtime",
    "grant select on audit_entry to huimeng_reader",
    "alter table audit_entry enable row level security",
    "alter table audit_entry force row level security",
    "create policy tenant on audit_entry using (strpos(current_setting('huimeng.merchants', true), ',' || (cell_id >> 10)::text || ',') > 0) with check (strpos(current_setting('huimeng.merchants', true), ',' || (cell_id >> 10)::text || ',') > 0)",
    "grant select, insert on audit_day to huimeng_runtime",
    "grant select on audit_day to huimeng_reader",
    "alter table audit_day enable row level security",
    "alter table audit_day force row level security",
    "create policy tenant on audit_day using (strpos(current_setting('huimeng.merchants', true), ',' || (cell_id >> 10)::text || ',') > 0) with check (strpos(current_setting('huimeng.merchants', true), ',' || (cell_id >> 10)::text || ',') > 0)",
]


def upgrade() -> None:
    op.add_column("cell_head", sa.Column("audit_seq", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "audit_entry",
        sa.Column("cell_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False, comment="gap-free within the cell"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="staff:7, key:3, cli, system"),
        sa.Column("actor_name", sa.Text(), nullable=False, comment="as it was then"),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False, comment="huimeng.infra.audit.Action"),
        sa.Column("object_kind", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="personal data masked"),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="personal data masked"),
        sa.Column("mac", sa.LargeBinary(), nullable=False, comment="HMAC of all the fields before it"),
        sa.PrimaryKeyConstraint("cell_id", "seq", name=op.f("audit_entry_pkey")),
        info={"tenant": "cell_id", "append_only": True, "hot": False},
    )
    for columns in (["at"], ["actor", "seq"], ["action", "seq"], ["object_kind", "object_id", "seq"]):
        name = f"audit_entry_cell_id_{'_'.join(columns)}_idx"
        op.create_index(op.f(name), "audit_entry", ["cell_id", *columns], unique=False)
    op.create_table(
        "audit_day",
        sa.Column("cell_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC"),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False, comment="HMAC of the seal before it and of the day's MACs"),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("first_seq <= last_seq", name=op.f("audit_day_not_empty_check")),
        sa.PrimaryKeyConstraint("cell_id", "day", name=op.f("audit_day_pkey")),
        info={"tenant": "cell_id", "append_only": True, "hot": False},
    )
    for statement in SECURITY:
        op.execute(statement)
