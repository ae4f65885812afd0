"""A dry run: what would become of the orders, looked up in bulk, nothing written."""

from __future__ import annotations

import asyncio
from datetime import date

import msgspec

from huimeng.kernel.ids import cell_of
from huimeng.order.rules import OrderInput, content_hash
from huimeng.order.store import find_by_identity
from huimeng.porting.rules.faults import RowFault, shown
from huimeng.porting.rules.order_rows import Run
from huimeng.porting.rules.orders import Draft, assemble, order_input
from huimeng.porting.service.finding import MemberFinder
from huimeng.porting.service.importing import Context, ImportOptions, Told
from huimeng.porting.service.refunding import Refunder
from huimeng.porting.service.reporting import ConflictReport
from huimeng.porting.store.faults_file import FaultFile
from huimeng.porting.store.spill import Spill

# No order is in a store, and no member known, that is still to be created.
_TO_BE_CREATED = -1


async def check_orders(
    context: Context,
    finder: MemberFinder,
    spill: Spill,
    options: ImportOptions,
    errors: FaultFile,
    told: Told,
    refunder: Refunder,
) -> dict[str, int]:
    """The counts that an import would end with, and its error rows."""
    check = _Check(context, finder, options, errors, refunder)
    days = spill.days()
    total, done = sum(spill.lines(day) for day in days), 0
    told("check", 0, total, check.counts, last=True)
    for day in days:
        for runs in spill.parts(day):
            await check.take(date.fromordinal(day), runs)
        done += spill.lines(day)
        told("check", done, total, check.counts, last=done == total)
    await check.conflicts.flush()
    await refunder.flush()
    return check.counts


class _Check:
    def __init__(
        self,
        context: Context,
        finder: MemberFinder,
        options: ImportOptions,
        errors: FaultFile,
        refunder: Refunder,
    ) -> None:
        self._refunder = refunder
        self.counts = {"created": 0, "unchanged": 0, "conflict": 0, "refused": 0, "members_created": 0}
        self._context = context
        self._finder = finder
        self._options = options
        self._errors = errors
        self._cell_id = cell_of(finder.merchant_id)
        self._new_members: set[str] = set()
        self.conflicts = ConflictReport(context.db, self._cell_id, errors)

    async def take(self, day: date, runs: list[Run]) -> None:
        await self._finder.find({run[3] for run in runs})
        drafts: list[tuple[Draft, OrderInput]] = []
        closed: list[tuple[Draft, OrderInput]] = []
        for number, found in enumerate(assemble(runs, lambda number: self._refunder.names(number, day.toordinal()))):
            if isinstance(found, Draft) and found.status in ("open", "closed"):
                if found.status == "open" or not isinstance(found.store, int):
                    self._refunder.counts["left_out"] += 1
                else:
                    closed.append((found, order_input(found, self._options.source, day, found.store, None)))
                continue
            draft = found if isinstance(found, Draft) else None
            fault = None if isinstance(found, Draft) else found
            if draft is not None:
                member_id = self._member(draft)
                if draft.member and member_id is None and self._options.unknown_member == "error":
                    fault = RowFault(
                        draft.first_line, "unknown_member", value=shown(draft.member), order_no=draft.order_no
                    )
                else:
                    store_id = self._refunder.store_of(draft.store) or _TO_BE_CREATED
                    drafts.append((draft, order_input(draft, self._options.source, day, store_id, member_id)))
            if fault is not None:
                self.counts["refused"] += 1
                self._errors.add(msgspec.structs.replace(fault, business_day=day.isoformat()))
            if number % 64 == 0:
                await asyncio.sleep(0)
        await self._compare(drafts)
        if closed:
            await self._refunder.closed(closed)

    def _member(self, draft: Draft) -> int | None:
        member_id = self._finder.known.get(draft.member) if draft.member else None
        if draft.member and member_id is None and self._options.unknown_member == "create":
            if draft.member not in self._new_members:
                self._new_members.add(draft.member)
                self.counts["members_created"] += 1
            return _TO_BE_CREATED
        return member_id

    async def _compare(self, drafts: list[tuple[Draft, OrderInput]]) -> None:
        keys = [
            (self._cell_id, order.store_id, order.business_day, order.order_no, order.source) for _, order in drafts
        ]
        async with self._context.db.reader(self._finder.merchant_id) as conn:
            known = await find_by_identity(conn, keys)
        for (draft, order), key in zip(drafts, keys, strict=True):
            there = known.get(key)
            if there is None:
                self.counts["created"] += 1
                self._refunder.created(draft, order)
                await self._refunder.expect(draft, order)
            elif there.content_hash == content_hash(order, draft.status):
                self.counts["unchanged"] += 1
                if draft.returned:
                    await self._refunder.given_back(draft, order, there.order_id)
            elif await self._refunder.differs(draft, order, there.order_id):
                self.counts["unchanged"] += draft.status != "completed"
            else:
                self.counts["conflict"] += 1
                await self.conflicts.add(draft, order, there.order_id)
