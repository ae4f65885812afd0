"""The numbers of docs/rules/expiry.md."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from huimeng.ledger.rules import Expiry, Lot, draw, expires_at, last_valid_day
from huimeng.points import service as points
from tests.desk import Desk

PAGE = Path(__file__).parents[2] / "docs" / "rules" / "expiry.md"
_AFTER = re.compile(r"after (\d+) (day|month|year)(?:, end of (month|quarter|year))?")


def table(heading: str) -> list[dict[str, str]]:
    """Rows of the first table below a heading, by column."""
    below = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}", 1)[1].split("\n## ")[0]
    lines = [line.strip().strip("|") for line in below.splitlines() if line.startswith("|")]
    header, _, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    return [dict(zip(header, row, strict=True)) for row in rows]


def expiry(text: str) -> Expiry:
    if text == "never":
        return Expiry()
    if text.startswith("date "):
        month, day = text.removeprefix("date ").split("-")
        return Expiry(kind="date", month=int(month), day=int(day))
    match = _AFTER.fullmatch(text)
    assert match is not None, text
    return Expiry(kind="after", count=int(match[1]), span=match[2], round_to=match[3] or "day")  # type: ignore[arg-type]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("row", table("1."), ids=lambda row: f"{row['rule']} / {row['earned on']}")
def test_last_valid_day(row: dict[str, str]) -> None:
    found = last_valid_day(expiry(row["rule"]), date.fromisoformat(row["earned on"]))
    assert ("-" if found is None else found.isoformat()) == row["last valid day"]


@pytest.mark.parametrize("row", table("2."), ids=lambda row: f"{row['earned at (UTC)']} / {row['time zone']}")
def test_the_moment_it_ends(row: dict[str, str]) -> None:
    found = expires_at(expiry(row["rule"]), moment(row["earned at (UTC)"]), row["time zone"])
    assert found == moment(row["no longer valid from (UTC)"])


def test_spending_order() -> None:
    lots = [
        Lot(1, None, 200, 200, 0, False),
        Lot(2, moment("2026-07-01 00:00"), 100, 100, 0, False),
        Lot(3, moment("2027-01-01 00:00"), 50, 50, 0, False),
    ]
    names = {1: "never", 2: "June", 3: "December"}
    rows = table("3.")
    assert len(rows) == 4
    for row in rows:
        drawn, missing = draw(lots, int(row["spend"]), moment(row["at (UTC)"]))
        found = dict.fromkeys(names.values(), "0") | {names[lot]: str(part) for lot, part in drawn}
        assert {**found, "missing": str(missing)} == {
            name: row[name] for name in ("June", "December", "never", "missing")
        }


async def test_what_the_job_writes_off(desk: Desk) -> None:
    member = await desk.join()
    for row in table("4."):
        desk.clock.now = moment(row["at (UTC)"])
        what, _, rest = row["what happens"].partition(" ")
        written_off = "-"
        if what == "add":
            amount, _, until = rest.partition(" valid until ")
            await desk.adjust(member, int(amount), expires_at=moment(until) if until else None)
        elif what == "take":
            await desk.adjust(member, -int(rest))
        else:
            written_off = str(await desk.expire())
        async with desk.db.reader(desk.shop.merchant_id) as conn:
            view = (await points.balance(conn, desk.shop.merchant_id, member, desk.clock.now))[1]
        found = (str((await desk.held(member))[0]), str(view.available), written_off)
        assert found == (row["balance"], row["available"], row["written off"]), row
    assert await desk.history(member) == [
        ("adjust", 100),
        ("adjust", 60),
        ("adjust", -30),
        ("expire", -70),
        ("expire", -60),
    ]
    assert await desk.wrong() == []
