"""Work by clock goes on for everybody else when it fails for one."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from prometheus_client import REGISTRY

from huimeng.entry import worker
from huimeng.entry.context import Context
from huimeng.infra import metrics
from huimeng.kernel.errors import Unavailable
from huimeng.merchant.service import create_merchant
from huimeng.merchant.values import MerchantInput
from tests.conftest import Shop


async def kept_for(context: Context, shop: Shop, fault: Exception, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, Any]:
    """Whether another merchant had its round when one of the shop's failed; what the round ended with."""
    other = await create_merchant(context.db, context.vault, MerchantInput(code=f"z-{uuid.uuid4().hex[:8]}", name="乙"))
    seen: list[int] = []

    async def expire(db: Any, teller: Any, merchant_id: int) -> None:
        if merchant_id == shop.merchant_id:
            raise fault
        seen.append(merchant_id)

    monkeypatch.setattr(worker, "expire", expire)
    with pytest.raises(Exception) as ended:
        await worker.housekeeping(context)
    return other.merchant_id in seen, ended.value


async def test_a_fault_of_one_merchant_keeps_nobody_waiting(
    context: Context, shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept, ended = await kept_for(context, shop, ValueError("one bad row"), monkeypatch)
    assert kept and isinstance(ended, RuntimeError)
    assert f"housekeeping of merchant {shop.merchant_id} failed" in caplog.text and "one bad row" in caplog.text


async def test_a_database_that_is_away_ends_the_round_at_once(
    context: Context, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, ended = await kept_for(context, shop, Unavailable(), monkeypatch)
    assert not kept and isinstance(ended, Unavailable)


async def test_old_answers_are_dropped_by_the_hour_and_not_each_minute(context: Context, shop: Shop) -> None:
    """To find them every kept answer is looked at."""
    async with context.db.tenant(shop.merchant_id) as conn:
        await conn.execute(
            "insert into idempotency (cell_id, key, fingerprint, status, body, created_at) "
            "select %s, d::text, ''::bytea, 200, ''::bytea, now() - make_interval(days => d) "
            "from unnest(array[89, 91]) d",
            (shop.cell_id,),
        )
    await worker.housekeeping(context)
    assert await _kept(context, shop) == {"89", "91"}
    await worker.forget_answers(context)
    assert await _kept(context, shop) == {"89"}


async def _kept(context: Context, shop: Shop) -> set[str]:
    async with context.db.reader(shop.merchant_id) as conn:
        rows = await conn.execute("select key from idempotency where cell_id = %s", (shop.cell_id,))
        return {key for (key,) in await rows.fetchall()}


async def test_failures_count_from_zero_when_the_worker_starts(context: Context) -> None:
    """The increase of a counter that begins at 1 is 0: an alarm would miss the first failure."""
    for counter in (metrics.IMPORTS, metrics.ROUND_FAILURES):
        counter.clear()
    stop = asyncio.Event()
    stop.set()
    await worker.work(context, stop)
    imports = {
        (kind, result): REGISTRY.get_sample_value("huimeng_imports_total", {"kind": kind, "result": result})
        for kind in ("orders", "members")
        for result in ("done", "checked", "refused", "failed")
    }
    assert set(imports.values()) == {0.0}, imports
    rounds = {
        name: REGISTRY.get_sample_value("huimeng_round_failures_total", {"round": name})
        for name in ("figures", "housekeeping", "old_answers", "old_imports", "lag")
    }
    assert set(rounds.values()) == {0.0}, rounds
