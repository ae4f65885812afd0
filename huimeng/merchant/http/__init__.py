"""Routes of the merchant: its settings, its staff, and logging in."""

from __future__ import annotations

from typing import Any

from huimeng.merchant.http import profile, sessions, settings, staff

routes: list[Any] = [*settings.routes, *profile.routes, *sessions.routes, *staff.routes]
