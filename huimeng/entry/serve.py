"""The web server: granian with its workers, a process that `huimeng run` looks after."""

from __future__ import annotations

from granian import Granian
from granian.constants import Interfaces, SSLProtocols
from granian.log import LogLevels

from huimeng.entry.binding import check_binding
from huimeng.infra.logs import configure_logging, web_server_logging
from huimeng.infra.processes import end_with_parent
from huimeng.infra.settings import Settings


def main() -> None:
    """granian replaces a worker that dies and gives up when too many do; then it is started again from outside."""
    configure_logging()
    end_with_parent()
    settings = Settings.from_env()
    check_binding(settings)
    Granian(
        "huimeng.entry.api:create_app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        factory=True,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=10,
        ssl_cert=settings.tls_cert,
        ssl_key=settings.tls_key,
        # 1.3 alone would shut out tills that are some years old.
        ssl_protocol_min=SSLProtocols.tls12,
        log_enabled=True,
        log_level=LogLevels.warning,
        log_dictconfig=web_server_logging(),
    ).serve()


if __name__ == "__main__":
    main()
