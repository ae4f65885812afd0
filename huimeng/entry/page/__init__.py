"""The plain page: log in, a merchant's year at a glance, and a member's balance, lots and history."""

from huimeng.entry.page.routes import routes

__all__ = ["routes"]
