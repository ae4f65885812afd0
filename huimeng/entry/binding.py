"""Where the web server may listen: beyond this machine only by TLS, ours or that of a declared proxy."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

from huimeng.infra.settings import Settings
from huimeng.kernel.errors import BusinessError


class PlainBeyondLoopback(BusinessError):
    code = "plain_beyond_loopback"
    message_zh = (
        "HOST={host} 会让其他机器用未加密的 HTTP 连接，密码和会员信息会被窃听，已拒绝启动。请设置 HUIMENG_TLS_CERT 与 "
        "HUIMENG_TLS_KEY（证书与私钥）；前面已有 HTTPS 代理时设置 HUIMENG_BEHIND_PROXY=1；或改回 HOST=127.0.0.1"
    )
    message_en = (
        "HOST={host} would let other machines connect by plain HTTP, where passwords can be overheard: refused. "
        "Set HUIMENG_TLS_CERT and HUIMENG_TLS_KEY; or HUIMENG_BEHIND_PROXY=1 when an HTTPS proxy stands in front; "
        "or HOST=127.0.0.1"
    )


class TlsUnusable(BusinessError):
    code = "tls_unusable"
    message_zh = "证书或私钥不可用（{cert}、{key}）：{reason_zh}"
    message_en = "The TLS certificate or key can't be used ({cert}, {key}): {reason}"


def is_loopback(host: str) -> bool:
    """A name other than localhost may lead anywhere."""
    if host.lower() == "localhost":
        return True
    try:
        found = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)


def check_binding(settings: Settings) -> None:
    """PlainBeyondLoopback, TlsUnusable: said before anything is started."""
    if settings.tls_cert is not None:
        _check_tls(settings)
    elif not settings.behind_proxy and not is_loopback(settings.host):
        raise PlainBeyondLoopback(host=settings.host)


def _check_tls(settings: Settings) -> None:
    cert, key = settings.tls_cert, settings.tls_key
    assert cert is not None and key is not None
    for path in (cert, key):
        try:
            path.read_bytes()
        except OSError as error:
            reason = f"{path}: {error.strerror}"
            raise TlsUnusable(cert=str(cert), key=str(key), reason=reason, reason_zh=f"读不到 {reason}") from error
    try:
        tls_context(cert, key)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        known = _REASONS.get(reason, reason)
        raise TlsUnusable(cert=str(cert), key=str(key), reason=reason, reason_zh=known) from error


def tls_context(cert: Path, key: Path) -> ssl.SSLContext:
    """ssl.SSLError, ValueError: they can't be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # 1.3 alone would shut out tills that are some years old.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Of 1.2 what 1.3 kept: forward secret and authenticated.
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.set_alpn_protocols(["http/1.1"])
    # A password would be asked for at the terminal: an encrypted key is refused instead.
    context.load_cert_chain(cert, key, password=_no_password)
    return context


def _no_password() -> str:
    raise ValueError("ENCRYPTED")


_REASONS = {
    "KEY_VALUES_MISMATCH": "私钥与证书不匹配",
    "NO_START_LINE": "不是 PEM 格式",
    "PEM_LIB": "不是 PEM 格式，或私钥与证书不匹配",
    "ENCRYPTED": "私钥有口令，请使用未加密的私钥",
}
