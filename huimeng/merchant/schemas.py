"""Payloads of the merchant's routes, with the examples that the API reference shows."""

from __future__ import annotations

import msgspec
from litestar.openapi.spec import Example

from huimeng.merchant.values import ApiKey, Region, Store


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
