"""Who comes again, who is worth what, and the members behind each figure."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from huimeng.analytics import rules
from huimeng.analytics.rules import BehindFigure, Period, RfmMethod
from huimeng.analytics.service.asking import Asked, Scope, Span, scoped
from huimeng.analytics.store import members as store
from huimeng.analytics.store import standing
from huimeng.analytics.store.members import Scored, Step, Wanted
from huimeng.analytics.values import (
    Cohort,
    CohortCell,
    Cohorts,
    Concentration,
    MemberBehind,
    MembersBehind,
    PeriodOut,
    Repurchase,
    RepurchaseRow,
    Rfm,
    RfmCell,
    RfmGroupOut,
    RfmScale,
    RfmScore,
    TopShare,
)
from huimeng.infra.crypto import MerchantKeys
from huimeng.infra.database import Database
from huimeng.kernel.errors import InvalidInput
from huimeng.member.service import told_apart
from huimeng.merchant.errors import StoreNotAllowed

_SCALES = ("recency_days", "orders", "net_fen")


async def repurchase(db: Database, merchant_id: int, asked: Asked, within: str | None = None) -> Repurchase:
    days = rules.within_days(within)
    async with scoped(db, merchant_id, asked, "12 months") as scope:
        data_to, whole_to = await scope.data_to(), await scope.whole_to()
        firsts = 0
        found: list[store.Repurchased] = []
        if whole_to is not None:
            firsts, found = await store.repurchase(scope.conn, scope.cell_id, scope.period, scope.cut, days, whole_to)
        by_days = {row.within: row for row in found}
        rows = [by_days.get(n, store.Repurchased(n, 0, 0, 0)) for n in days]
        return Repurchase(
            **await scope.told(),
            data_to=data_to,
            first_purchase_members=firsts,
            rows=[
                RepurchaseRow(
                    within_days=row.within,
                    members=row.members,
                    later_day_members=row.later_day,
                    later_day_share_bps=rules.share_bps(row.later_day, row.members),
                    later_order_members=row.later_order,
                    later_order_share_bps=rules.share_bps(row.later_order, row.members),
                )
                for row in rows
            ],
        )


async def cohorts(db: Database, merchant_id: int, asked: Asked) -> Cohorts:
    async with scoped(db, merchant_id, asked, "12 months") as scope:
        months = Period(scope.period.first.replace(day=1), scope.period.last.replace(day=1))
        if rules.months_between(months.first, months.last) >= rules.MOST_MONTHS:
            most = rules.MOST_MONTHS
            raise InvalidInput("from", f"at most {most} months", f"最多 {most} 个月")
        data_to, whole_to = await scope.data_to(), await scope.whole_to()
        found = await store.cohorts(scope.conn, scope.cell_id, months, scope.cut)
        came = {(row.first_month, row.month): row for row in found}
        starts = sorted({row.first_month for row in found})
        return Cohorts(
            **await scope.told(),
            data_from=rules.trade_from(await standing.orders_by_month(scope.conn, scope.cell_id)),
            data_to=data_to,
            cohorts=[]
            if data_to is None or whole_to is None
            else [_cohort(start, came, data_to, whole_to) for start in starts],
        )


def _cohort(start: date, came: dict[tuple[date, date], store.Came], data_to: date, whole_to: date) -> Cohort:
    members = came[start, start].members
    cells = []
    for later in range(rules.months_between(start, data_to) + 1):
        month, after = rules.months_on(start, later), rules.months_on(start, later + 1)
        row = came.get((start, month), store.Came(start, month, 0, 0))
        cells.append(
            CohortCell(
                months_later=later,
                members=row.members,
                share_bps=rules.share_bps(row.members, members),
                net_fen=row.net_fen,
                complete=whole_to >= after - timedelta(days=1),
            )
        )
    return Cohort(month=rules.label(start, "month"), members=members, cells=cells)


async def rfm(db: Database, merchant_id: int, asked: Asked, method: RfmMethod = "rank") -> Rfm:
    async with scoped(db, merchant_id, asked) as scope:
        found, steps = await store.rfm(scope.conn, scope.cell_id, scope.period, scope.cut, method)
        by_cell = {(row.r, row.f, row.m): row for row in found}
        down = range(5, 0, -1)
        cells = [by_cell.get((r, f, m), Scored(r, f, m, 0, 0, 0)) for r in down for f in down for m in down]
        return Rfm(
            **await scope.told(),
            method=method,
            members=sum(cell.members for cell in cells),
            net_fen=sum(cell.net_fen for cell in cells),
            scales=[_scale(number, steps) for number in range(len(_SCALES))],
            cells=[_cell(cell) for cell in cells],
            groups=_groups(cells),
        )


def _scale(number: int, steps: list[Step]) -> RfmScale:
    found = {step.score: step for step in steps if step.of == number}
    return RfmScale(
        of=_SCALES[number],  # type: ignore[arg-type]
        scores=[
            RfmScore(
                score=score,
                members=0 if step is None else step.members,
                least=None if step is None else step.least,
                most=None if step is None else step.most,
            )
            for score in range(1, 6)
            for step in (found.get(score),)
        ],
    )


def _cell(cell: Scored) -> RfmCell:
    group = rules.rfm_group(cell.r, cell.f, cell.m).group
    return RfmCell(
        r=cell.r, f=cell.f, m=cell.m, group=group, members=cell.members, orders=cell.orders, net_fen=cell.net_fen
    )


def _groups(cells: list[Scored]) -> list[RfmGroupOut]:
    members, net_fen = sum(cell.members for cell in cells), sum(cell.net_fen for cell in cells)
    told = []
    for group in rules.RFM_GROUPS:
        own = [cell for cell in cells if rules.rfm_group(cell.r, cell.f, cell.m) is group]
        count, net = sum(cell.members for cell in own), sum(cell.net_fen for cell in own)
        told.append(
            RfmGroupOut(
                group=group.group,
                name_zh=group.name_zh,
                name_en=group.name_en,
                about_zh=group.about_zh,
                about_en=group.about_en,
                members=count,
                member_share_bps=rules.share_bps(count, members),
                orders=sum(cell.orders for cell in own),
                net_fen=net,
                net_share_bps=rules.share_bps(net, net_fen),
            )
        )
    return told


async def concentration(db: Database, merchant_id: int, asked: Asked) -> Concentration:
    async with scoped(db, merchant_id, asked) as scope:
        wanted = sorted({*rules.TOP_PERCENTS, *rules.CURVE_PERCENTS})
        rows = await store.concentration(scope.conn, scope.cell_id, scope.period, scope.cut, wanted)
        found = {percent: (members, net) for percent, members, net in rows}
        members, net_fen = found.get(100, (0, 0))

        def share(percent: int) -> TopShare:
            count, net = found.get(percent, (0, 0))
            return TopShare(percent=percent, members=count, net_fen=net, net_share_bps=rules.share_bps(net, net_fen))

        return Concentration(
            **await scope.told(),
            members=members,
            net_fen=net_fen,
            top=[share(percent) for percent in rules.TOP_PERCENTS],
            curve=[share(percent) for percent in rules.CURVE_PERCENTS],
        )


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """The figure whose members are wanted, and what it needs to be told."""

    figure: BehindFigure = "active"
    method: RfmMethod = "rank"
    rfm: str | None = None
    group: str | None = None
    cohort: str | None = None
    months_later: int = 0
    month: str | None = None
    percent: int = 10
    within: int = 30


async def members_behind(
    db: Database,
    keys: MerchantKeys,
    merchant_id: int,
    asked: Asked,
    which: Which,
    cursor: str | None = None,
    limit: int = 50,
) -> MembersBehind:
    after = rules.behind_cursor(cursor)
    span: Span = "12 months" if which.figure in rules.YEARLY else "30 days"
    async with scoped(db, merchant_id, asked, span) as scope:
        wanted = await _wanted(scope, which)
        total, found = await store.behind_figure(scope.conn, wanted, after, limit + 1)
        page = found[:limit]
        names = await told_apart(scope.conn, scope.cell_id, keys, [row.member_id for row in page])
        told = await scope.told()
        if which.figure == "cohort":
            # What they did is told of the month in which they came.
            month = _month_of_cohort(which)
            told["period"] = PeriodOut(month.first, month.last, "asked")
        return MembersBehind(
            **told,
            members=total,
            items=[
                MemberBehind(
                    member_id=str(row.member_id),
                    name=names.get(row.member_id) or None,
                    orders=row.orders,
                    net_fen=row.net_fen,
                    first_day=row.first_day,
                    last_day=row.last_day,
                    points=row.points,
                )
                for row in page
            ],
            next_cursor=_cursor(page[-1]) if len(found) > limit else None,
        )


def _cursor(last: store.Behind) -> str:
    return f"{last.net_fen if last.points is None else last.points}.{last.member_id}"


def _month_of_cohort(which: Which) -> Period:
    first = rules.month_of(which.cohort or "", "cohort")
    return rules.month_from(rules.months_on(first, which.months_later))


async def _wanted(scope: Scope, which: Which) -> Wanted:
    cell_id, period, cut = scope.cell_id, scope.period, scope.cut
    match which.figure:
        case "rfm":
            if which.rfm is not None and which.group is not None:
                raise InvalidInput("group", "give rfm or group, not both", "rfm 和 group 只能给一个")
            cell = rules.rfm_cell(which.rfm) if which.rfm is not None else None
            group = rules.rfm_group_named(which.group) if cell is None else rules.RFM_GROUPS[0]
            return store.of_rfm(cell_id, period, cut, which.method, cell, (group.recent, group.often, group.much))
        case "top":
            return store.of_top(cell_id, period, cut, which.percent)
        case "cohort":
            first = rules.month_of(which.cohort or "", "cohort")
            return store.of_cohort(cell_id, cut, first, _month_of_cohort(which).first)
        case "first_purchase":
            return store.of_first_purchase(cell_id, period, cut)
        case "later_day" | "later_order" | "not_repurchased":
            whole_to = await scope.whole_to() or period.last
            condition = store.REPURCHASED[which.figure]
            return store.of_repurchase(cell_id, period, cut, which.within, whole_to, condition)
        case "points_expiring":
            return _of_points(scope, which)
        case _:
            return store.active(cell_id, period, cut, store.ACTIVE[which.figure])


def _of_points(scope: Scope, which: Which) -> Wanted:
    """StoreNotAllowed, InvalidInput: points belong to the member, not to a store or to goods."""
    asked = scope.asked
    if asked.only is not None:
        raise StoreNotAllowed()
    for field, given in (("store", asked.store), ("region", asked.region), ("category", asked.category)):
        if given is not None:
            raise InvalidInput(field, "points can't be told apart by it", "积分不按门店、区域或品类分")
    month = rules.month_from(rules.month_of(which.month or "", "month"))
    return store.of_points(scope.cell_id, scope.period, month, scope.merchant.timezone)
