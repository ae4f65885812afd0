"""Who looks at a page: by session, else the log-in page; errors as pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from litestar import MediaType, Response

from huimeng.entry.page.html import security_headers
from huimeng.entry.page.style import STYLE
from huimeng.entry.page.views import Frame, Visitor, refused_page
from huimeng.entry.page.words import Words
from huimeng.infra.audit import act_as
from huimeng.infra.http import Req, by, database
from huimeng.kernel.errors import BusinessError, Lang, Unauthorized
from huimeng.merchant.authentication import Person
from huimeng.merchant.http.sessions import doorman
from huimeng.merchant.service import get_merchant
from huimeng.merchant.service.sessions import csrf_token

HEADERS = security_headers(STYLE)
Answer = Response[str]


class Visit(msgspec.Struct, frozen=True):
    """One request of somebody who is logged in."""

    frame: Frame
    person: Person


def page(body: str, status: int = 200) -> Answer:
    return Response(body, status_code=status, media_type=MediaType.HTML, headers=HEADERS)


def go(path: str, cookie: str | None = None) -> Answer:
    headers = {**HEADERS, "Location": path} | ({} if cookie is None else {"Set-Cookie": cookie})
    return Response("", status_code=303, media_type=MediaType.HTML, headers=headers)


def stranger(request: Req) -> Frame:
    lang: Lang = "en" if request.query_params.get("lang") == "en" else "zh"
    return Frame(Words(lang))


async def served(
    request: Req, show: Callable[[Visit], Awaitable[Answer]], scope: str | None = None, *, one_time: bool = False
) -> Answer:
    """one_time: also for who has to change a one-time password first, and everybody else of them is sent there."""
    frame = stranger(request)
    try:
        visit = await _visit(request)
        frame = visit.frame
        if visit.person.must_change_password and not one_time:
            return go(frame.link("/password"))
        if scope is not None:
            visit.person.principal.require(scope)
        return await show(visit)
    except Unauthorized:
        return go(_login_link(request, frame))
    except BusinessError as error:
        return page(refused_page(frame, error.text(frame.words.lang)), error.status)


async def _visit(request: Req) -> Visit:
    door = doorman(request)
    person = await door.person(request.scope["headers"])
    if request.method == "POST":
        carried = door.carried(request.scope["headers"])
        token = str((await request.form()).get("csrf", ""))[:200]
        door.check_change(person, msgspec.structs.replace(carried, csrf=token))
    principal = person.principal
    act_as(lambda: by(request, principal))
    async with database(request).reader(principal.merchant_id) as conn:
        merchant = await get_merchant(conn, principal.merchant_id)
    words = Words(stranger(request).words.lang, merchant.currency, merchant.timezone)
    return Visit(Frame(words, merchant, Visitor(principal.name, csrf_token(person.token))), person)


def _login_link(request: Req, frame: Frame) -> str:
    """The address that is printed at the start names the merchant, so that nobody has to type it."""
    link, code = frame.link("/login"), request.query_params.get("merchant", "")
    if code.isascii() and code.replace("-", "").isalnum():
        return f"{link}{'&' if '?' in link else '?'}merchant={code[:40]}"
    return link
