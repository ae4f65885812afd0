"""The Teller: everything that moves value is loaded, decided and saved a whole batch at a time."""

from huimeng.infra.teller.command import Command, Key, Needs, Reply
from huimeng.infra.teller.lane import Teller
from huimeng.infra.teller.rehearsal import rehearse
from huimeng.infra.teller.rows import Rows
from huimeng.infra.teller.shelf import Shelf, Statement, packed, read_rows

__all__ = [
    "Command",
    "Key",
    "Needs",
    "Reply",
    "Rows",
    "Shelf",
    "Statement",
    "Teller",
    "packed",
    "read_rows",
    "rehearse",
]
