"""What runs by clock: figures follow the orders, lots expire, booking days are closed, old answers are dropped."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable

from huimeng.analytics.jobs import follow
from huimeng.entry.context import Context, open_context
from huimeng.infra.idempotency import forget_old
from huimeng.infra.logs import configure_logging
from huimeng.infra.processes import end_with_parent
from huimeng.kernel.errors import BusinessError
from huimeng.ledger.service import close_days, expire
from huimeng.merchant.service import every_merchant

log = logging.getLogger("huimeng.worker")
_HOUSEKEEPING_SECONDS = 60.0


async def housekeeping(context: Context) -> None:
    """One round over all merchants; each step may be run again at any time."""
    async for merchant in every_merchant(context.db):
        merchant_id = merchant.merchant_id
        await expire(context.db, context.teller, merchant_id)
        await close_days(context.db, merchant_id)
        async with context.db.tenant(merchant_id) as conn:
            await forget_old(conn, merchant_id * 1024)


async def work(context: Context, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follow(context.db, stop))
        tasks.create_task(_every(_HOUSEKEEPING_SECONDS, stop, lambda: housekeeping(context)))


async def _every(seconds: float, stop: asyncio.Event, step: Callable[[], Awaitable[None]]) -> None:
    while not stop.is_set():
        try:
            await step()
        except BusinessError as error:
            log.warning("housekeeping waits: %s", error)
        except Exception:
            log.exception("housekeeping failed, will be tried again")
        try:
            await asyncio.wait_for(stop.wait(), seconds)
        except TimeoutError:
            continue


async def _main() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_context(migrate=False) as context:
        await work(context, stop)


def main() -> None:
    configure_logging()
    end_with_parent()
    asyncio.run(_main())


if __name__ == "__main__":
    main()
