"""docs/performance.md and its plot: every run adds a row, and draws the plot anew."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import machine, plot, ratios
from bench.ratios import RATIOS, Results
from bench.rounds import number
from bench.world import ROOT

PAGE = ROOT / "docs" / "performance.md"
_START, _END = "<!-- profile -->", "<!-- end of profile -->"
HEAD = ("run", "commit", "machine", "rounds", *ratios.KEYS)


def row(results: Results, rounds: int) -> tuple[str, ...]:
    """A run as the cells of one row: each ratio's median, and its lowest and highest round."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    where = f"{machine.name().split(', Linux')[0]}, {machine.python()}"
    return (now, machine.commit(ROOT), where, str(rounds), *_ratios(results))


def _ratios(results: Results) -> list[str]:
    found = [ratios.of(ratio, results) for ratio in RATIOS]
    return [f"{number(s.median)} ({number(s.low)}–{number(s.high)})" if s else "–" for s in found]


def with_row(text: str, cells: tuple[str, ...]) -> str:
    """The page with one more row under its table of runs. ValueError where it has no such table."""
    lines = text.split("\n")
    last = lines.index(f"| {' | '.join(HEAD)} |") + 1
    while last + 1 < len(lines) and lines[last + 1].startswith("|"):
        last += 1
    lines.insert(last + 1, f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def with_profile(text: str, lines: Sequence[str]) -> str:
    """The page with this profile in the place of the one before; as it was where none was taken."""
    if not lines:
        return text
    before, start, rest = text.partition(_START)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError(f"the page has no {_START} … {_END}")
    return "\n".join([before + start, "```", *lines, "```", end + after])


def add(page: Path, results: Results, rounds: int, profile: Sequence[str]) -> None:
    """Write the row, the profile if there is one, and the plot beside the page."""
    cells = row(results, rounds)
    page.write_text(with_profile(with_row(page.read_text(), cells), profile))
    page.with_suffix(".svg").write_text(plot.drawn(results, f"{cells[0]} UTC, {cells[1]}, {cells[2]}, {rounds} rounds"))
