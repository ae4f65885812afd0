"""Refunds that a file tells of, through the till's own refund command; what is refunded already stays as it is."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime
from typing import Literal

import msgspec

from huimeng.checkout.commands import RefundOrder
from huimeng.checkout.rules import WantedLine, is_done, plan_refund
from huimeng.kernel.errors import BusinessError
from huimeng.kernel.ids import cell_of
from huimeng.merchant.values import Merchant
from huimeng.order.rules import Order, OrderInput, Status, content_hash
from huimeng.order.store import find_by_identity
from huimeng.porting.rules.faults import CellFault, RowFault
from huimeng.porting.rules.order_rows import StoreKey, is_return
from huimeng.porting.rules.orders import Draft
from huimeng.porting.rules.refunds import (
    BrokenRefund,
    Refund,
    as_stored,
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

    order_no: as the row has it, so a refund's own number where it has one. day: of the order that says so itself, by
    which an import that goes on knows what it has told; "" for rows of their own, which are all looked at again.
    """

    order_id: int
    line: int
    order_no: str
    refund: Refund | None = None
    numbers: tuple[int, ...] = ()
    void: bool = False
    day: str = ""


class Refunder:
    """Counts refunds_created, refunds_unchanged, refunds_refused, left_out and returns; dry: nothing is sent.

    since: when a job began that goes on, whose own refunds count as created; None: it has just begun. named: numbers
    of the orders that refunds of the file name, with the day's ordinal where it is known which of them.
    """

    def __init__(
        self,
        context: Context,
        merchant: Merchant,
        options: ImportOptions,
        errors: FaultFile,
        stores: Mapping[str, int],
        since: datetime | None,
        named: Set[tuple[str, int | None]],
    ) -> None:
        self.counts = {"refunds_created": 0, "refunds_unchanged": 0, "refunds_refused": 0, "left_out": 0, "returns": 0}
        # A dry run keeps the orders that would be created, of those that refunds of the file name.
        self._expected: dict[str, list[Sale]] = {}
        self._context = context
        self._merchant_id = merchant.merchant_id
        self._cell_id = cell_of(merchant.merchant_id)
        self._currency = merchant.currency
        self._options = options
        self._errors = errors
        self._stores = stores
        self._since = since
        self._named = named
        self._waiting: list[_Wish] = []
        # Of a dry run: orders as they would then stand, and the reasons of the refunds that it would write.
        self._planned: dict[int, Order] = {}
        self._reasons: dict[int, list[tuple[str, datetime]]] = {}

    def store_of(self, key: StoreKey) -> int | None:
        """By id: a store that this file creates is only a code the first time."""
        return key if isinstance(key, int) else self._stores.get(key)

    def created(self, draft: Draft, order: OrderInput) -> None:
        """An order that is new: one that only gives back is a return."""
        self.counts["returns"] += draft.status == "completed" and order.is_return

    # Orders of the file that turn out to be refunded.

    def names(self, order_no: str, day: int) -> bool:
        """Whether the file tells of a refund of this order."""
        return (order_no, day) in self._named or (order_no, None) in self._named

    async def expect(self, draft: Draft, order: OrderInput) -> None:
        """An order that a dry run would create."""
        if not draft.returned and not self.names(draft.order_no, order.business_day.toordinal()):
            return
        found = as_stored(order, draft.status, -1 - len(self._planned))
        self._planned[found.order_id] = found
        if order.paid_fen >= 0:
            sale = Sale(found.order_id, order.store_id, order.business_day)
            self._expected.setdefault(order.order_no, []).append(sale)
        if found.status in _GONE:
            self._reasons[found.order_id] = [(_REASON, found.created_at)]
        if draft.returned:
            await self.given_back(draft, order, found.order_id)

    async def given_back(self, draft: Draft, order: OrderInput, order_id: int) -> None:
        """A completed order of which lines were given back since."""
        day = order.business_day.isoformat()
        await self._add(_Wish(order_id, draft.first_line, draft.order_no, numbers=draft.returned, day=day))

    async def differs(self, draft: Draft, order: OrderInput, order_id: int) -> bool:
        """Whether an order that is there otherwise is one that is refunded now; if not, it is a conflict."""
        if draft.status in ("refunded", "voided"):
            key = (self._cell_id, order.store_id, order.business_day, order.order_no, order.source)
            async with self._context.db.reader(self._merchant_id) as conn:
                known = (await find_by_identity(conn, [key])).get(key)
            if known is None or known.content_hash != content_hash(order, "completed"):
                return False
            void, on = draft.status == "voided", order.business_day.isoformat()
            await self._add(_Wish(order_id, draft.first_line, draft.order_no, void=void, day=on))
            return True
        if draft.status != "completed" or not is_return(draft.lines):
            return False
        async with self._context.db.reader(self._merchant_id) as conn:
            there = (await load_orders(conn, self._cell_id, [order_id])).get(order_id)
        if there is None or there.paid_fen <= 0:
            return False
        day = order.business_day.toordinal()
        refund = Refund(draft.store, draft.order_no, draft.order_no, day, draft.first_line, tuple(draft.lines))
        on = order.business_day.isoformat()
        await self._add(_Wish(order_id, draft.first_line, draft.order_no, refund, day=on))
        return True

    async def closed(self, found: Sequence[tuple[Draft, OrderInput]]) -> None:
        """Orders that ended on a platform: what was taken of them before is voided, the others are left out."""
        keys = [(self._cell_id, order.store_id, order.business_day, order.order_no, order.source) for _, order in found]
        async with self._context.db.reader(self._merchant_id) as conn:
            known = await find_by_identity(conn, keys)
        for (draft, order), key in zip(found, keys, strict=True):
            there = known.get(key)
            if there is None:
                self.counts["left_out"] += 1
            else:
                on = order.business_day.isoformat()
                await self._add(_Wish(there.order_id, draft.first_line, draft.order_no, void=True, day=on))

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
                there = [*sales.get(refund.order_no, ()), *self._expected.get(refund.order_no, ())]
                sale = self._sale(refund, day, there)
            except CellFault as fault:
                if not refund.returned:
                    # An order that was not taken has said so itself.
                    self._refuse(RowFault(refund.first_line, fault.code, note=fault.note, order_no=number))
                continue
            await self._add(_Wish(sale.order_id, refund.first_line, number, refund))

    def _sale(self, refund: Refund, day: date, sales: Sequence[Sale]) -> Sale:
        """CellFault when the order isn't there, or when it can't be told which of several is meant."""
        store_id = self.store_of(refund.store)
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
        for order_id in ids:
            if order_id in self._planned:
                orders[order_id] = self._planned[order_id]
            reasons.setdefault(order_id, []).extend(self._reasons.get(order_id, ()))
        await asyncio.gather(*(self._one(wish, orders[wish.order_id], reasons) for wish in wishes))

    async def _one(self, wish: _Wish, order: Order, reasons: Mapping[int, Sequence[tuple[str, datetime]]]) -> None:
        refund, told = wish.refund, reasons[wish.order_id]
        try:
            reason = _REASON
            if refund is not None and not refund.returned:
                store = self.store_of(refund.store) or 0
                which, said = marks(self._options.source, msgspec.structs.replace(refund, store=store))
                before = next(((r, at) for r, at in told if f"#{which}" in r), None)
                if before is not None:
                    if not before[0].endswith(said):
                        raise CellFault("conflict", refund.number)
                    self._count_told([before])
                    return
                if any(r == _REASON for r, _ in told):
                    raise CellFault("refund_told_otherwise", refund.order_no)
                reason = f"{_REASON} {refund.number} #{which}:{said}"
            wanted = _wanted(wish, order)
            if wanted is not None and not wanted:
                self._count_told([each for each in told if each[0] == _REASON])
                return
            await self._send(wish, order, wanted, reason)
        except CellFault as fault:
            self._refuse(RowFault(wish.line, fault.code, "", "", fault.note, wish.day, wish.order_no))
        except BusinessError as refusal:
            zh, en = refusal.text("zh"), refusal.text("en")
            self._refuse(RowFault(wish.line, "refused", "", "", zh, wish.day, wish.order_no, en))
        else:
            self.counts["refunds_created"] += 1

    def _count_told(self, told: Sequence[tuple[str, datetime]]) -> None:
        """A refund that is there already, by the refunds that may be it: created by this job, or before it."""
        own = self._since is not None and any(at >= self._since for _, at in told)
        self.counts["refunds_created" if own else "refunds_unchanged"] += 1

    async def _send(self, wish: _Wish, order: Order, wanted: list[WantedLine] | None, reason: str) -> None:
        if self._options.dry_run:
            for part in plan_refund(order, wanted, self._currency):
                order.lines[part.line_no] = part.after
            if wish.void or is_done(order):
                order.status = Status.VOIDED if wish.void else Status.REFUNDED
            self._planned[order.order_id] = order
            self._reasons.setdefault(order.order_id, []).append((reason, order.created_at))
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
