"""Files handed in over HTTP, in the data folder: a folder for each merchant and import, readable by nobody else."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from huimeng.infra.files import sync_folder
from huimeng.porting.errors import EmptyFile, NoRoomForImport, UploadBroken, UploadTooLarge

IMPORT_MAX_BYTES = 1024 * 1024 * 1024
# Of the disk stays free, so that the database beside it goes on.
_FREE_BYTES = 512 * 1024 * 1024
# Written and hashed in a thread, in pieces of this size: the loop serves tills meanwhile.
_PIECE_BYTES = 1024 * 1024
_FORM_FIELD_BYTES = 4096
_FORM_FIELDS = 20
_INCOMING = ".incoming-"
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}", re.ASCII)


class Upload(msgspec.Struct, frozen=True):
    """A file that has arrived; fields are the other fields of its form."""

    path: Path
    size: int
    sha256: bytes
    file_name: str | None
    fields: dict[str, str]


class Uploads:
    """The folder that web processes write and the worker reads."""

    def __init__(self, folder: Path) -> None:
        self.work_dir = folder
        self._folder = folder / "uploads"

    def of(self, merchant_id: int, import_id: uuid.UUID) -> Path:
        return self._folder / str(merchant_id) / str(import_id)

    def file(self, merchant_id: int, import_id: uuid.UUID, file_name: str) -> Path:
        """Nothing of the given name becomes a path but a plain suffix, by which kinds of files are told apart."""
        suffix = Path(file_name.lower()).suffix
        return self.of(merchant_id, import_id) / ("data" + (suffix if _SUFFIX.fullmatch(suffix) else ""))

    def errors(self, merchant_id: int, import_id: uuid.UUID, dry_run: bool) -> Path:
        return self.of(merchant_id, import_id) / ("check.csv" if dry_run else "errors.csv")

    async def receive(self, merchant_id: int, stream: AsyncIterator[bytes], content_type: str) -> Upload:
        """Streams a body to disk; EmptyFile, UploadBroken, UploadTooLarge, NoRoomForImport. discard() what isn't kept.

        A multipart body holds one file and short text fields; any other body is the file.
        """
        folder = self._folder / str(merchant_id)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sink = _Sink(folder / f"{_INCOMING}{uuid.uuid4().hex}")
        kind, options = parse_options_header(content_type)
        try:
            form = _Form(options.get("boundary", ""), sink) if kind == "multipart/form-data" else None
            async for chunk in stream:
                if form is None:
                    sink.add(chunk)
                else:
                    form.add(chunk)
                await sink.write_piece()
            if form is not None:
                form.end()
            await sink.end()
        except MultipartError as error:
            sink.discard()
            raise UploadBroken(reason=str(error)[:200]) from error
        except OSError as error:
            sink.discard()
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoRoomForImport() from error
            raise
        except BaseException:
            sink.discard()
            raise
        name, fields = (None, {}) if form is None else (form.file_name, form.fields)
        return Upload(sink.path, sink.size, sink.digest.digest(), name, fields)

    def keep(self, upload: Upload, merchant_id: int, import_id: uuid.UUID, file_name: str) -> None:
        place = self.file(merchant_id, import_id, file_name)
        place.parent.mkdir(mode=0o700)
        upload.path.rename(place)
        sync_folder(place.parent)

    def discard(self, upload: Upload) -> None:
        upload.path.unlink(missing_ok=True)

    def delete(self, merchant_id: int, import_id: uuid.UUID) -> None:
        shutil.rmtree(self.of(merchant_id, import_id), ignore_errors=True)

    def forget_incoming(self, merchant_id: int, older_than_seconds: float) -> None:
        """What a killed process was receiving."""
        for path in self._entries(merchant_id):
            with suppress(OSError):
                if path.name.startswith(_INCOMING) and time.time() - path.stat().st_mtime > older_than_seconds:
                    path.unlink()

    def folders(self, merchant_id: int, older_than_seconds: float) -> list[uuid.UUID]:
        found = []
        for path in self._entries(merchant_id):
            with suppress(OSError, ValueError):
                if time.time() - path.stat().st_mtime > older_than_seconds:
                    found.append(uuid.UUID(path.name))
        return found

    def _entries(self, merchant_id: int) -> Iterator[Path]:
        folder = self._folder / str(merchant_id)
        return folder.iterdir() if folder.is_dir() else iter(())


class _Sink:
    """A file that grows, beside others that do."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.digest = hashlib.sha256()
        self._waiting = bytearray()
        self._file: IO[bytes] = os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")

    def add(self, data: bytes | bytearray) -> None:
        self.size += len(data)
        if self.size > IMPORT_MAX_BYTES:
            raise UploadTooLarge(limit_mb=IMPORT_MAX_BYTES >> 20)
        self._waiting += data

    async def write_piece(self) -> None:
        if len(self._waiting) >= _PIECE_BYTES:
            await asyncio.to_thread(self._write)

    async def end(self) -> None:
        """On the disk for good: what was accepted outlives a power failure."""
        if self.size == 0:
            raise EmptyFile()
        await asyncio.to_thread(self._write, True)
        self._file.close()

    def discard(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _write(self, last: bool = False) -> None:
        if len(self._waiting) > _room(self.path.parent):
            raise NoRoomForImport()
        self.digest.update(self._waiting)
        self._file.write(self._waiting)
        self._waiting.clear()
        if last:
            self._file.flush()
            os.fsync(self._file.fileno())


class _Form:
    """One file part, named file, and text fields."""

    def __init__(self, boundary: str, sink: _Sink) -> None:
        self.file_name: str | None = None
        self.fields: dict[str, str] = {}
        self._sink = sink
        self._parser = PushMultipartParser(boundary, max_segment_count=_FORM_FIELDS, strict=True)
        self._segment: MultipartSegment | None = None
        self._text = bytearray()

    def add(self, chunk: bytes) -> None:
        if not chunk:
            return
        for part in self._parser.parse(chunk):
            if isinstance(part, MultipartSegment):
                self._begin(part)
            elif part is None:
                self._finish()
            elif self._is_file():
                self._sink.add(part)
            else:
                self._text += part
                if len(self._text) > _FORM_FIELD_BYTES:
                    raise UploadBroken(reason="a field of the form is too long")

    def end(self) -> None:
        self._parser.close()
        if self.file_name is None:
            raise UploadBroken(reason="the form has no part named file with a filename")

    def _is_file(self) -> bool:
        return self._segment is not None and self._segment.name == "file"

    def _begin(self, segment: MultipartSegment) -> None:
        self._segment = segment
        if self._is_file():
            if self.file_name is not None:
                raise UploadBroken(reason="the form has more than one file")
            self.file_name = segment.filename or ""
        elif segment.filename is not None or segment.name in self.fields:
            raise UploadBroken(reason=f"the form has an unexpected part {segment.name[:40]!r}")

    def _finish(self) -> None:
        if self._segment is not None and not self._is_file():
            try:
                self.fields[self._segment.name] = self._text.decode()
            except UnicodeDecodeError:
                raise UploadBroken(reason="a field of the form is not UTF-8") from None
        self._text.clear()


def _room(folder: Path) -> int:
    return shutil.disk_usage(folder).free - _FREE_BYTES
