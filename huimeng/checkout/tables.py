"""What each order earned, and how much of it was taken back."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, PrimaryKeyConstraint, SmallInteger
from sqlalchemy.dialects.postgresql import JSONB

from huimeng.infra.schema import tenant_table

order_earning = tenant_table(
    "order_earning",
    Column("cell_id", BigInteger, nullable=False),
    Column("order_id", BigInteger, nullable=False),
    Column("unit", SmallInteger, nullable=False),
    Column("lot_id", Integer, nullable=False),
    Column("transfer_seq", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("reversed", BigInteger, nullable=False),
    Column("parts", JSONB, nullable=False, comment="[[rule_id, version, amount]]"),
    PrimaryKeyConstraint("cell_id", "order_id", "unit", "lot_id"),
    CheckConstraint("reversed between 0 and amount", name="within"),
)
