"""Which place a point stands in on a given day."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import shapely
from numpy.typing import ArrayLike

from gewu.city.measure import areas_m2
from gewu.city.model import Place


class Standing:
    """The polygons of all places, smallest first, so that the first that holds a point is the one meant."""

    def __init__(self, places: Sequence[Place], shapes: Sequence[shapely.Geometry]) -> None:
        areas = np.rint(areas_m2(shapes))
        order = sorted(range(len(places)), key=lambda i: (areas[i], places[i].id))
        self.places = [places[i] for i in order]
        self.shapes = np.array([shapes[i] for i in order], dtype=object)
        self._tree = shapely.STRtree(self.shapes)

    def at(self, lons: ArrayLike, lats: ArrayLike, day: date) -> list[Place | None]:
        """Give for each point the smallest place valid on that day, borders included, or None."""
        lons, lats = np.asarray(lons, dtype=np.float64), np.asarray(lats, dtype=np.float64)
        answer: list[Place | None] = [None] * len(lons)
        usable = np.flatnonzero(np.isfinite(lons) & np.isfinite(lats))
        if not self.places or not usable.size:
            return answer
        points, held = self._tree.query(shapely.points(lons[usable], lats[usable]), predicate="intersects")
        # From the largest to the smallest, so that the smallest is written last and stays.
        for k in np.argsort(-held, kind="stable"):
            if (place := self.places[held[k]]).valid_on(day):
                answer[usable[points[k]]] = place
        return answer
