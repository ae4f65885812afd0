"""What a caller hands to the Teller, and what it gets back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from huimeng.kernel.errors import BusinessError, NotFound

if TYPE_CHECKING:
    from huimeng.infra.teller.rows import Rows

Key = tuple[Any, ...]
Needs = Iterable[tuple[str, Key]]


class Command:
    """One decision about one cell.

    `key` None says that running the command twice is harmless by its nature: after a lost connection it is run again.
    """

    cell_id: int
    key: str | None = None
    fingerprint: bytes = b""
    weight: int = 1
    status: int = 200

    def needs(self) -> Needs:
        """(shelf, key) of the rows that `decide` reads or edits; every key begins with the cell."""
        raise NotImplementedError

    def more(self, rows: Rows) -> Needs:
        """A second round that depends on the first; rows already loaded are not loaded again."""
        return ()

    def nowhere(self) -> BusinessError:
        """What is answered when there is no such cell, as an id tells that nobody was given."""
        return NotFound("merchant")

    def decide(self, rows: Rows) -> Any:
        """Changes rows and returns the answer (a msgspec Struct), or raises a BusinessError and leaves no trace."""
        raise NotImplementedError


class Reply(msgspec.Struct, frozen=True):
    """value is None when an earlier answer is replayed: then only its body is known."""

    status: int
    value: Any
    body: bytes
    replayed: bool = False
