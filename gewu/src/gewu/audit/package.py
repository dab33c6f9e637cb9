"""One city package as the judge reads it: where a case must lie and who must have got it when it was opened."""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np
import shapely

from gewu.audit.facts import Opened
from gewu.audit.grids import Outline, Outlines
from gewu.audit.notices import Directory
from gewu.audit.routes import Asked, Routes, Wanted
from gewu.audit.twins import Joining, Twins
from gewu.city.faults import CityFaults, Fault, Notes
from gewu.city.reading.codebook import read_codebook
from gewu.city.reading.codes import read_codes
from gewu.city.reading.departments import read_departments
from gewu.city.reading.features import Feature, read_features
from gewu.city.reading.files import fingerprint, read_files, to_text
from gewu.city.reading.grids import MAY as MORE_OF_A_GRID
from gewu.city.reading.grids import MUST as OF_A_GRID
from gewu.city.reading.manifest import read_manifest
from gewu.city.reading.notices import read_notices
from gewu.city.reading.objects import read_objects
from gewu.city.reading.places import read_places
from gewu.city.reading.receivers import read_receivers
from gewu.city.reading.routing import read_rules
from gewu.city.reading.sensors import read_sensors
from gewu.city.words import spoken

T = TypeVar("T")


class Package:
    """A package that is in order; CityFaults when it cannot even be read."""

    def __init__(self, folder: Path) -> None:
        files = _Files(folder)
        manifest, book = files.read("city.toml", read_manifest), files.read("codebook.csv", read_codebook)
        departments = files.read("departments.csv", read_departments)
        codes = files.read("codes.csv", lambda text, notes: read_codes(text, book.categories, notes), absent={})
        features = files.read(
            "grids.geojson", lambda text, notes: read_features(text, OF_A_GRID, MORE_OF_A_GRID, notes)
        )
        rules = files.read("routing.csv", lambda text, notes: read_rules(text, departments, notes))
        places = files.read("places.geojson", read_places, absent=[])
        things = files.read("objects.csv", lambda text, notes: read_objects(text, None, None, notes), absent={})
        sensors = files.read("sensors.csv", lambda text, notes: read_sensors(text, None, None, None, notes), absent={})
        receivers = files.read("receivers.csv", read_receivers, absent={})
        notices = files.read("notices.csv", read_notices, absent=[])
        files.refuse_faults()
        self.sensors = sensors
        self.version = f"{manifest.version}-{files.fingerprint}"
        self.directory = Directory(self.version, notices, receivers)
        self._timezone, self._without_place = manifest.timezone, manifest.no_position_grid or ""
        self._paths, self._areas = _paths(features), _areas(features)
        self._leaves = Outlines([Outline(f.id, f.shape or shapely.Polygon()) for f in _leaves(features)])
        self._places = Outlines(
            [Outline(p.id, shape, p.valid_from or date.min, p.valid_to or date.max) for p, shape in places]
        )
        self._kinds = {place.id: place.kind for place, _ in places}
        self._words, self._owners = book.words | codes, {id_: thing.owner for id_, thing in things.items()}
        # A device's fault is a case about the device, which its supplier looks after.
        self._owners |= {id_: sensor.supplier for id_, sensor in sensors.items()}
        self._joining = {c.key: Joining(c.join_radius_m, c.join_within_h) for c in book.categories.values()}
        self._routes = Routes(rules, departments, manifest.fallback)

    def wanted(self, rows: Sequence[Opened]) -> list[Wanted]:
        """What the package says of each case."""
        lons = np.array([np.nan if row.lon is None else row.lon for row in rows], dtype=float)
        lats = np.array([np.nan if row.lat is None else row.lat for row in rows], dtype=float)
        days = np.array([self._day(row) for row in rows])
        found = zip(rows, self._leaves.owners(lons, lats, days), self._places.owners(lons, lats, days), strict=True)
        return [
            self._wanted(row, self._without_place if row.lon is None else leaf, place) for row, leaf, place in found
        ]

    def twins(self) -> Twins:
        """Who finds two cases of one thing."""
        return Twins(self._joining)

    def _wanted(self, row: Opened, grid: str, place: str) -> Wanted:
        if row.said is None or row.returned:
            return Wanted(grid)
        asked = Asked(
            self._words.get(spoken(row.said), ""), self._kinds.get(place, ""), self._paths.get(grid, frozenset()),
            self._owners.get(row.thing or "", ""), self._areas.get(grid, ""),
        )  # fmt: skip
        return Wanted(grid, asked, self._routes.route(asked))

    def _day(self, row: Opened) -> int:
        """The city's day on which the opening signal came in."""
        return row.received_at.astimezone(self._timezone).toordinal() if row.received_at else 1


class _Files:
    """The files of a package and every fault in them."""

    def __init__(self, folder: Path) -> None:
        self._found: list[Fault] = []
        self._raw = read_files(folder, self._found)
        self.refuse_faults()
        self.fingerprint = fingerprint(self._raw)

    def read(self, name: str, reader: Callable[[str, Notes], T | None], *, absent: T | None = None) -> T:
        """What a file holds, `absent` where the package does not have it."""
        if name not in self._raw and absent is not None:
            return absent
        notes = Notes(name, self._found)
        text = to_text(self._raw[name], notes)
        read = None if text is None else reader(text, notes)
        if read is None:
            raise CityFaults(self._found)
        return read

    def refuse_faults(self) -> None:
        """CityFaults where there is one."""
        if self._found:
            raise CityFaults(self._found)


def _leaves(features: Sequence[Feature]) -> list[Feature]:
    parents = {feature.cells["parent"] for feature in features}
    return [feature for feature in features if feature.id not in parents]


def _areas(features: Sequence[Feature]) -> dict[str, str]:
    """Who answers for the ground of each grid: what it says, or else what the one above it says."""
    known = {feature.id: feature for feature in features}

    def area(id_: str | None) -> str:
        return (
            ""
            if id_ is None
            else (known[id_].cells.get("department") or "").strip() or area(known[id_].cells["parent"])
        )

    return {id_: area(id_) for id_ in known}


def _paths(features: Sequence[Feature]) -> dict[str, frozenset[str]]:
    """Each grid with all above it."""
    above = {feature.id: feature.cells["parent"] for feature in features}

    def path(id_: str | None) -> frozenset[str]:
        return frozenset() if id_ is None else path(above[id_]) | {id_}

    return {id_: path(id_) for id_ in above}
