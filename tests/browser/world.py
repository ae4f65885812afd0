"""A shop with a small past, made through the API, whose every figure can be counted by hand; and one that is new."""

from __future__ import annotations

import itertools
import os
import re
import time
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from tests.faults.house import House

ZONE = ZoneInfo("Asia/Shanghai")
PASSWORD = "silver-lotus-4471"
# Of this run: a folder may have seen others, and their keys.
_RUN = os.urandom(4).hex()
_keys = itertools.count(1)

MEMBERS = {
    "王小明": "13800000001",
    "李芳": "13800000002",
    "张伟": "13800000003",
    "陈静": "13800000004",
    "赵强": "13800000005",
}
GOODS = {
    "latte": ("拿铁", "咖啡", 2800),
    "mocha": ("摩卡", "咖啡", 3200),
    "cake": ("栗子蛋糕", "甜点", 3600),
    "bread": ("全麦面包", "烘焙", 1800),
}
# Days ago, store, member, goods. 13 orders; 10 of them in the last 30 days, one of those without a member.
PAST = (
    (75, "s1", "王小明", ("latte",)),
    (72, "s1", "李芳", ("cake", "latte")),
    (41, "s2", "张伟", ("mocha",)),
    (25, "s1", "王小明", ("latte", "cake")),
    (22, "s2", "张伟", ("bread",)),
    (20, "s1", "陈静", ("latte",)),
    (16, "s1", "王小明", ("mocha",)),
    (12, "s2", "张伟", ("mocha", "bread")),
    (9, "s1", None, ("latte",)),
    (6, "s1", "陈静", ("cake",)),
    (4, "s2", "赵强", ("bread", "bread")),
    (3, "s1", "王小明", ("latte",)),
    (2, "s1", "李芳", ("latte", "mocha")),
)


class Shop:
    """One merchant, its key for the API, and its people's ways in. Codes of stores: s1, s2."""

    def __init__(self, house: House, code: str, name: str, currency: str = "CNY") -> None:
        self.house = house
        self.code = code
        told = house.huimeng("merchant", "create", "--code", code, "--name", name, "--currency", currency)
        self.one_time = one_time_of(told)

    @cached_property
    def token(self) -> str:
        """A key that may do everything."""
        return self.house.huimeng("api-key", "create", "-m", self.code, "--name", "总部", "--rate-limit", "0").strip()

    def ask(self, method: str, path: str, **given: Any) -> Any:
        headers: dict[str, str] = {"Authorization": f"Bearer {self.token}"}
        headers["Idempotency-Key"] = f"{self.code}-{_RUN}-{next(_keys)}"
        return _good(httpx.request(method, self.house.url + path, headers=headers, timeout=30, **given))

    def make(self, path: str, body: Any) -> Any:
        return self.ask("POST", path, json=body)

    def get(self, path: str, **query: str) -> Any:
        return self.ask("GET", path, params=query)

    def settle(self, login: str, one_time: str) -> None:
        """Whoever came with a one-time password chooses PASSWORD, as the page would have them do."""
        with httpx.Client(base_url=self.house.url, timeout=30) as client:
            given = {"merchant": self.code, "login": login, "password": one_time}
            opened = _good(client.post("/v1/session", json=given))
            change = {"current_password": one_time, "new_password": PASSWORD}
            sent = client.post("/v1/session/password", json=change, headers={"X-CSRF-Token": opened["csrf_token"]})
            _good(sent)

    def cookies(self, login: str) -> list[dict[str, Any]]:
        """A new session, as a browser keeps it."""
        with httpx.Client(base_url=self.house.url, timeout=30) as client:
            given = {"merchant": self.code, "login": login, "password": PASSWORD}
            _good(client.post("/v1/session", json=given))
            return [
                {"name": each.name, "value": each.value, "url": self.house.url, "httpOnly": True, "sameSite": "Lax"}
                for each in client.cookies.jar
            ]

    def scopes_of(self, token: str) -> tuple[int, int]:
        """What a key gets when it reads figures, and when it reads staff."""
        paths = ("/v1/analytics/overview", "/v1/staff")
        headers = {"Authorization": f"Bearer {token}"}
        read, closed = (httpx.get(self.house.url + path, headers=headers, timeout=30).status_code for path in paths)
        return read, closed

    def staff_id(self, login: str) -> int:
        found: list[int] = [each["staff_id"] for each in self.get("/v1/staff")["items"] if each["login"] == login]
        return found[0]

    def hire(self, login: str, name: str, role: str, *stores: str) -> None:
        known = {store["code"]: store["store_id"] for store in self.get("/v1/stores")["items"]}
        wanted = {"login": login, "name": name, "role": role, "stores": [known[code] for code in stores] or None}
        made = self.make("/v1/staff", wanted)
        self.settle(login, made["one_time_password"])


class Cafe(Shop):
    """暖灯咖啡: MEMBERS and PAST, an owner, a cashier of the first store and one of the second."""

    def __init__(self, house: House) -> None:
        super().__init__(house, "nuandeng", "暖灯咖啡")
        # The day that PAST is counted from, also when a test runs after midnight.
        self.today = datetime.now(ZONE).date()
        self.settle("owner", self.one_time)
        for region, named in (("east", "城东"), ("west", "城西")):
            self.make("/v1/regions", {"code": region, "name": named})
        self.make("/v1/stores", {"code": "s1", "name": "人民路店", "region": "east"})
        self.make("/v1/stores", {"code": "s2", "name": "滨江店", "region": "west"})
        rule: dict[str, Any] = {"name": "消费积分", "points_per_yuan": "1", "effective_from": "2000-01-01T00:00:00Z"}
        rule |= {"expiry": {"kind": "after", "count": 12, "span": "month", "round_to": "month"}}
        self.rule_id = self.make("/v1/earning-rules", rule)["rule_id"]
        self.members = {name: self.join(name, phone) for name, phone in MEMBERS.items()}
        self.orders = [self.sell(f"A{number:04}", *each) for number, each in enumerate(PAST, 1)]
        double = {"name": "周末双倍", "multiplier": "2", "weekdays": [6, 7]}
        self.draft_id = str(self.make("/v1/earning-rules/drafts", double)["draft_id"])
        self.import_id = self.bring("姓名,手机号\n孙悦,13800000006\n周明,没有手机\n")
        self.hire("ding", "丁宁", "cashier", "s1")
        self.hire("xu", "许诺", "cashier", "s2")

    @cached_property
    def places(self) -> dict[str, str]:
        """What stands in addresses of pages."""
        stores = {store["code"]: str(store["store_id"]) for store in self.get("/v1/stores")["items"]}
        return {
            "store": stores["s1"],
            "member": self.members["王小明"],
            "order": self.orders[-2],
            "rule": str(self.rule_id),
            "staff": str(self.staff_id("ding")),
            "key": str(self.get("/v1/api-keys")["items"][0]["key_id"]),
            "draft": self.draft_id,
            "import": self.import_id,
        }

    def join(self, name: str, phone: str) -> str:
        wanted = {"name": name, "identities": [{"kind": "phone", "value": phone}]}
        member_id: str = self.make("/v1/members", wanted)["member_id"]
        return member_id

    def bring(self, text: str) -> str:
        """The id of a dry run of members: 1 good row, 1 bad one."""
        given = {"data": {"kind": "members", "dry_run": "true"}, "files": {"file": ("members.csv", text.encode())}}
        told = self.ask("POST", "/v1/imports", **given)
        end = time.monotonic() + 60
        while told["state"] in ("queued", "running"):
            assert time.monotonic() < end, told
            time.sleep(0.1)
            told = self.get(f"/v1/imports/{told['import_id']}")
        import_id: str = told["import_id"]
        return import_id

    def points(self, who: str) -> int:
        held = self.get(f"/v1/members/{self.members[who]}/points")
        available: int = held["points"]["available"]
        return available

    def orders_of(self, who: str) -> list[Any]:
        found: list[Any] = self.get("/v1/orders", member_id=self.members[who], limit="100")["items"]
        return found

    def sell(self, order_no: str, ago: int, store: str, who: str | None, goods: tuple[str, ...]) -> str:
        """The order's id; ago: so many days before the café's today at noon, 0 is now."""
        noon = datetime(self.today.year, self.today.month, self.today.day, 12, tzinfo=ZONE)
        at = noon - timedelta(days=ago) if ago else datetime.now(UTC)
        lines = [
            {
                "sku": sku,
                "product": GOODS[sku][0],
                "category": GOODS[sku][1],
                "quantity": "1",
                "paid_fen": GOODS[sku][2],
            }
            for sku in goods
        ]
        order: dict[str, Any] = {"order_no": order_no, "store": store, "ordered_at": at.isoformat(), "lines": lines}
        if who is not None:
            order["member_id"] = self.members[who]
        order_id: str = self.make("/v1/orders", order)["order_id"]
        return order_id


def write_files(folder: Path) -> tuple[Path, Path]:
    """What a shop brings along: members with a mistake in the last row, orders under names of its own till."""
    members = folder / "members.csv"
    rows = ["会员编号,姓名,手机号"]
    rows += [f"V{number:03},会员{number},1390000{number:04}" for number in range(1, 21)]
    rows.append("V021,会员21,没有手机")
    members.write_text("\n".join(rows) + "\n", encoding="utf-8")
    orders = folder / "orders.csv"
    day = datetime.now(ZONE).date() - timedelta(days=5)
    rows = ["流水,开单,铺子,VIP,货品,实付"]
    rows += [f"B{number:03},{day} 10:{number:02}:00,s1,V{number % 10 + 1:03},茶,{number}.50" for number in range(1, 31)]
    orders.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return members, orders


def one_time_of(told: str) -> str:
    found = re.search(r"one-time password: (\S+)", told)
    assert found, told
    return found[1]


def _good(answer: httpx.Response) -> Any:
    assert answer.is_success, (str(answer.request.url), answer.text)
    return answer.json()
