"""Tables of orders."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from huimeng.infra.schema import tenant_table

orders = tenant_table(
    "orders",
    Column("cell_id", BigInteger, nullable=False),
    Column("order_id", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("store_id", BigInteger, nullable=False),
    Column("business_day", Date, nullable=False),
    Column("order_no", Text, nullable=False),
    Column("member_id", BigInteger, comment="null: anonymous"),
    Column("ordered_at", DateTime(timezone=True), nullable=False),
    Column("list_fen", BigInteger, nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
    Column("refunded_fen", BigInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("cell_id", "order_id"),
    UniqueConstraint("cell_id", "store_id", "business_day", "order_no", "source", name="orders_identity_key"),
)
Index(
    "orders_member_idx",
    orders.c.cell_id,
    orders.c.member_id,
    orders.c.order_id,
    postgresql_where="member_id is not null",
)
Index("orders_no_idx", orders.c.cell_id, orders.c.order_no)
Index("orders_time_idx", orders.c.cell_id, orders.c.ordered_at, orders.c.order_id)

order_line = tenant_table(
    "order_line",
    Column("cell_id", BigInteger, nullable=False),
    Column("order_id", BigInteger, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("points_earned", Integer, nullable=False),
    Column("list_fen", BigInteger, nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
    Column("refunded_fen", BigInteger, nullable=False),
    Column("growth_earned", Integer, nullable=False),
    Column("points_reversed", Integer, nullable=False),
    Column("growth_reversed", Integer, nullable=False),
    Column("quantity", Numeric(14, 4), nullable=False),
    Column("refunded_quantity", Numeric(14, 4), nullable=False),
    Column("sku", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("line_key", Text, nullable=False),
    PrimaryKeyConstraint("cell_id", "order_id", "line_no"),
)

order_tender = tenant_table(
    "order_tender",
    Column("cell_id", BigInteger, nullable=False),
    Column("order_id", BigInteger, nullable=False),
    Column("tender_no", SmallInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("refunded_fen", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("cell_id", "order_id", "tender_no"),
)

refund = tenant_table(
    "refund",
    Column("cell_id", BigInteger, nullable=False),
    Column("refund_id", BigInteger, nullable=False),
    Column("order_id", BigInteger, nullable=False),
    Column("refunded_at", DateTime(timezone=True), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("void", SmallInteger, nullable=False, comment="1: the order was voided"),
    Column("tenders", JSONB, nullable=False, comment="[{kind, amount_fen}]"),
    Column("lines", JSONB, nullable=False, comment="[{line_no, quantity, amount_fen, points_taken, growth_taken}]"),
    PrimaryKeyConstraint("cell_id", "refund_id"),
    append_only=True,
)
Index("refund_order_idx", refund.c.cell_id, refund.c.order_id)
