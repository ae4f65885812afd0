"""Routes of the figures of a period and of its trend."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from huimeng.analytics import service
from huimeng.analytics.rules import BehindFigure, By, Grain, RfmMethod, TopOf
from huimeng.analytics.schemas import EXAMPLES
from huimeng.analytics.service import Asked, Which
from huimeng.analytics.values import (
    Audience,
    Breakdown,
    Cohorts,
    Concentration,
    MembersBehind,
    Overview,
    Repurchase,
    Rfm,
    Top,
    Trend,
)
from huimeng.infra.crypto import MerchantKeys, Vault
from huimeng.infra.http import Req, caller, database
from huimeng.merchant.service import merchant_keys

From = Annotated[
    date | None, QueryParameter(name="from", description="first business day, included 起始营业日", required=False)
]
To = Annotated[
    date | None, QueryParameter(name="to", description="last business day, included 截止营业日", required=False)
]
Store = Annotated[
    str | None, QueryParameter(name="store", description="code of one store 门店编码", required=False, max_length=64)
]
Region = Annotated[
    str | None,
    QueryParameter(
        name="region", description="code of one region, empty: stores in none 区域编码", required=False, max_length=64
    ),
]
Category = Annotated[
    str | None,
    QueryParameter(
        name="category",
        description="category of the order lines, empty: lines without one 品类",
        required=False,
        max_length=100,
    ),
]
Graining = Annotated[
    Grain, QueryParameter(name="grain", description="day, week (ISO, from Monday), month or quarter 粒度")
]
Breaking = Annotated[By, QueryParameter(name="by", description="what the rows are 按门店、区域或品类")]
TopKind = Annotated[TopOf, QueryParameter(name="of", description="categories or products 品类或商品")]
TopLimit = Annotated[int, QueryParameter(name="limit", ge=1, le=100, description="rows 行数")]
Within = Annotated[
    str | None,
    QueryParameter(
        name="within", description="days after the first purchase, with commas: 30,60,90 首购后天数", max_length=23
    ),
]
Method = Annotated[
    RfmMethod,
    QueryParameter(
        name="method", description="rank: five equal parts 按名次; quantile: equal values score the same 按分位值"
    ),
]
Figure = Annotated[BehindFigure, QueryParameter(name="figure", description="whose members 哪个指标的会员")]
Cell = Annotated[
    str | None, QueryParameter(name="rfm", description="figure=rfm: scores r, f, m, such as 543", max_length=3)
]
Group = Annotated[
    str | None, QueryParameter(name="group", description="figure=rfm: a group, such as key_value", max_length=32)
]
Month = Annotated[
    str | None,
    QueryParameter(name="cohort", description="figure=cohort: month of first purchase 2017-03", max_length=7),
]
OfMonth = Annotated[
    str | None,
    QueryParameter(name="month", description="figure=points_expiring: month of the last day 2027-03", max_length=7),
]
Later = Annotated[int, QueryParameter(name="months_later", ge=0, le=1200, description="figure=cohort: 0 is that month")]
Percent = Annotated[int, QueryParameter(name="percent", ge=1, le=100, description="figure=top: of the members")]
Days = Annotated[int, QueryParameter(name="days", ge=1, le=366, description="figures after the first purchase 天数")]
Cursor = Annotated[
    str | None, QueryParameter(name="cursor", description="next_cursor of the page before", max_length=40)
]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=200)]

Cut = NamedDependency[Asked]

_CUT = (
    "Cut by `store`, `region`, `category` and days. Without `from` and `to`: the last 30 days; when those hold no "
    "order, the 30 days up to the last order, and `period.chosen` says so. Who works in some stores sees those only. "
)
_CUT_12 = _CUT.replace("the last 30 days", "the last 12 months").replace("the 30 days up", "the 12 months up")
_REFUSED = "Scope: analytics:read. Errors: store_not_found, region_not_found, store_not_allowed, invalid_input."


async def asked_by(
    request: Req,
    first: From = None,
    last: To = None,
    store: Store = None,
    region: Region = None,
    category: Category = None,
) -> Asked:
    principal = caller(request, "analytics:read")
    return Asked(first=first, last=last, store=store, region=region, category=category, only=principal.stores)


def _figure(
    answer: type[Any], name: str, summary: str, about: str, cut: str = _CUT, refused: str = _REFUSED
) -> Callable[[Any], HTTPRouteHandler]:
    """A route of the figures: /v1/analytics/<name>."""
    spec = ResponseSpec(answer, generate_examples=False, examples=[Example(summary=name, value=EXAMPLES[name])])
    return get(
        f"/v1/analytics/{name}",
        summary=summary,
        description=f"{about} {cut}{refused}",
        operation_id=f"analytics_{name}",
        tags=["analytics"],
        responses={200: spec},
        dependencies={"asked": Provide(asked_by)},
    )


def _merchant(request: Req) -> int:
    merchant_id: int = caller(request, "analytics:read").merchant_id
    return merchant_id


@_figure(
    Overview,
    "overview",
    "经营概览 / Figures of a period",
    "Orders, net sales, AOV 客单价, active, new, returning and repurchasing members by business day, and the same of "
    "the period of equal length before.",
)
async def overview(request: Req, asked: Cut) -> Overview:
    return await service.overview(database(request), _merchant(request), asked)


@_figure(
    Trend,
    "trend",
    "经营趋势 / Figures bucket by bucket",
    "The same figures by day, week, month or quarter; empty buckets are there with zeros.",
)
async def trend(request: Req, asked: Cut, grain: Graining = "day") -> Trend:
    return await service.trend(database(request), _merchant(request), asked, grain)


@_figure(
    Breakdown,
    "breakdown",
    "分门店、区域、品类 / Figures side by side",
    "One row for each store or region, or each category that was sold; `adds_up` names the fields whose rows make "
    "the total.",
)
async def breakdown(request: Req, asked: Cut, by: Breaking = "store") -> Breakdown:
    return await service.breakdown(database(request), _merchant(request), asked, by)


@_figure(
    Repurchase,
    "repurchase",
    "首购后复购 / Buying again after the first purchase",
    "Of the members whose first purchase in the cut lies in the period, and of whom so many days of data exist since: "
    "how many bought on a later business day, and how many had any later order.",
    _CUT_12,
)
async def repurchase(request: Req, asked: Cut, within: Within = None) -> Repurchase:
    return await service.repurchase(database(request), _merchant(request), asked, within)


@_figure(
    Cohorts,
    "cohorts",
    "同期群留存 / Members by month of first purchase",
    "How many of those whose first purchase in the cut was in a month bought so many months later.",
    _CUT_12,
)
async def cohorts(request: Req, asked: Cut) -> Cohorts:
    return await service.cohorts(database(request), _merchant(request), asked)


@_figure(
    Rfm,
    "rfm",
    "RFM 分群 / Recency, frequency, money",
    "Active members by how lately, how often and for how much they bought in the cut: scores from 1 to 5, 125 cells, "
    "eight named groups.",
)
async def rfm(request: Req, asked: Cut, method: Method = "rank") -> Rfm:
    return await service.rfm(database(request), _merchant(request), asked, method)


@_figure(
    Concentration,
    "concentration",
    "客户集中度 / Share of the biggest customers",
    "What part of the net sales to members went to the 1, 5, 10, 20 and 50 % who bought most, and the curve.",
)
async def concentration(request: Req, asked: Cut) -> Concentration:
    return await service.concentration(database(request), _merchant(request), asked)


@_figure(Top, "top", "热销品类与商品 / Best selling", "Categories or products with the biggest net sales.")
async def top(request: Req, asked: Cut, of: TopKind = "category", limit: TopLimit = 10) -> Top:
    return await service.top(database(request), _merchant(request), asked, of, limit)


@_figure(
    Audience,
    "audience",
    "会员与散客 / Members against others",
    "Orders, net sales and AOV of members and of anonymous orders; `notes` say what can't be compared.",
)
async def audience(request: Req, asked: Cut) -> Audience:
    return await service.audience(database(request), _merchant(request), asked)


async def _keys(request: Req, merchant_id: int) -> MerchantKeys:
    vault: Vault = request.app.state.vault
    keys = vault.cached(merchant_id)
    if keys is None:
        async with database(request).reader(merchant_id) as conn:
            keys = await merchant_keys(conn, vault, merchant_id)
    return keys


@_figure(
    MembersBehind,
    "members",
    "指标背后的会员 / The members behind a figure",
    "As many as the figure says, biggest net sales first, with what they did in the cut. figure=rfm takes `rfm` or "
    "`group` and `method`; cohort takes `cohort` and `months_later`, and its `period` is the month in which they came; "
    "top takes `percent`; later_day, later_order and not_repurchased take `days`, and tell what each did in those days "
    "from the first purchase; points_expiring takes `month` and no cut, and lists who holds points now whose last day "
    "lies in it, most points first.",
    _CUT,
    "Scopes: analytics:read and members:read. "
    "Errors: store_not_found, region_not_found, store_not_allowed, invalid_input.",
)
async def members(
    request: Req,
    asked: Cut,
    *,
    figure: Figure = "active",
    method: Method = "rank",
    rfm: Cell = None,
    group: Group = None,
    cohort: Month = None,
    months_later: Later = 0,
    month: OfMonth = None,
    percent: Percent = 10,
    days: Days = 30,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> MembersBehind:
    principal = caller(request, "members:read")
    which = Which(
        figure=figure,
        method=method,
        rfm=rfm,
        group=group,
        cohort=cohort,
        months_later=months_later,
        month=month,
        percent=percent,
        within=days,
    )
    keys = await _keys(request, principal.merchant_id)
    return await service.members_behind(database(request), keys, principal.merchant_id, asked, which, cursor, limit)


routes: list[Any] = [
    overview,
    trend,
    breakdown,
    repurchase,
    cohorts,
    rfm,
    concentration,
    top,
    audience,
    members,
]
