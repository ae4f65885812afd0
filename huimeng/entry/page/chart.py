"""Bars as SVG: the drawing stretches, the words beside it are HTML and do not."""

from __future__ import annotations

from collections.abc import Sequence

from huimeng.entry.page.html import Html, html, tag

_HEIGHT = 1000
_SLOT = 100


def bars(
    caption: Html, values: Sequence[tuple[int, ...]], labels: Sequence[tuple[str, str]], titles: Sequence[str]
) -> Html:
    """One bar a slot, of one or two parts from below; what is negative has no bar, only its label."""
    most = max((sum(max(part, 0) for part in parts) for parts in values), default=0) or 1
    drawn = [_bar(place, parts, most, titles[place]) for place, parts in enumerate(values)]
    rules = [
        tag(
            "line",
            x1="0",
            x2=str(len(values) * _SLOT),
            y1=str(y),
            y2=str(y),
            class_="rule",
            vector_effect="non-scaling-stroke",
        )
        for y in (1, _HEIGHT // 2, _HEIGHT - 1)
    ]
    picture = tag(
        "svg",
        html(rules, drawn),
        viewBox=f"0 0 {max(1, len(values)) * _SLOT} {_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label="; ".join(titles),
    )
    below = [tag("span", label, tag("small", short)) for label, short in labels]
    return tag(
        "figure",
        tag("figcaption", caption),
        picture,
        tag("div", below, class_="months", aria_hidden="true"),
        class_="chart card",
    )


def _bar(place: int, parts: tuple[int, ...], most: int, title: str) -> Html:
    pieces, floor = [], _HEIGHT
    for part, style in zip(parts, ("bar", "bar2"), strict=False):
        height = max(part, 0) * _HEIGHT // most
        floor -= height
        pieces.append(
            tag(
                "rect", x=str(place * _SLOT + 18), y=str(floor), width=str(_SLOT - 36), height=str(height), class_=style
            )
        )
    return tag("g", tag("title", title), html(pieces))
