"""What a merchant's own data must look like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from huimeng.kernel.errors import InvalidInput
from huimeng.merchant import rules


@pytest.mark.parametrize(
    ("given", "kept"),
    [("  老王  烧烤 ", "老王 烧烤"), ("e\u0301", "é"), ("a\u3000b", "a b"), ("😀店", "😀店")],
)
def test_text_is_trimmed_and_composed(given: str, kept: str) -> None:
    assert rules.clean_text("name", given, 10) == kept


@pytest.mark.parametrize(
    "given", ["", " \u3000", "a\x00b", "a\nb", "\ud800", "a\u202eb", "x" * 11, "x" * 1_000_000, "\x85"]
)
def test_text_that_is_empty_too_long_or_has_control_signs_is_refused(given: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        rules.clean_text("legal_entity", given, 10)
    assert caught.value.fields["field"] == "legal_entity"


@pytest.mark.parametrize("code", ["demo", "a", "9-lives", "x" * 40])
def test_a_merchant_code_is_fit_for_an_address(code: str) -> None:
    assert rules.merchant_code(code) == code


@pytest.mark.parametrize("code", ["", "Demo", "-x", "a b", "店", "x" * 41, "a\n"])
def test_other_merchant_codes_are_refused(code: str) -> None:
    with pytest.raises(InvalidInput):
        rules.merchant_code(code)


def test_place_codes_have_ascii_digits() -> None:
    assert rules.place_code("code", "S-\uff10\uff101") == "S-001"


def test_a_uscc_is_kept_in_capitals_with_a_right_check_character() -> None:
    assert rules.uscc(" 91350100m000100y43 ") == "91350100M000100Y43"


@pytest.mark.parametrize("code", ["91350100M000100Y44", "9135010", "91350100I000100Y43", ""])
def test_a_wrong_uscc_is_refused(code: str) -> None:
    with pytest.raises(InvalidInput):
        rules.uscc(code)


def test_scopes_are_sorted_and_everything_includes_the_rest() -> None:
    assert rules.scopes(["orders:write", "members:read", "orders:write"]) == ["members:read", "orders:write"]
    assert rules.scopes(["orders:read", "*"]) == ["*"]


@pytest.mark.parametrize("given", [[], ["orders:delete"], [""]])
def test_unknown_or_no_scopes_are_refused(given: list[str]) -> None:
    with pytest.raises(InvalidInput):
        rules.scopes(given)


def test_a_token_is_read_back_also_when_its_secret_has_underscores() -> None:
    secret = "_-" * 21 + "_"
    assert rules.parse_token(rules.format_token(12, 3, secret)) == rules.Token(12, 3, secret)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hm_1_1_short",
        "hm_-1_1_" + "a" * 43,
        "hm_1_1_" + "a" * 44,
        "xx_1_1_" + "a" * 43,
        "hm_١_1_" + "a" * 43,
    ],
)
def test_what_is_no_token_is_not_read(text: str) -> None:
    assert rules.parse_token(text) is None


def test_a_key_ends_at_its_time_or_when_revoked() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert rules.usable(now, None, None)
    assert rules.usable(now, now + timedelta(microseconds=1), None)
    assert not rules.usable(now, now, None)
    assert not rules.usable(now, None, now)
