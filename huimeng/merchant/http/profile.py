"""Routes that read and change single pieces of the merchant's settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from litestar import Response, get, patch
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body, Parameter
from msgspec import UNSET

from huimeng.infra.database import Connection
from huimeng.infra.etags import check_expected
from huimeng.infra.http import Req, caller, database, expected, run_write, tagged, with_tag
from huimeng.merchant import schemas, service
from huimeng.merchant.authentication import Principal
from huimeng.merchant.errors import NotLoggedIn, StoreNotAllowed
from huimeng.merchant.service import profile
from huimeng.merchant.values import ApiKey, ApiKeyPatch, Merchant, MerchantPatch, Region, RegionPatch, Store

StoreId = Annotated[int, Parameter(ge=1, le=2**31 - 1, description="门店编号 / id of the store")]
KeyId = Annotated[int, Parameter(ge=1, le=2**31 - 1, description="密钥编号 / id of the key")]
RegionCode = Annotated[str, Parameter(max_length=64, description="区域代码 / code of the region")]


@patch(
    "/v1/merchant",
    tags=["merchant"],
    summary="修改商户资料 / change own profile",
    description="只改给出的字段。时区与日切时间只影响以后新建的门店和注册时间的换算，已有门店、订单与账目不变；代码与货币不可改。"
    "Only what is given changes. Time zone and day cut are what stores made later begin with, and the zone of times in "
    "files that name none; stores, orders and bookings that exist stay. Code and currency can't be changed. "
    "Takes If-Match. Scope: settings:write. Errors: invalid_input, precondition_failed.",
    responses={200: ResponseSpec(Merchant, description="商户 / the merchant", generate_examples=False)},
)
async def change_merchant(
    request: Req, data: Annotated[MerchantPatch, Body(examples=schemas.MERCHANT_PATCH_EXAMPLES)]
) -> Response[bytes]:
    principal = caller(request, "settings:write")
    tags = expected(request)

    async def update(conn: Connection) -> Merchant:
        check_expected(tags, await service.get_merchant(conn, principal.merchant_id))
        return await profile.change_merchant(conn, principal.merchant_id, data)

    return with_tag(await run_write(request, principal, update))


@get(
    "/v1/stores/{store_id:int}",
    tags=["merchant"],
    summary="门店 / a store",
    description="Scope: settings:read. Errors: store_not_found.",
)
async def get_store(request: Req, store_id: StoreId) -> Response[Store]:
    principal = caller(request, "settings:read")
    async with database(request).reader(principal.merchant_id) as conn:
        return tagged(request, await service.get_store(conn, principal.merchant_id, store_id))


@get(
    "/v1/regions/{code:str}",
    tags=["merchant"],
    summary="区域 / a region",
    description="Scope: settings:read. Errors: region_not_found.",
)
async def get_region(request: Req, code: RegionCode) -> Response[Region]:
    principal = caller(request, "settings:read")
    async with database(request).reader(principal.merchant_id) as conn:
        return tagged(request, await profile.get_region(conn, principal.merchant_id, code))


@patch(
    "/v1/regions/{code:str}",
    tags=["merchant"],
    summary="修改区域名称 / rename a region",
    description="代码不可改。The code stays. Takes If-Match. Scope: settings:write. "
    "Errors: region_not_found, invalid_input, precondition_failed.",
    responses={200: ResponseSpec(Region, description="区域 / the region", generate_examples=False)},
)
async def change_region(request: Req, code: RegionCode, data: Annotated[RegionPatch, Body()]) -> Response[bytes]:
    principal = caller(request, "settings:write")
    tags = expected(request)

    async def update(conn: Connection) -> Region:
        check_expected(tags, await profile.get_region(conn, principal.merchant_id, code))
        return await profile.rename_region(conn, principal.merchant_id, code, data)

    return with_tag(await run_write(request, principal, update))


@get(
    "/v1/api-keys/{key_id:int}",
    tags=["merchant"],
    summary="API 密钥 / an API key",
    description="不含密钥内容。Without its secret. Scope: settings:write. Errors: api_key_not_found.",
)
async def get_api_key(request: Req, key_id: KeyId) -> Response[ApiKey]:
    principal = caller(request, "settings:write")
    async with database(request).reader(principal.merchant_id) as conn:
        return tagged(request, await profile.get_api_key(conn, principal.merchant_id, key_id))


@patch(
    "/v1/api-keys/{key_id:int}",
    tags=["merchant"],
    summary="修改 API 密钥的名称与速率 / name and rate of an API key",
    description="rate_limit 为每秒请求数，null 为默认，0 为不限；两秒内生效。速率只能由登录的员工修改；"
    "不能改权限超出自己的密钥。"
    "rate_limit is in requests a second, null as usual, 0 without limit; it counts within 2 seconds. Only a person who "
    "is logged in changes it, and nobody changes a key that may do more than they may. Takes If-Match. "
    "Scope: settings:write. "
    "Errors: api_key_not_found, permission_denied, not_logged_in, invalid_input, precondition_failed.",
    responses={200: ResponseSpec(ApiKey, description="密钥 / the key", generate_examples=False)},
)
async def change_api_key(request: Req, key_id: KeyId, data: Annotated[ApiKeyPatch, Body()]) -> Response[bytes]:
    principal = caller(request, "settings:write")
    if data.rate_limit is not UNSET:
        check_person(principal)
    tags = expected(request)

    async def update(conn: Connection) -> ApiKey:
        kept = await profile.get_api_key(conn, principal.merchant_id, key_id)
        check_scopes(principal, kept.scopes)
        check_expected(tags, kept)
        return await profile.change_api_key(conn, principal.merchant_id, key_id, data)

    return with_tag(await run_write(request, principal, update), ApiKey)


def check_scopes(principal: Principal, scopes: Iterable[str]) -> None:
    """PermissionDenied, StoreNotAllowed: nobody makes, changes or revokes a key that may do more than they may."""
    if principal.stores is not None:
        # A key works in all stores.
        raise StoreNotAllowed()
    for scope in scopes:
        principal.require(scope)


def check_person(principal: Principal) -> None:
    """NotLoggedIn: a key that makes keys would have the rate of all of them, and live on in them when it is revoked."""
    if principal.key_id is not None:
        raise NotLoggedIn()


routes: list[Any] = [change_merchant, get_store, get_region, change_region, get_api_key, change_api_key]
