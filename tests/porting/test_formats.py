"""What a file is, by its bytes and not by its name."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from huimeng.porting.errors import NotATable, NotCsv, OldExcel, SheetProtected
from huimeng.porting.store.formats import Format, format_of

TEXT = "订单号,下单时间,门店,实付金额\nA1,2026-03-01 10:00:00,s1,12.00\n" * 50
PACKED = random.Random(4).randbytes(5000)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        *((TEXT.encode(encoding), "text") for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16-le", "utf-16-be")),
        (TEXT.encode("utf-16"), "utf-16"),
        (TEXT.replace("s1", "s\x001\x1b").encode(), "text"),
        (b"PK\x03\x04" + PACKED, "sheet"),
        (b"", "text"),
    ],
)
def test_text_and_sheets_are_taken(tmp_path: Path, content: bytes, kind: Format) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert format_of(path) == kind


@pytest.mark.parametrize(
    ("magic", "error", "said"),
    [
        (b"\xff\xd8\xff\xe0", NotCsv, "JPEG"),
        (b"\x89PNG\r\n\x1a\n", NotCsv, "PNG"),
        (b"%PDF-1.7\n", NotCsv, "PDF"),
        (b"Rar!\x1a\x07\x00", NotCsv, "RAR"),
        (b"BM", NotATable, "picture"),
        (b"", NotATable, "archive"),
        (OLE, OldExcel, ".xls"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), SheetProtected, "password"),
    ],
)
def test_what_is_no_table_is_refused_by_name(tmp_path: Path, magic: bytes, error: type[NotCsv], said: str) -> None:
    path = tmp_path / "members.xlsx"
    path.write_bytes(magic + PACKED)
    with pytest.raises(error) as refusal:
        format_of(path)
    assert said in refusal.value.text("en")
