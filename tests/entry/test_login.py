"""Logging in over the whole application; each guard is tried with and without it."""

from __future__ import annotations

import asyncio
import io
import re
from typing import Any

import httpx
import msgspec
import pytest
from rich.console import Console

from huimeng.entry import run
from huimeng.entry.context import Context
from huimeng.entry.first_owner import owner_called, owners_of_the_new
from huimeng.infra.database import DatabaseUrls
from huimeng.infra.rate import Rate
from huimeng.infra.settings import Settings
from huimeng.kernel.errors import TooBusy
from huimeng.merchant.authentication import Doorman
from huimeng.merchant.rules import people
from huimeng.merchant.rules.people import neighbourhood
from huimeng.merchant.service import passwords as hashing
from huimeng.merchant.service.passwords import Passwords
from huimeng.merchant.service.sessions import LogIns
from huimeng.merchant.store import staff as store
from tests.conftest import Shop
from tests.entry.house import OWN, House, csrf, key, opened, state_of


async def test_the_one_time_password_opens_only_its_own_change(house: House) -> None:
    password = await house.hire()
    async with house.browser() as browser:
        first = await house.log_in(browser, password)
        assert first.json()["must_change_password"] is True
        for path in ("/v1/stores", "/v1/staff", "/v1/permissions", "/v1/session/passwords"):
            answer = await browser.get(path)
            assert (answer.status_code, answer.json()["code"]) == (403, "password_change_required")
        change = {"current_password": password, "new_password": OWN}
        changed = await browser.post("/v1/session/password", json=change, headers=csrf(first))
        assert (changed.status_code, changed.json()["must_change_password"]) == (200, False)
        assert (await browser.get("/v1/stores")).status_code == 200
        assert (await house.log_in(browser, password)).json()["code"] == "login_failed"
        assert (await house.log_in(browser, OWN)).status_code == 200


async def test_the_first_run_makes_an_owner_and_tells_the_password_once(house: House) -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    await owners_of_the_new(house.context.db, house.context.vault, console)
    box = console.export_text()
    mine = box[box.index(f"merchant: {house.shop.code} ") :]
    password = re.findall(r"one-time password: (\S+)", mine)[0]
    for text in ("只显示这一次", "Shown this once", "首次登录须修改"):
        assert text in box
    async with house.browser() as browser:
        staff = (await house.log_in(browser, password)).json()["staff"]
    assert (staff["role"], staff["name"], owner_called("Corner Café")) == ("owner", "店主", "Owner")
    await owners_of_the_new(house.context.db, house.context.vault, console)
    assert console.export_text() == ""


async def test_the_whole_way_in_and_out(house: House) -> None:
    """One-time password, forced change, work, log-out; nothing is answered before and after."""
    password = await house.hire()
    async with house.browser() as browser:
        assert (await browser.get("/v1/stores")).status_code == 401
        entered = await house.log_in(browser, password)
        assert (entered.status_code, entered.json()["must_change_password"]) == (200, True)
        assert (await browser.get("/v1/stores")).json()["code"] == "password_change_required"
        change = {"current_password": password, "new_password": OWN}
        changed = await browser.post("/v1/session/password", json=change, headers=csrf(entered))
        assert (changed.status_code, changed.json()["must_change_password"]) == (200, False)
        assert (await browser.get("/v1/stores")).status_code == 200
        assert (await browser.delete("/v1/session", headers=csrf(changed))).status_code == 204
        assert (await browser.get("/v1/stores")).status_code == 401
        assert (await browser.get("/v1/session")).status_code == 401


async def test_a_one_time_password_runs_out(house: House) -> None:
    password = await house.hire()
    house.clock.forward(days=7)
    async with house.browser() as browser:
        assert (await house.log_in(browser, password)).json()["code"] == "one_time_password_expired"
        assert (await house.log_in(browser, "wrong")).json()["code"] == "login_failed"


async def test_only_hashes_are_stored(house: House) -> None:
    password = await house.hire()
    async with house.browser() as browser:
        token = (await house.log_in(browser, password)).cookies["huimeng_session"]
    async with house.context.db.tenant(house.shop.merchant_id) as conn:
        rows = await (
            await conn.execute("select s.*, t.* from staff s join staff_session t using (merchant_id)")
        ).fetchall()
    assert rows
    text = repr(rows)
    assert "$argon2id$" in text and password not in text
    assert token.split("_", 3)[3] not in text


@pytest.mark.parametrize("secure", [False, True])
async def test_the_cookie(context: Context, shop: Shop, secure: bool) -> None:
    settings = msgspec.structs.replace(context.settings, behind_proxy=secure)
    async with opened(msgspec.structs.replace(context, settings=settings), shop) as house, house.browser() as browser:
        answer = await house.log_in(browser, await house.hire())
        name, _, rest = answer.headers["set-cookie"].partition("=")
        flags = {part.strip() for part in rest.split(";")[1:]}
        assert name == ("__Host-huimeng" if secure else "huimeng_session")
        assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= flags
        assert ("Secure" in flags) is secure
        # __Host- allows no Domain, and without it no neighbour gets the cookie.
        assert not any(flag.startswith("Domain") for flag in flags)
        assert ("strict-transport-security" in answer.headers) is secure
        out = await browser.delete("/v1/session", headers=csrf(answer))
        assert (out.status_code, "Max-Age=0" in out.headers["set-cookie"]) == (204, True)
        assert (await browser.get("/v1/session")).status_code == 401


async def test_a_planted_session_is_not_taken_over(house: House) -> None:
    """Fixation: whatever the browser brought, the log-in makes another session, and ends the one it had."""
    password = await house.hire()
    async with house.browser() as attacker, house.browser() as victim:
        planted = (await house.log_in(attacker, password)).cookies["huimeng_session"]
        victim.cookies.set("huimeng_session", planted, domain="localhost.local")
        answer = await house.log_in(victim, password)
        assert answer.cookies["huimeng_session"] != planted
        house.clock.forward(seconds=3)
        assert (await attacker.get("/v1/session")).status_code == 401


async def test_made_up_sessions_are_refused(house: House) -> None:
    password = await house.hire()
    async with house.browser() as browser:
        good = (await house.log_in(browser, password)).cookies["huimeng_session"]
    parts = good.split("_", 3)
    wrong = [
        "",
        "x",
        "_".join([*parts[:3], "A" * 43]),
        "_".join(["hs", parts[1], str(int(parts[2]) + 1), parts[3]]),
        "_".join(["hs", str(int(parts[1]) + 1), *parts[2:]]),
        "hs_0_0_" + "A" * 43,
        "hs_999999999999999_999999999999999999_" + "A" * 43,
    ]
    async with house.browser() as browser:
        for text in wrong:
            answer = await browser.get("/v1/session", headers={"Cookie": f"huimeng_session={text}"})
            assert answer.status_code == 401, text
        assert (await browser.get("/v1/session", headers={"Cookie": f"huimeng_session={good}"})).status_code == 200


async def test_a_change_of_password_ends_every_other_session(house: House) -> None:
    async with house.browser() as here, house.browser() as there:
        token = await house.welcome(here)
        assert (await house.log_in(there, OWN)).status_code == 200
        wanted = {"current_password": OWN, "new_password": "quite another phrase"}
        old = here.cookies["huimeng_session"]
        changed = await here.post("/v1/session/password", json=wanted, headers=token)
        assert changed.status_code == 200
        house.clock.forward(seconds=3)
        assert here.cookies["huimeng_session"] != old
        assert (await here.get("/v1/session")).status_code == 200
        assert (await there.get("/v1/session")).status_code == 401


@pytest.mark.parametrize(
    ("role", "pause", "alive"),
    [
        ("owner", {"minutes": 29}, True),
        ("owner", {"minutes": 31}, False),
        ("cashier", {"hours": 11}, True),
        ("cashier", {"hours": 12}, False),
    ],
)
async def test_an_idle_session_ends(house: House, role: str, pause: dict[str, float], alive: bool) -> None:
    async with house.browser() as browser:
        await house.welcome(browser, role=role)
        house.clock.forward(**pause)
        assert ((await browser.get("/v1/session")).status_code == 200) is alive


@pytest.mark.parametrize("headers", [{}, {"X-Unattended": "1"}])
async def test_a_page_that_asks_by_itself_keeps_no_session(house: House, headers: dict[str, str]) -> None:
    async with house.browser() as browser:
        await house.welcome(browser)
        for _ in range(2):
            house.clock.forward(minutes=20)
            answer = await browser.get("/v1/session", headers=headers)
        assert answer.status_code == (401 if headers else 200)


async def test_a_busy_session_ends_after_twelve_hours(house: House) -> None:
    async with house.browser() as browser:
        await house.welcome(browser)
        for _ in range(35):
            house.clock.forward(minutes=20)
            assert (await browser.get("/v1/session")).status_code == 200
        house.clock.forward(minutes=20)
        assert (await browser.get("/v1/session")).status_code == 401


async def test_five_wrong_passwords_lock_the_account_for_fifteen_minutes(house: House) -> None:
    async with house.browser() as browser:
        await house.welcome(browser)
        for _ in range(people.WRONG_PASSWORDS):
            assert (await house.log_in(browser, "wrong")).status_code == 401
        locked = await house.log_in(browser, OWN)
        assert (locked.status_code, locked.json()["code"]) == (401, "login_failed")
        house.clock.forward(minutes=14)
        assert (await house.log_in(browser, OWN)).status_code == 401
        house.clock.forward(minutes=1)
        assert (await house.log_in(browser, OWN)).status_code == 200


@pytest.mark.parametrize("counted", [True, False], ids=["counted", "control"])
async def test_guesses_at_the_same_time_are_counted_one_by_one(
    house: House, counted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.browser() as browser:
        await house.welcome(browser)
        if not counted:
            monkeypatch.setattr(LogIns, "_count", _admit_all)
        looked_at: list[str] = []
        verify = Passwords._verify

        def seen(self: Passwords, password: bytes, kept: str | None) -> bool:
            right = verify(self, password, kept)
            looked_at.append("right" if right else "wrong")
            return right

        monkeypatch.setattr(Passwords, "_verify", seen)
        guesses = ["wrong"] * 11 + [OWN]
        answers = await asyncio.gather(*(house.log_in(browser, guess) for guess in guesses))
        # The right one came last, behind more wrong ones than are admitted.
        assert any(answer.status_code == 200 for answer in answers) is not counted


async def _admit_all(*_: Any) -> bool:
    return True


async def test_nothing_tells_whether_a_name_exists(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answer, and a hash is computed each time: without that the clock would tell."""
    hashes: list[bool] = []
    verify = Passwords._verify

    def seen(self: Passwords, password: bytes, kept: str | None) -> bool:
        hashes.append(kept is not None)
        return verify(self, password, kept)

    monkeypatch.setattr(Passwords, "_verify", seen)
    async with house.browser() as browser:
        await house.welcome(browser)
        hashes.clear()
        merchant = house.shop.code
        tries = [(merchant, "owner")] * 6 + [(merchant, "nobody"), ("nowhere", "owner"), (merchant, "\0"), ("", "")]
        bodies = set()
        for code, login in tries:
            wanted = {"merchant": code, "login": login, "password": "wrong"}
            answer = await browser.post("/v1/session", json=wanted)
            found = answer.json()
            found.pop("request_id", None)
            bodies.add((answer.status_code, msgspec.json.encode(found)))
        assert len(bodies) == 1
        assert len(hashes) == len(tries)


async def test_a_refusal_takes_its_time(house: House) -> None:
    logins = LogIns(house.context.db, house.context.vault, refusal_seconds=0.3)
    state_of(house.app).logins = logins
    async with house.browser() as browser:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await house.log_in(browser, "wrong", "nobody")
        assert loop.time() - began >= 0.3


async def test_too_many_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue for hashes is short: whoever storms the door does not take the tills' cores."""
    monkeypatch.setattr(hashing, "WAITING_MOST", 2)
    hashes = Passwords()
    found = await asyncio.gather(*(hashes.hash("x") for _ in range(5)), return_exceptions=True)
    assert [isinstance(each, TooBusy) for each in found] == [False, False, True, True, True]
    with hashes.turn():
        assert await hashes.verify("x", None) is False


async def test_one_address_tries_only_so_often(house: House) -> None:
    async with house.browser() as browser:
        tries = [house.log_in(browser, "wrong", f"nobody{number}") for number in range(30)]
        answers = await asyncio.gather(*tries)
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused and all(answer.status_code in (401, 429) for answer in answers)


async def test_log_ins_are_in_the_audit_log_and_passwords_nowhere(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async with house.browser() as browser:
        token = await house.welcome(browser)
        for password in ("wrong secret", OWN):
            await house.log_in(browser, password)
        await house.log_in(browser, "wrong secret", "typed secret")
        token = csrf(await browser.get("/v1/session"))
        found = (await browser.get("/v1/audit?limit=100")).json()["items"]
        await browser.delete("/v1/session", headers=token)
    actions = [each["action"] for each in found if each["action"] not in ("merchant.created", "store.created")]
    assert actions == ["login.succeeded", "login.failed", "password.changed", "login.succeeded", "staff.created"]
    assert found[0]["ip"] == "127.0.0.1"
    assert "secret" not in repr(found) and OWN not in repr(found)
    assert "secret" not in caplog.text and OWN not in caplog.text


async def test_the_phone_logs_in_too(house: House) -> None:
    password = await house.hire(phone="138 0000 1234")
    async with house.browser() as browser:
        answer = await house.log_in(browser, password, "+8613800001234")
        assert answer.json()["staff"]["phone"] == "****1234"
    async with house.context.db.tenant(house.shop.merchant_id) as conn:
        assert "0000123" not in repr(await (await conn.execute("select * from staff")).fetchall())


# Other sites.


async def _forged(browser: httpx.AsyncClient, **headers: str) -> httpx.Response:
    """What another site makes a browser send: cookies come along, tokens don't."""
    body = b'{"code": "evil", "name": "evil"}'
    return await browser.post("/v1/stores", content=body, headers={**key(), **headers})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "A" * 43},
        {"X-CSRF-Token": "é"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_forged_change_is_refused(house: House, headers: dict[str, str]) -> None:
    async with house.browser() as browser:
        await house.welcome(browser)
        answer = await _forged(browser, **{name: value.encode() for name, value in headers.items()})  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_even_a_known_token_is_no_use_elsewhere(house: House, headers: dict[str, str]) -> None:
    async with house.browser() as browser:
        token = await house.welcome(browser)
        assert (await _forged(browser, **token, **headers)).json()["code"] == "cross_site"
        own = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}
        assert (await _forged(browser, **token, **own)).status_code == 201


async def test_control_without_the_check_the_forgery_succeeds(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house.browser() as browser:
        await house.welcome(browser)
        monkeypatch.setattr(Doorman, "check_change", lambda *_: None)
        assert (await _forged(browser, Origin="https://evil.example")).status_code == 201


async def test_the_token_of_another_session_is_refused(house: House) -> None:
    async with house.browser() as mine, house.browser() as other:
        await house.welcome(mine)
        theirs = csrf(await house.log_in(other, OWN))
        assert (await _forged(mine, **theirs)).json()["code"] == "cross_site"


async def test_another_site_can_not_log_a_browser_in(house: House) -> None:
    password = await house.hire()
    async with house.browser() as browser:
        for path in ("/v1/session", "//v1/session", "/v1/session/"):
            body = {"merchant": house.shop.code, "login": "owner", "password": password}
            answer = await browser.post(path, json=body, headers={"Origin": "https://evil.example"})
            assert answer.status_code in (401, 403, 404)
            assert "set-cookie" not in answer.headers


async def test_reading_needs_no_token_and_a_key_needs_none_at_all(house: House) -> None:
    async with house.browser() as browser:
        token = await house.welcome(browser)
        assert (await browser.get("/v1/stores")).status_code == 200
        wanted = {"name": "till", "scopes": ["settings:write"]}
        made = await browser.post("/v1/api-keys", json=wanted, headers={**key(), **token})
        bearer = {"Authorization": f"Bearer {made.json()['token']}"}
    async with house.browser() as client:
        body = {"code": "s9", "name": "s9"}
        assert (await client.post("/v1/stores", json=body, headers={**key(), **bearer})).status_code == 201
        for method, path in (("GET", "/v1/session"), ("DELETE", "/v1/session")):
            assert (await client.request(method, path, headers=bearer)).json()["code"] == "not_logged_in"


# Answers.


async def test_every_answer_has_the_headers(house: House) -> None:
    async with house.browser() as browser:
        for path in ("/v1/stores", "/v1/nothing", "/nothing", "/healthz", "/login", "/docs", "/openapi/openapi.json"):
            headers = (await browser.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff", path
            assert headers["referrer-policy"] == "same-origin"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "default-src 'none'" in headers["content-security-policy"]
        assert (await browser.get("/v1/stores")).headers["cache-control"] == "no-store"


async def test_a_proxy_is_believed_only_when_it_is_declared(context: Context, shop: Shop) -> None:
    spoofed = {"X-Forwarded-For": "203.0.113.5, 198.51.100.7", "X-Forwarded-Proto": "https"}
    for declared, ip in ((False, "127.0.0.1"), (True, "198.51.100.7")):
        settings = msgspec.structs.replace(context.settings, behind_proxy=declared)
        async with opened(msgspec.structs.replace(context, settings=settings), shop) as house:
            login = f"owner{int(declared)}"
            async with house.browser() as browser:
                answer = await house.log_in(browser, await house.hire(login), login, **spoofed)
                assert answer.json()["session"]["ip"] == ip


def test_settings_say_what_is_secure() -> None:
    assert not Settings.from_env({}).secure
    assert Settings.from_env({"HUIMENG_BEHIND_PROXY": "1"}).secure
    assert Settings.from_env({"HUIMENG_TLS_CERT": "c", "HUIMENG_TLS_KEY": "k"}).secure


async def test_old_sessions_make_room(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "SESSIONS_MOST", 2)
    async with house.browser() as browser:
        await house.welcome(browser)
        for _ in range(3):
            browser.cookies.clear()
            house.clock.forward(seconds=1)
            await house.log_in(browser, OWN)
        async with house.context.db.tenant(house.shop.merchant_id) as conn:
            assert len(await store.open_sessions(conn, house.shop.merchant_id, 1)) == 2


@pytest.mark.parametrize(
    ("ip", "counted"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7", "192.0.2.7"),
        ("", ""),
    ],
)
def test_addresses_of_one_customer_are_counted_as_one(ip: str, counted: str) -> None:
    assert neighbourhood(ip) == counted


async def test_another_address_of_the_same_network_has_no_more_tries(house: House) -> None:
    async def refused(addresses: list[str]) -> int:
        house_of = [httpx.ASGITransport(app=house.app, client=(address, 50000)) for address in addresses]
        body = {"merchant": "m", "login": "x", "password": "y"}
        count = 0
        for transport in house_of:
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as browser:
                count += (await browser.post("/v1/session", json=body)).status_code == 429
        return count

    # A clock that stands still gives nothing back.
    state_of(house.app).rate = Rate(None, clock=lambda: 1000.0)
    assert await refused([f"2001:db8::{number}" for number in range(22)]) == 2
    assert await refused([f"2001:db8:0:{number}::1" for number in range(1, 4)]) == 0


async def test_a_run_without_a_merchant_says_what_to_do(
    house: House, urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told() -> str:
        out = io.StringIO()
        await run._welcome(house.context.settings, urls, Console(file=out, width=200))
        return out.getvalue()

    assert "huimeng merchant create" not in await told()

    async def nobody(*_: object, **__: object) -> list[object]:
        return []

    monkeypatch.setattr(run, "list_merchants", nobody)
    said = await told()
    assert "huimeng merchant create --code myshop" in said
    assert "还没有商户" in said and "There is no merchant yet" in said
