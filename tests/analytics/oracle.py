"""Every figure once more, in plain Python over a list of orders: slow, obvious, and knowing nothing of the tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from math import ceil
from typing import Any

import msgspec


class Goods(msgspec.Struct):
    """A line: what is left of it in fen, and whether something is."""

    category: str
    product: str
    net_fen: int
    kept: bool


class Order(msgspec.Struct):
    """kept: neither void nor wholly refunded."""

    day: date
    store_id: int
    member_id: int | None
    goods: list[Goods]
    kept: bool = True


class Cut(msgspec.Struct):
    """None: all."""

    stores: Sequence[int] | None = None
    category: str | None = None


class Bought(msgspec.Struct):
    """One kept or lost order in a cut: what is left of it there."""

    day: date
    store_id: int
    member_id: int | None
    counts: bool
    net_fen: int


def seen(orders: Iterable[Order], cut: Cut, first: date = date.min, last: date = date.max) -> list[Bought]:
    found = []
    for order in orders:
        if not first <= order.day <= last or (cut.stores is not None and order.store_id not in cut.stores):
            continue
        goods = [each for each in order.goods if cut.category is None or each.category == cut.category]
        counts = order.kept and (cut.category is None or any(each.kept for each in goods))
        net = sum(each.net_fen for each in goods)
        found.append(Bought(order.day, order.store_id, order.member_id, counts, net))
    return found


def days_of(rows: Iterable[Bought]) -> dict[int, list[date]]:
    """Member -> days of the orders that count, sorted, one entry an order."""
    found: dict[int, list[date]] = defaultdict(list)
    for row in rows:
        if row.counts and row.member_id is not None:
            found[row.member_id].append(row.day)
    return {member: sorted(days) for member, days in found.items()}


def net_of(rows: Iterable[Bought]) -> dict[int, int]:
    found: dict[int, int] = defaultdict(int)
    for row in rows:
        if row.member_id is not None:
            found[row.member_id] += row.net_fen
    return found


def figures(orders: Sequence[Order], cut: Cut, first: date, last: date) -> dict[str, int]:
    rows = seen(orders, cut, first, last)
    days, net = days_of(rows), net_of(rows)
    ever = {member: found[0] for member, found in days_of(seen(orders, Cut())).items()}
    new = {member for member in days if first <= ever[member]}
    return {
        "orders": sum(row.counts for row in rows),
        "net_fen": sum(row.net_fen for row in rows),
        "active_members": len(days),
        "new_members": len(new),
        "returning_members": len(days) - len(new),
        "member_net_fen": sum(net.values()),
        "returning_net_fen": sum(net[member] for member in days if member not in new),
        "repeat_members": sum(len(found) >= 2 for found in days.values()),
        "repeat_day_members": sum(len(set(found)) >= 2 for found in days.values()),
    }


def sold(
    orders: Sequence[Order], cut: Cut, first: date, last: date, key: Callable[[Goods], Any]
) -> dict[Any, tuple[int, int]]:
    """Key -> (orders with some of it, net)."""
    found: dict[Any, list[int]] = defaultdict(lambda: [0, 0])
    for order in orders:
        if not first <= order.day <= last or (cut.stores is not None and order.store_id not in cut.stores):
            continue
        goods = [each for each in order.goods if cut.category is None or each.category == cut.category]
        for each in goods:
            found[key(each)][1] += each.net_fen
        for name in {key(each) for each in goods if order.kept and each.kept}:
            found[name][0] += 1
    return {name: (row[0], row[1]) for name, row in found.items() if row != [0, 0]}


def repurchase(orders: Sequence[Order], cut: Cut, first: date, last: date, within: int) -> tuple[int, int, int]:
    """Members with so many days of data, of them on a later day, of them with any later order."""
    data_to = max(row.day for row in seen(orders, Cut()) if row.counts)
    counts = [0, 0, 0]
    for days in days_of(seen(orders, cut)).values():
        until = days[0] + timedelta(days=within)
        if first <= days[0] <= last and until <= data_to:
            later = [day for day in days[1:] if day <= until]
            counts[0] += 1
            counts[1] += any(day > days[0] for day in later)
            counts[2] += bool(later)
    return counts[0], counts[1], counts[2]


def cohorts(orders: Sequence[Order], cut: Cut) -> dict[tuple[str, int], int]:
    """(month of the first purchase, months later) -> members."""
    found: dict[tuple[str, int], int] = defaultdict(int)
    for days in days_of(seen(orders, cut)).values():
        first = days[0].replace(day=1)
        for month in {day.replace(day=1) for day in days}:
            found[f"{first:%Y-%m}", (month.year - first.year) * 12 + month.month - first.month] += 1
    return dict(found)


def rfm(orders: Sequence[Order], cut: Cut, first: date, last: date, method: str) -> dict[int, str]:
    """Member -> its cell, such as 543."""
    rows = seen(orders, cut, first, last)
    days, net = days_of(rows), net_of(rows)
    worth: list[dict[int, Any]] = [
        {member: found[-1] for member, found in days.items()},
        {member: len(found) for member, found in days.items()},
        {member: net[member] for member in days},
    ]
    scores: dict[int, str] = defaultdict(str)
    for values in worth:
        order = sorted(values, key=lambda member: (values[member], member))
        n = len(order)
        cuts = [values[order[ceil(n * p / 100) - 1]] for p in (20, 40, 60, 80)] if n else []
        for place, member in enumerate(order):
            by_value = 1 + sum(values[member] > each for each in cuts)
            scores[member] += str(5 * place // n + 1 if method == "rank" else by_value)
    return dict(scores)


def top_share(orders: Sequence[Order], cut: Cut, first: date, last: date, percent: int) -> tuple[int, int]:
    """(members, net) of the members who bought most."""
    rows = seen(orders, cut, first, last)
    days, net = days_of(rows), net_of(rows)
    best = sorted((net[member] for member in days), reverse=True)
    count = ceil(len(best) * percent / 100)
    return count, sum(best[:count])
