"""Errors that stop an import before anything is written; what is wrong with single rows goes to the error file."""

from __future__ import annotations

from huimeng.kernel.errors import BusinessError


class ImportFileError(BusinessError):
    code = "import_file_error"
    status = 400


class FileUnreadable(ImportFileError):
    code = "import_file_unreadable"
    message_zh = "读不到文件 {path}"
    message_en = "The file {path} could not be read"


class NotCsv(ImportFileError):
    code = "import_not_csv"
    message_zh = "这不是 CSV 文件({what}),请另存为 CSV(UTF-8)再导入"
    message_en = "This is not a CSV file ({what}); save it as CSV (UTF-8) and import that"


class EmptyFile(ImportFileError):
    code = "import_file_empty"
    message_zh = "文件是空的,第一行应为表头"
    message_en = "The file is empty; its first line should be the header"


class MissingColumns(ImportFileError):
    code = "import_columns_missing"
    message_zh = "表头缺少必需的列:{missing};文件里的列:{found}"
    message_en = "The header lacks required columns: {missing}; columns found: {found}"


class DuplicateColumn(ImportFileError):
    code = "import_column_repeated"
    message_zh = "「{first}」和「{second}」是同一种列,请只保留一列"
    message_en = "The columns {first!r} and {second!r} mean the same; keep one"


class BadImportOption(ImportFileError):
    code = "import_option_invalid"
    message_zh = "选项 {option} 无效:{value}"
    message_en = "The option {option} is not valid: {value}"


class ImportRunning(BusinessError):
    code = "import_running"
    status = 409
    message_zh = "这个商户正在导入同一个文件"
    message_en = "This file is being imported for this merchant right now"


class ReadingFailed(BusinessError):
    code = "import_reading_failed"
    status = 500
    message_zh = "读取文件的进程中断:{detail}"
    message_en = "The process that reads the file broke off: {detail}"
