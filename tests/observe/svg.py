"""Draws panels as one SVG: small charts in three columns under the headings of their rows. No library, no script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

Points = list[tuple[float, float]]  # seconds since the start, value

_COLUMNS, _WIDTH, _HEIGHT, _GAP, _HEAD = 3, 390, 222, 10, 34
_LEFT, _TOP, _RIGHT, _BOTTOM = 52, 30, 10, 76  # of the plot inside a panel
_MOST = 8  # lines and names that a panel shows; the rest is counted
_COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#17becf")


@dataclass(frozen=True, slots=True)
class Chart:
    """One panel with its lines by legend."""

    row: str
    title: str
    unit: str
    lines: dict[str, Points]


def page(title: str, charts: Sequence[Chart], seconds: float, of: str) -> str:
    """The whole drawing; `of` says for machines what was drawn."""
    parts, x, y, row = [], 0, _HEAD, ""
    for chart in charts:
        if chart.row != row or x == _COLUMNS:
            y += _HEIGHT + _GAP if row else 0
            x = 0
        if chart.row != row:
            row = chart.row
            parts.append(_text(_GAP, y + 20, row, 15, weight="bold"))
            y += _HEAD
        parts.append(_panel(chart, _GAP + x * (_WIDTH + _GAP), y, seconds))
        x += 1
    width, height = _GAP + _COLUMNS * (_WIDTH + _GAP), y + _HEIGHT + _GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
    ground = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    about = [f"<title>{escape(title)}</title>", f"<desc>{escape(of)}</desc>"]
    return "\n".join([head, *about, ground, _text(_GAP, 22, title, 13), *parts, "</svg>"]) + "\n"


def _panel(chart: Chart, x: float, y: float, seconds: float) -> str:
    # The busiest first: what the picture has no room for is what has least to show.
    busy = sorted(chart.lines.items(), key=lambda line: (-_peak(line[1]), line[0]))
    shown = busy[:_MOST]
    top = _rounded(max((_peak(points) for _, points in shown), default=0.0))
    parts = [
        f'<g transform="translate({x} {y})">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="4" fill="#fafafa" stroke="#d0d0d0"/>',
        _text(10, 19, chart.title, 12, weight="bold"),
        *_axes(top, chart.unit, seconds),
        *(_line(points, top, seconds, _COLOURS[n]) for n, (_, points) in enumerate(shown)),
        *_legend([name for name, _ in shown], len(busy) - len(shown)),
        "</g>",
    ]
    return "\n".join(parts)


def _peak(points: Points) -> float:
    return max((value for _, value in points if math.isfinite(value)), default=0.0)


def _rounded(top: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    if top <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(top))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= top * 0.999)


def _axes(top: float, unit: str, seconds: float) -> list[str]:
    found = []
    for share in (0.0, 0.5, 1.0):
        y = _TOP + (1 - share) * (_HEIGHT - _TOP - _BOTTOM)
        found.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#e0e0e0"/>')
        found.append(_text(_LEFT - 5, y + 3.5, _worded(top * share, unit), 9.5, anchor="end"))
    for share in (0.0, 0.5, 1.0):
        x = _LEFT + share * (_WIDTH - _LEFT - _RIGHT)
        anchor = {0.0: "start", 0.5: "middle", 1.0: "end"}[share]
        found.append(_text(x, _HEIGHT - _BOTTOM + 13, f"{share * seconds:.0f} s", 9.5, anchor=anchor))
    return found


def _line(points: Points, top: float, seconds: float, colour: str) -> str:
    """A line, with a gap where there was no number; points within a level stretch are left out."""
    width, height, path, last = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM, "", None
    for n, (at, value) in enumerate(points):
        if not math.isfinite(value):
            last = None
            continue
        after = points[n + 1][1] if n + 1 < len(points) else None
        if last is None or not last == value == after:
            x, y = _LEFT + at / seconds * width, _TOP + (1 - min(value / top, 1.0)) * height
            path += f"{'M' if last is None else 'L'}{x:.0f} {y:.1f}"
        last = value
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.3"/>' if path else ""


def _legend(names: Sequence[str], more: int) -> list[str]:
    found, x, y = [], 10.0, _HEIGHT - _BOTTOM + 30.0
    for n, name in enumerate([*names, *([f"and {more} more"] if more else [])]):
        name = name if len(name) <= 40 else name[:39] + "…"
        width = 16 + (6.1 if name.isdigit() else 5.3) * len(name)  # a camera's id is wider than a word
        if x + width > _WIDTH - 6 and x > 10:
            x, y = 10.0, y + 13
        if n < len(names):
            found.append(f'<path d="M{x:.0f} {y - 3.5:.1f}h10" stroke="{_COLOURS[n]}" stroke-width="2.5"/>')
        found.append(_text(x + 13, y, name, 9.5))
        x += width + 8
    return found


def _worded(value: float, unit: str) -> str:
    if unit == "s" and 0 < value < 1:
        return f"{value * 1000:g} ms"
    for bound, letter in ((1e6, "M"), (1e3, "k")):
        if value >= bound:
            return f"{value / bound:g}{letter}{_SUFFIX[unit]}"
    return f"{value:g}{_SUFFIX[unit]}"


_SUFFIX = {"s": " s", "reqps": "/s", "bytes": "B", "none": ""}


def _text(x: float, y: float, text: str, size: float, *, anchor: str = "start", weight: str = "normal") -> str:
    words = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" fill="#222222"'
    return f"<text {words}>{escape(text)}</text>"
