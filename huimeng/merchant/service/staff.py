"""Who works here: made, changed and helped by others of the merchant; writers lock the head of its cell."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from huimeng.infra import audit
from huimeng.infra.crypto import MerchantKeys
from huimeng.infra.database import Connection
from huimeng.infra.heads import lock_head
from huimeng.kernel.errors import PermissionDenied
from huimeng.kernel.ids import cell_of
from huimeng.merchant import rules
from huimeng.merchant.errors import LastOwner, LoginTaken, SessionNotFound, StaffNotFound, StoreNotAllowed
from huimeng.merchant.rules import people
from huimeng.merchant.service import get_store
from huimeng.merchant.store import staff as store
from huimeng.merchant.values import Session, Staff, StaffInput, StaffPatch

_PHONE = "staff_phone"


class Power(msgspec.Struct, frozen=True):
    """What the one who asks may do, and where (None: everywhere)."""

    scopes: frozenset[str]
    stores: frozenset[int] | None = None

    def check(self, staff: Staff) -> None:
        """PermissionDenied, StoreNotAllowed: nobody gives, or commands, more than they have."""
        if not people.may_give(self.scopes, staff.role):
            raise PermissionDenied(scope=f"role:{staff.role}")
        if self.stores is not None and (staff.stores is None or not set(staff.stores) <= self.stores):
            raise StoreNotAllowed()


# Of whoever holds the machine.
EVERYTHING = Power(frozenset({"*"}))


def phone_index(keys: MerchantKeys, phone: str | None) -> bytes | None:
    return None if phone is None else keys.blind_index(_PHONE, phone)


async def create_staff(
    conn: Connection,
    keys: MerchantKeys,
    wanted: StaffInput,
    *,
    power: Power,
    password_hash: str,
    now: datetime,
) -> Staff:
    """With a one-time password; InvalidInput, LoginTaken, StoreNotFound, PermissionDenied, StoreNotAllowed."""
    merchant_id = keys.merchant_id
    phone = None if wanted.phone is None else people.phone(wanted.phone)
    await lock_head(conn, cell_of(merchant_id))
    staff = Staff(
        staff_id=await store.next_staff_id(conn, merchant_id),
        login=people.login_name(wanted.login),
        name=rules.clean_text("name", wanted.name, 64),
        role=wanted.role,
        stores=await _stores(conn, merchant_id, people.staff_stores(wanted.role, wanted.stores)),
        phone=None if phone is None else people.masked_phone(phone),
        active=True,
        must_change_password=True,
        locked_until=None,
        last_login_at=None,
        created_at=now,
    )
    power.check(staff)
    await _check_names(conn, keys, staff, phone)
    await store.insert_staff(conn, merchant_id, staff, phone_index(keys, phone), password_hash)
    await _record(conn, merchant_id, "staff.created", staff.staff_id, after=_plain(staff))
    return staff


async def _check_names(conn: Connection, keys: MerchantKeys, staff: Staff, phone: str | None) -> None:
    """LoginTaken: what this person logs in by leads to nobody else, whether it is typed as a name or as a phone."""
    indexes = {phone_index(keys, number) for number in (phone, people.phone_in(staff.login)) if number is not None}
    for login, index in await store.names_of_others(conn, keys.merchant_id, staff.staff_id):
        if login == staff.login or index in indexes or (phone is not None and people.phone_in(login) == phone):
            raise LoginTaken()


async def _record(
    conn: Connection,
    merchant_id: int,
    action: audit.Action,
    staff_id: int,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    await audit.record(conn, cell_of(merchant_id), action, ("staff", staff_id), before=before, after=after)


def _plain(staff: Staff) -> dict[str, Any]:
    return {name: getattr(staff, name) for name in ("login", "name", "role", "stores", "phone", "active")}


async def _stores(conn: Connection, merchant_id: int, stores: list[int] | None) -> list[int] | None:
    for store_id in stores or ():
        await get_store(conn, merchant_id, store_id)
    return stores


async def change_staff(
    conn: Connection, keys: MerchantKeys, staff_id: int, patch: StaffPatch, *, power: Power, now: datetime
) -> Staff:
    """Who is disabled is logged out; what create_staff raises, StaffNotFound, LastOwner."""
    merchant_id = keys.merchant_id
    staff = await _commanded(conn, merchant_id, staff_id, power)
    given = {
        name: value
        for name in ("name", "role", "stores", "active")
        if (value := getattr(patch, name)) is not msgspec.UNSET
    }
    if patch.role == "owner" and patch.stores is msgspec.UNSET:
        given["stores"] = None
    changed = msgspec.structs.replace(staff, **given)
    stores = people.staff_stores(changed.role, changed.stores)
    if stores != staff.stores:
        await _stores(conn, merchant_id, stores)
    changed = msgspec.structs.replace(changed, name=rules.clean_text("name", changed.name, 64), stores=stores)
    power.check(changed)
    was, stays = (each.role == "owner" and each.active for each in (staff, changed))
    if was and not stays and not await store.other_active_owners(conn, merchant_id, staff_id):
        raise LastOwner()
    await store.update_staff(conn, merchant_id, changed)
    if patch.phone is not msgspec.UNSET:
        changed = await _change_phone(conn, keys, changed, patch.phone)
    if not changed.active:
        await store.end_sessions(conn, merchant_id, staff_id, now)
    before, after = audit.differing(_plain(staff), _plain(changed))
    if after:
        await _record(conn, merchant_id, "staff.changed", staff_id, before, after)
    return changed


async def _change_phone(conn: Connection, keys: MerchantKeys, staff: Staff, given: str | None) -> Staff:
    phone = None if given is None else people.phone(given)
    index, masked = phone_index(keys, phone), None if phone is None else people.masked_phone(phone)
    if phone is not None:
        await _check_names(conn, keys, staff, phone)
    await store.set_phone(conn, keys.merchant_id, staff.staff_id, index, masked)
    return msgspec.structs.replace(staff, phone=masked)


async def reset_password(
    conn: Connection, merchant_id: int, staff_id: int, *, power: Power, password_hash: str, now: datetime
) -> Staff:
    """A one-time password in place of the old one; every session ends. StaffNotFound, PermissionDenied."""
    staff = await _commanded(conn, merchant_id, staff_id, power)
    await store.set_password(conn, merchant_id, staff_id, password_hash, one_time=True, now=now)
    await store.end_sessions(conn, merchant_id, staff_id, now)
    await _record(conn, merchant_id, "password.reset", staff_id)
    return msgspec.structs.replace(staff, must_change_password=True, locked_until=None)


async def unlock_staff(conn: Connection, merchant_id: int, staff_id: int, *, power: Power) -> Staff:
    """Lets somebody try again at once; StaffNotFound, PermissionDenied."""
    staff = await _commanded(conn, merchant_id, staff_id, power)
    await store.unlock(conn, merchant_id, staff_id)
    before, after = audit.differing({"locked_until": staff.locked_until}, {"locked_until": None})
    if after:
        await _record(conn, merchant_id, "staff.changed", staff_id, before, after)
    return msgspec.structs.replace(staff, locked_until=None)


async def _commanded(conn: Connection, merchant_id: int, staff_id: int, power: Power) -> Staff:
    await lock_head(conn, cell_of(merchant_id))
    staff = await get_staff(conn, merchant_id, staff_id)
    power.check(staff)
    return staff


async def get_staff(conn: Connection, merchant_id: int, staff_id: int) -> Staff:
    """StaffNotFound."""
    found = await store.find_staff(conn, merchant_id, staff_id)
    if found is None:
        raise StaffNotFound(str(staff_id))
    return found


async def find_staff(conn: Connection, merchant_id: int, login: str) -> Staff:
    """By login name; StaffNotFound."""
    found = await store.find_staff_by_login(conn, merchant_id, people.login_name(login))
    if found is None:
        raise StaffNotFound(login[:64])
    return found


async def list_staff(conn: Connection, merchant_id: int, *, after: int = 0, limit: int = 100) -> list[Staff]:
    return await store.list_staff(conn, merchant_id, after, limit)


async def has_staff(conn: Connection, merchant_id: int) -> bool:
    return await store.has_staff(conn, merchant_id)


async def list_sessions(
    conn: Connection, merchant_id: int, staff_id: int, *, now: datetime, current: int | None = None
) -> list[Session]:
    """The living ones, newest first; StaffNotFound."""
    staff = await get_staff(conn, merchant_id, staff_id)
    return [
        Session(
            session_id=str(session_id),
            created_at=created_at,
            seen_at=seen_at,
            expires_at=people.session_ends(staff.role, created_at, seen_at),
            ip=ip,
            agent=agent,
            current=session_id == current,
        )
        for session_id, created_at, seen_at, ip, agent in await store.open_sessions(conn, merchant_id, staff_id)
        if people.session_alive(now, staff.role, created_at, seen_at, None)
    ]


async def revoke_sessions(
    conn: Connection, merchant_id: int, staff_id: int, session_id: int | None, *, power: Power | None, now: datetime
) -> None:
    """One, or all; power None: one's own. Stops within 2 seconds in every process. StaffNotFound, SessionNotFound."""
    await lock_head(conn, cell_of(merchant_id))
    staff = await get_staff(conn, merchant_id, staff_id)
    if power is not None:
        power.check(staff)
    if session_id is None:
        await store.end_sessions(conn, merchant_id, staff_id, now)
    elif not await store.end_session(conn, merchant_id, staff_id, session_id, now):
        raise SessionNotFound(str(session_id))
    which = "all" if session_id is None else str(session_id)
    await _record(conn, merchant_id, "session.revoked", staff_id, after={"session": which})
