"""The options of the command line."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from huimeng.entry.cli_import import _OPTIONS, _mapping, app, summary
from huimeng.porting.rules.faults import REASONS, RowFault
from huimeng.porting.service import ImportResult
from huimeng.porting.store.faults_file import FaultFile
from tests.conftest import Shop
from tests.porting.handing import ORDERS


def test_columns_are_told_one_by_one() -> None:
    assert _mapping(["单据号=order_no", " 单价(1=元) = paid_amount", "备注=-"]) == {
        "单据号": "order_no",
        "单价(1=元)": "paid_amount",
        "备注": "-",
    }
    assert _mapping(None) == {}


@pytest.mark.parametrize("told", ["order_no", "=order_no", " =x"])
def test_a_mapping_needs_both_sides(told: str) -> None:
    with pytest.raises(typer.BadParameter):
        _mapping([told])


@pytest.mark.parametrize("options", [["--date-order", "ymd"], ["--with", "nowhere.csv"], ["--map", "x"], ["--sheet"]])
def test_options_are_checked_before_anything(tmp_path: Path, options: list[str]) -> None:
    path = tmp_path / "a.csv"
    path.touch()
    assert CliRunner().invoke(app, ["orders", str(path), "-m", "shop", *options]).exit_code == 2


def test_only_the_command_names_its_options(tmp_path: Path) -> None:
    """The words of a reason are read over the API and in the console too."""
    assert [text for texts in REASONS.values() for text in texts if "--" in text] == []
    with FaultFile(tmp_path / "errors.csv") as faults:
        faults.begin()
        for code in ("unknown_store", "unknown_store", "bad_amount", "unknown_member", "ambiguous_date"):
            faults.add(RowFault(2, code))
    result = ImportResult(
        kind="orders",
        dry_run=True,
        resumed=False,
        rows=5,
        bad_rows=5,
        counts={},
        unknown_columns=(),
        error_file=faults.path,
        seconds=0.1,
        source="import",
    )
    console = Console(record=True, width=200)
    console.print(summary(result))
    said = console.export_text()
    assert "unknown_store (2): --create-stores" in said and "--unknown-member create | anonymous" in said
    assert "--date-order" in said and "bad_amount" not in said
    assert _OPTIONS.keys() <= REASONS.keys()


@pytest.mark.parametrize("dry_run", [True, False])
async def test_without_a_rule_it_says_so_of_what_was_done(
    server: object, data_dir: Path, shop: Shop, tmp_path: Path, dry_run: bool
) -> None:
    """A check has brought nothing in, so nothing earned or did not."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "HUIMENG_"))}
    path = tmp_path / "a.csv"
    path.write_text(ORDERS)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "huimeng.entry.cli", "import", "orders", str(path), "-m", shop.code),
        *(["--dry-run"] if dry_run else []),
        env={**clean, "HUIMENG_DATA": str(data_dir), "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0
    assert "there is no earning rule, so imported orders earn nothing" in said
