"""Routes of the plain page: guarded, read-only, errors as pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from litestar import MediaType, Response, get, post
from litestar.params import FromPath

from huimeng.analytics import service as analytics
from huimeng.analytics.rules import year_of
from huimeng.checkout.service import list_orders
from huimeng.entry.demo import MERCHANT_CODE as DEMO
from huimeng.entry.page.guard import check_local
from huimeng.entry.page.html import security_headers
from huimeng.entry.page.style import STYLE
from huimeng.entry.page.views import (
    SEARCH_MAX,
    Frame,
    Holdings,
    empty_page,
    found_page,
    member_page,
    refused_page,
    year_page,
)
from huimeng.entry.page.words import Words
from huimeng.infra.crypto import MerchantKeys, Vault
from huimeng.infra.database import Connection
from huimeng.infra.http import Req, database, parse_id
from huimeng.kernel.errors import BusinessError, InvalidInput, Lang
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import utc_now
from huimeng.ledger.rules import Unit
from huimeng.member.service import MemberQuery, find_members, get_member
from huimeng.member.values import MemberView
from huimeng.merchant.errors import MerchantNotFound
from huimeng.merchant.service import find_merchant_id, get_merchant, list_merchants, load_stores, merchant_keys
from huimeng.merchant.values import Merchant
from huimeng.points import service as points

HEADERS = security_headers(STYLE)
_FOUND_MAX = 20
_HISTORY = 50
_ORDERS = 20
_MERCHANTS_MAX = 50

Answer = Response[str]


def _page(body: str, status: int = 200) -> Answer:
    return Response(body, status_code=status, media_type=MediaType.HTML, headers=HEADERS)


def _lang(request: Req) -> Lang:
    return "en" if request.query_params.get("lang") == "en" else "zh"


async def _served(request: Req, show: Callable[[Frame], Awaitable[Answer]]) -> Answer:
    """Guards, finds the merchant, and makes a page of what is refused."""
    frame = Frame(Words(_lang(request)), None)
    try:
        check_local(request)
        frame = await _frame(request)
        return await show(frame)
    except BusinessError as error:
        return _page(refused_page(frame, error.text(frame.words.lang)), error.status)


async def _frame(request: Req) -> Frame:
    """The merchant asked for by code, else the demo, else the first."""
    db = database(request)
    merchants = await list_merchants(db, limit=_MERCHANTS_MAX)
    asked = request.query_params.get("merchant")
    chosen: Merchant | None = None
    if asked is not None:
        merchant_id = await find_merchant_id(db, asked)
        async with db.reader(merchant_id) as conn:
            chosen = await get_merchant(conn, merchant_id)
    elif merchants:
        chosen = next((merchant for merchant in merchants if merchant.code == DEMO), merchants[0])
    if chosen is None:
        return Frame(Words(_lang(request)), None)
    return Frame(Words(_lang(request), chosen.currency, chosen.timezone), chosen, merchants)


def _chosen(frame: Frame) -> Merchant:
    if frame.merchant is None:
        raise MerchantNotFound("-")
    return frame.merchant


def _year(asked: str | None, years: dict[int, int], demo: bool) -> int:
    """The year asked for, else the newest; of the demo the fullest, so that trying out an order hides nothing."""
    if asked is not None and asked.isascii() and asked.isdigit() and int(asked) in years:
        return int(asked)
    return max(years, key=lambda year: years[year]) if demo else max(years)


@get("/", include_in_schema=False)
async def home(request: Req) -> Answer:
    async def show(frame: Frame) -> Answer:
        if frame.merchant is None:
            return _page(empty_page(frame))
        db, merchant_id = database(request), frame.merchant.merchant_id
        years = await analytics.orders_by_year(db, merchant_id)
        if not years:
            lag = (await analytics.overview(db, merchant_id)).lag_events
            return _page(empty_page(frame, lag))
        shown = _year(request.query_params.get("year"), years, frame.merchant.code == DEMO)
        year = year_of(date(shown, 1, 1))
        overview = await analytics.overview(db, merchant_id, year.first, year.last)
        trend = await analytics.trend(db, merchant_id, year.first, year.last, "month")
        return _page(year_page(frame, shown, list(years), overview, trend))

    return await _served(request, show)


@post("/find", include_in_schema=False, status_code=200)
async def find(request: Req) -> Answer:
    async def show(frame: Frame) -> Answer:
        asked = str((await request.form()).get("q", "")).strip()[:SEARCH_MAX]
        merchant = _chosen(frame)
        async with database(request).reader(merchant.merchant_id) as conn:
            keys = await merchant_keys(conn, _vault(request), merchant.merchant_id)
            found, more = await _search(conn, cell_of(merchant.merchant_id), keys, asked)
        if len(found) == 1:
            there = {**HEADERS, "Location": frame.link(f"/member/{found[0].member_id}")}
            return Response("", status_code=303, media_type=MediaType.HTML, headers=there)
        return _page(found_page(frame, asked, found, more))

    return await _served(request, show)


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
    async def show(frame: Frame) -> Answer:
        merchant = _chosen(frame)
        number, now = parse_id(member_id, "member_id"), utc_now()
        async with database(request).reader(merchant.merchant_id) as conn:
            keys = await merchant_keys(conn, _vault(request), merchant.merchant_id)
            view = await get_member(conn, cell_of(merchant.merchant_id), keys, number)
            held = await _holdings(conn, merchant.merchant_id, number)
        return _page(member_page(frame, view, held, now))

    return await _served(request, show)


async def _holdings(conn: Connection, merchant_id: int, member_id: int) -> Holdings:
    orders = await list_orders(conn, merchant_id, member_id, None, _ORDERS)
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


routes: list[Any] = [home, find, member]
