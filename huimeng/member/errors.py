"""What can be refused about members."""

from __future__ import annotations

from typing import Any

from huimeng.kernel.errors import Conflict, NotFound


class MemberNotFound(NotFound):
    code = "member_not_found"
    message_zh = "找不到会员 {what}"
    message_en = "Member {what} not found"


class IdentityNotFound(NotFound):
    code = "identity_not_found"
    message_zh = "该会员没有这项身份 {what}"
    message_en = "The member has no identity {what}"


class MemberErased(Conflict):
    code = "member_erased"
    message_zh = "该会员的个人信息已删除，不能再修改"
    message_en = "The personal data of this member was erased; it can't be changed any more"

    def __init__(self, member_id: int) -> None:
        super().__init__(member_id=str(member_id))


class IdentityTaken(Conflict):
    """kind and member_id (a string) say whose identity it is; the value stays out."""

    code = "identity_taken"
    message_zh = "{label_zh}已属于会员 {member_id}"
    message_en = "The {label_en} already belongs to member {member_id}"

    def __init__(self, kind: str, member_id: int, **labels: Any) -> None:
        super().__init__(kind=kind, member_id=str(member_id), **labels)
