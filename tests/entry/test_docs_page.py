"""The reference shows calls that work where it is read."""

from __future__ import annotations

import pytest

from huimeng.entry.context import Context
from tests.served import application, caller

HOSTILE = ["a'; rm -rf ~ #", "<script>", 'x" onload="y', "huimeng.test/../..", "", "a" * 300, "$(id)", "a b", "[::1"]


async def page(context: Context, host: str) -> str:
    """Empty when such a host is refused altogether."""
    async with application(context) as app, caller(app, "none") as client:
        answer = await client.get("/docs", headers={"Host": host})
    assert answer.status_code in (200, 400)
    return answer.text if answer.status_code == 200 else ""


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "shop.example.com", "[::1]:8000", "huimeng"])
async def test_calls_lead_to_where_the_reader_is(context: Context, host: str) -> None:
    text = await page(context, host)
    assert f"http://{host}/v1/orders" in text
    assert "localhost:8000" not in text and "address-of-huimeng" not in text


@pytest.mark.parametrize("host", HOSTILE)
async def test_what_is_no_address_is_not_shown(context: Context, host: str) -> None:
    text = await page(context, host)
    assert not text or "http://127.0.0.1:8000/v1/orders" in text
    if host:
        assert f"http://{host}" not in text


async def test_an_upload_is_shown_as_a_form(context: Context) -> None:
    assert "-F file=@orders.csv" in await page(context, "h")
