"""Money in integer fen (1/100 of the currency's unit), and exact ways to share an integer."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Far beyond any bill, far below where sums of bills could leave a bigint.
FEN_MAX = 10**13

_YUAN = re.compile(r"([+-]?)(\d{1,12})(?:\.(\d{1,2}))?\Z", re.ASCII)


def parse_fen(text: str) -> int:
    """Yuan with at most two decimals to fen; ValueError for anything else."""
    match = _YUAN.match(text)
    if match is None:
        raise ValueError(f"not an amount in yuan with at most 2 decimals: {text[:40]!r}")
    sign, whole, cents = match.groups()
    fen = int(whole) * 100 + int((cents or "0").ljust(2, "0"))
    return -fen if sign == "-" else fen


def format_fen(fen: int) -> str:
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def towards_zero(fen: int, step: int) -> int:
    """The nearest multiple of step that is not farther from zero."""
    size = abs(fen) - abs(fen) % step
    return size if fen >= 0 else -size


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Shares of a total >= 0 by weights >= 0, summing to it exactly (largest remainder, earlier index wins a tie).

    With no positive weight the first share takes everything.
    """
    whole = sum(weights)
    if whole <= 0:
        shares = [0] * len(weights)
        shares[0] = total
        return shares
    shares = [total * weight // whole for weight in weights]
    missing = total - sum(shares)
    if missing:
        by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
        for i in by_remainder[:missing]:
            shares[i] += 1
    return shares
