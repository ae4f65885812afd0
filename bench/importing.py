"""The import of the demo year: against a server-side COPY of the same rows, its memory, and orders beside it."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psycopg
from psycopg import sql

import huimeng.entry.tables  # noqa: F401  (fills the metadata)
from bench.family import family, memory_mb
from bench.import_run import Imported
from bench.load import Client, Plan
from bench.measure import Figure, NotRight, Options
from bench.orders import load
from bench.place import Place, database, opened
from bench.same_rows import verified
from bench.serve import server
from huimeng.entry.demo import MERCHANT_CODE, ensure_demo_files
from huimeng.infra.database import Connection, Database
from huimeng.infra.schema import metadata
from huimeng.kernel.ids import cell_of
from huimeng.merchant.errors import MerchantNotFound
from huimeng.merchant.service import create_api_key, find_merchant_id
from huimeng.merchant.values import ApiKeyInput

COPIES = 5
BESIDE_RATE = 50.0
BESIDE_SECONDS = 15.0
QUICK_LINES = 4000
# Adding up a process's pages takes milliseconds in which it stands still.
_SAMPLE_SECONDS = 0.5


async def measured(folder: Path, options: Options) -> list[Figure]:
    """The whole demo alone, then COPY of what it wrote, then a second import beside orders."""
    (folder / "alone").mkdir()
    with database(folder / "alone") as place:
        if options.quick:
            await shorten(place.folder)
        begun = time.perf_counter()
        # In a process of its own, and before: what an owner's import needs is measured, not the converter.
        await ensure_demo_files(place.folder)
        files_seconds = time.perf_counter() - begun
        done, peak_mb = await import_alone(place)
        async with opened(place) as context:
            merchant_id = await find_merchant_id(context.db, MERCHANT_CODE)
            await verified(context.db, [merchant_id])
        copies = await asyncio.to_thread(_copies, place, merchant_id, options)
    beside = await _beside(folder, options)
    # The files are made once, by a converter of the public data; an owner has them.
    ratios = [(done.members_seconds + done.orders_seconds) / seconds for seconds in copies]
    note = f"one import of the two files, {len(copies)} copies"
    return [
        Figure(
            "import_seconds", done.seconds + files_seconds, "s", sense="<=", target=90, note=f"{done.lines:,} lines"
        ),
        Figure("import_vs_copy", statistics.median(ratios), "x", min(ratios), max(ratios), "<=", 4, note),
        Figure("import_rss_mb", peak_mb, "MB", sense="<=", target=300, note="with its helpers, shared pages once"),
        Figure("import_files_seconds", files_seconds, "s", note="CSV out of the public data, part of the whole"),
        Figure("import_orders_seconds", done.orders_seconds, "s", note=f"{done.created:,} orders"),
        Figure("import_cpu_seconds", done.cpu_seconds, "s", note="of the importer, without the server"),
        Figure("import_copy_seconds", statistics.median(copies), "s", min(copies), max(copies)),
        *beside,
    ]


async def shorten(folder: Path) -> None:
    """A smoke test takes the first lines only."""
    files = await ensure_demo_files(folder)
    with files.orders.open(encoding="utf-8") as source:
        lines = [line for _, line in zip(range(QUICK_LINES), source, strict=False)]
    files.orders.write_text("".join(lines), encoding="utf-8")


@asynccontextmanager
async def _importer(folder: Path, how: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.import_run", str(folder), how, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def import_alone(place: Place) -> tuple[Imported, float]:
    """What it says of itself, and the greatest memory of its process and helpers in MB."""
    peak = 0.0

    async def watch(pid: int) -> None:
        nonlocal peak
        while True:
            peak = max(peak, sum(map(memory_mb, family(pid))))
            await asyncio.sleep(_SAMPLE_SECONDS)

    async with _importer(place.folder, "alone") as process:
        watching = asyncio.create_task(watch(process.pid))
        try:
            output, _ = await process.communicate()
        finally:
            watching.cancel()
    if process.returncode != 0:
        raise RuntimeError("the import failed")
    return msgspec.json.decode(output, type=Imported), peak


# COPY of the same rows.


def _copies(place: Place, merchant_id: int, options: Options) -> list[float]:
    """Seconds of each COPY of all that the import wrote into empty tables with the same indexes, commit included."""
    with psycopg.connect(place.admin_url, autocommit=True) as conn:
        conn.execute("create schema bench_copy")
        files = _export(conn, merchant_id)
        seconds = []
        for _ in range(options.count(COPIES, 1)):
            _empty_tables(conn, list(files))
            conn.execute("checkpoint")
            begun = time.perf_counter()
            with conn.transaction():
                for table, path in files.items():
                    copy = sql.SQL("copy bench_copy.{} from {} (format binary)")
                    conn.execute(copy.format(sql.Identifier(table), str(path)))
            seconds.append(time.perf_counter() - begun)
        conn.execute("drop schema bench_copy cascade")
    for path in files.values():
        path.unlink()
    return seconds


def _export(conn: psycopg.Connection, merchant_id: int) -> dict[str, Path]:
    """Files of the tables that have rows of the merchant's cell, written by the server into its own folder."""
    row = conn.execute("show data_directory").fetchone()
    assert row is not None
    files = {}
    for table in metadata.sorted_tables:
        if table.info["tenant"] != "cell_id":
            continue
        path = Path(row[0]) / f"bench-copy.{table.name}"
        copy = sql.SQL("copy (select * from {} where cell_id between {} and {}) to {} (format binary)")
        first = merchant_id * 1024
        if conn.execute(copy.format(sql.Identifier(table.name), first, first + 1023, str(path))).rowcount:
            files[table.name] = path
        else:
            path.unlink()
    return files


def _empty_tables(conn: psycopg.Connection, tables: list[str]) -> None:
    for name in tables:
        table = sql.Identifier(name)
        conn.execute(sql.SQL("drop table if exists bench_copy.{}").format(table))
        conn.execute(sql.SQL("create table bench_copy.{0} (like public.{0} including all)").format(table))
        if metadata.tables[name].info["hot"]:
            conn.execute(sql.SQL("alter table bench_copy.{} set (fillfactor = 70)").format(table))


# Orders beside an import.


async def _beside(folder: Path, options: Options) -> list[Figure]:
    """A server completes orders of the merchant whose file is being imported by another process."""
    beside = folder / "beside"
    beside.mkdir()
    with database(beside) as place:
        shutil.copytree(folder / "alone" / "demo", beside / "demo")
        with server("ours", beside) as port:
            async with _importer(beside, "beside") as process, opened(place) as context:
                merchant_id = await _started(context.db, process)
                async with context.db.tenant(merchant_id) as conn:
                    wanted = ApiKeyInput(name="bench", scopes=["*"], rate_limit=0)
                    _, token = await create_api_key(conn, merchant_id, wanted)
                    store, members = await _places(conn, merchant_id)
                client = Client(token, members, store)
                seconds = options.seconds(BESIDE_SECONDS)
                await load(Plan(port, [client] * 4, 1.0, 1, rate=BESIDE_RATE))
                result = await load(Plan(port, [client] * 16, seconds, 1_000_000, rate=BESIDE_RATE))
                if process.returncode is not None and not options.quick:
                    raise NotRight("the import ended before the orders did")
            if result.failures:
                raise NotRight(f"an order was refused: {result.failures[0]}")
            async with opened(place) as context:
                await verified(context.db, [merchant_id])
    latencies = [seconds * 1000 for seconds in result.latencies]
    note = f"{len(latencies)} orders at {BESIDE_RATE:.0f}/s, from the time when each was due"
    return [
        Figure(
            "complete_p99_ms_during_import",
            latencies[min(len(latencies) - 1, int(len(latencies) * 0.99))],
            "ms",
            sense="<=",
            target=150,
            note=note,
        ),
        Figure("complete_p50_ms_during_import", statistics.median(latencies), "ms"),
        Figure("complete_max_ms_during_import", latencies[-1], "ms"),
    ]


async def _started(db: Database, process: asyncio.subprocess.Process) -> int:
    """The merchant, once its orders begin to come in."""
    while process.returncode is None:
        try:
            merchant_id = await find_merchant_id(db, MERCHANT_CODE)
        except MerchantNotFound:
            merchant_id = 0
        if merchant_id:
            async with db.reader(merchant_id) as conn:
                cursor = await conn.execute("select 1 from orders where cell_id = %s limit 1", (cell_of(merchant_id),))
                if await cursor.fetchone():
                    return merchant_id
        await asyncio.sleep(0.05)
    raise RuntimeError("the import ended before its first order")


async def _places(conn: Connection, merchant_id: int) -> tuple[str, list[int]]:
    """A store's code, and some members."""
    store = await (
        await conn.execute("select code from store where merchant_id = %s order by store_id limit 1", (merchant_id,))
    ).fetchone()
    assert store is not None
    cursor = await conn.execute(
        "select member_id from member where cell_id = %s order by member_id limit 200", (cell_of(merchant_id),)
    )
    return store[0], [row[0] for row in await cursor.fetchall()]
