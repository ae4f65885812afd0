"""Payloads of the merchant's routes, with the examples that the API reference shows."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.openapi.spec import Example
from msgspec import Meta

from huimeng.merchant.rules import Role, Scope
from huimeng.merchant.values import ApiKey, Merchant, Region, Session, Staff, Store


class StorePage(msgspec.Struct, frozen=True):
    items: list[Store]
    next_cursor: str | None


class RegionPage(msgspec.Struct, frozen=True):
    items: list[Region]
    next_cursor: str | None


class ApiKeyPage(msgspec.Struct, frozen=True):
    items: list[ApiKey]
    next_cursor: str | None


class CreatedApiKey(msgspec.Struct, frozen=True):
    """token is shown in this one answer; a replay of it has null, since nobody keeps the token."""

    key: ApiKey
    token: str | None


STORE_EXAMPLES = [
    Example(
        summary="一家营业到凌晨四点的酒吧 / a bar whose business day ends at 04:00",
        value={
            "code": "SH-001",
            "name": "静安店",
            "region": "east",
            "legal_entity": "上海某某餐饮管理有限公司",
            "uscc": "91350100M000100Y43",
            "timezone": "Asia/Shanghai",
            "day_cut_minutes": 240,
        },
    )
]
STORE_PATCH_EXAMPLES = [
    Example(summary="改名并移出区域 / rename, no region", value={"name": "南京西路店", "region": None})
]
MERCHANT_PATCH_EXAMPLES = [Example(summary="改名 / rename", value={"name": "某某酒馆"})]
REGION_EXAMPLES = [Example(summary="华东", value={"code": "east", "name": "华东"})]
API_KEY_EXAMPLES = [
    Example(
        summary="收银系统用 / for a till",
        value={
            "name": "静安店收银",
            "scopes": ["orders:write", "members:read", "points:read"],
            "expires_at": "2030-01-01T00:00:00+08:00",
        },
    )
]


class LoginIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """merchant: its code; login: the login name or the phone."""

    merchant: Annotated[str, Meta(max_length=200)]
    login: Annotated[str, Meta(max_length=200)]
    password: Annotated[str, Meta(max_length=1000)]


class PasswordIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current_password: Annotated[str, Meta(max_length=1000)]
    new_password: Annotated[str, Meta(max_length=1000)]


class RevokeIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without session_id: all of them."""

    session_id: Annotated[str, Meta(pattern=r"^[0-9]{1,18}$(?!\n)")] | None = None


class SessionOut(msgspec.Struct, frozen=True):
    """Who is logged in; csrf_token goes back as X-CSRF-Token with every change made by cookie."""

    merchant: Merchant
    staff: Staff
    permissions: list[str]
    must_change_password: bool
    csrf_token: str
    session: Session


class StaffPage(msgspec.Struct, frozen=True):
    items: list[Staff]
    next_cursor: str | None


class CreatedStaff(msgspec.Struct, frozen=True):
    """one_time_password is shown in this one answer; a replay of it has null, since nobody keeps it."""

    staff: Staff
    one_time_password: str | None


class SessionList(msgspec.Struct, frozen=True):
    items: list[Session]


class PermissionOut(msgspec.Struct, frozen=True):
    scope: Scope
    name_zh: str
    name_en: str


class RoleOut(msgspec.Struct, frozen=True):
    role: Role
    name_zh: str
    name_en: str
    permissions: list[str]


class PermissionsOut(msgspec.Struct, frozen=True):
    permissions: list[PermissionOut]
    roles: list[RoleOut]


LOGIN_EXAMPLES = [
    Example(summary="店主登录 / an owner", value={"merchant": "myshop", "login": "owner", "password": "…"})
]
STAFF_EXAMPLES = [
    Example(
        summary="静安店的收银员 / a cashier of one store",
        value={"login": "xiaoli", "name": "小李", "role": "cashier", "stores": [1], "phone": "13800000000"},
    )
]
STAFF_PATCH_EXAMPLES = [Example(summary="停用 / disable", value={"active": False})]
