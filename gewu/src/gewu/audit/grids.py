"""Point to grid by brute force: every leaf polygon against every point, in the order of the documented rule.

The rule: a point in or on several leaves belongs to the smallest in area (to the square metre), ties by id. The files
are read here once more and no raster is used: the services' own index is what this is held against.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape as to_shape

from gewu.audit.facts import CaseRow
from gewu.city import load
from gewu.city.measure import areas_m2


class Search:
    """Owners of points in one city package; CityFaults when the package has faults."""

    def __init__(self, folder: Path) -> None:
        city = load(folder)
        self.version, self._no_position = city.version, city.no_position_grid or ""
        features = json.loads((folder / "grids.geojson").read_text(encoding="utf-8"))["features"]
        leaves = _leaves(features)
        areas = np.rint(areas_m2([leaf for _, leaf in leaves]))
        order = sorted(range(len(leaves)), key=lambda i: (areas[i], leaves[i][0]))
        self._ids = [leaves[i][0] for i in order]
        self._shapes = np.array([leaves[i][1] for i in order], dtype=object)
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


def _leaves(features: Sequence[Any]) -> list[tuple[str, shapely.Geometry]]:
    parents = {feature["properties"]["parent"] for feature in features}
    return [
        (feature["properties"]["id"], to_shape(feature["geometry"]))
        for feature in features
        if feature["properties"]["id"] not in parents
    ]
