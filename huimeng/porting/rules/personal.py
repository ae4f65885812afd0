"""Columns that tell of a person, known by their names."""

from __future__ import annotations

from collections.abc import Mapping

from huimeng.porting.rules.columns import MEMBER_COLUMNS, ORDER_FILE_COLUMNS, fields_of, plain_name
from huimeng.porting.rules.masking import MASKS

# Words in the names of columns that are somebody's. Numbers and days of a column of "text" are nobody's.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "birthday": ("生日", "生辰", "出生", "诞辰", "birth"),
    "phone": ("电话", "手机", "联系方式", "联系号码", "座机", "传真", "phone", "mobile"),
    "card_no": (
        *("卡号", "证件", "身份证", "护照", "账号", "帐号", "微信号", "qq号", "邮箱"),
        *("passport", "idcard", "openid", "unionid", "email"),
    ),
    "text": (
        *("姓名", "收货人", "收件人", "联系人", "客户", "顾客", "买家", "会员名", "昵称", "旺旺", "持卡人"),
        *("称呼", "抬头", "地址", "住址", "街道", "留言", "consignee", "receiver", "recipient", "customer"),
        *("contact", "buyer", "nickname", "address"),
    ),
}


def like_of(column: str) -> str | None:
    """Whose cells a column of this name has, as masked_cell knows it; None: nobody's, or a store's own number."""
    (field,) = fields_of([column], MEMBER_COLUMNS)
    if field is None:
        (field,) = fields_of([column], ORDER_FILE_COLUMNS)
    if field is not None:
        return field if field in MASKS else None
    name = plain_name(column)
    return next((like for like, known in _WORDS.items() if any(word in name for word in known)), None)
