"""A merchant with every kind of object, made through the API, and what an outsider must never learn of it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from huimeng.merchant.service import create_api_key, create_merchant, create_store
from huimeng.merchant.values import ApiKeyInput, MerchantInput, StoreInput
from tests.attack.stand import Operation, Stand

_numbers = itertools.count(1)
# Names under which values name objects of a merchant, in paths, queries and bodies.
_CODES = {"store", "stores", "region", "regions", "quote", "order_no", "phone", "card_no", "external_id", "username"}
# These end like ids and are none: numbers of versions, lines and so on are no objects.
_NO_IDS = {"consent_version"}


def names_an_object(name: str) -> bool:
    return (name.endswith(("_id", "_ids")) or name in _CODES) and name not in _NO_IDS


def scalars(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(name, text) of everything in an answer; items of a list have the list's name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from scalars(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from scalars(inner, name)
    elif value is not None and not isinstance(value, bool):
        yield name, str(value)


class World:
    """One merchant; `mark` is in every text it holds, `ids` has what its own answers told, by name.

    The mark is longer than what stands in a token or a quote by chance.
    """

    def __init__(self, stand: Stand, mark: str, rounds: int) -> None:
        """rounds: how many of each kind are made as the document shows it."""
        number = next(_numbers)
        self.stand = stand
        self.mark = f"{mark}Shop{number}"
        self.phone = f"1{number + 300:03}55{rounds:05}"
        self.ids: dict[str, list[str]] = {}
        self.answers: list[str] = []
        self.merchant_id, self.token = stand.run(self._found())
        self._furnish()
        for _ in range(rounds):
            self._make_key()
            self._hire()
            self._hand_in()
        self._look_around(rounds)

    async def _found(self) -> tuple[int, str]:
        context = self.stand.context
        merchant = await create_merchant(
            context.db, context.vault, MerchantInput(code=self.mark.lower(), name=f"{self.mark}商行")
        )
        async with context.db.tenant(merchant.merchant_id) as conn:
            # Entity ids far apart: one merchant's are never another's by chance.
            await conn.execute("update cell_head set entity_seq = %s", (merchant.merchant_id * 1_000_003,))
            wanted = StoreInput(code=f"{self.mark}-s0", name=f"{self.mark}店")
            await create_store(conn, merchant.merchant_id, wanted)
            _, token = await create_api_key(
                conn, merchant.merchant_id, ApiKeyInput(name=f"{self.mark}钥匙", scopes=["*"], rate_limit=0)
            )
        return merchant.merchant_id, token

    def key(self, *scopes: Any) -> str:
        """A new token with these scopes."""

        async def make() -> str:
            async with self.stand.context.db.tenant(self.merchant_id) as conn:
                wanted = ApiKeyInput(name=f"{self.mark}钥匙", scopes=list(scopes), rate_limit=0)
                return (await create_api_key(conn, self.merchant_id, wanted))[1]

        return self.stand.run(make())

    def call(self, method: str, path: str, body: Any = None, key: str | None = None, **given: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key or f"{self.mark}-{next(_numbers)}", **given.pop("headers", {})}
        if body is not None:
            given["json"] = body
        return self.stand.call(method, path, self.token, headers, **given)

    def make(self, path: str, body: Any = None, key: str | None = None, method: str = "POST") -> dict[str, Any]:
        answer = self.call(method, path, body, key)
        assert answer.status_code < 300, (method, path, answer.status_code, answer.text)
        self.learn(answer)
        made: dict[str, Any] = answer.json()
        return made

    def learn(self, answer: httpx.Response) -> None:
        self.answers.append(answer.text)
        for name, value in scalars(answer.json()):
            known = self.ids.setdefault(name, [])
            if value not in known:
                known.append(value)

    def _furnish(self) -> None:
        m = self.mark
        store = f"{m}-s0"
        self.make("/v1/regions", {"code": f"{m}-east", "name": f"{m}华东"})
        self.make("/v1/regions", {"code": f"{m}-west", "name": f"{m}华西"})
        shop = {"code": f"{m}-x", "name": f"{m}旗舰店", "region": f"{m}-east", "legal_entity": f"{m}有限公司"}
        self.make("/v1/stores", shop)
        rule = {"points_per_yuan": "1", "effective_from": "2000-01-01T00:00:00Z"}
        for name in ("规则", "规则二", "规则三"):
            self.make("/v1/earning-rules", {**rule, "name": f"{m}{name}"})
        members = [self.make("/v1/members", self.person(number))["member_id"] for number in range(4)]
        for number, member in enumerate(members):
            bill = self.bill(store, member)
            quoted = self.make("/v1/orders/quote", bill)
            order = {**bill, "order_no": f"{m}-A{number}", "quote": quoted["quote"]}
            taken = self.make("/v1/orders", order, f"{m}-order-{number}")
            if number == 1:
                refund = {"lines": [{"line_no": 1, "quantity": "1"}], "reason": f"{m}破损"}
                self.make(f"/v1/orders/{taken['order_id']}/refunds", refund)
            self.make(f"/v1/members/{member}/points/adjustments", {"amount": 500, "reason": f"{m}补偿"})

    def _make_key(self) -> None:
        """By the command line, as it were: no key makes one."""
        made = self.key("orders:write").split("_")[2]
        self.learn(self.call("GET", f"/v1/api-keys/{made}"))

    def _hire(self) -> None:
        """A cashier who has logged in."""
        hired = self.make("/v1/staff", self.body_of("/v1/staff"))
        answer = self.stand.call("POST", "/v1/session", json=self._first_login(hired))
        assert answer.status_code == 200, answer.text
        self.learn(self.call("GET", f"/v1/staff/{hired['staff']['staff_id']}/sessions"))

    def _first_login(self, hired: dict[str, Any]) -> dict[str, str]:
        name, password = hired["staff"]["login"], hired["one_time_password"]
        return {"merchant": self.mark.lower(), "login": name, "password": password}

    def _hand_in(self) -> None:
        file = f"手机号,姓名\n{self.phone[:-4]}0099,{self.mark}李四\n".encode()
        answer = self.call(
            "POST", "/v1/imports", params={"kind": "members"}, content=file, headers={"Content-Type": "text/csv"}
        )
        assert answer.status_code < 300, answer.text
        self.learn(answer)

    def log_in(self, role: str) -> dict[str, str]:
        """Headers of a new person's browser, with a password of their own."""
        wanted = {**self.body_of("/v1/staff"), "role": role, "stores": None if role == "owner" else [1]}
        hired = self.make("/v1/staff", wanted)
        first = self._first_login(hired)
        headers = _browser(self.stand.call("POST", "/v1/session", json=first))
        change = {"current_password": first["password"], "new_password": PASSWORD}
        answer = self.stand.call("POST", "/v1/session/password", json=change, headers=headers)
        return _browser(answer)

    def person(self, number: int) -> dict[str, Any]:
        identities = [
            {"kind": "phone", "value": f"{self.phone[:-4]}{number:04}"},
            {"kind": "card_no", "value": f"{self.mark}-C{number}"},
            {"kind": "external_id", "value": f"{self.mark}-E{number}"},
        ]
        return {"identities": identities, "name": f"{self.mark}张三{number}", "tags": [f"{self.mark}老客"]}

    def bill(self, store: str, member: str | None = None) -> dict[str, Any]:
        line = {"sku": f"{self.mark}-milk", "product": f"{self.mark}牛奶", "quantity": "2", "paid_fen": 4000}
        return {"store": store, "member_id": member, "lines": [line]}

    def _look_around(self, rounds: int) -> None:
        """Tries each operation as the document shows it, so that new kinds of objects are known too."""
        for operation in self.stand.operations * rounds:
            if operation.method == "POST" and "{" not in operation.path and operation.path not in MADE_BY_HAND:
                answer = self.call("POST", operation.path, self.body(operation))
                if answer.status_code < 300 and _is_json(answer):
                    self.learn(answer)
        for operation in self.stand.operations:
            names = [given["name"] for given in operation.parameters("path")]
            if operation.method == "GET" and operation.path.startswith("/v1/") and all(n in self.ids for n in names):
                answer = self.call("GET", operation.path.format(**{name: self.own(name) for name in names}))
                if answer.status_code < 300 and _is_json(answer):
                    self.learn(answer)

    def adapt(self, example: Any, name: str = "") -> Any:
        """An example of the document with this merchant's own objects and marks in it."""
        if isinstance(example, dict):
            return {key: self.adapt(value, key) for key, value in example.items()}
        if isinstance(example, list):
            return [self.adapt(value, name) for value in example]
        if name == "store_id":
            return int(self.own(name))
        if name in ("store", "stores"):
            return f"{self.mark}-s0"
        if name in ("region", "regions"):
            return f"{self.mark}-east"
        if names_an_object(name) and name in self.ids:
            return type(example)(self.own(name)) if isinstance(example, int) else self.own(name)
        return f"{self.mark}-{next(_numbers)}" if name in ("code", "username", "order_no") else example

    def own(self, name: str) -> str:
        assert self.ids.get(name), f"no {name} known: let tests/attack/world.py make one"
        return self.ids[name][0]

    def body(self, operation: Operation) -> Any:
        """A body that this merchant could send to the operation."""
        if operation.method == "POST" and operation.path in RECIPES:
            return self.body_of(operation.path)
        example = operation.body_example()
        schema = operation.body_schema(self.stand.document) or {}
        if example is None and "name" in schema.get("properties", {}):
            return {"name": f"{self.mark}新名"}
        return self.adapt(example)

    def body_of(self, path: str) -> Any:
        return RECIPES[path](self)


def _order(world: World) -> dict[str, Any]:
    """With a quote of its own, so that another one's can be put in its place."""
    bill = world.bill(f"{world.mark}-s0", world.own("member_id"))
    quoted = world.call("POST", "/v1/orders/quote", bill).json()["quote"]
    return {**bill, "order_no": f"{world.mark}-{next(_numbers)}", "quote": quoted}


def _staff(world: World) -> dict[str, Any]:
    number = next(_numbers)
    name = f"{world.mark}-{number}"
    phone = f"{world.phone[:4]}6{number:06}"
    return {"login": name.lower(), "name": f"{name}员工", "role": "cashier", "stores": [1], "phone": phone}


def _browser(answer: httpx.Response) -> dict[str, str]:
    """What a browser sends after it has logged in."""
    assert answer.status_code == 200, answer.text
    cookie = answer.headers["set-cookie"].partition(";")[0]
    return {"Cookie": cookie, "X-CSRF-Token": answer.json()["csrf_token"], "Origin": "http://127.0.0.1"}


PASSWORD = "correct horse battery staple 7"
# Nothing to be made by a key, or made elsewhere in a way of their own.
MADE_BY_HAND = {"/v1/imports", "/v1/session", "/v1/session/password", "/v1/staff"}
# Bodies for operations whose example can't be sent as it stands.
RECIPES: Mapping[str, Any] = {
    "/v1/members": lambda world: world.person(1000 + next(_numbers) % 9000),
    "/v1/orders": _order,
    "/v1/staff": _staff,
    "/v1/staff/{staff_id}/sessions/revoke": lambda world: {"session_id": world.own("session_id")},
    "/v1/earning-rules/drafts": lambda world: {
        "name": f"{world.mark}草稿",
        "points_per_yuan": "2",
        "rule_id": world.own("rule_id"),
    },
    "/v1/earning-rules/drafts/{draft_id}/publish": lambda _: {"at": "2099-01-01T00:00:00+08:00"},
    "/v1/imports/{import_id}/check": lambda world: {"kind": "orders", "store": f"{world.mark}-s0"},
    "/v1/orders/quote": lambda world: world.bill(f"{world.mark}-s0", world.own("member_id")),
    "/v1/orders/batch": lambda world: {"orders": [_order(world), _order(world)]},
}


def _is_json(answer: httpx.Response) -> bool:
    return "json" in answer.headers.get("content-type", "")


_LONG_ID = re.compile(r"\d{7,}")


def secrets_of(world: World, others: World) -> frozenset[str]:
    """Ids of one world that the other has not: texts of at least seven digits from its own answers."""

    def long_ids(of: World) -> set[str]:
        return {v for name, values in of.ids.items() if names_an_object(name) for v in values if _LONG_ID.fullmatch(v)}

    return frozenset(long_ids(world) - long_ids(others))
