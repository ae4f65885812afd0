"""The whole application in this process, with staff; each browser keeps its own cookies."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
from litestar import Litestar

from huimeng.entry.api import create_app
from huimeng.entry.context import Context
from huimeng.entry.first_owner import hire
from huimeng.infra.rate import Rate
from huimeng.kernel.times import utc_now
from huimeng.merchant.authentication import Authenticator, Doorman, Sessions
from huimeng.merchant.service.passwords import Passwords
from huimeng.merchant.service.sessions import LogIns
from huimeng.merchant.values import StaffInput
from tests.conftest import Shop

Huimeng = Callable[..., Awaitable[tuple[int, str]]]
OWN = "a long enough phrase"
_keys = itertools.count(1)


def key() -> dict[str, str]:
    return {"Idempotency-Key": f"login-{next(_keys)}"}


class Clock:
    """The real time and a shift, moved by hand; what the caches go by is the shift alone, however slow the machine."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.shift

    def monotonic(self) -> float:
        return self.shift.total_seconds()

    def forward(self, **span: float) -> None:
        self.shift += timedelta(**span)


def state_of(app: Any) -> Any:
    """The state that the application's routes see, below what stands around it."""
    while not isinstance(app, Litestar):
        app = app._app
    return app.state


class House:
    def __init__(self, app: Any, context: Context, shop: Shop, clock: Clock) -> None:
        self.app = app
        self.context = context
        self.shop = shop
        self.clock = clock

    def browser(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, client=("127.0.0.1", 50000))
        scheme = "https" if self.context.settings.secure else "http"
        return httpx.AsyncClient(transport=transport, base_url=f"{scheme}://localhost:8000")

    async def hire(self, login: str = "owner", role: Any = "owner", **given: Any) -> str:
        """A new member of staff's one-time password."""
        wanted = StaffInput(login=login, name="小李", role=role, **given)
        return await hire(self.context.db, self.context.vault, self.shop.merchant_id, wanted)

    async def log_in(
        self, browser: httpx.AsyncClient, password: str, login: str = "owner", **headers: str
    ) -> httpx.Response:
        body = {"merchant": self.shop.code, "login": login, "password": password}
        return await browser.post("/v1/session", json=body, headers=headers)

    async def welcome(self, browser: httpx.AsyncClient, login: str = "owner", **given: Any) -> dict[str, str]:
        """Somebody new who has chosen OWN as the password: the header that goes with changes."""
        password = await self.hire(login, **given)
        first = await self.log_in(browser, password, login)
        assert first.status_code == 200, first.text
        changed = await browser.post(
            "/v1/session/password",
            json={"current_password": password, "new_password": OWN},
            headers=csrf(first),
        )
        assert changed.status_code == 200, changed.text
        return csrf(changed)


def csrf(answer: httpx.Response) -> dict[str, str]:
    return {"X-CSRF-Token": answer.json()["csrf_token"]}


@asynccontextmanager
async def opened(context: Context, shop: Shop) -> AsyncIterator[House]:
    """With a clock that can be moved, and refusals that don't take their time."""

    @asynccontextmanager
    async def given() -> AsyncIterator[Context]:
        yield context

    app = create_app(given())
    inbox: asyncio.Queue[Any] = asyncio.Queue()
    outbox: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan", "asgi": {}, "state": {}}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    assert (await outbox.get())["type"] == "lifespan.startup.complete"
    clock = Clock()
    state = state_of(app)
    state.authenticate = Doorman(
        context.db,
        secure=context.settings.secure,
        keys=Authenticator(context.db, monotonic=clock.monotonic, now=clock),
        sessions=Sessions(context.db, monotonic=clock.monotonic, now=clock),
    )
    state.rate = Rate(None)
    state.logins = LogIns(context.db, context.vault, passwords=Passwords(), now=clock, refusal_seconds=0)
    yield House(app, context, shop, clock)
    await inbox.put({"type": "lifespan.shutdown"})
    await life
