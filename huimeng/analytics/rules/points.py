"""What became of points: flows out of kinds of transfers, and breakage. docs/rules/metrics.md has them with numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal

import msgspec

from huimeng.analytics.rules import Period
from huimeng.ledger.rules import Kind


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """What moved in a period; None is what can't be said of the cut, because points belong to the member."""

    handed_out: int | None
    brought_along: int | None
    added: int | None
    removed: int | None
    used: int | None
    taken_back: int | None
    expired: int | None
    debt_added: int | None
    debt_repaid: int | None

    @property
    def net(self) -> int:
        """By how much the points of all members grew; only of a flow that is whole."""
        given = (self.handed_out, self.brought_along, self.added)
        gone = (self.removed, self.used, self.taken_back, self.expired, self.debt_repaid)
        return sum(part or 0 for part in given) - sum(part or 0 for part in gone)


Cut = Literal["none", "store", "category"]
# What can be said of a store: what its orders gave, and what refunds of them took.
_OF_STORES = ("handed_out", "taken_back", "debt_added")
_HELD = ("opening", "outstanding", "debt", "breakage")


def not_cut(cut: Cut) -> list[str]:
    """Names of what stays unsaid with a cut."""
    if cut == "none":
        return []
    return [name for name in Flow.__struct_fields__ if cut == "category" or name not in _OF_STORES] + list(_HELD)


def flow(moved: Mapping[int, tuple[int, int]], cut: Cut) -> Flow:
    """moved: kind of transfer -> (added, removed). An expiry that a refund undoes is no expiry any more."""

    def added(kind: int) -> int:
        return moved.get(kind, (0, 0))[0]

    def removed(kind: int) -> int:
        return moved.get(kind, (0, 0))[1]

    found = {
        "handed_out": added(Kind.EARN),
        "brought_along": added(Kind.OPENING),
        "added": added(Kind.ADJUST),
        "removed": removed(Kind.ADJUST),
        "used": removed(Kind.SPEND),
        "taken_back": removed(Kind.EARN_REVERSED) + removed(Kind.REFUND_TAKEN),
        "expired": removed(Kind.EXPIRE) - added(Kind.EXPIRY_REVERSED),
        "debt_added": added(Kind.DEBT),
        "debt_repaid": removed(Kind.DEBT_REPAID),
    }
    unsaid = not_cut(cut)
    return Flow(**{name: None if name in unsaid else amount for name, amount in found.items()})


def share_bps(part: int, whole: int) -> int | None:
    """In basis points, rounded half up; None of nothing."""
    return None if whole <= 0 else (2 * part * 10_000 + whole) // (2 * whole)


def months_over(period: Period, today: date) -> tuple[date, date] | None:
    """First days of the first and the last month whose last day lies in the period and is over; None: there is none."""
    last_day = min(period.last, today - timedelta(days=1))
    after = last_day + timedelta(days=1)
    # The month that ends with last_day, or the one before it.
    last = (after.replace(day=1) - timedelta(days=1)).replace(day=1)
    first = period.first.replace(day=1)
    return (first, last) if first <= last else None
