"""Login names, passwords and counting, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from huimeng.kernel.errors import InvalidInput
from huimeng.merchant.errors import WeakPassword
from huimeng.merchant.rules import SCOPES, people
from huimeng.merchant.rules.permissions import PERMISSION_WORDS, ROLE_WORDS
from huimeng.merchant.service.passwords import one_time_password

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "x" * 129,
        "password",
        "Password123",
        "PASSWORD!",
        "12345678",
        "87654321",
        "20300101",
        "aaaaaaaa",
        "abababab",
        "abcabcabc",
        "qwertyuiop",
        "poiuytrewq",
        "asdfghjkl",
        "iloveyou2024",
        "woaini1314",
        "huimeng2030",
        "5201314520",
        "lao-wang-1",
        "Lao-Wang-1",
        "my-shop-99",
    ],
)
def test_passwords_that_are_guessed_first(password: str) -> None:
    with pytest.raises(WeakPassword):
        people.check_password(password, "lao-wang-1", "my-shop")


@pytest.mark.parametrize(
    "password", ["tea for the tillerman", "x7-Kp2vQ", "会员系统真好用呀", "🐟🐠🐡🦈🐙🦑🦐🦞", "y" + "abc" * 42]
)
def test_passwords_that_will_do(password: str) -> None:
    people.check_password(password, "lao-wang-1", "my-shop")


def test_a_one_time_password_is_one_that_will_do() -> None:
    made = {one_time_password() for _ in range(100)}
    assert len(made) == 100
    for password in made:
        people.check_password(password)
        assert not set(password) & set("01ilo")


def test_login_names() -> None:
    assert [people.login_name(text) for text in (" XiaoLi ", "a.b@shop.cn", "13800001234", "ｌｉ２")] == [
        "xiaoli",
        "a.b@shop.cn",
        "13800001234",
        "li2",
    ]
    for wrong in ("", "a", "小李", "a b", "-ab", "a\0b", "x" * 65, "a\nb", "abc\n" + "x" * 300):
        with pytest.raises(InvalidInput):
            people.login_name(wrong)


def test_phones() -> None:
    assert {people.phone(text) for text in ("13800001234", "+86 138-0000-1234", "(138)00001234")} == {"+8613800001234"}
    for wrong in ("", "123", "phone", "1" * 20, "+"):
        with pytest.raises(InvalidInput):
            people.phone(wrong)


def test_wrong_passwords_are_counted() -> None:
    failed, locked = 0, None
    for number in range(1, 6):
        found = people.attempt(NOON, failed, locked)
        assert (found.admitted, found.failed) == (True, number)
        failed, locked = found.failed, found.locked_until
    assert locked == NOON + timedelta(minutes=15)
    assert not people.attempt(locked - timedelta(seconds=1), failed, locked).admitted
    assert people.attempt(locked, failed, locked) == people.Attempt(True, 1, None)


def test_sessions_end() -> None:
    def alive(role: str, *, age: timedelta, idle: timedelta, ended: datetime | None = None) -> bool:
        return people.session_alive(NOON, role, NOON - age, NOON - idle, ended)

    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    assert alive("owner", age=11 * hour, idle=29 * minute)
    assert not alive("owner", age=11 * hour, idle=30 * minute)
    assert not alive("owner", age=12 * hour, idle=minute)
    assert alive("cashier", age=11 * hour, idle=11 * hour)
    assert not alive("cashier", age=minute, idle=minute, ended=NOON)


def test_which_page_sent_it() -> None:
    own = "http://localhost:8000"
    for site, origin, expected in (
        (None, None, "unknown"),
        ("same-origin", None, "same"),
        ("none", None, "same"),
        (None, own, "same"),
        ("same-origin", own, "same"),
        ("cross-site", own, "other"),
        ("same-site", None, "other"),
        ("same-origin", "http://localhost:9000", "other"),
        (None, "https://localhost:8000", "other"),
        (None, "null", "other"),
        (None, "", "other"),
    ):
        assert people.sent_from(site, origin, own) == expected


def test_who_may_give_what() -> None:
    assert people.may_give(frozenset({"*"}), "owner")
    assert not people.may_give(SCOPES - {"*"}, "owner")
    assert people.may_give(SCOPES - {"*"}, "cashier")
    assert not people.may_give(frozenset({"staff:write"}), "cashier")


def test_every_permission_and_role_has_words() -> None:
    from huimeng.merchant.rules import ROLES

    assert set(PERMISSION_WORDS) == SCOPES
    assert set(ROLE_WORDS) == set(ROLES)
