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
