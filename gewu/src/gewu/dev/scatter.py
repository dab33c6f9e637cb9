"""Points inside a city, for made-up reports."""

import math
import random
from collections.abc import Sequence

import numpy as np
import shapely

from gewu.city import City

Point = tuple[float, float]

_METRES_PER_DEGREE = 111_320.0
_ROUNDS = 1000


def inside(city: City, rng: random.Random, count: int) -> list[Point]:
    """So many points (WGS 84 degrees), each in a leaf grid. All leaves are as likely, large or small: a unit grid is
    drawn to be one collector's work. ValueError where the leaves have no area to hit."""
    boxes = shapely.bounds(city.owners.shapes).tolist()
    found: list[Point] = []
    for _ in range(_ROUNDS):
        if len(found) == count:
            return found
        drawn = [_in_box(boxes[rng.randrange(len(boxes))], rng) for _ in range(count - len(found))]
        found += [point for point, owned in zip(drawn, owned_by_a_grid(city, drawn), strict=True) if owned]
    raise ValueError(f"the leaf grids of {city.id} could not be hit in {_ROUNDS} rounds")


def owned_by_a_grid(city: City, points: Sequence[Point]) -> list[bool]:
    """Say for each point whether a leaf grid owns it."""
    lons, lats = np.array(points, dtype=np.float64).reshape(-1, 2).T
    return [bool(index >= 0) for index in city.locate(lons, lats)]


def near(point: Point, metres: float, rng: random.Random) -> Point:
    """A point at most so many metres away."""
    angle, far = rng.uniform(0, 2 * math.pi), metres * math.sqrt(rng.random())
    lat = point[1] + far * math.sin(angle) / _METRES_PER_DEGREE
    lon = point[0] + far * math.cos(angle) / (_METRES_PER_DEGREE * math.cos(math.radians(point[1])))
    return rounded((lon, lat))


def rounded(point: Point) -> Point:
    """To a decimetre, as a handheld words it."""
    return round(point[0], 6), round(point[1], 6)


def _in_box(box: Sequence[float], rng: random.Random) -> Point:
    return rounded((rng.uniform(box[0], box[2]), rng.uniform(box[1], box[3])))
