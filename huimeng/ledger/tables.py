"""Tables of the book; the runtime role can add transfers, never change one."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    func,
)

from huimeng.infra.schema import tenant_table

account = tenant_table(
    "account",
    Column("cell_id", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=False, comment="holder id x 64 + unit"),
    Column("balance", BigInteger, nullable=False),
    Column("debt", BigInteger, nullable=False, comment="owed back: balance of the account's debt unit"),
    Column("next_lot", Integer, nullable=False),
    PrimaryKeyConstraint("cell_id", "account_id"),
    CheckConstraint("balance >= 0 and debt >= 0", name="not_negative"),
    hot=True,
)

lot = tenant_table(
    "lot",
    Column("cell_id", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("lot_id", Integer, nullable=False),
    Column("expires_at", DateTime(timezone=True), comment="first moment when it is no longer valid; null = never"),
    Column("earned", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("expired", BigInteger, nullable=False),
    Column("closed", Boolean, nullable=False, comment="expired and written off"),
    PrimaryKeyConstraint("cell_id", "account_id", "lot_id"),
    CheckConstraint("remaining >= 0 and expired >= 0 and remaining + expired <= earned", name="within_earned"),
    hot=True,
)
Index(
    "lot_expiring_idx",
    lot.c.cell_id,
    lot.c.expires_at,
    lot.c.account_id,
    postgresql_where="expires_at is not null and not closed",
)

transfer = tenant_table(
    "transfer",
    Column("cell_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False, comment="gap-free within the cell"),
    Column("unit", SmallInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("debit_account", BigInteger, nullable=False),
    Column("credit_account", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("lot_id", Integer),
    Column("ref_id", BigInteger, nullable=False, comment="order, refund or adjustment that it books"),
    Column("reverses", BigInteger, comment="seq of the transfer that it takes back, wholly or in part"),
    Column("balance_after", BigInteger, nullable=False, comment="of the holder's account in this unit"),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("booked_on", Date, nullable=False, comment="UTC day on which it was written; never goes back"),
    PrimaryKeyConstraint("cell_id", "seq"),
    CheckConstraint("amount > 0 and debit_account <> credit_account", name="moves"),
    append_only=True,
)
# System accounts have small ids, so the greater of the two is the holder's.
Index(
    "transfer_holder_idx",
    transfer.c.cell_id,
    func.greatest(transfer.c.debit_account, transfer.c.credit_account),
    transfer.c.seq,
)

ledger_day = tenant_table(
    "ledger_day",
    Column("cell_id", BigInteger, nullable=False),
    Column("day", Date, nullable=False),
    Column("unit", SmallInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("debit_system", BigInteger, nullable=False, comment="system account, or 0 for holders together"),
    Column("credit_system", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("transfers", BigInteger, nullable=False),
    PrimaryKeyConstraint("cell_id", "day", "unit", "kind", "debit_system", "credit_system"),
    append_only=True,
)

ledger_close = tenant_table(
    "ledger_close",
    Column("cell_id", BigInteger, nullable=False),
    Column("day", Date, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False, comment="first_seq - 1 when nothing was booked"),
    Column("closed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("cell_id", "day"),
    append_only=True,
)
