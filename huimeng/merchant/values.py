"""The merchant as others see it."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from huimeng.merchant.rules import Industry, LegalForm, Scope


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

    key_id: int
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_day: date | None


class ApiKeyInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    scopes: list[Scope]
    expires_at: datetime | None = None


class StoredKey(msgspec.Struct, frozen=True):
    """What is needed to check a token."""

    secret_hash: bytes
    scopes: frozenset[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_day: date | None
    merchant_active: bool
