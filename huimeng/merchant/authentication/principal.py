"""Who calls, and what that caller may do."""

from __future__ import annotations

import msgspec

from huimeng.kernel.errors import PermissionDenied
from huimeng.merchant.errors import StoreNotAllowed


class Principal(msgspec.Struct, frozen=True):
    """The caller of a request: a key or a person of one merchant, what it may do, and in which stores (None: all).

    actor is "key:3" or "staff:7", as records name who did something.
    """

    merchant_id: int
    cell_id: int
    scopes: frozenset[str]
    actor: str
    key_id: int | None = None
    stores: frozenset[int] | None = None
    # Of the key or the person, as the audit log keeps it.
    name: str = ""
    staff_id: int | None = None
    session_id: int | None = None
    # Requests a second; None: as usual, 0: without limit.
    rate_limit: int | None = None

    def allows(self, scope: str) -> bool:
        return scope in self.scopes or "*" in self.scopes

    def require(self, scope: str) -> None:
        """PermissionDenied when the caller lacks the scope."""
        if not self.allows(scope):
            raise PermissionDenied(scope=scope)

    def sees(self, store_id: int) -> bool:
        return self.stores is None or store_id in self.stores

    def require_store(self, store_id: int) -> None:
        """StoreNotAllowed when the caller works in other stores only."""
        if not self.sees(store_id):
            raise StoreNotAllowed()
