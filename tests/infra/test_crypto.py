"""Sealing, opening, blind indexes, and the care taken of the deployment key."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from huimeng.infra.crypto import (
    MasterKeyError,
    MerchantKeys,
    Tampered,
    Vault,
    key_check_value,
    load_master_key,
)

MASTER = bytes(range(32))


@pytest.fixture
def vault() -> Vault:
    return Vault(MASTER)


@pytest.fixture
def keys(vault: Vault) -> MerchantKeys:
    return vault.unlock(7, vault.new_merchant_key(7))


def test_what_is_sealed_opens_again(keys: MerchantKeys) -> None:
    made = keys.new_member(1024)
    sealed = made.seal("member|name", "张小明")
    assert keys.member(1024, made.wrapped).open("member|name", sealed) == "张小明"


def test_a_sealed_value_is_version_nonce_ciphertext_and_tag(keys: MerchantKeys) -> None:
    cipher = keys.new_member(1024)
    first, second = cipher.seal("member|name", "Li"), cipher.seal("member|name", "Li")
    assert len(first) == 1 + 12 + 2 + 16
    assert first[0] == 1
    assert first != second


@pytest.mark.parametrize("position", [0, 5, 13, -1])
def test_a_changed_byte_is_noticed(keys: MerchantKeys, position: int) -> None:
    cipher = keys.new_member(1024)
    sealed = bytearray(cipher.seal("member|name", "张三"))
    sealed[position] ^= 1
    with pytest.raises(Tampered, match=r"member\|name\|7\|1024"):
        cipher.open("member|name", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + b"0" * 12])
def test_a_truncated_value_is_noticed(keys: MerchantKeys, sealed: bytes) -> None:
    with pytest.raises(Tampered):
        keys.new_member(1024).open("member|name", sealed)


def test_a_value_moved_to_another_column_is_noticed(keys: MerchantKeys) -> None:
    cipher = keys.new_member(1024)
    with pytest.raises(Tampered):
        cipher.open("member|birthday", cipher.seal("member|name", "1990-03-15"))


def test_a_member_key_moved_to_another_member_is_noticed(keys: MerchantKeys) -> None:
    with pytest.raises(Tampered):
        keys.member(2048, keys.new_member(1024).wrapped)


def test_a_merchant_key_moved_to_another_merchant_is_noticed(vault: Vault) -> None:
    with pytest.raises(Tampered):
        vault.unlock(8, vault.new_merchant_key(7))


def test_another_deployment_key_opens_nothing(vault: Vault) -> None:
    with pytest.raises(Tampered):
        Vault(bytes(32)).unlock(7, vault.new_merchant_key(7))


def test_blind_indexes_are_equal_for_equal_values_of_one_merchant_and_domain_only(vault: Vault) -> None:
    wrapped = vault.new_merchant_key(7)
    one, again = vault.unlock(7, wrapped), Vault(MASTER).unlock(7, wrapped)
    other = vault.unlock(8, vault.new_merchant_key(8))
    index = one.blind_index("phone", "13800001234")
    assert len(index) == 32
    assert index == again.blind_index("phone", "13800001234")
    others = {
        one.blind_index("phone", "13800001235"),
        one.blind_index("card_no", "13800001234"),
        other.blind_index("phone", "13800001234"),
    }
    assert len(others) == 3
    assert index not in others


def test_a_merchant_key_is_unwrapped_once(vault: Vault) -> None:
    assert vault.cached(7) is None
    keys = vault.unlock(7, vault.new_merchant_key(7))
    assert vault.cached(7) is keys


def test_signing_keys_differ_by_purpose_and_are_the_same_in_every_process(vault: Vault) -> None:
    assert vault.signing_key("quotes") == Vault(MASTER).signing_key("quotes")
    assert vault.signing_key("quotes") not in (vault.signing_key("codes"), Vault(bytes(32)).signing_key("quotes"))
    assert len(vault.signing_key("quotes")) == 32


# The deployment key.


def test_the_first_run_makes_a_private_key_file_and_later_runs_keep_it(tmp_path: Path) -> None:
    key = load_master_key(tmp_path, None)
    path = tmp_path / "keys" / "master.key"
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_master_key(tmp_path, None) == key
    assert load_master_key(tmp_path, key_check_value(key)) == key
    assert [entry.name for entry in path.parent.iterdir()] == ["master.key"]


def test_the_variable_comes_before_the_file(tmp_path: Path) -> None:
    load_master_key(tmp_path, None)
    assert load_master_key(tmp_path, None, base64.b64encode(MASTER).decode()) == MASTER


def test_a_key_that_cannot_be_read_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a first start by root: it is there, so no other may be made."""

    def closed(path: Path, *_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", closed)
    with pytest.raises(MasterKeyError, match="key can't be read"):
        load_master_key(tmp_path, None)
    assert not (tmp_path / "keys").exists()


def test_a_missing_key_of_a_used_database_is_refused_and_no_new_one_made(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError, match="restore"):
        load_master_key(tmp_path, key_check_value(MASTER))
    assert list(tmp_path.iterdir()) == []


def test_the_key_of_another_database_is_refused(tmp_path: Path) -> None:
    load_master_key(tmp_path, None)
    with pytest.raises(MasterKeyError, match="is not the key of this database"):
        load_master_key(tmp_path, key_check_value(MASTER))


@pytest.mark.parametrize("text", ["abc", "not base64!", base64.b64encode(b"short").decode(), "密钥"])
def test_a_malformed_key_is_refused_without_being_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(MasterKeyError, match="32 bytes in base64") as caught:
        load_master_key(tmp_path, None, text)
    assert text not in str(caught.value)
