"""Tables that people open in a spreadsheet: what somebody typed stays text there."""

from __future__ import annotations

import csv
import io
import time
from typing import Any

import httpx

from tests.attack.house import Watched
from tests.attack.stand import Stand

FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    '=HYPERLINK("http://evil","x")',
    "=cmd|' /C calc'!A0",
    "＝1+1",
]
# What a cell may not begin with; a lone sign or a plain number is no formula.
BEGINNINGS = ("=", "+", "@", "\t", "\r", "＝", "＋", "＠")
# Operations that answer with a table, each tried below.
DOWNLOADS = {"GET /v1/imports/{import_id}/errors", "GET /v1/audit/export"}


def test_every_download_is_known(stand: Stand) -> None:
    """A new one has to be tried here."""
    found = {
        operation.name
        for operation in stand.operations
        for answer in operation.told["responses"].values()
        for kind in answer.get("content", {})
        if "json" not in kind
    }
    assert found == DOWNLOADS


def dangerous(text: str) -> list[str]:
    """Cells of a CSV that a spreadsheet would run."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    cells = [cell for row in rows for cell in row]
    assert len(cells) > 10, text
    return [cell for cell in cells if cell.startswith(BEGINNINGS) or (cell[:1] == "-" and not _number(cell))]


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_control_a_formula_is_seen() -> None:
    rows = "\n".join(f'"{text.replace(chr(34), chr(34) * 2)}",1,-5' for text in FORMULAS)
    assert len(dangerous(rows)) == len(FORMULAS)


def test_rows_that_an_import_gave_back(house: Watched) -> None:
    """Values of orders come back as they were; a member's never do."""
    cells = [f'"{text.replace(chr(34), chr(34) * 2)}"' for text in FORMULAS]
    orders = "".join(f"{cell},s1,2026-03-04 12:00,1,{cell},{cell}\n" for cell in cells)
    members = "".join(f"{cell},{cell}\n" for cell in cells)
    with house.client() as client:
        told = _errors(house, client, "orders", f"订单号,门店,下单时间,行号,数量,实付金额\n{orders}")
        assert "1+1" in told
        assert dangerous(told) == []
        told = _errors(house, client, "members", f"手机号,姓名\n{members}")
        assert "1+1" not in told


def _errors(house: Watched, client: httpx.Client, kind: str, file: str) -> str:
    asked = {"kind": kind, "file_name": "=1+1.csv"}
    headers = {"Content-Type": "text/csv"}
    sent = house.send(client, "POST", "/v1/imports", params=asked, content=file.encode(), headers=headers)
    assert sent.status_code == 202, sent.text
    path = f"/v1/imports/{sent.json()['import_id']}"
    done = _done(client, path)
    assert done["has_errors"], done
    answer = client.get(f"{path}/errors")
    _is_a_file(answer)
    return answer.text


def _done(client: httpx.Client, path: str) -> dict[str, Any]:
    for _ in range(1200):
        found: dict[str, Any] = client.get(path).json()
        if found["state"] not in ("queued", "running", "waiting"):
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_the_audit_log_as_a_table(house: Watched) -> None:
    with house.client() as client:
        for text in FORMULAS:
            region = {"code": f"r{text}".replace("\t", ""), "name": text.strip()}
            house.send(client, "POST", "/v1/regions", json=region, headers={"User-Agent": text.strip().encode()})
            house.send(client, "PATCH", "/v1/api-keys/1", json={"name": text.strip()})
        answer = client.get("/v1/audit/export", params={"object": "region"})
        everything = client.get("/v1/audit/export")
    _is_a_file(everything)
    assert "1+1" in everything.text
    assert dangerous(answer.text) == []
    assert dangerous(everything.text) == []


def _is_a_file(answer: httpx.Response) -> None:
    """Saved, never shown, under a name of ours."""
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert "1+1" not in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"
