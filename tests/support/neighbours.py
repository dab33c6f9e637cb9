"""Reports of one thing that arrive apart: on either side of the line by which intake picks partitions."""

from pathlib import Path
from typing import Any

import shapely

from gewu import ids
from gewu.city import load
from gewu_intake.domain.report import PlaceSaid, ReportSaid
from gewu_intake.wire import key_and_partition

_CLASS = "component:01002"  # no other load reports it, and it is p1
_STEP, _ASIDE = 0.0006, 0.0003  # degrees: what is so far apart is never one thing
Pair = tuple[dict[str, Any], dict[str, Any]]


def pairs_across_partitions(package: Path, run: int = 0) -> list[Pair]:
    """Two reports of one thing, some metres apart, that no partition sees both of; each run has places of its own."""
    city = load(package)
    category = city.categories[_CLASS]
    assert category.join_radius_m >= 5
    west, south, east, north = map(float, shapely.total_bounds(city.owners.shapes))
    found: list[Pair] = []
    line = round(west, 2)
    while line < east:
        lat = south + run * _ASIDE
        while lat < north:
            places = [PlaceSaid(line - 0.00001, lat), PlaceSaid(line + 0.00001, lat)]
            cells = {key_and_partition(ReportSaid(category.key, p), "x", 6)[1] for p in places}
            if len(cells) == 2 and (city.locate([p.lon for p in places], [lat, lat]) >= 0).all():
                found.append((_report(places[0]), _report(places[1])))
            lat += _STEP
        line += 0.01
    return found


def _report(place: PlaceSaid) -> dict[str, Any]:
    return {"id": ids.new_client_id(), "category": _CLASS, "place": {"lon": place.lon, "lat": place.lat}}
