"""The figures of points as others see them; all amounts are points."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec

from huimeng.analytics.values import _Answer


class PointsFlow(msgspec.Struct, frozen=True, kw_only=True):
    """outstanding at the end = at the start + handed_out + brought_along + added - removed - used - taken_back -
    debt_repaid - expired. Null is what can't be said of what was asked for: see not_cut."""

    handed_out: Annotated[int | None, msgspec.Meta(description="earned by orders 发放")]
    brought_along: Annotated[int | None, msgspec.Meta(description="opening balances from another system 期初带入")]
    added: Annotated[int | None, msgspec.Meta(description="added by hand 手工增加")]
    removed: Annotated[int | None, msgspec.Meta(description="taken by hand 手工扣减")]
    used: Annotated[int | None, msgspec.Meta(description="redeemed 使用")]
    taken_back: Annotated[int | None, msgspec.Meta(description="taken back by refunds 退款收回")]
    expired: Annotated[
        int | None,
        msgspec.Meta(
            description="written off unused 过期; less what refunds turned into never earned, so it may be < 0"
        ),
    ]
    debt_added: Annotated[int | None, msgspec.Meta(description="what refunds could not take back 新增欠积分")]
    debt_repaid: Annotated[int | None, msgspec.Meta(description="debts repaid by later points 归还欠积分")]


class Breakage(msgspec.Struct, frozen=True, kw_only=True):
    """Of the points whose month of expiry ended in the period: lots that are still alive never count."""

    given: Annotated[int, msgspec.Meta(description="given to members and not taken back by refunds 到期批次的积分")]
    expired: Annotated[int, msgspec.Meta(description="of them expired unused 过期未用")]
    breakage_bps: Annotated[int | None, msgspec.Meta(description="expired / given in basis points; null of 0 沉淀率")]


class PointsMonth(msgspec.Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """outstanding and debt are those at the end of `to`; breakage is null unless a month of expiry ended in it."""

    label: str
    first: date
    last: date
    flow: PointsFlow
    outstanding: int | None
    debt: int | None
    breakage: Breakage | None


class ExpiryMonth(msgspec.Struct, frozen=True):
    """month 2027-03: the last day on which they can be used lies in it; null: they never expire."""

    month: str | None
    points: int


class Outstanding(msgspec.Struct, frozen=True, kw_only=True):
    """What members hold at the end of a business day; they add up to `points`."""

    at: date
    points: Annotated[int, msgspec.Meta(description="points outstanding 未用积分")]
    debt: Annotated[int, msgspec.Meta(description="points that members owe 欠积分")]
    by_expiry: list[ExpiryMonth]


class PointsFigures(_Answer, frozen=True, kw_only=True):
    """not_cut names what is null because it can't be said of a store, a region or a category: a member's points are
    valid, used and lost at all stores, whatever was bought. lag_events counts transfers."""

    flow: PointsFlow
    opening: Annotated[int | None, msgspec.Meta(description="outstanding before the first day")]
    outstanding: Outstanding | None
    breakage: Breakage | None
    months: list[PointsMonth]
    not_cut: list[str]
