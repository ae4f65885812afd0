"""What the plain and the ORM handler share, so that only their way to the database differs.

The same checks of the same body, the same authentication, the same earning rules, the same answer; configuration is
kept in memory until the head's version says that it changed, as ours does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from litestar import Litestar, get, post

from bench.place import opened_urls
from huimeng.checkout.commands import CompleteOrder, earned_out, lines_out, reasons_out
from huimeng.checkout.errors import UnknownMember
from huimeng.checkout.service import Till
from huimeng.checkout.values import CompletedOut, OrderIn
from huimeng.infra.database import Connection, Database, DatabaseUrls
from huimeng.infra.http import Req, on_business_error, on_fault, raw, write_key
from huimeng.infra.teller import read_rows
from huimeng.kernel.errors import BusinessError
from huimeng.ledger.rules import Unit, account_id
from huimeng.merchant.authentication import Authenticator
from huimeng.order.rules import content_hash
from huimeng.points.rules import Bill, Earnings, earn
from huimeng.points.store import EarningRulesShelf, MerchantConfig

Complete = Callable[[CompleteOrder], Awaitable[bytes]]
_configs: dict[int, tuple[int, MerchantConfig]] = {}


async def config_of(cell_id: int, version: int, load: Callable[[], Awaitable[MerchantConfig]]) -> MerchantConfig:
    kept = _configs.get(cell_id)
    if kept is None or kept[0] != version:
        kept = _configs[cell_id] = (version, await load())
    return kept[1]


async def load_config(conn: Connection, cell_id: int) -> MerchantConfig:
    found: MerchantConfig = (await read_rows(conn, EarningRulesShelf(), [(cell_id,)]))[(cell_id,)]
    return found


class Sale:
    """An order with what it earns, ready to be written in whatever way."""

    def __init__(self, command: CompleteOrder, config: MerchantConfig) -> None:
        order = self.order = command.order
        self.cell_id, self.currency = command.cell_id, config.currency
        store = config.stores[order.store_id]
        rules = config.rules.in_force(order.ordered_at)
        assert not rules.needs_first_order and not rules.capped, "the bench has no such rules"
        if order.member_id is None:
            raise UnknownMember()
        self.member_id = order.member_id
        self.accounts = [account_id(self.member_id, unit) for unit in (Unit.POINTS, Unit.GROWTH)]
        self.content = content_hash(order)
        self.list_fen = sum(line.list_fen for line in order.lines)
        self.earnings: Earnings = earn(
            rules,
            Bill(order.store_id, store.region, order.business_day, order.lines, order.tenders),
            member=True,
            first_order=False,
            used={},
            occurred_at=order.ordered_at,
            timezone=store.timezone,
            explain=True,
        )

    def event(self) -> dict[str, Any]:
        order = self.order
        return {
            "store_id": order.store_id,
            "business_day": order.business_day.isoformat(),
            "member_id": order.member_id,
            "net_fen": order.paid_fen,
            "orders": 1,
        }

    def answer(self, order_id: int, points_balance: int) -> bytes:
        order, earnings = self.order, self.earnings
        return msgspec.json.encode(
            CompletedOut(
                str(order_id),
                order.order_no,
                order.business_day,
                order.paid_fen,
                sum(earnings.points_by_line),
                sum(earnings.growth_by_line),
                0,
                points_balance,
                earned_out(earnings),
                lines_out(order, earnings),
                reasons_out(earnings.explanation, self.currency),
            )
        )


def booking_day(open_day: date | None) -> date:
    today = datetime.now(UTC).date()
    return today if open_day is None else max(open_day, today)


def app(connect: Callable[[DatabaseUrls], Any]) -> Litestar:
    """A minimal application; connect(urls) is an async context manager of the function that completes an order."""

    @get("/healthz")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @post("/v1/orders", status_code=201)
    async def complete_order(request: Req, data: OrderIn) -> CompletedOut:
        _, _, token = request.headers.get("authorization", "").partition(" ")
        principal = await request.app.state.authenticate(token)
        principal.require("orders:write")
        key, fingerprint = await write_key(request)
        command = await request.app.state.till.complete(principal.merchant_id, data, key, fingerprint)
        return raw(await request.app.state.complete(command), 201)  # type: ignore[return-value]

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        with opened_urls() as urls:
            db = await Database.open(urls)
            try:
                async with connect(urls) as complete:
                    app.state.authenticate = Authenticator(db)
                    app.state.till = Till(db, b"bench")
                    app.state.complete = complete
                    yield
            finally:
                await db.close()

    return Litestar(
        route_handlers=[health, complete_order],
        lifespan=[lifespan],
        exception_handlers={BusinessError: on_business_error, Exception: on_fault},
        openapi_config=None,
        logging_config=None,
    )
