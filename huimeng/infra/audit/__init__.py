"""The audit log: who did what, from where, to what; append-only, numbered without gaps, sealed day by day.

A use case calls `record` in its transaction, a command calls `rows.audit`. Who acts is known from the task: a route's
`caller()` says so, `act_as` elsewhere.
"""

from huimeng.infra.audit.entries import Action, Entry, Object, differing
from huimeng.infra.audit.recording import record
from huimeng.infra.audit.signing import sign_with
from huimeng.infra.audit.who import SYSTEM, By, act_as, acting, at_terminal

__all__ = [
    "SYSTEM",
    "Action",
    "By",
    "Entry",
    "Object",
    "act_as",
    "acting",
    "at_terminal",
    "differing",
    "record",
    "sign_with",
]
