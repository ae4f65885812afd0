"""Pictures as SVG. Words in them are few and grow on narrow screens (style.py), so there is room around each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from huimeng.entry.report.markup import Markup, tag

WIDTH, HEIGHT = 560, 250
_LEFT, _TOP, _BOTTOM = 58, 18, 34
_ROW = 49


class Column(msgspec.Struct, frozen=True):
    """parts from below; title is what a reader of the picture is told; label stands below, stressed when marked."""

    parts: tuple[int, ...]
    label: str
    title: str
    marked: bool = False
    faint: bool = False


class Row(msgspec.Struct, frozen=True):
    """A bar that lies: name above it to the left, value above it to the right."""

    name: str
    value: str
    amount: int


def columns(found: Sequence[Column], axis: Callable[[int], str], about: str) -> Markup:
    """Standing bars of one or two parts; nothing below zero is drawn."""
    top = nice(max((sum(max(0, part) for part in each.parts) for each in found), default=0))
    slot = (WIDTH - _LEFT - 6) / max(1, len(found))
    width = min(40.0, slot * 0.66)
    drawn: list[Markup] = _grid(top, axis)
    every = 1 if len(found) <= 13 else 5
    for place, each in enumerate(found):
        x = _LEFT + slot * place + (slot - width) / 2
        drawn.append(_column(each, x, width, top))
        if place % every == 0 and each.label:
            middle = x + width / 2
            style = "label marked" if each.marked else "label"
            drawn.append(tag("text", each.label, x=_n(middle), y=_n(HEIGHT - 12), text_anchor="middle", class_=style))
    return _picture(drawn, WIDTH, HEIGHT, about)


def _column(each: Column, x: float, width: float, top: int) -> Markup:
    pieces, floor = [], float(HEIGHT - _BOTTOM)
    for part, style in zip(each.parts, ("a", "b"), strict=False):
        height = max(0, part) / top * (HEIGHT - _BOTTOM - _TOP)
        floor -= height
        if height:
            shown = f"{style}{' faint' if each.faint else ''}"
            pieces.append(tag("rect", x=_n(x), y=_n(floor), width=_n(width), height=_n(height), class_=shown))
    return tag("g", tag("title", each.title), pieces)


def rows(found: Sequence[Row], about: str, width: int = WIDTH, most: int | None = None) -> Markup:
    """Lying bars; most: the amount that is as wide as the picture, or else the longest is."""
    most = most or max((max(0, each.amount) for each in found), default=0) or 1
    drawn = []
    for place, each in enumerate(found):
        y = place * _ROW
        length = max(0, each.amount) / most * width
        drawn += [
            tag("text", _cut(each.name), x="0", y=_n(y + 17), class_="name"),
            tag("text", each.value, x=_n(width), y=_n(y + 17), text_anchor="end", class_="value"),
            tag("rect", x="0", y=_n(y + 25), width=_n(width), height="10", rx="5", class_="track"),
            tag("rect", x="0", y=_n(y + 25), width=_n(max(2.0, length)), height="10", rx="5", class_="a"),
        ]
    return _picture(drawn, width, max(1, len(found)) * _ROW - 4, about)


class Dot(msgspec.Struct, frozen=True):
    """A point of a curve, both coordinates in basis points; label stands beside those that are marked."""

    x: int
    y: int
    label: str | None = None


def curve(found: Sequence[Dot], about: str, axes: tuple[str, str]) -> Markup:
    """From 0 to 100% both ways, with the line of equal shares for comparison."""
    right, floor = WIDTH - 16, HEIGHT - _BOTTOM

    def x(bps: int) -> float:
        return _LEFT + bps / 10_000 * (right - _LEFT)

    def y(bps: int) -> float:
        return floor - bps / 10_000 * (floor - _TOP)

    line = " ".join(f"{_n(x(dot.x))},{_n(y(dot.y))}" for dot in found)
    drawn: list[Markup] = _grid(100, lambda percent: f"{percent}%")
    drawn += [
        tag("polygon", points=f"{_n(x(0))},{_n(y(0))} {line} {_n(x(10_000))},{_n(y(0))}", class_="area"),
        tag("line", x1=_n(x(0)), y1=_n(y(0)), x2=_n(x(10_000)), y2=_n(y(10_000)), class_="equal"),
        tag("polyline", points=line, class_="curve"),
        tag("text", axes[0], x=_n(right), y=_n(HEIGHT - 12), text_anchor="end", class_="label"),
        tag("text", axes[1], x=_n(_LEFT + 8), y=_n(_TOP + 12), class_="label"),
    ]
    taken: list[_Box] = []
    for dot in found:
        if dot.label is not None:
            drawn.append(tag("circle", cx=_n(x(dot.x)), cy=_n(y(dot.y)), r="5", class_="dot"))
            drawn.append(_label(dot.label, x(dot.x), y(dot.y), taken))
    return _picture(drawn, WIDTH, HEIGHT, about)


_Box = tuple[float, float, float, float]


def _label(text: str, x: float, y: float, taken: list[_Box]) -> Markup:
    """Beside a dot, at the first of some places that lies in the picture and on no label before it."""
    # The size that letters have on narrow screens.
    wide, high = 10.5 * len(text), 20.0
    places = [(x + 10, y + below, "start") for below in (18.0, 40, 62, 84)]
    places += [(x - 8, y - above, "end") for above in (10.0, 32, 54, 76)]
    places += [(x + 10, y - above, "start") for above in (10.0, 32, 54)]
    for left, base, anchor in places:
        start = left if anchor == "start" else left - wide
        box = (start, base - high, start + wide, base)
        inside = start >= 0 and box[2] <= WIDTH and box[1] >= 0 and base <= HEIGHT - _BOTTOM
        if inside and not any(_meet(box, other) for other in taken):
            taken.append(box)
            return tag("text", text, x=_n(left), y=_n(base), text_anchor=anchor, class_="value")
    return tag("text")


def _meet(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def nice(most: int) -> int:
    """A round number at or above it; its half is a whole number."""
    size = 1
    while most > size * 10:
        size *= 10
    steps = (4, 6, 8, 10) if size == 1 else (1, 2, 3, 4, 5, 6, 8, 10)
    return next(step * size for step in steps if step * size >= most)


def _grid(top: int, axis: Callable[[int], str]) -> list[Markup]:
    drawn = []
    for step in range(5):
        y = HEIGHT - _BOTTOM - step / 4 * (HEIGHT - _BOTTOM - _TOP)
        style = "base" if step == 0 else "grid"
        drawn.append(tag("line", x1=_n(_LEFT), x2=_n(WIDTH - 6), y1=_n(y), y2=_n(y), class_=style))
        if step % 2 == 0:
            label = axis(top * step // 4)
            drawn.append(tag("text", label, x=_n(_LEFT - 8), y=_n(y + 5), text_anchor="end", class_="label"))
    return drawn


def _picture(drawn: Sequence[Markup], width: int, height: int, about: str) -> Markup:
    return tag("svg", list(drawn), viewBox=f"0 0 {width} {height}", role="img", aria_label=about)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _cut(name: str, most: int = 30) -> str:
    """Wide characters count double."""
    room = most
    for place, letter in enumerate(name):
        room -= 2 if ord(letter) > 0x2E7F else 1
        if room < 0:
            return name[:place].rstrip() + "…"
    return name
