"""What is written is whole or what was there before, and leaves nothing else behind."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from huimeng.infra.audit.witness import Witness, Witnesses
from huimeng.infra.crypto import load_master_key
from huimeng.infra.embedded.locks import FileLock
from huimeng.infra.files import write_whole
from huimeng.infra.verified import Verified, keep_verified, last_verified
from huimeng.kernel.times import utc_now


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    witnesses, seen = Witnesses(tmp_path), Witness(None, "", 0, 5, "")
    verified = Verified(utc_now(), 1.0, 1, 0)
    witnesses.keep(7, seen)
    keep_verified(tmp_path, verified)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.setattr(os, "fsync", _full)
    with pytest.raises(OSError, match="No space left"):
        witnesses.keep(7, Witness(None, "", 0, 6, ""))
    with pytest.raises(OSError, match="No space left"):
        keep_verified(tmp_path, Verified(utc_now(), 1.0, 1, 3))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert (witnesses.find(7), last_verified(tmp_path)) == (seen, verified)


def test_a_file_is_its_owners_alone_also_when_another_was_there(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_whole(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o600)


@pytest.mark.parametrize("root", [True, False])
def test_what_root_makes_is_for_the_owner_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: bool
) -> None:
    """Else the service, which runs as that owner, could not start, or not tell how far the audit log is."""
    given: list[tuple[int, int]] = []
    owner = SimpleNamespace(st_uid=12345, st_gid=54321)
    stated = Path.stat
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    monkeypatch.setattr(os, "fchown", lambda handle, user, group: given.append((user, group)))
    monkeypatch.setattr(Path, "stat", lambda path, **how: owner if path == tmp_path else stated(path, **how))
    load_master_key(tmp_path, None)
    Witnesses(tmp_path).keep(7, Witness(None, "", 0, 5, ""))
    keep_verified(tmp_path, Verified(utc_now(), 1.0, 1, 0))
    FileLock(tmp_path / "start.lock").close()
    assert set(given) == ({(12345, 54321)} if root else set())
    assert len(given) == (4 if root else 0)
