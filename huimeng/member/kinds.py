"""The kinds of identity: one entry each says how a value is normalised, shown, and found again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Literal

import msgspec

from huimeng.kernel.errors import InvalidInput
from huimeng.merchant.rules import clean_text

KindName = Literal["phone", "card_no", "external_id"]

_PHONE_FILLING = re.compile(r"[\s\-().·]")
_PHONE = re.compile(r"\+?\d{5,15}", re.ASCII)
_MAINLAND = re.compile(r"(?:\+86|0086|86)(1\d{10})", re.ASCII)
_MAINLAND_LANDLINE = re.compile(r"(?:\+86|0086)(\d{5,12})", re.ASCII)


class IdentityKind(msgspec.Struct, frozen=True):
    """code is stored and never changes; tail is how many last characters have a blind index of their own."""

    code: int
    name: KindName
    label_zh: str
    label_en: str
    normalise: Callable[[str], str]
    mask: Callable[[str], str]
    tail: int = 0


def normalise_phone(value: str) -> str:
    """Digits, without +86, 0086 or (before an 11-digit mobile) 86.

    Another country keeps its +, or it would be taken for a mainland number: +1 302 555 0123 is not
    130 2555 0123.
    """
    text = _PHONE_FILLING.sub("", unicodedata.normalize("NFKC", clean_text("phone", value, 40)))
    mainland = _MAINLAND.fullmatch(text) or _MAINLAND_LANDLINE.fullmatch(text)
    if mainland:
        return mainland[1]
    if text.startswith("00"):
        text = "+" + text[2:]
    if not _PHONE.fullmatch(text):
        raise InvalidInput("phone", "not a phone number of 5 to 15 digits", "不是 5 到 15 位数字的电话号码")
    return text


def _normalise_code(field: str) -> Callable[[str], str]:
    def normalise(value: str) -> str:
        return unicodedata.normalize("NFKC", clean_text(field, value, 64)).strip()

    return normalise


def mask_phone(value: str) -> str:
    if len(value) < 8:
        return "****" + value[-2:]
    return f"{value[:3] if len(value) >= 11 else ''}****{value[-4:]}"


def mask_card(value: str) -> str:
    return "****" + (value[-4:] if len(value) >= 8 else "")


def _shown(value: str) -> str:
    return value


KINDS: dict[str, IdentityKind] = {
    kind.name: kind
    for kind in (
        IdentityKind(1, "phone", "手机号", "phone number", normalise_phone, mask_phone, tail=4),
        IdentityKind(2, "card_no", "会员卡号", "card number", _normalise_code("card_no"), mask_card),
        # The merchant's own number for the member: shown, or its systems could not match what they get.
        IdentityKind(3, "external_id", "会员编号", "external id", _normalise_code("external_id"), _shown),
    )
}
KIND_BY_CODE: dict[int, IdentityKind] = {kind.code: kind for kind in KINDS.values()}
