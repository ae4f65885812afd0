"""Keeping the figures up, and answering from them."""

from huimeng.analytics.service.asking import Asked
from huimeng.analytics.service.members import Which, cohorts, concentration, members_behind, repurchase, rfm
from huimeng.analytics.service.overview import audience, breakdown, orders_by_month, overview, top, trend
from huimeng.analytics.service.projecting import STEP, Lag, lag, merchants_behind, project, rebuild

__all__ = [
    "STEP",
    "Asked",
    "Lag",
    "Which",
    "audience",
    "breakdown",
    "cohorts",
    "concentration",
    "lag",
    "members_behind",
    "merchants_behind",
    "orders_by_month",
    "overview",
    "project",
    "rebuild",
    "repurchase",
    "rfm",
    "top",
    "trend",
]
