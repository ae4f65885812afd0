"""The public data as the files of an owner: every row kept, amounts exact."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from huimeng.entry.demo import ensure_demo_files, is_loaded
from huimeng.entry.demo_data import DemoFiles, read_stores
from huimeng.kernel.money import parse_fen

# The parquet file that goes with the whole year; without the demo extra there is nothing to convert.
pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> DemoFiles:
    folder = tmp_path_factory.mktemp("demo")
    assert not is_loaded(folder)
    return asyncio.run(ensure_demo_files(folder))


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as source:
        yield from csv.DictReader(source)


def test_every_line_of_the_year(files: DemoFiles) -> None:
    lines = zero = nameless = paid = listed = 0
    orders = set()
    for row in rows(files.orders):
        lines += 1
        orders.add(row["order_no"])
        zero += row["paid_amount"] == "0.00"
        nameless += not row["product"]
        paid += parse_fen(row["paid_amount"])
        listed += parse_fen(row["list_amount"])
    assert (lines, len(orders)) == (1_469_307, 155_848)
    assert (zero, nameless > 0) == (11_246, True)
    assert (paid, listed > paid) == (459_603_958, True)


def test_the_first_order(files: DemoFiles) -> None:
    assert next(rows(files.orders)) == {
        "order_no": "31198570044",
        "ordered_at": "2017-01-01 11:53:26",
        "store": "330",
        "member": "900",
        "sku": "1095275",
        "product": "ROLLS: BAGELS",
        "category": "ROLLS",
        "quantity": "1",
        "list_amount": "0.50",
        "paid_amount": "0.50",
    }


def test_members_joined_with_their_first_order(files: DemoFiles) -> None:
    members = {row["external_id"]: row for row in rows(files.members)}
    assert len(members) == 2469
    assert members["900"]["registered_at"] == "2017-01-01 11:53:26"


def test_stores(files: DemoFiles) -> None:
    assert len(read_stores(files)) == 457


def test_conversion_is_done_once(files: DemoFiles) -> None:
    before = files.orders.stat().st_mtime_ns
    assert asyncio.run(ensure_demo_files(files.orders.parent.parent)) == files
    assert files.orders.stat().st_mtime_ns == before
