"""Reports of one thing that arrive apart: on either side of the line by which intake picks partitions."""

from pathlib import Path
from typing import Any

import shapely

from gewu import ids, topics
from gewu.city import load
from gewu_intake.domain.report import PlaceSaid, ReportSaid
from gewu_intake.wire import _cell

_CLASS = "component:01002"  # no other load reports it
_STEP = 0.0006  # degrees between two things: further apart than any two reports of one
_MOST = 200
Report = dict[str, Any]


def pairs_across_partitions(package: Path) -> list[tuple[Report, Report]]:
    """Two reports of one thing, some metres apart, that no partition sees both of."""
    city = load(package)
    category = city.categories[_CLASS]
    assert category.join_radius_m >= 5
    west, south, east, north = map(float, shapely.total_bounds(city.owners.shapes))
    found: list[tuple[Report, Report]] = []
    line = round(west, 2)
    while line < east:
        lat = south
        while lat < north:
            places = [PlaceSaid(line - 0.00001, lat), PlaceSaid(line + 0.00001, lat)]
            cells = {topics.partition(_cell(ReportSaid(category.key, p), "x"), 6) for p in places}
            if len(cells) == 2 and (city.locate([p.lon for p in places], [lat, lat]) >= 0).all():
                first, second = (_report(category.key, p) for p in places)
                found.append((first, second))
            lat += _STEP
        line += 0.01
    return found[:_MOST]


def _report(category: str, place: PlaceSaid) -> Report:
    return {"id": ids.new_client_id(), "category": category, "place": {"lon": place.lon, "lat": place.lat}}
