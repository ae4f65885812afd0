"""Routes of the figures."""

from __future__ import annotations

from typing import Any

from huimeng.analytics.http import overview, points, timeline

routes: list[Any] = [*overview.routes, *points.routes, *timeline.routes]
