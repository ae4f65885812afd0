"""What can be wrong with a row, in stable codes and in words that a shopkeeper can act on, wherever they are read."""

from __future__ import annotations

import re

import msgspec

from huimeng.kernel.cells import defused

# code: (zh, en); {note} is what the fault itself adds.
REASONS: dict[str, tuple[str, str]] = {
    "bad_encoding": ("这一行不是有效的 {note} 文字", "this row is not valid {note} text"),
    "bad_csv": ("这一行不是有效的 CSV：引号没有配对", "this row is not valid CSV: a quote is not closed or misplaced"),
    "cell_too_long": ("单元格超过 {note} 个字符", "a cell is longer than {note} characters"),
    "too_few_cells": ("这一行的列数少于表头：{note}", "the row has fewer cells than the header: {note}"),
    "too_many_cells": ("这一行的列数多于表头：{note}", "the row has more cells than the header: {note}"),
    "bad_characters": ("含有控制字符或无效字符", "holds control characters or invalid characters"),
    "required": ("不能为空", "must not be empty"),
    "bad_time": ("不是有效的日期时间，应如 2025-03-01 18:30:00", "is not a date and time such as 2025-03-01 18:30:00"),
    "bad_date": ("不是有效的日期，应如 2025-03-01", "is not a date such as 2025-03-01"),
    "time_out_of_range": ("时间早于 1990 年或晚于明天", "the time is before 1990 or after tomorrow"),
    "bad_amount": ("不是金额：应为数字，最多两位小数", "is not an amount with at most 2 decimals"),
    "not_whole": ("这个币种没有小数，金额须是整数", "is not a whole amount; the currency has no decimals"),
    "amount_out_of_range": ("金额超出范围", "the amount is out of range"),
    "bad_quantity": ("不是数量：最多四位小数", "is not a quantity with at most 4 decimals"),
    "quantity_out_of_range": ("数量超出范围", "the quantity is out of range"),
    "bad_points": ("不是整数", "is not a whole number"),
    "points_out_of_range": ("数值超出范围", "the number is out of range"),
    "not_valid": ("填写有误：{note}", "is not valid: {note}"),
    "unknown_status": (
        "不认识的订单状态：请选定它的意思，或改成已完成、已退款、已取消",
        "is not a known order status; say what it means, or write completed, refunded or cancelled",
    ),
    "unknown_store": (
        "没有这家门店：请先建立，或选择自动建立缺少的门店",
        "no such store; create it first, or let missing stores be created",
    ),
    "ambiguous_store": ("有多家门店叫这个名称，请改用门店编码", "several stores have this name; use the store code"),
    "unknown_member": (
        "没有这位会员：请先导入会员，再导入这个文件；也可以选择新建会员，或不记会员",
        "no such member; import the members first, then this file again, or let members be created or left out",
    ),
    "order_incomplete": (
        "第 {note} 行有误，同一订单的其余行未导入",
        "line {note} of the same order is bad, so the order was not imported",
    ),
    "members_differ": ("同一订单的各行会员不同：{note}", "the lines of one order name different members: {note}"),
    "statuses_differ": ("同一订单的各行状态不同：{note}", "the lines of one order have different statuses: {note}"),
    "line_repeated": (
        "同一订单中子订单号重复而内容不同：{note}",
        "a line number comes twice in one order with different content: {note}",
    ),
    "too_many_lines": ("一张订单超过 {note} 行", "one order has more than {note} lines"),
    "conflict": ("与已导入的不同，未改动：{note}", "differs from what was imported before, nothing changed: {note}"),
    "refused": ("未能导入：{note}", "could not be imported: {note}"),
    "ambiguous_date": (
        "分不清月和日：请写成 2024-01-02，或说明月和日哪个在前",
        "month and day can't be told apart; write 2024-01-02, or say which comes first",
    ),
    "id_lost_digits": (
        "号码被表格软件变成了数字，末几位已丢失或无法确认：请在原系统把该列设为「文本」再导出，"
        "或直接导入原系统导出的 CSV，不要用表格软件另存",
        "a spreadsheet made a number of this id, so its last digits are lost or can't be trusted; format the column as "
        "text where the file is made and export it again, or import the CSV as it was exported, not saved by a "
        "spreadsheet",
    ),
    "sheet_error": ("单元格是错误值 {note}", "the cell is the error {note}"),
    "formula_without_value": (
        "公式没有计算结果：请用表格软件打开并保存一次，或粘贴为数值",
        "the formula has no value; open and save the file in a spreadsheet, or paste values",
    ),
    "refund_amount_missing": (
        "只退了一部分，但没有写退多少：请补上「退款金额」一列；或把这个状态当作已完成导入，"
        "再导入退款明细（写明原订单号，金额为负）",
        "a part was refunded, but not how much; add a column of refund amounts, or take this status as completed and "
        "then import the refunds as rows of their own (original order number, negative amount)",
    ),
    "refund_amount_repeated": (
        "订单 {note} 每一行的退款金额都一样，分不清是每行退这么多还是整单退这么多：整单的请只留在一行",
        "every row of the order {note} has the same refund amount, so it may be of each row or of the whole order; "
        "leave one of the whole order in one row only",
    ),
    "refund_without_order": (
        "没有找到要退款的订单 {note}",
        "the order {note} that this refund names is not there",
    ),
    "refund_ambiguous": (
        "有多张订单都是这个号 {note}，无法确定退哪一张",
        "several orders have the number {note}; it can't be told which one is refunded",
    ),
    "refund_told_otherwise": (
        "订单 {note} 已按退款金额列或状态退过款，无法确定这一行是否同一笔",
        "the order {note} was refunded by a refund amount or status before; it can't be told whether this is the same",
    ),
    "signs_differ": (
        "数量为负而金额为正；若是退货，请填原订单号或退款状态",
        "the quantity is negative and the amount is not; if it is a return, give the original order or a refund status",
    ),
    "refund_line_unknown": (
        "原订单 {note} 里没有这件商品可退",
        "the order {note} has no such goods left to refund",
    ),
    "refund_too_large": (
        "退款多于原订单 {note} 可退的数量或金额",
        "the refund is more than is left of the order {note}",
    ),
    "amounts_differ": (
        "订单金额与明细之和不符：{note}",
        "the amount of the order is not the sum of its lines: {note}",
    ),
    "detail_missing": (
        "订单在明细（宝贝）报表里没有对应的行",
        "the order has no line in the detail report",
    ),
    "order_repeated": (
        "订单报表里这个订单编号有两行，内容不同（第 {note} 行），不知道哪一行是对的：请删掉不对的那一行",
        "the order report has this number twice with different content (lines {note}), and nobody can say which is "
        "right; remove the wrong one",
    ),
    "order_missing": (
        "明细的订单不在订单报表里：{note}",
        "the order of this line is not in the order report: {note}",
    ),
    "no_identity": (
        "会员编号、手机号、卡号至少填一项",
        "at least one of member id, phone and card number is needed",
    ),
    "bad_phone": (
        "不像电话号码：手机号应为 11 位数字，座机带区号，外国号码前面加 + 和国家代码",
        "can't be a phone number: a mobile number has 11 digits, a foreign one begins with + and its country",
    ),
    "masked_number": (
        "号码打了星号，认不出是谁：请导出完整的号码，或补上会员编号、卡号",
        "the number is masked, so it is nobody's; export it whole, or add a member id or card number",
    ),
    "growth_differs": ("同一会员的各行成长值不同", "the rows of one member have different growth"),
    "points_repeated": (
        "同一会员、同一有效期、数量相同的积分有两行，分不清是重复还是要相加，该会员未导入",
        "the same points with the same expiry stand in two rows of one member; it can't be told whether one is a "
        "repeat, so the member was left out",
    ),
}

# A cell whose fault was found before it was written as text: no cell of a file can be read with this character in it.
_MARK = "\x1a"
SHOWN_CHARACTERS = 60
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def marked(code: str, note: str = "", value: str = "") -> str:
    """The text of a cell that raises this fault when it is read, whatever its column."""
    return _MARK + "|".join((code, note.replace("|", "/"), value))


def mark_in(cell: str) -> CellFault | None:
    """The fault that a cell was marked with."""
    code, _, rest = cell[1:].partition("|")
    if not cell.startswith(_MARK) or code not in REASONS:
        return None
    return CellFault(code, rest.partition("|")[0])


class CellFault(Exception):
    """A cell that can't be taken; the row's reader knows which line and column it is in."""

    def __init__(self, code: str, note: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.note = note


class RowFault(msgspec.Struct, frozen=True):
    """A row of the error file. line is the physical line (a sheet's row) in the input, 0 when it is not known.

    note_en: when the note itself is in words.
    """

    line: int
    code: str
    column: str = ""
    value: str = ""
    note: str = ""
    business_day: str = ""
    order_no: str = ""
    note_en: str = ""

    def reason(self, lang: str) -> str:
        zh, en = REASONS[self.code]
        return zh.replace("{note}", self.note) if lang == "zh" else en.replace("{note}", self.note_en or self.note)


FAULT_HEADER = ("line", "column", "value", "code", "reason_zh", "reason_en", "business_day", "order_no")
# The same columns for who reads them in a spreadsheet.
FAULT_HEADER_ZH = ("行号", "列", "内容", "代码", "原因", "原因（英文）", "营业日", "订单号")


def fault_cells(fault: RowFault) -> tuple[str, ...]:
    """The cells of the error file's row, safe to open in a spreadsheet."""
    texts = (
        fault.column,
        fault.value,
        fault.code,
        fault.reason("zh"),
        fault.reason("en"),
        fault.business_day,
        fault.order_no,
    )
    return (str(fault.line or ""), *map(_harmless, texts))


def _harmless(text: str) -> str:
    text = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", shown(text, 400))
    return defused(text)


def shown(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """A value shortened for a message."""
    if text.startswith(_MARK):
        text = text.split("|", 2)[-1]
    return text if len(text) <= limit else text[:limit] + "…"
