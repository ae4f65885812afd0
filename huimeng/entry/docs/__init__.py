"""The API document as a page for people, and as a file."""

from huimeng.entry.docs.page import routes

__all__ = ["routes"]
