"""What is said and written while the service works: no secret, no personal data, no line that somebody else made up."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.attack.house import Watched, files

PHONE = "13712345678"
NAME = "欧阳小茉莉"
CARD = "CARD-7788-9900"
PASSWORD = "a password of seven words, not eight"
WRONG = "my-mistyped-pass-phrase-55"
FORGED = '{"level":"error","event":"forged line"}'
INJECTED = f"x\r\n{FORGED}\n\x1b[31mred\x1b[0m\u2028{FORGED}\u202e"


@pytest.fixture(scope="module")
def told(house: Watched) -> Iterator[dict[str, list[bytes]]]:
    """What has to stay secret, by what it is, after a day's work with all of it."""
    secrets: dict[str, list[bytes]] = {}
    with house.client() as client:
        _work(house, client, secrets)
        _mistakes(house, client)
    secrets["master key"] = [_master_key(house)]
    secrets["API key"] = [house.token.split("_", 3)[3].encode()]
    secrets["phone"] = [PHONE.encode(), b"137 1234 5678"]
    secrets["name"] = [NAME.encode(), json.dumps(NAME).strip('"').encode()]
    secrets["card"] = [CARD.encode()]
    secrets["password"] = [PASSWORD.encode(), WRONG.encode()]
    end = time.monotonic() + 60
    while b"log-in refused" not in house.log.read_bytes():
        assert time.monotonic() < end
        time.sleep(0.1)
    time.sleep(1)
    yield secrets


def _master_key(house: Watched) -> bytes:
    (path,) = (house.data / "keys").glob("master.key")
    return path.read_bytes().strip()


def _work(house: Watched, client: httpx.Client, secrets: dict[str, list[bytes]]) -> None:
    member = {"identities": [{"kind": "phone", "value": PHONE}, {"kind": "card_no", "value": CARD}], "name": NAME}
    joined = house.send(client, "POST", "/v1/members", json=member)
    assert joined.status_code == 201, joined.text
    number = joined.json()["member_id"]
    client.get("/v1/members", params={"phone": PHONE})
    client.get("/v1/members", params={"name": NAME})
    house.send(client, "POST", "/v1/members/search", json={"phone": PHONE})
    reveal = {"fields": ["name", "phone"], "reason": "核对"}
    revealed = house.send(client, "POST", f"/v1/members/{number}/reveal", json=reveal)
    assert revealed.status_code < 300 and PHONE in revealed.text, revealed.text
    file = f"手机号,姓名\n{PHONE},{NAME}\n1,{NAME}\n".encode()
    sent = house.send(
        client, "POST", "/v1/imports", params={"kind": "members"}, content=file, headers={"Content-Type": "text/csv"}
    )
    assert sent.status_code == 202, sent.text
    secrets["session"] = _log_in(house, client, secrets)


def _log_in(house: Watched, client: httpx.Client, secrets: dict[str, list[bytes]]) -> list[bytes]:
    person = {"login": "xiaoli", "name": "小李", "role": "owner"}
    once = house.send(client, "POST", "/v1/staff", json=person).json()["one_time_password"]
    secrets["one-time password"] = [once.encode()]
    kept: list[bytes] = []
    with httpx.Client(base_url=house.url) as browser:
        first = browser.post("/v1/session", json={"merchant": "m", "login": "xiaoli", "password": once})
        assert first.status_code == 200, first.text
        kept += [value.split("_", 3)[3].encode() for value in browser.cookies.values()]
        headers = {"X-CSRF-Token": first.json()["csrf_token"], "Origin": house.url}
        change = {"current_password": once, "new_password": PASSWORD}
        changed = browser.post("/v1/session/password", json=change, headers=headers)
        assert changed.status_code == 200, changed.text
        kept += [value.split("_", 3)[3].encode() for value in browser.cookies.values()]
        kept += [first.json()["csrf_token"].encode(), changed.json()["csrf_token"].encode()]
        headers["X-CSRF-Token"] = changed.json()["csrf_token"]
        wanted = {"name": "x", "scopes": ["members:read"]}
        made = house.send(browser, "POST", "/v1/api-keys", json=wanted, headers=headers)
        secrets["another key"] = [made.json()["token"].split("_", 3)[3].encode()]
    return kept


def _mistakes(house: Watched, client: httpx.Client) -> None:
    """Things go wrong with secrets in every place that a log may quote."""
    given: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/v1/session", {"json": {"merchant": "m", "login": "xiaoli", "password": WRONG}}),
        ("POST", "/v1/session", {"json": {"merchant": "m", "login": PHONE, "password": WRONG}}),
        ("POST", "/v1/session", {"json": {"merchant": "m", "login": INJECTED, "password": INJECTED}}),
        ("POST", "/v1/session", {"content": f'{{"password": "{WRONG}", '.encode()}),
        ("POST", "/v1/members", {"json": {"name": NAME, "identities": [{"kind": "phone", "value": PHONE + "x"}]}}),
        ("POST", "/v1/members", {"json": {"name": [PHONE, NAME]}}),
        ("GET", f"/v1/members/{PHONE}", {}),
        ("GET", f"/v1/nothing/{PHONE}/{NAME}", {}),
        ("GET", f"/v1/nothing?phone={PHONE}&token={house.token}", {}),
        ("GET", "/v1/merchant", {"headers": {"Authorization": f"Bearer {house.token}x"}}),
        ("GET", "/v1/merchant", {"headers": {"Authorization": f"Basic {house.token}"}}),
        ("GET", "/v1/merchant", {"headers": {"Cookie": f"huimeng_session={house.token}"}}),
        ("GET", "/v1/merchant", {"headers": {"Referer": f"{house.url}/?phone={PHONE}", "User-Agent": "x\\n" + FORGED}}),
        ("GET", "/v1/merchant", {"headers": {"X-Request-Id": FORGED}}),
        ("GET", "/%0d%0a" + FORGED.replace('"', "%22"), {}),
        ("POST", "/v1/regions", {"json": {"code": INJECTED, "name": INJECTED}}),
        ("POST", "/v1/regions", {"content": INJECTED.encode(), "headers": {"Content-Type": "application/json"}}),
        ("GET", "/v1/analytics/overview", {"params": {"store": INJECTED}}),
        ("GET", "/v1/orders", {"params": {"cursor": INJECTED, "member_id": INJECTED}}),
    ]
    for method, path, more in given:
        house.send(client, method, path, **more)


def test_no_secret_and_no_person_is_in_what_is_written(house: Watched, told: dict[str, list[bytes]]) -> None:
    """In all output of all processes, and in every file of the data folder beside the database and the keys."""
    found = []
    for name, content in house.written().items():
        for what, values in told.items():
            if name.startswith("import/") and what in ("phone", "name"):
                # A file that was handed in is what it is; the next test looks after it.
                continue
            found += [(name, what) for value in values if _in(value, content)]
    assert found == []


def _in(value: bytes, content: bytes) -> bool:
    """As it is, or as base64 or hexadecimal of it."""
    assert len(value) >= 9, value
    return any(form in content for form in (value, base64.b64encode(value)[:-4], value.hex().encode()))


def test_control_the_search_finds_what_is_there(house: Watched, told: dict[str, list[bytes]]) -> None:
    """The output is really that of the service, and the words that may be there are found in it."""
    output = house.written()["output"]
    assert b'"route":"/v1/members"' in output or b"/v1/members" in output
    assert b"log-in refused" in output
    assert all(values and all(values) for values in told.values())


def test_files_with_personal_data_are_nobody_elses_to_read(house: Watched, told: dict[str, list[bytes]]) -> None:
    for path in files(house.data):
        if path.relative_to(house.data).parts[0] == "pg":
            continue
        with contextlib.suppress(FileNotFoundError):
            holds = _in(PHONE.encode(), path.read_bytes())
            if holds or path.name == "master.key" or path.name == "secrets.json":
                closed = [each for each in (path, *path.parents) if each.stat().st_mode & 0o077 == 0]
                assert closed, f"others may read {path}"


def test_every_line_of_the_log_is_one_object_of_our_own(house: Watched, told: dict[str, list[bytes]]) -> None:
    """Nobody outside can begin a line, colour a terminal or turn the direction of a text."""
    lines = house.log.read_bytes().split(b"\n")
    objects = [json.loads(line) for line in lines if line.startswith(b"{")]
    assert len(objects) > 20
    assert not [line for line in objects if line.get("event") == "forged line"]
    text = b"\n".join(line for line in lines if line.startswith(b"{")).decode()
    assert not [sign for sign in text if sign != "\n" and not sign.isprintable()]
    others = [line for line in lines if line.strip() and not line.startswith(b"{")]
    assert not [line for line in others if b"forged" in line or b"[31m" in line], others
