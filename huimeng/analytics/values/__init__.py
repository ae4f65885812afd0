"""The figures as others see them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from huimeng.analytics.rules import By, Chosen, Grain, RfmMethod, TopOf


def _said(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


Bps = Annotated[int | None, _said("basis points; null when there is nothing to divide by")]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """docs/rules/metrics.md defines each."""

    orders: Annotated[int, _said("orders of which something is kept 订单数")]
    net_fen: Annotated[int, _said("net sales: paid less refunded 净销售额")]
    aov_fen: Annotated[int | None, _said("net sales / orders; null without orders 客单价")]
    active_members: Annotated[int, _said("members with an order 活跃会员")]
    new_members: Annotated[int, _said("active, and their first order ever 新会员")]
    returning_members: Annotated[int, _said("active, and not new 老会员")]
    returning_share_bps: Annotated[int | None, _said("returning_members / active_members 老会员占比")]
    member_net_fen: Annotated[int, _said("net sales to members 会员净销售额")]
    returning_net_fen: Annotated[int, _said("net sales to returning members 老会员净销售额")]
    repeat_members: Annotated[int, _said("active, with two orders or more 复购会员")]
    repeat_share_bps: Annotated[int | None, _said("repeat_members / active_members 复购率")]
    repeat_day_members: Annotated[int, _said("active on two business days or more 多日复购会员")]
    repeat_day_share_bps: Annotated[int | None, _said("repeat_day_members / active_members 多日复购率")]


class PeriodOut(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """Business days, both included. chosen: last_30_days or last_12_months (cohorts, repurchase) when none were asked
    for; last_with_data when those hold no order, and so the same length up to the last order is shown."""

    first: date
    last: date
    chosen: Chosen


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The cut, and how fresh it is. as_of: what happened before it is in the figures; null before the first event."""

    currency: str
    store: Annotated[str | None, _said("code of the store asked for; null: all")]
    region: Annotated[str | None, _said("code of the region asked for, '' those in none; null: all")]
    category: Annotated[str | None, _said("category asked for, '' lines without one; null: all")]
    stores_only: Annotated[
        list[str] | None, _said("of a caller who works in some stores: codes of those in the cut; null: all stores")
    ]
    lag_events: Annotated[int, _said("events that the figures do not hold yet")]
    lag_seconds: Annotated[float, _said("age of the oldest event that the figures do not hold yet; 0 without")]
    as_of: datetime | None
    period: PeriodOut


class Before(msgspec.Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """The period of equal length just before."""

    first: date
    last: date
    figures: Figures


class Overview(_Answer, frozen=True, kw_only=True):
    figures: Figures
    previous: Before


class BucketOut(msgspec.Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """from and to are its days within the period; members are counted once within a bucket."""

    label: str
    first: date
    last: date
    figures: Figures


class Trend(_Answer, frozen=True, kw_only=True):
    grain: Grain
    buckets: list[BucketOut]


class BreakdownRow(msgspec.Struct, frozen=True, kw_only=True):
    """key: code of the store or region, or the category; '' for no region, no category."""

    key: str
    name: str
    orders: int
    net_fen: int
    net_share_bps: Annotated[int | None, _said("net_fen / net_fen of the total 销售占比")]
    aov_fen: Annotated[int | None, _said("of a category: what it brings per order that has some of it")]
    active_members: int | None
    new_members: int | None
    returning_members: int | None


class Breakdown(_Answer, frozen=True, kw_only=True):
    """adds_up: the fields whose rows add up to the total. Members never do: who buys at two stores is in both rows.
    An order with several categories counts in each, so by category only net_fen adds up."""

    by: By
    adds_up: list[str]
    total: Figures
    rows: list[BreakdownRow]


class RepurchaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """Of the members of whom within_days days after the first purchase are known."""

    within_days: int
    members: Annotated[int, _said("first purchase in the period, and within_days days of data since 可观察会员")]
    later_day_members: Annotated[int, _said("bought again on a later business day within these days")]
    later_day_share_bps: Bps
    later_order_members: Annotated[int, _said("had a further order within these days, the same day counts")]
    later_order_share_bps: Bps


class Repurchase(_Answer, frozen=True, kw_only=True):
    """After the first purchase. data_to: last business day with an order, null without any."""

    data_to: date | None
    first_purchase_members: Annotated[int, _said("members whose first purchase lies in the period 首购会员")]
    rows: list[RepurchaseRow]


class CohortCell(msgspec.Struct, frozen=True, kw_only=True):
    """complete: the month is over, as far as the data go."""

    months_later: int
    members: int
    share_bps: Annotated[int | None, _said("members / members of the cohort")]
    net_fen: int
    complete: bool


class Cohort(msgspec.Struct, frozen=True, kw_only=True):
    """Members by the month of their first purchase; cells from months_later 0 to the last month with data."""

    month: Annotated[str, _said("2017-03")]
    members: int
    cells: list[CohortCell]


class Cohorts(_Answer, frozen=True, kw_only=True):
    """Whole months: those in which the period's days lie."""

    data_from: Annotated[date | None, _said("first day of the month in which trade begins: in it everybody looks new")]
    data_to: date | None
    cohorts: list[Cohort]


class RfmScore(msgspec.Struct, frozen=True, kw_only=True):
    """Members with this score, and the least and most value among them; null without members."""

    score: int
    members: int
    least: int | None
    most: int | None


class RfmScale(msgspec.Struct, frozen=True, kw_only=True):
    """of: recency_days, orders or net_fen. scores 1 (worst) to 5 (best)."""

    of: Literal["recency_days", "orders", "net_fen"]
    scores: list[RfmScore]


class RfmCell(msgspec.Struct, frozen=True, kw_only=True):
    """r, f, m: scores from 1 to 5."""

    r: int
    f: int
    m: int
    group: str
    members: int
    orders: int
    net_fen: int


class RfmGroupOut(msgspec.Struct, frozen=True, kw_only=True):
    group: Annotated[str, _said("stable name, for /v1/analytics/members")]
    name_zh: str
    name_en: str
    about_zh: Annotated[str, _said("who they are and what helps")]
    about_en: str
    members: int
    member_share_bps: Bps
    orders: int
    net_fen: int
    net_share_bps: Bps


class Rfm(_Answer, frozen=True, kw_only=True):
    """All 125 cells, also those without members, r then f then m from 5 down; groups in the order to look at them."""

    method: RfmMethod
    members: int
    net_fen: int
    scales: list[RfmScale]
    cells: list[RfmCell]
    groups: list[RfmGroupOut]


class TopShare(msgspec.Struct, frozen=True, kw_only=True):
    """The percent % of members who bought most: their number rounded up, and what part of the sales they are."""

    percent: int
    members: int
    net_fen: int
    net_share_bps: Bps


class Concentration(_Answer, frozen=True, kw_only=True):
    """top: 1, 5, 10, 20, 50 %; curve: every 5 %, from 0 to 100."""

    members: int
    net_fen: Annotated[int, _said("net sales to members")]
    top: list[TopShare]
    curve: list[TopShare]


class TopRow(msgspec.Struct, frozen=True, kw_only=True):
    """A product is known by its category and its name (its SKU when it has none)."""

    name: Annotated[str, _said("of the product, or the category")]
    category: str
    orders: Annotated[int, _said("orders with some of it")]
    net_fen: int
    net_share_bps: Annotated[int | None, _said("of all sales of the same cut")]


class Top(_Answer, frozen=True, kw_only=True):
    """Biggest net sales first."""

    of: TopOf
    net_fen: Annotated[int, _said("of all, not of these rows only")]
    rows: list[TopRow]


class Side(msgspec.Struct, frozen=True, kw_only=True):
    orders: int
    orders_share_bps: Bps
    net_fen: int
    net_share_bps: Bps
    aov_fen: int | None


class Note(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    zh: str
    en: str


class Audience(_Answer, frozen=True, kw_only=True):
    """aov_ratio_bps: members' AOV / that of others, 12000 is 20 % more; null unless both have orders.
    notes: what can't be read out of these figures."""

    members: Side
    others: Annotated[Side, _said("anonymous orders")]
    has_others: bool
    aov_ratio_bps: Bps
    notes: list[Note]


class MemberBehind(msgspec.Struct, frozen=True, kw_only=True):
    """What the member did in the cut and period; days are null when that is nothing."""

    member_id: str
    name: Annotated[str | None, _said("masked, with the number that tells it apart: 张* 2070")]
    orders: int
    net_fen: int
    first_day: date | None
    last_day: date | None
    points: Annotated[int | None, _said("figure=points_expiring: those that expire in that month")] = None


class MembersBehind(_Answer, frozen=True, kw_only=True):
    """Biggest net sales first, or most points; as many as the figure says, over all pages."""

    members: int
    items: list[MemberBehind]
    next_cursor: str | None
