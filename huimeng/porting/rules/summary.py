"""Lines of a file that are no rows: totals at the end of a page, and the header once more."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from huimeng.porting.rules.columns import clean_name

_TOTAL = re.compile(
    r"(?:(?:本|当)?页|本期|累计|全部)?(?:合计|总计|小计|汇总|共计|总额|(?:grand|sub)?[ -]?total|sum)"
    r"(?:\s*[:(].*|\s*[\d¥,.]+\s*元?)?\Z"
    r"|(?:合计|总计)?[:,]?\s*共(?:计)?\s*[\d,]+\s*(?:条|笔|单|行|件|个|张|人|名|位).*\Z",
    re.IGNORECASE | re.DOTALL,
)


def is_no_row(row: Sequence[str], header: Sequence[str], needed: Sequence[int]) -> bool:
    """Asked only of rows that can't be read; needed: columns that a total leaves empty (time, identities)."""
    first = next((cell.strip() for cell in row if cell.strip()), "")
    if len(first) < 100 and _TOTAL.match(unicodedata.normalize("NFKC", first).strip()):
        cells = [row[place].strip() for place in needed if place < len(row)]
        return all(not cell or cell == first for cell in cells)
    return len(row) >= 2 and [clean_name(cell) for cell in row] == list(header)
