"""Rows of a members file: a person, and what the person brings along."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from huimeng.kernel.times import end_of_day, zone
from huimeng.member.kinds import KindName
from huimeng.member.values import IdentityInput, JoinSource, MemberInput
from huimeng.porting.rules import cells
from huimeng.porting.rules.cells import Memo
from huimeng.porting.rules.columns import Header
from huimeng.porting.rules.faults import CellFault, RowFault, shown
from huimeng.porting.rules.summary import is_no_row
from huimeng.porting.rules.swallowing import is_date, swallowed

if TYPE_CHECKING:
    from _csv import Reader

Lots = tuple[tuple[int, datetime | None], ...]

_IDENTITIES: tuple[KindName, ...] = ("external_id", "phone", "card_no")
_FREE = ("name", "join_source", "tags")
_DATES = ("birthday", "registered_at", "consent_at")
_NUMBER = re.compile(r"[\w+\-]*\d{3}[\w\-]*")
_TAGS = re.compile(r"[,,;;、|/]")
_NEVER = {"", "never", "永久", "永久有效", "长期", "长期有效", "不过期", "无"}
_DAY_ONLY = re.compile(r"[^:时]*\Z")


class MemberRecord(msgspec.Struct, frozen=True):
    """lots and growth are opening balances."""

    line: int
    member: MemberInput
    lots: Lots
    growth: int

    def given(self, field: str) -> str:
        """What the row says of a field, as far as one cell does."""
        value = next((each.value for each in self.member.identities if each.kind == field), None)
        value = value or getattr(self.member, field, "")
        return shown(str(value)) if isinstance(value, (str, date)) else ""


class MemberSettings(msgspec.Struct, frozen=True):
    """source_timezone is the zone of times without one; points expire at the end of a day in the merchant's.

    mainland: phones without a country are those of mainland China.
    """

    timezone: str
    source_timezone: str
    latest: datetime
    far: datetime
    date_order: str = ""
    mainland: bool = True


class MemberRows:
    """Takes the rows of the file in order; neighbouring rows that differ only in their points are one member."""

    reached = 0

    def __init__(self, header: Header, settings: MemberSettings, report: Callable[[RowFault], None]) -> None:
        self.rows = 0
        self.bad_rows = 0
        self.no_rows = 0
        # Rows with a masked number that are somebody's all the same.
        self.masked_numbers = 0
        self.records: list[MemberRecord] = []
        # Members taken without a birthday, because theirs has no year.
        self.birthdays_left_out = 0
        self._header = header
        self._report = report
        self._open: MemberRecord | None = None
        # Points of the open member's rows; None once they contradict, so that the member is left out.
        self._told: set[tuple[int, datetime | None]] | None = set()
        source, order = zone(settings.source_timezone), settings.date_order
        self._needed = [header.places[field] for field in (*_IDENTITIES, "name") if field in header.places]
        self._free = [header.places[field] for field in _FREE if field in header.places]

        def past(cell: str) -> datetime | None:
            return None if cells.is_no_date(cell) else cells.moment(cell, source, settings.latest, order)

        def birthday(cell: str) -> date | None:
            return None if cells.has_no_year(cell) else cells.calendar_day(cell, order)

        def expiry(cell: str) -> datetime | None:
            if cell.strip().lower() in _NEVER or cells.is_no_date(cell):
                return None
            if _DAY_ONLY.match(cell):
                day = cells.calendar_day(cell, order)
                if day is None or day.year > settings.far.year:
                    raise CellFault("time_out_of_range")
                return end_of_day(day, settings.timezone)
            return cells.moment(cell, source, settings.far, order)

        self._parsers: dict[str, Callable[[str], Any]] = {
            "external_id": lambda cell: cells.person_code(cell, 64),
            "name": lambda cell: cells.text(cell, 64),
            "phone": lambda cell: cells.phone(cell, mainland=settings.mainland),
            "card_no": lambda cell: cells.person_code(cell, 64),
            "birthday": Memo(birthday).__getitem__,
            "registered_at": past,
            "join_source": Memo(lambda cell: cells.text(cell, 64)).__getitem__,
            "points": Memo(cells.whole_number).__getitem__,
            "points_expires_at": Memo(expiry).__getitem__,
            "growth": Memo(cells.whole_number).__getitem__,
            "tags": Memo(_tags).__getitem__,
            "consent_at": past,
        }

    def take(self, reader: Reader, before: int) -> int:
        """Reads to the end of a block; see rules.order_rows.OrderRows.take."""
        width, end = self._header.width, 0
        try:
            for row in reader:
                start, end = end, reader.line_num
                if end - start > 1 and self._swallowed(row, before + start + 1):
                    continue
                if len(row) > width and not any(cell.strip() for cell in row[width:]):
                    del row[width:]
                if not any(cell.strip() for cell in row):
                    continue
                if is_no_row(row, self._header.names, self._needed, self._free, self.rows):
                    self.no_rows += 1
                    continue
                self.rows += 1
                self._row(row, before + start + 1)
        finally:
            self.reached = end
        return end

    def lost(self, line: int, fault: RowFault, row: Sequence[str] = ()) -> None:
        self.rows += 1
        self.bad_rows += 1
        self._report(fault)

    def _swallowed(self, row: list[str], line: int) -> bool:
        """Whether the record took in rows behind it; each of its lines is reported then."""
        lines = swallowed(row, self._header.width, self._is_row)
        for number, found in enumerate(lines, line):
            if any(found):
                self.lost(number, RowFault(number, "bad_csv", value=shown(found[0])))
        return bool(lines)

    def _is_row(self, row: Sequence[str]) -> bool:
        """By a number that somebody could be known by, or a date."""
        cells_of = ((field, row[place].strip()) for field, place in self._header.places.items())
        return any(
            (field in _IDENTITIES and _NUMBER.fullmatch(cell) is not None) or (field in _DATES and is_date(cell))
            for field, cell in cells_of
        )

    def finish(self) -> None:
        if self._open is not None and self._told is not None:
            self.records.append(self._open)
        self._open = None

    def told(self) -> dict[str, int]:
        """Counts that most files have nothing of."""
        found = {
            "no_rows": self.no_rows,
            "masked_numbers": self.masked_numbers,
            "birthdays_left_out": self.birthdays_left_out,
        }
        return {name: count for name, count in found.items() if count}

    def column(self, field: str) -> str:
        """The field's column as the file calls it."""
        return self._header.name_of(field)

    def _row(self, row: list[str], line: int) -> None:
        width = self._header.width
        if len(row) != width:
            code = "too_many_cells" if len(row) > width else "too_few_cells"
            self.lost(line, RowFault(line, code, value=shown(row[0]), note=f"{len(row)} / {width}"))
            return
        values: dict[str, Any] = {}
        faults: list[RowFault] = []
        for field, place in sorted(self._header.places.items(), key=itemgetter(1)):
            try:
                values[field] = self._parsers[field](row[place])
            except CellFault as fault:
                column = self._header.name_of(field)
                faults.append(RowFault(line, fault.code, column, shown(row[place]), fault.note))
        masked = self._masked(row)
        if not faults and not any(values.get(kind) for kind in _IDENTITIES):
            faults.append(
                RowFault(line, "no_identity", value=shown(row[0]))
                if masked is None
                else RowFault(line, "masked_number", self._header.name_of(masked), shown(self._cell(row, masked)))
            )
        if faults:
            self.bad_rows += 1
            for each in faults:
                self._report(each)
            return
        self.masked_numbers += masked is not None
        self.birthdays_left_out += cells.has_no_year(self._cell(row, "birthday"))
        self._add(_record(line, values))

    def _masked(self, row: list[str]) -> str | None:
        """The first column of numbers of which this row's is masked."""
        return next((field for field in _IDENTITIES if cells.is_masked(self._cell(row, field))), None)

    def _cell(self, row: list[str], field: str) -> str:
        place = self._header.places.get(field)
        return "" if place is None else row[place]

    def _add(self, record: MemberRecord) -> None:
        before = self._open
        if before is None or before.member != record.member:
            self.finish()
            self._open, self._told = record, set(record.lots)
            return
        if self._told is None or self._told.intersection(record.lots):
            self._told = None
            self.bad_rows += 1
            (points, _), *_ = record.lots or ((0, None),)
            self._report(RowFault(record.line, "points_repeated", self._header.name_of("points"), str(points)))
            return
        self._told.update(record.lots)
        if record.growth and before.growth and record.growth != before.growth:
            self.bad_rows += 1
            self._report(RowFault(record.line, "growth_differs", self._header.name_of("growth"), str(record.growth)))
            return
        self._open = MemberRecord(
            before.line, before.member, merge(before.lots + record.lots), before.growth or record.growth
        )


def _record(line: int, values: dict[str, Any]) -> MemberRecord:
    birthday: date | None = values.get("birthday")
    member = MemberInput(
        identities=[IdentityInput(kind, values[kind]) for kind in _IDENTITIES if values.get(kind)],
        name=values.get("name") or None,
        birthday=birthday,
        source=JoinSource(channel=values.get("join_source") or None),
        registered_at=values.get("registered_at"),
        consent_at=values.get("consent_at"),
        tags=list(values.get("tags", ())),
    )
    points = values.get("points", 0)
    lots: Lots = ((points, values.get("points_expires_at")),) if points else ()
    return MemberRecord(line, member, lots, values.get("growth", 0))


def _tags(cell: str) -> tuple[str, ...]:
    return tuple(tag for tag in (cells.text(part, 40) for part in _TAGS.split(cell)) if tag)


def merge(lots: Iterable[tuple[int, datetime | None]]) -> Lots:
    """One lot for each expiry, earliest first, never last."""
    points: dict[datetime | None, int] = {}
    for amount, expires_at in lots:
        points[expires_at] = points.get(expires_at, 0) + amount
    return tuple(
        (amount, expires_at)
        for expires_at, amount in sorted(points.items(), key=lambda item: (item[0] is None, str(item[0])))
    )
