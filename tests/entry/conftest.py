"""A shop whose staff log in, a till, and a terminal."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from huimeng.entry.context import Context
from tests.conftest import Shop
from tests.entry.house import House, Huimeng, opened
from tests.till import clock, desk

__all__ = ["clock", "desk"]


@pytest.fixture
async def house(context: Context, shop: Shop) -> AsyncIterator[House]:
    async with opened(context, shop) as house:
        yield house


@pytest.fixture
def huimeng(server: object, data_dir: Path) -> Huimeng:
    """Runs a command on the tests' database: (exit code, what it said)."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "HUIMENG_"))}
    environment = {**clean, "HUIMENG_DATA": str(data_dir), "COLUMNS": "200"}

    async def run(*arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "huimeng.entry.cli",
            *arguments,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    return run
