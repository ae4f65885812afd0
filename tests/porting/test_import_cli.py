"""The options of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from huimeng.entry.cli_import import _mapping, app


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
