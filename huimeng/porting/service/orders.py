"""Orders of a file: read and spilled by business day, then taken day by day in the order of time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec

from huimeng.infra.crypto import MerchantKeys
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.times import utc_now
from huimeng.merchant.errors import StoreCodeTaken
from huimeng.merchant.service import create_store, get_merchant, load_stores, merchant_keys
from huimeng.merchant.values import Merchant, StoreBook, StoreInput
from huimeng.porting.rules.columns import ORDER_COLUMNS, ORDER_REQUIRED, Header, match_header
from huimeng.porting.rules.faults import FAULT_HEADER
from huimeng.porting.rules.order_rows import ReadSettings, settings_latest
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
from huimeng.porting.service.taking import OrderTaker
from huimeng.porting.store.blocks import Source, open_source
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
    source = await asyncio.to_thread(open_source, path)
    plan = await _plan(context, merchant_id, source, options)
    told = Told(progress)
    with open_errors(path, options) as errors, calm_collector():
        with work_folder(options.work_dir) as folder:
            work = _dry if options.dry_run else _real
            done = await work(context, plan, path, folder, errors, told)
        kept = errors.close()
    return ImportResult(
        kind="orders",
        dry_run=options.dry_run,
        resumed=done.resumed,
        rows=done.read.rows,
        bad_rows=done.read.bad_rows,
        counts=done.counts,
        unknown_columns=plan.header.unknown,
        error_file=errors.path if kept else None,
        seconds=round(time.monotonic() - started, 3),
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


class _Read(msgspec.Struct, frozen=True):
    """The first pass's outcome; new_stores are codes to be created."""

    spill: Spill
    rows: int
    bad_rows: int
    new_stores: list[str]


class _Done(msgspec.Struct, frozen=True):
    read: _Read
    counts: dict[str, int]
    resumed: bool


async def _plan(context: Context, merchant_id: int, source: Source, options: ImportOptions) -> _Plan:
    async with context.db.tenant(merchant_id) as conn:
        merchant = await get_merchant(conn, merchant_id)
        book = await load_stores(conn, merchant_id)
        keys = await merchant_keys(conn, context.vault, merchant_id)
    # A shop with one store need not name it.
    only = next(iter(book.by_code)) if len(book.by_code) == 1 else None
    required = [field for field in ORDER_REQUIRED if field != "store" or only is None]
    settings = ReadSettings(
        stores=store_places(book),
        timezone=merchant.timezone,
        day_cut_minutes=merchant.day_cut_minutes,
        latest=settings_latest(utc_now()),
        source_timezone=options.source_timezone,
        create_stores=options.create_stores,
        only_store=only,
    )
    header = match_header(source.header, ORDER_COLUMNS, required)
    return _Plan(merchant, book, keys, source, header, options, settings)


async def _dry(context: Context, plan: _Plan, path: Path, folder: Path, errors: FaultFile, told: Told) -> _Done:
    """Nothing is written but the error file."""
    errors.begin()
    read = await _read(plan, folder, errors, told)
    try:
        finder = _finder(context, plan)
        counts = await check_orders(context, finder, read.spill, plan.options, errors, told)
    finally:
        read.spill.close()
    counts["stores_created"] = len(read.new_stores)
    return _Done(read, counts, False)


async def _real(context: Context, plan: _Plan, path: Path, folder: Path, errors: FaultFile, told: Told) -> _Done:
    merchant_id = plan.merchant.merchant_id
    job = await open_job(context, merchant_id, "orders", path, plan.options, errors)
    # Rows of the days that are done stay; all others are found again.
    done = job.position.isoformat() if job.position is not None else ""
    errors.begin(lambda row: "" < row[FAULT_HEADER.index("business_day")] <= done)
    read = await _read(plan, folder, errors, told)
    try:
        stores = await _create_stores(context, merchant_id, read.new_stores)
        finder = _finder(context, plan)
        taker = OrderTaker(context, finder, plan.keys, job, plan.options, stores, errors, told)
        counts = await taker.run(read.spill)
    finally:
        read.spill.close()
    if stores:
        counts["stores_created"] = len(stores)
    await keep_job(context, merchant_id, job, None, counts, finished=True)
    return _Done(read, counts, job.resumed)


async def _read(plan: _Plan, folder: Path, errors: FaultFile, told: Told) -> _Read:
    size = plan.source.size - plan.source.start

    def tell(done: int, rows: int, bad_rows: int) -> None:
        told("read", done, size, {"rows": rows, "bad_rows": bad_rows}, last=done == size)

    parts = await read_parts(plan.source, plan.settings, folder, tell)
    for spec, result in parts:
        errors.take_over(spec.faults, result.faults)
    errors.flush()
    return _Read(
        Spill([spec.spill for spec, _ in parts], [chunk for _, result in parts for chunk in result.chunks]),
        sum(result.rows for _, result in parts),
        sum(result.bad_rows for _, result in parts),
        sorted({code for _, result in parts for code in result.new_stores}),
    )


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
