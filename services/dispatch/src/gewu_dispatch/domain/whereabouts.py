"""Where signals lie, as the package says: the grid of each and the kind of place, one look-up for all of them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np

from gewu.city import City, Grid
from gewu.clock import from_micros


class Seen(Protocol):
    """Something that was received from somewhere: WGS-84 degrees, None where nothing was said; microseconds since 1970."""

    @property
    def lon(self) -> float | None: ...
    @property
    def lat(self) -> float | None: ...
    @property
    def received_at(self) -> int: ...


def whereabouts(city: City, seen: Sequence[Seen]) -> tuple[list[Grid | None], list[str]]:
    """The grid of each, None where this package has none there, and its kind of place, "" where it is in none.

    What has no position lies in the package's grid for that. Places are asked as of the day on which it was received: read
    again later, it routes the same.
    """
    lons = np.array([np.nan if s.lon is None else s.lon for s in seen])
    lats = np.array([np.nan if s.lat is None else s.lat for s in seen])
    no_position = city.grid(city.no_position_grid) if city.no_position_grid else None
    grids = [
        city.grids[index] if index >= 0 else no_position if s.lon is None else None
        for s, index in zip(seen, city.locate(lons, lats).tolist(), strict=True)
    ]
    kinds = [""] * len(seen)
    for own in _by_day([s.received_at for s in seen], city.timezone):
        places = city.places_at(lons[own], lats[own], from_micros(seen[own[0]].received_at))
        for n, place in zip(own, places, strict=True):
            kinds[n] = place.kind if place else ""
    return grids, kinds


def _by_day(times: Sequence[int], zone: ZoneInfo) -> Iterable[Sequence[int]]:
    """The numbers of these times, those of one local day together: nearly always all of them."""
    if not times:
        return ()
    if _day(min(times), zone) == _day(max(times), zone):
        return (range(len(times)),)
    days = defaultdict(list)
    for n, at in enumerate(times):
        days[_day(at, zone)].append(n)
    return days.values()


def _day(at: int, zone: ZoneInfo) -> date:
    return from_micros(at).astimezone(zone).date()
