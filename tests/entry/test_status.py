"""One screen that says whether all is well, and never says so when it isn't."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner

from huimeng.analytics.service import Lag
from huimeng.entry.cli import app
from huimeng.entry.cli_status import DISK_BAD_BYTES, DISK_LOOK_BYTES, Level, Standing, _show, judge, look
from huimeng.infra.database import DatabaseUrls
from huimeng.infra.settings import Settings
from huimeng.infra.verified import Verified, keep_verified

NOW = datetime(2026, 3, 4, tzinfo=UTC)
WELL = Standing(
    serving=True,
    database=True,
    rounds={"figures": 1.0, "housekeeping": 50.0},
    lag=Lag(0, 0.0),
    free_bytes=100 << 30,
    verified=Verified(NOW - timedelta(hours=5), 3.0, 1, 0),
)


def levels(**changed: Any) -> dict[str, Level]:
    return {each.what: each.level for each in judge(msgspec.structs.replace(WELL, **changed), NOW)}


def test_all_is_well_but_backups_are_never_known() -> None:
    assert set(levels().values()) == {"good", "unknown"}
    assert [what for what, level in levels().items() if level == "unknown"] == ["backup"]


@pytest.mark.parametrize(
    ("what", "level", "changed"),
    [
        ("service", "bad", {"serving": False}),
        ("database", "bad", {"database": False, "lag": None}),
        ("lag", "unknown", {"database": False, "lag": None}),
        ("figures", "bad", {"rounds": {"figures": 61.0, "housekeeping": 1.0}}),
        ("housekeeping", "bad", {"rounds": {"figures": 1.0, "housekeeping": 601.0}}),
        ("housekeeping", "bad", {"rounds": {"figures": 1.0}}),
        ("figures", "unknown", {"rounds": {}, "serving": False}),
        ("lag", "good", {"lag": Lag(5000, 10.0)}),
        ("lag", "look", {"lag": Lag(5, 31.0)}),
        ("lag", "bad", {"lag": Lag(5, 301.0)}),
        ("disk", "good", {"free_bytes": DISK_LOOK_BYTES}),
        ("disk", "look", {"free_bytes": DISK_LOOK_BYTES - 1}),
        ("disk", "bad", {"free_bytes": DISK_BAD_BYTES - 1}),
        ("verify", "look", {"verified": None}),
        ("verify", "bad", {"verified": Verified(NOW, 1.0, 1, 1)}),
        ("verify", "look", {"verified": Verified(NOW - timedelta(days=9), 1.0, 1, 0)}),
    ],
)
def test_each_line_has_its_limits(what: str, level: Level, changed: dict[str, Any]) -> None:
    assert levels(**changed)[what] == level


def test_a_narrow_mail_has_every_word() -> None:
    said = io.StringIO()
    found = judge(WELL, NOW)
    _show(found, Console(file=said, width=80))
    text = "".join(said.getvalue().split())
    assert "…" not in text
    for each in found:
        # Cells stand beside each other; their first and last lines are enough to see that nothing was cut.
        assert "".join(each.zh.split())[-4:] in text, each.zh
    assert "标“未知”的请自行确认" in text and "一切正常" not in text


def test_times_are_told_in_words() -> None:
    standing = msgspec.structs.replace(WELL, verified=Verified(NOW - timedelta(days=3), 1.0, 1, 4))
    (line,) = [each for each in judge(standing, NOW) if each.what == "verify"]
    assert (line.zh, line.en) == ("3 天前核对，4 处不符", "verified 3 days ago, 4 differences")


async def test_a_running_database_is_asked(urls: DatabaseUrls, data_dir: Path) -> None:
    keep_verified(data_dir, Verified(NOW, 1.0, 1, 0))
    standing = await look(Settings(data_dir=data_dir, host="127.0.0.1", port=8000, workers=1), NOW)
    assert standing.database and standing.lag is not None
    assert not standing.serving and standing.free_bytes > 0
    assert standing.verified is not None and standing.verified.at == NOW


async def test_a_database_elsewhere_that_does_not_answer_is_told(tmp_path: Path) -> None:
    url = "postgresql://nobody:x@127.0.0.1:9/huimeng"
    settings = Settings(data_dir=tmp_path, host="127.0.0.1", port=8000, workers=1, database_url=url)
    assert not (await look(settings, NOW)).database


def test_it_starts_nothing_and_ends_with_1_when_something_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUIMENG_DATA", str(tmp_path / "none"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    shown = CliRunner().invoke(app, ["status"])
    assert shown.exit_code == 1
    assert "数据库没有应答" in shown.output and "the database does not answer" in shown.output
    assert not (tmp_path / "none").exists()
    told = msgspec.json.decode(CliRunner().invoke(app, ["status", "--json"]).output)
    assert {each["what"] for each in told} >= {"service", "database", "disk", "verify", "backup"}


def test_a_command_logs_json_when_it_logs(tmp_path: Path) -> None:
    """At a terminal only what matters: nothing, when all goes well."""
    code = (
        "import logging; from huimeng.entry import cli; cli.app = lambda: (logging.getLogger('huimeng.x').info('no'), "
        "logging.getLogger('huimeng.x').warning('yes')); cli.main()"
    )
    environment = {**os.environ, "HUIMENG_DATA": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    (line,) = ended.stderr.splitlines()
    assert msgspec.json.decode(line)["event"] == "yes"
