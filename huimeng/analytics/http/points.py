"""Route of the figures of points."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from huimeng.analytics.http.overview import From, Store, To, _check_store
from huimeng.analytics.schemas import POINTS_EXAMPLE
from huimeng.analytics.service.points import points_figures
from huimeng.analytics.values.points import PointsFigures
from huimeng.infra.http import Req, caller, database

Region = Annotated[
    str | None, QueryParameter(name="region", description="code of one region 区域编码", required=False, max_length=64)
]
Category = Annotated[
    str | None,
    QueryParameter(name="category", description="category of goods 品类", required=False, max_length=200),
]
_ABOUT = (
    "What orders handed out, what was used, expired and taken back, by month; what members hold by month of expiry; "
    "and breakage 沉淀率, of lots that are over. With a store or a region only what its orders handed out and refunds "
    "of them took back: the rest belongs to the member, is null and named in `not_cut`. Of a category of goods nothing "
    "is known: with one, all is null and named there. Periods as in `analytics/overview`. Scope: analytics:read. "
    "Errors: store_not_found, region_not_found, invalid_input."
)


@get(
    "/v1/analytics/points",
    summary="Points handed out, used, expired, outstanding 积分概览",
    description=_ABOUT,
    operation_id="analytics_points",
    tags=["analytics"],
    responses={
        200: ResponseSpec(
            PointsFigures, generate_examples=False, examples=[Example(summary="February", value=POINTS_EXAMPLE)]
        )
    },
)
async def points(
    request: Req,
    first: From = None,
    last: To = None,
    store: Store = None,
    region: Region = None,
    category: Category = None,
) -> PointsFigures:
    principal = caller(request, "analytics:read")
    await _check_store(request, principal, store)
    return await points_figures(database(request), principal.merchant_id, first, last, store, region, category)


routes: list[Any] = [points]
