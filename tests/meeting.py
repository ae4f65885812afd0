"""A race on purpose: two batches of different Tellers have loaded their rows before one of them decides."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import Any

import pytest

from huimeng.infra.teller import batch


def meet(patch: pytest.MonkeyPatch, *, guarded: bool) -> None:
    """With the head's lock the second one can't come, so it is not waited for long; without it, it comes in the end,
    however busy the machine.
    """
    come, met, seconds = itertools.count(1), asyncio.Event(), 0.3 if guarded else 60
    decide = batch.Batch._decide_and_save

    async def after_both(self: batch.Batch, commands: Any) -> Any:
        if next(come) == 2:
            met.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(met.wait(), seconds)
        return await decide(self, commands)

    patch.setattr(batch.Batch, "_decide_and_save", after_both)
