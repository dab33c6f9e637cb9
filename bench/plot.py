"""The plot of a run as SVG: each ratio on one logarithmic scale on which its goal is 1 and better is to the right."""

import math
from html import escape

from bench import ratios
from bench.ratios import RATIOS, Ratio, Results, Spread

_LEFT, _WIDE, _ROW, _TOP, _FOOT = 240, 480, 26, 56, 40
_LOW, _HIGH = 0.1, 10.0
_STYLE = (
    "text{font:12px sans-serif;fill:#222}.s{font-size:10px;fill:#666}.t{stroke:#ddd}.g{stroke:#2a7a2a;stroke-width:2}"
    ".f{stroke:#b03030;stroke-width:2}.r{stroke:#3060a0;stroke-width:4;stroke-linecap:round}.m{fill:#3060a0}"
)


def drawn(results: Results, run: str) -> str:
    """The whole file. A ratio without floor and goal, or not measured, has no place on such a scale."""
    rows = [(ratio, found) for ratio in RATIOS if _unit(ratio) and (found := ratios.of(ratio, results))]
    high, wide = _TOP + _ROW * len(rows) + _FOOT, _LEFT + _WIDE + 90
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{wide}" height="{high}" fill="#fff"/>',
        '<text x="8" y="18">Ratio to its goal: lowest, median and highest round; red: the floor, green: the goal</text>',
        *_scale(high - _FOOT),
    ]
    for n, (ratio, found) in enumerate(rows):
        parts += _bar(ratio, found, _TOP + _ROW * n + _ROW / 2)
    parts += [f'<text class="s" x="8" y="{high - 8}">{escape(run)}</text>', "</svg>"]
    return "\n".join(parts) + "\n"


def _unit(ratio: Ratio) -> float | None:
    """What stands at 1."""
    return ratio.goal or ratio.floor


def _scale(bottom: float) -> list[str]:
    marks = (0.1, 0.2, 0.5, 1, 2, 5, 10)
    lines = [f'<line class="t" x1="{_x(m):.1f}" y1="{_TOP - 12}" x2="{_x(m):.1f}" y2="{bottom}"/>' for m in marks]
    texts = [f'<text class="s" x="{_x(m):.1f}" y="{_TOP - 15}" text-anchor="middle">{m:g}</text>' for m in marks]
    return lines + texts


def _bar(ratio: Ratio, found: Spread, y: float) -> list[str]:
    low, median, high = (_x(_share(ratio, value)) for value in (found.low, found.median, found.high))
    parts = [f'<text x="8" y="{y + 4:.1f}">{ratio.key}</text>']
    for bound, name in ((ratio.floor, "f"), (ratio.goal, "g")):
        if bound is not None:
            x = _x(_share(ratio, bound))
            parts.append(f'<line class="{name}" x1="{x:.1f}" y1="{y - 9:.1f}" x2="{x:.1f}" y2="{y + 9:.1f}"/>')
    return [
        *parts,
        f'<line class="r" x1="{low:.1f}" y1="{y:.1f}" x2="{high:.1f}" y2="{y:.1f}"/>',
        f'<circle class="m" cx="{median:.1f}" cy="{y:.1f}" r="5"/>',
        f'<text class="s" x="{_LEFT + _WIDE + 12}" y="{y + 4:.1f}">{found.median:.3g}</text>',
    ]


def _share(ratio: Ratio, value: float) -> float:
    unit = _unit(ratio) or 1.0
    return unit / value if ratio.smaller_is_better else value / unit


def _x(share: float) -> float:
    within = min(max(share, _LOW), _HIGH)
    return _LEFT + _WIDE * math.log(within / _LOW) / math.log(_HIGH / _LOW)
