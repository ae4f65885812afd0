"""Tables of the infrastructure: heads of cells, idempotency, outbox."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, DateTime, LargeBinary, PrimaryKeyConstraint, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB

from huimeng.infra.schema import tenant_table

cell_head = tenant_table(
    "cell_head",
    Column("cell_id", BigInteger, primary_key=True, autoincrement=False),
    Column("transfer_seq", BigInteger, nullable=False, server_default="0"),
    Column("outbox_seq", BigInteger, nullable=False, server_default="0"),
    Column("entity_seq", BigInteger, nullable=False, server_default="0"),
    Column("config_version", BigInteger, nullable=False, server_default="1"),
    Column("open_day", Date, comment="booking day of the newest transfer; never goes back"),
    hot=True,
)

idempotency = tenant_table(
    "idempotency",
    Column("cell_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("cell_id", "key"),
)

outbox = tenant_table(
    "outbox",
    Column("cell_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("ref_id", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("payload", JSONB, nullable=False),
    PrimaryKeyConstraint("cell_id", "seq"),
    append_only=True,
)
