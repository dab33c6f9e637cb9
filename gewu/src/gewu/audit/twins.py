"""Two open cases for one thing: whichever was opened later should have joined the other.

The rule: of one class, both real or both drills, within the class's radius, and the later signal within its hours of the
case's last one. Only what is beyond doubt is named: both cases still open and by this version of the package, not about
two registered objects, some way inside the radius (dispatch measures on a sphere), and their first signals within the
hours, so that the last one before the second case was as well.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import product
from math import hypot
from typing import NamedTuple
from uuid import UUID

from gewu.audit.facts import Opened
from gewu.audit.findings import Fault, Findings
from gewu.audit.grids import metres_per_degree
from gewu.audit.routes import Wanted

_INSIDE = 0.98
_WIDER = 1.02  # a degree of latitude is up to 1 % shorter at the equator than where it was measured


class Joining(NamedTuple):
    """Within how many metres and hours signals of a class join; 0 metres: never."""

    radius_m: float
    within_h: float


class _One(NamedTuple):
    case: bytes
    lon: float
    lat: float
    received_at: datetime
    object: str


class Twins:
    """Takes cases, then names pairs of them."""

    def __init__(self, joining: Mapping[str, Joining]) -> None:
        self._joining = joining
        self._cases: dict[tuple[str, bool], list[_One]] = {}

    def take(self, row: Opened, wanted: Wanted) -> None:
        """A case with what the package says of its class; it is left out where it could join nothing."""
        category = wanted.asked.category if wanted.asked else ""
        if category not in self._joining or not self._joining[category].radius_m or not row.is_open:
            return
        if row.lon is not None and row.lat is not None and row.received_at is not None:
            one = _One(row.case, row.lon, row.lat, row.received_at, row.object)
            self._cases.setdefault((category, row.exercise), []).append(one)

    def judge(self, findings: Findings) -> None:
        """Note every pair."""
        for (category, _), cases in self._cases.items():
            joining = self._joining[category]
            for one, other in _close(cases, joining.radius_m * _INSIDE):
                apart_h = abs((one.received_at - other.received_at).total_seconds()) / 3600
                two_objects = one.object and other.object and one.object != other.object
                if apart_h <= joining.within_h and not two_objects:
                    names = f"cases {UUID(bytes=one.case)} and {UUID(bytes=other.case)}"
                    words = f"are {category}, {_apart_m(one, other):.1f} m and {apart_h:.1f} h apart, and both open"
                    findings.note(Fault.DOUBLED, f"{names} {words}: one thing has two cases")


def _close(cases: list[_One], radius_m: float) -> Iterator[tuple[_One, _One]]:
    """Pairs within the radius: each is held against those before it in its own and the eight cells around."""
    across, along = metres_per_degree(max(abs(one.lat) for one in cases))
    height, width = _WIDER * radius_m / along, _WIDER * radius_m / across
    cells: dict[tuple[int, int], list[_One]] = {}
    for one in cases:
        row, column = int(one.lat // height), int(one.lon // width)
        for cell in product((row - 1, row, row + 1), (column - 1, column, column + 1)):
            yield from ((other, one) for other in cells.get(cell, ()) if _apart_m(one, other) <= radius_m)
        cells.setdefault((row, column), []).append(one)


def _apart_m(one: _One, other: _One) -> float:
    across, along = metres_per_degree((one.lat + other.lat) / 2)
    return hypot((one.lon - other.lon) * across, (one.lat - other.lat) * along)
