"""Hands the orders of a spill to the Teller, a few batches ahead, and counts what becomes of them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

import msgspec

from huimeng.checkout.commands import ImportOrder, ImportOutcome, ImportStatus
from huimeng.infra.crypto import MerchantKeys
from huimeng.infra.teller import Reply
from huimeng.kernel.errors import BusinessError, InvalidInput, Unavailable
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import utc_now
from huimeng.member.service import import_member
from huimeng.member.values import MemberInput
from huimeng.order.rules import OrderInput
from huimeng.porting.rules.faults import RowFault, shown
from huimeng.porting.rules.order_rows import Run
from huimeng.porting.rules.orders import Draft, assemble, order_input
from huimeng.porting.service.finding import MemberFinder
from huimeng.porting.service.importing import Context, ImportOptions, Told, enqueue, keep_job, send
from huimeng.porting.service.refunding import Refunder
from huimeng.porting.service.reporting import ConflictReport
from huimeng.porting.store.faults_file import FaultFile
from huimeng.porting.store.jobs import Job
from huimeng.porting.store.spill import Spill

# Under way at once: a big batch in the Teller's hands and the next one waiting, so that it is never idle.
_WINDOW_WEIGHT = 40_960
_JOB_SAVED_SECONDS = 1.0
# Other work of this process gets its turn after so many orders.
_BREATH_ORDERS = 16


_IMPORTED_AS: dict[str, ImportStatus] = {"completed": "completed", "refunded": "refunded", "voided": "voided"}


class _Flight(msgspec.Struct):
    """An order on its way, or a fault that takes its turn among them. lines: of the spill, for the progress."""

    day: int
    lines: int
    fault: RowFault | None = None
    answer: asyncio.Future[Reply] | None = None
    command: ImportOrder | None = None
    draft: Draft | None = None

    @property
    def weight(self) -> int:
        return 0 if self.command is None else self.command.weight

    @property
    def is_over(self) -> bool:
        return self.answer is None or self.answer.done()


class OrderTaker:
    """Takes the days of a spill in order, beginning after the job's position."""

    def __init__(
        self,
        context: Context,
        finder: MemberFinder,
        keys: MerchantKeys,
        job: Job,
        options: ImportOptions,
        stores: Mapping[str, int],
        errors: FaultFile,
        told: Told,
        refunder: Refunder,
    ) -> None:
        self._refunder = refunder
        self._context = context
        self._finder = finder
        self._keys = keys
        self._merchant_id = keys.merchant_id
        self._cell_id = cell_of(keys.merchant_id)
        self._job = job
        self._options = options
        self._stores = stores
        self._errors = errors
        self._told = told
        self._conflicts = ConflictReport(context.db, self._cell_id, errors)
        self._flights: deque[_Flight] = deque()
        self._weight = 0
        self._landed_day = 0
        self._saved_at = time.monotonic()
        self._lines = 0
        self._total = 0
        names = ("created", "unchanged", "conflict", "refused", "members_created")
        self._counts = {name: job.counts.get(name, 0) for name in names}

    async def run(self, spill: Spill) -> dict[str, int]:
        """The counts; what a killed run had taken after its position counts as created by this job."""
        days = spill.days()
        self._total = sum(spill.lines(day) for day in days)
        # The first orders come back only after many were given.
        self._told("write", 0, self._total, self._counts, last=True)
        after = self._job.position.toordinal() if self._job.position is not None else 0
        try:
            for day in days:
                if day <= after:
                    self._lines += spill.lines(day)
                    continue
                for runs in spill.parts(day):
                    await self._take(day, runs)
            while self._flights:
                await self._land()
            await self._conflicts.flush()
            await self._refunder.flush()
        finally:
            self._abandon()
        self._told("write", self._total, self._total, self._counts, last=True)
        return self._counts

    async def _take(self, day: int, runs: list[Run]) -> None:
        await self._finder.find({run[3] for run in runs})
        if self._options.unknown_member == "create":
            await self._create_members(run[3] for run in runs)
        date_of_day = date.fromordinal(day)
        closed: list[tuple[Draft, OrderInput]] = []
        for number, found in enumerate(assemble(runs, lambda number: self._refunder.names(number, day)), 1):
            flight = self._flight(day, date_of_day, found, closed)
            if flight.command is not None:
                flight.answer = await enqueue(self._context.teller, flight.command)
            self._flights.append(flight)
            self._weight += flight.weight
            if number % _BREATH_ORDERS == 0:
                await asyncio.sleep(0)
            while self._weight > _WINDOW_WEIGHT or (self._flights and self._flights[0].is_over):
                await self._land()
        if closed:
            await self._refunder.closed(closed)

    def _flight(
        self, day: int, date_of_day: date, found: Draft | RowFault, closed: list[tuple[Draft, OrderInput]]
    ) -> _Flight:
        if isinstance(found, RowFault):
            return _Flight(day, 0, fault=_dated(found, date_of_day))
        if found.status == "open":
            self._refunder.counts["left_out"] += 1
            return _Flight(day, _spilled(found))
        store_id = found.store if isinstance(found.store, int) else self._stores.get(found.store)
        member_id = self._finder.known.get(found.member) if found.member else None
        code = ""
        if store_id is None:
            code = "unknown_store"
        elif found.status == "closed":
            closed.append((found, order_input(found, self._options.source, date_of_day, store_id, None)))
            return _Flight(day, _spilled(found))
        elif found.member and member_id is None and self._options.unknown_member != "anonymous":
            code = "unknown_member"
        if store_id is None or code:
            value = str(found.store) if code == "unknown_store" else found.member
            fault = RowFault(found.first_line, code, value=shown(value), order_no=found.order_no)
            return _Flight(day, _spilled(found), fault=_dated(fault, date_of_day))
        order = order_input(found, self._options.source, date_of_day, store_id, member_id)
        command = ImportOrder(self._cell_id, order, self._options.earn, _IMPORTED_AS[found.status])
        return _Flight(day, _spilled(found), command=command, draft=found)

    async def _land(self) -> None:
        """The oldest flight's outcome; commands are answered in the order in which they were given."""
        flight = self._flights[0]
        reply: Reply | None = None
        fault = flight.fault
        if flight.answer is not None and flight.command is not None:
            try:
                try:
                    reply = await flight.answer
                except Unavailable:
                    reply = await send(self._context.teller, flight.command)
            except BusinessError as refusal:
                fault = _refused(flight, refusal)
        self._flights.popleft()
        self._weight -= flight.weight
        if flight.day != self._landed_day:
            if self._landed_day:
                await self._day_done(self._landed_day)
            self._landed_day = flight.day
        self._lines += flight.lines
        if fault is not None:
            self._counts["refused"] += 1
            self._errors.add(fault)
        elif reply is not None:
            await self._count(flight, reply.value)
        self._told("write", self._lines, self._total, self._counts)

    async def _count(self, flight: _Flight, outcome: ImportOutcome) -> None:
        draft, command = flight.draft, flight.command
        if outcome.outcome == "conflict" and draft is not None and command is not None:
            if await self._refunder.differs(draft, command.order, outcome.order_id):
                # The order stands as it was taken; what became of it since counts as a refund.
                self._counts["unchanged"] += draft.status != "completed"
                return
            await self._conflicts.add(draft, command.order, outcome.order_id)
        elif draft is not None and command is not None and draft.returned:
            await self._refunder.given_back(draft, command.order, outcome.order_id)
        own = self._job.resumed and outcome.since is not None and outcome.since >= self._job.started_at
        name = "created" if own and outcome.outcome == "unchanged" else outcome.outcome
        self._counts[name] += 1
        if name == "created" and draft is not None and command is not None:
            self._refunder.created(draft, command.order)

    def _abandon(self) -> None:
        """What was not begun is left; an answer that nobody waits for any more is no surprise."""
        for flight in self._flights:
            if flight.answer is not None and not flight.answer.cancel() and not flight.answer.cancelled():
                flight.answer.exception()

    async def _day_done(self, day: int) -> None:
        if time.monotonic() - self._saved_at < _JOB_SAVED_SECONDS:
            return
        await self._conflicts.flush()
        await self._refunder.flush()
        self._errors.flush()
        counts = self._counts | self._refunder.counts
        await keep_job(self._context, self._merchant_id, self._job, date.fromordinal(day), counts)
        self._saved_at = time.monotonic()

    async def _create_members(self, names: Iterable[str]) -> None:
        """One at a time would wait for one batch each."""
        unknown = sorted({name for name in names if name and self._finder.known.get(name) is None})
        now = utc_now()

        async def create(name: str) -> None:
            given = MemberInput(identities=[self._finder.identity(name)])
            try:
                command = import_member(self._cell_id, self._keys, given, now=now)
                reply = await send(self._context.teller, command)
            except InvalidInput:
                return
            self._finder.known[name] = reply.value.member_id
            self._counts["members_created"] += reply.value.outcome == "created"

        for chunk in _chunks(unknown, 500):
            await asyncio.gather(*map(create, chunk))


def _spilled(draft: Draft) -> int:
    """As the spill counts: each line, and the order itself."""
    return len(draft.lines) + 1


def _chunks(names: list[str], size: int) -> Iterator[list[str]]:
    return (names[i : i + size] for i in range(0, len(names), size))


def _dated(fault: RowFault, day: date) -> RowFault:
    return msgspec.structs.replace(fault, business_day=day.isoformat())


def _refused(flight: _Flight, refusal: BusinessError) -> RowFault:
    assert flight.draft is not None
    day = date.fromordinal(flight.day).isoformat()
    notes = refusal.text("zh"), refusal.text("en")
    return RowFault(flight.draft.first_line, "refused", "", "", notes[0], day, flight.draft.order_no, notes[1])
