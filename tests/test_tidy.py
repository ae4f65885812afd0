"""What the linters can't say: sizes, file names, who may see the web framework, nothing of one machine."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
VERSIONS = ROOT / "huimeng" / "migrations" / "versions"
MOST_FUNCTION_LINES = 70
MOST_FILE_LINES = 500

BUSINESS = ("analytics", "porting", "checkout", "points", "order", "member", "ledger", "merchant")
USUAL = {"__init__", "rules", "events", "errors", "tables", "store", "commands", "service"}
USUAL |= {"http", "schemas", "jobs", "values"}
# A package's own word for a part that is none of the usual ones; each addition is a decision.
OWN = {
    "member": {"kinds", "sealing"},
    "merchant": {"authentication"},
}

WEB_FRAMEWORK = "litestar"
WEB_PLACES = ("http", "schemas")

OPEN_ENDS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")) + r")\b")
ADDRESSES = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|npmmirror|deb\.debian\.org|proxy\.golang"
    r"|--(extra-)?index-url|--find-links"
)
MACHINE_PATHS = re.compile(r"(?<![\w.])/(work|root|Users|opt/[a-z]+|home/[a-z]+)/")
MACHINE_FREE = {"tests/test_tidy.py"}


@cache
def tracked() -> tuple[Path, ...]:
    """Files of the project, by git where there is one, else by walking."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return tuple(p for top in ("huimeng", "tests", "bench", "docs") for p in (ROOT / top).rglob("*") if p.is_file())
    return tuple(ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file())


def python_files() -> list[Path]:
    """Migrations are left out: they are generated, and kept as they were run."""
    return [path for path in tracked() if path.suffix == ".py" and VERSIONS not in path.parents]


def web_files() -> list[Path]:
    """Sources of what runs in the browser; functions there are measured by its own linter."""
    return [path for path in tracked() if path.suffix in (".ts", ".vue", ".css") and ROOT / "web" in path.parents]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_there_is_something_to_look_at() -> None:
    assert len(python_files()) > 20
    assert len(web_files()) > 20


def test_files_are_short() -> None:
    sizes = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files() + web_files()}
    assert {name: size for name, size in sizes.items() if size > MOST_FILE_LINES} == {}


def test_functions_are_short() -> None:
    long = {}
    for path in python_files():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                size = node.end_lineno - node.lineno + 1
                if size > MOST_FUNCTION_LINES:
                    long[f"{name_of(path)}:{node.lineno} {node.name}"] = size
    assert long == {}


def test_nothing_is_left_for_later() -> None:
    found = []
    for path in python_files() + web_files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if OPEN_ENDS.search(line):
                found.append(f"{name_of(path)}:{number}")
    assert found == []


@pytest.mark.parametrize("package", BUSINESS)
def test_business_packages_have_the_usual_files(package: str) -> None:
    allowed = USUAL | OWN.get(package, set())
    base = ROOT / "huimeng" / package
    # A file that grew too long is a folder of the same name, free inside.
    found = {path.relative_to(base).parts[0].removesuffix(".py") for path in python_files() if base in path.parents}
    assert found - allowed == set()


def test_every_package_has_a_sentence() -> None:
    missing = []
    for folder in {path.parent for path in python_files() if ROOT / "huimeng" in path.parents}:
        start = folder / "__init__.py"
        if not start.is_file() or not ast.get_docstring(tree_of(start)):
            missing.append(name_of(folder))
    assert missing == []


def test_the_web_framework_stays_at_the_doors() -> None:
    found = []
    for path in python_files():
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] != "huimeng" or parts[1] == "entry" or any(part in WEB_PLACES for part in parts[2:4]):
            continue
        if any(name.partition(".")[0] == WEB_FRAMEWORK for name in imported(tree_of(path))):
            found.append(name_of(path))
    assert found == []


def test_rules_take_the_time_from_their_caller() -> None:
    """Import contracts see modules; a clock can also be read through a class that rules may well import."""
    readers = {"now", "utcnow", "today", "utc_now"}
    found = []
    for path in python_files():
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] == "huimeng" and "rules" in parts[2:]:
            for node in ast.walk(tree_of(path)):
                called = node.func if isinstance(node, ast.Call) else None
                name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                if name in readers:
                    found.append(f"{name_of(path)}:{getattr(node, 'lineno', 0)}")
    assert found == []


def test_nothing_names_a_machine_or_a_registry() -> None:
    found = []
    for path in tracked():
        content = path.read_bytes()
        if b"\0" in content or name_of(path) in MACHINE_FREE:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            if ADDRESSES.search(line) or MACHINE_PATHS.search(line):
                found.append(f"{name_of(path)}:{number}: {line.strip()[:80]}")
    assert found == []
