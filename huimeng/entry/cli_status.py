"""`huimeng status`: one screen that says whether all is well, and an exit code that a timer can look at."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import psycopg
import typer
from prometheus_client.multiprocess import MultiProcessCollector
from rich.console import Console
from rich.table import Table

from huimeng.analytics.service import Lag, lag
from huimeng.entry.terminal import folded
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.embedded import EmbeddedPostgres, opened
from huimeng.infra.embedded.locks import is_free
from huimeng.infra.rounds import FIGURES, HOUSEKEEPING
from huimeng.infra.settings import Settings
from huimeng.infra.verified import Verified, last_verified
from huimeng.kernel.currency import counted
from huimeng.kernel.errors import BusinessError
from huimeng.kernel.times import utc_now

Level = Literal["good", "look", "bad", "unknown"]

_MARKS: Mapping[Level, str] = {
    "good": "[bold green]好 ok[/]",
    "look": "[bold yellow]留意 look[/]",
    "bad": "[bold red]坏 bad[/]",
    "unknown": "[dim]未知 unknown[/]",
}
_ROUNDS: Mapping[str, tuple[str, str, int]] = {
    FIGURES: ("经营数据更新", "figures", 60),
    HOUSEKEEPING: ("日常处理", "housekeeping", 600),
}
LAG_LOOK_SECONDS, LAG_BAD_SECONDS = 30, 300
DISK_LOOK_BYTES, DISK_BAD_BYTES = 5 << 30, 1 << 30
VERIFY_LOOK_DAYS = 8
_DATABASE_SECONDS = 10.0


class Finding(msgspec.Struct, frozen=True):
    """One line of the screen."""

    what: str
    level: Level
    zh: str
    en: str


class Standing(msgspec.Struct, frozen=True):
    """What was found out; rounds: seconds since each ended well last. None: it could not be found out."""

    serving: bool
    database: bool
    rounds: Mapping[str, float]
    lag: Lag | None
    free_bytes: int
    verified: Verified | None


def status(
    as_json: Annotated[bool, typer.Option("--json", help="结果以 JSON 输出 / print the result as JSON")] = False,
) -> None:
    """一切是否正常；有问题时退出码为 1 / whether all is well; exit code 1 when it isn't."""
    settings = Settings.from_env()
    now = utc_now()
    found = judge(asyncio.run(look(settings, now)), now)
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        _show(found, Console())
    if any(each.level == "bad" for each in found):
        raise typer.Exit(1)


async def look(settings: Settings, now: datetime) -> Standing:
    """Starts nothing: a database that isn't running is told as such."""
    folder = settings.data_dir
    behind = await _behind(settings)
    here = folder if folder.is_dir() else Path.cwd()
    return Standing(
        serving=(folder / "serve.lock").exists() and not is_free(folder / "serve.lock"),
        database=behind is not None,
        rounds=_rounds(folder / "metrics", now),
        lag=behind if isinstance(behind, Lag) else None,
        free_bytes=shutil.disk_usage(here).free,
        verified=last_verified(folder),
    )


def judge(standing: Standing, now: datetime) -> list[Finding]:
    return [
        _running(standing),
        _database(standing),
        *(_round(name, standing) for name in _ROUNDS),
        _lag(standing.lag),
        _disk(standing.free_bytes),
        _verify(standing.verified, now),
        Finding("backup", "unknown", "备份：本系统不做备份，请自行确认", "backups: not made here, make sure of them"),
    ]


def _running(standing: Standing) -> Finding:
    if standing.serving:
        return Finding("service", "good", "服务正在运行", "it is being served")
    return Finding("service", "bad", "服务没有运行：huimeng run", "it is not being served: huimeng run")


def _database(standing: Standing) -> Finding:
    if standing.database:
        return Finding("database", "good", "数据库正常应答", "the database answers")
    return Finding("database", "bad", "数据库没有应答", "the database does not answer")


def _round(name: str, standing: Standing) -> Finding:
    zh, en, most = _ROUNDS[name]
    ago = standing.rounds.get(name)
    if ago is None:
        level: Level = "bad" if standing.serving else "unknown"
        return Finding(name, level, f"{zh}：启动以来没有成功过", f"{en}: not once done since the start")
    level = "good" if ago <= most else "bad"
    return Finding(name, level, f"{zh}：{_ago_zh(ago)}前完成", f"{en}: last done {_ago_en(ago)} ago")


def _lag(behind: Lag | None) -> Finding:
    if behind is None:
        return Finding("lag", "unknown", "经营数据是否跟上：问不到", "whether figures are up to date can't be asked")
    if not behind.events:
        return Finding("lag", "good", "经营数据已跟上", "figures are up to date")
    level: Level = "bad" if behind.seconds > LAG_BAD_SECONDS else "look"
    if behind.seconds <= LAG_LOOK_SECONDS:
        level = "good"
    return Finding(
        "lag",
        level,
        f"经营数据落后 {behind.events:,} 条，{_ago_zh(behind.seconds)}",
        f"figures are {counted(behind.events, 'events')} behind, {_ago_en(behind.seconds)}",
    )


def _disk(free: int) -> Finding:
    level: Level = "bad" if free < DISK_BAD_BYTES else "look" if free < DISK_LOOK_BYTES else "good"
    return Finding("disk", level, f"磁盘剩余 {free / 2**30:.1f} GB", f"{free / 2**30:.1f} GB left on the disk")


def _verify(last: Verified | None, now: datetime) -> Finding:
    if last is None:
        return Finding("verify", "look", "账目还没有核对过：huimeng verify", "never verified: huimeng verify")
    ago = (now - last.at).total_seconds()
    if last.differences:
        return Finding(
            "verify",
            "bad",
            f"{_ago_zh(ago)}前核对，{last.differences} 处不符",
            f"verified {_ago_en(ago)} ago, {counted(last.differences, 'differences')}",
        )
    level: Level = "good" if ago < timedelta(days=VERIFY_LOOK_DAYS).total_seconds() else "look"
    return Finding(
        "verify", level, f"账目核对无误，{_ago_zh(ago)}前", f"verified {_ago_en(ago)} ago, everything added up"
    )


def _ago(seconds: float) -> tuple[int, int]:
    """(number, unit): seconds, minutes, hours or days."""
    for unit, size, most in ((0, 1, 120), (1, 60, 7200), (2, 3600, 172_800)):
        if seconds < most:
            return int(seconds // size), unit
    return int(seconds // 86_400), 3


def _ago_zh(seconds: float) -> str:
    number, unit = _ago(max(0.0, seconds))
    return f"{number} {('秒', '分钟', '小时', '天')[unit]}"


def _ago_en(seconds: float) -> str:
    number, unit = _ago(max(0.0, seconds))
    return f"{number} {('s', 'min', 'h', 'days')[unit]}"


def _rounds(folder: Path, now: datetime) -> dict[str, float]:
    """Out of the running processes' metrics."""
    if not folder.is_dir():
        return {}
    metrics = MultiProcessCollector(None, str(folder)).collect()  # type: ignore[no-untyped-call]
    return {
        sample.labels["round"]: now.timestamp() - sample.value
        for metric in metrics
        if metric.name == "huimeng_round_success_timestamp_seconds"
        for sample in metric.samples
    }


async def _behind(settings: Settings) -> Lag | Literal["unclear"] | None:
    """None: the database does not answer."""
    known = settings.database_url is not None or (settings.data_dir / "locks").is_dir()
    if not known or (settings.database_url is None and not EmbeddedPostgres(settings.data_dir).pid):
        return None
    try:
        with opened(settings) as urls:
            return await asyncio.wait_for(_ask(urls), _DATABASE_SECONDS)
    except (BusinessError, TimeoutError, OSError, psycopg.OperationalError):
        return None


async def _ask(urls: DatabaseUrls) -> Lag | Literal["unclear"]:
    db = await Database.open(urls, pool_size=2)
    try:
        await db.ping()
        try:
            return await lag(db)
        except psycopg.ProgrammingError:
            # A schema of another version: the database answers, but not this.
            return "unclear"
    finally:
        await db.close()


def _show(found: list[Finding], console: Console) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for each in found:
        table.add_row(_MARKS[each.level], each.zh, each.en)
    console.print(folded(table))
    if any(each.level == "bad" for each in found):
        console.print("\n[bold red]有问题，请按 docs/watching.md 处理 / something is wrong: see docs/watching.md[/]")
    elif any(each.level == "look" for each in found):
        console.print("\n[bold yellow]可用，有事项需留意 / it works; something wants a look[/]")
    else:
        # Backups are never known.
        known = "没有发现问题，标“未知”的请自行确认 / nothing is wrong; what is unknown is yours to look at"
        console.print(f"\n[bold green]{known}[/]")
