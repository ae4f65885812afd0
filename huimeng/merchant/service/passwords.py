"""Password hashes: slow by design, so off the event loop, one at a time in a process, and never a long queue."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from huimeng.kernel.errors import TooBusy
from huimeng.merchant.rules.people import ONE_TIME_LENGTH, ONE_TIME_SIGNS, PASSWORD_MOST

# 19 MiB, 2 passes, 1 lane: what OWASP gives as the least for argon2id, 20 to 40 ms of one core.
_MEMORY_KIB, _PASSES, _LANES = 19 * 1024, 2, 1
WAITING_MOST = 16
T = TypeVar("T")


class Passwords:
    """One a process: while somebody logs in, the tills keep the other cores."""

    def __init__(self) -> None:
        hasher = Argon2Hasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES)
        self._hasher = PasswordHash((hasher,))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="password")
        self._waiting = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A place in the queue, before an attempt is counted: who is sent away has tried nothing. TooBusy."""
        if self._waiting >= WAITING_MOST:
            raise TooBusy()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def hash(self, password: str) -> str:
        """TooBusy when too many wait already."""
        with self.turn():
            return await self._run(self._hasher.hash, _bytes(password))

    async def verify(self, password: str, kept: str | None) -> bool:
        """In a turn. None, for a name that nobody has, takes as long as a hash and is never right."""
        return await self._run(self._verify, _bytes(password), kept)

    def _verify(self, password: bytes, kept: str | None) -> bool:
        try:
            right = self._hasher.verify(password, self._nobodys if kept is None else kept)
        except UnknownHashError:
            return False
        return right and kept is not None

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe(32))

    async def _run(self, work: Callable[..., T], *given: bytes | str | None) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)


PASSWORDS = Passwords()


def _bytes(password: str) -> bytes:
    """As it was typed; longer than any password is cut, so that it costs no more."""
    return password[: PASSWORD_MOST + 1].encode("utf-8", "surrogatepass")


def one_time_password() -> str:
    """In groups of four, to be read from a screen and typed."""
    signs = "".join(secrets.choice(ONE_TIME_SIGNS) for _ in range(ONE_TIME_LENGTH))
    return "-".join(signs[place : place + 4] for place in range(0, ONE_TIME_LENGTH, 4))
