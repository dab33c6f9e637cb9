"""Point to polygon by brute force: every polygon against every point, in the order of the documented rule.

The rule: a point in or on several polygons belongs to the smallest in area (to the square metre), ties by id. What lies
in the package is read with the package's own code, which is the contract; what it means on the ground is worked out here
once more. No raster is used and no measure of the services' index, because that index is what this is held against.
"""

from collections.abc import Sequence
from datetime import date
from math import cos, hypot, pi, radians, sin
from typing import NamedTuple

import numpy as np
import shapely

# The WGS 84 ellipsoid: its half axes in metres.
_EQUATOR_M, _POLE_M = 6_378_137.0, 6_356_752.314245


class Outline(NamedTuple):
    """A polygon, and the days between which it stands, both included."""

    id: str
    shape: shapely.Geometry
    since: date = date.min
    until: date = date.max


class Outlines:
    """Polygons of one kind; each point belongs to one of them or to none."""

    def __init__(self, outlines: Sequence[Outline]) -> None:
        ordered = sorted(outlines, key=lambda outline: (round(_area_m2(outline.shape)), outline.id))
        self._ids = [outline.id for outline in ordered]
        self._days = [(outline.since.toordinal(), outline.until.toordinal()) for outline in ordered]
        self._shapes = np.array([outline.shape for outline in ordered], dtype=object)
        shapely.prepare(self._shapes)
        self._bounds = shapely.bounds(self._shapes)

    def owners(self, lons: np.ndarray, lats: np.ndarray, days: np.ndarray) -> list[str]:
        """Whose each point is on its day (as an ordinal); "" outside all, and for NaN."""
        owner = np.full(len(lons), -1)
        for number, polygon in enumerate(self._shapes):
            (west, south, east, north), (since, until) = self._bounds[number], self._days[number]
            near = (owner < 0) & (lons >= west) & (lons <= east) & (lats >= south) & (lats <= north)
            found = np.flatnonzero(near & (days >= since) & (days <= until))
            if found.size:
                owner[found[shapely.intersects_xy(polygon, lons[found], lats[found])]] = number
        return [self._ids[number] if number >= 0 else "" for number in owner]


def _area_m2(polygon: shapely.Geometry) -> float:
    """Square metres on the ground, by the ellipsoid's two radii of curvature at the polygon's middle latitude."""
    _, south, _, north = polygon.bounds
    across, along = metres_per_degree((south + north) / 2)
    return polygon.area * across * along


def metres_per_degree(lat: float) -> tuple[float, float]:
    """How long a degree of longitude and one of latitude are at this latitude."""
    middle = radians(lat)
    stretch = hypot(_EQUATOR_M * cos(middle), _POLE_M * sin(middle))
    across, along = _EQUATOR_M**2 / stretch, (_EQUATOR_M * _POLE_M) ** 2 / stretch**3
    return across * cos(middle) * pi / 180, along * pi / 180
