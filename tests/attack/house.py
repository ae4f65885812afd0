"""The real service, watched: what it says, what it writes beside the database, and bytes sent to it as they are."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.faults.house import House

# The database, and the files whose purpose is to hold a secret; everything else in the data folder is read.
NOT_OURS = {"pg", "keys", "secrets.json"}


def files(folder: Path) -> Iterator[Path]:
    """Plain ones in any depth, also while others make and take some away."""
    for place, _, names in os.walk(folder):
        yield from (path for name in names if (path := Path(place, name)).is_file())


class Watched(House):
    """`huimeng run` as a merchant runs it."""

    _keys = itertools.count(1)

    def raw(self, sent: bytes) -> bytes:
        """What comes back until the server closes, or is silent for a moment after it has begun."""
        found = b""
        # It may close before it has read all.
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=60) as conn,
            contextlib.suppress(TimeoutError, ConnectionError),
        ):
            conn.sendall(sent)
            while part := conn.recv(65536):
                found += part
                conn.settimeout(1.5)
        return found

    def written(self) -> dict[str, bytes]:
        """Everything that was said or written, by file, without the database and the keys."""
        found = {"output": self.log.read_bytes()}
        for path in files(self.data):
            if path.relative_to(self.data).parts[0] not in NOT_OURS:
                # The worker takes away what is done with.
                with contextlib.suppress(FileNotFoundError):
                    found[str(path.relative_to(self.data))] = path.read_bytes()
        return found

    def send(self, client: httpx.Client, method: str, path: str, **given: Any) -> httpx.Response:
        headers = {"Idempotency-Key": f"k{next(self._keys)}", **given.pop("headers", {})}
        return client.request(method, path, headers=headers, **given)
