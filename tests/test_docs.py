"""The documents are true: links lead somewhere, commands exist, tables name what is there."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main

import huimeng
from huimeng.infra import http
from huimeng.infra.audit.entries import ACTIONS
from huimeng.infra.audit.verifying import CHECKS
from huimeng.kernel.errors import BusinessError
from huimeng.ledger import service as ledger
from huimeng.ledger.rules import KIND_NAMES, UNIT_NAMES
from huimeng.porting.rules.columns import MEMBER_COLUMNS, ORDER_COLUMNS
from huimeng.porting.rules.faults import REASONS

ROOT = Path(__file__).parent.parent
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_PATH = re.compile(r"`((?:huimeng|tests|docs|bench|\.ci)/[\w./-]+|[\w-]+\.md)`")
_CALL = re.compile(r"(?:^|[\s`(])(?:\.venv/bin/)?huimeng ([a-z-]+(?: [a-z-]+)?)([^\n`]*)")


@cache
def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def title(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """As the common forges make them: lower case, punctuation gone, spaces to hyphens."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(page: str, first_column: str) -> list[list[str]]:
    """Cells of all tables of a page whose header begins with this column."""
    found: list[list[str]] = []
    inside = False
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif inside and not set(line) <= set("|- "):
            found.append(cells)
        elif cells[0] == first_column:
            inside = True
    return found


def words(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


@pytest.mark.parametrize("page", pages(), ids=title)
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for target in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            lost.append(target)
    assert lost == []


# Not in the repository: a command of the README makes it.
WRITTEN_BY_COMMANDS = {"bench/report.json"}


@pytest.mark.parametrize("page", pages(), ids=title)
def test_named_files_exist(page: Path) -> None:
    places = (ROOT, page.parent)
    named = set(_PATH.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))) - WRITTEN_BY_COMMANDS
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


@cache
def commands() -> dict[str, set[str]]:
    """'import orders' -> its options."""
    from huimeng.entry.cli import app

    found: dict[str, set[str]] = {}

    def walk(command: object, name: str) -> None:
        for part, child in getattr(command, "commands", {}).items():
            walk(child, f"{name} {part}".strip())
        if not hasattr(command, "commands"):
            params = getattr(command, "params", [])
            found[name] = {option for param in params for option in (*param.opts, *param.secondary_opts)}

    walk(typer.main.get_command(app), "")
    return found


@pytest.mark.parametrize("page", pages(), ids=title)
def test_commands_exist(page: Path) -> None:
    known = commands()
    wrong = []
    for code in _CODE.findall(page.read_text(encoding="utf-8")):
        for name, rest in _CALL.findall(code.strip("`")):
            command = next((each for each in (name, name.split()[0]) if each in known), None)
            used = set(re.findall(r"(?<=\s)(--?[a-z][a-z-]*)", rest.partition("#")[0]))
            if command is None or not used <= known[command]:
                wrong.append(f"huimeng {name}{rest}")
    assert wrong == []


def test_the_readme_shows_commands() -> None:
    """So that the test above has something to look at."""
    assert {"api-key create", "verify", "import orders"} <= {
        name.strip() for name, _ in _CALL.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    }


def refusals() -> Iterator[tuple[str, int]]:
    for module in pkgutil.walk_packages(huimeng.__path__, "huimeng."):
        if ".migrations" not in module.name:
            importlib.import_module(module.name)
    waiting: list[type[BusinessError]] = [BusinessError]
    while waiting:
        for error in waiting.pop().__subclasses__():
            waiting.append(error)
            if error.__module__.startswith("huimeng.") and not error.__name__.startswith("_"):
                yield error.code, error.status
    for status, (code, _, _) in http._REFUSALS.items():
        yield code, status
    yield "internal_error", 500


def test_every_error_code_is_listed() -> None:
    listed = rows("docs/api.md", "code")
    table = {(code, row[1]) for row in listed for code in words(row[0])}
    expected = {(code, str(status)) for code, status in refusals()} | {("refused", "4xx")}
    assert table == expected
    assert len(listed) == len(expected)


def test_every_reason_of_a_bad_row_is_listed() -> None:
    assert [row[0].strip("`") for row in rows("docs/import.md", "code")] == list(REASONS)


def test_every_column_of_an_import_is_listed() -> None:
    listed = rows("docs/import.md", "column")
    wanted = [*ORDER_COLUMNS.items(), *MEMBER_COLUMNS.items()]
    assert {row[0].strip("`") for row in listed} == {field for field, _ in wanted}
    assert len(listed) == len(wanted)
    names = {field: set(names) for columns in (ORDER_COLUMNS, MEMBER_COLUMNS) for field, names in columns.items()}
    assert [row[1] for row in listed if not set(row[1].split()) <= names[row[0].strip("`")]] == []


def test_every_kind_unit_and_check_of_the_ledger_is_listed() -> None:
    assert [(row[0].strip("`"), int(row[1])) for row in rows("docs/ledger.md", "kind")] == [
        (name, kind) for kind, name in KIND_NAMES.items()
    ]
    assert [(row[0].strip("`"), int(row[1])) for row in rows("docs/ledger.md", "unit")] == [
        (name, unit) for unit, name in UNIT_NAMES.items()
    ]
    checks = [row[0].strip("`") for row in rows("docs/ledger.md", "check")]
    assert checks == [*ledger._FULL, "order_earning"]


def test_every_action_of_the_audit_log_is_listed_and_written_somewhere() -> None:
    assert sorted(action for row in rows("docs/audit.md", "action") for action in words(row[0])) == list(ACTIONS)
    assert [row[0].strip("`") for row in rows("docs/audit.md", "check")] == list(CHECKS)
    sources = (path for path in (ROOT / "huimeng").rglob("*.py") if path.name != "entries.py")
    code = "".join(path.read_text(encoding="utf-8") for path in sources)
    assert [action for action in ACTIONS if f'"{action}"' not in code] == []


def test_both_readmes_list_every_package() -> None:
    packages = {path.parent.name for path in (ROOT / "huimeng").glob("*/__init__.py")} - {"migrations"}
    for page in ("README.md", "README.zh-CN.md"):
        listed = set(re.findall(r"\[huimeng/(\w+)\]", (ROOT / page).read_text(encoding="utf-8")))
        assert listed == packages, page
