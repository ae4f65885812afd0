"""Routes of logging in and out; the cookie is set and cleared here."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body

from huimeng.infra.audit import act_as
from huimeng.infra.http import Req, by, origin, raw, strict
from huimeng.infra.rate import Rate
from huimeng.kernel.errors import RateLimited
from huimeng.merchant import schemas
from huimeng.merchant.authentication import Doorman, Principal
from huimeng.merchant.errors import NotLoggedIn
from huimeng.merchant.rules import ROLES, people
from huimeng.merchant.rules.people import SessionToken
from huimeng.merchant.service.sessions import From, LogIns, Opened, WhoAmI, csrf_token

# Of one address, as a rate; four times as many may come at once: a whole shop shares an address.
LOG_INS_A_SECOND = 5


def logins(request: Req) -> LogIns:
    found: LogIns = request.app.state.logins
    return found


def doorman(request: Req) -> Doorman:
    found: Doorman = request.app.state.authenticate
    return found


def cookie(request: Req) -> SessionToken | None:
    """The session that the browser has, whether it is good or not."""
    text = doorman(request).carried(request.scope["headers"]).cookie
    return None if text is None else people.parse_session(text)


def admit(request: Req) -> None:
    """RateLimited, CrossSite: before anything is looked up. Another site may not log a browser in as it likes."""
    door = doorman(request)
    door.check_page(door.carried(request.scope["headers"]))
    rate: Rate = request.app.state.rate
    verdict = rate.take(f"login:{people.neighbourhood(origin(request).ip)}", LOG_INS_A_SECOND)
    if verdict is not None and not verdict.allowed:
        raise RateLimited(retry_after=verdict.retry_after, limit=verdict.limit)


def set_cookie(request: Req, token: SessionToken | None) -> str:
    """Set-Cookie of a new session; None clears it. No script reads it, no other site sends it with a change."""
    door = doorman(request)
    value, seconds = ("", 0) if token is None else (token.text(), int(people.LONGEST.total_seconds()))
    secure = "; Secure" if door.secure else ""
    return f"{door.cookie_name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"


def came_from(request: Req) -> From:
    came = origin(request)
    return From(came.ip, came.agent, came.request_id)


def logged_in(request: Req) -> tuple[Principal, int, int]:
    """(principal, staff id, session id); NotLoggedIn for an API key."""
    principal: Principal = request.scope["principal"]  # type: ignore[typeddict-item]
    if principal.staff_id is None or principal.session_id is None:
        raise NotLoggedIn()
    act_as(lambda: by(request, principal))
    return principal, principal.staff_id, principal.session_id


def _told(found: WhoAmI, token: SessionToken) -> schemas.SessionOut:
    return schemas.SessionOut(
        found.merchant,
        found.staff,
        sorted(ROLES[found.staff.role]),
        found.staff.must_change_password,
        csrf_token(token),
        found.session,
    )


async def _opened(request: Req, opened: Opened) -> Response[bytes]:
    token = opened.token
    found = await logins(request).who_am_i(token.merchant_id, opened.staff.staff_id, token.session_id)
    response = raw(msgspec.json.encode(_told(found, token)))
    response.headers["Set-Cookie"] = set_cookie(request, token)
    return response


_ANSWER = {200: ResponseSpec(schemas.SessionOut, description="会话 / the session", generate_examples=False)}


@post(
    "/v1/session",
    status_code=200,
    tags=["session"],
    summary="登录 / Log in",
    description="用商户代码与登录名（或手机号）登录，设置会话 cookie。答复不区分名字不存在、密码错误与已锁定。"
    "Sets the session cookie; the old session ends. An unknown name, a wrong password and a locked account get the "
    "same answer. No key, no Idempotency-Key. "
    "Errors: login_failed, one_time_password_expired, cross_site, rate_limited, too_busy.",
    responses=_ANSWER,
    security=[{}],
)
async def log_in(
    request: Req, data: Annotated[schemas.LoginIn, Body(examples=schemas.LOGIN_EXAMPLES)]
) -> Response[bytes]:
    admit(request)
    wanted = await strict(request, schemas.LoginIn)
    opened = await logins(request).log_in(
        wanted.merchant, wanted.login, wanted.password, came_from(request), cookie(request)
    )
    return await _opened(request, opened)


@get(
    "/v1/session",
    tags=["session"],
    summary="我是谁 / Who am I",
    description="当前登录的员工、权限与 csrf_token。The person who is logged in, what they may do, and the csrf_token. "
    "Errors: unauthorized, not_logged_in.",
)
async def read_session(request: Req) -> schemas.SessionOut:
    principal, staff_id, session_id = logged_in(request)
    token = cookie(request)
    assert token is not None
    return _told(await logins(request).who_am_i(principal.merchant_id, staff_id, session_id), token)


@delete(
    "/v1/session",
    status_code=204,
    tags=["session"],
    summary="退出 / Log out",
    description="结束会话并清除 cookie。Ends the session and clears the cookie; no Idempotency-Key. "
    "Errors: unauthorized, not_logged_in, cross_site.",
)
async def log_out(request: Req) -> Response[None]:
    principal, staff_id, session_id = logged_in(request)
    await logins(request).log_out(principal.merchant_id, staff_id, session_id)
    doorman(request).sessions.forget(principal.merchant_id, session_id)
    return Response(None, status_code=204, headers={"Set-Cookie": set_cookie(request, None)})


@post(
    "/v1/session/password",
    status_code=200,
    tags=["session"],
    summary="修改密码 / Change one's password",
    description="结束此人的所有会话，并为本浏览器开一个新会话。Every session of this person ends, this browser gets a "
    "new one. No Idempotency-Key: nothing that could be guessed from is kept. "
    "Errors: wrong_password, weak_password, not_logged_in, cross_site, too_busy.",
    responses=_ANSWER,
)
async def change_password(request: Req, data: Annotated[schemas.PasswordIn, Body()]) -> Response[bytes]:
    principal, staff_id, session_id = logged_in(request)
    wanted = await strict(request, schemas.PasswordIn)
    opened = await logins(request).change_password(
        principal.merchant_id, staff_id, wanted.current_password, wanted.new_password, came_from(request)
    )
    doorman(request).sessions.forget(principal.merchant_id, session_id)
    return await _opened(request, opened)


routes: list[Any] = [log_in, read_session, log_out, change_password]
