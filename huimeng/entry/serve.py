"""A web process: uvicorn with our doorway. `huimeng run` looks after as many as HUIMENG_WORKERS says."""

from __future__ import annotations

import socket
import ssl
from functools import partial
from typing import Any

from uvicorn import Config, Server

from huimeng.entry.api import create_app
from huimeng.entry.binding import check_binding, tls_context
from huimeng.entry.front import answer_headers
from huimeng.infra.admission import CONNECTIONS_MAX, Admission
from huimeng.infra.doorway import Doorway
from huimeng.infra.logs import configure_logging
from huimeng.infra.processes import end_with_parent, open_more_files
from huimeng.infra.settings import Settings

# Between two requests of a till; proxies keep theirs for a minute, and must be the first to hang up.
IDLE_SECONDS = 75
# Of the files that a process may open, for all but connections of callers.
_OTHER_FILES = 256
# Long enough for what is under way.
_END_SECONDS = 10


def main() -> None:
    configure_logging()
    end_with_parent()
    settings = Settings.from_env()
    check_binding(settings)
    connections_max = min(CONNECTIONS_MAX, max(1, open_more_files() - _OTHER_FILES))
    admission = Admission(answer_headers(settings.secure), connections_max=connections_max)
    tls = None
    if settings.tls_cert is not None and settings.tls_key is not None:
        tls = tls_context(settings.tls_cert, settings.tls_key)
    with listening(settings.host, settings.port) as sock:
        server(create_app(), partial(Doorway, admission=admission), tls).run([sock])


def server(app: Any, protocol: Any, tls: ssl.SSLContext | None = None) -> Server:
    """run([socket]) serves until SIGTERM or SIGINT, finishes what it has begun and ends."""
    return Server(
        Config(
            app,
            loop="uvloop",
            http=protocol,
            ws="none",
            lifespan="on",
            # Ours are set up; what it says takes the same way.
            log_config=None,
            log_level="error",
            access_log=False,
            # Front believes a proxy only when one was declared.
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=_END_SECONDS,
            ssl_context_factory=None if tls is None else lambda *_: tls,
        )
    )


def listening(host: str, port: int) -> socket.socket:
    """Bound, and shared with the other web processes: the kernel deals connections out evenly among them."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((host, port))
    return sock


if __name__ == "__main__":
    main()
