"""Whatever puts money into words at the till says it in the merchant's currency."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from huimeng.checkout.rules import given_back, share_over_tenders
from huimeng.entry.context import Context
from huimeng.kernel import currency as kernel
from huimeng.kernel.currency import Lang, counted, money_text, step_fen, unit_text
from huimeng.kernel.money import towards_zero
from huimeng.order.rules import Tender
from tests.conftest import make_shop
from tests.served import application, caller, fresh, token

ROOT = Path(__file__).parent.parent.parent
RULE = {"name": "积分", "points_per_yuan": "1"}
NAMED = [
    ("HKD", "1,250.00 港元", "HK$1,250.00", "每港元", "Hong Kong dollar"),
    ("JPY", "1,250 日元", "JP¥1,250", "每 1 日元得", "Japanese yen"),
]
AMOUNTS: list[tuple[int, str, Lang, str]] = [
    (123_456, "CNY", "zh", "1,234.56 元"),
    (-5, "CNY", "en", "-¥0.05"),
    (0, "USD", "zh", "0.00 美元"),
    (149, "JPY", "zh", "1 日元"),
    (150, "JPY", "en", "JP¥2"),
    (-150, "JPY", "en", "-JP¥2"),
    (-49, "JPY", "zh", "0 日元"),
    (100_000, "XOF", "en", "XOF 1,000"),
    (1_250, "KWD", "zh", "12.500 KWD"),
    (1_250, "CHF", "en", "CHF 12.50"),
]


@pytest.mark.parametrize(("fen", "currency", "lang", "text"), AMOUNTS)
def test_an_amount_has_the_digits_of_its_currency(fen: int, currency: str, lang: Lang, text: str) -> None:
    assert money_text(fen, currency, lang) == text


def test_a_currency_without_a_name_goes_by_its_code() -> None:
    assert [unit_text(code, lang) for code in ("CNY", "CHF") for lang in ("zh", "en")] == ["元", "yuan", "CHF", "CHF"]


def test_the_smallest_amount_of_a_currency() -> None:
    assert [step_fen(code) for code in ("JPY", "KRW", "XOF", "CNY", "KWD", "CHF")] == [100, 100, 100, 1, 1, 1]
    assert [towards_zero(fen, 100) for fen in (33_333, -33_333, 100, 99, -99)] == [33_300, -33_300, 100, 0, 0]


@pytest.mark.parametrize(("name", "digits"), [("WHOLE", 0), ("THOUSANDTHS", 3)])
def test_the_console_knows_the_same_currencies(name: str, digits: int) -> None:
    text = (ROOT / "web/console/src/shared/format/money.ts").read_text(encoding="utf-8")
    found = re.search(rf"const {name} = '([A-Z ]+)'", text)
    assert found
    known = kernel._WHOLE | kernel._THOUSANDTHS | kernel._KNOWN.keys()
    assert sorted(found[1].split()) == sorted(code for code in known if kernel._of(code).digits == digits)


def test_a_count_of_one_is_singular() -> None:
    told = [counted(number, "points") for number in (0, 1, 1_250, "1", "1.5")] + [counted(1, "growth")]
    assert told == ["0 points", "1 point", "1,250 points", "1 point", "1.5 points", "1 growth"]


def test_tenders_share_whole_amounts() -> None:
    paid = [Tender("cash", 50_000), Tender("wechat", 50_000)]
    assert share_over_tenders(paid, 33_300, 100) == [16_700, 16_600]
    assert share_over_tenders(paid, 33_300, 1) == [16_650, 16_650]
    assert given_back(paid, [("card", 33_300)], 100) == [16_700, 16_600]
    # Of what was taken with a part of a unit before, nothing is kept back.
    assert share_over_tenders([Tender("cash", 50_050), Tender("wechat", 50_000)], 100_050, 100) == [50_050, 50_000]


async def post(client: httpx.AsyncClient, path: str, body: Any, lang: str = "zh") -> Any:
    return (await client.post(path, json=body, headers={**fresh(), "Accept-Language": lang})).json()


@pytest.mark.parametrize(("currency", "zh", "en", "each_zh", "each_en"), NAMED)
async def test_the_till_speaks_of_the_merchants_money(
    context: Context, currency: str, zh: str, en: str, each_zh: str, each_en: str
) -> None:
    shop = await make_shop(context.db, context.vault, currency=currency)
    async with application(context) as app, caller(app, await token(context, shop)) as client:
        await post(client, "/v1/earning-rules", RULE)
        member = (await post(client, "/v1/members", {"identities": [{"kind": "external_id", "value": "1"}]}))[
            "member_id"
        ]
        bill = {"store": "s1", "member_id": member, "amount_fen": 125_000}
        applied_zh = f"计分金额 {zh}，{each_zh} 1 积分，得 1250 积分"
        applied_en = f"{en} count at 1 a {each_en}: 1250 points"

        quoted = await post(client, "/v1/orders/quote", bill)
        tried = await post(client, "/v1/earning-rules/try", {"bill": bill, "rules": [RULE], "alone": True})
        done = await post(client, "/v1/orders", {**bill, "order_no": "A1"})
        for told in (quoted, tried, done):
            (reason,) = told["reasons"]
            assert (reason["text_zh"], reason["text_en"]) == (applied_zh, applied_en)
        (earned,) = (await client.get(f"/v1/orders/{done['order_id']}")).json()["earned"]
        (rule,) = earned["rules"]
        assert rule["text_zh"] == f"{each_zh} 1 积分，得 1250 积分"
        assert rule["text_en"] == f"1 point a {each_en}: 1250 points"

        much = {"lines": [{"line_no": 1, "amount_fen": 125_100}]}
        for path in (f"/v1/orders/{done['order_id']}/refunds", f"/v1/orders/{done['order_id']}/refunds/quote"):
            assert (await post(client, path, much))["detail"] == f"第 1 行最多还能退 {zh}"
            refused = await post(client, path, much, "en")
            assert (refused["detail"], refused["left"]) == (f"Line 1 has only {en} left to refund", 125_000)
        uneven = {**bill, "order_no": "A2", "tenders": [{"kind": "cash", "amount_fen": 0}]}
        assert (await post(client, "/v1/orders", uneven, "en"))["detail"].endswith(f", the lines to {en}")


@asynccontextmanager
async def yen_shop(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    shop = await make_shop(context.db, context.vault, currency="JPY")
    async with application(context) as app, caller(app, await token(context, shop)) as client:
        yield client


NO_DECIMALS = "日元没有小数，金额须是整数，即 100 的倍数"


async def refused(client: httpx.AsyncClient, path: str, body: Any, field: str) -> None:
    told = await post(client, path, body)
    assert (told["code"], told["detail"]) == ("invalid_input", f"{field} 填写有误：{NO_DECIMALS}")
    assert (await post(client, path, body, "en"))["detail"].startswith(f"{field} is not valid: Japanese yen has no")


async def test_a_bill_in_yen_is_whole(context: Context) -> None:
    bill: dict[str, Any] = {"store": "s1", "order_no": "A1"}
    tenders = [{"kind": "cash", "amount_fen": 50_050}, {"kind": "wechat", "amount_fen": 49_950}]
    async with yen_shop(context) as client:
        odd: list[tuple[dict[str, Any], str]] = [
            ({"amount_fen": 1_050}, "amount_fen"),
            ({"lines": [{"paid_fen": 1_000}, {"paid_fen": 1_050}]}, "lines[1].paid_fen"),
            ({"lines": [{"paid_fen": 1_000, "list_fen": 1_050}]}, "lines[0].list_fen"),
            ({"amount_fen": 100_000, "tenders": tenders}, "tenders"),
        ]
        for more, field in odd:
            await refused(client, "/v1/orders", {**bill, **more}, field)
            await refused(client, "/v1/orders/quote", {"store": "s1", **more}, field)
        assert (await post(client, "/v1/orders", {**bill, "amount_fen": 100_000}))["paid_fen"] == 100_000


async def test_a_minimum_in_yen_is_whole(context: Context) -> None:
    async with yen_shop(context) as client:
        odd = {**RULE, "minimum_fen": 1_050}
        await refused(client, "/v1/earning-rules", odd, "minimum_fen")
        await refused(client, "/v1/earning-rules/drafts", odd, "minimum_fen")
        bill = {"store": "s1", "amount_fen": 100_000}
        await refused(client, "/v1/earning-rules/try", {"bill": bill, "rules": [odd]}, "minimum_fen")
        made = await post(client, "/v1/earning-rules", {**RULE, "minimum_fen": 1_000})
        assert made["current"]["minimum_fen"] == 1_000


async def test_a_refund_in_yen_is_whole(context: Context) -> None:
    async with yen_shop(context) as client:
        paid = [{"kind": kind, "amount_fen": 50_000} for kind in ("cash", "wechat")]
        lines = [{"quantity": "3", "paid_fen": 100_000}]
        order = await post(client, "/v1/orders", {"store": "s1", "order_no": "A1", "lines": lines, "tenders": paid})
        refunds = f"/v1/orders/{order['order_id']}/refunds"
        await refused(client, refunds, {"lines": [{"line_no": 1, "amount_fen": 33_350}]}, "lines.amount_fen")
        piece = {"lines": [{"line_no": 1, "quantity": "1"}]}
        odd = [{"kind": "cash", "amount_fen": fen} for fen in (33_250, 50)]
        await refused(client, refunds, {**piece, "tenders": odd}, "tenders")
        few = [{"kind": "cash", "amount_fen": 100}]
        assert (await post(client, refunds, {**piece, "tenders": few}))["detail"].endswith("合计须为 333 日元")
        told = await post(client, refunds, piece)
        assert told["tenders"] == [{"kind": "cash", "amount_fen": 16_700}, {"kind": "wechat", "amount_fen": 16_600}]
        assert [(await post(client, refunds, piece))["amount_fen"] for _ in (2, 3)] == [33_300, 33_400]
