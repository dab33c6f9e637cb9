"""What a run found, in words for a terminal or a page."""

from collections.abc import Iterable, Sequence

from bench import ratios
from bench.ratios import RATIOS, Ratio, Results, Spread
from bench.rounds import number


def figures(results: Results) -> list[str]:
    """Every figure of every variant: lowest, median and highest of the rounds."""
    rows = [("variant", "figure", "low", "median", "high")]
    for variant, found in results.items():
        for name, values in found.items():
            if s := ratios.spread(values):
                rows.append((variant, name, *map(number, (s.low, s.median, s.high))))
    return columns(rows)


def verdicts(results: Results) -> list[str]:
    """Every ratio with its floor, its goal, and which of them it keeps."""
    rows = [("ratio", "low", "median", "high", "floor", "goal", "", "")]
    for ratio in RATIOS:
        found = ratios.of(ratio, results)
        said = tuple(map(number, (found.low, found.median, found.high))) if found else ("–",) * 3
        rows.append((ratio.key, *said, *bounds(ratio), verdict(ratio, found), ratio.says))
    return columns(rows)


def bounds(ratio: Ratio) -> tuple[str, str]:
    """Floor and goal in words."""
    sign = "≤ " if ratio.smaller_is_better else "≥ "
    return tuple(f"{sign}{bound:g}" if bound is not None else "–" for bound in (ratio.floor, ratio.goal))  # type: ignore[return-value]


def verdict(ratio: Ratio, found: Spread | None) -> str:
    """Which of floor and goal the median keeps."""
    if found is None:
        return "not measured"
    if ratio.floor is not None and not ratio.is_met(found.median, ratio.floor):
        return "FLOOR MISSED"
    if ratio.goal is not None:
        return "goal met" if ratio.is_met(found.median, ratio.goal) else "goal open"
    return "holds" if ratio.floor is not None else ""


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The same cells as a table of a page."""
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Cells under each other; figures to the right, words to the left."""
    known = [list(row) for row in rows]
    widths = [max(len(row[n]) for row in known) for n in range(len(known[0]))]
    return ["  ".join(_cell(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in known]


def _cell(cell: str, width: int) -> str:
    return cell.rjust(width) if cell[:1].isdigit() or cell[:1] in "≤≥–" else cell.ljust(width)
