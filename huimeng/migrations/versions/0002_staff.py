"""Staff, their sessions and log-ins."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Who may do what, row security and storage of each table, as they were at this version.
SECURITY = [
    "grant select, insert, update, delete on staff to huimeng_runtime",
    "grant select on staff to huimeng_reader",
    "alter table staff enable row level security",
    "alter table staff force row level security",
    "create policy tenant on staff using (strpos(current_setting('huimeng.merchants', true), ',' || merchant_id::text || ',') > 0) with check (strpos(current_setting('huimeng.merchants', true), ',' || merchant_id::text || ',') > 0)",
    "grant select, insert, update, delete on staff_session to huimeng_runtime",
    "grant select on staff_session to huimeng_reader",
    "alter table staff_session enable row level security",
    "alter table staff_session force row level security",
    "create policy tenant on staff_session using (strpos(current_setting('huimeng.merchants', true), ',' || merchant_id::text || ',') > 0) with check (strpos(current_setting('huimeng.merchants', true), ',' || merchant_id::text || ',') > 0)",
]


def upgrade() -> None:
    op.create_table(
        "staff",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("staff_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("stores", postgresql.ARRAY(sa.Integer()), nullable=True, comment="null: all"),
        sa.Column(
            "phone_index",
            sa.LargeBinary(),
            nullable=True,
            comment="blind index: the phone logs in too, and nobody reads it back",
        ),
        sa.Column("phone_masked", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False, comment="argon2id"),
        sa.Column("password_set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False, comment="the password is a one-time one"),
        sa.Column("failed_logins", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "staff_id", name=op.f("staff_pkey")),
        sa.UniqueConstraint("merchant_id", "login", name=op.f("staff_merchant_id_login_key")),
        sa.UniqueConstraint("merchant_id", "phone_index", name=op.f("staff_merchant_id_phone_index_key")),
        info={"tenant": "merchant_id", "append_only": False, "hot": False},
    )
    op.create_table(
        "staff_session",
        sa.Column("merchant_id", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="random"),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False, comment="SHA-256; the secret is 256 random bits"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, comment="to the minute"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "session_id", name=op.f("staff_session_pkey")),
        info={"tenant": "merchant_id", "append_only": False, "hot": False},
    )
    op.create_index("staff_session_staff_idx", "staff_session", ["merchant_id", "staff_id", "created_at"], unique=False)
    for statement in SECURITY:
        op.execute(statement)
