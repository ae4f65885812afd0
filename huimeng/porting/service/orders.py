"""Orders of a file: read and spilled by business day, then taken day by day in the order of time."""

from __future__ import annotations

import asyncio
import time
from datetime import date
from pathlib import Path

import msgspec

from huimeng.infra.crypto import MerchantKeys
from huimeng.kernel.errors import InvalidInput
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import utc_now
from huimeng.merchant.errors import StoreCodeTaken
from huimeng.merchant.service import create_store, get_merchant, load_stores, merchant_keys
from huimeng.merchant.values import Merchant, StoreBook, StoreInput
from huimeng.porting.rules.columns import ORDER_COLUMNS, ORDER_REQUIRED, Header, match_header
from huimeng.porting.rules.order_rows import ReadSettings, settings_latest
from huimeng.porting.service.checking import check_orders
from huimeng.porting.service.finding import MemberFinder, store_places
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
    silent,
    work_folder,
)
from huimeng.porting.service.reading import read_parts
from huimeng.porting.service.taking import OrderTaker
from huimeng.porting.store.blocks import Source, open_source
from huimeng.porting.store.faults_file import FaultFile
from huimeng.porting.store.jobs import orders_since
from huimeng.porting.store.spill import Spill


class _Read(msgspec.Struct, frozen=True):
    """The first pass's outcome; new_stores are codes to be created."""

    spill: Spill
    rows: int
    bad_rows: int
    new_stores: list[str]


class _Scene(msgspec.Struct, frozen=True):
    merchant: Merchant
    book: StoreBook
    keys: MerchantKeys


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
    source = await asyncio.to_thread(open_source, path)
    scene = await _scene(context, merchant_id)
    only = next(iter(scene.book.by_code)) if len(scene.book.by_code) == 1 else None
    header = match_header(source.header, ORDER_COLUMNS, ORDER_REQUIRED if only is None else _NO_STORE)
    errors = open_errors(path, options)
    async with work_folder(options) as folder:
        with errors:
            if options.dry_run:
                errors.begin()
                read = await _read(source, scene, only, options, folder, errors, told)
                resumed = False
                counts = await check_orders(context, merchant_id, read.spill, options, _finder(context, scene, header), errors, told)
                counts["stores_new"] = len(read.new_stores)
            else:
                job = await open_job(context, merchant_id, "orders", path, options, errors)
                resumed = job.resumed
                read = await _read(source, scene, only, options, folder, errors, told)
                stores = await _create_stores(context, merchant_id, read.new_stores)
                taker = OrderTaker(context, merchant_id, job, options, scene.keys, _finder(context, scene, header), stores, errors, told)
                counts = await taker.run(read.spill)
    raise NotImplementedError


_NO_STORE = tuple(field for field in ORDER_REQUIRED if field != "store")
