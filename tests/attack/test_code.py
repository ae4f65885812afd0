"""What the code must not do with anything that came from outside, seen in the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent / "huimeng"
# Starting programs is for whoever looks after processes and the database.
PROGRAMS = {"entry/run.py", "infra/embedded", "infra/processes.py"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "xml.dom", "xml.sax", "imp", "telnetlib", "ftplib"}

# Who speaks over a network, and with whom; docs/security.md says so.
NETWORK = {
    ("entry/run.py", "socket"): "whether its own port is free",
    ("entry/run.py", "urllib.request"): "its own /readyz",
    ("entry/serve.py", "socket"): "listens",
    ("infra/tracing.py", "opentelemetry.exporter"): "the collector of OTEL_EXPORTER_OTLP_ENDPOINT",
}
CLIENTS = {
    *("aiohttp", "ftplib", "grpc", "http.client", "httpx", "imaplib", "opentelemetry.exporter", "poplib", "requests"),
    *("smtplib", "socket", "socketserver", "telnetlib", "urllib.request", "urllib3", "websockets", "xmlrpc"),
}
CONNECTING = {"create_connection", "create_datagram_endpoint", "open_connection", "sock_connect"}

# Read back by the very import that wrote it minutes ago, in a folder of its own.
OWN_FILES = {("porting/store/spill.py", "marshal"), ("porting/store/workbook.py", "marshal")}


def nodes() -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield path.relative_to(ROOT).as_posix(), node


def test_nothing_is_evaluated_or_unpickled() -> None:
    found = []
    for name, node in nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
            found.append((name, node.func.id))
        if isinstance(node, ast.Import):
            found += [(name, each.name) for each in node.names if each.name in FORBIDDEN_MODULES]
        if isinstance(node, ast.ImportFrom) and node.module in FORBIDDEN_MODULES:
            found.append((name, str(node.module)))
    assert set(found) <= OWN_FILES


def test_programs_are_started_where_they_belong_and_never_by_a_shell() -> None:
    found = []
    for name, node in nodes():
        if any(name.startswith(place) for place in PROGRAMS):
            continue
        if isinstance(node, ast.Import) and any(each.name == "subprocess" for each in node.names):
            found.append((name, "subprocess"))
        if isinstance(node, ast.keyword) and node.arg == "shell":
            found.append((name, "shell"))
        if isinstance(node, ast.Attribute) and node.attr in ("system", "popen") and ast.unparse(node.value) == "os":
            found.append((name, node.attr))
    assert found == []


def test_only_known_places_reach_over_the_network() -> None:
    """Beside PostgreSQL, which psycopg reaches by the deployment's own url; none has its address from a caller."""
    found = set()
    for name, node in nodes():
        for module in imported(node):
            found |= {(name, client) for client in CLIENTS if module == client or module.startswith(f"{client}.")}
        if isinstance(node, ast.Attribute) and node.attr in CONNECTING:
            found.add((name, node.attr))
    assert found == set(NETWORK)


def imported(node: ast.AST) -> list[str]:
    """Modules, and what may be one of theirs: `from urllib import request`."""
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    if isinstance(node, ast.ImportFrom) and node.module is not None:
        return [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
    return []


def test_control_every_way_to_import_a_client_is_seen() -> None:
    for line in ("import urllib.request", "from urllib import request", "from urllib.request import urlopen"):
        assert "urllib.request" in imported(ast.parse(line).body[0])
