"""Whatever puts money into words at the till says it in the merchant's currency."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from huimeng.entry.context import Context
from huimeng.kernel.currency import Lang, money_text, unit_text
from tests.conftest import make_shop
from tests.served import application, caller, fresh, token

RULE = {"name": "积分", "points_per_yuan": "1"}
NAMED = [
    ("HKD", "1,250.00 港元", "HK$1,250.00", "港元", "Hong Kong dollar"),
    ("JPY", "1,250 日元", "JP¥1,250", "日元", "Japanese yen"),
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
        applied_zh = f"计分金额 {zh}，每{each_zh} 1 积分，得 1250 积分"
        applied_en = f"{en} count at 1 a {each_en}: 1250 points"

        quoted = await post(client, "/v1/orders/quote", bill)
        tried = await post(client, "/v1/earning-rules/try", {"bill": bill, "rules": [RULE], "alone": True})
        done = await post(client, "/v1/orders", {**bill, "order_no": "A1"})
        for told in (quoted, tried, done):
            (reason,) = told["reasons"]
            assert (reason["text_zh"], reason["text_en"]) == (applied_zh, applied_en)
        (earned,) = (await client.get(f"/v1/orders/{done['order_id']}")).json()["earned"]
        (rule,) = earned["rules"]
        assert rule["text_zh"] == f"每{each_zh} 1 积分，得 1250 积分"
        assert rule["text_en"] == f"1 points a {each_en}: 1250 points"

        much = {"lines": [{"line_no": 1, "amount_fen": 125_100}]}
        for path in (f"/v1/orders/{done['order_id']}/refunds", f"/v1/orders/{done['order_id']}/refunds/quote"):
            assert (await post(client, path, much))["detail"] == f"第 1 行最多还能退 {zh}"
            refused = await post(client, path, much, "en")
            assert (refused["detail"], refused["left"]) == (f"Line 1 has only {en} left to refund", 125_000)
        uneven = {**bill, "order_no": "A2", "tenders": [{"kind": "cash", "amount_fen": 0}]}
        assert (await post(client, "/v1/orders", uneven, "en"))["detail"].endswith(f", the lines to {en}")
