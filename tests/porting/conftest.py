"""Reading files without a database, and importing them with one."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from huimeng.entry.context import shelves
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Database, DatabaseUrls
from huimeng.infra.teller import Teller
from huimeng.porting.rules.columns import ORDER_COLUMNS, ORDER_REQUIRED, match_header
from huimeng.porting.rules.faults import FAULT_HEADER
from huimeng.porting.rules.order_rows import ReadSettings, StorePlace
from huimeng.porting.rules.orders import Draft, assemble
from huimeng.porting.store.blocks import Source, open_source
from huimeng.porting.store.jobs import OpeningShelf
from huimeng.porting.store.parts import PartResult, PartSpec, read_part
from huimeng.porting.store.spill import Spill

SETTINGS = ReadSettings(
    stores={
        "s1": StorePlace(1, "s1", "Asia/Shanghai"),
        "一号店": StorePlace(1, "s1", "Asia/Shanghai"),
        "bar": StorePlace(2, "bar", "Asia/Shanghai", 240),
        "两家": None,
    },
    timezone="Asia/Shanghai",
    latest=datetime(2030, 1, 1, tzinfo=UTC),
)


class Found(msgspec.Struct):
    """What a file says: orders by day, rows of the error file as dicts, counts."""

    orders: dict[date, list[Draft]]
    faults: list[dict[str, str]]
    result: PartResult

    def only(self) -> Draft:
        ((draft,),) = self.orders.values()
        return draft

    def codes(self) -> list[tuple[str, str]]:
        return [(fault["line"], fault["code"]) for fault in self.faults]


Reader = Callable[..., Found]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Bytes of an orders file through the first pass and the assembly; faults of both, dated ones last."""

    def reader(data: bytes | str, settings: ReadSettings = SETTINGS) -> Found:
        path = tmp_path / "orders.csv"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        source = open_source(path)
        match_header(source.header, ORDER_COLUMNS, ORDER_REQUIRED)
        return read_source(source, tmp_path, settings)

    return reader


def read_source(source: Source, folder: Path, settings: ReadSettings = SETTINGS) -> Found:
    spec = PartSpec(source, settings, str(folder), 0, source.start, source.size)
    result = read_part(spec, lambda report: None)
    with spec.faults.open(encoding="utf-8", newline="") as lines:
        faults = [dict(zip(FAULT_HEADER, row, strict=True)) for row in csv.reader(lines)]
    spec.faults.unlink()
    spill = Spill([spec.spill], result.chunks)
    orders: dict[date, list[Draft]] = {}
    for day in spill.days():
        for runs in spill.parts(day):
            for each in assemble(runs, lambda number: False):
                if isinstance(each, Draft):
                    orders.setdefault(date.fromordinal(day), []).append(each)
                else:
                    faults.append({"line": str(each.line), "code": each.code, "note": each.note})
    spill.close()
    return Found(orders, faults, result)


HEADER = ("order_no", "ordered_at", "store", "member", "sku", "product", "category", "quantity", "paid_amount")


def as_csv(rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue()


class Bench(msgspec.Struct, frozen=True):
    """What an import needs of the deployment."""

    db: Database
    teller: Teller
    vault: Vault


@pytest.fixture
async def bench(db: Database, urls: DatabaseUrls, vault: Vault) -> AsyncIterator[Bench]:
    known = shelves()
    if all(shelf.name != OpeningShelf.name for shelf in known):
        known.append(OpeningShelf())
    async with Teller(urls, known) as teller:
        yield Bench(db, teller, vault)


def error_rows(path: Path | None) -> list[dict[str, str]]:
    if path is None:
        return []
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))
