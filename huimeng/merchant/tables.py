"""Tables of the merchant: who the tenant is, where it sells, and who may call in its name."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY

from huimeng.infra.schema import shared_table, tenant_table

merchant_directory = shared_table(
    "merchant_directory",
    Column("merchant_id", BigInteger, Identity(always=False), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
)

deployment_key = shared_table(
    "deployment_key",
    Column("slot", SmallInteger, primary_key=True, autoincrement=False),
    Column(
        "check_value",
        LargeBinary,
        nullable=False,
        comment="recognises the deployment key, does not reveal it",
    ),
    CheckConstraint("slot = 1", name="slot"),
)

merchant = tenant_table(
    "merchant",
    Column("merchant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("industry", Text, nullable=False),
    Column("legal_form", Text, nullable=False, comment="individual 个体户, company 公司, franchise 加盟"),
    Column("timezone", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("day_cut_minutes", SmallInteger, nullable=False, comment="what a new store starts with"),
    Column("status", Text, nullable=False, comment="active, suspended"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("legal_form in ('individual', 'company', 'franchise')", name="legal_form"),
    CheckConstraint("status in ('active', 'suspended')", name="status"),
    CheckConstraint("day_cut_minutes between 0 and 1439", name="day_cut"),
)

merchant_key = tenant_table(
    "merchant_key",
    Column("merchant_id", BigInteger, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False, comment="sealed by the deployment key"),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

region = tenant_table(
    "region",
    Column("merchant_id", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("merchant_id", "code"),
)

store = tenant_table(
    "store",
    Column("merchant_id", BigInteger, nullable=False),
    Column("store_id", Integer, nullable=False, autoincrement=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("region", Text, comment="code of the region"),
    Column("legal_entity", Text, comment="name on the licence 营业执照, when it is not the merchant's own"),
    Column("uscc", Text, comment="unified social credit code 统一社会信用代码"),
    Column("timezone", Text, nullable=False),
    Column("day_cut_minutes", SmallInteger, nullable=False, comment="240: the business day ends at 04:00"),
    PrimaryKeyConstraint("merchant_id", "store_id"),
    UniqueConstraint("merchant_id", "code"),
    CheckConstraint("day_cut_minutes between 0 and 1439", name="day_cut"),
)

api_key = tenant_table(
    "api_key",
    Column("merchant_id", BigInteger, nullable=False),
    Column("key_id", Integer, nullable=False, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False, comment="SHA-256; the secret is 256 random bits"),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("last_used_day", Date, comment="UTC"),
    Column("rate_limit", Integer, comment="requests a second; 0: no limit"),
    PrimaryKeyConstraint("merchant_id", "key_id"),
)

staff = tenant_table(
    "staff",
    Column("merchant_id", BigInteger, nullable=False),
    Column("staff_id", Integer, nullable=False, autoincrement=False),
    Column("login", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("stores", ARRAY(Integer), comment="null: all"),
    Column("phone_index", LargeBinary, comment="blind index: the phone logs in too, and nobody reads it back"),
    Column("phone_masked", Text),
    Column("active", Boolean, nullable=False),
    Column("password_hash", Text, nullable=False, comment="argon2id"),
    Column("password_set_at", DateTime(timezone=True), nullable=False),
    Column("must_change_password", Boolean, nullable=False, comment="the password is a one-time one"),
    Column("failed_logins", SmallInteger, nullable=False, server_default="0"),
    Column("locked_until", DateTime(timezone=True)),
    Column("last_login_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("merchant_id", "staff_id"),
    UniqueConstraint("merchant_id", "login"),
    UniqueConstraint("merchant_id", "phone_index"),
)

staff_session = tenant_table(
    "staff_session",
    Column("merchant_id", BigInteger, nullable=False),
    Column("session_id", BigInteger, nullable=False, autoincrement=False, comment="random"),
    Column("staff_id", Integer, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False, comment="SHA-256; the secret is 256 random bits"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False, comment="to the minute"),
    Column("ended_at", DateTime(timezone=True)),
    Column("ip", Text, nullable=False),
    Column("agent", Text, nullable=False),
    PrimaryKeyConstraint("merchant_id", "session_id"),
    Index("staff_session_staff_idx", "merchant_id", "staff_id", "created_at"),
)
