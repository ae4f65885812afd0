"""What runs by clock: figures follow the orders, imports are worked off, lots expire, booking days are closed."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager

import msgspec

from huimeng.analytics.jobs import follow, tell_lag
from huimeng.entry.context import Context, open_context, shelves
from huimeng.infra.audit.sealing import seal_days
from huimeng.infra.audit.verifying import gone
from huimeng.infra.audit.witness import Witnesses, bear_witness
from huimeng.infra.idempotency import forget_old
from huimeng.infra.logs import configure_logging
from huimeng.infra.processes import end_with_parent
from huimeng.infra.rounds import HOUSEKEEPING, counted_round, expect_round, watched_round
from huimeng.infra.teller import Teller
from huimeng.infra.tracing import start_tracing
from huimeng.kernel.errors import BusinessError, Unavailable
from huimeng.kernel.ids import cell_of
from huimeng.ledger.service import close_days, expire
from huimeng.merchant.service import every_merchant
from huimeng.porting.jobs import Importer
from huimeng.porting.store.uploads import Uploads

log = logging.getLogger("huimeng.worker")
_HOUSEKEEPING_SECONDS = 60.0
_LAG_SECONDS = 10.0
_CLEARING_SECONDS = 3600.0


async def housekeeping(context: Context) -> None:
    await _tell_who_is_gone(context)
    await _for_each(context, HOUSEKEEPING, _keep_house)


async def _tell_who_is_gone(context: Context) -> None:
    witnesses = Witnesses(context.settings.data_dir)
    seen = witnesses.merchants()
    there = {merchant.merchant_id async for merchant in every_merchant(context.db)}
    for each in gone(witnesses, seen, there):
        log.error("merchant %s is gone from the database: huimeng verify --audit", each.where["merchant_id"])


async def forget_answers(context: Context) -> None:
    """It looks at every answer that is kept, a second for a million: once an hour is often enough."""
    await _for_each(context, "old_answers", _forget_answers)


async def _for_each(context: Context, name: str, step: Callable[[Context, int], Awaitable[None]]) -> None:
    """One round over all merchants; what fails for one keeps nobody else waiting, but the round counts as failed."""
    failed: list[int] = []
    async for merchant in every_merchant(context.db):
        try:
            await step(context, merchant.merchant_id)
        except Unavailable:
            # It is away for the others too.
            raise
        except Exception:
            log.exception("%s of merchant %s failed", name, merchant.merchant_id)
            failed.append(merchant.merchant_id)
    if failed:
        raise RuntimeError(f"{name} failed for {len(failed)} merchants, of them {failed[:10]}")


async def _keep_house(context: Context, merchant_id: int) -> None:
    """Each step may be run again at any time."""
    await expire(context.db, context.teller, merchant_id)
    await close_days(context.db, merchant_id)
    await seal_days(context.db, merchant_id)
    if not await bear_witness(context.db, Witnesses(context.settings.data_dir), merchant_id):
        log.error("the audit log of merchant %s is not what it was: huimeng verify --audit", merchant_id)


async def _forget_answers(context: Context, merchant_id: int) -> None:
    async with context.db.tenant(merchant_id) as conn:
        await forget_old(conn, cell_of(merchant_id))


def importer(context: Context) -> Importer:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Context]:
        # What a killed import had not got to disk is found again by the next one: it need not wait for each commit.
        async with Teller(context.urls, shelves(), durable=False) as teller:
            yield msgspec.structs.replace(context, teller=teller)

    return Importer(context.db, Uploads(context.settings.data_dir / "import"), opened)


async def work(context: Context, stop: asyncio.Event) -> None:
    imports = importer(context)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follow(context.db, stop))
        tasks.create_task(imports.work(stop))
        tasks.create_task(_every("old_imports", _CLEARING_SECONDS, stop, imports.delete_old))
        tasks.create_task(_every("old_answers", _CLEARING_SECONDS, stop, lambda: forget_answers(context)))
        tasks.create_task(_every(HOUSEKEEPING, _HOUSEKEEPING_SECONDS, stop, lambda: housekeeping(context)))
        tasks.create_task(_every("lag", _LAG_SECONDS, stop, lambda: tell_lag(context.db), counted_round))


async def _every(
    name: str,
    seconds: float,
    stop: asyncio.Event,
    step: Callable[[], Awaitable[None]],
    watched: Callable[[str], AbstractContextManager[None]] = watched_round,
) -> None:
    expect_round(name)
    while not stop.is_set():
        try:
            with watched(name):
                await step()
        except BusinessError as error:
            log.warning("%s waits: %s", name, error)
        except Exception:
            log.exception("%s failed, will be tried again", name)
        try:
            await asyncio.wait_for(stop.wait(), seconds)
        except TimeoutError:
            continue


async def _main() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    end_tracing = start_tracing("worker")
    async with open_context(migrate=False) as context:
        await work(context, stop)
    await asyncio.to_thread(end_tracing)


def main() -> None:
    configure_logging()
    end_with_parent()
    asyncio.run(_main())


if __name__ == "__main__":
    main()
