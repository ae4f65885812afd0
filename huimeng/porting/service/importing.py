"""What the imports share: options, result, progress, the job that a killed import goes on with."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from huimeng.infra.audit import Action, record
from huimeng.infra.crypto import Vault
from huimeng.infra.database import Connection, Database
from huimeng.infra.teller import Command, Reply, Teller
from huimeng.kernel.errors import TooBusy, Unavailable
from huimeng.kernel.ids import cell_of
from huimeng.kernel.times import zone
from huimeng.porting.errors import BadImportOption, FileUnreadable
from huimeng.porting.rules.names import shown_name
from huimeng.porting.rules.platforms import NO_SOURCE
from huimeng.porting.rules.words import told_words
from huimeng.porting.store.faults_file import FaultFile
from huimeng.porting.store.jobs import Job, begin_job, save_job

UnknownMemberPolicy = Literal["error", "create", "anonymous"]

_TOLD_SECONDS = 0.1
_MAPPED_COLUMNS = 200
_TOLD_WORDS = 200
# How long an import waits for a database that went away.
_AWAY_SECONDS = 120.0


class Context(Protocol):
    """What an import needs of the deployment; entry.context.Context has it."""

    @property
    def db(self) -> Database: ...

    @property
    def teller(self) -> Teller: ...

    @property
    def vault(self) -> Vault: ...


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """source_timezone: of times without a zone, the store's own when None. error_file: beside the input when None.
    work_dir: where the spill lies, the system's temporary folder when None. with_file: the other report of a pair.
    mapping: column -> field, and statuses: word of a status -> what it means, both kept for this source. store: of all
    rows, whatever the file says. date_order: of dates such as 01/02/2024, only unambiguous ones are taken when it is
    empty. file_name: as it was given, when the file itself is called otherwise. import_id: of what was handed in over
    HTTP."""

    dry_run: bool = False
    earn: bool = True
    create_stores: bool = False
    unknown_member: UnknownMemberPolicy = "error"
    source: str = NO_SOURCE
    source_timezone: str | None = None
    error_file: Path | None = None
    work_dir: Path | None = None
    with_file: Path | None = None
    sheet: str | None = None
    mapping: dict[str, str] = {}
    statuses: dict[str, str] = {}
    store: str | None = None
    date_order: Literal["", "mdy", "dmy"] = ""
    file_name: str | None = None
    import_id: str | None = None


class ImportResult(msgspec.Struct, frozen=True, kw_only=True):
    """counts: created, unchanged, conflict, refused and more by kind; error_file None: there was nothing to report.

    counts.left_out: orders that are not completed; counts.returns: of those created, the ones that only give
    back; counts.no_rows: totals and headers between the rows;
    counts.masked_numbers: orders taken as anonymous, members taken without the number. platform: whose export the file
    is; source: as it was told, else the platform's.
    """

    kind: Literal["orders", "members"]
    dry_run: bool
    resumed: bool
    rows: int
    bad_rows: int
    counts: dict[str, int]
    unknown_columns: tuple[str, ...]
    error_file: Path | None
    seconds: float
    source: str
    platform: str | None = None


class Progress(Protocol):
    """phase: read (done and total in bytes), write (in lines), check (a dry run's write)."""

    def __call__(self, phase: str, done: int, total: int, counts: Mapping[str, int]) -> None: ...


def silent(phase: str, done: int, total: int, counts: Mapping[str, int]) -> None:
    """Progress that nobody watches."""


class Told:
    """Passes progress on, but not more often than an eye can follow."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._at = 0.0

    def __call__(self, phase: str, done: int, total: int, counts: Mapping[str, int], last: bool = False) -> None:
        now = time.monotonic()
        if last or now - self._at >= _TOLD_SECONDS:
            self._at = now
            self._progress(phase, done, total, counts)


def check_options(options: ImportOptions) -> None:
    """BadImportOption, BadStatusWord."""
    if options.source_timezone is not None:
        try:
            zone(options.source_timezone)
        except ValueError as error:
            raise BadImportOption(option="source_timezone", value=options.source_timezone[:60]) from error
    if options.date_order not in ("", "mdy", "dmy"):
        raise BadImportOption(option="date_order", value=str(options.date_order)[:40])
    if len(options.mapping) > _MAPPED_COLUMNS:
        raise BadImportOption(option="mapping", value=f"{len(options.mapping)} > {_MAPPED_COLUMNS}")
    if len(options.statuses) > _TOLD_WORDS:
        raise BadImportOption(option="statuses", value=f"{len(options.statuses)} > {_TOLD_WORDS}")
    told_words(options.statuses)
    if not options.source.isascii() or not options.source.isprintable() or not 0 < len(options.source) <= 32:
        raise BadImportOption(option="source", value=options.source[:40])
    mapped = "".join([*options.mapping, *options.mapping.values()])
    for option, text in (("sheet", options.sheet), ("store", options.store), ("mapping", mapped)):
        # The database keeps options as JSON, which can't hold it; no file has it in a name.
        if text and "\0" in text:
            raise BadImportOption(option=option, value=text.replace("\0", "")[:40])


def open_errors(path: Path, options: ImportOptions) -> FaultFile:
    """BadImportOption when it can't be written, ImportRunning when another import writes it.

    A dry run has a file of its own: the other may hold what an interrupted import goes on with.
    """
    suffix = "check" if options.dry_run else "errors"
    return FaultFile(options.error_file or path.with_name(f"{path.name}.{suffix}.csv"))


async def open_job(
    context: Context, merchant_id: int, kind: str, path: Path, options: ImportOptions, errors: FaultFile
) -> Job:
    told: dict[str, Any] = {
        "earn": options.earn,
        "create_stores": options.create_stores,
        "unknown_member": options.unknown_member,
        "source": options.source,
        "source_timezone": options.source_timezone,
    }
    if options.with_file is not None:
        told["with"] = (await asyncio.to_thread(_sha256, options.with_file)).hex()
    further: dict[str, Any] = {"sheet": options.sheet, "map": options.mapping, "statuses": options.statuses}
    further |= {"store": options.store, "dates": options.date_order}
    told |= {name: value for name, value in further.items() if value}
    spelling = msgspec.json.encode(told, order="sorted").decode()
    digest = await asyncio.to_thread(_sha256, path)
    name = shown_name(options.file_name or path.name, kind)
    async with context.db.tenant(merchant_id) as conn:
        job = await begin_job(conn, merchant_id, kind, name, digest, spelling, str(errors.path))
        job = msgspec.structs.replace(job, import_id=options.import_id)
        if not job.resumed:
            after = {"kind": kind, "file_name": name, "sha256": digest.hex(), **told}
            await _record(conn, merchant_id, "import.started", job, after)
    return job


async def _record(conn: Connection, merchant_id: int, action: Action, job: Job, after: Mapping[str, object]) -> None:
    """An import over HTTP has its entries below the id by which its caller knows it, from being queued to its end."""
    what = ("import_job", str(job.job_id))
    if job.import_id is not None:
        what, after = ("import", job.import_id), {**after, "job_id": str(job.job_id)}
    await record(conn, cell_of(merchant_id), action, what, after=after)


async def keep_job(
    context: Context,
    merchant_id: int,
    job: Job,
    position: date | None,
    counts: Mapping[str, int],
    *,
    finished: bool = False,
) -> None:
    async def save() -> None:
        async with context.db.tenant(merchant_id) as conn:
            await save_job(conn, merchant_id, job.job_id, position, counts, finished=finished)
            if finished:
                told = {"file_name": job.file_name, "counts": dict(counts)}
                await _record(conn, merchant_id, "import.finished", job, told)

    waited = 0.0
    while True:
        try:
            return await save()
        except Unavailable:
            waited = await _pause(waited)
            if waited > _AWAY_SECONDS:
                raise


async def send(teller: Teller, command: Command) -> Reply:
    """Waits for its turn, and for a database that went away: a command of an import is harmless to run again."""
    waited = 0.0
    while True:
        try:
            return await teller.submit(command)
        except TooBusy:
            await asyncio.sleep(0.05)
        except Unavailable:
            waited = await _pause(waited)
            if waited > _AWAY_SECONDS:
                raise


async def enqueue(teller: Teller, command: Command) -> asyncio.Future[Reply]:
    """A place in the Teller's queue, as soon as there is one: orders keep their order."""
    while True:
        try:
            return teller.enqueue(command)
        except TooBusy:
            await asyncio.sleep(0.02)


async def _pause(waited: float) -> float:
    pause = min(2.0, 0.1 + waited / 2)
    await asyncio.sleep(pause)
    return waited + pause


def _sha256(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise FileUnreadable(path=path.name) from error


@contextmanager
def calm_collector() -> Iterator[None]:
    """An import makes millions of objects and no cycles: looking for some after every 700 costs a tenth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
