"""Examples of the answers; they are those of docs/rules/metrics.md."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec

from huimeng.analytics.values import BucketOut, Figures, Overview, PeriodOut, Trend

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
