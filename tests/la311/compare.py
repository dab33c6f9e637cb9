"""Report by report: our grid and department beside the city's. Pure: no I/O, no clock."""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from tests.la311.reports import Report


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of a report: its outcome, the grid of its own position, the department of its case and why that."""

    outcome: str
    grid: str
    department: str
    because: str


@dataclass(slots=True)
class Share:
    """So many agree of so many."""

    of: int = 0
    agree: int = 0

    def take(self, agrees: bool) -> None:
        """Count one more."""
        self.of += 1
        self.agree += agrees

    @property
    def ratio(self) -> float:
        """1 where there is nothing to agree on."""
        return self.agree / self.of if self.of else 1.0


@dataclass(slots=True)
class Comparison:
    """Everything that was counted. Departments are ours on the left of a pair, the city's on the right."""

    reports: int = 0
    accepted: int = 0
    refused: list[Report] = field(default_factory=list)
    with_position: int = 0
    fallback: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    grids: Share = field(default_factory=Share)
    departments: Share = field(default_factory=Share)
    by_department: dict[str, Share] = field(default_factory=dict)
    by_category: dict[str, Share] = field(default_factory=dict)
    confusions: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # category, ours, the city's
    other_grid: list[tuple[Report, str]] = field(default_factory=list)  # with ours, "" where there is none
    unnamed: Counter[str] = field(default_factory=Counter)  # the city's departments that our table does not know

    def numbers(self, lost: int, doubled: int) -> dict[str, int]:
        """The last line."""
        return {
            "reports": self.reports, "accepted": self.accepted, "refused": len(self.refused),
            "with_position": self.with_position, "with_city_grid": self.grids.of, "grid_agree": self.grids.agree,
            "department_agree": self.departments.agree, "fallback": self.fallback,
            "opened": self.outcomes["opened"], "joined": self.outcomes["joined"], "lost": lost, "doubled": doubled,
        }  # fmt: skip


def compare(
    reports: Sequence[Report],
    accepted: AbstractSet[str],
    refused: AbstractSet[str],
    landed: Mapping[str, Landed],
    names: Mapping[str, str],
) -> Comparison:
    """Judge every report; `names` gives our department for the city's. Accepted and nowhere agrees in nothing."""
    found = Comparison(reports=len(reports))
    for report in reports:
        what = landed.get(report.id)
        if report.id in refused:
            found.refused.append(report)
        _judge_grid(found, report, what.grid if what else "")
        if report.id in accepted:
            found.accepted += 1
            _judge_department(found, report, what, names)
    return found


def _judge_grid(found: Comparison, report: Report, ours: str) -> None:
    """By the report's own position, refused or not; only where the city says in which grid it was."""
    if report.lon is None:
        return
    found.with_position += 1
    if report.grid:
        found.grids.take(ours == report.grid)
        if ours != report.grid:
            found.other_grid.append((report, ours))


def _judge_department(found: Comparison, report: Report, what: Landed | None, names: Mapping[str, str]) -> None:
    theirs = names.get(report.department)
    if theirs is None:
        found.unnamed[report.department] += 1
    ours = what.department if what else ""
    if what:
        found.outcomes[what.outcome] += 1
        found.fallback += what.because.startswith("fallback")
    agrees = theirs is not None and ours == theirs
    found.departments.take(agrees)
    found.by_department.setdefault(report.department, Share()).take(agrees)
    found.by_category.setdefault(report.category, Share()).take(agrees)
    if not agrees:
        found.confusions[report.category, ours, report.department] += 1
