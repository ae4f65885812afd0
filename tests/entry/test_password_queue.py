"""A full queue for hashes: nobody is counted whose password was not looked at."""

from __future__ import annotations

from typing import Any

import pytest

from huimeng.kernel.errors import TooBusy
from huimeng.merchant.rules import people
from huimeng.merchant.service import passwords as hashing
from huimeng.merchant.service.passwords import Passwords
from tests.entry.house import OWN, House


async def test_who_is_sent_away_has_not_tried(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looked at the password: five times that locks no account."""
    async with house.browser() as browser:
        token = await house.welcome(browser)
        change = {"current_password": OWN, "new_password": f"{OWN} 2"}
        with monkeypatch.context() as storm:
            storm.setattr(hashing, "WAITING_MOST", 0)
            for _ in range(people.WRONG_PASSWORDS):
                assert (await house.log_in(browser, OWN)).status_code == 429
                assert (await browser.post("/v1/session/password", json=change, headers=token)).status_code == 429
        assert (await browser.post("/v1/session/password", json=change, headers=token)).status_code == 200
        assert (await house.log_in(browser, f"{OWN} 2")).status_code == 200


async def test_a_right_password_counts_as_right_also_when_the_new_one_has_to_wait(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.browser() as browser:
        token = await house.welcome(browser)
        change = {"current_password": OWN, "new_password": f"{OWN} 2"}
        with monkeypatch.context() as storm:
            storm.setattr(Passwords, "hash", _no_turn)
            for _ in range(people.WRONG_PASSWORDS):
                assert (await browser.post("/v1/session/password", json=change, headers=token)).status_code == 429
        assert (await browser.post("/v1/session/password", json=change, headers=token)).status_code == 200


async def _no_turn(*_: Any) -> str:
    raise TooBusy()
