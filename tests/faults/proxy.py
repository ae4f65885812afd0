"""A door between two programs that can be shut, or that loses one answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

from huimeng.infra.database import DatabaseUrls

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Proxy:
    """close() refuses and cuts everything; lose() cuts one line at a moment: what was under way gets lost."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._lines: set[asyncio.StreamWriter] = set()
        self.shut = False
        self.lost = 0
        self._tag: bytes | None = None
        self._pieces = 0
        self._of = ""

    def close(self) -> None:
        """From now on nobody is there."""
        self.shut = True
        for writer in list(self._lines):
            writer.transport.abort()

    def open(self) -> None:
        self.shut = False

    def lose(self, tag: bytes | None = None, *, request: int = 0, answer: int = 0) -> None:
        """The answer that holds these bytes, or the n-th piece of a request or of an answer from now on."""
        self._tag = tag
        self._pieces = request or answer
        self._of = "request" if request else "answer" if answer else ""

    def _loses(self, of: str, data: bytes) -> bool:
        if of == self._of:
            self._pieces -= 1
            found = self._pieces == 0
        else:
            found = of == "answer" and self._tag is not None and self._tag in data
        if found:
            self._tag, self._of = None, ""
            self.lost += 1
        return found

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.shut:
            writer.transport.abort()
            return
        there_reader, there_writer = await self._connect()
        self._lines |= {writer, there_writer}

        async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, of: str) -> None:
            while data := await source.read(65536):
                if self._loses(of, data):
                    return
                target.write(data)
                await target.drain()

        tasks = [
            asyncio.create_task(pass_on(reader, there_writer, "request")),
            asyncio.create_task(pass_on(there_reader, writer, "answer")),
        ]
        with contextlib.suppress(ConnectionError):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in (writer, there_writer):
            self._lines.discard(end)
            end.transport.abort()


@asynccontextmanager
async def before_database(urls: DatabaseUrls, folder: Path) -> AsyncIterator[tuple[Proxy, DatabaseUrls]]:
    """Urls that lead through a proxy to the same database."""
    socket = f"{conninfo_to_dict(urls.runtime)['host']}/.s.PGSQL.5432"
    proxy = Proxy(lambda: asyncio.open_unix_connection(socket))
    server = await asyncio.start_unix_server(proxy.serve, folder / ".s.PGSQL.5432")
    real, mine = (quote(str(path), safe="") for path in (conninfo_to_dict(urls.runtime)["host"], folder))
    through = [url.replace(f"host={real}", f"host={mine}") for url in (urls.owner, urls.runtime, urls.reader)]
    assert all(mine in url for url in through)
    async with server:
        yield proxy, DatabaseUrls(*through)
        proxy.close()


@asynccontextmanager
async def before_service(port: int) -> AsyncIterator[tuple[Proxy, str]]:
    """A base url that leads through a proxy to a service on this machine."""
    proxy = Proxy(lambda: asyncio.open_connection("127.0.0.1", port))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    name: Any = server.sockets[0].getsockname()
    async with server:
        yield proxy, f"http://127.0.0.1:{name[1]}"
        proxy.close()
