"""Errors that stop an import before anything is written; what is wrong with single rows goes to the error file."""

from __future__ import annotations

from huimeng.kernel.errors import BusinessError, Conflict, NotFound


class ImportFileError(BusinessError):
    code = "import_file_error"
    status = 400


class FileUnreadable(ImportFileError):
    code = "import_file_unreadable"
    message_zh = "读不到文件 {path}"
    message_en = "The file {path} could not be read"


class NotCsv(ImportFileError):
    code = "import_not_csv"
    message_zh = "这不是 CSV 或 Excel（.xlsx）文件（{what}），请另存后再导入"
    message_en = "This is neither a CSV nor an Excel (.xlsx) file ({what}); save it as one and import that"


class NotUtf8(NotCsv):
    message_zh = "文件是没有 BOM 的 UTF-16 文字，请另存为 UTF-8 编码的 CSV 再导入"
    message_en = "The file is UTF-16 without a BOM; save it as CSV in UTF-8 and import that"


class NotATable(NotCsv):
    message_zh = "文件里不是表格（像是图片、压缩包或加密的文件），请从原来的系统导出 CSV 或 Excel（.xlsx）再导入"
    message_en = "The file holds no table (but a picture, an archive or the like); export it as CSV or Excel (.xlsx)"


class SheetDamaged(ImportFileError):
    code = "import_sheet_damaged"
    message_zh = "Excel 文件已损坏或不完整，请从原来的系统重新导出，或用表格软件打开并另存一次"
    message_en = "The Excel file is damaged or incomplete; export it again, or open it and save it anew"


class SheetTooBig(ImportFileError):
    code = "import_sheet_too_big"
    message_zh = "Excel 文件的内容大得不正常（{part}：{size}），未读取"
    message_en = "The Excel file unpacks to an unreasonable size ({part}: {size}) and was not read"


class SheetUnsafe(ImportFileError):
    code = "import_sheet_unsafe"
    message_zh = "Excel 文件含有外部实体声明（{part}），未读取"
    message_en = "The Excel file declares entities ({part}) and was not read"


class SheetProtected(ImportFileError):
    code = "import_sheet_protected"
    message_zh = "Excel 文件有密码，请去掉密码后再导入"
    message_en = "The Excel file is protected by a password; remove it and import again"


class SheetNotFound(ImportFileError):
    code = "import_sheet_not_found"
    message_zh = "没有名为「{sheet}」的工作表；文件里有：{sheets}"
    message_en = "There is no sheet {sheet!r}; the file has: {sheets}"


class SheetEmpty(ImportFileError):
    code = "import_sheet_empty"
    message_zh = "工作表「{sheet}」是空的"
    message_en = "The sheet {sheet!r} is empty"


class OldExcel(ImportFileError):
    code = "import_xls"
    message_zh = "这是旧式 Excel 文件（.xls），请另存为 .xlsx 或 CSV 再导入"
    message_en = "This is an old Excel file (.xls); save it as .xlsx or CSV and import that"


class BadMapping(ImportFileError):
    code = "import_mapping_invalid"
    message_zh = "列的对应关系无效：{value}；可用的字段：{fields}"
    message_en = "The mapping {value!r} is not valid; the fields are: {fields}"


class BadStatusWord(ImportFileError):
    code = "import_status_invalid"
    message_zh = "订单状态的说法无效：{value}；可用的含义：{statuses}"
    message_en = "The word of a status {value!r} is not valid; what it can mean: {statuses}"


class NotAPair(ImportFileError):
    code = "import_files_do_not_match"
    message_zh = "两份文件不成对：需要同一平台的订单报表和明细（宝贝）报表"
    message_en = "The two files do not belong together: an order report and a detail report of one platform are needed"


class EmptyFile(ImportFileError):
    code = "import_file_empty"
    message_zh = "文件是空的，第一行应为表头"
    message_en = "The file is empty; its first line should be the header"


class MissingColumns(ImportFileError):
    code = "import_columns_missing"
    message_zh = "表头缺少必需的列：{missing}；文件里的列：{found}"
    message_en = "The header lacks required columns: {missing}; columns found: {found}"


class DuplicateColumn(ImportFileError):
    code = "import_column_repeated"
    message_zh = "「{first}」和「{second}」是同一种列，请只保留一列"
    message_en = "The columns {first!r} and {second!r} mean the same; keep one"


class BadImportOption(ImportFileError):
    code = "import_option_invalid"
    message_zh = "选项 {option} 无效：{value}"
    message_en = "The option {option} is not valid: {value}"


class ImportRunning(BusinessError):
    code = "import_running"
    status = 409
    message_zh = "这个商户正在导入同一个文件"
    message_en = "This file is being imported for this merchant right now"


class ReadingFailed(BusinessError):
    code = "import_reading_failed"
    status = 500
    message_zh = "读取文件的进程中断：{detail}"
    message_en = "The process that reads the file broke off: {detail}"


class UploadBroken(BusinessError):
    code = "upload_broken"
    status = 400
    message_zh = "上传的内容不完整或格式不对：{reason}"
    message_en = "The upload is incomplete or malformed: {reason}"


class UploadTooLarge(BusinessError):
    code = "upload_too_large"
    status = 413
    message_zh = "文件超过 {limit_mb} MB"
    message_en = "The file is larger than {limit_mb} MB"


class UploadTypeUnsupported(BusinessError):
    code = "upload_type_unsupported"
    status = 415
    message_zh = "请以 multipart/form-data、text/csv 或 application/octet-stream 上传文件"
    message_en = "Upload the file as multipart/form-data, text/csv or application/octet-stream"


class NoRoomForImport(BusinessError):
    code = "import_no_room"
    status = 507
    message_zh = "服务器磁盘空间不足，未接收此文件"
    message_en = "The server's disk is too full to take this file"


class ImportNotFound(NotFound):
    code = "import_not_found"
    message_zh = "找不到导入 {what}"
    message_en = "Import {what} not found"


class TooManyImports(Conflict):
    code = "too_many_imports"
    message_zh = "未完成的导入或保留的文件过多（最多 {limit}），请等待完成或先取消"
    message_en = "Too many imports are waiting or too many files are kept (at most {limit}); wait, or cancel some"


class ImportNotStartable(Conflict):
    code = "import_not_startable"
    message_zh = "只有核对完、失败或已取消的导入可以开始，此导入为 {state}"
    message_en = "Only a finished dry run, a failed or a cancelled import can be started; this one is {state}"


class ImportNotCheckable(Conflict):
    code = "import_not_checkable"
    message_zh = "正在处理或已正式导入过的文件不能再试导（此导入为 {state}）"
    message_en = "A file that is being worked on, or was imported for real, can't be checked again (it is {state})"


class ImportNotDiscardable(Conflict):
    code = "import_not_discardable"
    message_zh = "正在处理或已正式导入过的文件不能删除（此导入为 {state}）"
    message_en = "A file that is being worked on, or was imported for real, can't be discarded (it is {state})"


class ImportFileInUse(Conflict):
    code = "import_file_in_use"
    message_zh = "另一份报表的导入正在用这个文件，请等它结束再删除"
    message_en = "The import of the other report is using this file; wait until it is over"


class ImportIsOver(Conflict):
    code = "import_is_over"
    message_zh = "此导入已结束（{state}），不能取消"
    message_en = "This import is over ({state}); it can't be cancelled"


class ImportNotOver(Conflict):
    code = "import_not_over"
    message_zh = "此导入尚未结束（{state}），错误文件还不完整"
    message_en = "This import is not over yet ({state}), so its error file is not complete"


class ImportFilesDeleted(BusinessError):
    code = "import_files_deleted"
    status = 410
    message_zh = "此导入的文件已按期删除"
    message_en = "The files of this import were deleted, as they are after some days"


class ImportBrokeOff(BusinessError):
    code = "import_broke_off"
    status = 500
    message_zh = "导入多次中断，已停止；已写入的内容不会重复，可再次开始"
    message_en = "The import broke off several times and was stopped; what was written stays and is not taken twice"
