"""The figures as others see them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from huimeng.analytics.rules import Grain

Chosen = Literal["asked", "last_30_days", "last_with_data"]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """docs/rules/metrics.md defines each."""

    orders: Annotated[int, msgspec.Meta(description="orders of which something is kept 订单数")]
    net_fen: Annotated[int, msgspec.Meta(description="net sales: paid less refunded 净销售额")]
    aov_fen: Annotated[int | None, msgspec.Meta(description="net sales / orders; null without orders 客单价")]
    active_members: Annotated[int, msgspec.Meta(description="members with an order 活跃会员")]
    new_members: Annotated[int, msgspec.Meta(description="active, and their first order ever 新会员")]
    returning_members: Annotated[int, msgspec.Meta(description="active, and not new 老会员")]


class PeriodOut(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """Business days, both included. chosen: last_with_data when the last 30 days hold no order, and so the 30 days
    up to the last order are shown."""

    first: date
    last: date
    chosen: Chosen


class _Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """as_of: what happened before it is in the figures; null before the first event."""

    currency: str
    store: str | None
    lag_events: Annotated[int, msgspec.Meta(description="events that the figures do not hold yet")]
    as_of: datetime | None


class Overview(_Freshness, frozen=True, kw_only=True):
    period: PeriodOut
    figures: Figures


class BucketOut(msgspec.Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """from and to are its days within the period; members are counted once within a bucket."""

    label: str
    first: date
    last: date
    figures: Figures


class Trend(_Freshness, frozen=True, kw_only=True):
    period: PeriodOut
    grain: Grain
    buckets: list[BucketOut]
