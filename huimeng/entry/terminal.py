"""Tables at the terminal."""

from __future__ import annotations

from rich.table import Table


def folded(table: Table) -> Table:
    """What does not fit goes on in the next line: a timer's mail is 80 wide, and Chinese has no spaces to break at."""
    for column in table.columns:
        column.overflow = "fold"
    return table
