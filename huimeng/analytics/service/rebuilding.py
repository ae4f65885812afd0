"""All figures anew because somebody says so; what the worker makes anew by itself is recorded nowhere."""

from __future__ import annotations

from huimeng.analytics.service import points, projecting
from huimeng.infra import audit
from huimeng.infra.database import Database
from huimeng.kernel.ids import cell_of


async def rebuild_figures(db: Database, merchant_id: int) -> tuple[int, int]:
    """(rows made, transfers counted); FiguresBeingMade."""
    rows = await projecting.rebuild(db, merchant_id)
    transfers = await points.rebuild(db, merchant_id)
    made = {"rows": rows, "transfers": transfers}
    async with db.tenant(merchant_id) as conn:
        await audit.record(conn, cell_of(merchant_id), "figures.rebuilt", ("merchant", merchant_id), after=made)
    return rows, transfers
