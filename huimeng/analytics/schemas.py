"""Examples of the answers; they are those of docs/rules/metrics.md: March, and the cohort of February."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec

from huimeng.analytics import rules, values
from huimeng.analytics.values import Figures, PeriodOut
from huimeng.analytics.values.points import (
    Breakage,
    ExpiryMonth,
    Outstanding,
    PointsFigures,
    PointsFlow,
    PointsMonth,
)

_FIRST, _LAST = date(2026, 3, 1), date(2026, 3, 31)
_ANSWER: dict[str, Any] = {
    "currency": "CNY",
    "store": None,
    "region": None,
    "category": None,
    "stores_only": None,
    "lag_events": 0,
    "lag_seconds": 0.0,
    "as_of": datetime(2026, 4, 1, 2, tzinfo=UTC),
    "period": PeriodOut(_FIRST, _LAST, "asked"),
}
_FIGURES = Figures(
    orders=6,
    net_fen=85850,
    aov_fen=14308,
    active_members=3,
    new_members=1,
    returning_members=2,
    returning_share_bps=6667,
    member_net_fen=80050,
    returning_net_fen=52050,
    repeat_members=2,
    repeat_share_bps=6667,
    repeat_day_members=2,
    repeat_day_share_bps=6667,
)
_BEFORE = Figures(
    orders=3,
    net_fen=20800,
    aov_fen=6933,
    active_members=2,
    new_members=2,
    returning_members=0,
    returning_share_bps=0,
    member_net_fen=20800,
    returning_net_fen=0,
    repeat_members=1,
    repeat_share_bps=5000,
    repeat_day_members=0,
    repeat_day_share_bps=0,
)
_GROUP = rules.RFM_GROUPS[0]
_STORE = values.BreakdownRow(
    key="s2",
    name="酒吧",
    orders=3,
    net_fen=43800,
    net_share_bps=5102,
    aov_fen=14600,
    active_members=2,
    new_members=1,
    returning_members=1,
)
_ANSWERS: dict[str, msgspec.Struct] = {
    "overview": values.Overview(
        **_ANSWER,
        figures=_FIGURES,
        previous=values.Before(first=date(2026, 1, 29), last=date(2026, 2, 28), figures=_BEFORE),
    ),
    "trend": values.Trend(
        **_ANSWER,
        grain="month",
        buckets=[values.BucketOut(label="2026-03", first=_FIRST, last=_LAST, figures=_FIGURES)],
    ),
    "breakdown": values.Breakdown(**_ANSWER, by="store", adds_up=["orders", "net_fen"], total=_FIGURES, rows=[_STORE]),
    "repurchase": values.Repurchase(
        **{**_ANSWER, "period": PeriodOut(date(2026, 1, 1), _LAST, "asked")},
        data_to=date(2026, 3, 28),
        first_purchase_members=3,
        rows=[
            values.RepurchaseRow(
                within_days=14,
                members=3,
                later_day_members=2,
                later_day_share_bps=6667,
                later_order_members=2,
                later_order_share_bps=6667,
            )
        ],
    ),
    "cohorts": values.Cohorts(
        **_ANSWER,
        data_from=date(2026, 2, 1),
        data_to=date(2026, 3, 28),
        cohorts=[
            values.Cohort(
                month="2026-02",
                members=2,
                cells=[
                    values.CohortCell(months_later=0, members=2, share_bps=10000, net_fen=20800, complete=True),
                    values.CohortCell(months_later=1, members=2, share_bps=10000, net_fen=52050, complete=False),
                ],
            )
        ],
    ),
    "rfm": values.Rfm(
        **_ANSWER,
        method="rank",
        members=3,
        net_fen=80050,
        scales=[values.RfmScale(of="recency_days", scores=[values.RfmScore(score=4, members=1, least=4, most=4)])],
        cells=[values.RfmCell(r=4, f=4, m=4, group="key_value", members=1, orders=2, net_fen=40000)],
        groups=[
            values.RfmGroupOut(
                group=_GROUP.group,
                name_zh=_GROUP.name_zh,
                name_en=_GROUP.name_en,
                about_zh=_GROUP.about_zh,
                about_en=_GROUP.about_en,
                members=1,
                member_share_bps=3333,
                orders=2,
                net_fen=40000,
                net_share_bps=4997,
            )
        ],
    ),
    "concentration": values.Concentration(
        **_ANSWER,
        members=3,
        net_fen=80050,
        top=[values.TopShare(percent=10, members=1, net_fen=40000, net_share_bps=4997)],
        curve=[
            values.TopShare(percent=50, members=2, net_fen=68000, net_share_bps=8495),
            values.TopShare(percent=100, members=3, net_fen=80050, net_share_bps=10000),
        ],
    ),
    "top": values.Top(
        **_ANSWER,
        of="category",
        net_fen=85850,
        rows=[
            values.TopRow(
                name="酒",
                category="酒",
                orders=3,
                net_fen=40800,
                net_share_bps=4752,
            )
        ],
    ),
    "audience": values.Audience(
        **_ANSWER,
        members=values.Side(orders=5, orders_share_bps=8333, net_fen=80050, net_share_bps=9324, aov_fen=16010),
        others=values.Side(orders=1, orders_share_bps=1667, net_fen=5800, net_share_bps=676, aov_fen=5800),
        has_others=True,
        aov_ratio_bps=27603,
        notes=[
            values.Note(code="selection", zh="办会员的本来就多是常客", en="Members tend to be good customers anyway")
        ],
    ),
    "members": values.MembersBehind(
        **_ANSWER,
        members=3,
        items=[
            values.MemberBehind(
                member_id="1025024",
                name="王*",
                orders=2,
                net_fen=40000,
                first_day=date(2026, 3, 15),
                last_day=date(2026, 3, 28),
            )
        ],
        next_cursor=None,
    ),
}
EXAMPLES: dict[str, dict[str, Any]] = {name: msgspec.to_builtins(answer) for name, answer in _ANSWERS.items()}

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
        **{**_ANSWER, "period": PeriodOut(*_FEBRUARY, "asked")},
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
