"""How long a refusal takes tells nobody which names and keys exist."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from tests.attack.stand import Stand
from tests.attack.world import World

# An account locks after five; each name is tried fewer times.
_TRIES = 2


def medians(*probes: Callable[[int], None], rounds: int) -> list[float]:
    """Of this process's own time, in which the stand works too, so that nobody else's work counts."""
    spent: list[list[float]] = [[] for _ in probes]
    for number in range(rounds):
        for probe, times in zip(probes, spent, strict=True):
            begun = time.process_time()
            probe(number)
            times.append(time.process_time() - begun)
    return [statistics.median(times) for times in spent]


def test_a_known_login_takes_as_long_as_an_unknown_one(stand: Stand, ours: World) -> None:
    """One check of a password each way; without it an unknown name is refused some 20 times faster."""
    for _ in range(2):
        ours.log_in("cashier")
    known = ours.ids["login"][:3]

    def attempt(merchant: str, login: str) -> None:
        given = {"merchant": merchant, "login": login, "password": "wrong wrong wrong"}
        assert stand.call("POST", "/v1/session", json=given).json()["code"] == "login_failed"

    code = ours.mark.lower()
    right, wrong_name, wrong_merchant = medians(
        lambda number: attempt(code, known[number % len(known)]),
        lambda number: attempt(code, f"nobody-{number}"),
        lambda number: attempt(f"nowhere-{number}", "owner"),
        rounds=_TRIES * len(known),
    )
    assert 0.5 < wrong_name / right < 2, (right, wrong_name)
    assert 0.5 < wrong_merchant / right < 2, (right, wrong_merchant)


def test_a_known_key_takes_as_long_as_an_unknown_one(stand: Stand, ours: World) -> None:
    known = ours.token[:-1] + ("A" if ours.token[-1] != "A" else "B")
    unknown = f"hm_{ours.merchant_id}_99999_{ours.token.split('_', 3)[3]}"
    elsewhere = f"hm_999999_1_{ours.token.split('_', 3)[3]}"

    def attempt(token: str) -> None:
        assert stand.call("GET", "/v1/merchant", token).status_code == 401

    for token in (known, unknown, elsewhere):
        attempt(token)
    first, second, third = medians(
        lambda _: attempt(known), lambda _: attempt(unknown), lambda _: attempt(elsewhere), rounds=60
    )
    assert 0.5 < second / first < 2
    assert 0.5 < third / first < 2
