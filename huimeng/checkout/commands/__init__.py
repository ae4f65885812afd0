"""The till's commands."""

from huimeng.checkout.commands.refunding import RefundOrder
from huimeng.checkout.commands.taking import (
    CompleteOrder,
    ImportOrder,
    ImportOutcome,
    ImportStatus,
    cap_keys,
    earned_out,
    lines_out,
    reasons_out,
)

__all__ = [
    "CompleteOrder",
    "ImportOrder",
    "ImportOutcome",
    "ImportStatus",
    "RefundOrder",
    "cap_keys",
    "earned_out",
    "lines_out",
    "reasons_out",
]
