"""Use cases of members: checked commands for writing, masked views for reading."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from huimeng.infra import audit
from huimeng.infra.crypto import MerchantKeys
from huimeng.infra.database import Connection
from huimeng.infra.etags import Tags
from huimeng.kernel.errors import InvalidInput
from huimeng.member import rules, sealing, store
from huimeng.member.commands import ChangeMember, ImportMember, JoinMember
from huimeng.member.errors import IdentityNotFound, MemberErased, MemberNotFound
from huimeng.member.kinds import KINDS, KindName
from huimeng.member.values import (
    Changes,
    HeldIdentity,
    HeldView,
    Identity,
    IdentityInput,
    JoinSource,
    MemberInput,
    MemberPatch,
    MemberRow,
    MemberView,
    Profile,
    Revealed,
    RevealInput,
)
from huimeng.merchant.rules import clean_text

NEWEST = 2**63 - 1
MAX_IDENTITIES = 20
# A name search looks at no more candidates than this for one page; the cursor goes on from there.
MAX_CANDIDATES = 5000


class MemberQuery(msgspec.Struct, frozen=True, kw_only=True):
    """At most one of these; none lists everybody, newest first."""

    phone: str | None = None
    phone_last4: str | None = None
    card_no: str | None = None
    external_id: str | None = None
    name: str | None = None
    member_id: str | None = None

    def __repr__(self) -> str:
        return "MemberQuery(…)"


# Writing.


def join_member(
    cell_id: int,
    keys: MerchantKeys,
    given: MemberInput,
    *,
    now: datetime,
    key: str | None = None,
    fingerprint: bytes = b"",
) -> JoinMember:
    """The command for the Teller; InvalidInput names the field."""
    return JoinMember(cell_id, keys, checked_profile(keys, given, now), key=key, fingerprint=fingerprint)


def import_member(cell_id: int, keys: MerchantKeys, given: MemberInput, *, now: datetime) -> ImportMember:
    """The command for one row of a file; InvalidInput names the column."""
    return ImportMember(cell_id, keys, checked_profile(keys, given, now))


def change_member(
    cell_id: int,
    keys: MerchantKeys,
    member_id: int,
    patch: MemberPatch,
    *,
    now: datetime,
    key: str | None = None,
    fingerprint: bytes = b"",
    expected: Tags | None = None,
) -> ChangeMember:
    """The command for the Teller; InvalidInput names the field."""
    unset = msgspec.UNSET
    changes = Changes(
        name=rules.clean_name(patch.name) if isinstance(patch.name, str) else patch.name,
        birthday=patch.birthday
        if patch.birthday is unset or patch.birthday is None
        else rules.check_birthday(patch.birthday, now),
        tags=unset if patch.tags is unset else tuple(rules.clean_tags(patch.tags)),
        consent_version=unset
        if patch.consent_version is unset
        else clean_text("consent_version", patch.consent_version, 64),
        consent_at=unset if patch.consent_at is unset else rules.check_time("consent_at", patch.consent_at, now),
        add=_identities(keys, "add_identities", patch.add_identities),
        remove=_identities(keys, "remove_identities", patch.remove_identities),
    )
    return ChangeMember(cell_id, keys, member_id, changes, key=key, fingerprint=fingerprint, expected=expected)


def change_identity(
    cell_id: int,
    keys: MerchantKeys,
    member_id: int,
    *,
    add: IdentityInput | None = None,
    remove: HeldIdentity | None = None,
    key: str,
    fingerprint: bytes,
    expected: Tags | None = None,
) -> ChangeMember:
    """The command that gives, takes or replaces one identity; InvalidInput."""
    unset = msgspec.UNSET
    changes = Changes(
        name=unset,
        birthday=unset,
        tags=unset,
        consent_version=unset,
        consent_at=unset,
        add=() if add is None else (sealing.index_identity(keys, add),),
        remove=() if remove is None else (Identity(remove.kind, "", remove.blind_index, None),),
    )
    return ChangeMember(cell_id, keys, member_id, changes, key=key, fingerprint=fingerprint, expected=expected)


def checked_profile(keys: MerchantKeys, given: MemberInput, now: datetime) -> Profile:
    """Normalised, indexed, within range; InvalidInput names the first field that isn't."""
    identities = _identities(keys, "identities", given.identities)
    if not identities:
        raise InvalidInput(
            "identities", "at least one of phone, card_no, external_id", "手机号、卡号、会员编号至少一项"
        )
    source = given.source
    if given.consent_version is not None and given.consent_at is None:
        raise InvalidInput("consent_at", "needed with consent_version", "填写授权版本时须填授权时间")
    return Profile(
        identities=identities,
        name=None if given.name is None else rules.clean_name(given.name),
        birthday=None if given.birthday is None else rules.check_birthday(given.birthday, now),
        source=JoinSource(
            source.store_id,
            *(
                None if value is None else clean_text(f"source.{field}", value, 64)
                for field, value in (
                    ("staff", source.staff),
                    ("channel", source.channel),
                    ("campaign", source.campaign),
                )
            ),
        ),
        registered_at=None
        if given.registered_at is None
        else rules.check_time("registered_at", given.registered_at, now),
        consent_version=None
        if given.consent_version is None
        else clean_text("consent_version", given.consent_version, 64),
        consent_at=None if given.consent_at is None else rules.check_time("consent_at", given.consent_at, now),
        tags=tuple(rules.clean_tags(given.tags)),
    )


def _identities(keys: MerchantKeys, field: str, given: Iterable[IdentityInput]) -> tuple[Identity, ...]:
    indexed: dict[tuple[int, bytes], Identity] = {}
    for item in given:
        identity = sealing.index_identity(keys, item)
        indexed[identity.kind, identity.blind_index] = identity
        if len(indexed) > MAX_IDENTITIES:
            raise InvalidInput(field, f"more than {MAX_IDENTITIES}", f"超过 {MAX_IDENTITIES} 项")
    return tuple(indexed.values())


# Reading.


async def get_member(conn: Connection, cell_id: int, keys: MerchantKeys, member_id: int) -> MemberView:
    """MemberNotFound."""
    rows = await store.members_by_id(conn, cell_id, [member_id])
    if not rows:
        raise MemberNotFound(str(member_id))
    return sealing.masked(keys, rows[0])


async def told_apart(conn: Connection, cell_id: int, keys: MerchantKeys, member_ids: Sequence[int]) -> dict[int, str]:
    """In few words, masked: the name and the merchant's own number, else what identity there is."""
    told = {}
    for row in await store.members_by_id(conn, cell_id, member_ids):
        view = sealing.masked(keys, row)
        numbers = sorted(view.identities, key=lambda identity: identity.kind != "external_id")
        told[row.member_id] = " ".join([*([view.name] if view.name else []), *(i.value for i in numbers[:1])])
    return told


async def list_identities(conn: Connection, cell_id: int, keys: MerchantKeys, member_id: int) -> list[HeldView]:
    """MemberNotFound, MemberErased."""
    return sealing.held_identities(keys, await _row(conn, cell_id, member_id))


async def find_held(conn: Connection, cell_id: int, member_id: int, identity_id: str) -> HeldIdentity:
    """MemberNotFound, MemberErased, IdentityNotFound."""
    for held in (await _row(conn, cell_id, member_id)).identities:
        if sealing.identity_id(held) == identity_id:
            return held
    raise IdentityNotFound(identity_id[:40])


async def _row(conn: Connection, cell_id: int, member_id: int) -> MemberRow:
    rows = await store.members_by_id(conn, cell_id, [member_id])
    if not rows:
        raise MemberNotFound(str(member_id))
    if rows[0].status == rules.ERASED:
        raise MemberErased(member_id)
    return rows[0]


async def reveal(conn: Connection, cell_id: int, keys: MerchantKeys, member_id: int, wanted: RevealInput) -> Revealed:
    """Personal data in the clear, written down in the same transaction: who saw which fields, and why.

    MemberNotFound, MemberErased, InvalidInput.
    """
    reason = clean_text("reason", wanted.reason, 200)
    fields = sorted(set(wanted.fields))
    if not fields:
        raise InvalidInput("fields", "at least one", "至少选择一项")
    rows = await store.members_by_id(conn, cell_id, [member_id])
    if not rows:
        raise MemberNotFound(str(member_id))
    if rows[0].status == rules.ERASED:
        raise MemberErased(member_id)
    shown = sealing.revealed(keys, rows[0], fields)
    after = {"fields": fields, "reason": reason}
    await audit.record(conn, cell_id, "member.revealed", ("member", member_id), after=after)
    return shown


async def find_members(
    conn: Connection,
    cell_id: int,
    keys: MerchantKeys,
    query: MemberQuery,
    *,
    before: int = NEWEST,
    limit: int = 50,
) -> tuple[list[MemberView], int | None]:
    """A page, newest first, and the `before` of the next page (None: there is none); InvalidInput."""
    asked = {name: value for name, value in msgspec.structs.asdict(query).items() if value is not None}
    if len(asked) > 1:
        raise InvalidInput("query", "one criterion at a time", "一次只能按一个条件查找", given=sorted(asked))
    (name, value) = next(iter(asked.items()), ("", ""))
    if name == "name":
        return await _find_by_name(conn, cell_id, keys, value, before=before, limit=limit)
    if name == "phone_last4":
        value = unicodedata.normalize("NFKC", value.strip())
        if len(value) != 4 or not (value.isascii() and value.isdigit()):
            raise InvalidInput("phone_last4", "four digits", "须为四位数字")
        tail = sealing.tail_index(keys, KINDS["phone"].code, value)
        ids = await store.member_ids_by_tail(conn, cell_id, tail, before, limit + 1)
    elif name == "member_id":
        number = int(value) if value.isascii() and value.isdigit() and len(value) <= 19 else 0
        ids = [number] if 0 < number < before else []
    elif name in KINDS:
        found = await find_by_identity(conn, cell_id, keys, KINDS[name].name, value)
        ids = [found] if found is not None and found < before else []
    else:
        ids = await store.member_ids(conn, cell_id, before, limit + 1)
    rows = await store.members_by_id(conn, cell_id, ids[:limit])
    return [sealing.masked(keys, row) for row in rows], ids[limit - 1] if len(ids) > limit else None


async def find_by_identity(
    conn: Connection, cell_id: int, keys: MerchantKeys, kind: KindName, value: str
) -> int | None:
    """The member's id; InvalidInput when the value can't be of this kind."""
    identity = sealing.index_identity(keys, IdentityInput(kind, value))
    found = await store.member_ids_by_identity(conn, cell_id, identity.kind, [identity.blind_index])
    return found.get(identity.blind_index)


async def member_ids_by_external(conn: Connection, cell_id: int, indexes: Sequence[bytes]) -> dict[bytes, int]:
    """Blind index (external_index) to member id, for a whole chunk of an import; the unknown are left out."""
    return await store.member_ids_by_external(conn, cell_id, indexes)


def external_index(keys: MerchantKeys, value: str) -> bytes:
    """InvalidInput when it can't be an external id."""
    return sealing.index_identity(keys, IdentityInput("external_id", value)).blind_index


async def _find_by_name(
    conn: Connection, cell_id: int, keys: MerchantKeys, query: str, *, before: int, limit: int
) -> tuple[list[MemberView], int | None]:
    """Candidates by tokens, each opened and compared: docs/decisions/0003-name-search.md."""
    form = rules.search_form(clean_text("name", query, 64))
    tokens = sealing.name_tokens(keys, rules.query_pieces(query))
    found: list[MemberRow] = []
    if not tokens:
        return [], None
    looked_at = 0
    chunk = limit + 1
    while looked_at < MAX_CANDIDATES:
        ids = await store.member_ids_by_tokens(conn, cell_id, tokens, before, chunk)
        for row in await store.members_by_id(conn, cell_id, ids):
            name = sealing.open_name(keys.member(row.member_id, row.wrapped_key), row.name)
            if name is not None and form in rules.search_form(name):
                found.append(row)
            if len(found) > limit:
                page = found[:limit]
                return [sealing.masked(keys, row) for row in page], page[-1].member_id
        if len(ids) < chunk:
            return [sealing.masked(keys, row) for row in found], None
        looked_at += len(ids)
        before = ids[-1]
    return [sealing.masked(keys, row) for row in found], before
