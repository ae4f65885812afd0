"""What each permission and role is called, for those who hand them out."""

from __future__ import annotations

from collections.abc import Mapping

from huimeng.merchant.rules import Role, Scope

PERMISSION_WORDS: Mapping[Scope, tuple[str, str]] = {
    "*": ("全部权限", "Everything"),
    "members:read": ("查找会员（脱敏）", "Find members, masked"),
    "members:write": ("登记、修改会员", "Let members join, change them"),
    "members:reveal": ("查看会员完整信息", "See personal data in clear"),
    "orders:read": ("试算、查看订单", "Quote and read orders"),
    "orders:write": ("完成订单", "Complete orders"),
    "orders:refund": ("退款、作废订单", "Refund and void orders"),
    "points:read": ("查看积分与明细", "Balances, lots and history"),
    "points:write": ("人工调整积分", "Adjust points by hand"),
    "rules:read": ("查看积分规则", "Read earning rules"),
    "rules:write": ("设置积分规则", "Change earning rules"),
    "analytics:read": ("查看经营数据", "See the figures"),
    "settings:read": ("查看商户、门店、区域", "See merchant, stores and regions"),
    "settings:write": (
        "设置商户、门店、区域，查看与管理密钥",
        "Change merchant, stores and regions; see and manage API keys",
    ),
    "staff:read": ("查看员工", "See staff"),
    "staff:write": ("管理员工", "Manage staff"),
    "imports:read": ("查看导入", "See imports"),
    "imports:write": ("导入数据", "Import data"),
    "audit:read": ("查看操作日志", "Read the audit log"),
}
ROLE_WORDS: Mapping[Role, tuple[str, str]] = {
    "owner": ("店主", "Owner"),
    "cashier": ("收银员", "Cashier"),
}
