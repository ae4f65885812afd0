"""Where it listens: plain HTTP stays on this machine, certificates are looked at before the start."""

from __future__ import annotations

import ssl
import subprocess
import warnings
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from huimeng.entry.binding import PlainBeyondLoopback, TlsUnusable, check_binding, is_loopback, tls_context
from huimeng.infra.settings import Settings
from huimeng.kernel.times import utc_now
from tests.faults.house import COMMAND, House

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8


def certificate(folder: Path, name: str = "own") -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() - timedelta(days=1))
        .not_valid_after(utc_now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / f"{name}.crt", folder / f"{name}.key"
    cert_file.write_bytes(made.public_bytes(PEM))
    key_file.write_bytes(key.private_bytes(PEM, PKCS8, serialization.NoEncryption()))
    return cert_file, key_file


def settings(**env: str) -> Settings:
    return Settings.from_env(env)


def test_what_counts_as_this_machine() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost", "::ffff:127.0.0.1"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "fe80::1%eth0", "shop.local", ""))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "shop.example"])
def test_plain_http_beyond_this_machine_is_refused(host: str) -> None:
    with pytest.raises(PlainBeyondLoopback):
        check_binding(settings(HOST=host))
    check_binding(settings(HOST=host, HUIMENG_BEHIND_PROXY="1"))
    check_binding(settings())


def test_certificates_are_looked_at(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    _, other_key = certificate(tmp_path, "other")
    check_binding(settings(HOST="0.0.0.0", HUIMENG_TLS_CERT=str(cert), HUIMENG_TLS_KEY=str(key)))
    locked = tmp_path / "locked.key"
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(private.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"secret")))
    text = tmp_path / "text"
    text.write_text("not a certificate")
    for wrong_cert, wrong_key, word in (
        (cert, other_key, "不匹配"),
        (tmp_path / "none", key, "读不到"),
        (cert, tmp_path / "none", "读不到"),
        (text, key, "PEM"),
        (cert, text, "PEM"),
        (cert, locked, "口令"),
    ):
        with pytest.raises(TlsUnusable) as caught:
            check_binding(settings(HUIMENG_TLS_CERT=str(wrong_cert), HUIMENG_TLS_KEY=str(wrong_key)))
        assert word in caught.value.text("zh"), caught.value.text("zh")


def shaken(server: ssl.SSLContext, client: ssl.SSLContext) -> str | None:
    """The cipher that both agree on; None: none."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [server.wrap_bio(to_server, to_client, server_side=True), client.wrap_bio(to_client, to_server)]
    for _ in range(4):
        for end in reversed(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return None
    cipher = ends[0].cipher()
    return cipher and cipher[0]


@pytest.mark.parametrize(
    ("version", "cipher", "agreed"),
    [
        (ssl.TLSVersion.TLSv1_3, "ECDHE+AESGCM", True),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256", True),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256", False),
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", False),
    ],
)
def test_tls_takes_no_weak_cipher(tmp_path: Path, version: ssl.TLSVersion, cipher: str, *, agreed: bool) -> None:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings(action="ignore"):
        client.minimum_version = client.maximum_version = version
    client.set_ciphers(cipher)
    assert (shaken(tls_context(*certificate(tmp_path)), client) is not None) is agreed


def test_run_refuses_in_words(tmp_path: Path) -> None:
    """Nothing was started and nothing was made."""
    house = House(tmp_path)
    environment = {**house.environment, "HOST": "0.0.0.0"}
    done = subprocess.run([*COMMAND, "run"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "plain_beyond_loopback" in done.stderr) == (1, True)
    assert not house.data.exists()


def test_it_serves_tls_and_prints_the_first_password_once(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    house = House(tmp_path)
    house.environment |= {"HUIMENG_TLS_CERT": str(cert), "HUIMENG_TLS_KEY": str(key), "HUIMENG_WORKERS": "1"}
    made = house.huimeng("merchant", "create", "--code", "m", "--name", "m")
    assert made.count("一次性密码") == 1
    # As if the first run found a merchant that nobody works for yet.
    trusting = ssl.create_default_context(cafile=str(cert))
    trusting.minimum_version = ssl.TLSVersion.TLSv1_2
    house.url = f"https://localhost:{house.port}"
    house.verify = trusting
    try:
        house.start_again()
        with httpx.Client(base_url=house.url, verify=trusting, timeout=20) as client:
            password = next(word for word in made.replace("║", " ").split() if word.count("-") == 3)
            body = {"merchant": "m", "login": "owner", "password": password}
            answer = client.post("/v1/session", json=body)
            assert answer.status_code == 200, answer.text
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith("__Host-huimeng=") and "Secure" in cookie
            assert "max-age=31536000" in answer.headers["strict-transport-security"]
            assert client.get("/v1/session").status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://localhost:{house.port}/healthz")
    finally:
        house.stop()
    log = house.log.read_text()
    assert f"https://127.0.0.1:{house.port}/" in log
    # The owner was made with the merchant, so the run had nobody to welcome.
    assert "一次性密码" not in log and password not in log
