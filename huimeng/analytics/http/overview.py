"""Routes of the figures of a period and of its trend."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from huimeng.analytics import service
from huimeng.analytics.rules import Grain
from huimeng.analytics.schemas import OVERVIEW_EXAMPLE, TREND_EXAMPLE
from huimeng.analytics.values import Overview, Trend
from huimeng.infra.http import Req, caller, database
from huimeng.merchant.errors import StoreNotAllowed

From = Annotated[
    date | None, QueryParameter(name="from", description="first business day, included 起始营业日", required=False)
]
To = Annotated[
    date | None, QueryParameter(name="to", description="last business day, included 截止营业日", required=False)
]
Store = Annotated[
    str | None, QueryParameter(name="store", description="code of one store 门店编码", required=False, max_length=64)
]
Graining = Annotated[
    Grain, QueryParameter(name="grain", description="day, week (ISO, from Monday), month or quarter 粒度")
]

_WITHOUT_DAYS = (
    "Without `from` and `to`: the last 30 days; when those hold no order, the 30 days up to the last order, "
    "and `period.chosen` says so. Scope: analytics:read. Errors: store_not_found, invalid_input."
)


async def _check_store(request: Req, principal: Any, code: str | None) -> None:
    """StoreNotAllowed: who works in some stores sees the figures of one of those, not the sum of all."""
    if principal.stores is None:
        return
    if code is None:
        raise StoreNotAllowed()
    principal.require_store(await service.store_id(database(request), principal.merchant_id, code))


def _spec(answer: Any, example: dict[str, Any]) -> dict[int, ResponseSpec]:
    return {200: ResponseSpec(answer, generate_examples=False, examples=[Example(summary="March", value=example)])}


@get(
    "/v1/analytics/overview",
    summary="Figures of a period 经营概览",
    description=f"Orders, net sales, AOV 客单价, active, new and returning members by business day. {_WITHOUT_DAYS}",
    operation_id="analytics_overview",
    tags=["analytics"],
    responses=_spec(Overview, OVERVIEW_EXAMPLE),
)
async def overview(request: Req, first: From = None, last: To = None, store: Store = None) -> Overview:
    principal = caller(request, "analytics:read")
    await _check_store(request, principal, store)
    return await service.overview(database(request), principal.merchant_id, first, last, store)


@get(
    "/v1/analytics/trend",
    summary="Figures bucket by bucket 经营趋势",
    description=f"The same figures by day, week, month or quarter; empty buckets are there with zeros. {_WITHOUT_DAYS}",
    operation_id="analytics_trend",
    tags=["analytics"],
    responses=_spec(Trend, TREND_EXAMPLE),
)
async def trend(
    request: Req, first: From = None, last: To = None, grain: Graining = "day", store: Store = None
) -> Trend:
    principal = caller(request, "analytics:read")
    await _check_store(request, principal, store)
    return await service.trend(database(request), principal.merchant_id, first, last, grain, store)


routes: list[Any] = [overview, trend]
