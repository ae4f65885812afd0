"""Orders, sales and members: of a period, over time, side by side, and members against others."""

from __future__ import annotations

from datetime import date

from huimeng.analytics import rules
from huimeng.analytics.rules import By, Grain, Period, TopOf
from huimeng.analytics.service.asking import Asked, Scope, scoped
from huimeng.analytics.store import standing, sums
from huimeng.analytics.store.sums import Sums
from huimeng.analytics.values import (
    Audience,
    Before,
    Breakdown,
    BreakdownRow,
    BucketOut,
    Figures,
    Note,
    Overview,
    Side,
    Top,
    TopRow,
    Trend,
)
from huimeng.infra.database import Database
from huimeng.kernel.ids import cell_of
from huimeng.merchant.service import list_regions

MOST_ROWS = 10_000
ADDS_UP = ("orders", "net_fen")
_SELECTION = Note(
    code="selection",
    zh="办会员的本来就多是常客、大客：客单价高不等于是会员制带来的",
    en="Good customers tend to become members: a higher average does not prove that membership made it",
)
_MIXED = Note(
    code="mixed_stores",
    zh="这里把几家门店合在一起比：会员和散客常去的店不同，也会拉开客单价；选一家门店再看更可比",
    en="Several stores are compared as one: where members go to other stores than the rest, that alone moves the "
    "average; choose one store to compare like with like",
)
_NO_REPURCHASE = Note(
    code="no_repurchase_of_others",
    zh="散客订单认不出是谁，看不出复购，也就无法与会员的复购率比较",
    en="Anonymous orders don't tell who came again: there is no repurchase rate to compare with the members'",
)
_NO_OTHERS = Note(
    code="no_others",
    zh="这段时间没有非会员订单，无从比较",
    en="There are no orders of non-members in this period: nothing to compare with",
)


async def overview(db: Database, merchant_id: int, asked: Asked) -> Overview:
    async with scoped(db, merchant_id, asked) as scope:
        earlier = rules.before(scope.period)
        return Overview(
            **await scope.told(),
            figures=figures(await _total(scope, scope.period)),
            previous=Before(first=earlier.first, last=earlier.last, figures=figures(await _total(scope, earlier))),
        )


async def trend(db: Database, merchant_id: int, asked: Asked, grain: Grain = "day") -> Trend:
    """Every bucket of the period, empty ones too."""
    async with scoped(db, merchant_id, asked) as scope:
        wanted = rules.buckets(scope.period, grain)
        found = await sums.sums(scope.conn, scope.cell_id, scope.period, scope.cut, grain)
        return Trend(
            **await scope.told(),
            grain=grain,
            buckets=[
                BucketOut(label=b.label, first=b.first, last=b.last, figures=figures(found.get(b.starts, Sums())))
                for b in wanted
            ],
        )


async def breakdown(db: Database, merchant_id: int, asked: Asked, by: By) -> Breakdown:
    async with scoped(db, merchant_id, asked) as scope:
        total = await _total(scope, scope.period)
        rows = await (_by_category(scope, total) if by == "category" else _by_place(scope, by, total))
        adds_up = ["net_fen"] if by == "category" else list(ADDS_UP)
        return Breakdown(**await scope.told(), by=by, adds_up=adds_up, total=figures(total), rows=rows)


async def _by_place(scope: Scope, by: By, total: Sums) -> list[BreakdownRow]:
    names: dict[str, str]
    if by == "store":
        places = {store.store_id: store.code for store in scope.stores}
        names = {store.code: store.name for store in scope.stores}
    else:
        places = {store.store_id: store.region or "" for store in scope.stores}
        regions = await list_regions(scope.conn, scope.merchant.merchant_id, limit=MOST_ROWS)
        names = {"": ""} | {region.code: region.name for region in regions}
    found = await sums.by_place(scope.conn, scope.cell_id, scope.period, scope.cut, places)
    rows = [
        BreakdownRow(
            key=key,
            name=names.get(key, key),
            orders=row.orders,
            net_fen=row.net_fen,
            net_share_bps=rules.share_bps(row.net_fen, total.net_fen),
            aov_fen=rules.aov_fen(row.net_fen, row.orders),
            active_members=row.active,
            new_members=row.new,
            returning_members=row.active - row.new,
        )
        for key in sorted(set(places.values()))
        for row in (found.get(key, Sums()),)
    ]
    return sorted(rows, key=lambda row: (-row.net_fen, row.key))


async def _by_category(scope: Scope, total: Sums) -> list[BreakdownRow]:
    found = await sums.sold(scope.conn, scope.cell_id, scope.period, scope.cut, "category")
    return [
        BreakdownRow(
            key=row.category,
            name=row.category,
            orders=row.orders,
            net_fen=row.net_fen,
            net_share_bps=rules.share_bps(row.net_fen, total.net_fen),
            aov_fen=rules.aov_fen(row.net_fen, row.orders),
            active_members=None,
            new_members=None,
            returning_members=None,
        )
        for row in found
    ]


async def top(db: Database, merchant_id: int, asked: Asked, of: TopOf, limit: int) -> Top:
    async with scoped(db, merchant_id, asked) as scope:
        total = await _total(scope, scope.period)
        found = await sums.sold(scope.conn, scope.cell_id, scope.period, scope.cut, of, limit)
        return Top(
            **await scope.told(),
            of=of,
            net_fen=total.net_fen,
            rows=[
                TopRow(
                    name=row.product if of == "product" else row.category,
                    category=row.category,
                    orders=row.orders,
                    net_fen=row.net_fen,
                    net_share_bps=rules.share_bps(row.net_fen, total.net_fen),
                )
                for row in found
            ],
        )


async def audience(db: Database, merchant_id: int, asked: Asked) -> Audience:
    async with scoped(db, merchant_id, asked) as scope:
        total = await _total(scope, scope.period)
        ours = _side(total.member_orders, total.member_net_fen, total)
        others = _side(total.orders - total.member_orders, total.net_fen - total.member_net_fen, total)
        comparable = ours.aov_fen is not None and others.aov_fen is not None
        return Audience(
            **await scope.told(),
            members=ours,
            others=others,
            has_others=others.orders > 0,
            aov_ratio_bps=rules.share_bps(ours.aov_fen or 0, others.aov_fen or 0) if comparable else None,
            notes=_audience_notes(comparable=others.orders > 0, stores=len(scope.stores)),
        )


def _audience_notes(*, comparable: bool, stores: int) -> list[Note]:
    if not comparable:
        return [_NO_OTHERS, _NO_REPURCHASE]
    return [_SELECTION, *([_MIXED] if stores > 1 else []), _NO_REPURCHASE]


async def orders_by_month(db: Database, merchant_id: int) -> dict[date, int]:
    """How many orders each month has, by its first day, oldest first; only months that have some."""
    async with db.reader(merchant_id) as conn:
        return await standing.orders_by_month(conn, cell_of(merchant_id))


async def _total(scope: Scope, period: Period) -> Sums:
    found = await sums.sums(scope.conn, scope.cell_id, period, scope.cut)
    return found.get(period.first, Sums())


def _side(orders: int, net_fen: int, total: Sums) -> Side:
    return Side(
        orders=orders,
        orders_share_bps=rules.share_bps(orders, total.orders),
        net_fen=net_fen,
        net_share_bps=rules.share_bps(net_fen, total.net_fen),
        aov_fen=rules.aov_fen(net_fen, orders),
    )


def figures(found: Sums) -> Figures:
    return Figures(
        orders=found.orders,
        net_fen=found.net_fen,
        aov_fen=rules.aov_fen(found.net_fen, found.orders),
        active_members=found.active,
        new_members=found.new,
        returning_members=found.active - found.new,
        returning_share_bps=rules.share_bps(found.active - found.new, found.active),
        member_net_fen=found.member_net_fen,
        returning_net_fen=found.returning_net_fen,
        repeat_members=found.repeat,
        repeat_share_bps=rules.share_bps(found.repeat, found.active),
        repeat_day_members=found.repeat_days,
        repeat_day_share_bps=rules.share_bps(found.repeat_days, found.active),
    )
