"""Bytes sent to the real server: what frames a request, and headers that no client library would send."""

from __future__ import annotations

import gzip

import pytest

from tests.attack.house import Watched


def head(house: Watched, *lines: str, method: str = "GET", path: str = "/v1/merchant") -> bytes:
    named = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *lines, "", ""]
    return "\r\n".join(named).encode("latin-1")


def keyed(house: Watched) -> str:
    return f"Authorization: Bearer {house.token}"


def statuses(answer: bytes) -> list[int]:
    """Of all answers in what came back."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def test_a_plain_request_gets_through(house: Watched) -> None:
    """The others are refused for what is wrong with them, not for how they are sent."""
    assert statuses(house.raw(head(house, keyed(house)))) == [200]
    assert statuses(house.raw(head(house))) == [401]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs"])
def test_head_has_no_body(house: Watched, path: str) -> None:
    answer = house.raw(head(house, method="HEAD", path=path))
    assert statuses(answer) == [200]
    assert answer.endswith(b"\r\n\r\n") and b"content-length: 0" not in answer.lower()


SMUGGLED = b"GET /v1/merchant HTTP/1.1\r\nHost: x\r\n\r\n"
FRAMES = {
    "two lengths": ("Content-Length: 5", "Content-Length: 50"),
    "two lengths in one": ("Content-Length: 5, 50",),
    "length and chunks": ("Content-Length: 5", "Transfer-Encoding: chunked"),
    "two codings": ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
    "a coding with a tab": ("Transfer-Encoding:\tchunked", "Content-Length: 5"),
    "an odd coding": ("Transfer-Encoding: xchunked",),
    "a negative length": ("Content-Length: -5",),
    "a signed length": ("Content-Length: +5",),
    "a length in hexadecimal": ("Content-Length: 0x5",),
    "a length beyond numbers": ("Content-Length: 99999999999999999999999",),
    "a folded header": ("X-Folded: a", " b"),
    "a header with a space": ("Content-Length : 5",),
    "a header without a name": (": x",),
    "a bare carriage return": ("X-A: a\rX-B: b",),
    "NUL in a header": ("X-A: a\0b",),
}


@pytest.mark.parametrize("name", FRAMES)
def test_requests_whose_end_is_in_doubt(house: Watched, name: str) -> None:
    """Refused or read in one way: what follows the body is never taken for a request of its own."""
    sent = head(house, keyed(house), "Content-Type: application/json", *FRAMES[name], method="POST", path="/v1/regions")
    answer = house.raw(sent.replace(b"Connection: close\r\n", b"") + b"0\r\n\r\n" + SMUGGLED)
    assert 200 not in statuses(answer), answer[:600]
    assert 201 not in statuses(answer), answer[:600]
    assert not any(status >= 500 and status != 501 for status in statuses(answer)), answer[:600]


def test_a_body_in_a_coding_is_not_taken_for_the_body(house: Watched) -> None:
    """Neither for JSON nor for a file; in plain chunks both are taken."""
    sent = [
        ("/v1/regions", "application/json", b'{"code": "coded", "name": "x"}', 201),
        ("/v1/imports?kind=members", "text/csv", "手机号\n13800001111\n".encode(), 202),
    ]
    for path, kind, body, taken in sent:
        for coding, status in (("gzip, chunked", 501), ("chunked", taken)):
            lines = (f"Content-Type: {kind}", f"Idempotency-Key: coding {path}", f"Transfer-Encoding: {coding}")
            packed = gzip.compress(body) if status == 501 else body
            chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
            answer = house.raw(head(house, keyed(house), *lines, method="POST", path=path) + chunks + SMUGGLED)
            assert statuses(answer) == [status], answer[:600]


@pytest.mark.parametrize(
    "line",
    [
        "X-Huge: " + "x" * 200_000,
        "Authorization: Bearer " + "x" * 100_000,
        "Cookie: " + "a=b; " * 30_000,
        "\r\n".join(f"X-{n}: y" for n in range(3000)),
    ],
    ids=["one", "authorization", "cookie", "many"],
)
def test_huge_headers(house: Watched, line: str) -> None:
    answer = house.raw(head(house, line))
    assert all(400 <= status < 500 for status in statuses(answer)), answer[:300]
    assert statuses(house.raw(head(house, keyed(house)))) == [200]


@pytest.mark.parametrize(
    "path",
    ["//v1/merchant", "/v1/../v1/merchant", "/%2e%2e/v1/merchant", "/v1/merchant%00", "/v1;x/merchant", "/V1/merchant",
     "http://evil.example/v1/merchant", "/v1/merchant#x", "/\xff/merchant", "*"],
)  # fmt: skip
def test_odd_paths_reach_nothing_without_a_key(house: Watched, path: str) -> None:
    answer = house.raw(head(house, path=path))
    assert all(status in (400, 401, 404) for status in statuses(answer)), answer[:300]
    assert b"merchant_id" not in answer


@pytest.mark.parametrize("line", ["GET /v1/merchant HTTP/9.9", "GET /v1/merchant", "\0\1\2\3", "GET  /  HTTP/1.1"])
def test_what_is_no_http(house: Watched, line: str) -> None:
    answer = house.raw(f"{line}\r\nHost: x\r\n{keyed(house)}\r\n\r\n".encode("latin-1"))
    assert b"merchant_id" not in answer or line.startswith("GET /v1/merchant HTTP")
    assert b"Traceback" not in answer


def test_an_answer_is_not_split(house: Watched) -> None:
    """What comes back in a header is what the application put there."""
    answer = house.raw(head(house, keyed(house), "X-Request-Id: a%0d%0aSet-Cookie: x=1", "Idempotency-Key: a%0d%0ab"))
    assert statuses(answer) == [200]
    assert b"x=1" not in answer.lower()
