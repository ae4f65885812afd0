"""Tables of imports."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, DateTime, Index, LargeBinary, PrimaryKeyConstraint, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from huimeng.infra.schema import tenant_table

import_job = tenant_table(
    "import_job",
    Column("merchant_id", BigInteger, nullable=False),
    Column("job_id", UUID, nullable=False),
    Column("kind", Text, nullable=False, comment="orders or members"),
    Column("file_name", Text, nullable=False),
    Column("file_sha256", LargeBinary, nullable=False),
    Column("options", Text, nullable=False, comment="JSON in one spelling: equal options are equal text"),
    Column("status", Text, nullable=False, comment="running or finished"),
    Column("position", Date, comment="the last business day that is wholly imported"),
    Column("counts", JSONB, nullable=False),
    Column("error_file", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("merchant_id", "job_id"),
)
Index(
    "import_job_file_idx",
    import_job.c.merchant_id,
    import_job.c.kind,
    import_job.c.file_sha256,
    import_job.c.started_at,
)

opening_balance = tenant_table(
    "opening_balance",
    Column("cell_id", BigInteger, nullable=False),
    Column("member_id", BigInteger, nullable=False),
    Column("lots", JSONB, nullable=False, comment="[[points, expires_at or null]] in the order of expiry"),
    Column("growth", BigInteger, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("cell_id", "member_id"),
    append_only=True,
)
