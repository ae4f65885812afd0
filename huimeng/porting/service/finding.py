"""Members and stores as a file names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from huimeng.infra.crypto import MerchantKeys
from huimeng.infra.database import Database
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.ids import cell_of
from huimeng.member import sealing
from huimeng.member.kinds import KINDS, KindName
from huimeng.member.store import member_ids_by_identity
from huimeng.member.values import IdentityInput
from huimeng.merchant.values import StoreBook
from huimeng.porting.rules.cells import code
from huimeng.porting.rules.columns import plain_name
from huimeng.porting.rules.faults import CellFault
from huimeng.porting.rules.order_rows import CODE_CHARACTERS, StorePlace

# What a column's name, as it is compared, says of the identities in it; any other column may hold each kind.
_KINDS_BY_COLUMN: Mapping[str, tuple[KindName, ...]] = {
    "会员编号": ("external_id",),
    "会员号": ("external_id",),
    "externalid": ("external_id",),
    "会员手机号": ("phone",),
    "会员手机": ("phone",),
    "联系手机": ("phone",),
    "收件人手机号": ("phone",),
    "会员卡号": ("card_no",),
}
_ANY: tuple[KindName, ...] = ("external_id", "card_no", "phone")
_KNOWN_MEMBERS = 200_000


def store_places(book: StoreBook) -> dict[str, StorePlace | None]:
    """By code, and by name where a name is no other store's code; None for a name that several have."""
    places: dict[str, StorePlace | None] = {}
    for store in book.by_id.values():
        place = StorePlace(store.store_id, store.code, store.timezone, store.day_cut_minutes)
        try:
            name = code(store.name, CODE_CHARACTERS)
        except CellFault:
            continue
        places[name] = None if name in places else place
    for store in book.by_id.values():
        places[store.code] = StorePlace(store.store_id, store.code, store.timezone, store.day_cut_minutes)
    return places


class MemberFinder:
    """Cell of the member column -> member id; asked in bulk, remembered up to a bound."""

    def __init__(self, db: Database, merchant_id: int, keys: MerchantKeys, column: str) -> None:
        self.known: dict[str, int | None] = {}
        self.kinds = _KINDS_BY_COLUMN.get(plain_name(column), _ANY)
        self._db = db
        self.merchant_id = merchant_id
        self._keys = keys

    async def find(self, names: Iterable[str]) -> None:
        """Afterwards `known` has each name, with None for one that is nobody's."""
        if len(self.known) > _KNOWN_MEMBERS:
            self.known.clear()
        missing = {name for name in names if name and self.known.get(name) is None}
        if not missing:
            return
        self.known.update(dict.fromkeys(missing))
        async with self._db.reader(self.merchant_id) as conn:
            for kind in self.kinds:
                indexes: dict[bytes, str] = {}
                for name in missing:
                    try:
                        identity = sealing.index_identity(self._keys, IdentityInput(kind, name))
                    except InvalidInput:
                        continue
                    indexes[identity.blind_index] = name
                found = await member_ids_by_identity(conn, cell_of(self.merchant_id), KINDS[kind].code, list(indexes))
                for index, member_id in found.items():
                    self.known[indexes[index]] = member_id
                    missing.discard(indexes[index])

    def identity(self, name: str) -> IdentityInput:
        """What a member who is created for this name is known by."""
        kind = self.kinds[0]
        if self.kinds == _ANY and len(name) == 11 and name.isdigit() and name.startswith("1"):
            kind = "phone"
        return IdentityInput(kind, name)
