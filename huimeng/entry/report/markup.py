"""HTML and SVG out of parts: what is not Markup already is escaped, so nothing gets in by being forgotten."""

from __future__ import annotations

from html import escape

_VOID = frozenset({"br", "meta"})


class Markup(str):
    """Text that is HTML."""

    __slots__ = ()


def join(*parts: object) -> Markup:
    """None is nothing; lists are joined; what is not Markup is escaped."""
    out: list[str] = []
    for part in parts:
        if part is None:
            continue
        if isinstance(part, list | tuple):
            out.append(join(*part))
        else:
            out.append(part if isinstance(part, Markup) else escape(str(part), quote=True))
    return Markup("".join(out))


def tag(name: str, /, *parts: object, **attributes: object) -> Markup:
    """class_ is class, aria_label is aria-label; an attribute that is None is left out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{given}>" if name in _VOID else f"<{name}{given}>{join(*parts)}</{name}>")
