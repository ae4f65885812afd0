"""A new cluster and its secrets: initdb, who may connect, and the way back when the secrets were lost."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

from huimeng.infra.embedded.errors import FolderNotWritable, StartFailed
from huimeng.infra.embedded.folders import CONF, FREE_FOR_NEW_MB, Folders, disk_full, free_mb, program
from huimeng.infra.embedded.privileges import Account
from huimeng.infra.embedded.roles import ADMIN_ROLE, OWNER_ROLE
from huimeng.infra.embedded.tuning import conf_text
from huimeng.infra.files import sync_folder, write_whole
from huimeng.infra.schema import READER_ROLE, RUNTIME_ROLE

ACCESS = "# Written by Huimeng: every login proves its password.\nlocal all all scram-sha-256\n"
PASSWORD_BYTES = 24


class Secrets(msgspec.Struct, frozen=True):
    """Passwords by role; `renewed` while an existing cluster does not know them yet."""

    passwords: dict[str, str]
    renewed: bool = False


def read_secrets(folders: Folders) -> Secrets:
    """From the file, or new ones written to it; a file that can't be read counts as lost."""
    roles = (ADMIN_ROLE, OWNER_ROLE, RUNTIME_ROLE, READER_ROLE)
    try:
        found = msgspec.json.decode(folders.secrets.read_bytes(), type=Secrets)
        if all(found.passwords.get(role) for role in roles):
            return found
    except (FileNotFoundError, msgspec.DecodeError):
        pass
    except OSError as error:
        raise FolderNotWritable(path=str(folders.secrets), reason=error.strerror) from error
    fresh = Secrets({role: secrets.token_urlsafe(PASSWORD_BYTES) for role in roles}, renewed=folders.has_cluster())
    write_secrets(folders, fresh)
    return fresh


def write_secrets(folders: Folders, content: Secrets) -> None:
    write_private(folders.secrets, msgspec.json.format(msgspec.json.encode(content)))
    folders.share(folders.secrets)


def write_private(path: Path, content: bytes) -> None:
    """As write_whole does it; DiskFull, FolderNotWritable."""
    try:
        write_whole(path, content)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(path.parent) from error
        raise FolderNotWritable(path=str(path), reason=error.strerror) from error


def create_cluster(folders: Folders, account: Account, password: str) -> None:
    """initdb beside its place, then one rename: a kill in between leaves nothing that looks like data."""
    if free_mb(folders.data) < FREE_FOR_NEW_MB:
        raise disk_full(folders.data)
    new = folders.unfinished
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    password_file = folders.data / "pg.password"
    write_private(password_file, password.encode())
    try:
        account.own(new)
        account.own(password_file)
        _run(folders, account, [*_initdb(new), f"--pwfile={password_file}"])
    finally:
        password_file.unlink(missing_ok=True)
    write_private(new / "pg_hba.conf", ACCESS.encode())
    with open(new / "postgresql.conf", "a", encoding="utf-8") as file:
        file.write(f"\ninclude '{CONF}'\n")
        file.flush()
        os.fsync(file.fileno())
    write_private(new / CONF, b"")
    account.own(new)
    sync_folder(new)
    new.rename(folders.cluster)
    sync_folder(folders.data)


def _initdb(place: Path) -> list[str]:
    return [
        str(program("initdb")),
        f"--pgdata={place}",
        f"--username={ADMIN_ROLE}",
        "--auth-local=scram-sha-256",
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--data-checksums",
    ]


def write_conf(folders: Folders, account: Account, socket_folder: Path, extra: Mapping[str, str]) -> None:
    path = folders.cluster / CONF
    text = conf_text(socket_folder, extra)
    if path.read_text() != text:  # On a full disk an unchanged file need not be written.
        write_private(path, text.encode())
        account.own(path)


def reset_admin(folders: Folders, account: Account, password: str) -> None:
    """Set the administrator's password without a server; only whoever owns the files can do it."""
    command = [str(program("postgres")), "--single", "-D", str(folders.cluster), "postgres"]
    _run(folders, account, command, f"alter role {ADMIN_ROLE} password '{password}';\n")


def _run(folders: Folders, account: Account, command: list[str], stdin: str = "") -> None:
    result = subprocess.run(
        account.command(command),
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        env=server_environment(),
        check=False,
    )
    output = result.stdout + result.stderr
    if result.returncode == 0 and "ERROR:" not in output:
        return
    with open(folders.log, "a", encoding="utf-8") as log:
        log.write(output)
    if "No space left on device" in output or "Disk quota exceeded" in output:
        raise disk_full(folders.data)
    lines = [line for line in output.splitlines() if "error" in line.lower() or "FATAL" in line]
    reason = lines[0] if lines else f"{Path(command[0]).name} ended with {result.returncode}"
    raise StartFailed(reason=reason, log=str(folders.log))


def server_environment() -> dict[str, str]:
    """Ours without what would redirect or translate the server."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG", "HUIMENG_"))}
    return {**kept, "LC_ALL": "C"}
