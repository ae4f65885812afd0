"""The file of an import opened, with the columns and status words that were told for its source before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from huimeng.porting.rules import words
from huimeng.porting.rules.columns import check_mapping, together
from huimeng.porting.rules.platforms import SOURCES, source_of
from huimeng.porting.rules.words import StatusWords
from huimeng.porting.service.importing import Context, ImportOptions, Told
from huimeng.porting.store.intake import Taken, Wish, take_in
from huimeng.porting.store.mappings import SourceMapping, load_mappings, save_mapping

Kind = Literal["orders", "members"]


async def open_file(
    context: Context,
    merchant_id: int,
    kind: Kind,
    path: Path,
    folder: Path,
    columns: Mapping[str, Sequence[str]],
    options: ImportOptions,
    told: Told,
) -> Taken:
    """ImportFileError; a sheet is written out as CSV, which is told as phase read."""
    check_mapping(options.mapping, columns)
    async with context.db.reader(merchant_id) as conn:
        # Whose export the file is will be seen only when it is open.
        kept = await load_mappings(conn, merchant_id, kind, {options.source, *SOURCES.values()})

    def statuses(platform: str | None) -> StatusWords:
        before = kept[source_of(options.source, platform)].statuses
        return words.told_words(words.together(before, options.statuses))

    mapping = together(kept[options.source].columns, options.mapping)
    wish = Wish(columns, mapping, options.sheet, options.with_file, statuses, options.mapping)
    loop = asyncio.get_running_loop()
    stopped = False

    def tell(done: int, total: int) -> None:
        if stopped:
            raise InterruptedError
        loop.call_soon_threadsafe(told, "read", done, total, {})

    work = asyncio.create_task(asyncio.to_thread(take_in, path, folder, wish, tell))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        # The folder goes only when nobody writes into it any more.
        stopped = True
        await asyncio.gather(work, return_exceptions=True)
        raise


async def keep_mapping(context: Context, merchant_id: int, kind: Kind, options: ImportOptions) -> None:
    """What was told is remembered, beside what was told before, once a file could be read with it."""
    source = options.source
    if (options.mapping or options.statuses) and not options.dry_run:
        async with context.db.tenant(merchant_id) as conn:
            kept = (await load_mappings(conn, merchant_id, kind, [source]))[source]
            columns = together(kept.columns, options.mapping)
            statuses = words.together(kept.statuses, options.statuses)
            await save_mapping(conn, merchant_id, kind, source, SourceMapping(columns, statuses))
