"""Words and numbers of the page, Chinese first."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import msgspec

from huimeng.kernel.errors import Lang
from huimeng.kernel.money import format_fen
from huimeng.kernel.times import zone

_WORDS: dict[str, tuple[str, str]] = {
    "brand": ("会盟", "Huimeng"),
    "api": ("接口文档", "API"),
    "other_language": ("English", "中文"),
    "year": ("{year} 年经营数据", "Figures of {year}"),
    "orders": ("订单", "Orders"),
    "net": ("净销售额", "Net sales"),
    "aov": ("客单价", "Per order"),
    "active": ("活跃会员", "Active members"),
    "new": ("新会员", "New members"),
    "returning": ("老会员", "Returning"),
    "by_month": ("按月", "by month"),
    "members_by_month": ("活跃会员,按月", "Active members by month"),
    "in_table": ("表格", "As a table"),
    "month": ("月份", "Month"),
    "find": ("查找会员", "Find a member"),
    "find_hint": ("会员编号、卡号、手机号(或后四位)、姓名", "Member no., card, phone (or its last 4 digits), name"),
    "find_button": ("查找", "Find"),
    "find_try": ("演示数据中可试 1、1000、2000", "In the demo, try 1, 1000 or 2000"),
    "found": ("找到 {count} 位会员", "{count} members found"),
    "found_more": ("只显示前 {count} 位,请输入得更完整", "The first {count}; type more to narrow it down"),
    "none_found": ("没有找到这位会员", "No such member"),
    "none_found_hint": (
        "会员编号、卡号和手机号须完整;手机号也可只输后四位;姓名可只输一部分。",
        "Member number, card and phone must be complete; of a phone the last 4 digits do; of a name a part does.",
    ),
    "member": ("会员", "Member"),
    "points": ("积分", "Points"),
    "growth": ("成长值", "Growth"),
    "balance": ("可用", "Available"),
    "debt": ("待扣回 {amount}", "{amount} owed back"),
    "expiring": ("30 天内到期 {amount}", "{amount} expire within 30 days"),
    "lots": ("积分批次", "Points by lot"),
    "earned": ("发放", "Earned"),
    "remaining": ("剩余", "Left"),
    "expires": ("有效期至", "Valid until"),
    "never": ("长期有效", "No expiry"),
    "history": ("积分明细", "Points history"),
    "growth_history": ("成长值明细", "Growth history"),
    "newest": ("最近 {count} 条", "newest {count}"),
    "time": ("时间", "Time"),
    "what": ("事由", "What"),
    "change": ("变动", "Change"),
    "after": ("余额", "Balance"),
    "reference": ("单据", "Reference"),
    "recent_orders": ("最近订单", "Recent orders"),
    "order_no": ("订单号", "Order no."),
    "store": ("门店", "Store"),
    "paid": ("实付", "Paid"),
    "refunded": ("已退", "Refunded"),
    "status": ("状态", "Status"),
    "name": ("姓名", "Name"),
    "birthday": ("生日", "Birthday"),
    "identities": ("身份", "Identities"),
    "registered": ("注册时间", "Registered"),
    "source": ("来源", "Joined through"),
    "tags": ("标签", "Tags"),
    "member_id": ("系统编号", "Id"),
    "nothing_yet": ("还没有记录", "Nothing yet"),
    "back": ("返回", "Back"),
    "as_of": ("数据截至 {time}", "As of {time}"),
    "lagging": (
        "正在统计:还有 {count} 条业务记录未计入,本页会自动刷新。",
        "Still counting: {count} records to go; this page refreshes by itself.",
    ),
    "demo_note": (
        "演示数据:美国一家连锁超市的公开数据 Complete Journey(84.51°),金额为美元。",
        "Demo: public data of a US grocer (Complete Journey by 84.51°); amounts are US dollars.",
    ),
    "masked_note": ("姓名与手机号已脱敏。", "Names and phones are masked."),
    "log_in": ("登录", "Log in"),
    "log_out": ("退出", "Log out"),
    "log_in_lead": ("用商户代码和登录名登录", "With your merchant's code and your login name"),
    "merchant_code": ("商户代码", "Merchant code"),
    "login": ("登录名或手机号", "Login name or phone"),
    "password": ("密码", "Password"),
    "password_lost": (
        "忘记密码?请店主重置;店主可在服务器上运行 huimeng staff reset-password。",
        "Password lost? An owner resets it; an owner's own: huimeng staff reset-password on the server.",
    ),
    "one_time_hint": (
        "第一次登录?密码在 huimeng run 首次启动时显示在终端。",
        "First time? huimeng run printed the password at its first start.",
    ),
    "change_password": ("修改密码", "Change password"),
    "must_change": (
        "你用的是一次性密码,请先换成自己的密码。",
        "This is a one-time password: choose one of your own before you go on.",
    ),
    "current_password": ("当前密码", "Current password"),
    "new_password": ("新密码", "New password"),
    "new_again": ("再输一次新密码", "New password again"),
    "password_rules": (
        "至少 8 个字符,建议 12 个以上;几个不相关的词连在一起就很好。不能是常见密码或登录名。",
        "At least 8 characters, better 12 or more; a few unrelated words do well. No common password, no login name.",
    ),
    "differ": ("两次输入的新密码不一样", "The two new passwords differ"),
    "save": ("保存", "Save"),
    "others_logged_out": ("修改后,你在其他设备上的登录会全部退出。", "Your log-ins on other devices end with it."),
    "no_figures": ("输入会员编号、卡号、手机号或姓名,查看余额与明细。", "Find a member to see balance and history."),
    "empty": ("还没有订单", "No orders yet"),
    "empty_hint": ("接下来:", "What to do next:"),
    "step_store": ("建立门店", "Create a store"),
    "step_members": ("导入会员(Excel 或 CSV)", "Import members (Excel or CSV)"),
    "step_orders": ("导入订单", "Import orders"),
    "step_key": ("或为收银系统发一个接口密钥", "Or give your POS an API key"),
    "refused": ("无法打开", "This can't be shown"),
}

KINDS: dict[str, tuple[str, str]] = {
    "earn": ("消费得积分", "Earned"),
    "earn_reversed": ("退款扣回", "Taken back on refund"),
    "refund_taken": ("退款扣回(其他批次)", "Taken back from other lots"),
    "expiry_reversed": ("退款冲销过期", "Expiry undone by refund"),
    "debt": ("退款欠扣", "Owed back"),
    "debt_repaid": ("偿还欠扣", "Debt repaid"),
    "debt_cleared": ("欠扣免除", "Debt cleared"),
    "expire": ("过期", "Expired"),
    "spend": ("使用", "Spent"),
    "adjust": ("人工调整", "Adjusted"),
    "opening": ("期初导入", "Opening balance"),
}
REFERENCES: dict[str, tuple[str, str]] = {
    "order": ("订单", "order"),
    "refund": ("退款", "refund"),
    "adjustment": ("调整", "adjustment"),
    "lot": ("批次", "lot"),
}
STATUSES: dict[str, tuple[str, str]] = {
    "completed": ("已完成", "Completed"),
    "partly_refunded": ("部分退款", "Partly refunded"),
    "refunded": ("已退款", "Refunded"),
    "voided": ("已作废", "Voided"),
}
IDENTITIES: dict[str, tuple[str, str]] = {
    "phone": ("手机", "Phone"),
    "card_no": ("卡号", "Card"),
    "external_id": ("会员编号", "Member no."),
}
_SIGNS = {"CNY": "¥", "USD": "US$", "HKD": "HK$", "EUR": "€", "GBP": "£"}


class Words(msgspec.Struct, frozen=True):
    """timezone and currency are the merchant's."""

    lang: Lang = "zh"
    currency: str = "CNY"
    timezone: str = "Asia/Shanghai"

    def __call__(self, key: str, **fields: object) -> str:
        return _WORDS[key][self.lang == "en"].format(**fields)

    def of(self, names: dict[str, tuple[str, str]], key: str) -> str:
        pair = names.get(key)
        return key if pair is None else pair[self.lang == "en"]

    def number(self, value: int) -> str:
        return f"{value:,}"

    def money(self, fen: int | None) -> str:
        if fen is None:
            return "—"
        whole, point, cents = format_fen(abs(fen)).partition(".")
        return f"{'-' if fen < 0 else ''}{self._sign()}{int(whole):,}{point}{cents}"

    def short_money(self, fen: int) -> str:
        """Two or three digits, so that twelve stand side by side: 35万, 351k; what is less is cut off."""
        sign, yuan = "-" if fen < 0 else "", abs(fen) // 100
        if self.lang == "zh":
            units: tuple[tuple[int, str], ...] = ((100_000_000, "亿"), (10_000, "万"))
        else:
            units = ((1_000_000_000, "B"), (1_000_000, "M"), (1000, "k"))
        for size, name in units:
            if yuan >= size:
                tenths = f".{yuan % size * 10 // size}" if yuan < 10 * size else ""
                return f"{sign}{yuan // size}{tenths}{name}"
        return f"{sign}{yuan}"

    def month(self, day: date) -> str:
        return f"{day.month}月" if self.lang == "zh" else day.strftime("%b")

    def time(self, at: datetime) -> str:
        return at.astimezone(zone(self.timezone)).strftime("%Y-%m-%d %H:%M")

    def last_day(self, ends: datetime) -> str:
        """The local day before the first moment that is too late."""
        return (ends - timedelta(seconds=1)).astimezone(zone(self.timezone)).strftime("%Y-%m-%d")

    def _sign(self) -> str:
        return _SIGNS.get(self.currency, self.currency + " ")
