"""docs/performance.md and its plot: every run adds a row, a whole one replaces what is said of the last and draws the plot."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import kept, machine, plot, ratios, standing
from bench.order import Done
from bench.ratios import RATIOS, Results
from bench.world import ROOT

PAGE = ROOT / "docs" / "performance.md"
FIGURES, STANDING, VERDICT, PROFILE = (
    "figures",
    "standing",
    "verdict",
    "profile",
)  # the names of the blocks that a run replaces
HEAD = ("run", "commit", "machine", "rounds", *ratios.KEYS)
_HEAD_LINE = f"| {' | '.join(HEAD)} |"


def row(results: Results, rounds: int) -> tuple[str, ...]:
    """A run as the cells of one row: each ratio's median, and its lowest and highest round."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    where = f"{machine.name().split(', Linux')[0]}, {machine.python()}"
    found = [standing.cell(ratios.of(ratio, results)) for ratio in RATIOS]
    return (now, machine.commit(ROOT), where, str(rounds), *found)


def with_row(text: str, cells: tuple[str, ...]) -> str:
    """The page with one more row under its table of runs. ValueError where it has no such table."""
    lines = text.split("\n")
    last = _last(lines)
    lines.insert(last + 1, f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def is_whole(cells: Sequence[str]) -> bool:
    """Whether a row is of a run in which every ratio was measured: what the page says of the last run is of such a one, or a
    look at one part would leave it without the others."""
    return standing.cell(None) not in cells[-len(RATIOS) :]


def last_whole_row(text: str) -> dict[str, str]:
    """The cells of the last whole run by the heads of their columns. IndexError where there was none."""
    lines = text.split("\n")
    last = _last(lines)
    rows = [line.strip("| ").split(" | ") for line in lines[lines.index(_HEAD_LINE) + 2 : last + 1]]
    return dict(zip(HEAD, [row for row in rows if is_whole(row)][-1], strict=True))


def _last(lines: Sequence[str]) -> int:
    last = lines.index(_HEAD_LINE) + 1
    while last + 1 < len(lines) and lines[last + 1].startswith("|"):
        last += 1
    return last


def with_block(text: str, name: str, lines: Sequence[str]) -> str:
    """The page with these lines in the place of those that a run wrote before. ValueError where it has no such place."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = text.partition(start)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"the page has no {start} … {end}")
    return "\n".join([before + start, *lines, end + after])


def with_profile(text: str, lines: Sequence[str]) -> str:
    """The page with this profile in the place of the one before; as it was where none was taken."""
    return with_block(text, PROFILE, ["```", *lines, "```"]) if lines else text


def written(text: str, run: Done, cells: tuple[str, ...]) -> str:
    """The page with all that a run says on it: of one that is not whole its row."""
    when, commit = cells[:2]
    text = with_row(text, cells)
    if not is_whole(cells):
        return text
    text = with_block(text, FIGURES, kept.lines(run, when, commit))
    text = with_block(text, STANDING, standing.lines(run.results, when, commit))
    text = with_block(text, VERDICT, [standing.verdict(text)])
    return with_profile(text, run.profiles)


def add(page: Path, run: Done, rounds: int) -> bool:
    """Write the row; of a whole run, which is the answer, also the blocks, the profile if there is one, and the plot beside the
    page."""
    cells = row(run.results, rounds)
    page.write_text(written(page.read_text(), run, cells))
    if not is_whole(cells):
        return False
    words = f"{cells[0]} UTC, {cells[1]}, {cells[2]}, {rounds} rounds"
    page.with_suffix(".svg").write_text(plot.drawn(run.results, words))
    return True
