"""Members of a file, with the balances they bring along."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from huimeng.infra.crypto import MerchantKeys
from huimeng.infra.teller import Command, rehearse
from huimeng.kernel.errors import BusinessError, InvalidInput
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import utc_now
from huimeng.ledger.store import AccountShelf
from huimeng.member.commands import ImportMember
from huimeng.member.service import import_member
from huimeng.member.store import IdentityShelf, MemberShelf
from huimeng.member.values import ImportOutcome
from huimeng.merchant.service import get_merchant, merchant_keys
from huimeng.merchant.values import Merchant
from huimeng.porting.commands import OpenBalance
from huimeng.porting.rules.columns import MEMBER_COLUMNS, Header
from huimeng.porting.rules.faults import FAULT_HEADER, RowFault
from huimeng.porting.rules.masking import MASKS, masked_cell
from huimeng.porting.rules.members import MemberRecord, MemberRows, MemberSettings
from huimeng.porting.rules.order_rows import settings_latest
from huimeng.porting.service.importing import (
    Context,
    ImportOptions,
    ImportResult,
    Progress,
    Told,
    check_options,
    keep_job,
    open_errors,
    open_job,
    send,
    silent,
)
from huimeng.porting.service.taking_in import keep_mapping, open_file
from huimeng.porting.store.blocks import Reading, Source, header_of
from huimeng.porting.store.expected import ExpectedMembers
from huimeng.porting.store.faults_file import FaultFile
from huimeng.porting.store.folders import work_folder
from huimeng.porting.store.jobs import Job, Opening, OpeningShelf

# Members under way at once, and bytes of the file that are parsed between two turns of the others.
_WINDOW = 300
_BLOCK_BYTES = 1 << 16
_JOB_SAVED_SECONDS = 1.0
# Faults that come from what is stored; those of a row's cells are found again when an import goes on.
_STORED_CODES = {"conflict", "refused", "not_valid"}
_SHELVES = {shelf.name: shelf for shelf in (MemberShelf(), IdentityShelf(), OpeningShelf(), AccountShelf())}
# The columns of a file by the fields that members' checks name.
_LABELS = {field: names[1] for field, names in MEMBER_COLUMNS.items()}
_FIELDS = {"identities": "external_id", "source.channel": "join_source"}


async def import_members(
    context: Context,
    merchant_id: int,
    path: Path,
    options: ImportOptions | None = None,
    progress: Progress = silent,
) -> ImportResult:
    """Brings in new members and their opening balances, once; ImportFileError before anything is written.

    counts: created, linked (a known member got what it lacked), unchanged, conflict, refused, openings_created.
    """
    options = options or ImportOptions()
    check_options(options)
    started = time.monotonic()
    told = Told(progress)
    with work_folder(options.work_dir) as folder:
        taken = await open_file(context, merchant_id, "members", path, folder, MEMBER_COLUMNS, options, told)
        source, header = taken.source, header_of(taken.source, MEMBER_COLUMNS)
        if not {"external_id", "phone", "card_no"} & header.places.keys():
            header_of(source, MEMBER_COLUMNS, ("external_id",))
        async with context.db.tenant(merchant_id) as conn:
            merchant = await get_merchant(conn, merchant_id)
            keys = await merchant_keys(conn, context.vault, merchant_id)
        with open_errors(path, options) as errors, closing(ExpectedMembers(folder)) as expected:
            await keep_mapping(context, merchant_id, "members", options)
            job = None
            if options.dry_run:
                errors.begin()
            else:
                job = await open_job(context, merchant_id, "members", path, options, errors)
                errors.begin(lambda row: _is_done(row, job))
            work = _MemberImport(context, merchant, keys, options, errors, told, job, expected)
            await work.run(source, header)
            kept = errors.close()
    work.counts |= work.reader.told()
    return ImportResult(
        kind="members",
        dry_run=options.dry_run,
        resumed=job is not None and job.resumed,
        rows=work.reader.rows,
        bad_rows=work.reader.bad_rows,
        counts={name: count for name, count in work.counts.items() if name != "line"},
        unknown_columns=header.unknown,
        error_file=errors.path if kept else None,
        seconds=round(time.monotonic() - started, 3),
        source=options.source,
    )


def _is_done(row: Sequence[str], job: Job | None) -> bool:
    """Whether a row of the error file is about a line that an interrupted import has dealt with."""
    line, code = row[FAULT_HEADER.index("line")], row[FAULT_HEADER.index("code")]
    return job is not None and code in _STORED_CODES and line.isdigit() and int(line) <= job.counts.get("line", 0)


class _Outcome(msgspec.Struct, frozen=True):
    name: str
    opened: bool = False
    fault: RowFault | None = None
    member_id: int | None = None


class _MemberImport:
    reader: MemberRows
    # By the names of columns, whose cells they hold.
    _personal: dict[str, str]

    def __init__(
        self,
        context: Context,
        merchant: Merchant,
        keys: MerchantKeys,
        options: ImportOptions,
        errors: FaultFile,
        told: Told,
        job: Job | None,
        expected: ExpectedMembers,
    ) -> None:
        # line: the last one that is dealt with.
        names = ("created", "linked", "unchanged", "conflict", "refused", "openings_created", "line")
        self.counts = dict.fromkeys(names, 0) | (job.counts if job is not None else {})
        self._context = context
        self._merchant = merchant
        self._keys = keys
        self._options = options
        self._errors = errors
        self._told = told
        self._job = job
        self._expected = expected
        self._now = utc_now()
        self._cell_id = cell_of(merchant.merchant_id)
        self._flights: deque[tuple[int, asyncio.Task[_Outcome]]] = deque()
        self._saved_at = time.monotonic()

    async def run(self, source: Source, header: Header) -> None:
        settings = MemberSettings(
            timezone=self._merchant.timezone,
            source_timezone=self._options.source_timezone or self._merchant.timezone,
            latest=settings_latest(self._now),
            far=datetime(2199, 12, 31, tzinfo=self._now.tzinfo),
            date_order=self._options.date_order,
            mainland=self._merchant.currency == "CNY",
        )
        self._personal = {header.name_of(field): field for field in MASKS if field in header.places}
        self.reader = MemberRows(header, settings, self._tell)
        reading = Reading(source, self.reader, source.start, source.size, source.header_lines, block_bytes=_BLOCK_BYTES)
        total, after = source.size - source.start, self.counts["line"]
        try:
            for done in reading.steps():
                await self._take(after)
                self._told("write", done, total, self.counts)
            self.reader.finish()
            await self._take(after)
            while self._flights:
                await self._land()
        finally:
            for _, task in self._flights:
                task.cancel()
            await asyncio.gather(*(task for _, task in self._flights), return_exceptions=True)
        self._told("write", total, total, self.counts, last=True)
        if self._job is not None:
            await keep_job(self._context, self._merchant.merchant_id, self._job, None, self.counts, finished=True)

    async def _take(self, after: int) -> None:
        records = [record for record in self.reader.records if record.line > after]
        self.reader.records.clear()
        if self._options.dry_run:
            for start in range(0, len(records), _WINDOW):
                await self._check(records[start : start + _WINDOW])
            return
        for record in records:
            self._flights.append((record.line, asyncio.create_task(self._one(record))))
            while len(self._flights) > _WINDOW:
                await self._land()
        # Also when a block held nothing new.
        await asyncio.sleep(0)

    async def _land(self) -> None:
        line, task = self._flights[0]
        outcome = await task
        self._flights.popleft()
        self._count(line, outcome)
        self.counts["line"] = line
        if self._job is not None and time.monotonic() - self._saved_at >= _JOB_SAVED_SECONDS:
            self._errors.flush()
            await keep_job(self._context, self._merchant.merchant_id, self._job, None, self.counts)
            self._saved_at = time.monotonic()

    def _tell(self, fault: RowFault) -> None:
        """Enough to find the cell by: what tells of a person is masked, as everywhere else."""
        like = self._personal.get(fault.column)
        masked = fault.value if like is None else masked_cell(like, fault.value)
        self._errors.add(msgspec.structs.replace(fault, value=masked))

    def _count(self, line: int, outcome: _Outcome) -> None:
        self.counts[outcome.name] += 1
        self.counts["openings_created"] += outcome.opened
        fault, member_id = outcome.fault, outcome.member_id
        if fault is not None:
            before = None if member_id is None else self._expected.line_of(member_id)
            self._tell(fault if before is None else _beside(fault, before))
        elif member_id is not None:
            self._expected.keep_line(member_id, line)

    async def _one(self, record: MemberRecord) -> _Outcome:
        try:
            command = import_member(self._cell_id, self._keys, record.member, now=self._now)
            done = (await send(self._context.teller, command)).value
            opening = self._opening(record, done)
            opened = "" if opening is None else (await send(self._context.teller, opening)).value.outcome
        except BusinessError as refusal:
            return _refused(record, refusal, self.reader)
        return _outcome(record, done, opened, self.reader)

    async def _check(self, records: Sequence[MemberRecord]) -> None:
        """What _one would come to, for many at once, after all rows before them."""
        commands: list[tuple[MemberRecord, ImportMember]] = []
        outcomes: dict[int, _Outcome] = {}
        for record in records:
            try:
                commands.append((record, import_member(self._cell_id, self._keys, record.member, now=self._now)))
            except InvalidInput as refusal:
                outcomes[record.line] = _refused(record, refusal, self.reader)
        answers = await self._rehearse([command for _, command in commands])
        taken = [(record, done) for (record, _), done in zip(commands, answers, strict=True)]
        openings = {
            record.line: opening
            for record, done in taken
            if isinstance(done, ImportOutcome) and (opening := self._opening(record, done)) is not None
        }
        opened = dict(zip(openings, await self._rehearse(list(openings.values())), strict=True))
        for record, done in taken:
            told = opened.get(record.line)
            refused = [each for each in (done, told) if isinstance(each, BusinessError)]
            if refused:
                outcomes[record.line] = _refused(record, refused[0], self.reader)
            else:
                outcomes[record.line] = _outcome(record, done, "" if told is None else told.outcome, self.reader)
        for record in records:
            self._count(record.line, outcomes[record.line])

    async def _rehearse(self, commands: Sequence[Command]) -> list[Any]:
        async with self._context.db.reader(self._merchant.merchant_id) as conn:
            return await rehearse(conn, _SHELVES, commands, self._now, self._expected)

    def _opening(self, record: MemberRecord, done: ImportOutcome) -> OpenBalance | None:
        if done.member_id is None or done.outcome == "conflict" or not (record.lots or record.growth):
            return None
        return OpenBalance(self._cell_id, done.member_id, Opening(record.lots, record.growth), self._now)


def _outcome(record: MemberRecord, done: ImportOutcome, opened: str, reader: MemberRows) -> _Outcome:
    member_id = done.member_id
    if done.outcome == "conflict":
        return _Outcome("conflict", fault=_conflict(record, done.differs, reader), member_id=member_id)
    if opened == "conflict":
        return _Outcome("conflict", fault=_conflict(record, ("points", "growth"), reader), member_id=member_id)
    return _Outcome(done.outcome, opened == "created", member_id=member_id)


def _conflict(record: MemberRecord, fields: Sequence[str], reader: MemberRows) -> RowFault:
    """With what the row says, where one cell does; what is stored stays sealed."""
    zh = "、".join(_LABELS.get(field, field) for field in fields)
    value = record.given(fields[0])
    column = reader.column(fields[0]) if value else ""
    return RowFault(record.line, "conflict", column, value, zh, note_en=", ".join(fields))


def _beside(fault: RowFault, line: int) -> RowFault:
    """Of a member that an earlier line of the file is about too."""
    zh, en = f"{fault.note}（本文件第 {line} 行也是这位会员）", f"{fault.note_en} (line {line} is the same member)"
    return msgspec.structs.replace(fault, note=zh, note_en=en)


def _refused(record: MemberRecord, refusal: BusinessError, reader: MemberRows) -> _Outcome:
    if isinstance(refusal, InvalidInput):
        field = str(refusal.fields["field"])
        column = reader.column(_FIELDS.get(field, field))
        zh, en = str(refusal.fields["reason_zh"]), str(refusal.fields["reason"])
        return _Outcome(
            "refused", fault=RowFault(record.line, "not_valid", column, record.given(field), zh, note_en=en)
        )
    zh, en = refusal.text("zh"), refusal.text("en")
    return _Outcome("refused", fault=RowFault(record.line, "refused", note=zh, note_en=en))
