"""Cells of a file as somebody sees them who only has to recognise them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from huimeng.member.kinds import mask_card, mask_phone
from huimeng.member.rules import mask_name
from huimeng.porting.rules import dates, words
from huimeng.porting.rules.faults import CellFault

_PHONE = re.compile(r"(?<!\d)1\d{10}(?!\d)")
# How a file keeps a spreadsheet from making a number of a cell.
_WRAPPED = re.compile(r"\A(?:=\"|')\s*(.*?)\"?\Z", re.DOTALL)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d")
# A price, a count, a time of day: too short to be anybody's number.
_AMOUNT = re.compile(
    r"[+-]?[¥$]?[+-]?(?:\d{1,6}(?:\.\d{1,6})?|\d{1,9}\.\d{2}|\d{1,3}(?:,\d{3})+(?:\.\d{1,6})?)\s?(?:元|円|%)?"
    r"|\d{1,2}:\d{2}(?::\d{2})?",
    re.ASCII,
)
_DIGITS = re.compile(r"[+(]*\d[\d\s()+./-]*", re.ASCII)
_PHONE_LENGTH = 12
# A day before is more likely a birthday than a sale that is still to be imported.
_SALES_SINCE = 2010


def masked_cell(like: str | None, cell: str) -> str:
    """like: a name of MASKS, None when the column is nobody's.

    A store's own numbers of members are no personal data; a phone among them is.
    """
    mask = MASKS.get(like or "")
    cell = _bare(cell)
    if mask is not None:
        return mask(cell) if cell else ""
    return _PHONE.sub(lambda phone: mask_phone(phone[0]), cell)


def hidden_cell(cell: str) -> str:
    """Of a column that nobody knows: amounts, days and words of status are shown, of anything else how it begins."""
    cell = _bare(cell)
    plain = unicodedata.normalize("NFKC", cell)
    if not plain or _AMOUNT.fullmatch(plain) or _is_known_word(plain):
        return cell
    year = _year_of(plain)
    if year is not None:
        return cell if year >= _SALES_SINCE else _mask_day(cell)
    if _DIGITS.fullmatch(plain):
        return mask_phone(cell) if len(cell) <= _PHONE_LENGTH else mask_card(cell)
    return mask_name(cell)


def is_data(cells: Sequence[str]) -> bool:
    """Whether what stands where a header should is a row: with a day, an amount or a longer number."""
    plain = (unicodedata.normalize("NFKC", _bare(cell)) for cell in cells)
    return any(cell and (_AMOUNT.fullmatch(cell) or _DIGITS.fullmatch(cell) or _year_of(cell)) for cell in plain)


def _bare(cell: str) -> str:
    cell = cell.strip()
    wrapped = _WRAPPED.match(cell)
    return cell if wrapped is None else wrapped[1].strip()


def _year_of(plain: str) -> int | None:
    """Of a cell that is a date, with or without a time."""
    for order in ("mdy", "dmy"):
        try:
            return dates.read(plain, order, "bad_date").at.year
        except CellFault:
            continue
    return None


def _mask_member(cell: str) -> str:
    """A column of whom a row is about holds phones, cards, or a store's own numbers."""
    return mask_phone(cell) if _PHONE.fullmatch(cell) else mask_card(cell)


def _is_known_word(plain: str) -> bool:
    """A status or a means of payment."""
    try:
        return words.tender(plain) != "other" or bool(words.status(plain))
    except CellFault:
        return False


def _mask_day(cell: str) -> str:
    """1990-03-15 -> ****-03-15, however it is written; what has no year that can be seen is hidden whole."""
    masked = _YEAR.sub("****", cell)
    return masked if masked != cell else "****"


MASKS: Mapping[str, Callable[[str], str]] = {
    "name": mask_name,
    "phone": mask_phone,
    "card_no": mask_card,
    "birthday": _mask_day,
    "member": _mask_member,
    "text": hidden_cell,
}
