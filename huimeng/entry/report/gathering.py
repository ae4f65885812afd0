"""Everything that a month's report tells, asked of the figures once."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta

import msgspec

from huimeng.analytics import service
from huimeng.analytics.rules import THIN, trade_from
from huimeng.analytics.service import Asked, points
from huimeng.analytics.values import (
    Audience,
    Breakdown,
    BucketOut,
    Cohorts,
    Concentration,
    Repurchase,
    Rfm,
    Top,
)
from huimeng.analytics.values.points import PointsFigures
from huimeng.infra.database import Database
from huimeng.kernel.errors import BusinessError, InvalidInput
from huimeng.kernel.times import business_day, utc_now
from huimeng.merchant.service import get_merchant
from huimeng.merchant.values import Merchant

TOP = 8
# Sales that name no goods may take several places among the products; they are no best sellers.
_TOP_ASKED = 3 * TOP
# A month with less than one order where another has so many is no measure for it.
# The month, the eleven before it, and the same month a year before.
MONTHS = 13
_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)


class NoFigures(BusinessError):
    """known: months that have orders, as ranges."""

    code = "report_month_empty"
    status = 404
    message_zh = "{month} 没有订单，没有可报告的数据。有数据的月份：{known_zh}"
    message_en = "There are no orders in {month}, so there is nothing to report. Months with data: {known}"


class NoOrdersYet(BusinessError):
    code = "report_nothing_yet"
    status = 404
    message_zh = "还没有订单，没有可报告的数据。先在收银台记账，或导入历史订单"
    message_en = "There are no orders yet, so there is nothing to report: ring some up, or import past ones"


class NotAPage(BusinessError):
    code = "report_not_overwritten"
    status = 409
    message_zh = "{path} 已经有了，而且不是网页，没有覆盖：请用 --out 另选位置"
    message_en = "{path} is there already and is no web page, so it was left alone: choose another one with --out"


class NotWritable(BusinessError):
    code = "report_not_written"
    status = 422
    message_zh = "写不了文件 {path}（{reason}），请用 --out 另选位置"
    message_en = "The file {path} could not be written ({reason}): choose another one with --out"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """months: 13 of them, the last is the one reported; it runs to today when it is not over. data_from: the month in
    which trade begins. repurchase: of those who first bought in twelve months, without the first month of the data, in
    which everybody looks new. year_from, firsts_from: where the data of the twelve months and the first buyers begin,
    if later than twelve months ago."""

    merchant: Merchant
    first: date
    last: date
    over: bool
    data_from: date
    year_from: date | None
    firsts_from: date | None
    made_at: datetime
    months: list[BucketOut]
    days: list[BucketOut]
    repurchase: Repurchase | None
    cohorts: Cohorts
    rfm: Rfm
    concentration: Concentration
    categories: Top
    products: Top
    stores: Breakdown
    audience: Audience
    points: PointsFigures

    @property
    def month(self) -> BucketOut:
        return self.months[-1]

    @property
    def before(self) -> BucketOut | None:
        """The month before; None when it has hardly an order."""
        return self._comparable(self.months[-2])

    @property
    def year_before(self) -> BucketOut | None:
        """The same month a year before; None when it has hardly an order."""
        return self._comparable(self.months[0])

    def _comparable(self, bucket: BucketOut) -> BucketOut | None:
        orders = bucket.figures.orders
        return bucket if orders and orders * THIN >= self.month.figures.orders else None


def month_days(text: str) -> tuple[date, date]:
    """2017-06 as its first and last day; InvalidInput."""
    match = _MONTH.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= 12 or not 1971 <= int(match[1]) <= 2999:
        raise InvalidInput("month", "a month such as 2017-06", "须为月份，如 2017-06")
    year, month = int(match[1]), int(match[2])
    return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])


async def gather(db: Database, merchant_id: int, month: str) -> Report:
    """InvalidInput, NoFigures, NoOrdersYet; brings the figures up first, so that nothing is missing in them."""
    first, last = month_days(month)
    await service.project(db, merchant_id)
    await points.project(db, merchant_id)
    known = await service.orders_by_month(db, merchant_id)
    if not known:
        raise NoOrdersYet()
    if first not in known:
        months = list(known)
        raise NoFigures(month=month, known=ranges(months, " to ", ", "), known_zh=ranges(months, " 至 ", "、"))
    async with db.reader(merchant_id) as conn:
        merchant = await get_merchant(conn, merchant_id)
    year_before = first.replace(year=first.year - 1)
    now = utc_now()
    today = business_day(now, merchant.timezone, merchant.day_cut_minutes)
    # Days to come would make everybody's last visit look longer ago than it is.
    until = min(last, max(first, today))
    twelve = (year_before + timedelta(days=31)).replace(day=1)
    data_from = min(first, trade_from(known) or first)
    second = (data_from + timedelta(days=31)).replace(day=1)
    firsts = max(twelve, second)
    this, year = Asked(first=first, last=until), Asked(first=twelve, last=until)
    return Report(
        merchant=merchant,
        first=first,
        last=until,
        over=today > last,
        data_from=data_from,
        year_from=data_from if data_from > twelve else None,
        firsts_from=firsts if firsts > twelve else None,
        made_at=now,
        months=(await service.trend(db, merchant_id, Asked(first=year_before, last=until), "month")).buckets,
        days=(await service.trend(db, merchant_id, this, "day")).buckets,
        repurchase=None
        if first < second
        else await service.repurchase(db, merchant_id, Asked(first=firsts, last=until)),
        cohorts=await service.cohorts(db, merchant_id, year),
        rfm=await service.rfm(db, merchant_id, year),
        concentration=await service.concentration(db, merchant_id, this),
        categories=_named(await service.top(db, merchant_id, this, "category", TOP + 1)),
        products=_named(await service.top(db, merchant_id, this, "product", _TOP_ASKED)),
        stores=await service.breakdown(db, merchant_id, this, "store"),
        audience=await service.audience(db, merchant_id, this),
        points=await points.points_figures(db, merchant_id, twelve, until),
    )


def _named(found: Top) -> Top:
    """Without sales that name no goods."""
    return msgspec.structs.replace(found, rows=[row for row in found.rows if row.name][:TOP])


def ranges(months: list[date], to: str, comma: str) -> str:
    """2017-01 to 2017-12, 2018-03."""
    runs: list[list[date]] = []
    for month in months:
        if runs and (month - runs[-1][-1]).days <= 31:
            runs[-1].append(month)
        else:
            runs.append([month])
    told = [f"{run[0]:%Y-%m}" if len(run) == 1 else f"{run[0]:%Y-%m}{to}{run[-1]:%Y-%m}" for run in runs]
    return comma.join(told)
