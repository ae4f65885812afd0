"""What a file that was handed in looks like, and its first bad rows: for who has to decide what to do with it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from huimeng.infra.database import Database
from huimeng.porting.errors import ImportFilesDeleted
from huimeng.porting.rules import platforms, words
from huimeng.porting.rules.columns import (
    LEFT_OUT,
    MEMBER_COLUMNS,
    ORDER_FILE_COLUMNS,
    ORDER_REQUIRED,
    fields_of,
    looks_like,
    plain_name,
    reads_as_told,
)
from huimeng.porting.rules.faults import REASONS, CellFault
from huimeng.porting.rules.masking import hidden_cell, is_data, masked_cell
from huimeng.porting.rules.personal import like_of
from huimeng.porting.service.tasks import error_file
from huimeng.porting.store.faults_file import BadRow, BadRows, read_faults
from huimeng.porting.store.folders import work_folder
from huimeng.porting.store.glance import Glance, glance
from huimeng.porting.store.mappings import load_mappings
from huimeng.porting.store.tasks import Kind, Task
from huimeng.porting.store.uploads import Upload, Uploads

_COLUMNS: Mapping[str, Mapping[str, Sequence[str]]] = {"orders": ORDER_FILE_COLUMNS, "members": MEMBER_COLUMNS}
# Fields that are personal data whatever the column's name, as masked_cell knows them.
_PERSONAL = {"name": "name", "phone": "phone", "card_no": "card_no", "birthday": "birthday", "member": "member"}
# Faults without a column whose value is no person's.
_OF_STORES = ("unknown_store", "ambiguous_store")
_REQUIRED: Mapping[str, tuple[str, ...]] = {"orders": ORDER_REQUIRED, "members": ()}


class PreviewColumn(msgspec.Struct, frozen=True, kw_only=True):
    """field: what it would be taken for, None when it is not known; told: because it was chosen for this source before.

    left_out: it is not to be used, as it was chosen; looks_like: the field that a column which is not known may be,
    where no other column is it; samples: masked where they are personal data.
    """

    name: str
    field: str | None
    told: bool
    left_out: bool
    looks_like: str | None
    samples: list[str]


class PreviewField(msgspec.Struct, frozen=True):
    """What a column can be taken for; names: the headers by which it is found."""

    field: str
    required: bool
    names: list[str]


class PreviewStatus(msgspec.Struct, frozen=True):
    """A word of the status column: how many rows have it, and what it would be taken for, None when it is not known.

    told: because it was chosen for this source before; closed: an order of it that was taken is voided, others are
    left out.
    """

    word: str
    rows: int
    status: words.OrderStatus | None
    told: bool


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """likely_kind: what the header looks like; kind: that of this answer; platform: whose export it is.

    statuses: words of status_column, those that are not known first; statuses_whole: false for a file so long that only
    its beginning was looked at.
    """

    kind: Kind
    likely_kind: Kind
    platform: str | None
    sheets: list[str]
    sheet: str | None
    header_line: int
    columns: list[PreviewColumn]
    fields: list[PreviewField]
    status_column: str | None
    statuses: list[PreviewStatus]
    statuses_whole: bool


async def likely_kind(uploads: Uploads, upload: Upload) -> Kind:
    """What the header of a file that has just arrived looks like; ImportFileError when nobody can read it."""

    def look() -> Kind:
        with work_folder(uploads.work_dir) as folder:
            return glance(upload.path, folder, None, {}).kind

    return await asyncio.to_thread(look)


async def preview(
    db: Database,
    uploads: Uploads,
    task: Task,
    kind: Kind | None,
    source: str | None,
    sheet: str | None,
    status_column: str | None = None,
) -> Preview:
    """kind None: as the header looks; status_column None: as it is known. ImportFileError, ImportFilesDeleted."""
    if task.files_deleted_at is not None:
        raise ImportFilesDeleted()
    path = uploads.file(task.merchant_id, task.import_id, task.file_name)
    source = source or task.options["source"]
    async with db.reader(task.merchant_id) as conn:
        of_orders = await load_mappings(conn, task.merchant_id, "orders", {source, *platforms.SOURCES.values()})
        of_members = await load_mappings(conn, task.merchant_id, "members", [source])

    def look() -> Glance:
        with work_folder(uploads.work_dir) as folder:
            return glance(path, folder, sheet, of_orders[source].columns, status_column)

    seen = await asyncio.to_thread(look)
    chosen = kind or seen.kind
    kept = (of_orders if chosen == "orders" else of_members)[source].columns
    # A file of which columns were told is an ordinary one, as the import takes it.
    platform = seen.platform if chosen == "orders" and not reads_as_told(seen.header, kept) else None
    with_status = chosen == "orders" and seen.status_column is not None
    whose = platforms.source_of(source, platform and platforms.SOURCES[platform])
    return Preview(
        kind=chosen,
        likely_kind=seen.kind,
        platform=platform,
        sheets=list(seen.sheets),
        sheet=seen.sheet,
        header_line=seen.header_line,
        columns=_columns(seen, chosen, platform, {} if platform else kept),
        fields=[
            PreviewField(field, field in _REQUIRED[chosen], list(names[1:]))
            for field, names in _COLUMNS[chosen].items()
        ],
        status_column=seen.status_column if with_status else None,
        statuses=_statuses(seen, platform, words.told_words(of_orders[whose].statuses)) if with_status else [],
        statuses_whole=seen.whole,
    )


def _statuses(seen: Glance, platform: platforms.Kind | None, told: words.StatusWords) -> list[PreviewStatus]:
    def meaning(word: str) -> words.OrderStatus | None:
        try:
            return words.status(word, told) if platform is None else platforms.status_of(platform, word, told)
        except CellFault:
            return None

    found = [
        PreviewStatus(word, rows, meaning(word), words.is_told(word, told))
        for word, rows in seen.words
        if _is_nobodys(seen.status_column, word)
    ]
    return sorted(found, key=lambda each: each.status is not None)


def _is_nobodys(column: str | None, word: str) -> bool:
    """Whether a word can be shown: who takes a column of persons for one of status learns nothing of them."""
    return like_of(column or "") is None and masked_cell(None, word) == word


def _columns(seen: Glance, kind: Kind, platform: platforms.Kind | None, kept: Mapping[str, str]) -> list[PreviewColumn]:
    told = {plain_name(name) for name in kept}
    if platform is not None:
        fields: list[str | None] = [platforms.OUT[platform].get(name) for name in seen.header]
    else:
        fields = fields_of(seen.header, _COLUMNS[kind], kept)
    # A file without a header shows a row in its place.
    is_row = is_data(seen.header) and not any(fields)
    return [
        PreviewColumn(
            name=hidden_cell(name) if is_row else name,
            field=None if field == LEFT_OUT else field,
            told=plain_name(name) in told,
            left_out=field == LEFT_OUT,
            looks_like=looks_like(name, _COLUMNS[kind], fields) if field is None and platform is None else None,
            samples=[_sample(field, name, cell) for cell in samples],
        )
        for name, field, samples in zip(seen.header, fields, seen.samples, strict=True)
        if name
    ]


def _sample(field: str | None, column: str, cell: str) -> str:
    like = like_of(column)
    if field is None or field == LEFT_OUT:
        return hidden_cell(cell) if like is None else masked_cell(like, cell)
    return masked_cell(_PERSONAL.get(field) or (None if field == "external_id" else like), cell)


async def bad_rows(uploads: Uploads, task: Task, limit: int) -> BadRows:
    """The first of them and how many of each reason, values masked; ImportNotOver, ImportFilesDeleted."""
    path = error_file(uploads, task)
    if path is None:
        return BadRows([], [], [], True)
    found = await asyncio.to_thread(read_faults, path, limit)
    statuses = [each for each in found.unknown_statuses if _is_nobodys(each.column, each.word)]
    return msgspec.structs.replace(found, items=[_masked(row) for row in found.items], unknown_statuses=statuses)


def _masked(row: BadRow) -> BadRow:
    like = "member" if row.code == "unknown_member" else like_of(row.column)
    if like is None and not row.column and row.code not in _OF_STORES and row.value != row.order_no:
        # The first cell of a row that could not be read.
        like = "text"
    row = msgspec.structs.replace(row, value=masked_cell(like, row.value))
    if row.code != "members_differ":
        return row
    zh, en = (text.partition("{note}")[0] for text in REASONS[row.code])
    members = ", ".join(masked_cell("member", each) for each in row.reason_zh.removeprefix(zh).split(", "))
    return msgspec.structs.replace(row, reason_zh=zh + members, reason_en=en + members)
