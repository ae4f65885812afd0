"""HTML out of parts: whatever is not Html already is escaped, so nothing gets in by being forgotten."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


class Html(str):
    """Text that is HTML."""

    __slots__ = ()


def html(*parts: object) -> Html:
    """None is nothing; lists are joined; everything else that is not Html is escaped."""
    out: list[str] = []
    for part in parts:
        if part is None:
            continue
        if isinstance(part, Html):
            out.append(part)
        elif isinstance(part, list | tuple):
            out.append(html(*part))
        else:
            out.append(escape(str(part), quote=True))
    return Html("".join(out))


def tag(name: str, /, *parts: object, **attributes: object) -> Html:
    """class_ is class, aria_label is aria-label; None and False leave an attribute out, True gives it no value."""
    given = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        given.append(f" {label}" if value is True else f' {label}="{escape(str(value), quote=True)}"')
    opening = f"<{name}{''.join(given)}>"
    return Html(opening) if name in _VOID else Html(f"{opening}{html(*parts)}</{name}>")


def table(headings: Iterable[object], rows: Iterable[Iterable[object]], numeric: frozenset[int] = frozenset()) -> Html:
    """numeric: columns that stand to the right; on a narrow screen the table scrolls by itself."""
    kinds = ["num" if place in numeric else None for place in range(32)]
    names = list(headings)
    body = [tag("tr", [tag("td", cell, class_=kinds[place]) for place, cell in enumerate(row)]) for row in rows]
    head = tag("tr", [tag("th", name, class_=kinds[place], scope="col") for place, name in enumerate(names)])
    return tag("div", tag("table", tag("thead", head), tag("tbody", body)), class_="scroll", tabindex="0")


_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' "
    "rx='8' fill='%230f766e'/%3E%3Ccircle cx='12' cy='16' r='6' fill='none' stroke='white' stroke-width='3'/%3E"
    "%3Ccircle cx='20' cy='16' r='6' fill='none' stroke='white' stroke-width='3'/%3E%3C/svg%3E"
)


def document(title: str, style: str, lang: str, *body: object, refresh_seconds: int | None = None) -> str:
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="robots", content="noindex"),
        tag("meta", http_equiv="refresh", content=str(refresh_seconds)) if refresh_seconds else None,
        tag("title", title),
        tag("link", rel="icon", href=_ICON),
        tag("style", Html(style)),
    ]
    language = "en" if lang == "en" else "zh-CN"
    return "<!doctype html>\n" + tag("html", tag("head", head), tag("body", *body), lang=language)


def security_headers(style: str) -> dict[str, str]:
    """Only this very style sheet, forms to ourselves, nothing else; and nothing is kept by caches."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        # Not no-referrer: with it browsers send "Origin: null", and the guard could not tell our own form.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    }
