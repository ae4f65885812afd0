"""Members as they come in (plain), as they lie on the shelf (sealed) and as they are shown (masked)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

from huimeng.member.kinds import KindName


class _Private(msgspec.Struct, frozen=True):
    """Holds personal data in the clear: its repr, which ends up in logs and tracebacks, shows none of it."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


# Coming in.


class JoinSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a member comes from; staff, channel and campaign are codes of the merchant's own."""

    store_id: int | None = None
    staff: str | None = None
    channel: str | None = None
    campaign: str | None = None


class IdentityInput(_Private, frozen=True, forbid_unknown_fields=True):
    kind: KindName
    value: str


class MemberInput(_Private, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person who joins; at least one identity. registered_at is now when it is not given."""

    identities: list[IdentityInput]
    name: str | None = None
    birthday: date | None = None
    source: JoinSource = JoinSource()
    registered_at: datetime | None = None
    consent_version: str | None = None
    consent_at: datetime | None = None
    tags: list[str] = []


class MemberPatch(_Private, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not given stays; null clears name and birthday; tags replace all tags."""

    name: str | msgspec.UnsetType | None = msgspec.UNSET
    birthday: date | msgspec.UnsetType | None = msgspec.UNSET
    tags: list[str] | msgspec.UnsetType = msgspec.UNSET
    consent_version: str | msgspec.UnsetType = msgspec.UNSET
    consent_at: datetime | msgspec.UnsetType = msgspec.UNSET
    add_identities: list[IdentityInput] = []
    remove_identities: list[IdentityInput] = []


RevealField = Literal["name", "birthday", "phone", "card_no", "external_id"]


class RevealInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which fields are to be seen in the clear, and why."""

    fields: list[RevealField]
    reason: str


class Identity(_Private, frozen=True):
    """Normalised and indexed; kind is the stored code."""

    kind: int
    value: str
    blind_index: bytes
    tail_index: bytes | None


class Profile(_Private, frozen=True, kw_only=True):
    """A checked MemberInput; None and () say that nothing was given."""

    identities: tuple[Identity, ...]
    name: str | None
    birthday: date | None
    source: JoinSource
    registered_at: datetime | None
    consent_version: str | None
    consent_at: datetime | None
    tags: tuple[str, ...]


class Changes(_Private, frozen=True, kw_only=True):
    """A checked MemberPatch."""

    name: str | msgspec.UnsetType | None
    birthday: date | msgspec.UnsetType | None
    tags: tuple[str, ...] | msgspec.UnsetType
    consent_version: str | msgspec.UnsetType
    consent_at: datetime | msgspec.UnsetType
    add: tuple[Identity, ...]
    remove: tuple[Identity, ...]


# On the shelf.


class HeldIdentity(msgspec.Struct, frozen=True):
    """An identity as its member's row knows it; written through the identity shelf only."""

    kind: int
    blind_index: bytes
    sealed: bytes


class MemberRow(msgspec.Struct, kw_only=True):
    """wrapped_key, name and birthday are sealed.

    name_tokens: None leaves the stored ones alone; else stored_tokens (of the name before) go and these come.
    """

    member_id: int
    status: int
    wrapped_key: bytes
    name: bytes | None
    birthday: bytes | None
    source: JoinSource
    registered_at: datetime
    joined_at: datetime
    consent_version: str | None
    consent_at: datetime | None
    tags: tuple[str, ...]
    identities: tuple[HeldIdentity, ...] = ()
    name_tokens: tuple[int, ...] | None = None
    stored_tokens: tuple[int, ...] = ()
    stored: bool = False


class IdentityRow(msgspec.Struct):
    """removed: the row is deleted when the batch is saved, and counts as absent until then."""

    member_id: int
    sealed: bytes
    tail_index: bytes | None
    stored: bool = False
    removed: bool = False


class MemberStatus(msgspec.Struct, frozen=True):
    """The least that other commands need of a member."""

    member_id: int
    active: bool


# Shown.


class IdentityView(msgspec.Struct, frozen=True):
    """value is masked as its kind asks."""

    kind: KindName
    value: str


class HeldView(msgspec.Struct, frozen=True):
    """identity_id stands for this identity of this member; value is masked as its kind asks."""

    identity_id: str
    kind: KindName
    value: str


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """name and birthday are masked (张*, ****-03-15); member_id is decimal digits; version changes also with what the
    masks hide."""

    member_id: str
    status: str
    name: str | None
    birthday: str | None
    identities: list[IdentityView]
    source: JoinSource
    registered_at: datetime
    joined_at: datetime
    consent_version: str | None
    consent_at: datetime | None
    tags: list[str]
    version: str


class RevealedIdentity(_Private, frozen=True):
    kind: KindName
    value: str


class Revealed(_Private, frozen=True, kw_only=True):
    """In the clear, only what was asked for; a field that the member lacks is null or not listed."""

    member_id: str
    name: str | None = None
    birthday: date | None = None
    identities: list[RevealedIdentity] = []


class ImportOutcome(msgspec.Struct, frozen=True):
    """linked: a known member got the identities and fields it lacked. conflict: nothing was changed.

    differs: the columns in conflict ("identities": the row's identities belong to different members).
    """

    outcome: Literal["created", "unchanged", "linked", "conflict"]
    member_id: int | None
    differs: tuple[str, ...] = ()
