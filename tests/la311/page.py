"""The comparison in words and tables."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gewu.dev.columns import left, right, width
from tests.la311.compare import Comparison, Share
from tests.la311.ground import Ground

GRID_TARGET, DEPARTMENT_TARGET = 0.983, 0.998
_TOP = 15
_FIGURES = ("reports", "agree", "share")


def lines(found: Comparison, ground: Ground) -> Iterator[str]:
    """Everything that a person wants to see, line by line."""
    yield ""
    yield "Department, of accepted reports (the city's name on the left)"
    yield from _shares("department", found.by_department)
    yield ""
    yield from _shares("category", found.by_category)
    yield from _confusions(found)
    yield ""
    yield from _other_grids(found, ground)
    yield ""
    yield _refused(found, ground)
    yield _target("grid_agree ÷ with_city_grid", found.grids, GRID_TARGET)
    yield _target("department_agree ÷ accepted", found.departments, DEPARTMENT_TARGET)


def _shares(head: str, shares: Mapping[str, Share]) -> Iterable[str]:
    rows = [
        (name or "(none)", share.of, share.agree, f"{share.ratio:.2%}")
        for name, share in sorted(shares.items(), key=lambda item: -item[1].of)
    ]
    return _table((head, "reports", "agree", "share"), rows)


def _confusions(found: Comparison) -> Iterator[str]:
    if found.confusions:
        yield ""
        yield "Departments that differ, most frequent first"
        rows = [
            (category, ours or "(nowhere)", theirs, n)
            for (category, ours, theirs), n in found.confusions.most_common(_TOP)
        ]
        yield from _table(("category", "ours", "the city's", "reports"), rows)
    for name, n in found.unnamed.most_common():
        yield f"department_names.csv does not know the city's {name!r} ({n} reports, counted as differing)"


def _other_grids(found: Comparison, ground: Ground) -> Iterator[str]:
    pairs: Counter[tuple[str, str, str]] = Counter()
    for report, ours in found.other_grid:
        assert report.lon is not None and report.lat is not None
        pairs[report.grid, ours or "(none)", ground.why(report.lon, report.lat, report.grid)] += 1
    why: Counter[str] = Counter()
    for (_, _, reason), n in pairs.items():
        why[reason] += n
    yield f"Grids that differ: {len(found.other_grid)} reports"
    yield from _table(("reports", "probable reason"), [(n, reason) for reason, n in why.most_common()])
    yield ""
    rows = [(theirs, ours, n, reason) for (theirs, ours, reason), n in pairs.most_common(_TOP)]
    yield from _table(("the city's", "ours", "reports", "probable reason"), rows)


def _refused(found: Comparison, ground: Ground) -> str:
    placed = [ground.holds(r.lon, r.lat) for r in found.refused if r.lon is not None and r.lat is not None]
    nowhere, outside, other = len(found.refused) - len(placed), placed.count(False), placed.count(True)
    return (
        f"Refused: {len(found.refused)} reports: {nowhere} without a position, {outside} outside every grid, "
        f"{other} for something else"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Columns as wide as they need be, those of figures set to the right."""
    cells = [list(head), *([str(cell) for cell in row] for row in rows)]
    places = [max(map(width, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        put = [right if name in _FIGURES else left for name in head]
        yield "  ".join(f(cell, n) for f, cell, n in zip(put, row, places, strict=True)).rstrip()


def _target(name: str, share: Share, least: float) -> str:
    word = "met" if share.ratio >= least else "NOT met"
    return f"{name} = {share.agree} / {share.of} = {share.ratio:.4f} (target {least}: {word})"
