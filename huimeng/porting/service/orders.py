"""Orders of a file: read and spilled by business day, then taken day by day in the order of time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from huimeng.infra.crypto import MerchantKeys
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.times import utc_now
from huimeng.merchant.errors import StoreCodeTaken
from huimeng.merchant.service import create_store, get_merchant, load_stores, merchant_keys
from huimeng.merchant.values import Merchant, StoreBook, StoreInput
from huimeng.porting.errors import BadImportOption
from huimeng.porting.rules.columns import LEFT_OUT, ORDER_FILE_COLUMNS, ORDER_REQUIRED, Header, clean_name
from huimeng.porting.rules.faults import FAULT_HEADER, RowFault
from huimeng.porting.rules.order_rows import ReadSettings, settings_latest
from huimeng.porting.rules.platforms import source_of
from huimeng.porting.rules.refunds import named
from huimeng.porting.service.checking import check_orders
from huimeng.porting.service.finding import MemberFinder, store_places
from huimeng.porting.service.importing import (
    Context,
    ImportOptions,
    ImportResult,
    Progress,
    Told,
    calm_collector,
    check_options,
    keep_job,
    open_errors,
    open_job,
    silent,
)
from huimeng.porting.service.reading import read_parts
from huimeng.porting.service.refunding import Refunder
from huimeng.porting.service.taking import OrderTaker
from huimeng.porting.service.taking_in import keep_mapping, open_file
from huimeng.porting.store.blocks import Source, header_of
from huimeng.porting.store.faults_file import FaultFile
from huimeng.porting.store.folders import work_folder
from huimeng.porting.store.spill import Spill


async def import_orders(
    context: Context,
    merchant_id: int,
    path: Path,
    options: ImportOptions | None = None,
    progress: Progress = silent,
) -> ImportResult:
    """Brings in what is new and reports the rest; ImportFileError before anything is written, MerchantNotFound.

    An import that was killed goes on after its last finished business day when it is started again.
    """
    options = options or ImportOptions()
    check_options(options)
    started = time.monotonic()
    told = Told(progress)
    with calm_collector(), work_folder(options.work_dir) as folder:
        plan = await _plan(context, merchant_id, path, folder, options, told)
        with open_errors(path, options) as errors:
            await keep_mapping(context, merchant_id, "orders", plan.options)
            work = _dry if options.dry_run else _real
            done = await work(context, plan, path, folder, errors, told)
            kept = errors.close()
    return ImportResult(
        kind="orders",
        dry_run=options.dry_run,
        resumed=done.resumed,
        rows=done.read.rows,
        bad_rows=done.read.bad_rows + done.counts.get("refunds_refused", 0),
        counts=done.counts,
        unknown_columns=tuple(map(clean_name, plan.header.unknown)),
        error_file=errors.path if kept else None,
        seconds=round(time.monotonic() - started, 3),
        source=plan.options.source,
        platform=plan.platform,
    )


class _Plan(msgspec.Struct, frozen=True):
    """What is known before the rows are read."""

    merchant: Merchant
    book: StoreBook
    keys: MerchantKeys
    source: Source
    header: Header
    options: ImportOptions
    settings: ReadSettings
    platform: str | None
    faults: list[RowFault]


class _Read(msgspec.Struct, frozen=True):
    """The first pass's outcome; no_rows: totals and the like, new_stores: codes to be created."""

    spill: Spill
    refunds: Spill
    rows: int
    bad_rows: int
    no_rows: int
    masked_numbers: int
    new_stores: list[str]

    def close(self) -> None:
        self.spill.close()
        self.refunds.close()

    def refunded(self) -> set[tuple[str, int | None]]:
        """Of the orders that refunds of the file name."""
        return {each for day in self.refunds.days() for runs in self.refunds.parts(day) for each in named(runs, day)}

    def told(self, refunder: Refunder) -> dict[str, int]:
        """Counts that most files have nothing of."""
        found = {**refunder.counts, "no_rows": self.no_rows, "masked_numbers": self.masked_numbers}
        return {name: count for name, count in found.items() if count}


class _Done(msgspec.Struct, frozen=True):
    read: _Read
    counts: dict[str, int]
    resumed: bool


async def _plan(
    context: Context, merchant_id: int, path: Path, folder: Path, options: ImportOptions, told: Told
) -> _Plan:
    async with context.db.tenant(merchant_id) as conn:
        merchant = await get_merchant(conn, merchant_id)
        book = await load_stores(conn, merchant_id)
        keys = await merchant_keys(conn, context.vault, merchant_id)
    if options.store is not None and options.store not in book.by_code:
        raise BadImportOption(option="store", value=options.store[:60])
    taken = await open_file(context, merchant_id, "orders", path, folder, ORDER_FILE_COLUMNS, options, told)
    # A shop with one store need not name it.
    only = options.store or (next(iter(book.by_code)) if len(book.by_code) == 1 else None)
    required = [field for field in ORDER_REQUIRED if field != "store" or only is None]
    settings = ReadSettings(
        stores=store_places(book),
        timezone=merchant.timezone,
        day_cut_minutes=merchant.day_cut_minutes,
        latest=settings_latest(utc_now()),
        source_timezone=options.source_timezone,
        create_stores=options.create_stores,
        only_store=only,
        date_order=options.date_order,
        currency=merchant.currency,
        statuses=taken.statuses,
    )
    source = taken.source
    header = header_of(source, ORDER_FILE_COLUMNS, required)
    if options.store is not None and "store" in header.places:
        told_out = {**source.mapping, header.name_of("store"): LEFT_OUT}
        source = msgspec.structs.replace(source, mapping=told_out)
        header = header_of(source, ORDER_FILE_COLUMNS, required)
    options = msgspec.structs.replace(options, source=source_of(options.source, taken.platform))
    return _Plan(merchant, book, keys, source, header, options, settings, taken.platform, taken.faults)


async def _dry(context: Context, plan: _Plan, path: Path, folder: Path, errors: FaultFile, told: Told) -> _Done:
    """Nothing is written but the error file."""
    errors.begin()
    read = await _read(plan, folder, errors, told)
    try:
        # No order is in a store that is still to be created.
        stores = {code: -number for number, code in enumerate(read.new_stores, 1)}
        refunder = _refunder(context, plan, errors, stores, None, read)
        counts = await check_orders(context, _finder(context, plan), read.spill, plan.options, errors, told, refunder)
        await refunder.run(read.refunds)
    finally:
        read.close()
    counts["stores_created"] = len(read.new_stores)
    return _Done(read, counts | read.told(refunder), False)


async def _real(context: Context, plan: _Plan, path: Path, folder: Path, errors: FaultFile, told: Told) -> _Done:
    merchant_id = plan.merchant.merchant_id
    job = await open_job(context, merchant_id, "orders", path, plan.options, errors)
    # Rows of the days that are done stay; all others are found again.
    done = job.position.isoformat() if job.position is not None else ""
    errors.begin(lambda row: "" < row[FAULT_HEADER.index("business_day")] <= done)
    read = await _read(plan, folder, errors, told)
    try:
        stores = await _create_stores(context, merchant_id, read.new_stores)
        refunder = _refunder(context, plan, errors, stores, job.started_at if job.resumed else None, read)
        refunder.counts |= {name: job.counts[name] for name in refunder.counts if name in job.counts}
        taker = OrderTaker(
            context, _finder(context, plan), plan.keys, job, plan.options, stores, errors, told, refunder
        )
        counts = await taker.run(read.spill)
        await refunder.run(read.refunds)
    finally:
        read.close()
    if stores:
        counts["stores_created"] = len(stores)
    counts |= read.told(refunder)
    await keep_job(context, merchant_id, job, None, counts, finished=True)
    return _Done(read, counts, job.resumed)


async def _read(plan: _Plan, folder: Path, errors: FaultFile, told: Told) -> _Read:
    size = plan.source.size - plan.source.start

    def tell(done: int, rows: int, bad_rows: int) -> None:
        told("read", done, size, {"rows": rows, "bad_rows": bad_rows}, last=done == size)

    parts = await read_parts(plan.source, plan.settings, folder, tell)
    for spec, result in parts:
        errors.take_over(spec.faults, result.faults)
    for fault in plan.faults:
        errors.add(fault)
    errors.flush()
    return _Read(
        Spill([spec.spill for spec, _ in parts], [chunk for _, result in parts for chunk in result.chunks]),
        Spill([spec.refunds for spec, _ in parts], [chunk for _, result in parts for chunk in result.refund_chunks]),
        sum(result.rows for _, result in parts),
        sum(result.bad_rows for _, result in parts) + len(plan.faults),
        sum(result.no_rows for _, result in parts),
        sum(result.masked_numbers for _, result in parts),
        sorted({code for _, result in parts for code in result.new_stores}),
    )


def _refunder(
    context: Context, plan: _Plan, errors: FaultFile, stores: Mapping[str, int], since: datetime | None, read: _Read
) -> Refunder:
    return Refunder(context, plan.merchant, plan.options, errors, stores, since, read.refunded())


async def _create_stores(context: Context, merchant_id: int, codes: list[str]) -> dict[str, int]:
    """Code to id; a code that no store can have is left out."""
    created: dict[str, int] = {}
    for code in codes:
        async with context.db.tenant(merchant_id) as conn:
            try:
                store = await create_store(conn, merchant_id, StoreInput(code=code, name=code))
            except InvalidInput:
                continue
            except StoreCodeTaken:
                # Somebody created it since the file was begun.
                store = (await load_stores(conn, merchant_id)).by_code[code]
        created[code] = store.store_id
    return created


def _finder(context: Context, plan: _Plan) -> MemberFinder:
    return MemberFinder(context.db, plan.merchant.merchant_id, plan.keys, plan.header.name_of("member"))
