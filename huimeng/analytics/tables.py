"""Tables of the figures: everything here can be made again from the orders and the transfers."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, DateTime, Index, Integer, PrimaryKeyConstraint, SmallInteger, Text

from huimeng.infra.schema import tenant_table

figure_cursor = tenant_table(
    "figure_cursor",
    Column("cell_id", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False, comment="last event of the outbox in the figures; -1: make them anew"),
    Column("at", DateTime(timezone=True), comment="when that event happened; null before the first"),
    hot=True,
)

member_day = tenant_table(
    "member_day",
    Column("cell_id", BigInteger, nullable=False),
    Column("business_day", Date, nullable=False),
    Column("store_id", BigInteger, nullable=False),
    Column("member_id", BigInteger, nullable=False, comment="0: all anonymous orders together"),
    Column("orders", Integer, nullable=False, comment="of which something is kept"),
    Column("net_fen", BigInteger, nullable=False, comment="paid less refunded"),
    PrimaryKeyConstraint("cell_id", "business_day", "store_id", "member_id"),
)
Index("member_day_store_idx", member_day.c.cell_id, member_day.c.store_id, member_day.c.business_day)
Index("member_day_member_idx", member_day.c.cell_id, member_day.c.member_id, member_day.c.business_day)

# The same by month: a year of whole months is read from a fifth of the rows.
member_month = tenant_table(
    "member_month",
    Column("cell_id", BigInteger, nullable=False),
    Column("month", Date, nullable=False, comment="its first day"),
    Column("store_id", BigInteger, nullable=False),
    Column("member_id", BigInteger, nullable=False),
    Column("orders", Integer, nullable=False),
    Column("net_fen", BigInteger, nullable=False),
    Column("first_day", Date, comment="with an order that is kept; null without"),
    Column("last_day", Date),
    PrimaryKeyConstraint("cell_id", "month", "store_id", "member_id"),
)

# What members bought of a category: an order counts in each category of which it keeps something.
category_day = tenant_table(
    "category_day",
    Column("cell_id", BigInteger, nullable=False),
    Column("category", Text, nullable=False),
    Column("business_day", Date, nullable=False),
    Column("store_id", BigInteger, nullable=False),
    Column("member_id", BigInteger, nullable=False, comment="0: all anonymous orders together"),
    Column("orders", Integer, nullable=False),
    Column("net_fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("cell_id", "category", "business_day", "store_id", "member_id"),
)

# Categories and products without members, for comparing them: of all stores by day and by month, of a store by month.
# What a store sold on single days is read from its orders.
sold_day = tenant_table(
    "sold_day",
    Column("cell_id", BigInteger, nullable=False),
    Column("what", SmallInteger, nullable=False, comment="1: categories, 2: products"),
    Column("business_day", Date, nullable=False),
    Column("category", Text, nullable=False),
    Column("product", Text, nullable=False, comment="'' of a category"),
    Column("orders", Integer, nullable=False),
    Column("net_fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("cell_id", "what", "business_day", "category", "product"),
)

sold_month = tenant_table(
    "sold_month",
    Column("cell_id", BigInteger, nullable=False),
    Column("what", SmallInteger, nullable=False, comment="1: categories, 2: products"),
    Column("store_id", BigInteger, nullable=False, comment="0: all stores together"),
    Column("month", Date, nullable=False, comment="its first day"),
    Column("category", Text, nullable=False),
    Column("product", Text, nullable=False, comment="'' of a category"),
    Column("orders", Integer, nullable=False),
    Column("net_fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("cell_id", "what", "store_id", "month", "category", "product"),
)

member_first = tenant_table(
    "member_first",
    Column("cell_id", BigInteger, nullable=False),
    Column("member_id", BigInteger, nullable=False),
    Column("first_day", Date, nullable=False, comment="of the first order that is kept, at any store"),
    Column("orders", Integer, nullable=False),
    PrimaryKeyConstraint("cell_id", "member_id"),
    hot=True,
)

# Points: kept up from the transfers of the ledger, which have a sequence of their own.
points_cursor = tenant_table(
    "points_cursor",
    Column("cell_id", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False, comment="last transfer that the figures of points hold"),
    hot=True,
)

points_day = tenant_table(
    "points_day",
    Column("cell_id", BigInteger, nullable=False),
    Column("day", Date, nullable=False, comment="business day on which it happened"),
    Column("expires", Date, nullable=False, comment="first day of the month of expiry; 9999-12-01: never, or a debt"),
    Column("kind", SmallInteger, nullable=False, comment="kind of the transfers"),
    Column("added", BigInteger, nullable=False, comment="to members' points (kinds 5 and 7: to their debts)"),
    Column("removed", BigInteger, nullable=False),
    PrimaryKeyConstraint("cell_id", "day", "expires", "kind"),
    hot=True,
)

# Only what belongs to a store: what its orders earned, and what refunds of them took back or could not.
points_store_day = tenant_table(
    "points_store_day",
    Column("cell_id", BigInteger, nullable=False),
    Column("store_id", BigInteger, nullable=False),
    Column("day", Date, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("removed", BigInteger, nullable=False),
    PrimaryKeyConstraint("cell_id", "store_id", "day", "kind"),
    hot=True,
)
