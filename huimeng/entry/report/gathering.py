"""Everything that a month's report tells, asked of the figures once."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta

import msgspec

from huimeng.analytics import service
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
# The month, the eleven before it, and the same month a year before.
MONTHS = 13
_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)


class NoFigures(BusinessError):
    """known: months that have orders, as ranges."""

    code = "report_month_empty"
    status = 404
    message_zh = "{month} 没有订单,没有可报告的数据。有数据的月份:{known_zh}"
    message_en = "There are no orders in {month}, so there is nothing to report. Months with data: {known}"


class NotWritable(BusinessError):
    code = "report_not_written"
    status = 422
    message_zh = "写不了文件 {path}({reason}),请用 --out 另选位置"
    message_en = "The file {path} could not be written ({reason}): choose another one with --out"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """months: 13 of them, the last is the one reported; over: whether that month has ended. repurchase: of those who
    first bought in twelve months, without the first month of the data, in which everybody looks new."""

    merchant: Merchant
    first: date
    last: date
    over: bool
    data_from: date
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
        """The month before; None when it has no order."""
        return self._with_orders(self.months[-2])

    @property
    def year_before(self) -> BucketOut | None:
        """The same month a year before; None when it has no order."""
        return self._with_orders(self.months[0])

    def _with_orders(self, bucket: BucketOut) -> BucketOut | None:
        return bucket if bucket.figures.orders else None


def month_days(text: str) -> tuple[date, date]:
    """2017-06 as its first and last day; InvalidInput."""
    match = _MONTH.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= 12 or not 1971 <= int(match[1]) <= 2999:
        raise InvalidInput("month", "a month such as 2017-06", "须为月份,如 2017-06")
    year, month = int(match[1]), int(match[2])
    return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])


async def gather(db: Database, merchant_id: int, month: str) -> Report:
    """InvalidInput, NoFigures; brings the figures up first, so that nothing is missing in them."""
    first, last = month_days(month)
    await service.project(db, merchant_id)
    await points.project(db, merchant_id)
    known = await _months_with_orders(db, merchant_id)
    if first not in known:
        raise NoFigures(month=month, known=ranges(known, " to ", ", "), known_zh=ranges(known, " 至 ", "、"))
    async with db.reader(merchant_id) as conn:
        merchant = await get_merchant(conn, merchant_id)
    year_before = first.replace(year=first.year - 1)
    twelve = Asked(first=(year_before + timedelta(days=31)).replace(day=1), last=last)
    this = Asked(first=first, last=last)
    # In the first month of the data everybody looks new.
    second = (known[0] + timedelta(days=31)).replace(day=1)
    firsts = Asked(first=max(twelve.first or second, second), last=last)
    now = utc_now()
    return Report(
        merchant=merchant,
        first=first,
        last=last,
        over=business_day(now, merchant.timezone, merchant.day_cut_minutes) > last,
        data_from=known[0],
        made_at=now,
        months=(await service.trend(db, merchant_id, Asked(first=year_before, last=last), "month")).buckets,
        days=(await service.trend(db, merchant_id, this, "day")).buckets,
        repurchase=None if first < second else await service.repurchase(db, merchant_id, firsts),
        cohorts=await service.cohorts(db, merchant_id, twelve),
        rfm=await service.rfm(db, merchant_id, twelve),
        concentration=await service.concentration(db, merchant_id, this),
        categories=await service.top(db, merchant_id, this, "category", TOP),
        products=await service.top(db, merchant_id, this, "product", TOP),
        stores=await service.breakdown(db, merchant_id, this, "store"),
        audience=await service.audience(db, merchant_id, this),
        points=await points.points_figures(db, merchant_id, twelve.first, twelve.last),
    )


async def _months_with_orders(db: Database, merchant_id: int) -> list[date]:
    """First days of the months that have orders."""
    years = sorted(await service.orders_by_year(db, merchant_id))
    if not years:
        return []
    found = []
    for year in years:
        asked = Asked(first=date(year, 1, 1), last=date(year, 12, 31))
        buckets = (await service.trend(db, merchant_id, asked, "month")).buckets
        found += [bucket.first for bucket in buckets if bucket.figures.orders]
    return found


def ranges(months: list[date], to: str, comma: str) -> str:
    """2017-01 to 2017-12, 2018-03; - without any."""
    runs: list[list[date]] = []
    for month in months:
        if runs and (month - runs[-1][-1]).days <= 31:
            runs[-1].append(month)
        else:
            runs.append([month])
    told = [f"{run[0]:%Y-%m}" if len(run) == 1 else f"{run[0]:%Y-%m}{to}{run[-1]:%Y-%m}" for run in runs]
    return comma.join(told) or "-"
