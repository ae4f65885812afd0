"""The real service, watched: what it says, what it writes beside the database, and bytes sent to it as they are."""

from __future__ import annotations

import itertools
import socket
from typing import Any

import httpx

from tests.faults.house import House

# The database, and the files whose purpose is to hold a secret; everything else in the data folder is read.
NOT_OURS = {"pg", "keys", "secrets.json"}


class Watched(House):
    """`huimeng run` as a merchant runs it."""

    _keys = itertools.count(1)

    def raw(self, sent: bytes) -> bytes:
        """What comes back until the server closes, or is silent for a moment."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as conn:
            conn.sendall(sent)
            conn.settimeout(1.5)
            found = b""
            try:
                while part := conn.recv(65536):
                    found += part
            except (TimeoutError, ConnectionError):
                pass
        return found

    def written(self) -> dict[str, bytes]:
        """Everything that was said or written, by file, without the database and the keys."""
        found = {"output": self.log.read_bytes()}
        for path in self.data.rglob("*"):
            if path.is_file() and path.relative_to(self.data).parts[0] not in NOT_OURS:
                found[str(path.relative_to(self.data))] = path.read_bytes()
        return found

    def send(self, client: httpx.Client, method: str, path: str, **given: Any) -> httpx.Response:
        headers = {"Idempotency-Key": f"k{next(self._keys)}", **given.pop("headers", {})}
        return client.request(method, path, headers=headers, **given)
