"""Payloads of the members' routes, with the examples that the API reference shows."""

from __future__ import annotations

import msgspec
from litestar.openapi.spec import Example

from huimeng.member.service import MemberQuery
from huimeng.member.values import HeldView, MemberView


class MemberPage(msgspec.Struct, frozen=True):
    """Newest first. A page may be short although there is a next_cursor: a name search may look on."""

    items: list[MemberView]
    next_cursor: str | None


class IdentityList(msgspec.Struct, frozen=True):
    """All of the member's, at most a few."""

    items: list[HeldView]
    next_cursor: str | None = None


class IdentityValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The kind stays."""

    value: str

    def __repr__(self) -> str:
        return "IdentityValue(…)"


class MemberSearch(MemberQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One criterion, in the body: personal data in addresses ends up in logs."""

    limit: int = 50
    cursor: str | None = None


JOIN_EXAMPLES = [
    Example(
        summary="在门店扫码入会 / joined in a store",
        value={
            "identities": [
                {"kind": "phone", "value": "138 0000 1234"},
                {"kind": "external_id", "value": "crm-10086"},
            ],
            "name": "张小明",
            "birthday": "1990-03-15",
            "source": {"store_id": 1, "staff": "E007", "channel": "qr", "campaign": "2026-spring"},
            "consent_version": "2026-01",
            "consent_at": "2026-03-01T10:00:00+08:00",
            "tags": ["老客"],
        },
    )
]
PATCH_EXAMPLES = [
    Example(
        summary="改名、换手机号 / new name, new phone",
        value={
            "name": "张晓明",
            "add_identities": [{"kind": "phone", "value": "13900005678"}],
            "remove_identities": [{"kind": "phone", "value": "13800001234"}],
        },
    )
]
SEARCH_EXAMPLES = [
    Example(summary="按手机号 / by phone", value={"phone": "13800001234"}),
    Example(summary="按手机尾号 / by the last four digits", value={"phone_last4": "1234"}),
    Example(summary="按姓名 / by name", value={"name": "小明", "limit": 20}),
]
IDENTITY_EXAMPLES = [Example(summary="第二个手机号 / another phone", value={"kind": "phone", "value": "13900005678"})]
IDENTITY_VALUE_EXAMPLES = [Example(summary="新号码 / the new number", value={"value": "13900005678"})]
REVEAL_EXAMPLES = [
    Example(
        summary="回访前看手机号 / the phone number, to call back",
        value={"fields": ["name", "phone"], "reason": "投诉回访 工单 1024"},
    )
]
REVEALED_EXAMPLE = Example(
    summary="明文 / in the clear",
    value={
        "member_id": "2048",
        "name": "张小明",
        "birthday": None,
        "identities": [{"kind": "phone", "value": "13800001234"}],
    },
)
VIEW_EXAMPLE = Example(
    summary="已打码 / masked",
    value={
        "member_id": "2048",
        "status": "active",
        "name": "张**",
        "birthday": "****-03-15",
        "identities": [
            {"kind": "phone", "value": "138****1234"},
            {"kind": "external_id", "value": "crm-10086"},
        ],
        "source": {"store_id": 1, "staff": "E007", "channel": "qr", "campaign": "2026-spring"},
        "registered_at": "2026-03-01T02:00:01Z",
        "joined_at": "2026-03-01T02:00:01Z",
        "consent_version": "2026-01",
        "consent_at": "2026-03-01T02:00:00Z",
        "tags": ["老客"],
        "version": "5e1f0c9a3b7d2846",
    },
)
