"""Files handed in over HTTP, and how many requests a key may send."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TENANT = "strpos(current_setting('huimeng.merchants', true), ',' || merchant_id::text || ',') > 0"

SECURITY = [
    "grant select, insert, update, delete on import_task to huimeng_runtime",
    "grant select on import_task to huimeng_reader",
    "alter table import_task enable row level security",
    "alter table import_task force row level security",
    f"create policy tenant on import_task using ({_TENANT}) with check ({_TENANT})",
    "grant select, insert, update, delete on import_mapping to huimeng_runtime",
    "grant select on import_mapping to huimeng_reader",
    "alter table import_mapping enable row level security",
    "alter table import_mapping force row level security",
    f"create policy tenant on import_mapping using ({_TENANT}) with check ({_TENANT})",
]


def upgrade() -> None:
    op.add_column(
        "api_key", sa.Column("rate_limit", sa.Integer(), nullable=True, comment="requests a second; 0: no limit")
    )
    op.create_table(
        "import_task",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("import_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="orders or members"),
        sa.Column(
            "file_name", sa.Text(), nullable=False, comment="as it was given; the file's place has no part of it"
        ),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="queued, running, done, failed, cancelled"),
        sa.Column("cancel", sa.Boolean(), nullable=False, comment="the worker is asked to stop"),
        sa.Column("worker", sa.UUID(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment="problem details"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("files_deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", "import_id", name=op.f("import_task_pkey")),
        info={"tenant": "merchant_id", "append_only": False, "hot": False},
    )
    op.create_index(
        "import_task_open_idx",
        "import_task",
        ["merchant_id", "created_at"],
        unique=False,
        postgresql_where="state in ('queued', 'running')",
    )
    op.create_table(
        "import_mapping",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="orders or members"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "columns",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="column of the file -> field, as it was told once",
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "kind", "source", name=op.f("import_mapping_pkey")),
        info={"tenant": "merchant_id", "append_only": False, "hot": False},
    )
    for statement in SECURITY:
        op.execute(statement)
