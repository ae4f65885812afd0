"""Routes of the merchant's own settings."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body, Parameter

from huimeng.infra.database import Connection
from huimeng.infra.etags import check_expected
from huimeng.infra.http import Req, caller, cursor_id, database, expected, run_write, tagged, with_tag
from huimeng.merchant import schemas, service
from huimeng.merchant.http.profile import check_person, check_scopes
from huimeng.merchant.service import profile
from huimeng.merchant.values import ApiKey, ApiKeyInput, Merchant, Region, Store, StoreInput, StorePatch

Limit = Annotated[int, Parameter(ge=1, le=200, description="每页条数 / items in a page")]
Cursor = Annotated[str | None, Parameter(max_length=200, description="上一页的 next_cursor / of the page before")]
StoreId = Annotated[int, Parameter(ge=1, le=2**31 - 1, description="门店编号 / id of the store")]
KeyId = Annotated[int, Parameter(ge=1, le=2**31 - 1, description="密钥编号 / id of the key")]


@get(
    "/v1/merchant",
    tags=["merchant"],
    summary="商户资料 / own profile",
    description="密钥所属商户的资料。The merchant that the API key belongs to. Scope: settings:read.",
)
async def read_merchant(request: Req) -> Response[Merchant]:
    principal = caller(request, "settings:read")
    async with database(request).reader(principal.merchant_id) as conn:
        return tagged(request, await service.get_merchant(conn, principal.merchant_id))


@get(
    "/v1/stores",
    tags=["merchant"],
    summary="门店列表 / stores",
    description="按编号排列。In the order of their ids. Scope: settings:read.",
)
async def read_stores(request: Req, limit: Limit = 50, cursor: Cursor = None) -> Response[schemas.StorePage]:
    principal = caller(request, "settings:read")
    async with database(request).reader(principal.merchant_id) as conn:
        after = cursor_id(cursor) or 0
        stores = await service.list_stores(conn, principal.merchant_id, after=after, limit=limit + 1)
    more = len(stores) > limit
    return tagged(request, schemas.StorePage(stores[:limit], str(stores[limit - 1].store_id) if more else None))


@post(
    "/v1/stores",
    tags=["merchant"],
    summary="新建门店 / create a store",
    description="未填的时区与日切时间取商户的设置。Time zone and day cut default to the merchant's. "
    "Scope: settings:write. Errors: store_code_taken, region_not_found, invalid_input.",
    responses={201: ResponseSpec(Store, description="新门店 / the store", generate_examples=False)},
)
async def add_store(
    request: Req, data: Annotated[StoreInput, Body(examples=schemas.STORE_EXAMPLES)]
) -> Response[bytes]:
    principal = caller(request, "settings:write")

    async def create(conn: Connection) -> Store:
        return await service.create_store(conn, principal.merchant_id, data)

    return await run_write(request, principal, create, 201)


@patch(
    "/v1/stores/{store_id:int}",
    tags=["merchant"],
    summary="修改门店 / change a store",
    description="只改给出的字段，null 清空区域、主体和信用代码。Only what is given changes. "
    "Takes If-Match. Scope: settings:write. "
    "Errors: store_not_found, store_code_taken, region_not_found, invalid_input, precondition_failed.",
    responses={200: ResponseSpec(Store, description="门店 / the store", generate_examples=False)},
)
async def change_store(
    request: Req, store_id: StoreId, data: Annotated[StorePatch, Body(examples=schemas.STORE_PATCH_EXAMPLES)]
) -> Response[bytes]:
    principal = caller(request, "settings:write")
    tags = expected(request)

    async def update(conn: Connection) -> Store:
        check_expected(tags, await service.get_store(conn, principal.merchant_id, store_id))
        return await service.update_store(conn, principal.merchant_id, store_id, data)

    return with_tag(await run_write(request, principal, update))


@get(
    "/v1/regions",
    tags=["merchant"],
    summary="区域列表 / regions",
    description="按代码排列。In the order of their codes. Scope: settings:read.",
)
async def read_regions(request: Req, limit: Limit = 50, cursor: Cursor = None) -> schemas.RegionPage:
    principal = caller(request, "settings:read")
    async with database(request).reader(principal.merchant_id) as conn:
        regions = await service.list_regions(
            conn, principal.merchant_id, after=service.region_cursor(cursor), limit=limit + 1
        )
    return schemas.RegionPage(regions[:limit], regions[limit - 1].code if len(regions) > limit else None)


@post(
    "/v1/regions",
    tags=["merchant"],
    summary="新建区域 / create a region",
    description="Scope: settings:write. Errors: region_code_taken, invalid_input.",
    responses={201: ResponseSpec(Region, description="新区域 / the region", generate_examples=False)},
)
async def add_region(request: Req, data: Annotated[Region, Body(examples=schemas.REGION_EXAMPLES)]) -> Response[bytes]:
    principal = caller(request, "settings:write")

    async def create(conn: Connection) -> Region:
        return await service.create_region(conn, principal.merchant_id, data.code, data.name)

    return await run_write(request, principal, create, 201)


@get(
    "/v1/api-keys",
    tags=["merchant"],
    summary="API 密钥列表 / API keys",
    description="不含密钥内容。Without their secrets. Scope: settings:write.",
)
async def read_api_keys(request: Req, limit: Limit = 50, cursor: Cursor = None) -> schemas.ApiKeyPage:
    principal = caller(request, "settings:write")
    async with database(request).reader(principal.merchant_id) as conn:
        after = cursor_id(cursor) or 0
        keys = await service.list_api_keys(conn, principal.merchant_id, after=after, limit=limit + 1)
    return schemas.ApiKeyPage(keys[:limit], str(keys[limit - 1].key_id) if len(keys) > limit else None)


@post(
    "/v1/api-keys",
    tags=["merchant"],
    summary="新建 API 密钥 / create an API key",
    description="token 只在这一次回答里出现，重放的回答里为 null。"
    "须由员工登录后新建，不能用密钥新建；权限不能超出自己的。"
    "The token appears in this one answer; a replay has null. Only a person who is logged in makes keys, with scopes "
    "that they have themselves; a key makes none. "
    "Scope: settings:write. Errors: not_logged_in, permission_denied, invalid_input.",
    responses={201: ResponseSpec(schemas.CreatedApiKey, description="新密钥 / the key", generate_examples=False)},
)
async def add_api_key(
    request: Req, data: Annotated[ApiKeyInput, Body(examples=schemas.API_KEY_EXAMPLES)]
) -> Response[bytes]:
    principal = caller(request, "settings:write")
    check_person(principal)
    check_scopes(principal, data.scopes)
    created: list[schemas.CreatedApiKey] = []

    async def create(conn: Connection) -> schemas.CreatedApiKey:
        key, token = await service.create_api_key(conn, principal.merchant_id, data)
        created.append(schemas.CreatedApiKey(key, token))
        # What is kept for a replay has no token.
        return schemas.CreatedApiKey(key, None)

    response = await run_write(request, principal, create, 201)
    if created:
        response.content = msgspec.json.encode(created[-1])
    return response


@post(
    "/v1/api-keys/{key_id:int}/revoke",
    tags=["merchant"],
    status_code=200,
    summary="撤销 API 密钥 / revoke an API key",
    description="两秒内在所有进程失效。只能撤销权限不超出自己的密钥。Stops within 2 seconds in every process. "
    "Only a key that may do no more than the caller. "
    "Scope: settings:write. Errors: api_key_not_found, permission_denied.",
    responses={200: ResponseSpec(ApiKey, description="已撤销的密钥 / the key", generate_examples=False)},
)
async def revoke_api_key(request: Req, key_id: KeyId) -> Response[bytes]:
    principal = caller(request, "settings:write")

    async def revoke(conn: Connection) -> ApiKey:
        check_scopes(principal, (await profile.get_api_key(conn, principal.merchant_id, key_id)).scopes)
        return await service.revoke_api_key(conn, principal.merchant_id, key_id)

    return await run_write(request, principal, revoke)


routes: list[Any] = [
    read_merchant,
    read_stores,
    add_store,
    change_store,
    read_regions,
    add_region,
    read_api_keys,
    add_api_key,
    revoke_api_key,
]
