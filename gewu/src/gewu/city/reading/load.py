"""Reading a package as a whole: every file, then what they say of each other, then the city or all its faults."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import date
from os import PathLike
from pathlib import Path
from typing import TypeVar

import shapely

from gewu.city.calendar import Calendar
from gewu.city.city import City
from gewu.city.faults import CityFaults, Fault, Notes
from gewu.city.model import CityObject, Department, Lights, Limit, NoticeRule, Receiver, Rule, Sensor, Shown
from gewu.city.owners import OwnerGrid
from gewu.city.reading.calendar import read_calendar
from gewu.city.reading.cameras import read_cameras
from gewu.city.reading.codebook import Codebook, read_codebook
from gewu.city.reading.codes import read_codes
from gewu.city.reading.departments import read_departments
from gewu.city.reading.files import MAY, MUST, fingerprint, read_files, to_text
from gewu.city.reading.grids import Tree, read_grids
from gewu.city.reading.lights import read_lights
from gewu.city.reading.limits import read_limits
from gewu.city.reading.manifest import Manifest, read_manifest
from gewu.city.reading.notices import Known, check_notices, read_notices
from gewu.city.reading.objects import read_objects
from gewu.city.reading.people import read_absences, read_duties, read_people
from gewu.city.reading.places import Places, read_places
from gewu.city.reading.reach import World, check_fallback, check_reach
from gewu.city.reading.receivers import read_receivers
from gewu.city.reading.routing import read_rules
from gewu.city.reading.scenes import read_scenes
from gewu.city.reading.sensors import read_sensors
from gewu.city.roster import Absence, Duty, Person, Roster
from gewu.city.scene import Camera, Scenes
from gewu.city.standing import Standing

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parts:
    """What was read of each file; None for a file that is missing or unreadable, about which a fault is noted."""

    manifest: Manifest | None
    departments: dict[str, Department] | None
    codebook: Codebook | None
    limits: dict[str, list[Limit]]
    tree: Tree | None
    places: Places | None
    objects: dict[str, CityObject] | None
    sensors: dict[str, Sensor] | None
    rules: list[Rule] | None
    cameras: dict[str, Camera] | None
    scenes: Scenes | None
    receivers: dict[str, Receiver] | None
    notices: list[NoticeRule] | None
    named_days: dict[date, bool] | None
    codes: dict[str, str] | None
    people: dict[str, Person] | None
    duties: list[Duty] | None
    absences: list[Absence] | None
    lights: dict[str, Shown] | None


def load(path: str | PathLike[str]) -> City:
    """Read and check the package in that folder; CityFaults names everything that is wrong with it.

    NotADirectoryError or FileNotFoundError when the path is no folder.
    """
    found: list[Fault] = []
    raw = read_files(Path(path), found)
    parts = _read({name: to_text(data, Notes(name, found)) for name, data in raw.items()}, found)
    _check(parts, found)
    if found:
        raise CityFaults(sorted(found, key=lambda fault: (fault.file, fault.feature or 0, fault.line or 0)))
    return _build(parts, fingerprint(raw))


def _read(texts: dict[str, str | None], found: list[Fault]) -> Parts:
    notes = {name: Notes(name, found) for name in MUST + MAY}

    def via(reader: Callable[..., T], name: str, *known: object, absent: T | None = None) -> T | None:
        source = texts.get(name)
        if source is None:
            # Without the file there is nothing in it; a file that cannot be read may hold anything.
            return None if name in texts else absent
        return reader(source, *known, notes[name])

    departments = via(read_departments, "departments.csv")
    codebook = via(read_codebook, "codebook.csv")
    categories = codebook and codebook.categories
    objects = via(read_objects, "objects.csv", categories, departments, absent={})
    cameras = via(read_cameras, "cameras.csv", departments, absent={})
    tree, people = via(read_grids, "grids.geojson"), via(read_people, "people.csv", departments, absent={})
    return Parts(
        manifest=via(read_manifest, "city.toml"),
        departments=departments,
        codebook=codebook,
        limits=via(lambda s, n: read_limits(s, codebook, n, notes["codebook.csv"]), "limits.csv", absent={}) or {},
        tree=tree,
        places=via(read_places, "places.geojson", absent=[]),
        objects=objects,
        sensors=via(read_sensors, "sensors.csv", categories, departments, objects, absent={}),
        rules=via(read_rules, "routing.csv", departments),
        cameras=cameras,
        scenes=via(read_scenes, "scenes.toml", cameras, categories, absent=Scenes()),
        receivers=via(read_receivers, "receivers.csv", absent={}),
        notices=via(read_notices, "notices.csv", absent=[]),
        named_days=via(read_calendar, "calendar.csv", absent={}),
        codes=via(read_codes, "codes.csv", categories, absent={}),
        people=people,
        duties=via(read_duties, "duties.csv", people, tree and {grid.id for grid in tree.grids}, absent=[]),
        absences=via(read_absences, "absences.csv", people, absent=[]),
        lights=via(read_lights, "lights.csv"),
    )


def _check(parts: Parts, found: list[Fault]) -> None:
    manifest, tree, book, rules = parts.manifest, parts.tree, parts.codebook, parts.rules
    if manifest:
        _check_manifest(manifest, parts, Notes("city.toml", found))
        if parts.lights is None and "lights" in manifest.lines:
            notes = Notes("city.toml", found)
            notes.line(
                manifest.lines["lights"], "[lights] says when, and lights.csv, which is missing, what is shown then"
            )
    for word, key in (parts.codes or {}).items():
        if book and book.words.get(word, key) != key:
            Notes("codes.csv", found).line(None, f"code {word!r} means {key}, and in codebook.csv {book.words[word]}")
    if tree and parts.sensors:
        _check_sensors(parts.sensors, tree, Notes("sensors.csv", found))
    if tree and parts.departments:
        _check_names(tree, parts.departments, Notes("grids.geojson", found))
    if book and rules is not None:
        if tree and parts.places is not None and parts.objects is not None:
            world = World(
                book.categories, tree, parts.places, parts.objects, manifest.no_position_grid if manifest else None
            )
            check_reach(rules, world, Notes("routing.csv", found))
        if manifest and manifest.fallback is None:
            check_fallback(rules, book, Notes("codebook.csv", found))
    if tree and book and parts.departments and parts.receivers is not None and parts.notices:
        paths = {grid.id: grid.path for grid in tree.grids}
        check_notices(
            parts.notices,
            Known(parts.receivers, book.categories, parts.departments, paths),
            Notes("notices.csv", found),
        )


def _check_sensors(sensors: Mapping[str, Sensor], tree: Tree, notes: Notes) -> None:
    """A sensor in no grid would have its cases in none; `gewu city check` may doubt an object, a reading is taken at once."""
    leaves = [shape for leaf in tree.leaves if (shape := tree.shapes[leaf]) is not None]
    found = list(sensors.values())
    index = shapely.STRtree(leaves)
    inside, _ = index.query(shapely.points([s.lon for s in found], [s.lat for s in found]), predicate="intersects")
    for n in sorted(set(range(len(found))) - set(inside.tolist())):
        notes.line(
            None, f"sensor {found[n].id!r} at {found[n].lon:g} {found[n].lat:g} lies in no grid of grids.geojson"
        )


def _check_names(tree: Tree, departments: Container[str], notes: Notes) -> None:
    for index, grid in enumerate(tree.grids):
        if grid.department and grid.department not in departments:
            notes.feature(index, grid.id, f"department {grid.department!r} is not in departments.csv")
        if grid.id in departments:
            # read:<name> in a key's scopes means either; it must not mean both.
            notes.feature(index, grid.id, "is a department's id as well; a key's read scope could not tell them apart")


def _check_manifest(manifest: Manifest, parts: Parts, notes: Notes) -> None:
    grid, fallback = manifest.no_position_grid, manifest.fallback
    if grid is not None and parts.tree and grid not in {grid.id for grid in parts.tree.grids}:
        notes.line(manifest.lines.get("intake.no_position_grid"), f"no_position_grid {grid!r} is not in grids.geojson")
    if fallback is not None and parts.departments is not None:
        line = manifest.lines.get("routing.fallback")
        department = parts.departments.get(fallback)
        if department is None:
            notes.line(line, f"fallback {fallback!r} is not in departments.csv")
        elif not department.owner:
            reason = "has no owner in departments.csv; somebody must answer for what no rule takes"
            notes.line(line, f"fallback {fallback!r} {reason}")


def _build(parts: Parts, digest: str) -> City:
    manifest, tree, book, departments = parts.manifest, parts.tree, parts.codebook, parts.departments
    places, objects, rules, sensors = parts.places, parts.objects, parts.rules, parts.sensors
    # A part is None only after a fault, and a package with a fault is never built.
    assert manifest and manifest.fallback and tree and book and departments
    assert places is not None and objects is not None and rules is not None and sensors is not None
    assert parts.cameras is not None and parts.scenes is not None
    categories = book.with_limits(parts.limits)
    leaves = tree.leaves
    above = set(range(len(tree.grids))) - set(leaves)
    return City(
        id=manifest.id,
        name=manifest.name,
        version=f"{manifest.version}-{digest}",
        calendar=Calendar(manifest.timezone, manifest.working_hours, parts.named_days or {}),
        anonymous_reports=manifest.anonymous_reports,
        no_position_grid=manifest.no_position_grid,
        fallback=departments[manifest.fallback],
        departments=departments,
        categories=categories,
        grids=tree.grids,
        places=tuple(place for place, _ in places),
        objects=objects,
        sensors=sensors,
        rules=tuple(rules),
        words={word: categories[key] for word, key in (book.words | (parts.codes or {})).items()},
        codes=parts.codes or {},
        lights=_lights(manifest, parts.lights),
        roster=Roster(parts.people or {}, parts.duties or (), parts.absences or ()),
        grid_index={grid.id: index for index, grid in enumerate(tree.grids)},
        outlines={tree.grids[i].id: shape for i in above if (shape := tree.shapes[i]) is not None},
        owners=OwnerGrid([tree.grids[leaf].id for leaf in leaves], [tree.shapes[leaf] for leaf in leaves], leaves),
        standing=Standing([place for place, _ in places], [shape for _, shape in places]),
        cameras=parts.cameras,
        scenes=parts.scenes,
        receivers=parts.receivers or {},
        notices=tuple(parts.notices or ()),
    )


def _lights(manifest: Manifest, shown: Mapping[str, Shown] | None) -> Lights | None:
    return Lights(manifest.near, manifest.stuck_after_h, manifest.stuck_returns, shown) if shown else None
