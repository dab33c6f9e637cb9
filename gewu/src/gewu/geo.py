"""Distances and cells on the ground; no projection, no city of its own, so that every process computes the same."""

from functools import lru_cache
from math import cos, floor, hypot, radians

METRES_PER_DEGREE = 111_320.0


def metres(lon_a: float, lat_a: float, lon_b: float, lat_b: float) -> float:
    """Distance in metres, equirectangular: within 0.2 % of the sphere's over the few hundred metres it is used for."""
    dy = (lat_b - lat_a) * METRES_PER_DEGREE
    dx = (lon_b - lon_a) * METRES_PER_DEGREE * cos(radians((lat_a + lat_b) / 2))
    return hypot(dx, dy)


def cell(lon: float, lat: float, side_m: float) -> tuple[int, int]:
    """The (row, column) of the cell of this side that holds a point. Rows are bands of latitude; each band has its own
    width of column, so that cells stay about square everywhere."""
    row = floor((lat + 90) * METRES_PER_DEGREE / side_m)
    return row, floor((lon + 180) / _column_degrees(row, side_m))


def cells_within(lon: float, lat: float, radius_m: float, side_m: float) -> list[tuple[int, int]]:
    """Every cell that a circle around the point can touch: 1 to 4 where the side is a little over twice the radius."""
    # In cells. A cell too many costs a look, one too few a second case: a band's columns are as wide as at its southern edge,
    # which up to 88 degrees is within a fiftieth of what they are anywhere in the circle.
    reach = radius_m / side_m
    middle, high, wide = (lat + 90) * METRES_PER_DEGREE / side_m, reach * 1.0001, reach * 1.02
    found = []
    for row in range(floor(middle - high), floor(middle + high) + 1):
        column = (lon + 180) / _column_degrees(row, side_m)
        for n in range(floor(column - wide), floor(column + wide) + 1):
            found.append((row, n))
    return found


@lru_cache(1 << 14)  # a city has a few thousand rows, and every point asks for some of them
def _column_degrees(row: int, side_m: float) -> float:
    lat = abs(row * side_m / METRES_PER_DEGREE - 90)
    return side_m / (METRES_PER_DEGREE * max(cos(radians(min(lat, 89.0))), 0.01))
