"""What any HTTP client may count on: HEAD where somebody watches, Allow with a 405, one charset."""

from __future__ import annotations

import httpx
import pytest

from huimeng.entry.context import Context
from tests.conftest import Shop
from tests.served import application, caller, fresh, token

WATCHED = ["/healthz", "/readyz", "/docs"]


@pytest.mark.parametrize("path", WATCHED)
async def test_head_tells_what_get_would(context: Context, path: str) -> None:
    async with application(context) as app, caller(app, "none") as client:
        given, asked = await client.get(path), await client.head(path)
        assert (await client.post(path)).headers["allow"] == "GET, HEAD, OPTIONS"

    def told(answer: httpx.Response) -> dict[str, str]:
        return {name: value for name, value in answer.headers.items() if name != "x-request-id"}

    assert (asked.status_code, told(asked)) == (200, told(given))
    assert int(asked.headers["content-length"]) == len(given.content)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/v1/orders", "GET, OPTIONS, POST"), ("/v1/orders/1", "GET, OPTIONS"), ("/v1/session/password", "OPTIONS, POST")],
)
async def test_who_asks_by_another_method_is_told_which_there_are(
    context: Context, shop: Shop, path: str, allowed: str
) -> None:
    async with application(context) as app, caller(app, await token(context, shop)) as client:
        answer = await client.put(path, headers=fresh())
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


async def test_a_key_of_a_member_is_free_for_other_writes(context: Context, shop: Shop) -> None:
    headers = {"Idempotency-Key": "till 1"}
    member = {"identities": [{"kind": "phone", "value": "13800007702"}]}
    async with application(context) as app, caller(app, await token(context, shop)) as client:
        joined = [await client.post("/v1/members", json=member, headers=headers) for _ in range(2)]
        region = await client.post("/v1/regions", json={"code": "r9", "name": "x"}, headers=headers)
        store = await client.post("/v1/stores", json={"code": "s9", "name": "x"}, headers=headers)
    assert [each.status_code for each in joined] == [201, 201] and joined[0].content == joined[1].content
    assert region.status_code == 201
    assert (store.status_code, store.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_text_names_its_charset_once(context: Context) -> None:
    async with application(context) as app, caller(app, "none") as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"
    assert "huimeng_" in answer.text


async def test_a_body_that_nobody_asked_for_may_be_too_large(context: Context, shop: Shop) -> None:
    body, headers = b" " * (4 * 1024 * 1024 + 1), fresh(**{"Content-Type": "application/json"})
    async with application(context) as app, caller(app, await token(context, shop)) as client:
        for path in ("/v1/orders/1/void", "/v1/earning-rules/1/disable", "/v1/api-keys/1/revoke"):
            answer = await client.post(path, content=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large"), path
