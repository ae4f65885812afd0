"""The demo merchant: a year of public trade, brought in through the importer that owners use for their own files."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import huimeng
from huimeng.entry.context import Context
from huimeng.entry.demo_data import DemoFiles, demo_files, read_stores
from huimeng.kernel.times import utc_now
from huimeng.ledger.rules import Expiry, Unit
from huimeng.merchant.errors import MerchantCodeTaken
from huimeng.merchant.service import create_merchant, create_store, find_merchant_id, load_stores
from huimeng.merchant.values import MerchantInput, StoreInput
from huimeng.points.rules import Definition
from huimeng.points.service import RuleInput, create_rule, list_rules
from huimeng.porting.service import ImportOptions, ImportResult, Progress, import_members, import_orders

MERCHANT_CODE = "demo"
MERCHANT_NAME = "Complete Journey (public data of a US grocer)"
CURRENCY = "USD"
TIMEZONE = "America/New_York"
SOURCE_TIMEZONE = "UTC"
# Long before the first order, so that the whole year earns.
_RULES_SINCE = datetime(2016, 1, 1, tzinfo=UTC)
_CONVERT = "import sys; from huimeng.entry.demo_data import convert; convert(sys.argv[1])"


async def load_demo(
    context: Context, members_progress: Progress, orders_progress: Progress
) -> tuple[ImportResult, ImportResult]:
    """Members and orders of the demo merchant, through the importer that owners use; again, it changes nothing."""
    files = await ensure_demo_files(context.settings.data_dir)
    merchant_id = await _demo_merchant(context, files)
    options = ImportOptions(source_timezone=SOURCE_TIMEZONE, work_dir=files.orders.parent)
    members = await import_members(context, merchant_id, files.members, options, members_progress)
    orders = await import_orders(context, merchant_id, files.orders, options, orders_progress)
    await asyncio.to_thread(_mark(context.settings.data_dir).touch)
    return members, orders


def is_loaded(data_dir: Path) -> bool:
    """Whether the demo was brought in whole from this data folder."""
    return _mark(data_dir).exists()


def _mark(data_dir: Path) -> Path:
    return data_dir / "demo" / "loaded"


async def _demo_merchant(context: Context, files: DemoFiles) -> int:
    """The merchant with its stores and its two earning rules, as far as they aren't there yet."""
    wanted = MerchantInput(
        code=MERCHANT_CODE, name=MERCHANT_NAME, industry="retail", currency=CURRENCY, timezone=TIMEZONE
    )
    try:
        merchant_id = (await create_merchant(context.db, context.vault, wanted)).merchant_id
    except MerchantCodeTaken:
        merchant_id = await find_merchant_id(context.db, MERCHANT_CODE)
    async with context.db.tenant(merchant_id) as conn:
        known = (await load_stores(conn, merchant_id)).by_code
        for code, name in read_stores(files):
            if code not in known:
                await create_store(conn, merchant_id, StoreInput(code=code, name=name))
        now = utc_now()
        if not await list_rules(conn, merchant_id, now=now, limit=1):
            for rule in _RULES:
                await create_rule(conn, merchant_id, rule, actor="demo", now=now)
    return merchant_id


_RULES = (
    RuleInput(
        name="1 point per dollar, valid 120 months to the end of the quarter",
        definition=Definition(
            unit=Unit.POINTS,
            rate_e4=10_000,
            expiry=Expiry(kind="after", count=120, span="month", round_to="quarter"),
        ),
        effective_from=_RULES_SINCE,
    ),
    RuleInput(
        name="1 growth per dollar, for good",
        definition=Definition(unit=Unit.GROWTH, rate_e4=10_000),
        effective_from=_RULES_SINCE,
    ),
)


async def ensure_demo_files(data_dir: Path) -> DemoFiles:
    """Converts once, in a process of its own so that Arrow's memory goes back with it; RuntimeError when it fails."""
    files = demo_files(data_dir)
    # members.csv is renamed into place last, so its presence says that all three are whole.
    if files.members.exists():
        return files
    path = os.pathsep.join(filter(None, (str(Path(huimeng.__file__).parent.parent), os.environ.get("PYTHONPATH"))))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _CONVERT,
        str(data_dir),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        _, complaint = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"the demo data could not be converted: {complaint.decode(errors='replace')[-2000:]}")
    return files
