"""The floor of a refusal: a server that reads a request, as it has to, and says no."""

from __future__ import annotations

import asyncio
from typing import Any

import httptools

_BODY = b'{"code":"too_busy","status":429}'
_NO = (
    b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\n"
    b"content-length: %d\r\n\r\n%s"
) % (len(_BODY), _BODY)
_WELL = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Refusing(asyncio.Protocol):
    """Below any framework, and with nothing kept of what is asked."""

    transport: asyncio.Transport

    def __init__(self, server_state: Any, **_: Any) -> None:
        self._connections = server_state.connections
        self._parser = httptools.HttpRequestParser(self)

    # Narrower than asyncio has it: what listens by TCP gives no less.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_message_complete(self) -> None:
        if self._url == b"/healthz":
            self.transport.write(_WELL)
            self.transport.close()
        else:
            self.transport.write(_NO)

    def shutdown(self) -> None:
        self.transport.close()
