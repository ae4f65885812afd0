"""One application for all attacks, and two merchants with everything that a merchant can have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from huimeng.infra.database import DatabaseUrls
from tests.attack.house import Watched
from tests.attack.stand import Stand
from tests.attack.world import World


@pytest.fixture(scope="session")
def stand(urls: DatabaseUrls, data_dir: Path) -> Iterator[Stand]:
    with Stand(urls, data_dir).open() as opened:
        yield opened


@pytest.fixture
def ours(stand: Stand) -> World:
    return World(stand, "Jia", rounds=1)


@pytest.fixture
def theirs(stand: Stand) -> World:
    """More of each kind than ours, so that some numbers are theirs alone."""
    return World(stand, "Yi", rounds=6)


@pytest.fixture(scope="session")
def lasting(stand: Stand) -> World:
    """One for tests that leave no trace which another would stumble over."""
    return World(stand, "Bing", rounds=1)


@pytest.fixture(scope="session")
def busy(stand: Stand) -> World:
    """One for hundreds of requests that should all be refused."""
    return World(stand, "Ding", rounds=1)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    service = Watched(tmp_path_factory.mktemp("house"))
    service.start()
    yield service
    service.stop()
