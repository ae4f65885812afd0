"""Tables of points: rules in all their versions, counters of caps, adjustments."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from huimeng.infra.schema import tenant_table

earning_rule_version = tenant_table(
    "earning_rule_version",
    Column("merchant_id", BigInteger, nullable=False),
    Column("rule_id", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("definition", JSONB, nullable=False, comment="huimeng.points.rules.Definition"),
    Column("effective_from", DateTime(timezone=True), nullable=False),
    Column("effective_until", DateTime(timezone=True)),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    PrimaryKeyConstraint("merchant_id", "rule_id", "version"),
    append_only=True,
)

earning_rule_draft = tenant_table(
    "earning_rule_draft",
    Column("merchant_id", BigInteger, nullable=False),
    Column("draft_id", BigInteger, nullable=False),
    Column("rule_id", BigInteger, comment="the rule that it changes; null: a new one"),
    Column("base_version", Integer, comment="newest version of that rule when it was begun"),
    Column("name", Text, nullable=False),
    Column("definition", JSONB, nullable=False, comment="huimeng.points.rules.Definition"),
    Column("effective_until", DateTime(timezone=True)),
    Column("state", Text, nullable=False, comment="draft, published, discarded"),
    Column("published_version", Integer),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("changed_by", Text, nullable=False),
    PrimaryKeyConstraint("merchant_id", "draft_id"),
    CheckConstraint("state in ('draft', 'published', 'discarded')", name="state"),
)

earn_cap = tenant_table(
    "earn_cap",
    Column("cell_id", BigInteger, nullable=False),
    Column("member_id", BigInteger, nullable=False),
    Column("rule_id", BigInteger, nullable=False),
    Column("period", Text, nullable=False, comment="business day d2017-01-01 or month m2017-01"),
    Column("amount", BigInteger, nullable=False),
    PrimaryKeyConstraint("cell_id", "member_id", "rule_id", "period"),
    CheckConstraint("amount >= 0", name="not_negative"),
    hot=True,
)

adjustment = tenant_table(
    "adjustment",
    Column("cell_id", BigInteger, nullable=False),
    Column("adjustment_id", BigInteger, nullable=False),
    Column("member_id", BigInteger, nullable=False),
    Column("unit", SmallInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False, comment="key:<api key id>, or what else did it"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("cell_id", "adjustment_id"),
    CheckConstraint("amount <> 0", name="moves"),
    append_only=True,
)
