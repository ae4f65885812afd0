"""One served system with its worker, one Chromium, and windows of people in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.stage import CONTEXT, FLAGS, OUTPUT, Window, find_chromium, what_is_missing
from tests.browser.world import Cafe, Shop
from tests.faults.house import House

FAILED = pytest.StashKey[bool]()
Open = Callable[..., Window]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


def pytest_runtest_setup() -> None:
    # Here rather than in a fixture: then it is one line in the summary.
    missing = what_is_missing()
    if missing:
        pytest.skip(missing)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    # Of this package only, see __init__.py.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    service = House(tmp_path_factory.mktemp("browser"))
    try:
        service.start_again()
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="package")
def cafe(house: House) -> Cafe:
    return Cafe(house)


@pytest.fixture(scope="package")
def new_shop(house: House) -> Shop:
    """Just made: an owner with a one-time password and nothing else."""
    return Shop(house, "xinkai", "新开小店")


@pytest.fixture
def window(request: pytest.FixtureRequest, chromium: Browser, house: House) -> Iterator[Open]:
    """window(shop, login): a window of somebody who is logged in; window(): of somebody who isn't."""
    opened: list[Window] = []
    name = re.sub(r"[^\w.-]+", "-", request.node.name)
    folder = OUTPUT / request.node.path.stem.removeprefix("test_") / name

    def open_window(shop: Shop | None = None, login: str = "", **given: Any) -> Window:
        context = chromium.new_context(**{**CONTEXT, **given})
        context.tracing.start(snapshots=True)
        if shop is not None:
            context.add_cookies(shop.cookies(login))  # type: ignore[arg-type]
        opened.append(Window(context, house.url, folder))
        return opened[-1]

    yield open_window
    failed = request.node.stash.get(FAILED, False)
    for number, each in enumerate(opened):
        _close(each, each.context, failed, number)
    if not failed:
        for each in opened:
            each.check_quiet()


def _close(window: Window, context: BrowserContext, failed: bool, number: int) -> None:
    if failed:
        window.folder.mkdir(parents=True, exist_ok=True)
        window.page.screenshot(path=window.folder / f"failed-{number}.png")
        context.tracing.stop(path=window.folder / f"failed-{number}-trace.zip")
    context.close()
