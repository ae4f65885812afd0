"""Routes of the figures."""

from __future__ import annotations

from typing import Any

from huimeng.analytics.http import overview, points

routes: list[Any] = [*overview.routes, *points.routes]
