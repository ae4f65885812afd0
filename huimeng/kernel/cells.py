"""Text for the cells of files that people open in a spreadsheet."""

from __future__ import annotations

# What a spreadsheet takes for the beginning of a formula, as typed and in full width.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")  # fmt: skip


def defused(text: str) -> str:
    """Text that a spreadsheet shows and doesn't run; plain() has it as it was."""
    return f"'{text}" if _runs(text) else text


def plain(text: str) -> str:
    """What was defused, as it was."""
    return text[1:] if text.startswith("'") and _runs(text) else text


def _runs(text: str) -> bool:
    """Also after apostrophes, so that one that stood there before is told from one that was added."""
    return text.lstrip("'").startswith(_FORMULA)
