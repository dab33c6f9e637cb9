"""Why a grid of ours may differ from the city's: what the polygons say about one point."""

from enum import StrEnum

import shapely

from gewu import geo
from gewu.city import City

NEAR_M = 50.0  # a street's width and the error of a geocoder


class Why(StrEnum):
    """Probable reasons, the first that holds."""

    NOT_TAKEN = "in that grid, but not taken for something else than its place"
    NO_POLYGON = "the file has no polygon of that grid"
    OVERLAP = "in an overlap: that grid holds it too, and a smaller one owns it"
    BORDER = f"on the border: that grid begins within {NEAR_M:.0f} m"
    OUTSIDE = "outside every polygon"
    ELSEWHERE = "well inside another grid"


class Ground:
    """The polygons of a package's leaf grids, by id."""

    def __init__(self, city: City) -> None:
        self._city = city
        # The last index stands for "no grid".
        self._shapes = {city.grids[i].id: s for i, s in zip(city.owners.indices[:-1], city.owners.shapes, strict=True)}

    def holds(self, lon: float, lat: float) -> bool:
        """Whether any grid holds the point."""
        return bool(self._city.claimants(lon, lat))

    def why(self, lon: float, lat: float, grid: str) -> Why:
        """Why a report at this point may be in another grid than `grid`, where the city saw it."""
        shape = self._shapes.get(grid)
        if shape is None:
            return Why.NO_POLYGON
        holding = [found.id for found in self._city.claimants(lon, lat)]
        if holding[:1] == [grid]:
            return Why.NOT_TAKEN
        if grid in holding:
            return Why.OVERLAP
        line = shapely.get_coordinates(shapely.shortest_line(shapely.Point(lon, lat), shape))
        if geo.metres(*line[0], *line[1]) <= NEAR_M:
            return Why.BORDER
        return Why.ELSEWHERE if holding else Why.OUTSIDE
