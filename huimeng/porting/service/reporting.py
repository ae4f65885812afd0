"""Conflicts are reported with what differs, which is looked up for many at once."""

from __future__ import annotations

from huimeng.infra.database import Database
from huimeng.kernel.ids import merchant_of
from huimeng.order.rules import OrderInput
from huimeng.porting.rules.faults import RowFault
from huimeng.porting.rules.orders import Draft, differences
from huimeng.porting.store.faults_file import FaultFile
from huimeng.porting.store.sales import load_orders

_AT_ONCE = 200


class ConflictReport:
    def __init__(self, db: Database, cell_id: int, errors: FaultFile) -> None:
        self._db = db
        self._cell_id = cell_id
        self._errors = errors
        self._waiting: list[tuple[Draft, OrderInput, int]] = []

    async def add(self, draft: Draft, order: OrderInput, order_id: int) -> None:
        self._waiting.append((draft, order, order_id))
        if len(self._waiting) >= _AT_ONCE:
            await self.flush()

    async def flush(self) -> None:
        if not self._waiting:
            return
        async with self._db.reader(merchant_of(self._cell_id)) as conn:
            kept = await load_orders(conn, self._cell_id, [order_id for _, _, order_id in self._waiting])
        for draft, order, order_id in self._waiting:
            there = kept.get(order_id)
            zh = "" if there is None else differences(there, order, draft.status, "zh")
            en = "" if there is None else differences(there, order, draft.status)
            day = order.business_day.isoformat()
            self._errors.add(RowFault(draft.first_line, "conflict", "", "", zh, day, draft.order_no, en))
        self._waiting.clear()
