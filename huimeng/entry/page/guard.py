"""The page has no login yet, so it is for people at this machine: everybody else is refused."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from huimeng.infra.http import Req
from huimeng.kernel.errors import BusinessError

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
# A proxy on this machine would make the whole world look local.
_PROXY_HEADERS = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "cf-connecting-ip",
)


class OnlyLocal(BusinessError):
    code = "only_local"
    status = 403
    message_zh = "此页面含会员信息且尚无登录,只能在运行会盟的这台机器上打开(http://localhost 或 http://127.0.0.1)"
    message_en = (
        "This page shows members and has no login yet, so it opens only on the machine that runs Huimeng "
        "(http://localhost or http://127.0.0.1)"
    )


def check_local(request: Req) -> None:
    """OnlyLocal unless address, Host (DNS rebinding) and, where sent, Origin and Referer are all of this machine."""
    headers = request.headers
    local = (
        request.client is not None
        and is_loopback(request.client.host)
        and is_local_host(headers.get("host", ""))
        and not any(name in headers for name in _PROXY_HEADERS)
        and all(is_local_url(headers[name]) for name in ("origin", "referer") if name in headers)
    )
    if not local:
        raise OnlyLocal()


def is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)


def is_local_host(host: str) -> bool:
    """A Host header with or without a port."""
    name, colon, port = host.strip().lower().rpartition(":")
    if not colon or host.endswith("]"):
        return host.strip().lower() in LOCAL_NAMES
    return name in LOCAL_NAMES and port.isascii() and port.isdigit()


def is_local_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and is_local_host(parts.netloc)
