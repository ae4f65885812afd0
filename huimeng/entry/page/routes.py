"""Routes of the plain page: log in and out, the year, a member."""

from __future__ import annotations

from datetime import date
from typing import Any

from litestar import get, post
from litestar.params import FromPath

from huimeng.analytics import service as analytics
from huimeng.analytics.rules import year_of
from huimeng.checkout.service import OrderQuery, list_orders
from huimeng.entry.demo import MERCHANT_CODE as DEMO
from huimeng.entry.page.login import login_page, password_page
from huimeng.entry.page.views import (
    SEARCH_MAX,
    Holdings,
    desk_page,
    empty_page,
    found_page,
    member_page,
    year_page,
)
from huimeng.entry.page.visits import Answer, Visit, go, page, served, stranger
from huimeng.infra.crypto import MerchantKeys, Vault
from huimeng.infra.database import Connection
from huimeng.infra.http import Req, database, parse_id
from huimeng.kernel.errors import BusinessError, InvalidInput
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import utc_now
from huimeng.ledger.rules import Unit
from huimeng.member.service import MemberQuery, find_members, get_member
from huimeng.member.values import MemberView
from huimeng.merchant.http.sessions import admit, came_from, cookie, doorman, logins, set_cookie
from huimeng.merchant.service import load_stores, merchant_keys
from huimeng.merchant.values import Merchant
from huimeng.points import service as points

_FOUND_MAX = 20
_HISTORY = 50
_ORDERS = 20
_TEXT_MOST = 200


def _merchant(visit: Visit) -> Merchant:
    assert visit.frame.merchant is not None
    return visit.frame.merchant


@get("/login", include_in_schema=False)
async def show_login(request: Req) -> Answer:
    return page(login_page(stranger(request), request.query_params.get("merchant", "")[:40]))


@post("/login", include_in_schema=False, status_code=200)
async def log_in(request: Req) -> Answer:
    frame = stranger(request)
    form = await request.form()
    merchant, login, password = (str(form.get(name, ""))[:1000] for name in ("merchant", "login", "password"))
    try:
        admit(request)
        opened = await logins(request).log_in(merchant, login, password, came_from(request), cookie(request))
    except BusinessError as error:
        wrong = error.text(frame.words.lang)
        return page(login_page(frame, merchant[:_TEXT_MOST], login[:_TEXT_MOST], wrong), error.status)
    return go(frame.link("/"), set_cookie(request, opened.token))


@post("/logout", include_in_schema=False, status_code=200)
async def log_out(request: Req) -> Answer:
    async def show(visit: Visit) -> Answer:
        principal = visit.person.principal
        assert principal.staff_id is not None and principal.session_id is not None
        await logins(request).log_out(principal.merchant_id, principal.staff_id, principal.session_id)
        doorman(request).sessions.forget(principal.merchant_id, principal.session_id)
        there = stranger(request).link("/login")
        joint = "&" if "?" in there else "?"
        return go(f"{there}{joint}merchant={_merchant(visit).code}", set_cookie(request, None))

    return await served(request, show, one_time=True)


@get("/password", include_in_schema=False)
async def show_password(request: Req) -> Answer:
    async def show(visit: Visit) -> Answer:
        return page(password_page(visit.frame, visit.person.must_change_password))

    return await served(request, show, one_time=True)


@post("/password", include_in_schema=False, status_code=200)
async def change_password(request: Req) -> Answer:
    async def show(visit: Visit) -> Answer:
        frame, principal = visit.frame, visit.person.principal
        assert principal.staff_id is not None and principal.session_id is not None
        form = await request.form()
        current, new, again = (str(form.get(name, ""))[:1000] for name in ("current", "new", "again"))
        must_change = visit.person.must_change_password
        if new != again:
            return page(password_page(frame, must_change, frame.words("differ")), 422)
        try:
            opened = await logins(request).change_password(
                principal.merchant_id, principal.staff_id, current, new, came_from(request)
            )
        except BusinessError as error:
            return page(password_page(frame, must_change, error.text(frame.words.lang)), error.status)
        doorman(request).sessions.forget(principal.merchant_id, principal.session_id)
        return go(frame.link("/"), set_cookie(request, opened.token))

    return await served(request, show, one_time=True)


def _year(asked: str | None, years: dict[int, int], demo: bool) -> int:
    """The year asked for, else the newest; of the demo the fullest, so that trying out an order hides nothing."""
    if asked is not None and asked.isascii() and asked.isdigit() and int(asked) in years:
        return int(asked)
    return max(years, key=lambda year: years[year]) if demo else max(years)


@get("/", include_in_schema=False)
async def home(request: Req) -> Answer:
    async def show(visit: Visit) -> Answer:
        frame, merchant, principal = visit.frame, _merchant(visit), visit.person.principal
        if not principal.allows("analytics:read") or principal.stores is not None:
            return page(desk_page(frame))
        db, merchant_id = database(request), merchant.merchant_id
        years = await analytics.orders_by_year(db, merchant_id)
        if not years:
            lag = (await analytics.overview(db, merchant_id, analytics.Asked())).lag_events
            return page(empty_page(frame, lag))
        shown = _year(request.query_params.get("year"), years, merchant.code == DEMO)
        year = year_of(date(shown, 1, 1))
        days = analytics.Asked(first=year.first, last=year.last)
        overview = await analytics.overview(db, merchant_id, days)
        trend = await analytics.trend(db, merchant_id, days, "month")
        return page(year_page(frame, shown, list(years), overview, trend))

    return await served(request, show)


@post("/find", include_in_schema=False, status_code=200)
async def find(request: Req) -> Answer:
    async def show(visit: Visit) -> Answer:
        asked = str((await request.form()).get("q", "")).strip()[:SEARCH_MAX]
        merchant = _merchant(visit)
        async with database(request).reader(merchant.merchant_id) as conn:
            keys = await merchant_keys(conn, _vault(request), merchant.merchant_id)
            found, more = await _search(conn, cell_of(merchant.merchant_id), keys, asked)
        if len(found) == 1:
            return go(visit.frame.link(f"/member/{found[0].member_id}"))
        return page(found_page(visit.frame, asked, found, more))

    return await served(request, show, "members:read")


async def _search(conn: Connection, cell_id: int, keys: MerchantKeys, asked: str) -> tuple[list[MemberView], bool]:
    """Members that have it as a number, card, phone, end of a phone or part of a name; whether there are more."""
    queries = [MemberQuery(external_id=asked), MemberQuery(card_no=asked), MemberQuery(phone=asked)]
    if len(asked) == 4:
        queries.append(MemberQuery(phone_last4=asked))
    queries.append(MemberQuery(name=asked))
    found: dict[str, MemberView] = {}
    more = False
    for query in queries:
        try:
            members, after = await find_members(conn, cell_id, keys, query, limit=_FOUND_MAX)
        except InvalidInput:
            # What was typed can't be of this kind.
            continue
        found.update({member.member_id: member for member in members})
        more = more or after is not None
        if members and query.name is None and query.phone_last4 is None:
            # A complete number says who is meant; 1 should not also find every name with a 1.
            break
    return list(found.values())[:_FOUND_MAX], more or len(found) > _FOUND_MAX


@get("/member/{member_id:str}", include_in_schema=False)
async def member(request: Req, member_id: FromPath[str]) -> Answer:
    async def show(visit: Visit) -> Answer:
        merchant = _merchant(visit)
        number, now = parse_id(member_id, "member_id"), utc_now()
        async with database(request).reader(merchant.merchant_id) as conn:
            keys = await merchant_keys(conn, _vault(request), merchant.merchant_id)
            view = await get_member(conn, cell_of(merchant.merchant_id), keys, number)
            held = await _holdings(conn, merchant.merchant_id, number, visit.person.principal.stores)
        return page(member_page(visit.frame, view, held, now))

    return await served(request, show, "members:read")


async def _holdings(conn: Connection, merchant_id: int, member_id: int, seen: frozenset[int] | None) -> Holdings:
    orders = await list_orders(conn, merchant_id, OrderQuery(member_id=member_id), None, _ORDERS, stores=seen)
    stores = await load_stores(conn, merchant_id)
    return Holdings(
        balances=await points.balance(conn, merchant_id, member_id, utc_now()),
        lots=await points.lots(conn, merchant_id, member_id, Unit.POINTS),
        points=await points.history(conn, merchant_id, member_id, Unit.POINTS, limit=_HISTORY),
        growth=await points.history(conn, merchant_id, member_id, Unit.GROWTH, limit=_HISTORY),
        orders=orders.items,
        store_names={str(number): each.name for number, each in stores.by_id.items()},
    )


def _vault(request: Req) -> Vault:
    vault: Vault = request.app.state.vault
    return vault


routes: list[Any] = [show_login, log_in, log_out, show_password, change_password, home, find, member]
