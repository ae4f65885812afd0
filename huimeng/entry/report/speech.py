"""Numbers, days and money as a shopkeeper reads them, Chinese first."""

from __future__ import annotations

from datetime import date

import msgspec

from huimeng.kernel.currency import Lang, money_text

_UNITS_ZH = ((100_000_000, "亿"), (10_000, "万"))
_UNITS_EN = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))
_WEEKDAYS_ZH = "一二三四五六日"
_WEEKDAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Change(msgspec.Struct, frozen=True):
    """Against another month: how much more or less, in basis points of what was; points: it compares two shares."""

    bps: int
    points: bool = False

    @property
    def tone(self) -> str:
        return "up" if self.bps > 0 else "down" if self.bps < 0 else "same"


def change(now: int, before: int | None) -> Change | None:
    """None when there is nothing to compare with."""
    if before is None or before <= 0:
        return None
    more = now - before
    rounded = (20_000 * abs(more) + before) // (2 * before)
    return Change(-rounded if more < 0 else rounded)


def share_change(now_bps: int | None, before_bps: int | None) -> Change | None:
    return None if now_bps is None or before_bps is None else Change(now_bps - before_bps, points=True)


class Speech(msgspec.Struct, frozen=True):
    """currency is the merchant's."""

    lang: Lang
    currency: str

    def __call__(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    def count(self, value: int) -> str:
        return f"{value:,}"

    def money(self, fen: int | None) -> str:
        return "—" if fen is None else money_text(fen, self.currency, self.lang)

    def short(self, value: int) -> str:
        """About three digits, for axes and narrow columns: 37.9万, 379k; cut off, not rounded."""
        units = _UNITS_ZH if self.lang == "zh" else _UNITS_EN
        minus, value = "-" if value < 0 else "", abs(value)
        for size, name in units:
            if value >= size:
                tenths = value % size * 10 // size
                return f"{minus}{value // size}{f'.{tenths}' if tenths and value < 100 * size else ''}{name}"
        return f"{minus}{value:,}"

    def short_money(self, fen: int) -> str:
        return self.short(fen // 100 if fen >= 0 else -(-fen // 100))

    def percent(self, bps: int | None, digits: int = 1) -> str:
        """62.5%; rounded half up."""
        if bps is None:
            return "—"
        if digits == 0:
            return f"{(abs(bps) + 50) // 100 * (-1 if bps < 0 else 1)}%"
        tenths = (abs(bps) + 5) // 10
        return f"{'-' if bps < 0 and tenths else ''}{tenths // 10}.{tenths % 10}%"

    def more_or_less(self, found: Change) -> str:
        """多 3.1%, 少 3.1%, 持平; of shares 高 1.2 个百分点."""
        amount = self.percent(abs(found.bps))
        if amount == "0.0%":
            return self("持平", "the same")
        if found.points:
            amount = amount.removesuffix("%")
            if found.bps > 0:
                return self(f"高 {amount} 个百分点", f"{amount} points higher")
            return self(f"低 {amount} 个百分点", f"{amount} points lower")
        return self(f"多 {amount}", f"{amount} more") if found.bps > 0 else self(f"少 {amount}", f"{amount} less")

    def signed(self, found: Change | None) -> str:
        """▲ 3.1%, ▼ 3.1%, — when there is nothing to compare with; the unit of shares is the percentage point."""
        if found is None:
            return "—"
        amount = self.percent(abs(found.bps))
        if found.points:
            amount = amount.removesuffix("%") + self(" 个百分点", " pts")
        sign = {"up": "▲", "down": "▼", "same": "="}[found.tone]
        return f"{sign} {amount}"

    def month(self, day: date) -> str:
        """2017 年 6 月, June 2017."""
        return self(f"{day.year} 年 {day.month} 月", f"{day:%B} {day.year}")

    def short_month(self, day: date) -> str:
        return self(f"{day.month}月", f"{day:%b}")

    def day(self, day: date) -> str:
        """6 月 3 日（周六）, Saturday 3 June."""
        weekday = day.weekday()
        zh = f"{day.month} 月 {day.day} 日（周{_WEEKDAYS_ZH[weekday]}）"
        return self(zh, f"{_WEEKDAYS_EN[weekday]} {day.day} {day:%B}")

    def weekday(self, number: int) -> str:
        return self(f"周{_WEEKDAYS_ZH[number]}", _WEEKDAYS_EN[number])

    def times(self, tenths: int) -> str:
        """16 -> 1.6 倍, 1.6 times."""
        amount = f"{tenths // 10}.{tenths % 10}" if tenths % 10 else f"{tenths // 10}"
        return self(f"{amount} 倍", f"{amount} times")
