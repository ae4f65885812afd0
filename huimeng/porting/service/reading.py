"""Runs the first pass of an orders file, a big one in two processes, and says how far it is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

import huimeng
from huimeng.porting.errors import ReadingFailed
from huimeng.porting.rules.order_rows import ReadSettings
from huimeng.porting.store.blocks import Source, half_way
from huimeng.porting.store.parts import PartReport, PartResult, PartSpec, read_part

# Below this a process would take longer to start than to read.
_TWO_PARTS_BYTES = 8 << 20
# The last line of a process's output holds the places of all its chunks.
_OUTPUT_BYTES = 256 << 20
_MAIN = "from huimeng.porting.store.parts import main; main()"

Tell = Callable[[int, int, int], None]


async def read_parts(
    source: Source, settings: ReadSettings, folder: Path, tell: Tell
) -> list[tuple[PartSpec, PartResult]]:
    """tell(bytes done, rows, bad rows) as it goes on; ReadingFailed when a process breaks off."""
    if source.size - source.start < _TWO_PARTS_BYTES:
        spec = PartSpec(source, settings, str(folder), 0, source.start, source.size)
        return [(spec, await _in_thread(spec, tell))]
    middle = await asyncio.to_thread(half_way, source)
    specs = [
        PartSpec(source, settings, str(folder), 0, source.start, middle),
        PartSpec(source, settings, str(folder), 1, middle, source.size),
    ]
    results = await _in_processes(specs, tell)
    # The middle lay inside a quoted cell: the first part went on to the end, and the second began wrong.
    used = 1 if results[0].overran else 2
    return list(zip(specs, results, strict=True))[:used]


async def _in_thread(spec: PartSpec, tell: Tell) -> PartResult:
    loop = asyncio.get_running_loop()
    stopped = False

    def report(part: PartReport) -> None:
        if stopped:
            raise InterruptedError
        loop.call_soon_threadsafe(tell, part.done, part.rows, part.bad_rows)

    try:
        result = await asyncio.to_thread(read_part, spec, report)
    except BaseException:
        stopped = True
        raise
    tell(spec.end - spec.start, result.rows, result.bad_rows)
    return result


async def _in_processes(specs: Sequence[PartSpec], tell: Tell) -> list[PartResult]:
    reports = [PartReport(0, 0, 0) for _ in specs]

    def note(number: int, report: PartReport) -> None:
        reports[number] = report
        tell(sum(r.done for r in reports), sum(r.rows for r in reports), sum(r.bad_rows for r in reports))

    tasks = [asyncio.create_task(_process(spec, note)) for spec in specs]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _process(spec: PartSpec, note: Callable[[int, PartReport], None]) -> PartResult:
    root = str(Path(huimeng.__file__).parent.parent)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _MAIN,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env={**os.environ, "PYTHONPATH": path},
        limit=_OUTPUT_BYTES,
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    complaints = asyncio.create_task(process.stderr.read())
    try:
        process.stdin.write(msgspec.json.encode(spec))
        with contextlib.suppress(ConnectionError):
            await process.stdin.drain()
        process.stdin.close()
        result = None
        async for line in process.stdout:
            report = msgspec.json.decode(line, type=PartReport)
            note(spec.number, report)
            result = report.result
        if await process.wait() or result is None:
            raise ReadingFailed(detail=(await complaints).decode(errors="replace")[-500:])
        return result
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        complaints.cancel()
