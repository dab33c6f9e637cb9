"""Point to grid by brute force: every leaf polygon against every point, in the order of the documented rule.

The rule: a point in or on several leaves belongs to the smallest in area (to the square metre), ties by id. What lies in
the package is read with the package's own code, which is the contract; what it means on the ground is worked out here
once more. No raster is used and no measure of the services' index, because that index is what this is held against.
"""

import json
from collections.abc import Sequence
from math import cos, hypot, pi, radians, sin
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape as to_shape

from gewu.audit.facts import CaseRow
from gewu.city.faults import CityFaults, Fault, Notes
from gewu.city.reading.files import fingerprint, read_files, to_text
from gewu.city.reading.manifest import Manifest, read_manifest

# The WGS 84 ellipsoid: its half axes in metres.
_EQUATOR_M, _POLE_M = 6_378_137.0, 6_356_752.314245


class Search:
    """Owners of points in one city package that is in order; CityFaults when it cannot even be read."""

    def __init__(self, folder: Path) -> None:
        found: list[Fault] = []
        raw = read_files(folder, found)
        manifest = _manifest(raw, found)
        if found or manifest is None:
            raise CityFaults(found)
        self.version, self._no_position = f"{manifest.version}-{fingerprint(raw)}", manifest.no_position_grid or ""
        leaves = _leaves(json.loads(raw["grids.geojson"])["features"])
        leaves.sort(key=lambda leaf: (round(_area_m2(leaf[1])), leaf[0]))
        self._ids = [id_ for id_, _ in leaves]
        self._shapes = np.array([polygon for _, polygon in leaves], dtype=object)
        shapely.prepare(self._shapes)
        self._bounds = shapely.bounds(self._shapes)

    def grids(self, rows: Sequence[CaseRow]) -> list[str]:
        """The grid that each case must be in; "" outside all, the package's own choice for a case without a place."""
        placed = [row for row in rows if row.lon is not None and row.lat is not None]
        owners = iter(self._owners(np.array([row.lon for row in placed]), np.array([row.lat for row in placed])))
        return [self._no_position if row.lon is None or row.lat is None else next(owners) for row in rows]

    def _owners(self, lons: np.ndarray, lats: np.ndarray) -> list[str]:
        owner = np.full(len(lons), -1)
        for number, (polygon, (west, south, east, north)) in enumerate(zip(self._shapes, self._bounds, strict=True)):
            near = np.flatnonzero((owner < 0) & (lons >= west) & (lons <= east) & (lats >= south) & (lats <= north))
            if near.size:
                owner[near[shapely.intersects_xy(polygon, lons[near], lats[near])]] = number
        return [self._ids[number] if number >= 0 else "" for number in owner]


def _manifest(raw: dict[str, bytes], found: list[Fault]) -> Manifest | None:
    notes = Notes("city.toml", found)
    source = to_text(raw.get("city.toml", b""), notes)
    return None if source is None else read_manifest(source, notes)


def _leaves(features: Sequence[Any]) -> list[tuple[str, shapely.Geometry]]:
    parents = {feature["properties"]["parent"] for feature in features}
    return [
        (feature["properties"]["id"], to_shape(feature["geometry"]))
        for feature in features
        if feature["properties"]["id"] not in parents
    ]


def _area_m2(polygon: shapely.Geometry) -> float:
    """Square metres on the ground, by the ellipsoid's two radii of curvature at the polygon's middle latitude."""
    _, south, _, north = polygon.bounds
    middle = radians((south + north) / 2)
    stretch = hypot(_EQUATOR_M * cos(middle), _POLE_M * sin(middle))
    across, along = _EQUATOR_M**2 / stretch, (_EQUATOR_M * _POLE_M) ** 2 / stretch**3
    return polygon.area * across * cos(middle) * along * (pi / 180) ** 2
