"""What happened with one member, and what the member has been to the shop."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, get_args

import msgspec

TimelineKind = Literal["joined", "order", "refund", "void", "points", "changed", "revealed"]
KINDS: tuple[TimelineKind, ...] = get_args(TimelineKind)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What of the member changed, masked; field is a field of the member or a kind of identity."""

    field: str
    before: str | None
    after: str | None


class TimelineItem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened; what its kind doesn't have is null.

    amount_fen: paid by an order, or given back. unit, movement and amount are those of a movement of points or growth
    value that no order and no refund explains; balance is the account's after it. points: what an order earned, or a
    refund took (negative); debt: points that a refund could not take. by is told to who may read the audit log.
    """

    at: datetime
    kind: TimelineKind
    order_id: str | None = None
    order_no: str | None = None
    store_id: int | None = None
    status: str | None = None
    amount_fen: int | None = None
    points: int | None = None
    debt: int | None = None
    unit: str | None = None
    movement: str | None = None
    amount: int | None = None
    balance: int | None = None
    reason: str | None = None
    channel: str | None = None
    by: str | None = None
    fields: list[str] | None = None
    changes: list[Change] | None = None


class Timeline(msgspec.Struct, frozen=True):
    """Newest first. kinds: those that are in it, by what the caller may read."""

    items: list[TimelineItem]
    kinds: list[TimelineKind]
    next_cursor: str | None


class UsualCategory(msgspec.Struct, frozen=True, kw_only=True):
    category: str
    orders: int
    net_fen: int


class MemberStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Over all time, in the stores that the caller sees; days are business days, orders are those that are kept.

    days_between: average days from one day with an order to the next; null with fewer than two such days.
    """

    member_id: str
    registered_at: datetime
    orders: int
    net_fen: int
    aov_fen: int | None
    first_day: date | None
    last_day: date | None
    last_store_id: int | None
    usual_store_id: int | None
    days_between: int | None
    categories: list[UsualCategory]
