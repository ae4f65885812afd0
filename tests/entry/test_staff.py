"""Staff over the whole application: who may make, change and help whom, and in which stores somebody works."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from huimeng.merchant.authentication import Principal
from huimeng.merchant.service import create_store
from huimeng.merchant.service import staff as service
from huimeng.merchant.service.passwords import Passwords
from huimeng.merchant.service.staff import Power
from huimeng.merchant.store import staff as store
from huimeng.merchant.values import StoreInput
from tests.entry.house import OWN, House, key

Owner = tuple[httpx.AsyncClient, dict[str, str]]


@pytest.fixture
async def owner(house: House) -> Any:
    async with house.browser() as browser:
        yield browser, await house.welcome(browser)


async def send(who: Owner, method: str, path: str, body: Any = None, given: dict[str, str] | None = None) -> Any:
    browser, token = who
    return await browser.request(method, path, json=body, headers={**token, **(given or key())})


async def key_of(who: Owner, *scopes: str) -> dict[str, str]:
    made = await send(who, "POST", "/v1/api-keys", {"name": "k", "scopes": list(scopes)})
    return {"Authorization": f"Bearer {made.json()['token']}"}


async def test_a_cashier_is_made_once_and_the_password_is_shown_once(house: House, owner: Owner) -> None:
    again = key()
    wanted = {"login": "XiaoLi", "name": "小李", "role": "cashier", "stores": [1], "phone": "13800001234"}
    first = await send(owner, "POST", "/v1/staff", wanted, again)
    assert first.status_code == 201, first.text
    replay = await send(owner, "POST", "/v1/staff", wanted, again)
    assert (replay.status_code, replay.json()["one_time_password"]) == (201, None)
    assert first.json()["staff"] == replay.json()["staff"]
    password = first.json()["one_time_password"]
    async with house.browser() as cashier:
        answer = await house.log_in(cashier, password, "xiaoli")
        assert answer.json()["permissions"] == sorted(answer.json()["permissions"])
        assert "orders:refund" not in answer.json()["permissions"]
    listed = (await owner[0].get("/v1/staff?limit=1")).json()
    assert ([each["login"] for each in listed["items"]], listed["next_cursor"]) == (["owner"], "1")
    rest = (await owner[0].get("/v1/staff?cursor=1")).json()
    assert [each["phone"] for each in rest["items"]] == ["****1234"]
    kept = "select body, fingerprint from idempotency"
    async with house.context.db.tenant(house.shop.merchant_id) as conn:
        assert password not in repr(await (await conn.execute(kept)).fetchall())


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"login": "owner", "name": "x", "role": "cashier"}, "login_taken"),
        ({"login": "a", "name": "x", "role": "cashier"}, "invalid_input"),
        ({"login": "小李", "name": "x", "role": "cashier"}, "invalid_input"),
        ({"login": "abc", "name": "", "role": "cashier"}, "invalid_input"),
        ({"login": "abc", "name": "x", "role": "god"}, "invalid_input"),
        ({"login": "abc", "name": "x", "role": "cashier", "stores": []}, "invalid_input"),
        ({"login": "abc", "name": "x", "role": "cashier", "stores": [99]}, "store_not_found"),
        ({"login": "abc", "name": "x", "role": "owner", "stores": [1]}, "invalid_input"),
        ({"login": "abc", "name": "x", "role": "cashier", "phone": "call me"}, "invalid_input"),
        ({"login": "abc", "name": "x", "role": "cashier", "must_change_password": False}, "invalid_input"),
        ({"login": "abc", "name": "x", "role": "cashier", "password_hash": "x"}, "invalid_input"),
    ],
)
async def test_what_can_not_be(owner: Owner, wanted: dict[str, Any], code: str) -> None:
    assert (await send(owner, "POST", "/v1/staff", wanted)).json()["code"] == code


async def test_nobodys_name_is_somebody_elses_phone(owner: Owner) -> None:
    """Who logs in by the one would be taken for the other, and lock that one out."""
    hers = {"login": "xiaoli", "name": "小李", "role": "cashier", "phone": "13800001234"}
    by_number = {"login": "139-0000-5678", "name": "小王", "role": "cashier", "phone": "13900005678"}
    for wanted in (hers, by_number):
        assert (await send(owner, "POST", "/v1/staff", wanted)).status_code == 201
    named = {"login": "13800001234", "name": "x", "role": "cashier"}
    assert (await send(owner, "POST", "/v1/staff", named)).json()["code"] == "login_taken"
    assert (await send(owner, "PATCH", "/v1/staff/3", {"phone": None})).status_code == 200
    for method, path, body in (
        ("POST", "/v1/staff", {**named, "login": "abc", "phone": "+86 139 0000 5678"}),
        ("PATCH", "/v1/staff/2", {"phone": "13900005678"}),
    ):
        assert (await send(owner, method, path, body)).json()["code"] == "login_taken"
    assert (await send(owner, "PATCH", "/v1/staff/3", {"phone": "13900005678"})).status_code == 200


async def test_a_cashier_manages_nobody(house: House, owner: Owner) -> None:
    async with house.browser() as browser:
        cashier = browser, await house.welcome(browser, "xiaoli", role="cashier")
        for method, path, body in (
            ("GET", "/v1/staff", None),
            ("POST", "/v1/staff", {"login": "abc", "name": "x", "role": "owner"}),
            ("PATCH", "/v1/staff/2", {"role": "owner"}),
            ("POST", "/v1/staff/1/reset-password", None),
            ("POST", "/v1/staff/1/unlock", None),
            ("GET", "/v1/staff/1/sessions", None),
            ("POST", "/v1/staff/1/sessions/revoke", {}),
            ("POST", "/v1/api-keys", {"name": "x", "scopes": ["*"]}),
        ):
            answer = await send(cashier, method, path, body)
            assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied"), path


async def test_nobody_gives_or_commands_more_than_they_have(house: House, owner: Owner) -> None:
    """A key that manages staff, but is not allowed everything, is kept from owners."""
    bearer = await key_of(owner, "staff:read", "staff:write")
    async with house.browser() as client:
        caller = client, bearer
        for method, path, body in (
            ("POST", "/v1/staff", {"login": "abc", "name": "x", "role": "owner"}),
            # A cashier's permissions are none of this key's either.
            ("POST", "/v1/staff", {"login": "abc", "name": "x", "role": "cashier"}),
            ("PATCH", "/v1/staff/1", {"active": False}),
            ("POST", "/v1/staff/1/reset-password", None),
            ("POST", "/v1/staff/1/unlock", None),
            ("POST", "/v1/staff/1/sessions/revoke", {}),
        ):
            answer = await send(caller, method, path, body)
            assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied"), path


async def test_control_without_the_check_a_key_takes_an_owner_over(
    house: House, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer = await key_of(owner, "staff:write")
    monkeypatch.setattr(Power, "check", lambda *_: None)
    async with house.browser() as client:
        taken = await send((client, bearer), "POST", "/v1/staff/1/reset-password")
        assert taken.json()["one_time_password"]


async def test_who_works_in_some_stores_gives_no_others(house: House, owner: Owner) -> None:
    merchant_id = house.shop.merchant_id
    everywhere, here = Power(frozenset("*")), Power(frozenset("*"), frozenset({1}))
    wanted = {"login": "abc", "name": "x", "role": "cashier"}
    made = (await send(owner, "POST", "/v1/staff", wanted)).json()["staff"]["staff_id"]
    async with house.context.db.tenant(merchant_id) as conn:
        found = await service.get_staff(conn, merchant_id, made)
    everywhere.check(found)
    with pytest.raises(Exception, match="store_not_allowed"):
        here.check(found)
    limited = Principal(1, 1024, frozenset("*"), "staff:1", stores=frozenset({1}))
    assert limited.sees(1) and not limited.sees(2)


@pytest.mark.parametrize("patch", [{"active": False}, {"role": "cashier"}])
async def test_the_last_owner_stays(house: House, owner: Owner, patch: dict[str, Any]) -> None:
    assert (await send(owner, "PATCH", "/v1/staff/1", patch)).json()["code"] == "last_owner"
    await house.hire("second")
    assert (await send(owner, "PATCH", "/v1/staff/1", patch)).status_code == 200
    # Within two seconds the first one may still say so of the second, who is the last now.
    assert (await send(owner, "PATCH", "/v1/staff/2", patch)).json()["code"] == "last_owner"
    async with house.context.db.tenant(house.shop.merchant_id) as conn:
        assert await store.other_active_owners(conn, house.shop.merchant_id, 0) == 1


async def test_control_without_the_count_no_owner_is_left(
    house: House, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def many(*_: Any) -> int:
        return 7

    monkeypatch.setattr(store, "other_active_owners", many)
    assert (await send(owner, "PATCH", "/v1/staff/1", {"active": False})).status_code == 200
    house.clock.forward(seconds=3)
    assert (await owner[0].get("/v1/staff")).status_code == 401


async def test_who_is_disabled_is_out_within_two_seconds(house: House, owner: Owner) -> None:
    async with house.browser() as browser:
        await house.welcome(browser, "xiaoli", role="cashier")
        assert (await send(owner, "PATCH", "/v1/staff/2", {"active": False})).json()["active"] is False
        house.clock.forward(seconds=2.1)
        assert (await browser.get("/v1/session")).status_code == 401
        assert (await house.log_in(browser, OWN, "xiaoli")).json()["code"] == "login_failed"
        await send(owner, "PATCH", "/v1/staff/2", {"active": True})
        house.clock.forward(seconds=2.1)
        assert (await browser.get("/v1/session")).status_code == 401
        assert (await house.log_in(browser, OWN, "xiaoli")).status_code == 200


async def test_who_is_disabled_while_logging_in_gets_no_session(
    house: House, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be good again as soon as that person is taken back."""
    verify = Passwords.verify

    async def dismissed(self: Passwords, password: str, kept: str | None) -> bool:
        await send(owner, "PATCH", "/v1/staff/2", {"active": False})
        return await verify(self, password, kept)

    async with house.browser() as browser:
        await house.welcome(browser, "xiaoli", role="cashier")
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(Passwords, "verify", dismissed)
            assert (await house.log_in(browser, OWN, "xiaoli")).json()["code"] == "login_failed"
        await send(owner, "PATCH", "/v1/staff/2", {"active": True})
        house.clock.forward(seconds=2.1)
        assert (await browser.get("/v1/session")).status_code == 401


async def test_a_reset_locks_out_the_old_password_and_lifts_the_lock(house: House, owner: Owner) -> None:
    async with house.browser() as browser:
        await house.welcome(browser, "xiaoli", role="cashier")
        for _ in range(5):
            await house.log_in(browser, "wrong", "xiaoli")
        assert (await owner[0].get("/v1/staff")).json()["items"][1]["locked_until"] is not None
        reset = await send(owner, "POST", "/v1/staff/2/reset-password")
        assert (await house.log_in(browser, OWN, "xiaoli")).status_code == 401
        assert (await house.log_in(browser, reset.json()["one_time_password"], "xiaoli")).status_code == 200


async def test_unlocking(house: House, owner: Owner) -> None:
    async with house.browser() as browser:
        await house.welcome(browser, "xiaoli", role="cashier")
        for _ in range(5):
            await house.log_in(browser, "wrong", "xiaoli")
        assert (await house.log_in(browser, OWN, "xiaoli")).status_code == 401
        assert (await send(owner, "POST", "/v1/staff/2/unlock")).json()["locked_until"] is None
        assert (await house.log_in(browser, OWN, "xiaoli")).status_code == 200


async def test_sessions_are_seen_and_ended(house: House, owner: Owner) -> None:
    async with house.browser() as browser:
        cashier = browser, await house.welcome(browser, "xiaoli", role="cashier")
        async with house.browser() as other:
            await house.log_in(other, OWN, "xiaoli")
            own = (await browser.get("/v1/staff/2/sessions")).json()["items"]
            assert [each["current"] for each in own] == [False, True]
            assert own == (await browser.get("/v1/staff/2/sessions")).json()["items"]
            ended = await send(cashier, "POST", "/v1/staff/2/sessions/revoke", {"session_id": own[0]["session_id"]})
            assert [each["current"] for each in ended.json()["items"]] == [True]
            house.clock.forward(seconds=2.1)
            assert (await other.get("/v1/session")).status_code == 401
        twice = await send(cashier, "POST", "/v1/staff/2/sessions/revoke", {"session_id": own[0]["session_id"]})
        assert twice.json()["code"] == "session_not_found"
        assert (await send(owner, "POST", "/v1/staff/2/sessions/revoke", {})).json() == {"items": []}
        house.clock.forward(seconds=2.1)
        assert (await browser.get("/v1/session")).status_code == 401
        assert (await send(owner, "POST", "/v1/staff/9/sessions/revoke", {})).json()["code"] == "staff_not_found"


async def test_the_registry_of_permissions(owner: Owner) -> None:
    found = (await owner[0].get("/v1/permissions")).json()
    from huimeng.merchant.rules import ROLES, SCOPES

    assert {each["scope"] for each in found["permissions"]} == SCOPES
    assert {each["role"]: set(each["permissions"]) for each in found["roles"]} == {k: set(v) for k, v in ROLES.items()}
    assert all(each["name_zh"] and each["name_en"] for each in found["permissions"] + found["roles"])


# Stores.


async def test_a_cashier_sells_and_sees_in_her_store_only(house: House, owner: Owner) -> None:
    merchant_id = house.shop.merchant_id
    async with house.context.db.tenant(merchant_id) as conn:
        await create_store(conn, merchant_id, StoreInput(code="s2", name="二号店"))

    def bill(code: str, number: str) -> dict[str, Any]:
        return {"store": code, "order_no": number, "lines": [{"paid_fen": 100}]}

    theirs = (await send(owner, "POST", "/v1/orders", bill("s2", "A"))).json()["order_id"]
    async with house.browser() as browser:
        cashier = browser, await house.welcome(browser, "xiaoli", role="cashier", stores=[1])
        assert (await send(cashier, "POST", "/v1/orders", bill("s1", "B"))).status_code == 201
        refused = await send(cashier, "POST", "/v1/orders", bill("s2", "C"))
        assert (refused.status_code, refused.json()["code"]) == (403, "store_not_allowed")
        quote = {name: value for name, value in bill("s2", "").items() if name != "order_no"}
        assert (await send(cashier, "POST", "/v1/orders/quote", quote)).json()["code"] == "store_not_allowed"
        assert (await send(cashier, "POST", "/v1/orders/quote", {**quote, "store": "s1"})).status_code == 200
        both = await send(cashier, "POST", "/v1/orders/batch", {"orders": [bill("s1", "D"), bill("s2", "E")]})
        assert [each["status"] for each in both.json()["items"]] == [201, 403]
        listed = (await browser.get("/v1/orders")).json()["items"]
        assert [each["order_no"] for each in listed] == ["D", "B"]
        assert (await browser.get(f"/v1/orders/{theirs}")).status_code == 404
        assert (await owner[0].get(f"/v1/orders/{theirs}")).status_code == 200


async def test_a_member_is_told_by_what_happened_in_ones_own_stores(house: House, owner: Owner) -> None:
    merchant_id = house.shop.merchant_id
    async with house.context.db.tenant(merchant_id) as conn:
        await create_store(conn, merchant_id, StoreInput(code="s2", name="二号店"))
    joining = {"identities": [{"kind": "external_id", "value": "T1"}]}
    member = (await send(owner, "POST", "/v1/members", joining)).json()["member_id"]
    for code in ("s1", "s2"):
        order = {"store": code, "order_no": code, "member_id": member, "lines": [{"paid_fen": 100}]}
        await send(owner, "POST", "/v1/orders", order)
    async with house.browser() as browser:
        await house.welcome(browser, "xiaoli", role="cashier", stores=[1])
        items = (await browser.get(f"/v1/members/{member}/timeline")).json()["items"]
        assert [item["order_no"] for item in items if item["kind"] == "order"] == ["s1"]
        standing = (await browser.get(f"/v1/members/{member}/standing")).json()
        assert (standing["orders"], standing["last_store_id"]) == (1, 1)
    items = (await owner[0].get(f"/v1/members/{member}/timeline")).json()["items"]
    assert [item["order_no"] for item in items if item["kind"] == "order"] == ["s2", "s1"]


async def test_figures_and_refunds_keep_to_the_stores_too(
    house: House, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a role that could do it everywhere else."""
    from huimeng.merchant import rules
    from huimeng.merchant.authentication import sessions

    merchant_id = house.shop.merchant_id
    async with house.context.db.tenant(merchant_id) as conn:
        await create_store(conn, merchant_id, StoreInput(code="s2", name="二号店"))
    order = {"store": "s2", "order_no": "A", "lines": [{"paid_fen": 100}]}
    theirs = (await send(owner, "POST", "/v1/orders", order)).json()["order_id"]
    manager = rules.ROLES["cashier"] | {"orders:refund", "analytics:read", "settings:write"}
    monkeypatch.setattr(sessions, "ROLES", {**rules.ROLES, "cashier": manager})
    async with house.browser() as browser:
        who = browser, await house.welcome(browser, "xiaoli", role="cashier", stores=[1])
        for path in (f"/v1/orders/{theirs}/refunds", f"/v1/orders/{theirs}/void"):
            assert (await send(who, "POST", path, {})).status_code == 404
        for name in (
            "overview",
            "trend",
            "breakdown",
            "repurchase",
            "cohorts",
            "rfm",
            "concentration",
            "top",
            "audience",
        ):
            path = f"/v1/analytics/{name}"
            assert (await browser.get(path)).json()["stores_only"] == ["s1"]
            assert (await browser.get(path, params={"store": "s2"})).json()["code"] == "store_not_allowed"
            assert (await browser.get(path, params={"store": "s1"})).status_code == 200
        # A key would work in all stores.
        wanted = {"name": "k", "scopes": ["orders:read"]}
        assert (await send(who, "POST", "/v1/api-keys", wanted)).json()["code"] == "store_not_allowed"
        monkeypatch.setattr(Principal, "sees", lambda *_: True)
        assert (await send(who, "POST", f"/v1/orders/{theirs}/void", None)).status_code == 201


async def test_a_member_joins_in_ones_own_stores_only(
    house: House, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await send(owner, "POST", "/v1/stores", {"code": "s2", "name": "二号店"})).status_code == 201

    def wanted(store_id: int | None, phone: str) -> dict[str, Any]:
        return {"identities": [{"kind": "phone", "value": phone}], "source": {"store_id": store_id}}

    async with house.browser() as browser:
        who = browser, await house.welcome(browser, "xiaoli", role="cashier", stores=[1])
        refused = await send(who, "POST", "/v1/members", wanted(2, "13800000001"))
        assert (refused.status_code, refused.json()["code"]) == (403, "store_not_allowed")
        assert (await send(who, "POST", "/v1/members", wanted(1, "13800000002"))).status_code == 201
        assert (await send(who, "POST", "/v1/members", wanted(None, "13800000003"))).status_code == 201
        monkeypatch.setattr(Principal, "sees", lambda *_: True)
        assert (await send(who, "POST", "/v1/members", wanted(2, "13800000001"))).status_code == 201


async def test_a_wrong_filter_is_named_as_the_caller_knows_it(owner: Owner) -> None:
    for name in ("from", "to"):
        answer = await owner[0].get("/v1/audit", params={name: "yesterday"})
        assert (answer.status_code, answer.json()["field"]) == (400, name)
