"""The merchant as others see it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, ClassVar

import msgspec

from huimeng.merchant.rules import Industry, LegalForm, Role, Scope

RateLimit = Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    merchant_id: int
    code: str
    name: str
    industry: Industry
    legal_form: LegalForm
    timezone: str
    currency: str
    day_cut_minutes: int
    status: str
    created_at: datetime


class MerchantInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: str
    name: str
    industry: Industry = "retail"
    legal_form: LegalForm = "company"
    timezone: str = "Asia/Shanghai"
    currency: str = "CNY"
    day_cut_minutes: int = 0


class MerchantPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not given stays. Code and currency never change; time zone and day cut are for stores made later."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    industry: Industry | msgspec.UnsetType = msgspec.UNSET
    legal_form: LegalForm | msgspec.UnsetType = msgspec.UNSET
    timezone: str | msgspec.UnsetType = msgspec.UNSET
    day_cut_minutes: int | msgspec.UnsetType = msgspec.UNSET


class RegionPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region's code is what stores and rules name, so it stays."""

    name: str


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    name: str


class Store(msgspec.Struct, frozen=True, kw_only=True):
    store_id: int
    code: str
    name: str
    region: str | None
    legal_entity: str | None
    uscc: str | None
    timezone: str
    day_cut_minutes: int


class StoreInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new store; timezone and day cut come from the merchant when they are not given."""

    code: str
    name: str
    region: str | None = None
    legal_entity: str | None = None
    uscc: str | None = None
    timezone: str | None = None
    day_cut_minutes: int | None = None


class StorePatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not given stays; null clears region, legal_entity and uscc."""

    code: str | msgspec.UnsetType = msgspec.UNSET
    name: str | msgspec.UnsetType = msgspec.UNSET
    region: str | msgspec.UnsetType | None = msgspec.UNSET
    legal_entity: str | msgspec.UnsetType | None = msgspec.UNSET
    uscc: str | msgspec.UnsetType | None = msgspec.UNSET
    timezone: str | msgspec.UnsetType = msgspec.UNSET
    day_cut_minutes: int | msgspec.UnsetType = msgspec.UNSET


class StoreBook(msgspec.Struct, frozen=True):
    """All stores of a merchant: a piece of the configuration snapshot, looked up by id or by code."""

    by_id: dict[int, Store]
    by_code: dict[str, Store]


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """Without its secret, which nobody keeps."""

    moving: ClassVar[frozenset[str]] = frozenset({"last_used_day"})
    key_id: int
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_day: date | None
    rate_limit: RateLimit | None


class ApiKeyInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """rate_limit: requests a second, null the usual 50, 0 without limit."""

    name: str
    scopes: list[Scope]
    expires_at: datetime | None = None
    rate_limit: RateLimit | None = None


class ApiKeyPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not given stays; scopes and end of a key never change: make another one."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    rate_limit: RateLimit | msgspec.UnsetType | None = msgspec.UNSET


class StoredKey(msgspec.Struct, frozen=True):
    """What is needed to check a token."""

    secret_hash: bytes
    scopes: frozenset[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_day: date | None
    merchant_active: bool
    name: str = ""
    rate_limit: int | None = None


class Staff(msgspec.Struct, frozen=True, kw_only=True):
    """A person who logs in; stores None: all. The password's hash is not part of it."""

    moving: ClassVar[frozenset[str]] = frozenset({"must_change_password", "locked_until", "last_login_at"})
    staff_id: int
    login: str
    name: str
    role: Role
    stores: list[int] | None
    phone: str | None
    active: bool
    must_change_password: bool
    locked_until: datetime | None
    last_login_at: datetime | None
    created_at: datetime


class StaffInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    login: str
    name: str
    role: Role
    stores: list[int] | None = None
    phone: str | None = None


class StaffPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not given stays; null clears the phone and lifts the limit to stores."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    role: Role | msgspec.UnsetType = msgspec.UNSET
    stores: list[int] | msgspec.UnsetType | None = msgspec.UNSET
    phone: str | msgspec.UnsetType | None = msgspec.UNSET
    active: bool | msgspec.UnsetType = msgspec.UNSET


class StoredPassword(msgspec.Struct, frozen=True):
    """What is needed to check a log-in, read while the attempt is counted."""

    staff_id: int
    login: str
    name: str
    password_hash: str
    password_set_at: datetime
    must_change_password: bool
    active: bool
    failed_logins: int
    locked_until: datetime | None


class StoredSession(msgspec.Struct, frozen=True):
    """What is needed to check a cookie."""

    staff_id: int
    name: str
    secret_hash: bytes
    created_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    role: Role
    stores: frozenset[int] | None
    staff_active: bool
    must_change_password: bool
    merchant_active: bool


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A log-in as its owner and the merchant see it."""

    session_id: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    ip: str
    agent: str
    current: bool = False
