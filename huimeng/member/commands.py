"""Joining, importing and changing members, through the Teller."""

from __future__ import annotations

from typing import Any

import msgspec

from huimeng.infra.audit import acting, differing
from huimeng.infra.crypto import MerchantKeys
from huimeng.infra.etags import Tags, check_expected
from huimeng.infra.teller import Command, Key, Needs, Rows
from huimeng.member import rules, sealing
from huimeng.member.errors import IdentityTaken, MemberErased, MemberNotFound
from huimeng.member.kinds import KIND_BY_CODE
from huimeng.member.store import IDENTITY, MEMBER
from huimeng.member.values import (
    Changes,
    HeldIdentity,
    Identity,
    IdentityRow,
    ImportOutcome,
    MemberRow,
    MemberView,
    Profile,
)

UNSET = msgspec.UNSET


class _MemberCommand(Command):
    def __init__(self, cell_id: int, keys: MerchantKeys, *, key: str | None = None, fingerprint: bytes = b"") -> None:
        self.cell_id = cell_id
        self.key = key
        self.fingerprint = fingerprint
        self.keys = keys
        self.by = acting()

    def _holder(self, rows: Rows, identity: Identity) -> int | None:
        row: IdentityRow | None = rows.get(IDENTITY, _key(self.cell_id, identity))
        return None if row is None or row.removed else row.member_id

    def _give(self, rows: Rows, member: MemberRow, identity: Identity) -> HeldIdentity:
        """The identity becomes the member's; a row that is still stored is told so, to be replaced."""
        key = _key(self.cell_id, identity)
        before: IdentityRow | None = rows.get(IDENTITY, key)
        row = sealing.seal_identity(self.keys.member(member.member_id, member.wrapped_key), member.member_id, identity)
        row.stored = before is not None and before.stored
        rows.put(IDENTITY, key, row)
        return HeldIdentity(identity.kind, identity.blind_index, row.sealed)


class JoinMember(_MemberCommand):
    """A new member -> MemberView; IdentityTaken when one of the identities is somebody's."""

    status = 201

    def __init__(
        self,
        cell_id: int,
        keys: MerchantKeys,
        profile: Profile,
        *,
        key: str | None = None,
        fingerprint: bytes = b"",
    ) -> None:
        super().__init__(cell_id, keys, key=key, fingerprint=fingerprint)
        self.profile = profile
        self.weight = 2 + len(profile.identities) + 2 * len(profile.name or "")

    def needs(self) -> Needs:
        for identity in self.profile.identities:
            yield IDENTITY, _key(self.cell_id, identity)

    def decide(self, rows: Rows) -> MemberView | ImportOutcome:
        for identity in self.profile.identities:
            holder = self._holder(rows, identity)
            if holder is not None:
                raise _taken(identity, holder)
        view = sealing.masked(self.keys, self._create(rows))
        rows.audit(self.by, "member.joined", ("member", view.member_id), after=_told(view))
        return view

    def _create(self, rows: Rows) -> MemberRow:
        profile = self.profile
        member_id = rows.take_id()
        cipher = self.keys.new_member(member_id)
        member = MemberRow(
            member_id=member_id,
            status=rules.ACTIVE,
            wrapped_key=cipher.wrapped,
            name=sealing.seal_name(cipher, profile.name),
            birthday=sealing.seal_birthday(cipher, profile.birthday),
            source=profile.source,
            registered_at=profile.registered_at or rows.now,
            joined_at=rows.now,
            consent_version=profile.consent_version,
            consent_at=profile.consent_at,
            tags=profile.tags,
            name_tokens=sealing.tokens_of_name(self.keys, profile.name) if profile.name else None,
        )
        member.identities = tuple(self._give(rows, member, identity) for identity in profile.identities)
        rows.put(MEMBER, (self.cell_id, member_id), member)
        rows.emit(
            "member.joined",
            member_id,
            {"store_id": profile.source.store_id, "at": member.registered_at.isoformat()},
        )
        return member


class ImportMember(JoinMember):
    """A row of a file -> ImportOutcome; harmless to run again, so it needs no key."""

    def more(self, rows: Rows) -> Needs:
        for identity in self.profile.identities:
            holder = self._holder(rows, identity)
            if holder is not None:
                yield MEMBER, (self.cell_id, holder)

    def decide(self, rows: Rows) -> ImportOutcome:
        holders = {self._holder(rows, identity) for identity in self.profile.identities} - {None}
        if not holders:
            return ImportOutcome("created", self._create(rows).member_id)
        if len(holders) > 1:
            return ImportOutcome("conflict", None, ("identities",))
        (member_id,) = holders
        member: MemberRow = rows.get(MEMBER, (self.cell_id, member_id))
        if member.status == rules.ERASED:
            return ImportOutcome("conflict", member_id, ("status",))
        new = tuple(identity for identity in self.profile.identities if self._holder(rows, identity) is None)
        differs = self._differs(member, new)
        if differs:
            return ImportOutcome("conflict", member_id, differs)
        if not self._complete(rows, member, new):
            return ImportOutcome("unchanged", member_id)
        return ImportOutcome("linked", member_id)

    def _differs(self, member: MemberRow, new: tuple[Identity, ...]) -> tuple[str, ...]:
        """Columns of the file that contradict the member.

        A row that brings a new identity comes from elsewhere: what it says of registration, source, consent
        and tags is then no contradiction.
        """
        profile = self.profile
        cipher = self.keys.member(member.member_id, member.wrapped_key)
        kinds_held = {held.kind for held in member.identities}
        pairs: list[tuple[str, object, object]] = [
            ("name", sealing.open_name(cipher, member.name), profile.name),
            ("birthday", sealing.open_birthday(cipher, member.birthday), profile.birthday),
        ]
        if not new:
            pairs += [
                ("registered_at", member.registered_at, profile.registered_at),
                ("join_source", member.source.channel, profile.source.channel),
                ("store", member.source.store_id, profile.source.store_id),
                ("tags", member.tags or None, profile.tags or None),
                ("consent_at", member.consent_at, profile.consent_at),
            ]
        differs = [name for name, ours, theirs in pairs if ours is not None and theirs is not None and ours != theirs]
        differs += [KIND_BY_CODE[identity.kind].name for identity in new if identity.kind in kinds_held]
        return tuple(differs)

    def _complete(self, rows: Rows, member: MemberRow, new: tuple[Identity, ...]) -> bool:
        """Gives the member what it lacks; False when it lacks nothing."""
        profile = self.profile
        cipher = self.keys.member(member.member_id, member.wrapped_key)
        fresh: dict[str, object] = {}
        if member.name is None and profile.name is not None:
            fresh["name"] = sealing.seal_name(cipher, profile.name)
            fresh["name_tokens"] = sealing.tokens_of_name(self.keys, profile.name)
        if member.birthday is None and profile.birthday is not None:
            fresh["birthday"] = sealing.seal_birthday(cipher, profile.birthday)
        if member.consent_at is None and profile.consent_at is not None:
            fresh["consent_at"], fresh["consent_version"] = profile.consent_at, profile.consent_version
        tags = tuple(sorted({*member.tags, *profile.tags}))
        if tags != member.tags:
            fresh["tags"] = tags
        if new:
            held = tuple(self._give(rows, member, identity) for identity in new)
            fresh["identities"] = member.identities + held
        if not fresh:
            return False
        edited = rows.edit(MEMBER, (self.cell_id, member.member_id))
        for name, value in fresh.items():
            setattr(edited, name, value)
        rows.emit("member.changed", member.member_id, {"fields": sorted(fresh.keys() - {"name_tokens"})})
        return True


class ChangeMember(_MemberCommand):
    """-> MemberView; MemberNotFound, MemberErased, IdentityTaken. What is already so is left alone.

    expected: tags of the view of which it must have one now; PreconditionFailed.
    """

    def __init__(
        self,
        cell_id: int,
        keys: MerchantKeys,
        member_id: int,
        changes: Changes,
        *,
        key: str | None = None,
        fingerprint: bytes = b"",
        expected: Tags | None = None,
    ) -> None:
        super().__init__(cell_id, keys, key=key, fingerprint=fingerprint)
        self.member_id = member_id
        self.changes = changes
        self.expected = expected
        self.weight = 3 + len(changes.add) + len(changes.remove)

    def needs(self) -> Needs:
        yield MEMBER, (self.cell_id, self.member_id)
        for identity in (*self.changes.add, *self.changes.remove):
            yield IDENTITY, _key(self.cell_id, identity)

    def decide(self, rows: Rows) -> MemberView:
        at = (self.cell_id, self.member_id)
        member: MemberRow | None = rows.get(MEMBER, at)
        if member is None:
            raise MemberNotFound(str(self.member_id))
        if member.status == rules.ERASED:
            raise MemberErased(self.member_id)
        before = sealing.masked(self.keys, member)
        check_expected(self.expected, before)
        edited: MemberRow = rows.edit(MEMBER, at)
        fields = self._change_fields(edited)
        if self._change_identities(rows, edited):
            fields.append("identities")
        if fields:
            rows.emit("member.changed", self.member_id, {"fields": sorted(fields)})
        view = sealing.masked(self.keys, edited)
        if fields:
            old, new = differing(_told(before), _told(view))
            # Two values may look the same when masked: that the field changed is told anyway.
            new["fields"] = sorted(fields)
            rows.audit(self.by, "member.changed", ("member", self.member_id), before=old, after=new)
        return view

    def _change_fields(self, member: MemberRow) -> list[str]:
        changes = self.changes
        cipher = self.keys.member(member.member_id, member.wrapped_key)
        fields: list[str] = []
        name_before = sealing.open_name(cipher, member.name)
        if changes.name is not UNSET and changes.name != name_before:
            if member.name_tokens is None:
                member.stored_tokens = sealing.tokens_of_name(self.keys, name_before)
            member.name = sealing.seal_name(cipher, changes.name)
            member.name_tokens = sealing.tokens_of_name(self.keys, changes.name)
            fields.append("name")
        if changes.birthday is not UNSET and changes.birthday != sealing.open_birthday(cipher, member.birthday):
            member.birthday = sealing.seal_birthday(cipher, changes.birthday)
            fields.append("birthday")
        if changes.tags is not UNSET and changes.tags != member.tags:
            member.tags = changes.tags
            fields.append("tags")
        if changes.consent_version is not UNSET and changes.consent_version != member.consent_version:
            member.consent_version = changes.consent_version
            fields.append("consent_version")
        if changes.consent_at is not UNSET and changes.consent_at != member.consent_at:
            member.consent_at = changes.consent_at
            fields.append("consent_at")
        return fields

    def _change_identities(self, rows: Rows, member: MemberRow) -> bool:
        before = member.identities
        for identity in self.changes.remove:
            if self._holder(rows, identity) == self.member_id:
                rows.edit(IDENTITY, _key(self.cell_id, identity)).removed = True
                gone = (identity.kind, identity.blind_index)
                member.identities = tuple(h for h in member.identities if (h.kind, h.blind_index) != gone)
        for identity in self.changes.add:
            holder = self._holder(rows, identity)
            if holder is None:
                member.identities = (*member.identities, self._give(rows, member, identity))
            elif holder != self.member_id:
                raise _taken(identity, holder)
        return member.identities != before


def _key(cell_id: int, identity: Identity) -> Key:
    return (cell_id, identity.kind, identity.blind_index)


def _told(view: MemberView) -> dict[str, Any]:
    """What the audit log keeps of a member, for good: masked, external ids too, which answers show."""
    shown: dict[str, Any] = msgspec.to_builtins(view)
    del shown["version"]
    for identity in shown["identities"]:
        if identity["kind"] == "external_id":
            identity["value"] = "****"
    return shown


def _taken(identity: Identity, holder: int) -> IdentityTaken:
    kind = KIND_BY_CODE[identity.kind]
    return IdentityTaken(kind.name, holder, label_zh=kind.label_zh, label_en=kind.label_en)
