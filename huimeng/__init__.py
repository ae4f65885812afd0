"""会盟 Huimeng: a self-hosted member alliance management system."""

__version__ = "0.1.0"
