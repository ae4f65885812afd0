"""Cells of a file as somebody sees them who only has to recognise them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from huimeng.member.kinds import mask_card, mask_phone
from huimeng.member.rules import mask_birthday, mask_name

_PHONE = re.compile(r"(?<!\d)1\d{10}(?!\d)")
# A store's own numbers of members are nobody's personal data; a phone among them is.
_MASKS: Mapping[str, Callable[[str], str]] = {
    "name": mask_name,
    "phone": mask_phone,
    "card_no": mask_card,
    "birthday": mask_birthday,
}


def masked_cell(field: str | None, cell: str) -> str:
    """field: what the column is, None when nobody knows."""
    mask = _MASKS.get(field or "")
    cell = cell.strip()
    if mask is not None:
        return mask(cell) if cell else ""
    return _PHONE.sub(lambda phone: mask_phone(phone[0]), cell)
