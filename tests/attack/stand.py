"""The whole application in a thread of its own, called without a network, and what its own document says of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

import httpx
import msgspec

from huimeng.entry.api import create_app
from huimeng.entry.context import Context, connected
from huimeng.infra.database import DatabaseUrls
from huimeng.infra.settings import Settings

T = TypeVar("T")
METHODS = ("get", "post", "put", "patch", "delete")
# What a caller needs no credential for; a new route outside /v1 has to be named here.
OPEN_PATHS = {"/healthz", "/readyz"}


class Operation(msgspec.Struct, frozen=True):
    """One method of one path, as the document has it."""

    method: str
    path: str
    told: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    def parameters(self, place: str) -> list[dict[str, Any]]:
        return [given for given in self.told.get("parameters", []) if given["in"] == place]

    def body_schema(self, document: Mapping[str, Any]) -> dict[str, Any] | None:
        """The schema of the JSON body with references followed, one level; None when it takes none."""
        content = self.told.get("requestBody", {}).get("content", {})
        found = content.get("application/json")
        if found is None:
            return None
        schema = resolve(document, found["schema"])
        for part in schema.get("allOf", []):
            schema = {**schema, **resolve(document, part)}
        return schema

    def body_example(self) -> Any:
        """The first example of the JSON body, None when the document has none."""
        content = self.told.get("requestBody", {}).get("content", {}).get("application/json", {})
        if content.get("examples"):
            return next(iter(content["examples"].values())).get("value")
        return next(iter(content.get("schema", {}).get("examples", [])), None)


def resolve(document: Mapping[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        schema = found
    return schema


def operations_of(document: Mapping[str, Any]) -> list[Operation]:
    return [
        Operation(method.upper(), path, told)
        for path, item in document["paths"].items()
        for method, told in item.items()
        if method in METHODS
    ]


class Stand:
    """Calls go in one at a time; what is awaited inside runs in the stand's loop."""

    def __init__(self, urls: DatabaseUrls, data_dir: Path) -> None:
        self.urls = urls
        self.context: Context
        self._settings = Settings.from_env({"HUIMENG_DATA": str(data_dir)})
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Event
        self._ready = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    @contextmanager
    def open(self) -> Iterator[Stand]:
        self._thread.start()
        self._ready.wait(60)
        if self._fault is not None:
            raise self._fault
        yield self
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._live())
        except BaseException as error:
            self._fault = error
        finally:
            self._ready.set()
            self._loop.close()

    async def _live(self) -> None:
        self._stop = asyncio.Event()
        async with connected(self._settings, self.urls) as self.context:
            self.app = create_app(_given(self.context))
            async with _lifespan(self.app):
                self._client = httpx.AsyncClient(
                    transport=httpx.ASGITransport(app=self.app, client=("127.0.0.1", 4321)), base_url="http://127.0.0.1"
                )
                self.document: dict[str, Any] = (await self._client.get("/openapi/openapi.json")).json()
                self.operations = operations_of(self.document)
                self._ready.set()
                await self._stop.wait()
                await self._client.aclose()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def call(
        self, method: str, path: str, token: str | None = None, headers: Mapping[str, str] | None = None, **given: Any
    ) -> httpx.Response:
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        answer = self.run(self._client.request(method, path, headers=sent, **given))
        # Each call stands for itself: no cookie of one comes with the next.
        self._client.cookies.clear()
        return answer

    def raw(
        self, method: str, path: bytes, headers: list[tuple[bytes, bytes]], body: bytes = b"", query: bytes = b""
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        """As a server hands it over, so that a path or a repeated header arrives as it was sent."""
        return self.run(self._raw(method, path, headers, body, query))

    async def _raw(
        self, method: str, path: bytes, headers: list[tuple[bytes, bytes]], body: bytes, query: bytes
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote_to_bytes(path).decode("utf-8", "replace"),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 4321),
            "server": ("127.0.0.1", 80),
        }
        sent: list[dict[str, Any]] = []
        incoming = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> dict[str, Any]:
            return next(incoming, {"type": "http.disconnect"})

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        told = {name.lower(): value for name, value in sent[0].get("headers", [])}
        return sent[0]["status"], told, b"".join(part.get("body", b"") for part in sent[1:])


@asynccontextmanager
async def _given(context: Context) -> AsyncIterator[Context]:
    yield context


@asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[None]:
    """As a server does it: start up, then shut down, in one task."""
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    outbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    told = await outbox.get()
    assert told["type"] == "lifespan.startup.complete", told
    yield
    await inbox.put({"type": "lifespan.shutdown"})
    await outbox.get()
    await task
