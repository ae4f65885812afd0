"""Examples of the answers; they are those of docs/rules/metrics.md."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec

from huimeng.analytics.values import BucketOut, Figures, Overview, PeriodOut, Trend
from huimeng.analytics.values.points import (
    Breakage,
    ExpiryMonth,
    Outstanding,
    PointsFigures,
    PointsFlow,
    PointsMonth,
)

_FIGURES = Figures(orders=6, net_fen=85850, aov_fen=14308, active_members=3, new_members=1, returning_members=2)
_MARCH = (date(2026, 3, 1), date(2026, 3, 31))
_AS_OF = datetime(2026, 4, 1, 2, tzinfo=UTC)
_PERIOD = PeriodOut(*_MARCH, "asked")

OVERVIEW_EXAMPLE: dict[str, Any] = msgspec.to_builtins(
    Overview(currency="CNY", store=None, lag_events=0, as_of=_AS_OF, period=_PERIOD, figures=_FIGURES)
)
TREND_EXAMPLE: dict[str, Any] = msgspec.to_builtins(
    Trend(
        currency="CNY",
        store=None,
        lag_events=0,
        as_of=_AS_OF,
        period=_PERIOD,
        grain="month",
        buckets=[BucketOut(label="2026-03", first=_MARCH[0], last=_MARCH[1], figures=_FIGURES)],
    )
)

# February of the worked example, told in the end.
_FLOW = PointsFlow(
    handed_out=130,
    brought_along=0,
    added=10,
    removed=30,
    used=0,
    taken_back=40,
    expired=230,
    debt_added=0,
    debt_repaid=0,
)
_FEBRUARY = (date(2026, 2, 1), date(2026, 2, 28))
_BREAKAGE = Breakage(given=30, expired=0, breakage_bps=0)
POINTS_EXAMPLE: dict[str, Any] = msgspec.to_builtins(
    PointsFigures(
        currency="CNY",
        store=None,
        region=None,
        category=None,
        lag_events=0,
        as_of=_AS_OF,
        period=PeriodOut(*_FEBRUARY, "asked"),
        flow=_FLOW,
        opening=300,
        outstanding=Outstanding(
            at=_FEBRUARY[1], points=140, debt=0, by_expiry=[ExpiryMonth("2026-03", 130), ExpiryMonth(None, 10)]
        ),
        breakage=_BREAKAGE,
        months=[
            PointsMonth(
                label="2026-02",
                first=_FEBRUARY[0],
                last=_FEBRUARY[1],
                flow=_FLOW,
                outstanding=140,
                debt=0,
                breakage=_BREAKAGE,
            )
        ],
        not_cut=[],
    )
)
