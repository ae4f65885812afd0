"""Tables of imports."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    text,
)
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

import_task = tenant_table(
    "import_task",
    Column("merchant_id", BigInteger, nullable=False),
    Column("import_id", UUID, nullable=False),
    Column("kind", Text, nullable=False, comment="orders or members"),
    Column("file_name", Text, nullable=False, comment="as it was given; the file's place has no part of it"),
    Column("file_size", BigInteger, nullable=False),
    Column("options", JSONB, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("state", Text, nullable=False, comment="queued, running, done, failed, cancelled"),
    Column("cancel", Boolean, nullable=False, comment="the worker is asked to stop"),
    Column("worker", UUID),
    Column("leased_until", DateTime(timezone=True)),
    Column("attempts", Integer, nullable=False),
    Column("progress", JSONB, nullable=False),
    Column("error", JSONB, comment="problem details"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    Column("files_deleted_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("merchant_id", "import_id"),
)
Index(
    "import_task_open_idx",
    import_task.c.merchant_id,
    import_task.c.created_at,
    postgresql_where=text("state in ('queued', 'running')"),
)

import_mapping = tenant_table(
    "import_mapping",
    Column("merchant_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False, comment="orders or members"),
    Column("source", Text, nullable=False),
    Column("columns", JSONB, nullable=False, comment="column of the file -> field, as it was told once"),
    Column("statuses", JSONB, nullable=False, server_default="{}", comment="word of a status -> what it means"),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("merchant_id", "kind", "source"),
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
