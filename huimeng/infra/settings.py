"""What the environment says about this process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import msgspec

from huimeng.kernel.errors import InvalidInput

# Each process holds at most 10 connections, and the embedded server has 200.
MOST_WORKERS = 16


class Settings(msgspec.Struct, frozen=True):
    """None means: for database_url the embedded one in data_dir, for master_key the key file there."""

    data_dir: Path
    host: str
    port: int
    workers: int
    database_url: str | None = None
    runtime_url: str | None = None
    reader_url: str | None = None
    master_key: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False

    @property
    def secure(self) -> bool:
        """Whether browsers talk TLS: to us, or to the declared proxy in front."""
        return self.tls_cert is not None or self.behind_proxy

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """InvalidInput names the variable; an empty one counts as not set."""
        env = {k: v.strip() for k, v in (os.environ if environ is None else environ).items() if v.strip()}
        database_url = _url(env, "DATABASE_URL")
        for name in ("HUIMENG_RUNTIME_URL", "HUIMENG_READER_URL"):
            if name in env and database_url is None:
                raise InvalidInput(name, "needs DATABASE_URL beside it", "须同时设置 DATABASE_URL")
        tls_cert, tls_key = _file(env, "HUIMENG_TLS_CERT"), _file(env, "HUIMENG_TLS_KEY")
        for name, other in (("HUIMENG_TLS_CERT", "HUIMENG_TLS_KEY"), ("HUIMENG_TLS_KEY", "HUIMENG_TLS_CERT")):
            _demand(name, name not in env or other in env, f"needs {other} beside it", f"须同时设置 {other}")
        return cls(
            data_dir=Path(env.get("HUIMENG_DATA", "data")).expanduser().absolute(),
            host=_host(env),
            port=_number(env, "PORT", 8000, 1, 65535),
            workers=_number(env, "HUIMENG_WORKERS", 2, 1, MOST_WORKERS),
            database_url=database_url,
            runtime_url=_url(env, "HUIMENG_RUNTIME_URL"),
            reader_url=_url(env, "HUIMENG_READER_URL"),
            master_key=env.get("HUIMENG_MASTER_KEY"),
            tls_cert=tls_cert,
            tls_key=tls_key,
            behind_proxy=_switch(env, "HUIMENG_BEHIND_PROXY"),
        )


def _host(env: Mapping[str, str]) -> str:
    host = env.get("HOST", "127.0.0.1")
    _demand("HOST", all(c.isalnum() or c in ".:-_" for c in host), "a host name or address", "主机名或地址")
    return host


def _number(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = env.get(name, str(default))
    valid = text.isascii() and text.isdigit() and least <= int(text[:9]) <= most
    _demand(name, valid, f"a whole number from {least} to {most}, not {text!r}", f"{least} 到 {most} 的整数")
    return int(text)


def _url(env: Mapping[str, str], name: str) -> str | None:
    """The url is not repeated in the error: it holds a password."""
    url = env.get(name)
    valid = url is None or url.startswith(("postgresql://", "postgres://"))
    _demand(name, valid, "it must begin with postgresql://", "须以 postgresql:// 开头")
    return url


def _file(env: Mapping[str, str], name: str) -> Path | None:
    return Path(env[name]).expanduser().absolute() if name in env else None


def _switch(env: Mapping[str, str], name: str) -> bool:
    text = env.get(name, "0")
    _demand(name, text in ("0", "1"), "1 for yes or 0 for no", "1 表示是，0 表示否")
    return text == "1"


def _demand(name: str, valid: bool, wanted: str, wanted_zh: str) -> None:
    if not valid:
        raise InvalidInput(name, wanted, wanted_zh)
