"""Names of files as people gave them, made harmless to show and to save under."""

from __future__ import annotations

import re
from urllib.parse import quote

from huimeng.kernel.currency import Lang

_NAME_MAX = 200
_STEM_MAX = 80
_CHINESE = re.compile(r"[\u3400-\u9fff]")


def shown_name(given: str, kind: str) -> str:
    """The last part of a given name, without what no file name holds; the kind when nothing is left."""
    last = given.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c for c in last if c.isprintable() and c not in '<>:"|?*')[-_NAME_MAX:].strip(" .")
    return name or kind


def error_file_name(file_name: str, lang: Lang | None = None) -> str:
    """会员.xlsx -> 会员-错误.csv, members.xlsx -> members-errors.csv, unless it is told how to say it."""
    stem = (file_name.rpartition(".")[0] or file_name)[:_STEM_MAX].strip(" .")
    chinese = lang == "zh" if lang else _CHINESE.search(stem)
    return f"{stem}-{'错误' if chinese else 'errors'}.csv"


def attachment(name: str, plain: str) -> str:
    """Content-Disposition by RFC 6266; plain stands in for a name that isn't ASCII, where UTF-8 isn't understood."""
    safe = name if name.isascii() and re.fullmatch(r"[\w .()+-]+", name) else plain
    extended = f"; filename*=UTF-8''{quote(name, safe='')}" if safe != name else ""
    return f'attachment; filename="{safe}"{extended}'
