"""A run drawn as SVG, by hand: what was offered and what came of it above, latencies below. No library draws here."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from gewu.load.curve import Curve
from gewu.load.tally import Tally

_WIDTH, _HEIGHT = 760, 600
_LEFT, _RIGHT = 70, 150
_UPPER, _LOWER = (50, 290), (340, 550)  # top and bottom of the two fields
_COUNTS = {"offered": "#9aa0a6", "accepted": "#1a7f37", "refused": "#d29922", "unknown": "#cf222e", "errors": "#8250df"}
_TIMES = {"p50": ("#0969da", 0.50), "p95": ("#bf8700", 0.95), "p99": ("#cf222e", 0.99)}
_TICKS = 5

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _At:
    """A place on the horizontal axis with what was counted there in so many seconds."""

    x: float
    seconds: float
    tally: Tally


def svg(curve: Curve) -> str:
    """The drawing. A ramp is drawn over its rates, one rate over the time."""
    rates = sorted({step.rate for step in curve.book.steps})
    over_rates = len(rates) > 1
    found = _over_rates(curve) if over_rates else _over_time(curve)
    ends = (found[0].x, found[-1].x) if found else (0.0, 1.0)
    x = _scale(*ends, _LEFT, _WIDTH - _RIGHT)
    parts = [*_counts(found, x), *_times(found, x), *_horizontal(ends, x, over_rates), *_caption(curve)]
    if over_rates:
        parts += _knee(curve, x)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _over_rates(curve: Curve) -> list[_At]:
    found = [_At(step.rate, step.seconds, step.tally) for step in curve.book.steps if step.tally.offered]
    return sorted(found, key=lambda at: at.x)


def _over_time(curve: Curve) -> list[_At]:
    return [_At(middle, curve.book.slice_s, tally) for middle, tally in curve.book.at_slices()]


def _counts(found: Sequence[_At], x: Callable[[float], float]) -> list[str]:
    rows = {name: [(at.x, _count(at.tally, name) / at.seconds) for at in found] for name in _COUNTS}
    highest = max((value for row in rows.values() for _, value in row), default=1.0) or 1.0
    y = _scale(0.0, highest, _UPPER[1], _UPPER[0])
    parts = [_text(_LEFT, _UPPER[0] - 12, "reports/s"), *_frame(_UPPER)]
    for n in range(_TICKS + 1):
        parts += _level(y(highest * n / _TICKS), f"{highest * n / _TICKS:,.0f}")
    for number, (name, row) in enumerate(rows.items()):
        if name in ("offered", "accepted") or any(value for _, value in row):
            parts += _line([(x(a), y(b)) for a, b in row], _COUNTS[name], name, _UPPER[0] + 16 * number)
    return parts


def _times(found: Sequence[_At], x: Callable[[float], float]) -> list[str]:
    rows = {
        name: [(at.x, s * 1000) for at in found if (s := at.tally.latencies.quantile(share)) is not None]
        for name, (_, share) in _TIMES.items()
    }
    values = [math.log10(ms) for row in rows.values() for _, ms in row]
    low, high = math.floor(min(values, default=0.0)), math.ceil(max(values, default=1.0))
    y = _scale(low, max(high, low + 1), _LOWER[1], _LOWER[0])
    parts = [_text(_LEFT, _LOWER[0] - 12, "latency of accepted reports from the intended start, ms"), *_frame(_LOWER)]
    for power in range(low, max(high, low + 1) + 1):
        parts += _level(y(power), f"{10.0**power:g}")
    for number, (name, row) in enumerate(rows.items()):
        parts += _line([(x(a), y(math.log10(b))) for a, b in row], _TIMES[name][0], name, _LOWER[0] + 16 * number)
    return parts


def _horizontal(ends: Point, x: Callable[[float], float], over_rates: bool) -> list[str]:
    title = "offered, reports/s" if over_rates else "seconds after the start"
    parts = [_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, title, "middle")]
    for n in range(_TICKS + 1) if ends[0] < ends[1] else (0,):
        value = ends[0] + (ends[1] - ends[0]) * n / _TICKS
        parts.append(_text(x(value), _LOWER[1] + 18, f"{value:,.0f}", "middle"))
    return parts


def _knee(curve: Curve, x: Callable[[float], float]) -> list[str]:
    """A line where the load was last kept up with; words alone where nobody knows where that ends."""
    rate, reached = curve.knee.last, curve.knee.reached
    if rate is None:
        return [_text(_LEFT + 6, _UPPER[1] + 18, "the lowest rate was not good")] if reached else []
    if not reached:
        return [_text(_LEFT + 6, _UPPER[1] + 18, f"knee not reached, good up to {rate:,.0f}/s")]
    place = f'x1="{x(rate):.1f}" y1="{_UPPER[0]}" x2="{x(rate):.1f}" y2="{_LOWER[1]}"'
    line = f'<line {place} stroke="#57606a" stroke-dasharray="4 3"/>'
    return [line, _text(x(rate) + 6, _UPPER[1] + 18, f"knee {rate:,.0f}/s")]


def _caption(curve: Curve) -> list[str]:
    whole = curve.book.whole
    words = f"{whole.offered:,} offered, {whole.accepted:,} accepted, {whole.refused.total():,} refused"
    words += f", {whole.unknown.total():,} unknown, {whole.errors.total():,} errors"
    if judged := curve.judged:
        words += "".join(f", {judged.faults.get(name, 0):,} {name}" for name in ("lost", "doubled"))
    return [_text(_LEFT, 18, words)]


def _count(tally: Tally, name: str) -> int:
    found = getattr(tally, "landed" if name == "accepted" else name)  # as fast as they really were
    return found if isinstance(found, int) else found.total()


def _scale(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    """From values to places; a single value stands in the middle."""
    if high <= low:
        return lambda value: (first + last) / 2
    return lambda value: first + (value - low) / (high - low) * (last - first)


def _line(points: Sequence[Point], colour: str, name: str, legend: float) -> list[str]:
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2" fill="{colour}"/>' for a, b in points)
    side = _WIDTH - _RIGHT + 14
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>{dots}',
        f'<rect x="{side}" y="{legend:.1f}" width="12" height="4" fill="{colour}"/>',
        _text(side + 18, legend + 6, name),
    ]


def _frame(field: tuple[int, int]) -> list[str]:
    width, height = _WIDTH - _RIGHT - _LEFT, field[1] - field[0]
    return [f'<rect x="{_LEFT}" y="{field[0]}" width="{width}" height="{height}" fill="none" stroke="#d0d7de"/>']


def _level(y: float, label: str) -> list[str]:
    line = f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#eaeef2"/>'
    return [line, _text(_LEFT - 8, y + 4, label, "end")]


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#1f2328">{escape(words)}</text>'
