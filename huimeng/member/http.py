"""Routes of members; what they answer is masked, but for the one that reveals and writes down that it did."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, delete, get, patch, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body, Parameter

from huimeng.infra.crypto import MerchantKeys, Vault
from huimeng.infra.http import (
    Req,
    caller,
    command_or_kept,
    cursor_id,
    database,
    expected,
    parse_id,
    run_command,
    tagged,
    with_tag,
    write_key,
)
from huimeng.infra.teller import Command
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.times import utc_now
from huimeng.member import schemas, service
from huimeng.member.kinds import KIND_BY_CODE
from huimeng.member.values import IdentityInput, MemberInput, MemberPatch, MemberView, Revealed, RevealInput
from huimeng.merchant import service as merchant_service

MAX_PAGE = 200

MemberId = Annotated[str, Parameter(max_length=19, description="会员编号 / id of the member")]
IdentityId = Annotated[str, Parameter(max_length=40, description="身份编号 / id of the identity")]
_MEMBER = ResponseSpec(
    MemberView,
    description="会员，已打码 / the member, masked",
    generate_examples=False,
    examples=[schemas.VIEW_EXAMPLE],
)


async def _keys(request: Req, merchant_id: int) -> MerchantKeys:
    vault: Vault = request.app.state.vault
    keys = vault.cached(merchant_id)
    if keys is None:
        async with database(request).reader(merchant_id) as conn:
            keys = await merchant_service.merchant_keys(conn, vault, merchant_id)
    return keys


async def _write_key(request: Req, keys: MerchantKeys) -> tuple[str, bytes]:
    key, fingerprint = await write_key(request)
    return f"members:{key}", keys.fingerprint(fingerprint)


@post(
    "/v1/members",
    tags=["members"],
    summary="会员入会 / a member joins",
    description="身份（手机号、卡号、会员编号）在商户内唯一。Identities are unique within the merchant. "
    "Scope: members:write. Errors: identity_taken (with kind and member_id), store_not_found, store_not_allowed, "
    "invalid_input.",
    responses={201: _MEMBER},
)
async def join(request: Req, data: Annotated[MemberInput, Body(examples=schemas.JOIN_EXAMPLES)]) -> Response[bytes]:
    principal = caller(request, "members:write")
    keys = await _keys(request, principal.merchant_id)
    key, fingerprint = await _write_key(request, keys)
    if data.source.store_id is not None:
        principal.require_store(data.source.store_id)
        async with database(request).reader(principal.merchant_id) as conn:
            await merchant_service.get_store(conn, principal.merchant_id, data.source.store_id)
    command = service.join_member(principal.cell_id, keys, data, now=utc_now(), key=key, fingerprint=fingerprint)
    return await run_command(request, command)


@patch(
    "/v1/members/{member_id:str}",
    tags=["members"],
    summary="修改会员 / change a member",
    description="只改给出的字段，null 清空姓名或生日，tags 整体替换。Only what is given changes. "
    "Takes If-Match. Scope: members:write. "
    "Errors: member_not_found, member_erased, identity_taken, invalid_input, precondition_failed.",
    responses={200: _MEMBER},
)
async def change(
    request: Req, member_id: MemberId, data: Annotated[MemberPatch, Body(examples=schemas.PATCH_EXAMPLES)]
) -> Response[bytes]:
    principal = caller(request, "members:write")
    keys = await _keys(request, principal.merchant_id)
    key, fingerprint = await _write_key(request, keys)
    command = service.change_member(
        principal.cell_id,
        keys,
        parse_id(member_id, "member_id"),
        data,
        now=utc_now(),
        key=key,
        fingerprint=fingerprint,
        expected=expected(request),
    )
    return with_tag(await run_command(request, command))


@get(
    "/v1/members/{member_id:str}",
    tags=["members"],
    summary="会员资料 / a member",
    description="Scope: members:read. Errors: member_not_found.",
)
async def read(request: Req, member_id: MemberId) -> Response[MemberView]:
    principal = caller(request, "members:read")
    keys = await _keys(request, principal.merchant_id)
    async with database(request).reader(principal.merchant_id) as conn:
        view = await service.get_member(conn, principal.cell_id, keys, parse_id(member_id, "member_id"))
    return tagged(request, view)


@get(
    "/v1/members/{member_id:str}/identities",
    tags=["members"],
    summary="会员的身份 / a member's identities",
    description="已打码；identity_id 用于修改和移除。Masked; identity_id is what changing and removing one takes. "
    "Scope: members:read. Errors: member_not_found, member_erased.",
)
async def list_identities(request: Req, member_id: MemberId) -> schemas.IdentityList:
    principal = caller(request, "members:read")
    keys = await _keys(request, principal.merchant_id)
    number = parse_id(member_id, "member_id")
    async with database(request).reader(principal.merchant_id) as conn:
        return schemas.IdentityList(await service.list_identities(conn, principal.cell_id, keys, number))


@post(
    "/v1/members/{member_id:str}/identities",
    tags=["members"],
    summary="添加身份 / add an identity",
    description="Takes the member's tag as If-Match. Scope: members:write. "
    "Errors: member_not_found, member_erased, identity_taken, invalid_input, precondition_failed.",
    responses={201: _MEMBER},
)
async def add_identity(
    request: Req, member_id: MemberId, data: Annotated[IdentityInput, Body(examples=schemas.IDENTITY_EXAMPLES)]
) -> Response[bytes]:
    principal = caller(request, "members:write")
    keys = await _keys(request, principal.merchant_id)
    key, fingerprint = await _write_key(request, keys)
    command = service.change_identity(
        principal.cell_id,
        keys,
        parse_id(member_id, "member_id"),
        add=data,
        key=key,
        fingerprint=fingerprint,
        expected=expected(request),
    )
    command.status = 201
    return with_tag(await run_command(request, command))


@put(
    "/v1/members/{member_id:str}/identities/{identity_id:str}",
    tags=["members"],
    summary="更换身份 / replace an identity",
    description="同类身份换成新的值。The kind stays, the value is new. Takes the member's tag as If-Match. "
    "Scope: members:write. Errors: member_not_found, identity_not_found, member_erased, identity_taken, invalid_input, "
    "precondition_failed.",
    responses={200: _MEMBER},
)
async def change_identity(
    request: Req,
    member_id: MemberId,
    identity_id: IdentityId,
    data: Annotated[schemas.IdentityValue, Body(examples=schemas.IDENTITY_VALUE_EXAMPLES)],
) -> Response[bytes]:
    return await _change_held(request, member_id, identity_id, data.value)


@delete(
    "/v1/members/{member_id:str}/identities/{identity_id:str}",
    status_code=200,
    tags=["members"],
    summary="移除身份 / remove an identity",
    description="Takes the member's tag as If-Match. Scope: members:write. "
    "Errors: member_not_found, identity_not_found, member_erased, precondition_failed.",
    responses={200: _MEMBER},
)
async def remove_identity(request: Req, member_id: MemberId, identity_id: IdentityId) -> Response[bytes]:
    return await _change_held(request, member_id, identity_id, None)


async def _change_held(request: Req, member_id: str, identity_id: str, value: str | None) -> Response[bytes]:
    """Replaces or (value None) removes it; a replay finds it gone and gets the answer that is kept."""
    principal = caller(request, "members:write")
    keys = await _keys(request, principal.merchant_id)
    key, fingerprint = await _write_key(request, keys)
    number = parse_id(member_id, "member_id")

    async def prepare() -> Command:
        async with database(request).reader(principal.merchant_id) as conn:
            held = await service.find_held(conn, principal.cell_id, number, identity_id)
        add = None if value is None else IdentityInput(KIND_BY_CODE[held.kind].name, value)
        return service.change_identity(
            principal.cell_id,
            keys,
            number,
            add=add,
            remove=held,
            key=key,
            fingerprint=fingerprint,
            expected=expected(request),
        )

    return with_tag(await run_command(request, await command_or_kept(request, principal, (key, fingerprint), prepare)))


@post(
    "/v1/members/{member_id:str}/reveal",
    tags=["members"],
    status_code=200,
    summary="查看明文个人信息 / personal data in the clear",
    description="每次查看都记入审计日志：谁、哪些字段、为什么；所以不需要 Idempotency-Key，答复也不保留。"
    "Each call is written to the audit log (who, which fields, why), so it takes no Idempotency-Key and its answer is "
    "kept nowhere. Scope: members:reveal. Errors: member_not_found, member_erased, invalid_input.",
    responses={
        200: ResponseSpec(
            Revealed,
            description="所求字段的明文 / the fields asked for, in the clear",
            generate_examples=False,
            examples=[schemas.REVEALED_EXAMPLE],
        )
    },
)
async def reveal(
    request: Req, member_id: MemberId, data: Annotated[RevealInput, Body(examples=schemas.REVEAL_EXAMPLES)]
) -> Response[Revealed]:
    principal = caller(request, "members:reveal")
    keys = await _keys(request, principal.merchant_id)
    number = parse_id(member_id, "member_id")
    async with database(request).tenant(principal.merchant_id) as conn:
        shown = await service.reveal(conn, principal.cell_id, keys, number, data)
    return Response(shown, headers={"Cache-Control": "no-store"})


@get(
    "/v1/members",
    tags=["members"],
    summary="会员列表与查找 / list and find members",
    description="最多一个条件，最新的在前。查个人信息请用 POST /v1/members/search：地址会留在日志里。"
    "At most one criterion, newest first. "
    "Prefer POST /v1/members/search for personal data: addresses are logged. "
    "Scope: members:read.",
)
async def list_members(
    request: Req,
    *,
    phone: Annotated[str | None, Parameter(description="手机号 / phone number")] = None,
    phone_last4: Annotated[str | None, Parameter(description="手机尾号四位 / its last four digits")] = None,
    card_no: Annotated[str | None, Parameter(description="会员卡号 / card number")] = None,
    external_id: Annotated[str | None, Parameter(description="会员编号 / the merchant's own id")] = None,
    name: Annotated[str | None, Parameter(description="姓名或其中一段 / name or a part of it")] = None,
    limit: Annotated[int, Parameter(ge=1, le=MAX_PAGE, description="每页条数 / items in a page")] = 50,
    cursor: Annotated[str | None, Parameter(description="上一页的 next_cursor / of the page before")] = None,
) -> schemas.MemberPage:
    query = service.MemberQuery(
        phone=phone, phone_last4=phone_last4, card_no=card_no, external_id=external_id, name=name
    )
    return await _page(request, query, limit, cursor)


@post(
    "/v1/members/search",
    tags=["members"],
    status_code=200,
    summary="查找会员 / find members",
    description="条件在请求体里，不进日志；不写入，不需要 Idempotency-Key。"
    "The criterion is in the body and stays out of logs; no Idempotency-Key is needed. Scope: members:read.",
)
async def search(
    request: Req, data: Annotated[schemas.MemberSearch, Body(examples=schemas.SEARCH_EXAMPLES)]
) -> schemas.MemberPage:
    if not 1 <= data.limit <= MAX_PAGE:
        raise InvalidInput("limit", f"1 to {MAX_PAGE}", f"须为 1 到 {MAX_PAGE}")
    criteria = {name: getattr(data, name) for name in service.MemberQuery.__struct_fields__}
    return await _page(request, service.MemberQuery(**criteria), data.limit, data.cursor)


async def _page(request: Req, query: service.MemberQuery, limit: int, cursor: str | None) -> schemas.MemberPage:
    principal = caller(request, "members:read")
    keys = await _keys(request, principal.merchant_id)
    before = cursor_id(cursor)
    async with database(request).reader(principal.merchant_id) as conn:
        members, following = await service.find_members(
            conn,
            principal.cell_id,
            keys,
            query,
            before=service.NEWEST if before is None else before,
            limit=limit,
        )
    return schemas.MemberPage(members, None if following is None else str(following))


routes: list[Any] = [
    join,
    list_members,
    search,
    read,
    change,
    reveal,
    list_identities,
    add_identity,
    change_identity,
    remove_identity,
]
