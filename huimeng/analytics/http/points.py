"""Route of the figures of points."""

from __future__ import annotations

from typing import Any

from litestar import get
from litestar.di import Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example

from huimeng.analytics.http.overview import Cut, asked_by
from huimeng.analytics.schemas import POINTS_EXAMPLE
from huimeng.analytics.service.points import points_figures
from huimeng.analytics.values.points import PointsFigures
from huimeng.infra.http import Req, caller, database

_ABOUT = (
    "What orders handed out, what was used, expired and taken back, by month; what members hold by month of expiry; "
    "and breakage 沉淀率, of lots that are over. With a store or a region only what its orders handed out and refunds "
    "of them took back: the rest belongs to the member, is null and named in `not_cut`. Of a category of goods nothing "
    "is known: with one, all is null and named there. Periods as in `analytics/overview`. Scope: analytics:read. "
    "Errors: store_not_found, region_not_found, store_not_allowed, invalid_input."
)


@get(
    "/v1/analytics/points",
    summary="Points handed out, used, expired, outstanding 积分概览",
    description=_ABOUT,
    operation_id="analytics_points",
    tags=["analytics"],
    dependencies={"asked": Provide(asked_by)},
    responses={
        200: ResponseSpec(
            PointsFigures, generate_examples=False, examples=[Example(summary="February", value=POINTS_EXAMPLE)]
        )
    },
)
async def points(request: Req, asked: Cut) -> PointsFigures:
    merchant_id = caller(request, "analytics:read").merchant_id
    return await points_figures(
        database(request),
        merchant_id,
        asked.first,
        asked.last,
        asked.store,
        asked.region,
        asked.category,
        asked.only,
    )


routes: list[Any] = [points]
