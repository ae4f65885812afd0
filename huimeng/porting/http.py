"""Routes of imports: a file comes in as a stream, the work is the background worker's."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Any, ClassVar

import msgspec
from litestar import Response, delete, get, post
from litestar.exceptions import InternalServerException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter
from litestar.response import Stream

from huimeng.infra.database import Connection
from huimeng.infra.http import Req, caller, database, idempotency_key, raw, run_write
from huimeng.infra.idempotency import once
from huimeng.kernel.currency import Lang
from huimeng.kernel.errors import InvalidInput, PermissionDenied, RequestTooSlow, TooBusy
from huimeng.porting import schemas
from huimeng.porting.errors import UploadBroken, UploadTypeUnsupported
from huimeng.porting.rules.faults import FAULT_HEADER, FAULT_HEADER_ZH
from huimeng.porting.rules.names import attachment, error_file_name
from huimeng.porting.service import tasks
from huimeng.porting.service.importing import ImportOptions, UnknownMemberPolicy, check_options
from huimeng.porting.service.preview import Preview, bad_rows, likely_kind, preview
from huimeng.porting.store.faults_file import BadRows, error_rows
from huimeng.porting.store.tasks import Task
from huimeng.porting.store.uploads import IMPORT_MAX_BYTES, Upload, Uploads

# Files that one process receives at once, of all merchants and of one; the longest silence of a sender, and the least
# that has to come, looked at once in a while (a line of 10 kB/s will do): slow ones must not use up all places.
_RECEIVING_MAX = 8
_RECEIVING_OF_ONE = 2
_SILENCE_SECONDS = 30.0
_LEAST_BYTES_A_SECOND = 4096
_LOOK_SECONDS = 60.0
# The framework adds the charset.
_CSV = "text/csv"
# What is sent as a file; curl's --data-binary says the last one.
_TYPES = (
    "multipart/form-data",
    "application/octet-stream",
    "text/csv",
    "text/plain",
    "text/tab-separated-values",
    "application/zip",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/x-www-form-urlencoded",
)

Key = Annotated[
    str,
    HeaderParameter(name="Idempotency-Key", required=True, description="同一键只记一次 / written once"),
]
ImportId = Annotated[str, PathParameter(max_length=36, description="导入编号 / id of the import")]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="每页条数 / items in a page")]
Cursor = Annotated[str | None, QueryParameter(max_length=36, description="上一页的 next_cursor / of the page before")]

_IMPORT = ResponseSpec(
    schemas.ImportOut,
    description="导入 / the import",
    generate_examples=False,
    examples=[schemas.IMPORT_EXAMPLE],
)


class _Receiving:
    """How many files this process receives right now, by merchant."""

    of: ClassVar[Counter[int]] = Counter()


@post(
    "/v1/imports",
    status_code=202,
    tags=["imports"],
    summary="上传并导入文件 / hand in a file",
    description="请求体为 multipart/form-data（文件字段 file，其余选项可作字段）或文件本身，最大 1 GB；"
    "后台处理，用返回的 import_id 查询。"
    "The body is a form with a part `file` (options may be fields), or the file itself; at most 1 GB. The work is done "
    "in the background: ask for the import by its id. Scope: imports:write. "
    "Errors: upload_broken, upload_too_large, request_too_slow, too_busy, import_file_empty, too_many_imports, "
    "import_no_room, import_option_invalid, import_status_invalid, invalid_input, import_not_csv, import_xls, "
    "import_sheet_empty, import_sheet_protected, import_sheet_damaged, import_sheet_too_big, import_sheet_unsafe.",
    request_max_body_size=IMPORT_MAX_BYTES + 64 * 1024,
    responses={202: _IMPORT},
)
async def create_import(
    request: Req,
    *,
    kind: Annotated[
        schemas.ImportKind | None,
        QueryParameter(
            description="orders 订单, members 会员，只收文件时可不填，按表头判断 / needed here or in the form, "
            "unless the file is held: then it is what its header looks like"
        ),
    ] = None,
    dry_run: Annotated[bool | None, QueryParameter(description="只核对，不写入 / check only")] = None,
    hold: Annotated[
        bool | None, QueryParameter(description="只收文件，等待试导 / take the file only, to be checked later")
    ] = None,
    earn: Annotated[bool | None, QueryParameter(description="历史订单是否累积积分 / whether orders earn")] = None,
    create_stores: Annotated[bool | None, QueryParameter(description="自动建立缺少的门店 / create stores")] = None,
    unknown_member: Annotated[
        UnknownMemberPolicy | None, QueryParameter(description="会员不存在时 / when a member is not known")
    ] = None,
    source: Annotated[str | None, QueryParameter(max_length=32, description="来源系统 / source system")] = None,
    source_timezone: Annotated[
        str | None, QueryParameter(max_length=60, description="没有时区的时间属于哪个时区 / zone of times without one")
    ] = None,
    sheet: Annotated[str | None, QueryParameter(max_length=100, description="工作表名 / name of the sheet")] = None,
    store: Annotated[
        str | None, QueryParameter(max_length=64, description="所有订单的门店代码 / store code of all rows")
    ] = None,
    date_order: Annotated[
        schemas.DateOrder | None, QueryParameter(description="01/02/2024 是月/日还是日/月 / how such dates are meant")
    ] = None,
    mapping: Annotated[
        str | None, QueryParameter(max_length=4000, description="JSON：列名到字段 / a JSON object, column to field")
    ] = None,
    statuses: Annotated[
        str | None,
        QueryParameter(
            max_length=4000,
            description="JSON：状态的说法到含义，见 check 的 statuses / a JSON object, word to meaning as in check",
        ),
    ] = None,
    with_import: Annotated[
        str | None,
        QueryParameter(max_length=36, description="同批订单的另一份报表 / import of the other report of these orders"),
    ] = None,
    file_name: Annotated[str | None, QueryParameter(max_length=400, description="文件名 / name of the file")] = None,
    key: Key = "",
) -> Response[bytes]:
    # The parameters are read together with the fields of the form, which may stand in for them.
    return await _hand_in(request)


async def _hand_in(request: Req) -> Response[bytes]:
    principal = _whole_merchant(request, "imports:write")
    name = idempotency_key(request)
    asked = {field: values[-1] for field, values in request.query_params.dict().items()}
    content_type = request.headers.get("content-type", "application/octet-stream")
    if not content_type.lower().startswith(_TYPES):
        raise UploadTypeUnsupported()
    uploads = _uploads(request)
    upload = await _receive(request, uploads, principal.merchant_id, content_type)
    try:
        wanted, options = _wanted(asked, upload)
        kind = wanted.kind or await likely_kind(uploads, upload)

        async def produce() -> tuple[int, bytes]:
            if wanted.with_import is not None:
                await tasks.get_with_file(conn, principal.merchant_id, wanted.with_import)
            task = await tasks.add(
                conn,
                uploads,
                upload,
                merchant_id=principal.merchant_id,
                kind=kind,
                file_name=wanted.file_name or upload.file_name or "",
                options=options,
                dry_run=wanted.dry_run,
                hold=wanted.hold,
                actor=principal.actor,
            )
            return 202, msgspec.json.encode(schemas.import_out(task))

        async with database(request).tenant(principal.merchant_id) as conn:
            kept = await once(conn, principal.cell_id, name, _fingerprint(wanted, upload), produce)
    finally:
        # Gone already when the import has it.
        uploads.discard(upload)
    return raw(kept.body, kept.status, kept.replayed)


@get(
    "/v1/imports",
    tags=["imports"],
    summary="导入列表 / imports, newest first",
    description="Scope: imports:read.",
)
async def list_imports(request: Req, limit: Limit = 50, cursor: Cursor = None) -> schemas.ImportPage:
    principal = _whole_merchant(request, "imports:read")
    async with database(request).reader(principal.merchant_id) as conn:
        found = await tasks.page(conn, principal.merchant_id, cursor, limit + 1)
    items = [schemas.import_out(task) for task in found[:limit]]
    return schemas.ImportPage(items, items[-1].import_id if len(found) > limit else None)


@get(
    "/v1/imports/{import_id:str}",
    tags=["imports"],
    summary="导入的进度与结果 / an import, how far it is or what came of it",
    description="Scope: imports:read. Errors: import_not_found.",
    responses={200: _IMPORT},
)
async def get_import(request: Req, import_id: ImportId) -> schemas.ImportOut:
    principal = _whole_merchant(request, "imports:read")
    async with database(request).reader(principal.merchant_id) as conn:
        return schemas.import_out(await tasks.get(conn, principal.merchant_id, import_id))


@get(
    "/v1/imports/{import_id:str}/errors",
    tags=["imports"],
    summary="错误行（CSV）/ the bad rows, as CSV",
    description="每行：行号、列、值、代码、原因。没有错误时只有表头。lang=zh：中文表头与文件名，列的顺序不变。"
    "A line for each bad row; only the header when all rows are good. With lang=zh the header and the file's name are "
    "in Chinese, for who opens it in a spreadsheet; the columns and their order are the same. Scope: imports:read. "
    "Errors: import_not_found, import_not_over, import_files_deleted.",
    media_type="text/csv",
    responses={200: ResponseSpec(str, description="CSV, UTF-8", media_type="text/csv", generate_examples=False)},
)
async def get_import_errors(
    request: Req,
    import_id: ImportId,
    lang: Annotated[
        Lang | None, QueryParameter(description="表头与文件名的语言 / language of the header and the file's name")
    ] = None,
) -> Stream:
    principal = _whole_merchant(request, "imports:read")
    async with database(request).tenant(principal.merchant_id) as conn:
        task = await tasks.get(conn, principal.merchant_id, import_id)
        path = tasks.error_file(_uploads(request), task)
        if path is not None:
            await tasks.record_download(conn, task)
    headers = {
        "Content-Disposition": attachment(error_file_name(task.file_name, lang), f"{task.kind}-errors.csv"),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    rows = error_rows(path, FAULT_HEADER_ZH if lang == "zh" else FAULT_HEADER)
    return Stream(rows, media_type=_CSV, headers=headers)


@get(
    "/v1/imports/{import_id:str}/preview",
    tags=["imports"],
    summary="文件的列与样例 / columns of the file, with samples",
    description="表头、每列的样例与识别结果、工作表、状态列的各种说法与行数；个人信息打码。"
    "The header, samples of each column and what it would "
    "be taken for, the sheets, and the words of status with their rows; personal data is masked. Scope: imports:write. "
    "Errors: import_not_found, import_files_deleted, import_not_csv, import_file_empty, import_xls, "
    "import_sheet_not_found, import_sheet_empty, import_sheet_protected, import_sheet_damaged, import_sheet_too_big, "
    "import_sheet_unsafe.",
)
async def preview_import(
    request: Req,
    import_id: ImportId,
    kind: Annotated[
        schemas.ImportKind | None, QueryParameter(description="不填：按表头判断 / as the header looks, unless given")
    ] = None,
    source: Annotated[str | None, QueryParameter(max_length=32, description="来源系统 / source system")] = None,
    sheet: Annotated[str | None, QueryParameter(max_length=100, description="工作表名 / name of the sheet")] = None,
    status_column: Annotated[
        str | None,
        QueryParameter(max_length=100, description="状态在哪一列 / the column of status, unless known"),
    ] = None,
) -> Preview:
    principal = _whole_merchant(request, "imports:write")
    async with database(request).reader(principal.merchant_id) as conn:
        task = await tasks.get_with_file(conn, principal.merchant_id, import_id)
    return await preview(database(request), _uploads(request), task, kind, source, sheet, status_column)


@get(
    "/v1/imports/{import_id:str}/bad-rows",
    tags=["imports"],
    summary="前若干错误行与各原因的行数 / the first bad rows, and how many of each reason",
    description="个人信息打码；全部内容见 errors。"
    "Personal data is masked; `errors` has all of it. Scope: imports:read. "
    "Errors: import_not_found, import_not_over, import_files_deleted.",
)
async def list_bad_rows(request: Req, import_id: ImportId, limit: Limit = 20) -> BadRows:
    principal = _whole_merchant(request, "imports:read")
    async with database(request).reader(principal.merchant_id) as conn:
        task = await tasks.get(conn, principal.merchant_id, import_id)
    return await bad_rows(_uploads(request), task, limit)


@post(
    "/v1/imports/{import_id:str}/check",
    status_code=202,
    tags=["imports"],
    summary="试导 / check the file with these options",
    description="用同一文件，可换选项，可多次；不写入。"
    "The same file, with other options, as often as needed; nothing is "
    "written. Scope: imports:write. "
    "Errors: import_not_found, import_not_checkable, import_files_deleted, import_option_invalid, "
    "import_status_invalid.",
    responses={202: _IMPORT},
)
async def check_import(
    request: Req, import_id: ImportId, data: JSONBody[schemas.ImportCheck], key: Key = ""
) -> Response[bytes]:
    principal = _whole_merchant(request, "imports:write")
    options = _options(msgspec.to_builtins(data))

    async def produce(conn: Connection) -> schemas.ImportOut:
        return schemas.import_out(await tasks.check(conn, principal.merchant_id, import_id, data.kind, options))

    return await run_write(request, principal, produce, 202)


@post(
    "/v1/imports/{import_id:str}/start",
    status_code=202,
    tags=["imports"],
    summary="核对后正式导入 / start for real",
    description="用同一文件；失败或取消的也可再开始，已写入的不会重复。"
    "With the same file, after a dry run; a failed or "
    "cancelled import goes on, nothing is taken twice. Scope: imports:write. "
    "Errors: import_not_found, import_not_startable, import_files_deleted.",
    responses={202: _IMPORT},
)
async def start_import(request: Req, import_id: ImportId, key: Key = "") -> Response[bytes]:
    principal = _whole_merchant(request, "imports:write")

    async def produce(conn: Connection) -> schemas.ImportOut:
        return schemas.import_out(await tasks.start(conn, principal.merchant_id, import_id))

    return await run_write(request, principal, produce, 202)


@post(
    "/v1/imports/{import_id:str}/cancel",
    status_code=200,
    tags=["imports"],
    summary="取消导入 / cancel an import",
    description="已写入的保留。What was written stays. Scope: imports:write. Errors: import_not_found, import_is_over.",
    responses={200: _IMPORT},
)
async def cancel_import(request: Req, import_id: ImportId, key: Key = "") -> Response[bytes]:
    principal = _whole_merchant(request, "imports:write")

    async def produce(conn: Connection) -> schemas.ImportOut:
        return schemas.import_out(await tasks.cancel(conn, principal.merchant_id, import_id))

    return await run_write(request, principal, produce)


@delete(
    "/v1/imports/{import_id:str}",
    status_code=200,
    tags=["imports"],
    summary="删除未导入的文件 / discard a file that was not imported",
    description="从列表中移除并删除文件；正在处理或已正式导入过的不能删除。It leaves the list, its files are deleted; "
    "what is under way or was imported for real stays. The answer is the import as it was. Scope: imports:write. "
    "Errors: import_not_found, import_not_discardable, import_file_in_use.",
    responses={200: _IMPORT},
)
async def discard_import(request: Req, import_id: ImportId, key: Key = "") -> Response[bytes]:
    principal = _whole_merchant(request, "imports:write")
    gone: list[Task] = []

    async def produce(conn: Connection) -> schemas.ImportOut:
        gone.append(await tasks.discard(conn, principal.merchant_id, import_id))
        return schemas.import_out(gone[0])

    answer = await run_write(request, principal, produce)
    for task in gone:
        # What a process that dies here leaves behind goes with the other folders that no import knows of.
        await asyncio.to_thread(_uploads(request).delete, task.merchant_id, task.import_id)
    return answer


def _whole_merchant(request: Req, scope: str) -> Any:
    """A file may hold any store's orders: who works in some stores only has nothing to do here."""
    principal = caller(request, scope)
    if principal.stores is not None:
        raise PermissionDenied(scope=scope)
    return principal


def _uploads(request: Req) -> Uploads:
    uploads: Uploads = request.app.state.uploads
    return uploads


async def _receive(request: Req, uploads: Uploads, merchant_id: int, content_type: str) -> Upload:
    of = _Receiving.of
    if of.total() >= _RECEIVING_MAX or of[merchant_id] >= _RECEIVING_OF_ONE:
        raise TooBusy()
    of[merchant_id] += 1
    try:
        return await uploads.receive(merchant_id, _patient(request), content_type)
    except InternalServerException as error:
        raise UploadBroken(reason="the connection ended") from error
    finally:
        of[merchant_id] -= 1
        if not of[merchant_id]:
            del of[merchant_id]


async def _patient(request: Req) -> AsyncIterator[bytes]:
    """UploadBroken after a silence, RequestTooSlow; only the time counts in which we wait for the sender."""
    stream = request.stream()
    waited, came = 0.0, 0
    while True:
        began = time.monotonic()
        try:
            chunk = await asyncio.wait_for(anext(stream, None), _SILENCE_SECONDS)
        except TimeoutError:
            raise UploadBroken(reason=f"nothing came for {_SILENCE_SECONDS:.0f} seconds") from None
        if chunk is None:
            return
        waited, came = waited + time.monotonic() - began, came + len(chunk)
        if waited >= _LOOK_SECONDS:
            if came < waited * _LEAST_BYTES_A_SECOND:
                raise RequestTooSlow()
            waited, came = 0.0, 0
        yield chunk


def _wanted(asked: dict[str, str], upload: Upload) -> tuple[schemas.ImportRequest, dict[str, Any]]:
    """What was asked for, and the options of it; InvalidInput, BadImportOption."""
    twice = sorted(asked.keys() & upload.fields.keys())
    if twice:
        raise InvalidInput(twice[0], "both in the address and in the form", "地址与表单里重复填写")
    try:
        wanted = msgspec.convert({**asked, **upload.fields}, schemas.ImportRequest, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput("form", str(error)[:300], "选项的名称或取值不符合接口要求") from error
    if wanted.kind is None and not wanted.hold:
        raise InvalidInput("kind", "needed, unless the file is held", "必填，只收文件（hold）时除外")
    told = {name: _texts(name, getattr(wanted, name)) for name in ("mapping", "statuses")}
    return wanted, _options({**msgspec.to_builtins(wanted), **told})


def _options(told: dict[str, Any]) -> dict[str, Any]:
    """BadImportOption, BadStatusWord."""
    options = {name: told[name] for name in schemas.ImportSettings.__struct_fields__}
    check_options(msgspec.convert(options, ImportOptions))
    return options


_PAIRS = {
    "mapping": ("a JSON object of column to field", "应为 JSON 对象：列名到字段"),
    "statuses": ("a JSON object of word to meaning", "应为 JSON 对象：状态的说法到含义"),
}


def _texts(name: str, text: str | None) -> dict[str, str]:
    try:
        return {} if text is None else msgspec.json.decode(text, type=dict[str, str])
    except msgspec.DecodeError as error:
        raise InvalidInput(name, *_PAIRS[name]) from error


def _fingerprint(wanted: schemas.ImportRequest, upload: Upload) -> bytes:
    digest = hashlib.blake2b(b"POST /v1/imports\n", digest_size=16)
    digest.update(msgspec.json.encode(wanted))
    digest.update(upload.sha256)
    return digest.digest()


routes: list[Any] = [
    *(create_import, list_imports, get_import, get_import_errors, preview_import, list_bad_rows),
    *(check_import, start_import, cancel_import, discard_import),
]
