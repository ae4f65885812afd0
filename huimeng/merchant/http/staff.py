"""Routes of staff, their sessions, and the registry of permissions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from litestar import Response, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body, Parameter

from huimeng.infra.audit import act_as
from huimeng.infra.crypto import MerchantKeys, Vault
from huimeng.infra.database import Connection
from huimeng.infra.etags import check_expected
from huimeng.infra.http import (
    Req,
    by,
    caller,
    cursor_id,
    database,
    expected,
    raw,
    run_write,
    strict,
    tagged,
    with_tag,
    write_key,
)
from huimeng.infra.idempotency import once
from huimeng.kernel.errors import Unauthorized
from huimeng.kernel.times import utc_now
from huimeng.merchant import schemas
from huimeng.merchant.authentication import Principal
from huimeng.merchant.http.sessions import doorman
from huimeng.merchant.http.settings import Cursor, Limit
from huimeng.merchant.rules import ROLES
from huimeng.merchant.rules.permissions import PERMISSION_WORDS, ROLE_WORDS
from huimeng.merchant.service import merchant_keys
from huimeng.merchant.service import staff as service
from huimeng.merchant.service.passwords import PASSWORDS, one_time_password
from huimeng.merchant.service.staff import Power
from huimeng.merchant.values import Staff, StaffInput, StaffPatch

StaffId = Annotated[int, Parameter(ge=1, le=2**31 - 1, description="员工编号 / id of the member of staff")]


def _power(principal: Principal) -> Power:
    return Power(principal.scopes, principal.stores)


async def _keys(request: Req, principal: Principal) -> MerchantKeys:
    vault: Vault = request.app.state.vault
    async with database(request).reader(principal.merchant_id) as conn:
        return await merchant_keys(conn, vault, principal.merchant_id)


async def _write(
    request: Req, keys: MerchantKeys, principal: Principal, produce: Callable[[Any], Awaitable[Any]], status: int
) -> Response[bytes]:
    """run_write with a keyed fingerprint: the body may hold a phone."""
    key, _ = await write_key(request)
    fingerprint = keys.fingerprint(f"{request.method} {request.url.path}\n".encode() + await request.body())
    async with database(request).tenant(principal.merchant_id) as conn:

        async def answer() -> tuple[int, bytes]:
            return status, msgspec.json.encode(await produce(conn))

        kept = await once(conn, principal.cell_id, key, fingerprint, answer)
    return raw(kept.body, kept.status, kept.replayed)


@get(
    "/v1/staff",
    tags=["staff"],
    summary="员工列表 / staff",
    description="按编号排列。In the order of their ids. Scope: staff:read.",
)
async def read_staff(request: Req, limit: Limit = 50, cursor: Cursor = None) -> schemas.StaffPage:
    principal = caller(request, "staff:read")
    after = cursor_id(cursor) or 0
    async with database(request).reader(principal.merchant_id) as conn:
        found = await service.list_staff(conn, principal.merchant_id, after=after, limit=limit + 1)
    more = len(found) > limit
    return schemas.StaffPage(found[:limit], str(found[limit - 1].staff_id) if more else None)


@get(
    "/v1/staff/{staff_id:int}",
    tags=["staff"],
    summary="员工 / a member of staff",
    description="Scope: staff:read. Errors: staff_not_found.",
)
async def get_staff(request: Req, staff_id: StaffId) -> Response[Staff]:
    principal = caller(request, "staff:read")
    async with database(request).reader(principal.merchant_id) as conn:
        return tagged(request, await service.get_staff(conn, principal.merchant_id, staff_id))


@post(
    "/v1/staff",
    tags=["staff"],
    summary="新建员工 / create a member of staff",
    description="one_time_password 只在这一次回答里出现，7 天内有效，首次登录须修改。不能给出自己没有的权限。"
    "The one-time password appears in this one answer, is good for 7 days and has to be changed at the first log-in. "
    "Nobody gives what they have not. Scope: staff:write. "
    "Errors: login_taken, store_not_found, permission_denied, store_not_allowed, invalid_input.",
    responses={201: ResponseSpec(schemas.CreatedStaff, description="新员工 / the person", generate_examples=False)},
)
async def add_staff(
    request: Req, data: Annotated[StaffInput, Body(examples=schemas.STAFF_EXAMPLES)]
) -> Response[bytes]:
    principal = caller(request, "staff:write")
    wanted, keys = await strict(request, StaffInput), await _keys(request, principal)
    password = one_time_password()
    # Before the transaction: hashing takes its time, and the head would be locked for as long.
    hashed = await PASSWORDS.hash(password)
    created: list[Staff] = []

    async def create(conn: Connection) -> schemas.CreatedStaff:
        staff = await service.create_staff(
            conn, keys, wanted, power=_power(principal), password_hash=hashed, now=utc_now()
        )
        created.append(staff)
        return schemas.CreatedStaff(staff, None)

    response = await _write(request, keys, principal, create, 201)
    return _with_password(response, created, password)


def _with_password(response: Response[bytes], created: list[Staff], password: str) -> Response[bytes]:
    """What is kept for a replay has no password."""
    if created:
        response.content = msgspec.json.encode(schemas.CreatedStaff(created[-1], password))
    return response


@patch(
    "/v1/staff/{staff_id:int}",
    tags=["staff"],
    summary="修改员工 / change a member of staff",
    description="只改给出的字段；停用即刻退出登录。Only what is given changes; who is disabled is logged out. "
    "Takes If-Match. Scope: staff:write. Errors: staff_not_found, last_owner, login_taken, store_not_found, "
    "permission_denied, store_not_allowed, invalid_input, precondition_failed.",
    responses={200: ResponseSpec(Staff, description="员工 / the person", generate_examples=False)},
)
async def change_staff(
    request: Req, staff_id: StaffId, data: Annotated[StaffPatch, Body(examples=schemas.STAFF_PATCH_EXAMPLES)]
) -> Response[bytes]:
    principal = caller(request, "staff:write")
    wanted, keys = await strict(request, StaffPatch), await _keys(request, principal)
    tags = expected(request)

    async def change(conn: Connection) -> Staff:
        check_expected(tags, await service.get_staff(conn, principal.merchant_id, staff_id))
        return await service.change_staff(conn, keys, staff_id, wanted, power=_power(principal), now=utc_now())

    return with_tag(await _write(request, keys, principal, change, 200), Staff)


@post(
    "/v1/staff/{staff_id:int}/reset-password",
    tags=["staff"],
    status_code=200,
    summary="重置密码 / reset a password",
    description="给出新的一次性密码（只显示这一次），结束此人的所有会话并解锁。"
    "A new one-time password, shown this once; every session of this person ends, a lock is lifted. "
    "Scope: staff:write. Errors: staff_not_found, permission_denied, store_not_allowed.",
    responses={200: ResponseSpec(schemas.CreatedStaff, description="员工 / the person", generate_examples=False)},
)
async def reset_password(request: Req, staff_id: StaffId) -> Response[bytes]:
    principal = caller(request, "staff:write")
    password = one_time_password()
    hashed = await PASSWORDS.hash(password)
    changed: list[Staff] = []

    async def reset(conn: Connection) -> schemas.CreatedStaff:
        staff = await service.reset_password(
            conn,
            principal.merchant_id,
            staff_id,
            power=_power(principal),
            password_hash=hashed,
            now=utc_now(),
        )
        changed.append(staff)
        return schemas.CreatedStaff(staff, None)

    return _with_password(await run_write(request, principal, reset), changed, password)


@post(
    "/v1/staff/{staff_id:int}/unlock",
    tags=["staff"],
    status_code=200,
    summary="解锁 / unlock",
    description="输错密码被锁定的员工可立即再试。Who is locked out may try again at once. Scope: staff:write. "
    "Errors: staff_not_found, permission_denied, store_not_allowed.",
    responses={200: ResponseSpec(Staff, description="员工 / the person", generate_examples=False)},
)
async def unlock(request: Req, staff_id: StaffId) -> Response[bytes]:
    principal = caller(request, "staff:write")

    async def lift(conn: Connection) -> Staff:
        return await service.unlock_staff(conn, principal.merchant_id, staff_id, power=_power(principal))

    return await run_write(request, principal, lift)


def _of_oneself(request: Req, staff_id: int, scope: str) -> tuple[Principal, bool]:
    """Everybody may see and end their own sessions."""
    principal: Principal = request.scope["principal"]  # type: ignore[typeddict-item]
    act_as(lambda: by(request, principal))
    own = principal.staff_id == staff_id
    if not own:
        principal.require(scope)
    return principal, own


@get(
    "/v1/staff/{staff_id:int}/sessions",
    tags=["staff"],
    summary="登录会话 / sessions",
    description="从新到旧。Newest first. Scope: staff:read, or one's own. Errors: staff_not_found.",
)
async def read_sessions(request: Req, staff_id: StaffId) -> schemas.SessionList:
    principal, _ = _of_oneself(request, staff_id, "staff:read")
    async with database(request).reader(principal.merchant_id) as conn:
        found = await service.list_sessions(
            conn, principal.merchant_id, staff_id, now=utc_now(), current=principal.session_id
        )
    return schemas.SessionList(found)


@post(
    "/v1/staff/{staff_id:int}/sessions/revoke",
    tags=["staff"],
    status_code=200,
    summary="结束会话 / end sessions",
    description="一个或全部，两秒内在所有进程失效。One, or all of them; stops within 2 seconds in every process. "
    "Scope: staff:write, or one's own. Errors: staff_not_found, session_not_found, permission_denied.",
    responses={200: ResponseSpec(schemas.SessionList, description="剩余会话 / what is left", generate_examples=False)},
)
async def revoke_sessions(
    request: Req, staff_id: StaffId, data: Annotated[schemas.RevokeIn, Body()]
) -> Response[bytes]:
    principal, own = _of_oneself(request, staff_id, "staff:write")
    wanted = await strict(request, schemas.RevokeIn)
    session_id = None if wanted.session_id is None else int(wanted.session_id)

    async def revoke(conn: Connection) -> schemas.SessionList:
        power, now = None if own else _power(principal), utc_now()
        await service.revoke_sessions(conn, principal.merchant_id, staff_id, session_id, power=power, now=now)
        left = await service.list_sessions(conn, principal.merchant_id, staff_id, now=now, current=principal.session_id)
        return schemas.SessionList(left)

    response = await run_write(request, principal, revoke)
    if own and principal.session_id is not None and session_id in (None, principal.session_id):
        doorman(request).sessions.forget(principal.merchant_id, principal.session_id)
    return response


@get(
    "/v1/permissions",
    tags=["staff"],
    summary="权限与角色 / permissions and roles",
    description="本版本的全部权限与角色。All that this version knows; for everybody who is logged in or has a key.",
)
async def read_permissions(request: Req) -> schemas.PermissionsOut:
    if request.scope.get("principal") is None:
        raise Unauthorized()
    return schemas.PermissionsOut(
        [schemas.PermissionOut(scope, *words) for scope, words in PERMISSION_WORDS.items()],
        [schemas.RoleOut(role, *words, sorted(ROLES[role])) for role, words in ROLE_WORDS.items()],
    )


routes: list[Any] = [
    read_staff,
    get_staff,
    add_staff,
    change_staff,
    reset_password,
    unlock,
    read_sessions,
    revoke_sessions,
    read_permissions,
]
