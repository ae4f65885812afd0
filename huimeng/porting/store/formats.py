"""Which format a file has, by its first bytes: what is no table is refused before anything is made of it."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Literal

from huimeng.porting.errors import FileUnreadable, NotATable, NotCsv, OldExcel, SheetProtected
from huimeng.porting.store.blocks import BLOCK_BYTES

Format = Literal["sheet", "utf-16", "text"]

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_OTHERS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n": "PNG",
    b"GIF8": "GIF",
    b"%PDF-": "PDF",
    b"Rar!\x1a": "RAR",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x1f\x8b\x08": "gzip",
}
_LOOKED_AT_BYTES = 1 << 16
# Bytes that no text of any encoding has, but for a stray one; in what is packed or encrypted every ninth is one.
_CONTROL = bytes([*range(9), 11, 12, *range(14, 32), 127])
_CONTROL_SHARE = 1 / 20


def format_of(path: Path) -> Format:
    """NotCsv, OldExcel, SheetProtected, FileUnreadable."""
    try:
        with path.open("rb") as file:
            top = file.read(_LOOKED_AT_BYTES)
    except OSError as error:
        raise FileUnreadable(path=path.name, detail=error.strerror or "") from error
    if top.startswith(_OLE):
        raise SheetProtected() if _is_encrypted(path) else OldExcel()
    if top.startswith(_ZIP):
        return "sheet"
    if top.startswith(_UTF16):
        return "utf-16"
    for magic, name in _OTHERS.items():
        if top.startswith(magic):
            raise NotCsv(what=name)
    strange = len(top) - len(top.translate(None, _CONTROL))
    if strange > len(top) * _CONTROL_SHARE and not _has_wide_separators(top):
        raise NotATable()
    return "text"


def _has_wide_separators(top: bytes) -> bool:
    """UTF-16 without a BOM, which has words of its own: every other byte of what is ASCII is a NUL."""
    nuls = sorted((top[0::2].count(0), top[1::2].count(0)))
    return nuls[1] > len(top) * _CONTROL_SHARE and nuls[1] > 8 * nuls[0]


def _is_encrypted(path: Path) -> bool:
    name = "EncryptedPackage".encode("utf-16-le")
    with path.open("rb") as file:
        rest = b""
        while block := file.read(BLOCK_BYTES):
            if name in rest + block:
                return True
            rest = block[-len(name) :]
    return False
