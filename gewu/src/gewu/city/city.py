"""A city as the services see it: plain data and a few questions about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from gewu.city.calendar import Calendar
from gewu.city.model import (
    Category,
    CityObject,
    Department,
    Device,
    Grid,
    Lights,
    NoticeRule,
    Place,
    Receiver,
    Rule,
    Sensor,
)  # fmt: skip
from gewu.city.owners import OwnerGrid
from gewu.city.roster import Roster
from gewu.city.scene import Camera, Scenes
from gewu.city.standing import Standing
from gewu.city.words import spoken
from gewu.lane import Lane

# Longer than any label; what somebody pasted into a category field need not be normalised to be unknown.
_LONGEST_WORD = 200


@dataclass(frozen=True, slots=True, eq=False)
class City:
    """One checked city package; `version` is the declared version and the first 12 hex digits of its files' hash.

    `outlines` are the polygons of grids above the leaves: for maps and checks, they own no point. `codes`: which class a code
    of an older generation means.
    """

    id: str
    name: Mapping[str, str]
    version: str
    calendar: Calendar
    anonymous_reports: bool
    no_position_grid: str | None
    fallback: Department
    departments: Mapping[str, Department]
    categories: Mapping[str, Category]
    grids: tuple[Grid, ...]
    places: tuple[Place, ...]
    objects: Mapping[str, CityObject]
    sensors: Mapping[str, Sensor]
    rules: tuple[Rule, ...]
    words: Mapping[str, Category]
    grid_index: Mapping[str, int]
    outlines: Mapping[str, shapely.Geometry]
    owners: OwnerGrid
    standing: Standing
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    scenes: Scenes = field(default_factory=Scenes)
    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    notices: tuple[NoticeRule, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)
    lights: Lights | None = None
    roster: Roster = field(default_factory=lambda: Roster({}, (), ()))

    @property
    def timezone(self) -> ZoneInfo:
        """Whose clock the city lives by."""
        return self.calendar.timezone

    def category(self, said: str) -> Category | None:
        """Find a category by key, unambiguous code, label, alias or older code (2:matter:0136), without regard to case."""
        return self.words.get(spoken(said)) if len(said) <= _LONGEST_WORD else None

    def lane(self, said: str) -> Lane:
        """Give the lane of what is said to be of this category: p2 for a word that the code book does not have."""
        category = self.category(said)
        return Lane.named(category.lane) if category else Lane.P2

    def device(self, named: str) -> Device | None:
        """Find a device by its name, such as sensor:smoke-0042."""
        kind, _, id_ = named.partition(":")
        found = self._devices.get(kind, {}).get(id_)
        return Device(found.id, found.supplier, found.lon, found.lat) if found else None

    def owner(self, object_id: str) -> str:
        """Who owns the object of that id, of a device who supplies it; "" where the city has neither."""
        if thing := self.objects.get(object_id):
            return thing.owner
        return next((found.supplier for all_ in self._devices.values() if (found := all_.get(object_id))), "")

    @property
    def _devices(self) -> Mapping[str, Mapping[str, Sensor | Camera]]:
        """Devices by kind and id: the one place where their kinds come together. No two of them, nor an object, share an id."""
        return {"sensor": self.sensors, "camera": self.cameras}

    def grid(self, id: str) -> Grid:
        """Give the grid of that id; KeyError when the city has none."""
        return self.grids[self.grid_index[id]]

    def locate(self, lons: ArrayLike, lats: ArrayLike) -> NDArray[np.int32]:
        """Give for each point (WGS 84 degrees) the index in `grids` of the leaf grid that owns it, -1 outside all.

        Exact. A point in or on the border of several leaves belongs to the smallest in area, ties by id.
        """
        return self.owners.locate(lons, lats)

    def grid_at(self, lon: float, lat: float) -> Grid | None:
        """Give the leaf grid that owns one point, by the rule of `locate`; None outside all."""
        index = self.owners.at(lon, lat)
        return self.grids[index] if index >= 0 else None

    def claimants(self, lon: float, lat: float) -> tuple[Grid, ...]:
        """Name the leaf grids that hold a point, the one that owns it first."""
        return tuple(self.grids[index] for index in self.owners.claimants(lon, lat))

    def places_at(self, lons: ArrayLike, lats: ArrayLike, at: datetime) -> list[Place | None]:
        """Give for each point the place it is in at that time, the smallest when several; ValueError if `at` is naive.

        The time is read in the city's own time zone, because validity is given in its calendar days.
        """
        if at.tzinfo is None:
            raise ValueError("places_at needs a time with a zone")
        return self.standing.at(lons, lats, at.astimezone(self.timezone).date())
