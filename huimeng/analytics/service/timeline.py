"""One member's past, newest first, and what the member has been to the shop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from huimeng.analytics import rules
from huimeng.analytics.store import timeline as store
from huimeng.analytics.store.timeline import Row
from huimeng.analytics.values.timeline import (
    KINDS,
    Change,
    MemberStanding,
    Timeline,
    TimelineItem,
    TimelineKind,
    UsualCategory,
)
from huimeng.infra.crypto import MerchantKeys
from huimeng.infra.database import Connection
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.ids import cell_of_entity
from huimeng.ledger.rules import KIND_NAMES, UNIT_NAMES
from huimeng.member.service import get_member
from huimeng.order.rules import STATUS_NAMES

_PLACES: Mapping[TimelineKind, int] = {
    "joined": store.JOINED,
    "order": store.ORDER,
    "refund": store.REFUND,
    "void": store.REFUND,
    "points": store.POINTS,
    "changed": store.CHANGED,
    "revealed": store.CHANGED,
}
# What each kind shows and so needs, besides members:read.
NEEDS: Mapping[TimelineKind, str] = {
    "order": "orders:read",
    "refund": "orders:read",
    "void": "orders:read",
    "points": "points:read",
}
_CATEGORIES = 3


async def timeline(
    conn: Connection,
    merchant_id: int,
    keys: MerchantKeys,
    member_id: int,
    *,
    kinds: Collection[TimelineKind],
    stores: Collection[int] | None,
    names: bool,
    cursor: str | None,
    limit: int,
) -> Timeline:
    """Of these kinds; orders of these stores only (None: of all). names: who did it is told. MemberNotFound."""
    before = _place(cursor)
    cell_id = cell_of_entity(merchant_id, member_id)
    await get_member(conn, cell_id, keys, member_id)
    told = [kind for kind in KINDS if kind in kinds]
    places = {_PLACES[kind] for kind in told}
    rows = await store.timeline(conn, cell_id, member_id, places, _listed(stores), before, limit + 1) if places else []
    page = rows[:limit]
    items = [_item(row, names) for row in page]
    following = f"{page[-1].at.isoformat()}_{page[-1].place}_{page[-1].ref_id}" if len(rows) > limit else None
    return Timeline([item for item in items if item.kind in told], told, following)


async def standing(
    conn: Connection, merchant_id: int, keys: MerchantKeys, member_id: int, stores: Collection[int] | None
) -> MemberStanding:
    """MemberNotFound."""
    cell_id, listed = cell_of_entity(merchant_id, member_id), _listed(stores)
    member = await get_member(conn, cell_id, keys, member_id)
    found = await store.bought(conn, cell_id, member_id, listed)
    span = 0 if found.first_day is None or found.last_day is None else (found.last_day - found.first_day).days
    return MemberStanding(
        member_id=str(member_id),
        registered_at=member.registered_at,
        orders=found.orders,
        net_fen=found.net_fen,
        aov_fen=rules.aov_fen(found.net_fen, found.orders),
        first_day=found.first_day,
        last_day=found.last_day,
        last_store_id=found.last_store,
        usual_store_id=found.usual_store,
        days_between=(2 * span + found.days - 1) // (2 * (found.days - 1)) if found.days > 1 else None,
        categories=[
            UsualCategory(category=category, orders=orders, net_fen=net)
            for category, orders, net in await store.usual_categories(conn, cell_id, member_id, listed, _CATEGORIES)
        ],
    )


def _listed(stores: Collection[int] | None) -> list[int] | None:
    return None if stores is None else sorted(stores)


def _place(cursor: str | None) -> tuple[datetime, int, int] | None:
    if cursor is None:
        return None
    try:
        at, place, ref = cursor.split("_")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or not 0 <= int(ref) < 2**63 or not 0 <= int(place) < len(_PLACES):
            raise ValueError(cursor)
        return moment, int(place), int(ref)
    except ValueError as error:
        raise InvalidInput("cursor", "not a next_cursor", "不是 next_cursor") from error


def _item(row: Row, names: bool) -> TimelineItem:
    detail = row.detail
    match row.place:
        case store.ORDER:
            status = STATUS_NAMES[detail.pop("status")]
            return TimelineItem(at=row.at, kind="order", order_id=str(row.ref_id), status=status, **detail)
        case store.REFUND:
            kind: TimelineKind = "void" if detail.pop("void") else "refund"
            return TimelineItem(at=row.at, kind=kind, reason=detail.pop("reason") or None, **detail)
        case store.POINTS:
            unit, movement = UNIT_NAMES[detail.pop("unit")], KIND_NAMES[detail.pop("movement")]
            return TimelineItem(at=row.at, kind="points", unit=unit, movement=movement, **detail)
        case store.CHANGED:
            by = detail["by"] if names else None
            if detail["action"] == "member.revealed":
                seen = detail["after"] or {}
                reason = seen.get("reason") if names else None
                return TimelineItem(at=row.at, kind="revealed", by=by, fields=seen.get("fields"), reason=reason)
            changes = _changes(detail["before"] or {}, detail["after"] or {})
            return TimelineItem(at=row.at, kind="changed", by=by, changes=changes)
        case _:
            return TimelineItem(at=row.at, kind="joined", **detail)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    told = [
        Change(field=field, before=_text(before.get(field)), after=_text(after.get(field)))
        for field in sorted({*before, *after, *after.get("fields", ())} - {"identities", "fields"})
    ]
    old, new = (Counter((i["kind"], i["value"]) for i in side.get("identities") or ()) for side in (before, after))
    told += [Change(field=kind, before=value, after=None) for kind, value in sorted((old - new).elements())]
    told += [Change(field=kind, before=None, after=value) for kind, value in sorted((new - old).elements())]
    return told


def _text(value: Any) -> str | None:
    if value is None or value == []:
        return None
    return "、".join(value) if isinstance(value, list) else str(value)
