"""docs/security.md names tests that exist, and requirements in their order."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+\.\d+\.\d+) \| (.+?) \| (.*?) ?\|$", PAGE, re.MULTILINE)


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 100
    missing = {
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file()
        or not re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert missing == set()


def test_each_requirement_stands_once_in_its_order_below_its_chapter() -> None:
    numbers = [tuple(map(int, number.split("."))) for number, _, _ in ROWS]
    assert len(numbers) > 100
    assert numbers == sorted(set(numbers))
    assert re.findall(r"^### V(\d+) ", PAGE, re.MULTILINE) == [str(chapter) for chapter in range(1, 18)]


def test_what_is_met_is_shown_and_what_is_not_is_listed() -> None:
    """A row without a test says that it isn't met in full, or leads to a page."""
    for number, how, shown in ROWS:
        if "**Not met**" in how:
            assert f"({number})" in PAGE.split("## What is not met yet")[1], number
        elif not shown.strip():
            assert "**Partly**" in how or "](" in how, number
