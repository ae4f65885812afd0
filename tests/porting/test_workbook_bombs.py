"""Workbooks that are small as files and without measure as rows."""

from __future__ import annotations

import random
import subprocess
import sys
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


_PEAK = (
    "import sys; from pathlib import Path; from huimeng.porting.store.intake import Wish, take_in; "
    "from huimeng.porting.rules.columns import ORDER_FILE_COLUMNS as C; "
    "take_in(Path(sys.argv[1]), Path(sys.argv[2]), Wish(C, {})); "
    "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
)


def peak(path: Path) -> int:
    """MB that a process takes at most while it reads the file."""
    folder = path.with_suffix(".work")
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(path), str(folder)], capture_output=True, text=True, check=True
    )
    return int(done.stdout) >> 10


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("shared", [False, True])
def test_long_texts_of_many_cells_are_not_kept_in_memory(tmp_path: Path, shared: bool) -> None:
    """1,500 different texts of 60 KB: 90 MB that pack well."""
    chance = random.Random(1)
    texts = [chance.randbytes(400).hex() + "x" * 60_000 for _ in range(1500)]
    cells = (f"t='s'><v>{n}</v>" if shared else f"t='str'><v>{text}</v>" for n, text in enumerate(texts))
    usual = "<c t='str'><v>A1</v></c><c t='str'><v>2026-03-01 10:00:00</v></c><c><v>12.5</v></c>"
    rows = (f"<row r='{n}'>{usual}<c {cell}</c></row>" for n, cell in enumerate(cells, 2))
    path = book(tmp_path / "long.xlsx", rows, "</t></si><si><t>".join(texts) if shared else "")
    assert path.stat().st_size < 2 << 20
    assert peak(path) - peak(book(tmp_path / "empty.xlsx", ())) < 40


def test_long_texts_side_by_side_are_refused(tmp_path: Path) -> None:
    """One small piece of a sheet that names texts of many megabytes."""
    texts = [f"{n}" + "x" * 60_000 for n in range(300)]
    cells = (f"<c r='D2' t='s'><v>{n}</v></c>" for n in range(300))
    path = book(tmp_path / "wide.xlsx", ("<row r='2'>", *cells, "</row>"), "</t></si><si><t>".join(texts))
    with pytest.raises(SheetTooBig):
        take_in(path, tmp_path, Wish(ORDER_FILE_COLUMNS, {}))


def test_names_without_end_are_refused(tmp_path: Path) -> None:
    """The parser keeps every name that it has seen."""
    rows = (f"<row r='{n}'><{'x' * 2000}{n}/></row>" for n in range(2, 2000))
    with pytest.raises(SheetTooBig):
        take_in(book(tmp_path / "names.xlsx", rows), tmp_path, Wish(ORDER_FILE_COLUMNS, {}))


def test_strings_of_every_length_are_found_again(tmp_path: Path) -> None:
    """In blocks of many short ones and of one long one each, in any order, more than are kept in memory."""
    texts = [str(n) if n % 7 else f"{n}" + "字" * (n % 50_000) for n in range(4000)]
    order = random.Random(2).sample(range(4000), 4000)
    rows = (
        f"<row r='{n}'><c r='A{n}' t='s'><v>{place}</v></c><c r='D{n}' t='s'><v>{place}</v></c></row>"
        for n, place in enumerate(order, 2)
    )
    path = book(tmp_path / "strings.xlsx", rows, "</t></si><si><t>".join(texts))
    taken = take_in(path, tmp_path, Wish(ORDER_FILE_COLUMNS, {}))
    lines = Path(taken.source.path).read_text(encoding="utf-8").splitlines()[-4000:]
    assert lines == [f"{texts[place]},,,{texts[place]}" for place in order]
