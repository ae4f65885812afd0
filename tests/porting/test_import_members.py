"""Members from a file, and what they bring along, once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from huimeng.infra.database import Database
from huimeng.ledger.rules import Unit, account_id
from huimeng.porting.errors import MissingColumns
from huimeng.porting.service import ImportOptions, ImportResult, import_members
from tests.conftest import Shop
from tests.porting.conftest import Bench, as_csv, error_rows

HEADER = ("会员编号", "姓名", "手机号", "生日", "注册时间", "积分", "积分有效期", "成长值", "标签")
ROWS = [
    ["m1", "张三", "13800000001", "1990-03-05", "2024-01-02 10:00:00", "120", "2099-12-31", "300", "老客,VIP"],
    ["m2", "李四", "13800000002", "", "2024-02-02 10:00:00", "0", "", "", ""],
    ["m3", "", "", "", "2024/3/2", "50", "永久", "0", ""],
]


def write(path: Path, rows: list[list[str]], encoding: str = "utf-8") -> Path:
    path.write_text(as_csv(rows, HEADER), encoding=encoding)
    return path


def outcomes(result: ImportResult) -> list[int]:
    names = ("created", "linked", "unchanged", "conflict", "refused", "openings_created")
    return [result.counts[name] for name in names]


async def book(db: Database, shop: Shop) -> list[tuple[int, int]]:
    """(unit, balance) of the members' accounts that aren't empty."""
    async with db.tenant(shop.merchant_id) as conn:
        cursor = await conn.execute(
            "select account_id %% 64, balance from account where cell_id = %s and balance > 0 order by 1, 2",
            (shop.cell_id,),
        )
        return [(row[0], row[1]) for row in await cursor.fetchall()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_members_and_their_balances_come_in_once(bench: Bench, shop: Shop, tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "members.csv", ROWS, encoding)

    assert outcomes(await import_members(bench, shop.merchant_id, path)) == [3, 0, 0, 0, 0, 2]
    opened = [(Unit.POINTS, 50), (Unit.POINTS, 120), (Unit.GROWTH, 300)]
    assert await book(bench.db, shop) == opened
    assert outcomes(await import_members(bench, shop.merchant_id, path)) == [0, 0, 3, 0, 0, 0]
    re_sorted = write(tmp_path / "b.csv", ROWS[::-1])
    assert outcomes(await import_members(bench, shop.merchant_id, re_sorted)) == [0, 0, 3, 0, 0, 0]
    assert await book(bench.db, shop) == opened


async def test_points_end_with_their_last_day_in_the_merchants_zone(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    await import_members(bench, shop.merchant_id, write(tmp_path / "members.csv", ROWS[:1]))
    async with bench.db.tenant(shop.merchant_id) as conn:
        cursor = await conn.execute("select expires_at, earned from lot where cell_id = %s order by 2", (shop.cell_id,))
        assert await cursor.fetchall() == [(datetime(2099, 12, 31, 16, tzinfo=UTC), 120), (None, 300)]
        cursor = await conn.execute("select member_id from member where cell_id = %s", (shop.cell_id,))
        ((member_id,),) = await cursor.fetchall()
        cursor = await conn.execute("select credit_account, kind from transfer where cell_id = %s", (shop.cell_id,))
        assert {row[0] for row in await cursor.fetchall()} == {
            account_id(member_id, Unit.POINTS),
            account_id(member_id, Unit.GROWTH),
        }


async def test_lots_of_one_member_stand_in_rows_together(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    more = [*ROWS[0][:5], "30", "2098-06-30", "", ROWS[0][8]]
    path = write(tmp_path / "members.csv", [ROWS[0], more, ROWS[1]])
    assert outcomes(await import_members(bench, shop.merchant_id, path)) == [2, 0, 0, 0, 0, 1]
    assert await book(bench.db, shop) == [(Unit.POINTS, 150), (Unit.GROWTH, 300)]
    apart = write(tmp_path / "b.csv", [ROWS[0], ROWS[1], more])
    assert outcomes(await import_members(bench, shop.merchant_id, apart)) == [0, 0, 3, 0, 0, 0]


async def test_points_that_may_be_a_repeat_are_not_guessed(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    """The member is left out as a whole, or what was taken would stand against the corrected file."""
    more = [*ROWS[0][:5], "30", ROWS[0][6], "", ROWS[0][8]]
    path = write(tmp_path / "a.csv", [ROWS[0], more, ROWS[0], more, ROWS[1]])
    checked = await import_members(bench, shop.merchant_id, path, ImportOptions(dry_run=True))
    result = await import_members(bench, shop.merchant_id, path)
    assert outcomes(result) == outcomes(checked) == [1, 0, 0, 0, 0, 0]
    faults = [(f["line"], f["column"], f["value"], f["code"]) for f in error_rows(result.error_file)]
    assert faults == [("4", "积分", "120", "points_repeated"), ("5", "积分", "30", "points_repeated")]
    assert (result.bad_rows, await book(bench.db, shop)) == (2, [])
    nothing = [*ROWS[1][:5], "0", "", "", ""]
    path = write(tmp_path / "b.csv", [ROWS[0], more, ROWS[1], nothing, nothing])
    assert (await import_members(bench, shop.merchant_id, path)).bad_rows == 0
    assert await book(bench.db, shop) == [(Unit.POINTS, 150), (Unit.GROWTH, 300)]


async def test_changed_rows_are_conflicts_and_change_nothing(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    await import_members(bench, shop.merchant_id, write(tmp_path / "a.csv", ROWS))
    before = await book(bench.db, shop)
    changed = [[*row] for row in ROWS]
    changed[0][5] = "999"
    changed[1][1] = "王五"
    changed[2][2] = "13800000001"  # the phone of m1

    result = await import_members(bench, shop.merchant_id, write(tmp_path / "b.csv", changed))

    assert outcomes(result) == [0, 0, 0, 3, 0, 0]
    assert [(f["line"], f["code"]) for f in error_rows(result.error_file)] == [
        ("2", "conflict"),
        ("3", "conflict"),
        ("4", "conflict"),
    ]
    assert [f["reason_en"].rpartition(": ")[2] for f in error_rows(result.error_file)] == [
        "points, growth",
        "name",
        "identities",
    ]
    assert await book(bench.db, shop) == before


async def test_bad_rows_are_reported(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows = [
        ROWS[0],
        ["m7", "a\x00b", "12", "1990-02-30", "2024-01-01", "-5", "soon", "", ""],
        ["", "", "", "", "", "", "", "", ""],
        ["", "无名", "", "", "", "", "", "", ""],
        ["m8", "", "call me", "", "", "", "", "", ""],
        ["m9", "", "", "1850-01-01", "", "", "", "", ""],
        ROWS[1],
    ]
    result = await import_members(bench, shop.merchant_id, write(tmp_path / "members.csv", rows))
    assert outcomes(result) == [2, 0, 0, 0, 1, 1]
    assert (result.rows, result.bad_rows) == (6, 3)
    values = {(f["line"], f["column"]): f["value"] for f in error_rows(result.error_file)}
    assert (values["3", "手机号"], values["6", "手机号"], values["7", "生日"]) == ("****12", "****me", "****")
    assert [(f["line"], f["column"], f["code"]) for f in error_rows(result.error_file)] == [
        ("3", "姓名", "bad_characters"),
        ("3", "手机号", "bad_phone"),
        ("3", "生日", "bad_date"),
        ("3", "积分", "bad_points"),
        ("3", "积分有效期", "bad_date"),
        ("5", "", "no_identity"),
        ("6", "手机号", "bad_phone"),
        ("7", "生日", "not_valid"),
    ]


async def test_a_dry_run_says_what_an_import_would_do(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    await import_members(bench, shop.merchant_id, write(tmp_path / "a.csv", ROWS[:2]))
    before = await book(bench.db, shop)
    changed = [*ROWS, ["m2", "王五", "", "", "", "", "", "", ""]]
    path = write(tmp_path / "b.csv", changed)
    dry = await import_members(bench, shop.merchant_id, path, ImportOptions(dry_run=True))
    assert await book(bench.db, shop) == before
    real = await import_members(bench, shop.merchant_id, path)
    assert outcomes(dry) == outcomes(real) == [1, 0, 2, 1, 0, 1]


async def test_a_conflict_within_a_file_names_the_other_line(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [ROWS[0], ROWS[1], ["m1", "王五", *ROWS[0][2:]], [*ROWS[1][:5], "7", "", "", ""]])
    for dry_run in (True, False):
        result = await import_members(bench, shop.merchant_id, path, ImportOptions(dry_run=dry_run))
        told = [(f["line"], f["column"], f["value"], f["reason_en"]) for f in error_rows(result.error_file)]
        assert told[0][:3] == ("4", "姓名", "王*")
        assert told[0][3].endswith("nothing changed: name (line 2 is the same member)")
    again = await import_members(bench, shop.merchant_id, write(tmp_path / "b.csv", [["m1", "王五", *ROWS[0][2:]]]))
    assert error_rows(again.error_file)[0]["reason_en"].endswith("nothing changed: name")


async def test_what_can_be_no_birthday_costs_no_member(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    rows = [
        ["m1", "", "", "0000-00-00", "0000-00-00 00:00:00", "1,200分", "0000-00-00", "", ""],
        ["m2", "", "", "5月1日", "", "300 积分", "", "", ""],
        ["m3", "", "", "13月1日", "", "", "", "", ""],
    ]
    result = await import_members(bench, shop.merchant_id, write(tmp_path / "a.csv", rows))
    assert (outcomes(result), result.counts["birthdays_left_out"]) == ([2, 0, 0, 0, 0, 2], 1)
    assert [(f["line"], f["code"]) for f in error_rows(result.error_file)] == [("4", "bad_date")]
    assert await book(bench.db, shop) == [(Unit.POINTS, 300), (Unit.POINTS, 1200)]


async def both_ways(bench: Bench, shop: Shop, path: Path) -> tuple[ImportResult, ImportResult]:
    """A dry run and the import after it; what the first left out as it was then."""
    dry = await import_members(
        bench, shop.merchant_id, path, ImportOptions(dry_run=True, error_file=path.with_suffix(".dry"))
    )
    return dry, await import_members(bench, shop.merchant_id, path)


async def test_a_dry_run_sees_who_comes_twice_in_the_file(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    filler = [[f"f{n}", "", "", "", "", "", "", "", ""] for n in range(700)]
    first, last = [*ROWS[0]], [*ROWS[0]]
    last[5] = "121"
    phone_only = ["", "张三", "13800000001", "", "", "", "", "", ""]
    other_name = ["", "王五", "138-0000-0001", "", "", "", "", "", ""]
    with_card = ["m2", "", "", "1991-01-01", "", "", "", "", ""]
    of_two = ["m2", "", "13800000001", "", "", "", "", "", ""]
    rows = [first, ROWS[1], *filler, phone_only, other_name, with_card, first, of_two, last]
    path = write(tmp_path / "members.csv", rows)
    dry, real = await both_ways(bench, shop, path)
    assert outcomes(dry) == outcomes(real) == [702, 1, 2, 3, 0, 1]
    assert error_rows(dry.error_file) == error_rows(real.error_file)
    assert [(f["line"], f["reason_en"].rpartition(": ")[2]) for f in error_rows(dry.error_file)] == [
        ("705", "name (line 2 is the same member)"),
        ("708", "identities"),
        ("709", "points, growth (line 2 is the same member)"),
    ]


@pytest.mark.parametrize("seed", range(6))
async def test_a_dry_run_of_any_file_comes_to_what_the_import_comes_to(
    bench: Bench, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr("huimeng.porting.service.members._WINDOW", 3)
    monkeypatch.setattr("huimeng.porting.service.members._BLOCK_BYTES", 300)
    dice = Random(seed)
    rows = [
        [
            dice.choice(["", *(f"m{n}" for n in range(25))]),
            dice.choice(["", "", "张三", "李四"]),
            dice.choice(["", "", *(f"1380000{n:04}" for n in range(25)), "12"]),
            dice.choice(["", "", "1990-03-05", "1850-01-01"]),
            dice.choice(["", "", "2024-01-02 10:00:00"]),
            dice.choice(["", "0", "50", "120"]),
            "",
            dice.choice(["", "", "300"]),
            dice.choice(["", "老客", "VIP、老客"]),
        ]
        for _ in range(120)
    ]
    await import_members(bench, shop.merchant_id, write(tmp_path / "before.csv", rows[:20]))
    path = write(tmp_path / "members.csv", rows[20:])
    dry, real = await both_ways(bench, shop, path)
    assert (outcomes(dry), dry.rows, dry.bad_rows) == (outcomes(real), real.rows, real.bad_rows)
    assert sorted(map(str, error_rows(dry.error_file))) == sorted(map(str, error_rows(real.error_file)))
    created, linked, _, conflict, refused, openings = outcomes(dry)
    assert min(created, linked, conflict, refused, openings) > 0


async def test_rows_in_a_cell_that_was_never_closed_are_told(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    rows = [f"1380000100{n},name{n},note" for n in range(6)]
    rows[1], rows[3] = '13800001001,"name1,note', '13800001003,5",note'
    rows[4] = '13800001004,"name4\nStreet 5, Town, 12345, Country",note'
    path.write_text("phone,name,remark\n" + "\n".join(rows) + "\n", encoding="utf-8")
    result = await import_members(bench, shop.merchant_id, path)
    assert [(f["line"], f["code"]) for f in error_rows(result.error_file)] == [(str(n), "bad_csv") for n in (3, 4, 5)]
    assert (result.rows, result.bad_rows, result.counts["created"]) == (6, 3, 3)


async def test_a_file_without_identities(bench: Bench, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "members.csv"
    path.write_text("姓名,积分\n张三,5\n", encoding="utf-8")
    with pytest.raises(MissingColumns):
        await import_members(bench, shop.merchant_id, path)


class Killed(Exception):
    pass


async def test_a_killed_import_of_members_goes_on(
    bench: Bench, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huimeng.porting.service.members._BLOCK_BYTES", 500)
    monkeypatch.setattr("huimeng.porting.service.members._WINDOW", 10)
    monkeypatch.setattr("huimeng.porting.service.members._JOB_SAVED_SECONDS", 0.0)
    monkeypatch.setattr("huimeng.porting.service.importing._TOLD_SECONDS", 0.0)
    rows = [[f"k{n}", f"客{n % 7}", "", "", "", str(n % 3), "", "", ""] for n in range(200)]
    path = write(tmp_path / "members.csv", rows)

    def progress(phase: str, done: int, total: int, counts: Mapping[str, int]) -> None:
        if counts["line"] > 90:
            raise Killed

    with pytest.raises(Killed):
        await import_members(bench, shop.merchant_id, path, progress=progress)
    result = await import_members(bench, shop.merchant_id, path)

    assert result.resumed
    assert result.counts["created"] + result.counts["unchanged"] == 200
    assert result.counts["conflict"] == 0
    assert len(await book(bench.db, shop)) == 133
    again = await import_members(bench, shop.merchant_id, path)
    assert outcomes(again) == [0, 0, 200, 0, 0, 0]
