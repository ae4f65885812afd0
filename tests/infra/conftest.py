"""A till in a shop of its own, and a log to be damaged."""

from tests.infra.audit_log import damage, log
from tests.till import clock, desk

__all__ = ["clock", "damage", "desk", "log"]
