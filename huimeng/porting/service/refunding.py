"""Refunds that a file tells of, through the till's own refund command; what is refunded already stays as it is."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal

import msgspec

from huimeng.checkout.commands import RefundOrder
from huimeng.checkout.rules import WantedLine, plan_refund
from huimeng.kernel.errors import BusinessError
from huimeng.kernel.ids import cell_of
from huimeng.merchant.values import Merchant
from huimeng.order.rules import Order, OrderInput, Status, content_hash
from huimeng.order.store import find_by_identity
from huimeng.porting.rules.faults import CellFault, RowFault
from huimeng.porting.rules.order_rows import is_return
from huimeng.porting.rules.orders import Draft
from huimeng.porting.rules.refunds import (
    BrokenRefund,
    Refund,
    gather,
    lines_to_end,
    marks,
    parts_given_back,
    parts_to_reach,
)
from huimeng.porting.service.importing import Context, ImportOptions, send
from huimeng.porting.store.faults_file import FaultFile
from huimeng.porting.store.sales import Sale, find_sales, load_orders, reasons_of
from huimeng.porting.store.spill import Spill

_AT_ONCE = 200
_REASON = "import"
_GONE = (Status.REFUNDED, Status.VOIDED)
Outcome = Literal["created", "unchanged"]


class _Wish(msgspec.Struct, frozen=True):
    """What is to become of a stored order. refund None: returned lines of it, or all of it when there are none.

    order_no: as the row has it, so a refund's own number where it has one.
    """

    order_id: int
    line: int
    order_no: str
    refund: Refund | None = None
    numbers: tuple[int, ...] = ()
    void: bool = False


class Refunder:
    """Counts refunds_created, refunds_unchanged, refunds_refused and left_out; dry: nothing is sent.

    since: when the job began, whose own refunds count as created when it goes on.
    """

    def __init__(
        self,
        context: Context,
        merchant: Merchant,
        options: ImportOptions,
        errors: FaultFile,
        stores: Mapping[str, int],
        since: datetime | None,
    ) -> None:
        self.counts = {"refunds_created": 0, "refunds_unchanged": 0, "refunds_refused": 0, "left_out": 0}
        # Orders that a dry run would create, of those that refunds of the file name.
        self.named: set[str] = set()
        self.expected: set[str] = set()
        self._context = context
        self._merchant_id = merchant.merchant_id
        self._cell_id = cell_of(merchant.merchant_id)
        self._currency = merchant.currency
        self._options = options
        self._errors = errors
        self._stores = stores
        self._since = since
        self._waiting: list[_Wish] = []
        self._planned: dict[int, Order] = {}

    # Orders of the file that turn out to be refunded.

    async def given_back(self, draft: Draft, order_id: int) -> None:
        """A completed order of which lines were given back since."""
        await self._add(_Wish(order_id, draft.first_line, draft.order_no, numbers=draft.returned))

    async def differs(self, draft: Draft, order: OrderInput, order_id: int) -> bool:
        """Whether an order that is there otherwise is one that is refunded now; if not, it is a conflict."""
        if draft.status in ("refunded", "voided"):
            key = (self._cell_id, order.store_id, order.business_day, order.order_no, order.source)
            async with self._context.db.reader(self._merchant_id) as conn:
                known = (await find_by_identity(conn, [key])).get(key)
            if known is None or known.content_hash != content_hash(order, "completed"):
                return False
            void = draft.status == "voided"
            await self._add(_Wish(order_id, draft.first_line, draft.order_no, void=void))
            return True
        if draft.status != "completed" or not is_return(draft.lines):
            return False
        async with self._context.db.reader(self._merchant_id) as conn:
            there = (await load_orders(conn, self._cell_id, [order_id])).get(order_id)
        if there is None or there.paid_fen <= 0:
            return False
        day = order.business_day.toordinal()
        refund = Refund(draft.store, draft.order_no, draft.order_no, day, draft.first_line, tuple(draft.lines))
        await self._add(_Wish(order_id, draft.first_line, draft.order_no, refund))
        return True

    async def closed(self, found: Sequence[tuple[Draft, OrderInput]]) -> None:
        """Orders that ended on a platform: what was taken of them before is voided, the others are left out."""
        keys = [(self._cell_id, order.store_id, order.business_day, order.order_no, order.source) for _, order in found]
        async with self._context.db.reader(self._merchant_id) as conn:
            known = await find_by_identity(conn, keys)
        for (draft, _), key in zip(found, keys, strict=True):
            there = known.get(key)
            if there is None:
                self.counts["left_out"] += 1
            else:
                await self._add(_Wish(there.order_id, draft.first_line, draft.order_no, void=True))

    # Refunds that are rows of their own.

    async def run(self, spill: Spill) -> None:
        """After all orders of the file: a refund may stand before its order."""
        for day in spill.days():
            for runs in spill.parts(day):
                await self._take(date.fromordinal(day), gather(runs, day))
        await self.flush()

    async def _take(self, day: date, refunds: Sequence[Refund | BrokenRefund]) -> None:
        numbers = sorted({each.order_no for each in refunds if isinstance(each, Refund)})
        async with self._context.db.reader(self._merchant_id) as conn:
            sales = await find_sales(conn, self._cell_id, self._options.source, numbers)
        for refund in refunds:
            if isinstance(refund, BrokenRefund):
                line = refund.line
                self._refuse(RowFault(line, "order_incomplete", note=str(line), order_no=refund.number))
                continue
            number = refund.number or refund.order_no
            try:
                sale = self._sale(refund, day, sales.get(refund.order_no, []))
            except CellFault as fault:
                if self._options.dry_run and refund.order_no in self.expected:
                    self.counts["refunds_created"] += 1
                elif not refund.returned:
                    # An order that was not taken has said so itself.
                    self._refuse(RowFault(refund.first_line, fault.code, note=fault.note, order_no=number))
                continue
            await self._add(_Wish(sale.order_id, refund.first_line, number, refund))

    def _sale(self, refund: Refund, day: date, sales: Sequence[Sale]) -> Sale:
        """CellFault when the order isn't there, or when it can't be told which of several is meant."""
        store_id = refund.store if isinstance(refund.store, int) else self._stores.get(refund.store)
        here = [sale for sale in sales if sale.store_id == store_id]
        same_day = [sale for sale in here if sale.business_day == day]
        if refund.returned or (refund.number == refund.order_no and same_day):
            found = same_day
        else:
            found = [sale for sale in here or sales if sale.business_day <= day]
        if not found:
            raise CellFault("refund_without_order", refund.order_no)
        if len(found) > 1:
            raise CellFault("refund_ambiguous", refund.order_no)
        return found[0]

    # Doing it.

    async def _add(self, wish: _Wish) -> None:
        self._waiting.append(wish)
        if len(self._waiting) >= _AT_ONCE:
            await self.flush()

    async def flush(self) -> None:
        """In rounds, so that each refund of an order sees the one before."""
        while self._waiting:
            now: dict[int, _Wish] = {}
            later: list[_Wish] = []
            for wish in self._waiting:
                if wish.order_id in now:
                    later.append(wish)
                else:
                    now[wish.order_id] = wish
            self._waiting = later
            await self._round(list(now.values()))

    async def _round(self, wishes: Sequence[_Wish]) -> None:
        ids = [wish.order_id for wish in wishes]
        async with self._context.db.reader(self._merchant_id) as conn:
            orders = dict(await load_orders(conn, self._cell_id, ids))
            reasons = await reasons_of(conn, self._cell_id, ids)
        orders |= {order_id: order for order_id, order in self._planned.items() if order_id in orders}
        await asyncio.gather(*(self._one(wish, orders[wish.order_id], reasons) for wish in wishes))

    async def _one(self, wish: _Wish, order: Order, reasons: Mapping[int, Sequence[tuple[str, datetime]]]) -> None:
        refund = wish.refund
        try:
            reason = _REASON
            if refund is not None and not refund.returned:
                # By id: a store that this file creates is only a code the first time.
                store = self._stores.get(refund.store, 0) if isinstance(refund.store, str) else refund.store
                which, said = marks(self._options.source, msgspec.structs.replace(refund, store=store))
                told = reasons.get(wish.order_id, ())
                before = next(((r, at) for r, at in told if f"#{which}" in r), None)
                if before is not None:
                    if not before[0].endswith(said):
                        raise CellFault("conflict", refund.number)
                    new = self._since is not None and before[1] >= self._since
                    self.counts["refunds_created" if new else "refunds_unchanged"] += 1
                    return
                if any(r == _REASON for r, _ in told):
                    raise CellFault("refund_told_otherwise", refund.order_no)
                reason = f"{_REASON} {refund.number} #{which}:{said}"
            wanted = _wanted(wish, order)
            if wanted is not None and not wanted:
                self.counts["refunds_unchanged"] += 1
                return
            await self._send(wish, order, wanted, reason)
        except CellFault as fault:
            self._refuse(RowFault(wish.line, fault.code, note=fault.note, order_no=wish.order_no))
        except BusinessError as refusal:
            zh, en = refusal.text("zh"), refusal.text("en")
            self._refuse(RowFault(wish.line, "refused", note=zh, order_no=wish.order_no, note_en=en))
        else:
            self.counts["refunds_created"] += 1

    async def _send(self, wish: _Wish, order: Order, wanted: list[WantedLine] | None, reason: str) -> None:
        if self._options.dry_run:
            for part in plan_refund(order, wanted, self._currency):
                order.lines[part.line_no] = part.after
            self._planned[order.order_id] = order
            return
        # The same when it is sent again because no answer came; another once the order stands otherwise.
        state = [order.order_id, order.refunded_fen, [str(line.refunded_quantity) for line in order.lines.values()]]
        key = hashlib.blake2b(msgspec.json.encode([state, reason, repr(wanted)]), digest_size=16).hexdigest()
        command = RefundOrder(self._cell_id, order.order_id, wanted, key=f"import:{key}", reason=reason, void=wish.void)
        await send(self._context.teller, command)

    def _refuse(self, fault: RowFault) -> None:
        self.counts["refunds_refused"] += 1
        self._errors.add(fault)


def _wanted(wish: _Wish, order: Order) -> list[WantedLine] | None:
    """None: all that is left; empty: nothing is to be done."""
    if wish.refund is not None:
        if wish.refund.returned:
            return parts_to_reach(order, wish.refund.returned)
        return parts_given_back(order, wish.refund.lines)
    if wish.numbers:
        return lines_to_end(order, wish.numbers)
    return [] if order.status in _GONE else None
