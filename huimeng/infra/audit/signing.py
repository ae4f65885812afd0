"""The keys of the log: with them an entry and a day's seal are recognised, without them none can be made."""

from __future__ import annotations

import hashlib
import hmac

from huimeng.infra.crypto import Vault

_ENTRIES = "audit entries"
_SEALS = "audit seals"

# A process serves one deployment, so it has one pair of keys; they are there as soon as its vault is open.
_keys: dict[str, bytes] = {}


def sign_with(vault: Vault) -> None:
    for purpose in (_ENTRIES, _SEALS):
        _keys[purpose] = vault.signing_key(purpose)


def entry_mac(canonical: bytes) -> bytes:
    """32 bytes; RuntimeError in a process that has not opened its vault."""
    return hmac.digest(_key(_ENTRIES), canonical, hashlib.sha256)


def begin_seal(canonical: bytes) -> hmac.HMAC:
    """A seal under way, to be fed the MACs of its entries in their order."""
    return hmac.new(_key(_SEALS), canonical, hashlib.sha256)


def _key(purpose: str) -> bytes:
    key = _keys.get(purpose)
    if key is None:
        raise RuntimeError("nothing can be recorded before the vault is open")
    return key
