"""Drafts of earning rules."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TENANT = "strpos(current_setting('huimeng.merchants', true), ',' || merchant_id::text || ',') > 0"

SECURITY = [
    "grant select, insert, update, delete on earning_rule_draft to huimeng_runtime",
    "grant select on earning_rule_draft to huimeng_reader",
    "alter table earning_rule_draft enable row level security",
    "alter table earning_rule_draft force row level security",
    f"create policy tenant on earning_rule_draft using ({_TENANT}) with check ({_TENANT})",
]


def upgrade() -> None:
    op.create_table(
        "earning_rule_draft",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("draft_id", sa.BigInteger(), nullable=False),
        sa.Column("rule_id", sa.BigInteger(), nullable=True, comment="the rule that it changes; null: a new one"),
        sa.Column("base_version", sa.Integer(), nullable=True, comment="newest version of that rule when it was begun"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "definition",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="huimeng.points.rules.Definition",
        ),
        sa.Column("effective_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False, comment="draft, published, discarded"),
        sa.Column("published_version", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.CheckConstraint("state in ('draft', 'published', 'discarded')", name=op.f("earning_rule_draft_state_check")),
        sa.PrimaryKeyConstraint("merchant_id", "draft_id", name=op.f("earning_rule_draft_pkey")),
        info={"tenant": "merchant_id", "append_only": False, "hot": False},
    )
    for statement in SECURITY:
        op.execute(statement)
