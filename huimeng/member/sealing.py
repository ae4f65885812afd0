"""The only place that turns a member's personal data into what is stored, and back."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable
from datetime import date

import msgspec

from huimeng.infra.crypto import MemberCipher, MerchantKeys
from huimeng.member import rules
from huimeng.member.kinds import KIND_BY_CODE, KINDS
from huimeng.member.values import (
    HeldIdentity,
    HeldView,
    Identity,
    IdentityInput,
    IdentityRow,
    IdentityView,
    MemberRow,
    MemberView,
    Revealed,
    RevealedIdentity,
)

_NAME = "member|name"
_BIRTHDAY = "member|birthday"


def index_identity(keys: MerchantKeys, given: IdentityInput) -> Identity:
    """InvalidInput names the kind when the value can't be one."""
    kind = KINDS[given.kind]
    value = kind.normalise(given.value)
    tail = tail_index(keys, kind.code, value[-kind.tail :]) if 0 < kind.tail <= len(value) else None
    return Identity(kind.code, value, keys.blind_index(kind.name, value), tail)


def tail_index(keys: MerchantKeys, kind: int, tail: str) -> bytes:
    return keys.blind_index(f"{KIND_BY_CODE[kind].name} tail", tail)


def name_tokens(keys: MerchantKeys, pieces: Iterable[str]) -> tuple[int, ...]:
    """16 bits of each piece's blind index, bigrams apart from characters: docs/decisions/0003."""
    tokens = {(len(piece) << 16) | int.from_bytes(keys.blind_index("name piece", piece)[:2], "big") for piece in pieces}
    return tuple(sorted(tokens))


def tokens_of_name(keys: MerchantKeys, name: str | None) -> tuple[int, ...]:
    return name_tokens(keys, rules.name_pieces(name or ""))


def seal_name(cipher: MemberCipher, name: str | None) -> bytes | None:
    return None if name is None else cipher.seal(_NAME, name)


def open_name(cipher: MemberCipher, sealed: bytes | None) -> str | None:
    return None if sealed is None else cipher.open(_NAME, sealed)


def seal_birthday(cipher: MemberCipher, birthday: date | None) -> bytes | None:
    return None if birthday is None else cipher.seal(_BIRTHDAY, birthday.isoformat())


def open_birthday(cipher: MemberCipher, sealed: bytes | None) -> date | None:
    return None if sealed is None else date.fromisoformat(cipher.open(_BIRTHDAY, sealed))


def seal_identity(cipher: MemberCipher, member_id: int, identity: Identity) -> IdentityRow:
    sealed = cipher.seal(_identity_column(identity.kind), identity.value)
    return IdentityRow(member_id, sealed, identity.tail_index)


def _identity_column(kind: int) -> str:
    return f"member_identity|{KIND_BY_CODE[kind].name}"


def masked(keys: MerchantKeys, row: MemberRow) -> MemberView:
    """What an answer may show; Tampered when a stored value isn't this member's."""
    name = birthday = None
    identities: list[IdentityView] = []
    if row.status != rules.ERASED:
        cipher = keys.member(row.member_id, row.wrapped_key)
        if row.name is not None:
            name = rules.mask_name(cipher.open(_NAME, row.name))
        if row.birthday is not None:
            birthday = rules.mask_birthday(cipher.open(_BIRTHDAY, row.birthday))
        identities = [_masked_identity(cipher, held) for held in row.identities]
    return MemberView(
        member_id=str(row.member_id),
        status=rules.STATUS_NAMES[row.status],
        name=name,
        birthday=birthday,
        identities=identities,
        source=row.source,
        registered_at=row.registered_at,
        joined_at=row.joined_at,
        consent_version=row.consent_version,
        consent_at=row.consent_at,
        tags=list(row.tags),
        version=_version(row),
    )


def _version(row: MemberRow) -> str:
    """Of what is sealed, which is sealed anew when it changes; without the keys it tells nothing of it."""
    sealed = [(held.kind, bytes(held.sealed)) for held in row.identities]
    told = msgspec.msgpack.encode([row.name, row.birthday, sorted(sealed)])
    return hashlib.blake2b(told, digest_size=8).hexdigest()


def revealed(keys: MerchantKeys, row: MemberRow, fields: Collection[str]) -> Revealed:
    """These fields in the clear; Tampered when a stored value isn't this member's."""
    cipher = keys.member(row.member_id, row.wrapped_key)
    kinds = [(KIND_BY_CODE[held.kind].name, held) for held in row.identities]
    return Revealed(
        member_id=str(row.member_id),
        name=open_name(cipher, row.name) if "name" in fields else None,
        birthday=open_birthday(cipher, row.birthday) if "birthday" in fields else None,
        identities=[
            RevealedIdentity(kind, cipher.open(_identity_column(held.kind), held.sealed))
            for kind, held in kinds
            if kind in fields
        ],
    )


def held_identities(keys: MerchantKeys, row: MemberRow) -> list[HeldView]:
    """Masked, each with its id; Tampered."""
    cipher = keys.member(row.member_id, row.wrapped_key)
    shown = ((held, _masked_identity(cipher, held)) for held in row.identities)
    return [HeldView(identity_id(held), view.kind, view.value) for held, view in shown]


def identity_id(held: HeldIdentity) -> str:
    """Says nothing about the value, and nothing about its blind index."""
    digest = hashlib.blake2b(bytes([held.kind]) + held.blind_index, digest_size=15, person=b"identity id")
    return base64.urlsafe_b64encode(digest.digest()).decode()


def _masked_identity(cipher: MemberCipher, held: HeldIdentity) -> IdentityView:
    kind = KIND_BY_CODE[held.kind]
    return IdentityView(kind.name, kind.mask(cipher.open(_identity_column(held.kind), held.sealed)))
