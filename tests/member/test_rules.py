"""Names, phones, masks and ranges."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from huimeng.kernel.errors import InvalidInput
from huimeng.member import rules
from huimeng.member.kinds import KINDS
from huimeng.member.service import MemberQuery
from huimeng.member.values import IdentityInput, MemberInput

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("13800001234", "13800001234"),
        ("+86 138-0000-1234", "13800001234"),
        ("0086 13800001234", "13800001234"),
        ("8613800001234", "13800001234"),
        ("\uff11\uff13\uff18 0000\u30001234", "13800001234"),
        ("(0755) 1234-5678", "075512345678"),
        ("+1 302 555 0123", "+13025550123"),
        ("0013025550123", "+13025550123"),
        ("13025550123", "13025550123"),
        ("95588", "95588"),
    ],
)
def test_a_phone_number_has_one_form(given: str, kept: str) -> None:
    assert KINDS["phone"].normalise(given) == kept


@pytest.mark.parametrize("given", ["", "abc", "1234", "1" * 16, "138٠0001234", "1380000123x", "1\x00", "+", "\ud800"])
def test_what_is_no_phone_number_is_refused_by_name(given: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        KINDS["phone"].normalise(given)
    assert caught.value.fields["field"] == "phone"


@pytest.mark.parametrize("kind", ["card_no", "external_id"])
def test_codes_are_trimmed_and_made_ascii(kind: str) -> None:
    assert KINDS[kind].normalise(" \uff36\uff29\uff30-001 ") == "VIP-001"
    with pytest.raises(InvalidInput) as caught:
        KINDS[kind].normalise("x" * 65)
    assert caught.value.fields["field"] == kind


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("phone", "13800001234", "138****1234"),
        ("phone", "07551234", "****1234"),
        ("phone", "95588", "****88"),
        ("card_no", "6222000011112222", "****2222"),
        ("card_no", "A12", "****"),
        ("external_id", "crm-10086", "crm-10086"),
    ],
)
def test_identities_are_masked_by_kind(kind: str, value: str, shown: str) -> None:
    assert KINDS[kind].mask(value) == shown


@pytest.mark.parametrize(
    ("name", "shown"), [("张三", "张*"), ("张小明", "张**"), ("Alexander Smith", "A**"), ("李", "*")]
)
def test_names_show_their_first_sign(name: str, shown: str) -> None:
    assert rules.mask_name(name) == shown


def test_birthdays_show_no_year() -> None:
    assert rules.mask_birthday("1990-03-15") == "****-03-15"


def test_pieces_of_a_name_are_its_signs_and_bigrams() -> None:
    assert rules.name_pieces("张小明") == ["小", "小明", "张", "张小", "明"]
    assert rules.name_pieces("A-li B") == ["a", "al", "b", "i", "ib", "l", "li"]
    assert rules.name_pieces("☺") == []


def test_a_query_asks_for_bigrams_when_it_can() -> None:
    assert rules.query_pieces("小明") == ["小明"]
    assert rules.query_pieces("张小明") == ["小明", "张小"]
    assert rules.query_pieces("张") == ["张"]
    assert rules.query_pieces("·") == []


@pytest.mark.parametrize("day", [date(1900, 1, 1), date(2026, 3, 2)])
def test_birthdays_from_1900_to_today_wherever_it_is_today(day: date) -> None:
    assert rules.check_birthday(day, NOW) == day


@pytest.mark.parametrize("day", [date(1899, 12, 31), date(2026, 3, 3), date(9999, 1, 1), date(1, 1, 1)])
def test_other_birthdays_are_refused(day: date) -> None:
    with pytest.raises(InvalidInput) as caught:
        rules.check_birthday(day, NOW)
    assert caught.value.fields["field"] == "birthday"


@pytest.mark.parametrize(
    "moment",
    [datetime(2026, 3, 1, 12, 6, tzinfo=UTC), datetime(1969, 12, 31, tzinfo=UTC), datetime(2020, 1, 1)],  # noqa: DTZ001
)
def test_times_to_come_or_without_a_zone_are_refused(moment: datetime) -> None:
    with pytest.raises(InvalidInput) as caught:
        rules.check_time("consent_at", moment, NOW)
    assert caught.value.fields["field"] == "consent_at"


def test_tags_are_sorted_each_once_and_not_too_many() -> None:
    assert rules.clean_tags(["b", " a ", "b"]) == ["a", "b"]
    with pytest.raises(InvalidInput):
        rules.clean_tags(str(n) for n in range(51))


def test_personal_data_stays_out_of_logs() -> None:
    person = MemberInput(identities=[IdentityInput("phone", "13800001234")], name="张三")
    assert repr(person) == "MemberInput(…)"
    assert repr(person.identities) == "[IdentityInput(…)]"
    assert repr(MemberQuery(phone="13800001234")) == "MemberQuery(…)"
