"""The plain page: a merchant's year at a glance, and a member's balance, lots and history; for this machine only."""

from huimeng.entry.page.routes import routes

__all__ = ["routes"]
