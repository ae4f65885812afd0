"""A till in a shop of its own."""

from tests.till import clock, desk

__all__ = ["clock", "desk"]
