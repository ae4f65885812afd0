"""The console's built bundle, as the browser gets it; its sources are in web/console."""

from huimeng.entry.console.bundle import Bundle, load_bundle
from huimeng.entry.console.pages import Pages

__all__ = ["Bundle", "Pages", "load_bundle"]
