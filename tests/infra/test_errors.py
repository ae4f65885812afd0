"""What is not found is named in the language of the answer."""

from __future__ import annotations

import pytest

from huimeng.kernel.errors import NotFound
from huimeng.merchant.errors import StoreNotFound


@pytest.mark.parametrize(
    ("what", "zh", "en"),
    [
        ("order", "找不到订单", "order not found"),
        ("merchant", "找不到商户", "merchant not found"),
        ("7", "找不到7", "7 not found"),
    ],
)
def test_not_found(what: str, zh: str, en: str) -> None:
    assert (NotFound(what).text("zh"), NotFound(what).text("en")) == (zh, en)
    assert NotFound(what).problem("zh")["detail"] == zh


def test_a_code_that_is_a_word_of_ours_stays_a_code() -> None:
    assert "order" in StoreNotFound("order").text("zh")
