"""Reports of one thing that arrive apart: on either side of a line by which intake picks partitions."""

from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from gewu import ids
from gewu.city import City, load
from gewu.topics import AREAS_PER_DEGREE
from gewu_intake.domain.report import PlaceSaid, ReportSaid
from gewu_intake.wire import key_and_partition

_CLASSES = [
    f"component:{n}" for n in ("01002", "01003", "01005", "01007", "01011")
]  # p1; loads report nothing so near to a line
_STEP, _ASIDE = 0.0006, 0.0003  # degrees: what is so far apart is never one thing
_OFF = 0.00001  # of the line
RUNS = 10  # that have places of their own; the next one finds the cases of the first
Pair = tuple[dict[str, Any], dict[str, Any]]


def pairs_across_partitions(package: Path, run: int = 0) -> list[Pair]:
    """Two reports of one thing, some metres apart, that no partition sees both of; each run has places of its own."""
    city = load(package)
    found: list[Pair] = []
    for key in _CLASSES:
        assert city.categories[key].join_radius_m >= 5
        for places in _across(city, run):
            if len({key_and_partition(ReportSaid(key, p), key, "x", 6)[1] for p in places}) == 2:
                found.append((_report(key, places[0]), _report(key, places[1])))
    return found[run // 2 % (RUNS // 2) :: RUNS // 2]


def _across(city: City, run: int) -> Iterator[tuple[PlaceSaid, PlaceSaid]]:
    """Places in the city a step from each other, each with its neighbour across a line."""
    west, south, east, north = map(float, shapely.total_bounds(city.owners.shapes))
    aside = run % 2 * _ASIDE
    lats, lons = np.arange(south + aside, north, _STEP).tolist(), np.arange(west + aside, east, _STEP).tolist()
    beside = [((x - _OFF, lat), (x + _OFF, lat)) for x in _lines(west, east) for lat in lats]
    above = [((lon, y - _OFF), (lon, y + _OFF)) for y in _lines(south, north) for lon in lons]
    for here, there in beside + above:
        if (city.locate(*zip(here, there, strict=True)) >= 0).all():
            yield PlaceSaid(*here), PlaceSaid(*there)


def _lines(first: float, last: float) -> list[float]:
    """The borders of areas between two degrees."""
    return [n / AREAS_PER_DEGREE for n in range(ceil(first * AREAS_PER_DEGREE), ceil(last * AREAS_PER_DEGREE))]


def _report(category: str, place: PlaceSaid) -> dict[str, Any]:
    return {"id": ids.new_client_id(), "category": category, "place": {"lon": place.lon, "lat": place.lat}}
