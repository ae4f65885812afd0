"""`huimeng report`: a month in the terminal, and as one file of HTML to keep, mail or print."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from huimeng.entry.context import open_context
from huimeng.entry.report.gathering import NotAPage, NotWritable, Report, gather, month_days
from huimeng.entry.report.page import page
from huimeng.entry.report.speech import Speech
from huimeng.entry.report.terminal import show
from huimeng.merchant.service import find_merchant_id


class Language(StrEnum):
    """Of the report."""

    zh = "zh"
    en = "en"


def report(
    merchant: Annotated[str, typer.Option("--merchant", "-m", help="商户代码 / merchant code")],
    month: Annotated[str, typer.Option("--month", help="月份，如 2017-06 / the month, such as 2017-06")],
    lang: Annotated[Language, typer.Option("--lang", help="zh 中文, en English")] = Language.zh,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="网页文件；不填为 report-商户-月份.html / the HTML file, or its folder"),
    ] = None,
) -> None:
    """经营月报：在终端显示，并存为一个网页文件 / a month's report: here, and as one file of HTML."""
    month_days(month)
    path = _place(out, f"report-{merchant}-{month}.html")
    found = asyncio.run(_gathered(merchant, month))
    speech = Speech(lang.value, found.merchant.currency)
    console = Console()
    show(console, found, speech)
    try:
        path.write_text(page(found, speech), encoding="utf-8")
    except OSError as error:
        raise NotWritable(path=str(path), reason=error.strerror or str(error)) from error
    console.print(speech("网页已存为", "The page was written to"), str(path), soft_wrap=True)


def _place(out: Path | None, name: str) -> Path:
    """In a folder under its usual name; NotAPage, NotWritable."""
    path = Path(name) if out is None else out / name if out.is_dir() else out
    if not path.is_file():
        return path
    try:
        with path.open("rb") as there:
            begin = there.read(15).lower()
    except OSError as error:
        raise NotWritable(path=str(path), reason=error.strerror or str(error)) from error
    if begin and begin != b"<!doctype html>":
        raise NotAPage(path=str(path))
    return path


async def _gathered(merchant: str, month: str) -> Report:
    async with open_context() as context:
        return await gather(context.db, await find_merchant_id(context.db, merchant), month)
