"""Lines of a file that are no rows: totals and what is printed below them, and the header once more."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from huimeng.porting.rules.columns import clean_name

_UNITS = "条笔单行件个张人名位份次"
# Without spaces: a spreadsheet spreads the word over its cell.
_TOTAL = re.compile(
    r"(?:(?:本|当)?[页日月]|今日|本期|累计|全部)?(?:合计|总计|小计|汇总|共计|总额)(?:金额|数量|人数|笔数)?"
    rf"(?:[:(].*|[\d¥,.]+(?:元|[{_UNITS}].*)?)?\Z"
    rf"|(?:合计|总计)?[:,]?共(?:计)?[\d,]+[{_UNITS}].*\Z",
    re.DOTALL,
)
_ENGLISH = re.compile(r"(?:(?:grand|sub)?[ -]?total|sum)(?:\s*[:(].*|\s+[\d$¥,.]+)?\Z", re.IGNORECASE | re.DOTALL)
_PRINTED = re.compile(
    r"(?:打印|导出|制表|制单|填表|审核|复核|报表)(?:时间|日期|人|人员|员)?:.*\Z"
    r"|[-_=*\u2014\u2015\u2500]*第\d+页(?:[/,(]?共\d+页\)?)?[-_=*\u2014\u2015\u2500]*\Z"
    r"|[-_=*\u2014\u2015\u2500]*page\d+(?:(?:of|/)\d+)?[-_=*\u2014\u2015\u2500]*\Z",
    re.IGNORECASE | re.DOTALL,
)
# A card begins with zeros, or has more digits.
_COUNT = re.compile(rf"共?((?:0|[1-9]\d{{0,5}}|[1-9]\d?\d?(?:,\d{{3}})+)(?:\.\d+)?)([元分{_UNITS}]?)\Z")
_CHARACTERS = 100


def is_no_row(
    row: Sequence[str], header: Sequence[str], needed: Sequence[int], free: Sequence[int] = (), rows: int = 0
) -> bool:
    """needed: columns in which a total has nothing or a count (time, identities, a person's name).

    free: columns of names and goods, whose text may be anything: there a bare number in a needed column is a count only
    when it can be one of the rows before.
    """
    place = next((place for place, cell in enumerate(row) if cell.strip()), None)
    if place is None:
        return False
    first = row[place].strip()
    if is_total(first):
        most = rows if place in free else None
        others = (row[each].strip() for each in needed if each < len(row))
        return all(not cell or cell == first or _is_count(cell, most) for cell in others)
    if _is_printed(first):
        return all(not cell.strip() or _is_printed(cell) for each, cell in enumerate(row) if each in needed)
    return len(row) >= 2 and [clean_name(cell) for cell in row] == list(header)


def is_total(cell: str) -> bool:
    return len(cell) < _CHARACTERS and bool(_TOTAL.match(_plain(cell)) or _ENGLISH.match(cell.strip()))


def _is_printed(cell: str) -> bool:
    return len(cell) < _CHARACTERS and _PRINTED.match(_plain(cell)) is not None


def _is_count(cell: str, most: int | None) -> bool:
    count = _COUNT.match(_plain(cell)) if len(cell) < _CHARACTERS else None
    if count is None:
        return False
    return most is None or bool(count[2]) or float(count[1].replace(",", "")) <= most


def _plain(cell: str) -> str:
    return "".join(unicodedata.normalize("NFKC", cell).split())
