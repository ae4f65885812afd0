"""Tables of members; every personal field is sealed with the member's own key, looked up by blind index."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from huimeng.infra.schema import tenant_table

member = tenant_table(
    "member",
    Column("cell_id", BigInteger, nullable=False),
    Column("member_id", BigInteger, nullable=False),
    Column("status", SmallInteger, nullable=False, comment="1 active, 2 erased"),
    Column("wrapped_key", LargeBinary, nullable=False, comment="the member's key, sealed by the merchant's"),
    Column("name", LargeBinary),
    Column("birthday", LargeBinary),
    Column("store_id", Integer, comment="where the member joined"),
    Column("staff", Text, comment="who won the member"),
    Column("channel", Text),
    Column("campaign", Text),
    Column(
        "registered_at",
        DateTime(timezone=True),
        nullable=False,
        comment="member since, also before this system",
    ),
    Column("joined_at", DateTime(timezone=True), nullable=False, comment="when this system recorded the member"),
    Column("consent_version", Text),
    Column("consent_at", DateTime(timezone=True)),
    Column("tags", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("cell_id", "member_id"),
    CheckConstraint("status in (1, 2)", name="status"),
)

member_identity = tenant_table(
    "member_identity",
    Column("cell_id", BigInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False, comment="huimeng.member.kinds"),
    Column("blind_index", LargeBinary, nullable=False),
    Column("member_id", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("tail_index", LargeBinary, comment="blind index of the last four digits (phone)"),
    PrimaryKeyConstraint("cell_id", "kind", "blind_index"),
    # Led by the person, not by the cell: while cells are small the planner takes any index that begins with the cell
    # for as good as the primary key, and a prepared plan keeps that choice when one cell has grown.
    Index("member_identity_member_idx", "member_id", "cell_id"),
    Index(
        "member_identity_tail_idx",
        "tail_index",
        "cell_id",
        "member_id",
        postgresql_where="tail_index is not null",
    ),
)

member_name_token = tenant_table(
    "member_name_token",
    Column("cell_id", BigInteger, nullable=False),
    Column("token", Integer, nullable=False, comment="16 bits of a blind index; docs/decisions/0003"),
    Column("member_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("cell_id", "token", "member_id"),
)
