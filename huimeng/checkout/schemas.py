"""Payloads of trying rules on a bill: they hold rules as the earning-rule routes take them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.openapi.spec import Example
from msgspec import Meta

from huimeng.checkout.values import BillIn
from huimeng.points.schemas import RuleBody

DraftIdText = Annotated[str, Meta(max_length=19, description="digits as text")]


class TryIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bill, and what to try on it: drafts by id, rules as they would be made, or both.

    Each counts from the bill's time on. alone: without the rules that are in force; else beside them, a draft in place
    of the rule that it changes. Rules of the request are numbered from 1. new_member: a bill that names no member is
    tried as the first one of a new member; without it nobody earns by it.
    """

    bill: BillIn
    drafts: Annotated[list[DraftIdText], Meta(max_length=20)] = []
    rules: Annotated[list[RuleBody], Meta(max_length=20)] = []
    alone: bool = False
    new_member: bool = False


TRY_EXAMPLES = [
    Example(
        summary="周三生鲜双倍 / double points on fresh goods",
        value={
            "bill": {
                "store": "s1",
                "lines": [
                    {"sku": "milk-1l", "category": "乳品", "paid_fen": 2580},
                    {"sku": "egg-10", "category": "生鲜", "paid_fen": 1290},
                ],
                "tenders": [{"kind": "wechat", "amount_fen": 3870}],
            },
            "rules": [{"name": "生鲜双倍", "multiplier": "2", "categories": ["生鲜"]}],
        },
    )
]
