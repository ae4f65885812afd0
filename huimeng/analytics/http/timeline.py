"""Routes of one member's past."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get
from litestar.params import PathParameter, QueryParameter

from huimeng.analytics.service import timeline as service
from huimeng.analytics.values.timeline import KINDS, MemberStanding, Timeline, TimelineKind
from huimeng.infra.crypto import MerchantKeys, Vault
from huimeng.infra.http import Req, caller, database, parse_id
from huimeng.merchant.service import merchant_keys

MemberId = Annotated[str, PathParameter(max_length=19, description="会员编号 / id of the member")]
Wanted = Annotated[
    list[TimelineKind] | None,
    QueryParameter(name="kind", description="只要这几类；可重复 / only these; may be repeated"),
]
Cursor = Annotated[str | None, QueryParameter(max_length=100, description="上一页的 next_cursor / of the page before")]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="每页条数 / items in a page")]


async def keys_of(request: Req, merchant_id: int) -> MerchantKeys:
    vault: Vault = request.app.state.vault
    keys = vault.cached(merchant_id)
    if keys is None:
        async with database(request).reader(merchant_id) as conn:
            keys = await merchant_keys(conn, vault, merchant_id)
    return keys


@get(
    "/v1/members/{member_id:str}/timeline",
    tags=["members"],
    summary="会员时间线 / What happened with a member",
    operation_id="member_timeline",
    description="订单、退款、积分变动、资料变更，最新的在前；只含调用者有权查看的种类和门店。"
    "Orders, refunds, movements of points and changes, newest first; only of the kinds and stores that the caller may "
    "see (`kinds` names them). A page may be short although there is a next_cursor. Scope: members:read; also "
    "orders:read, points:read for what belongs to them. Errors: member_not_found, invalid_input.",
)
async def member_timeline(
    request: Req, member_id: MemberId, kind: Wanted = None, limit: Limit = 50, cursor: Cursor = None
) -> Timeline:
    principal = caller(request, "members:read")
    keys = await keys_of(request, principal.merchant_id)
    allowed = [each for each in KINDS if each not in service.NEEDS or principal.allows(service.NEEDS[each])]
    async with database(request).reader(principal.merchant_id) as conn:
        return await service.timeline(
            conn,
            principal.merchant_id,
            keys,
            parse_id(member_id, "member_id"),
            kinds=[each for each in allowed if kind is None or each in kind],
            stores=principal.stores,
            names=principal.allows("audit:read"),
            cursor=cursor,
            limit=limit,
        )


@get(
    "/v1/members/{member_id:str}/standing",
    tags=["members"],
    summary="会员概况 / What a member has been to the shop",
    operation_id="member_standing",
    description="订单数、净消费、最近到店、常买品类，按全部时间。"
    "Orders, net sales, last visit and usual categories over all time, in the stores that the caller sees. "
    "Scopes: members:read and orders:read. Errors: member_not_found.",
)
async def member_standing(request: Req, member_id: MemberId) -> MemberStanding:
    principal = caller(request, "members:read")
    principal.require("orders:read")
    keys = await keys_of(request, principal.merchant_id)
    number = parse_id(member_id, "member_id")
    async with database(request).reader(principal.merchant_id) as conn:
        return await service.standing(conn, principal.merchant_id, keys, number, principal.stores)


routes: list[Any] = [member_timeline, member_standing]
