"""The environment is read once, and a bad value is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from huimeng.infra.settings import Settings
from huimeng.kernel.errors import InvalidInput


def test_defaults() -> None:
    found = Settings.from_env({})
    assert found == Settings(data_dir=Path.cwd() / "data", host="127.0.0.1", port=8000, workers=2)


def test_all_are_read() -> None:
    url = "postgresql://a:b@db/huimeng"
    found = Settings.from_env(
        {
            "HUIMENG_DATA": "/srv/huimeng",
            "PORT": " 9000 ",
            "HOST": "::",
            "DATABASE_URL": url,
            "HUIMENG_RUNTIME_URL": url,
            "HUIMENG_READER_URL": "",
            "HUIMENG_WORKERS": "8",
            "HUIMENG_MASTER_KEY": "k",
            "HUIMENG_TLS_CERT": "/etc/tls/cert.pem",
            "HUIMENG_TLS_KEY": "/etc/tls/key.pem",
            "HUIMENG_BEHIND_PROXY": "1",
        }
    )
    tls = Path("/etc/tls/cert.pem"), Path("/etc/tls/key.pem")
    assert found == Settings(Path("/srv/huimeng"), "::", 9000, 8, url, url, None, "k", *tls, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "８０"),
        ("PORT", "http"),
        ("PORT", "9" * 5000),
        ("HUIMENG_WORKERS", "0"),
        ("HUIMENG_WORKERS", "-1"),
        ("HOST", "a b"),
        ("DATABASE_URL", "mysql://secret@host/db"),
        ("HUIMENG_RUNTIME_URL", "postgresql://without/owner"),
        ("HUIMENG_TLS_CERT", "cert.pem"),
        ("HUIMENG_TLS_KEY", "key.pem"),
        ("HUIMENG_BEHIND_PROXY", "yes"),
    ],
)
def test_bad_values_are_named_and_secrets_are_not(name: str, value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Settings.from_env({name: value})
    assert caught.value.fields["field"] == name
    assert "secret" not in str(caught.value)
