"""Envelope encryption of personal data: deployment, merchant, member key, field; and blind indexes."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from huimeng.infra.files import leave_to_owner, private_folder, sync_folder
from huimeng.kernel.errors import BusinessError

MASTER_KEY_VARIABLE = "HUIMENG_MASTER_KEY"

_KEY_BYTES = 32
_NONCE_BYTES = 12
_HEADER = b"\x01"  # version 1: AES-256-GCM, 12 random bytes of nonce, ciphertext, 16 bytes of tag


class MasterKeyError(BusinessError):
    """The deployment key can't be used; the text says what to do."""

    code = "master_key_unusable"
    status = 503
    message_zh = "主密钥不可用：{reason_zh}"
    message_en = "The master key can't be used: {reason}"


class Tampered(Exception):
    """A stored ciphertext was altered, moved to another row or column, or sealed with another key."""


def load_master_key(data_dir: Path, check_value: bytes | None, given: str | None = None) -> bytes:
    """32 bytes from `given` (HUIMENG_MASTER_KEY, base64) or data_dir/keys/master.key, made by the first run.

    check_value is what the database keeps of the key (None in an empty one). MasterKeyError when the key
    is malformed, is not the one of this database, or is missing although the database was used with one.
    """
    path = data_dir / "keys" / "master.key"
    if given:
        key = _decode_key(given, MASTER_KEY_VARIABLE)
    elif (text := _read(path)) is not None:
        key = _decode_key(text, str(path))
    elif check_value is not None:
        raise MasterKeyError(
            reason=f"this database holds encrypted data but its key is not here: restore {path} from your backup "
            f"or set {MASTER_KEY_VARIABLE}； a new key could not read the data",
            reason_zh=f"数据库中有加密数据，但找不到它的密钥。请从备份恢复 {path}，或设置 {MASTER_KEY_VARIABLE}；"
            "换新密钥无法读出数据",
        )
    else:
        key = _create_key_file(path)
    if check_value is not None and not hmac.compare_digest(check_value, key_check_value(key)):
        source = MASTER_KEY_VARIABLE if given else path
        raise MasterKeyError(
            reason=f"the key in {source} is not the key of this database",
            reason_zh=f"{source} 中的密钥不属于这个数据库",
        )
    return key


def key_check_value(master_key: bytes) -> bytes:
    """Recognises a deployment key without revealing it (an HMAC under 256 random bits)."""
    return hmac.digest(master_key, b"huimeng master key check v1", hashlib.sha256)


def _read(path: Path) -> str | None:
    """None: there is no such file."""
    try:
        return path.read_text("ascii", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MasterKeyError(
            reason=f"{path} can't be read ({error.strerror}): look at its owner",
            reason_zh=f"读不到 {path}（{error.strerror}），请检查它的所有者",
        ) from error


def _decode_key(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise MasterKeyError(
            reason=f"{source} must hold {_KEY_BYTES} bytes in base64",
            reason_zh=f"{source} 应为 {_KEY_BYTES} 字节的 base64",
        )
    return key


def _create_key_file(path: Path) -> bytes:
    private_folder(path.parent)
    handle, temporary = tempfile.mkstemp(dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
            leave_to_owner(file.fileno(), path.parent)
        # link() never replaces: of two processes at their first run both read the one file that won.
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.unlink(temporary)
    sync_folder(path.parent)
    return _decode_key(path.read_text("ascii"), str(path))


def _seal(aead: AESGCM, plain: bytes, aad: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _HEADER + nonce + aead.encrypt(nonce, plain, aad)


def _open(aead: AESGCM, sealed: bytes, aad: bytes) -> bytes:
    if sealed[:1] != _HEADER:
        raise Tampered(f"{aad.decode()}: unknown ciphertext version {sealed[:1].hex() or 'none'}")
    try:
        return aead.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], aad)
    except (InvalidTag, ValueError) as error:
        raise Tampered(f"{aad.decode()}: the stored value was altered, moved, or sealed with another key") from error


class MemberCipher:
    """Seals the fields of one member; `wrapped` is the member's key as it is stored in the member's row."""

    __slots__ = ("_aead", "_owner", "wrapped")

    def __init__(self, aead: AESGCM, wrapped: bytes, owner: str) -> None:
        self._aead = aead
        self._owner = owner
        self.wrapped = wrapped

    def seal(self, column: str, text: str) -> bytes:
        """column is "table|column"; sealed for one column, merchant and member, it opens nowhere else."""
        return _seal(self._aead, text.encode(), f"{column}|{self._owner}".encode())

    def open(self, column: str, sealed: bytes) -> str:
        """Tampered when the value isn't what seal() made for this column and member."""
        return _open(self._aead, sealed, f"{column}|{self._owner}".encode()).decode()


class MerchantKeys:
    """The unwrapped keys of one merchant, both derived: one wraps member keys, one makes blind indexes."""

    __slots__ = ("_aead", "_index_key", "merchant_id")

    def __init__(self, merchant_id: int, key: bytes) -> None:
        self.merchant_id = merchant_id
        self._aead = AESGCM(_derive(key, b"huimeng wrap member keys v1"))
        self._index_key = _derive(key, b"huimeng blind index v1")

    def new_member(self, member_id: int) -> MemberCipher:
        owner = f"{self.merchant_id}|{member_id}"
        key = os.urandom(_KEY_BYTES)
        return MemberCipher(AESGCM(key), _seal(self._aead, key, f"member|key|{owner}".encode()), owner)

    def member(self, member_id: int, wrapped: bytes) -> MemberCipher:
        """Tampered when the wrapped key is not this member's."""
        owner = f"{self.merchant_id}|{member_id}"
        return MemberCipher(AESGCM(_open(self._aead, wrapped, f"member|key|{owner}".encode())), wrapped, owner)

    def blind_index(self, domain: str, value: str) -> bytes:
        """32 bytes, equal for equal (domain, normalised value) of this merchant and for nobody else."""
        return hmac.digest(self._index_key, f"{domain}|{value}".encode(), hashlib.sha256)

    def fingerprint(self, body: bytes) -> bytes:
        """Of a request with personal data: a plain hash could be reversed by trying every phone number."""
        return hmac.digest(self._index_key, b"fingerprint|" + body, hashlib.sha256)


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=purpose).derive(key)


class Vault:
    """Holds the deployment key, and the merchant keys it has unwrapped, in memory only."""

    def __init__(self, master_key: bytes) -> None:
        self._aead = AESGCM(_derive(master_key, b"huimeng wrap merchant keys v1"))
        self._signing = _derive(master_key, b"huimeng signing keys v1")
        self._merchants: dict[int, MerchantKeys] = {}

    def signing_key(self, purpose: str) -> bytes:
        """32 bytes for HMACs of one purpose, the same in every process of the deployment."""
        return _derive(self._signing, purpose.encode())

    def new_merchant_key(self, merchant_id: int) -> bytes:
        """A fresh merchant key, wrapped, to be stored."""
        return _seal(self._aead, secrets.token_bytes(_KEY_BYTES), f"merchant_key|key|{merchant_id}".encode())

    def cached(self, merchant_id: int) -> MerchantKeys | None:
        return self._merchants.get(merchant_id)

    def unlock(self, merchant_id: int, wrapped: bytes) -> MerchantKeys:
        """Unwraps and remembers; Tampered when wrapped for another merchant or by another deployment."""
        keys = MerchantKeys(merchant_id, _open(self._aead, wrapped, f"merchant_key|key|{merchant_id}".encode()))
        self._merchants[merchant_id] = keys
        return keys
