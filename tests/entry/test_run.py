"""What `huimeng run` brings along."""

from __future__ import annotations

import asyncio
import io
import socket
import stat
import threading
from contextlib import AbstractContextManager, nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from rich.console import Console

from huimeng.entry import run
from huimeng.entry.context import open_context
from huimeng.infra.settings import Settings
from huimeng.merchant.service import list_merchants
from tests.faults.house import free_port


@pytest.mark.parametrize("demo", [False, True])
def test_the_demo_comes_only_when_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demo: bool) -> None:
    """A run from a new folder to its end; a look at the database stands for serving, a note for the demo's import."""
    asked: list[bool] = []
    found: list[list[str]] = []

    async def load(*_: object) -> None:
        asked.append(True)

    async def merchants(settings: Settings) -> list[str]:
        async with open_context(settings, migrate=False) as context:
            return [merchant.code for merchant in await list_merchants(context.db, limit=9)]

    monkeypatch.setattr(run, "_load_demo", load)
    monkeypatch.setattr(run, "_serve", lambda settings, console: found.append(asyncio.run(merchants(settings))))
    monkeypatch.setenv("HUIMENG_DATA", str(tmp_path / "data"))
    settings = Settings.from_env({"HUIMENG_DATA": str(tmp_path / "data"), "PORT": str(free_port())})
    run.run(settings, Console(file=io.StringIO()), demo=demo)
    assert (asked, found) == ([True] if demo else [], [[]])
    assert not (tmp_path / "data" / "demo").exists()
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_it_is_called_ready_when_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when that takes more than a minute: a slow disk, a long queue in front of the database."""
    asked: list[object] = []

    def away_for_long(*_: object, **__: object) -> AbstractContextManager[None]:
        asked.append(None)
        if len(asked) < 1000:
            raise OSError
        return nullcontext()

    monkeypatch.setattr("urllib.request.OpenerDirector.open", away_for_long)
    monkeypatch.setattr("time.sleep", lambda _: None)
    console = Console(file=io.StringIO(), record=True)
    run._announce(Settings.from_env({}), console)
    assert len(asked) == 1000 and "is ready" in console.export_text()


def test_an_address_is_told_to_which_one_can_go(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answers(_: object, url: str, **__: object) -> AbstractContextManager[None]:
        asked.append(url)
        return nullcontext()

    monkeypatch.setattr("urllib.request.OpenerDirector.open", answers)
    monkeypatch.setattr("huimeng.entry.run._own_address", lambda: ["192.168.1.7"])
    console = Console(file=io.StringIO(), record=True)
    run._announce(Settings.from_env({"HOST": "0.0.0.0", "PORT": "8443"}), console)
    said = console.export_text()
    assert asked == ["http://127.0.0.1:8443/readyz"]
    assert "http://127.0.0.1:8443/" in said and "http://192.168.1.7:8443/" in said and "0.0.0.0" not in said


@pytest.mark.parametrize("address", ["192.0.2.1", "no-such-machine.invalid"])
def test_an_address_that_is_not_ours_is_no_taken_port(address: str) -> None:
    with pytest.raises(run.AddressUnusable, match=address):
        run._check_port(Settings.from_env({"HOST": address}))


def test_a_port_of_another_program_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(run.PortTaken):
            run._check_port(Settings.from_env({"PORT": str(other.getsockname()[1])}))


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


def test_it_is_told_to_be_ready_also_where_a_proxy_leads_to_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr("huimeng.entry.run.time.sleep", lambda _: pytest.fail("it was asked for in vain"))
    said = io.StringIO()
    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        run._announce(Settings.from_env({"PORT": str(server.server_port)}), Console(file=said))
    assert f"http://127.0.0.1:{server.server_port}/" in said.getvalue()
