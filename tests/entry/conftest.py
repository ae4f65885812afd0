"""A shop whose staff log in, and a till."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from huimeng.entry.context import Context
from tests.conftest import Shop
from tests.entry.house import House, opened
from tests.till import clock, desk

__all__ = ["clock", "desk"]


@pytest.fixture
async def house(context: Context, shop: Shop) -> AsyncIterator[House]:
    async with opened(context, shop) as house:
        yield house
