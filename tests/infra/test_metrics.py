"""The metrics add up over processes, and dashboard, alerts and documents name only what is there."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from huimeng.analytics.jobs import follow, tell_lag
from huimeng.infra import metrics, scrape
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.idempotency import once
from huimeng.infra.refused import Refused
from huimeng.infra.rounds import watched_round
from huimeng.infra.teller import Teller
from huimeng.infra.verified import Verified, keep_verified, last_verified
from huimeng.kernel.errors import IdempotencyKeyReused
from tests.conftest import Shop
from tests.infra.door import until
from tests.infra.steps import Count, StepShelf

ROOT = Path(__file__).parent.parent.parent
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "huimeng.json"
_NAME = re.compile(r"\bhuimeng_\w+")
# What a query may name: the metric itself or, of a histogram, its parts.
_PARTS = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "gauge": ("",)}


def own() -> Iterator[MetricWrapperBase]:
    for each in vars(metrics).values():
        if isinstance(each, MetricWrapperBase):
            yield each


def known() -> dict[str, set[str]]:
    """Names of samples to their labels."""
    found: dict[str, set[str]] = {}
    for each in own():
        labels = set(each._labelnames) | ({"le"} if each._type == "histogram" else set())
        found |= {each._name + part: labels for part in _PARTS[str(each._type)]}
    folder = Path(__file__).parent
    moment = scrape.Moment(folder, True).collect()
    return (
        found
        | {metric.name: set() for metric in moment}
        | {
            "huimeng_verify_timestamp_seconds": set(),
            "huimeng_verify_differences": set(),
        }
    )


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def alerts() -> list[dict[str, Any]]:
    loaded = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return loaded


def queries() -> list[str]:
    shown = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    return [*shown, *(rule["expr"] for rule in alerts())]


@pytest.mark.parametrize("query", queries())
def test_a_query_names_metrics_and_labels_that_exist(query: str) -> None:
    names = known()
    used = set(_NAME.findall(query))
    assert used <= set(names), query
    outer = {label for found in re.findall(r"by \(([^)]*)\)", query) for label in re.split(r",\s*", found)}
    inner = {label for found in re.findall(r"\{([^}]*)\}", query) for label in re.findall(r"(\w+)\s*[=!]", found)}
    assert outer | inner <= set().union({"job"}, *(names[name] for name in used)), query
    assert query.count("(") == query.count(")")
    # Whole histograms are no numbers, and counters are only meaningful as rates.
    counters = {each._name + "_total" for each in own() if each._type == "counter"}
    for name in used & counters:
        assert re.search(rf"(rate|increase)\({name}", query), query


def test_every_metric_is_looked_at_somewhere() -> None:
    """A metric that nobody sees is not worth its cost."""
    used = {name for query in queries() for name in _NAME.findall(query)}
    unseen = {each._name for each in own() if not any(name.startswith(each._name) for name in used)}
    assert unseen == set()


def test_every_alert_says_how_urgent_it_is_and_stands_in_the_document() -> None:
    page = (ROOT / "docs" / "watching.md").read_text(encoding="utf-8")
    for rule in alerts():
        assert rule["labels"]["severity"] in ("page", "look")
        assert " / " in rule["annotations"]["summary"]
        assert f"`{rule['alert']}`" in page
    listed = set(re.findall(r"^\| `(Huimeng\w+)`", page, re.MULTILINE))
    assert listed == {rule["alert"] for rule in alerts()}


def test_every_metric_of_the_document_exists() -> None:
    page = (ROOT / "docs" / "watching.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(huimeng_\w+)", page)) <= set(known()) | {each._name for each in own()}


def test_the_dashboard_has_its_rows_and_no_overlap() -> None:
    rows = [panel["title"] for panel in panels() if panel["type"] == "row"]
    assert [row.split(" / ")[1] for row in rows] == [
        "Is it well?",
        "Tills",
        "Teller",
        "Database",
        "Imports",
        "Background",
    ]
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_the_example_of_prometheus_loads_the_alerts() -> None:
    loaded = yaml.safe_load((ALERTS.parent / "prometheus.yml").read_text(encoding="utf-8"))
    assert loaded["rule_files"] == [ALERTS.name]
    assert loaded["scrape_configs"][0]["job_name"] == "huimeng"


def test_no_label_names_somebody_and_gauges_say_how_they_add_up() -> None:
    bounded = {"method", "route", "status", "reason", "outcome", "pool", "follower", "round", "kind", "result"}
    for each in own():
        assert set(each._labelnames) <= bounded | {"version", "python"}, each._name
        if each._type == "gauge":
            assert each._multiprocess_mode != "all", each._name  # type: ignore[attr-defined]


_PROCESS = """
    import os, resource, sys
    from pathlib import Path
    if len(sys.argv) > 3:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
    from huimeng.infra import metrics
    metrics.HTTP_REQUESTS.labels("GET", "/x", "2xx").inc(5)
    metrics.HTTP_SECONDS.labels("GET", "/x").observe(0.1)
    metrics.POOL_IN_USE.labels("runtime").inc(2)
    metrics.LAG_EVENTS.labels("figures").set(float(sys.argv[1]))
    metrics.ROUND_SUCCESS.labels("figures").set(1000.0 + float(sys.argv[1]))
    if sys.argv[2] == "last":
        from huimeng.infra.scrape import page
        print(page(Path("."), True, os.environ["PROMETHEUS_MULTIPROC_DIR"]).decode())
    os._exit(0)
"""


def in_a_process(shared: Path, *arguments: str) -> str:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(shared)}
    command = [sys.executable, "-u", "-c", textwrap.dedent(_PROCESS), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_processes_add_up_and_the_dead_are_not_counted_as_living(tmp_path: Path) -> None:
    in_a_process(tmp_path, "9", "")
    in_a_process(tmp_path, "4", "")
    told = in_a_process(tmp_path, "7", "last").splitlines()
    assert 'huimeng_http_requests_total{method="GET",route="/x",status="2xx"} 15.0' in told
    assert 'huimeng_http_request_seconds_count{method="GET",route="/x"} 3.0' in told
    # Two of the three were gone, with connections in use.
    assert 'huimeng_database_pool_in_use{pool="runtime"} 2.0' in told
    assert 'huimeng_outbox_lag_events{follower="figures"} 7.0' in told
    assert 'huimeng_round_success_timestamp_seconds{round="figures"} 1009.0' in told
    assert next(line for line in told if line.startswith("huimeng_build_info")).endswith(" 1.0")


def test_two_who_bury_the_same_process_both_get_their_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_a_process(tmp_path, "9", "")

    def buried_meanwhile(pid: int, folder: str) -> None:
        for path in Path(folder).glob(f"gauge_live*_{pid}.db"):
            path.unlink()
        raise FileNotFoundError

    monkeypatch.setattr(scrape, "mark_process_dead", buried_meanwhile)
    found = scrape.registry_of(tmp_path, True, str(tmp_path))
    assert found.get_sample_value("huimeng_database_pool_in_use", {"pool": "runtime"}) is None


def test_a_full_disk_ends_no_process(tmp_path: Path) -> None:
    """What is shared has its room from the start; who finds none keeps its metrics, and the page is made without it."""
    in_a_process(tmp_path, "9", "")
    files = {path.name.rpartition("_")[0]: path.stat() for path in tmp_path.iterdir()}
    assert {*files} >= {"counter", "histogram", "gauge_livesum"}
    assert all(found.st_blocks * 512 >= found.st_size for found in files.values())
    told = in_a_process(tmp_path, "7", "last", str(512 * 1024)).splitlines()
    assert 'huimeng_http_requests_total{method="GET",route="/x",status="2xx"} 5.0' in told


def test_a_command_hands_its_imports_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    metrics.IMPORT_ROWS.labels("members", "good").inc(12)
    metrics.carry(tmp_path / "no such folder")
    metrics.carry(tmp_path)
    (tmp_path / f"counter_{os.getpid()}.db").rename(tmp_path / "counter_1.db")
    metrics.carry(tmp_path)
    found = scrape.registry_of(tmp_path, True, str(tmp_path))
    ours = value("huimeng_import_rows_total", kind="members", result="good")
    labels = {"kind": "members", "result": "good"}
    assert found.get_sample_value("huimeng_import_rows_total", labels) == 2 * ours
    assert found.get_sample_value("huimeng_http_requests_total") is None


def sample(registry: CollectorRegistry, name: str) -> float | None:
    return registry.get_sample_value(name)


def test_the_last_verification_is_told(tmp_path: Path) -> None:
    assert last_verified(tmp_path) is None
    assert sample(scrape.registry_of(tmp_path, True, None), "huimeng_verify_differences") is None
    at = datetime(2026, 3, 4, tzinfo=UTC)
    keep_verified(tmp_path, Verified(at, 1.5, 3, 2))
    told = scrape.registry_of(tmp_path, False, None)
    assert sample(told, "huimeng_verify_differences") == 2
    assert sample(told, "huimeng_verify_timestamp_seconds") == at.timestamp()
    assert sample(told, "huimeng_database_up") == 0
    (tmp_path / "verified.json").write_text("broken")
    assert last_verified(tmp_path) is None


async def test_the_pool_tells_who_works_and_who_waits(urls: DatabaseUrls) -> None:
    in_use, waiting = value("huimeng_database_pool_in_use", pool="runtime"), 0.0
    db = await Database.open(urls, pool_size=1)
    async with db.directory():
        assert value("huimeng_database_pool_in_use", pool="runtime") == in_use + 1
        waiting = value("huimeng_database_pool_waiting", pool="runtime")
    await db.close()
    assert value("huimeng_database_pool_in_use", pool="runtime") == in_use
    assert waiting == value("huimeng_database_pool_waiting", pool="runtime") == 0


async def test_retries_of_a_key_are_counted(urls: DatabaseUrls, db: Database, shop: Shop) -> None:
    replayed = value("huimeng_idempotency_total", outcome="replayed")
    reused = value("huimeng_idempotency_total", outcome="reused")
    async with Teller(urls, [StepShelf()]) as lane:
        await lane.submit(Count(shop.cell_id, key="k", fingerprint=b"a"))
        await lane.submit(Count(shop.cell_id, key="k", fingerprint=b"a"))
        with pytest.raises(IdempotencyKeyReused):
            await lane.submit(Count(shop.cell_id, key="k", fingerprint=b"b"))

    async def answer() -> tuple[int, bytes]:
        return 200, b"{}"

    for _ in range(2):
        async with db.tenant(shop.merchant_id) as conn:
            await once(conn, shop.cell_id, "k2", b"a", answer)
    assert value("huimeng_idempotency_total", outcome="replayed") == replayed + 2
    assert value("huimeng_idempotency_total", outcome="reused") == reused + 1


async def test_the_lag_is_what_the_figures_lack(urls: DatabaseUrls, db: Database, shop: Shop) -> None:
    stop = asyncio.Event()
    async with Teller(urls, [StepShelf()]) as lane:
        await asyncio.gather(*(lane.submit(Count(shop.cell_id)) for _ in range(5)))
    await tell_lag(db)
    assert value("huimeng_outbox_lag_events", follower="figures") >= 5
    # Other tests have left events of other times.
    assert value("huimeng_outbox_lag_seconds", follower="figures") > 0
    follower = asyncio.create_task(follow(db, stop, 0.05))
    # Other tests have left events of other merchants, too.
    async with asyncio.timeout(300):
        while value("huimeng_outbox_lag_events", follower="figures"):
            await asyncio.sleep(0.05)
            await tell_lag(db)
    stop.set()
    await follower
    assert value("huimeng_outbox_lag_events", follower="figures") == 0
    assert value("huimeng_outbox_lag_seconds", follower="figures") == 0
    assert value("huimeng_round_success_timestamp_seconds", round="figures") > 1.7e9


def test_a_round_that_fails_is_counted_and_is_no_success() -> None:
    with pytest.raises(ZeroDivisionError), watched_round("trial"):
        raise ZeroDivisionError
    assert value("huimeng_round_failures_total", round="trial") == 1
    assert REGISTRY.get_sample_value("huimeng_round_success_timestamp_seconds", {"round": "trial"}) is None
    with watched_round("trial"):
        pass
    assert value("huimeng_round_success_timestamp_seconds", round="trial") > 1.7e9


async def test_a_refusal_that_could_not_be_counted_does_not_end_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Refused(["trial_a", "trial_b"])
    fails = [OSError("no room for it")]

    def inc(amount: float = 1) -> None:
        if fails:
            raise fails.pop()
        counted.append(amount)

    counted: list[float] = []
    monkeypatch.setattr(metrics.REFUSED.labels("trial_a"), "inc", inc)
    asyncio.get_running_loop().set_exception_handler(lambda loop, told: None)
    for _ in range(2):
        refused.add("trial_a")
        refused.add("trial_b")
        await until(lambda: not refused._uncounted)
    assert not fails and counted == [1]
    assert value("huimeng_refused_total", reason="trial_b") >= 1


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


async def test_the_page_is_answered_while_the_database_is_away(db: Database, tmp_path: Path) -> None:
    clock = Clock()
    checks = scrape.Checks(db, tmp_path, clock)
    assert b"\nhuimeng_database_up 1.0" in await checks.page()
    await db.close()
    clock.seconds = scrape.FRESH_SECONDS
    assert b"\nhuimeng_database_up 0.0" in await checks.page()
    assert not await checks.ready()


async def test_whoever_asks_it_is_looked_once_a_second(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    ping, page = db.ping, scrape.page

    async def counted_ping() -> None:
        looks.append("ping")
        await ping()

    def counted_page(*given: Any) -> bytes:
        looks.append("page")
        return page(*given)

    monkeypatch.setattr(db, "ping", counted_ping)
    monkeypatch.setattr(scrape, "page", counted_page)
    clock = Clock()
    checks = scrape.Checks(db, tmp_path, clock)
    for round_ in (1, 2):
        pages = await asyncio.gather(*(checks.page() for _ in range(50)), *(checks.ready() for _ in range(50)))
        assert len(set(pages)) == 2 and True in pages
        clock.seconds += 0.99 * scrape.FRESH_SECONDS
        assert await checks.page() == pages[0] and await checks.ready()
        assert looks == ["ping", "page"] * round_
        clock.seconds += 0.01 * scrape.FRESH_SECONDS
    await db.close()
    assert [await checks.ready() for _ in range(5)] == [False] * 5
    assert looks == ["ping", "page"] * 2 + ["ping"]
