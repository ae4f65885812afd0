"""Workbooks that are small as files and without measure as rows."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from huimeng.porting.errors import SheetEmpty, SheetTooBig
from huimeng.porting.rules.columns import ORDER_FILE_COLUMNS
from huimeng.porting.store import intake
from huimeng.porting.store.intake import Wish, take_in
from huimeng.porting.store.workbook import Sheet

_PARTS = {
    "[Content_Types].xml": "<Types/>",
    "_rels/.rels": '<R><Relationship Id="r1" Type="x/officeDocument" Target="xl/workbook.xml"/></R>',
    "xl/_rels/workbook.xml.rels": '<R><Relationship Id="rId1" Type="x/worksheet" Target="s.xml"/>'
    '<Relationship Id="rId2" Type="x/sharedStrings" Target="ss.xml"/></R>',
}
_HEAD = "<worksheet><sheetData><row r='1'>" + "".join(
    f"<c r='{place}1' t='inlineStr'><is><t>{name}</t></is></c>"
    for place, name in (("A", "order_no"), ("B", "ordered_at"), ("C", "paid_amount"), ("D", "product"))
)
_LONG = "x" * 30_000


def book(path: Path, rows: Iterable[str], strings: str = "", sheets: int = 1, merges: str = "") -> Path:
    names = "".join(f'<sheet name="a{n}" r:id="rId1"/>' for n in range(sheets))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        for name, text in _PARTS.items():
            parts.writestr(name, text)
        parts.writestr("xl/workbook.xml", f'<workbook xmlns:r="x"><sheets>{names}</sheets></workbook>')
        parts.writestr("xl/ss.xml", f"<sst><si><t>{strings}</t></si></sst>")
        parts.writestr("xl/s.xml", "".join((_HEAD, "</row>", *rows, "</sheetData>", merges, "</worksheet>")))
    return path


def test_a_long_text_in_every_row(tmp_path: Path) -> None:
    rows = (f"<row r='{n}'><c r='D{n}' t='s'><v>0</v></c></row>" for n in range(2, 5000))
    path = book(tmp_path / "strings.xlsx", rows, _LONG)
    with pytest.raises(SheetTooBig):
        take_in(path, tmp_path, Wish(ORDER_FILE_COLUMNS, {}))
    assert (tmp_path / "rows.csv").stat().st_size < 40 << 20


def test_a_long_text_in_a_cell_merged_over_all_rows(tmp_path: Path) -> None:
    rows = (f"<row r='{n}'><c r='C{n}'><v>1</v></c></row>" for n in range(3, 5000))
    first = f"<row r='2'><c r='A2' t='inlineStr'><is><t>{_LONG}</t></is></c></row>"
    merges = "<mergeCells><mergeCell ref='A2:A5000'/></mergeCells>"
    path = book(tmp_path / "merged.xlsx", (first, *rows), merges=merges)
    with pytest.raises(SheetTooBig):
        take_in(path, tmp_path, Wish(ORDER_FILE_COLUMNS, {}))


def test_one_part_under_many_names_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Sheet] = []
    top = intake._SheetTable._top

    def counted(table: intake._SheetTable, sheet: Sheet) -> list[tuple[int, list[str]]]:
        looked.append(sheet)
        return top(table, sheet)

    monkeypatch.setattr(intake._SheetTable, "_top", counted)
    take_in(book(tmp_path / "same.xlsx", (), sheets=50), tmp_path, Wish(ORDER_FILE_COLUMNS, {}))
    assert len(looked) == 1


def test_a_part_without_rows_is_left_soon_and_can_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.porting.test_workbook_bombs._HEAD", "<worksheet><sheetData><row>")
    path = book(tmp_path / "empty.xlsx", ["<x/>" * 6_000_000])
    told = 0

    def tell(done: int, total: int) -> None:
        nonlocal told
        told += 1

    with pytest.raises(SheetEmpty):
        take_in(path, tmp_path, Wish(ORDER_FILE_COLUMNS, {}), tell)
    assert 0 < told * (1 << 18) <= intake._TOP_BYTES

    def cancelled(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        take_in(path, tmp_path, Wish(ORDER_FILE_COLUMNS, {}), cancelled)
