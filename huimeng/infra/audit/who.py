"""Who acts in this task: set where a caller is recognised, read where something is recorded."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from contextvars import ContextVar

import msgspec


class By(msgspec.Struct, frozen=True):
    """Who did something and from where; actor is "staff:7", "key:3", "cli" or "system", name is theirs at that time."""

    actor: str
    name: str = ""
    ip: str = ""
    agent: str = ""
    request_id: str = ""


SYSTEM = By("system")


def at_terminal() -> By:
    """Who works at the command line; a container may know no name."""
    try:
        return By("cli", getpass.getuser())
    except (KeyError, OSError):
        return By("cli")


# No use case passes it on, so none can forget to, and none can name somebody else. Put together when somebody asks:
# an order at the till records nothing and need not pay for it.
_acting: ContextVar[By | Callable[[], By]] = ContextVar("huimeng_acting", default=SYSTEM)


def act_as(by: By | Callable[[], By]) -> None:
    """For the rest of this task and for tasks that it starts."""
    _acting.set(by)


def acting() -> By:
    by = _acting.get()
    return by if isinstance(by, By) else by()
