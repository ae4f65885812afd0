"""Columns are found by their header's name, Chinese or English, whatever their order."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence

import msgspec

from huimeng.porting.errors import BadMapping, DuplicateColumn, EmptyFile, MissingColumns, NotUtf8
from huimeng.porting.rules.cells import CELL_CHARACTERS, UNTEXT
from huimeng.porting.rules.faults import shown
from huimeng.porting.rules.masking import hidden_cell, is_data

# field: names it is known by; the first is shown in messages. Compared without case, spaces, units and punctuation.
ORDER_COLUMNS: Mapping[str, Sequence[str]] = {
    "order_no": ("order_no", "订单号", "订单编号", "单号", "小票号", "流水号"),
    "line_no": ("line_no", "子订单号", "行号", "子订单编号", "line_id"),
    "ordered_at": ("ordered_at", "下单时间", "订单时间", "交易时间", "消费时间"),
    "store": ("store", "门店", "门店编码", "门店名称", "店铺", "store_code"),
    "member": (
        "member",
        "会员",
        "会员编号",
        "会员号",
        "会员手机号",
        "会员手机",
        "会员卡号",
        "member_id",
        "external_id",
    ),
    "sku": ("sku", "商品编码", "商品编号", "货号", "规格编码"),
    "product": ("product", "商品名称", "商品", "品名", "product_name"),
    "category": ("category", "分类", "商品分类", "品类", "类别"),
    "quantity": ("quantity", "数量", "件数", "qty"),
    "list_amount": ("list_amount", "原价金额", "应收金额", "标价金额", "商品总价"),
    "paid_amount": ("paid_amount", "实付金额", "实收金额", "支付金额", "实付", "实收", "用户实付"),
    "tender": ("tender", "支付方式", "付款方式", "收款方式"),
    "status": ("status", "状态", "订单状态"),
}
ORDER_REQUIRED = ("order_no", "ordered_at", "store", "paid_amount")

# What a file of orders may tell of refunds beside them.
REFUND_COLUMNS: Mapping[str, Sequence[str]] = {
    "original_no": ("original_no", "原订单号", "原订单编号", "原单号", "退货原单号", "original_order_no"),
    "refund_amount": ("refund_amount", "退款金额", "已退金额", "已退款金额"),
}
ORDER_FILE_COLUMNS: Mapping[str, Sequence[str]] = {**ORDER_COLUMNS, **REFUND_COLUMNS}

MEMBER_COLUMNS: Mapping[str, Sequence[str]] = {
    "external_id": ("external_id", "会员编号", "会员号", "会员id", "member_id"),
    "name": ("name", "姓名", "会员姓名", "名字"),
    "phone": ("phone", "手机号", "手机", "手机号码", "电话", "会员手机", "会员手机号", "mobile"),
    "card_no": ("card_no", "卡号", "会员卡号", "card"),
    "birthday": ("birthday", "生日", "出生日期", "会员生日"),
    "registered_at": ("registered_at", "注册时间", "入会时间", "注册日期", "入会日期", "开卡日期", "开卡时间"),
    "join_source": ("join_source", "来源", "注册来源", "入会来源"),
    "points": ("points", "积分", "积分余额", "剩余积分", "当前积分", "可用积分"),
    "points_expires_at": ("points_expires_at", "积分有效期", "积分到期", "积分到期日"),
    "growth": ("growth", "成长值"),
    "tags": ("tags", "标签"),
    "consent_at": ("consent_at", "授权时间", "同意时间"),
}

# What a column's cells are, where a spreadsheet's number could be taken for something else.
KINDS: Mapping[str, str] = {
    **dict.fromkeys(("order_no", "line_no", "store", "member", "sku", "original_no"), "id"),
    **dict.fromkeys(("external_id", "phone", "card_no"), "id"),
    **dict.fromkeys(("ordered_at", "birthday", "registered_at", "points_expires_at", "consent_at"), "time"),
    **dict.fromkeys(("quantity", "list_amount", "paid_amount", "refund_amount", "points", "growth"), "number"),
}
# Columns whose value in a merged cell belongs to every row of it; an amount does not.
SHARED_FIELDS = frozenset(
    (
        *("order_no", "ordered_at", "store", "member", "tender", "status", "original_no", "external_id", "phone"),
        *("card_no", "name", "birthday", "registered_at", "join_source", "tags", "consent_at"),
    )
)
# Parts of names by which an unknown column looks like a field, as far as nobody else holds it.
_WORDS_IN_NAMES: Mapping[str, Sequence[str]] = {
    "points": ("积分", "point"),
    "phone": ("手机", "电话", "phone", "mobile"),
    "birthday": ("生日", "birth"),
    "card_no": ("卡号",),
    "growth": ("成长值",),
    "paid_amount": ("实付", "实收", "付款金额"),
    "member": ("会员号", "会员编", "会员卡", "会员手机", "会员电话"),
    "refund_amount": ("退款金额", "退款额"),
}
# Lines at the top of a file among which the header is looked for.
HEADER_LINES = 50
LEFT_OUT = "-"

# A unit in brackets: 实付金额(元).
_UNIT = re.compile(r"[(\[【].*?[)\]】]|/(?:元|¥)")
# Amounts are in whole units: what stands in hundredths or ten thousands of it is not taken for one.
_OTHER_UNIT = re.compile(r"[(\[【/](?:分|角|[百千万]元?)[)\]】]?\s*\Z")
_AMOUNTS = ("list_amount", "paid_amount", "refund_amount")
_FILLING = re.compile(r"[\s_\-*::='\"\ufeff\x00-\x1f\x7f-\x9f]+")
_NAME_CHARACTERS = 60


class Header(msgspec.Struct, frozen=True):
    """Where the known columns are: field -> index; names as the file writes them; unknown ones are ignored."""

    places: dict[str, int]
    names: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.names)

    def name_of(self, field: str) -> str:
        place = self.places.get(field)
        return field if place is None else self.names[place]


def match_header(
    cells: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    required: Sequence[str] = (),
    mapping: Mapping[str, str] | None = None,
) -> Header:
    """EmptyFile without a header, NotUtf8, MissingColumns and DuplicateColumn when a field is in no column or in two.

    mapping: column -> field as told for this source (LEFT_OUT: not used); it goes before the names that are known.
    """
    if not any(cell.strip() for cell in cells):
        raise EmptyFile()
    refuse_utf16(cells)
    clean = [clean_name(cell) for cell in cells]
    fields = _fields_by_name(cells, columns, mapping)
    places: dict[str, int] = {}
    unknown: list[str] = []
    for place, cell in enumerate(cells):
        field = _field(cell, fields)
        if field is None or field not in columns:
            if clean[place]:
                unknown.append(clean[place])
        elif field in places:
            raise DuplicateColumn(first=clean[places[field]], second=clean[place])
        else:
            places[field] = place
    if not places and is_data(cells):
        # No header but somebody's row, and its cells would be told as names of columns.
        clean, unknown = [[hidden_cell(name) for name in names] for names in (clean, unknown)]
    missing = [f"{columns[field][0]}/{columns[field][1]}" for field in required if field not in places]
    if missing:
        found = ", ".join(name[:30] for name in clean if name)
        raise MissingColumns(missing=", ".join(missing), found=found[:400])
    return Header(places, tuple(clean), tuple(unknown))


def fields_of(
    cells: Sequence[str], columns: Mapping[str, Sequence[str]], mapping: Mapping[str, str] | None = None
) -> list[str | None]:
    """What each column would be taken for, also where match_header refuses: None for one that is not known."""
    fields = _fields_by_name(cells, columns, mapping)
    found = (_field(cell, fields) for cell in cells)
    return [field if field in columns or field == LEFT_OUT else None for field in found]


def looks_like(name: str, columns: Mapping[str, Sequence[str]], held: Collection[str | None]) -> str | None:
    """The field that a column which is not known may be, by a part of its name; None for one that is held already."""
    plain = plain_name(name)
    fields = (field for field, words in _WORDS_IN_NAMES.items() if any(word in plain for word in words))
    return next((field for field in fields if field in columns and field not in held), None)


def _field(cell: str, fields: Mapping[str, str]) -> str | None:
    field = fields.get(plain_name(cell)) if cell.strip() else None
    return None if field in _AMOUNTS and _OTHER_UNIT.search(unicodedata.normalize("NFKC", cell)) else field


def _fields_by_name(
    cells: Sequence[str], columns: Mapping[str, Sequence[str]], mapping: Mapping[str, str] | None
) -> dict[str, str]:
    told = {plain_name(name): field for name, field in (mapping or {}).items()}
    here = {told[plain_name(cell)] for cell in cells if plain_name(cell) in told}
    return {plain_name(name): f for f, names in columns.items() for name in names if f not in here} | told


def likeness(
    cells: Sequence[str], columns: Mapping[str, Sequence[str]], mapping: Mapping[str, str] | None = None
) -> int:
    """How many different fields a row names: the header is the row of a file's top that names most."""
    fields = {plain_name(name): field for field, names in columns.items() for name in names}
    fields |= {plain_name(name): field for name, field in (mapping or {}).items()}
    return len({fields[plain_name(cell)] for cell in cells if len(cell) < 100 and plain_name(cell) in fields})


def check_mapping(mapping: Mapping[str, str], columns: Mapping[str, Sequence[str]]) -> None:
    """BadMapping for a field that is not known, or told twice."""
    known = [*columns, LEFT_OUT]
    told = [field for field in mapping.values() if field != LEFT_OUT]
    for name, field in mapping.items():
        if field not in known or not plain_name(name) or told.count(field) > 1 or len(name) > 100:
            raise BadMapping(value=f"{name[:60]}={field[:40]}", fields=", ".join(known))


def together(kept: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """What is told now beside what was told before; a field that comes from another column now comes from no other."""
    fields = {field for field in told.values() if field != LEFT_OUT}
    names = {plain_name(name) for name in told}
    still = {name: field for name, field in kept.items() if field not in fields and plain_name(name) not in names}
    return {**still, **told}


def reads_as_told(cells: Sequence[str], mapping: Mapping[str, str], now: Mapping[str, str] | None = None) -> bool:
    """Whether a platform's export is an ordinary file of orders, because something was told of one of its columns: now,
    or for another file of the source if there is all that is needed. That file's column may be called the same."""
    if now and _names_any(cells, now):
        return True
    needed = {field for field in ORDER_REQUIRED if field != "store"}
    return _names_any(cells, mapping) and needed <= {*fields_of(cells, ORDER_FILE_COLUMNS, mapping)}


def _names_any(cells: Sequence[str], mapping: Mapping[str, str]) -> bool:
    told = {plain_name(name) for name in mapping}
    return any(plain_name(cell) in told for cell in cells if cell.strip())


def clean_name(cell: str, most: int = _NAME_CHARACTERS) -> str:
    """A column's name as it is shown and kept: what no text may hold is left out."""
    return UNTEXT.sub("", shown(cell, CELL_CHARACTERS)).strip()[:most]


def refuse_utf16(cells: Sequence[str]) -> None:
    """NotUtf8 for a header whose separators all have a NUL beside them: two bytes were one character."""
    if len(cells) > 1 and (all(c.startswith("\0") for c in cells[1:]) or all(c.endswith("\0") for c in cells[:-1])):
        raise NotUtf8()


def plain_name(name: str) -> str:
    """A column's name as it is compared: without case, spaces, units, punctuation and a file's wrappers."""
    text = unicodedata.normalize("NFKC", name).lower()
    return _FILLING.sub("", _UNIT.sub("", text))
