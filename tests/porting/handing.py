"""Handing files in over HTTP, and looking at what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from huimeng.entry.context import Context
from tests.served import fresh

ORDERS = "order_no,ordered_at,store,member,sku,paid_amount\nA1,2026-03-01 10:00:00,s1,,milk,12.00\n"
BAD = ORDERS + '=cmd|calc,2026-03-01 10:00:00,s1,"=HYPERLINK(""http://x"")",milk,ten\n'
MEMBERS = "external_id,phone,name,points\nV1,13800009901,张三,120\n"


async def hand_in(till: httpx.AsyncClient, text: str = ORDERS, **options: Any) -> dict[str, Any]:
    answer = await till.post(
        "/v1/imports",
        params={"kind": "orders", "file_name": "三月.csv", **options},
        content=text.encode(),
        headers=fresh(**{"Content-Type": "text/csv"}),
    )
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def look(till: httpx.AsyncClient, started: dict[str, Any]) -> dict[str, Any]:
    answer = await till.get(f"/v1/imports/{started['import_id']}")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def incoming(context: Context) -> list[Path]:
    """Files that are being received."""
    return list((context.settings.data_dir / "import" / "uploads").rglob(".incoming-*"))


def part(name: str, text: str, filename: str | None = None) -> str:
    shown = "" if filename is None else f'; filename="{filename}"'
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{shown}\r\n\r\n{text}\r\n'
