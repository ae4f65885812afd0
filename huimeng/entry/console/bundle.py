"""The files of the bundle in memory, with what was compressed when it was built."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

DIST = Path(__file__).parent / "dist"
_ASSETS = "assets"

# What the build may make; a file of another kind is left out rather than guessed at.
_KINDS = {
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".png": b"image/png",
    ".webp": b"image/webp",
    ".woff2": b"font/woff2",
    ".json": b"application/json",
}
_ENCODINGS = {b"br": ".br", b"gzip": ".gz"}


class File(msgspec.Struct, frozen=True):
    """One file; encoded: its bytes by content coding, the smallest first."""

    kind: bytes
    plain: bytes
    encoded: dict[bytes, bytes]


class Bundle(msgspec.Struct, frozen=True):
    """index: the one page, under every address of it; tag: of that page; assets: by their path, /assets/a-1.js."""

    index: File
    tag: bytes
    assets: dict[str, File]


def load_bundle(folder: Path = DIST) -> Bundle | None:
    """None: it was not built. Read once, so that what is served is of one build even while the next one is made."""
    index = folder / "index.html"
    if not index.is_file():
        return None
    page = _file(index, b"text/html; charset=utf-8")
    assets = {
        f"/{_ASSETS}/{path.name}": _file(path, _KINDS[path.suffix])
        for path in sorted((folder / _ASSETS).iterdir())
        if path.suffix in _KINDS and path.is_file()
    }
    return Bundle(page, b'"' + hashlib.blake2b(page.plain, digest_size=16).hexdigest().encode() + b'"', assets)


def _file(path: Path, kind: bytes) -> File:
    encoded = {}
    for coding, ending in _ENCODINGS.items():
        packed = path.with_name(path.name + ending)
        if packed.is_file():
            encoded[coding] = packed.read_bytes()
    return File(kind, path.read_bytes(), encoded)
