"""Tables of the infrastructure: heads of cells, idempotency, outbox, the audit log."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
)
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
    Column("audit_seq", BigInteger, nullable=False, server_default="0"),
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

audit_entry = tenant_table(
    "audit_entry",
    Column("cell_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False, comment="gap-free within the cell"),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False, comment="staff:7, key:3, cli, system"),
    Column("actor_name", Text, nullable=False, comment="as it was then"),
    Column("ip", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("action", Text, nullable=False, comment="huimeng.infra.audit.Action"),
    Column("object_kind", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("before", JSONB, comment="personal data masked"),
    Column("after", JSONB, comment="personal data masked"),
    Column("mac", LargeBinary, nullable=False, comment="HMAC of all the fields before it"),
    PrimaryKeyConstraint("cell_id", "seq"),
    Index(None, "cell_id", "at"),
    Index(None, "cell_id", "actor", "seq"),
    Index(None, "cell_id", "action", "seq"),
    Index(None, "cell_id", "object_kind", "object_id", "seq"),
    append_only=True,
)

audit_day = tenant_table(
    "audit_day",
    Column("cell_id", BigInteger, nullable=False),
    Column("day", Date, nullable=False, comment="UTC"),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("seal", LargeBinary, nullable=False, comment="HMAC of the seal before it and of the day's MACs"),
    Column("sealed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("cell_id", "day"),
    CheckConstraint("first_seq <= last_seq", name="not_empty"),
    append_only=True,
)
